-- on members
SELECT access_token AS token, refresh_token AS refresh FROM account.login('ann', 'correct horse battery', tenant => 'acme') \gset
-- shown
SELECT status, error, access_token FROM account.switch_tenant(:'refresh', 'globex');
