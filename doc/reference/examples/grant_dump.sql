CREATE ROLE backup;
SELECT account.grant_dump('backup');
SELECT has_table_privilege('backup', 'account.event', 'select') AS events, has_table_privilege('backup', 'account.session', 'select') AS sessions;
