SELECT account.enable_soft_delete('users');
-- shown
SELECT account.set_reference_policy('posts', 'posts_author_id_fkey', NULL, on_soft_delete => 'remove');
DELETE FROM users WHERE id = 1;
SELECT id, author_id FROM posts;    -- those of user 1 are gone for good
