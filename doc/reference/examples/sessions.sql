-- on accounts
SELECT access_token AS token FROM account.login('ann', 'correct horse battery', '203.0.113.9', 'Firefox') \gset
-- shown
BEGIN;
SELECT account.authenticate(:'token') IS NOT NULL AS identified;
SELECT created_at, ip, user_agent, is_current FROM account.sessions();
COMMIT;
