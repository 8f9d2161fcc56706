SELECT account.create_key('HS256', 'old');
SELECT account.create_key('EdDSA', 'new');
-- shown
SELECT account.retire_key('old');
SELECT kid, signs, retired_at FROM account.signing_key ORDER BY kid;
