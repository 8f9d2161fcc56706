-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
SELECT account.request_deletion(account.uid()) AS token \gset
COMMIT;
-- shown
SELECT jsonb_pretty(account.confirm_deletion(:'token', 'moving on'));
