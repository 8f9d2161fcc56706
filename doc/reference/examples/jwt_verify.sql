\set key '\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
-- shown
SELECT account.jwt_verify(account.jwt_sign('{"sub": "7", "exp": 1800000000}', :'key'), :'key', at => '2026-06-01');
SELECT account.jwt_verify(account.jwt_sign('{"sub": "7", "exp": 1800000000}', :'key'), :'key', at => '2028-06-01');
