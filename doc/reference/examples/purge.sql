SELECT account.enable_soft_delete('posts');
DELETE FROM posts WHERE id = 10;
-- shown
SELECT account.purge('posts');                        -- deleted rows younger than pgaccount.grace_period stay
SELECT account.purge('posts', older_than => '0');
