-- on members
SELECT access_token AS token, refresh_token AS refresh FROM account.login('ann', 'correct horse battery', tenant => 'acme') \gset
BEGIN;
SELECT account.authenticate(:'token');
SELECT account.invite('dora@example.com', 'member', 'acme') IS NOT NULL;
COMMIT;
-- shown
BEGIN;
SELECT account.authenticate(:'token');
SELECT account.revoke_invitation(id) FROM account.invitations();
COMMIT;
