SELECT account.enable_soft_delete('posts');
DELETE FROM posts;
-- shown
CALL account.purge_batches('posts', older_than => '0', batch_size => 1000);
