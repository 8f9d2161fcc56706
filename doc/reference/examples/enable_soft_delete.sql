SELECT account.enable_soft_delete('users');
DELETE FROM users WHERE id = 3 RETURNING id, deleted_at;
SELECT id, email FROM users ORDER BY id;
