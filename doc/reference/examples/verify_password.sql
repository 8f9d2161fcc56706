SELECT account.verify_password('correct horse battery', account.hash_password('correct horse battery')) AS is_right,
       account.verify_password('correct horse battery', '!') AS unusable;
