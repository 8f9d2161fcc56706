-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
SELECT account.request_email_change(account.uid(), 'ann@example.org') AS token;
COMMIT;
