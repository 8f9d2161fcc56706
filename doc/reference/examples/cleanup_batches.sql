SET client_min_messages = warning;
-- shown
CALL account.cleanup_batches('organisations', '{"name": "Acme"}', batch_size => 2);
SELECT target, state, done, remaining, batches FROM account.removal;
