-- on accounts
SELECT email, username, tenant_id FROM account.register('dora@example.com', 'correct horse battery', tenant => 'acme');
SELECT account.register('DORA@example.com', 'correct horse battery');
