CREATE ROLE webapp;
SELECT account.grant_api('webapp');
SELECT has_function_privilege('webapp', 'account.logout(text)', 'execute') AS may_log_out,
       has_function_privilege('webapp', 'account.purge(regclass, interval, bigint, boolean)', 'execute') AS may_purge;
