SELECT account.create_key('HS256', 'key-1');
-- shown
SELECT kid, alg, sealed, signs, retired_at FROM account.signing_key;
