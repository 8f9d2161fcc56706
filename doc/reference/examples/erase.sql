SELECT account.set_erasure('users', 'email', 'hash');
-- shown
SELECT account.erase('users', 1);
SELECT detail FROM account.event WHERE type = 'user_erased';
