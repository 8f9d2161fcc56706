SELECT account.enable_soft_delete('posts', flag => 'is_deleted');
-- shown
\d posts
