SELECT account.create_key('HS256', 'mine', '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
-- shown
SELECT account.export_key('mine');
