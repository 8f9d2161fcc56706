-- on members
SELECT access_token AS token, refresh_token AS refresh FROM account.login('ann', 'correct horse battery', tenant => 'acme') \gset
-- shown
BEGIN;
SELECT account.authenticate(:'token');
SELECT tenant, tenant_role, is_active, is_current FROM account.memberships() ORDER BY tenant;
COMMIT;
