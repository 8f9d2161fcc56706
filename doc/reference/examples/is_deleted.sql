SELECT account.enable_soft_delete('users');
DELETE FROM users WHERE id = 1;
-- shown
SELECT account.is_deleted('users', 1) AS ann, account.is_deleted('users', 2) AS bob, account.is_deleted('users', 9) AS nobody;
