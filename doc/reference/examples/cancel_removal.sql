SELECT account.enable_soft_delete('users', on_parent_delete => 'delete');
CALL account.cleanup_batches('organisations', '1', batch_size => 1, max_runtime => '0');
-- shown
SELECT id, state FROM account.removal;
SELECT account.cancel_removal(1);
SELECT id, state FROM account.removal;
