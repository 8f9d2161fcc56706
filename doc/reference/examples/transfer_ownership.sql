-- on members
SELECT access_token AS token, refresh_token AS refresh FROM account.login('ann', 'correct horse battery', tenant => 'acme') \gset
-- shown
BEGIN;
SELECT account.authenticate(:'token');
SELECT account.transfer_ownership('acme', (SELECT id FROM app.users WHERE username = 'bob'));
COMMIT;
SELECT u.username, m.role FROM app.memberships m JOIN app.users u ON u.id = m.user_id JOIN app.tenants t ON t.id = m.tenant_id
 WHERE t.slug = 'acme' ORDER BY 1;
