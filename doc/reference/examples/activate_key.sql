SELECT account.create_key('HS256', 'old');
SELECT account.create_key('EdDSA', 'new', activate => false);
-- shown
SELECT account.activate_key('new');
SELECT kid, alg, signs FROM account.signing_key ORDER BY kid;
