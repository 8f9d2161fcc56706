-- on accounts
SELECT access_token AS token FROM account.login('ann', 'correct horse battery', '203.0.113.9', 'Firefox') \gset
SELECT access_token AS token FROM account.login('ann', 'correct horse battery', '203.0.113.7', 'Safari') \gset
-- shown
BEGIN;
SELECT account.authenticate(:'token') IS NOT NULL AS identified;
SELECT account.revoke_session(session_id) FROM account.sessions() WHERE NOT is_current;
COMMIT;
