-- on members
SELECT access_token AS token, refresh_token AS refresh FROM account.login('ann', 'correct horse battery', tenant => 'acme') \gset
-- shown
BEGIN;
SELECT account.authenticate(:'token');
SELECT account.remove_member((SELECT id FROM app.users WHERE username = 'bob'), 'acme');
COMMIT;
SELECT count(*) AS members FROM app.memberships m JOIN app.tenants t ON t.id = m.tenant_id WHERE t.slug = 'acme';
