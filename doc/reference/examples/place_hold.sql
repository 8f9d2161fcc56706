SELECT account.enable_soft_delete('users');
-- shown
SELECT account.place_hold('users', 1, 'case 4711');
SELECT account.cleanup('users', 1, force => true);
DELETE FROM users WHERE id = 1;    -- a soft deletion goes on
