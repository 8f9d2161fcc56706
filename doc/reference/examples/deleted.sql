SELECT account.enable_soft_delete('users');
DELETE FROM users WHERE id = 1;
-- shown
SELECT id, email, deleted_at FROM account.deleted(NULL::users);
