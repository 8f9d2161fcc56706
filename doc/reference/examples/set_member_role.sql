-- on members
SELECT access_token AS token, refresh_token AS refresh FROM account.login('ann', 'correct horse battery', tenant => 'acme') \gset
-- shown
BEGIN;
SELECT account.authenticate(:'token');
SELECT account.set_member_role((SELECT id FROM app.users WHERE username = 'bob'), 'acme', 'admin');
COMMIT;
