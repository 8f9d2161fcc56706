SELECT account.enable_soft_delete('posts');
DELETE FROM posts WHERE id = 10;
-- shown
SELECT account.disable_soft_delete('posts');
SELECT id, title, deleted_at IS NOT NULL AS deleted FROM posts ORDER BY id;
