SELECT account.create_key('EdDSA', 'key-2026');
