-- on members
SELECT access_token AS token, refresh_token AS refresh FROM account.login('ann', 'correct horse battery', tenant => 'acme') \gset
-- shown
BEGIN;
SELECT account.authenticate(:'token');
SELECT account.tenant_role(), account.has_tenant_role('owner', 'admin');
COMMIT;
