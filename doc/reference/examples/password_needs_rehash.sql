SELECT account.password_needs_rehash('pbkdf2_sha256$600000$salt$hash') AS django, account.password_needs_rehash(account.hash_password('x')) AS fresh;
