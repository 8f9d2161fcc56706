-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
SELECT account.request_deletion(account.uid()) AS token;
COMMIT;
