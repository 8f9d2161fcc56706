SELECT account.set_erasure('users', 'email', 'hash');
SELECT account.set_erasure('posts', 'title', 'constant:(erased)');
