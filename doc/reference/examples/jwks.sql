SELECT account.create_key('EdDSA', 'key-2026', '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
-- shown
SELECT jsonb_pretty(account.jwks());
