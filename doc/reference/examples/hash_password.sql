SELECT account.hash_password('correct horse battery');
