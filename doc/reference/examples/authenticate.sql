-- on accounts
SELECT access_token AS token FROM account.login('ann', 'correct horse battery') \gset
-- shown
BEGIN;
SELECT account.authenticate(:'token');
SELECT account.uid(), account.claim('tenant') AS tenant, account.is_staff();
COMMIT;
SELECT account.uid();    -- it ended with the transaction
