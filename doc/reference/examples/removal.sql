CALL account.cleanup_batches('organisations', '1', batch_size => 1000);
-- shown
SELECT id, target, key, state, done, remaining FROM account.removal;
