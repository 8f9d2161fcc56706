SELECT account.enable_soft_delete('users');
SELECT pg_stat_clear_snapshot();
-- shown
DELETE FROM users WHERE id = 1;
SELECT operation, calls, failures FROM account.stats WHERE calls > 0 ORDER BY operation;
