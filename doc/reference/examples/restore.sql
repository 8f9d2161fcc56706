SELECT account.enable_soft_delete('users');
SELECT account.enable_soft_delete('posts');
SELECT account.enable_soft_delete('profiles');
-- shown
DELETE FROM users WHERE id = 1;
SELECT account.restore('users', 1);
SELECT account.restore('users', '{"email": "ann@example.com"}');    -- by any unique key: not deleted, so 0
