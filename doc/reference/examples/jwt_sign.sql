SELECT account.jwt_sign('{"sub": "7"}', '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f') AS token;
SELECT account.jwt_sign('{"sub": "7"}', 'short');
