SELECT account.set_erasure('users', 'email', 'hash');
-- shown
SELECT account.set_purge('users', 'erase');
