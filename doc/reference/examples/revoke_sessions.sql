-- on accounts
SELECT access_token AS token FROM account.login('ann', 'correct horse battery') \gset
SELECT access_token AS token FROM account.login('ann', 'correct horse battery') \gset
-- shown
BEGIN;
SELECT account.authenticate(:'token');
SELECT account.revoke_sessions(account.uid(), keep_current => true);
COMMIT;
