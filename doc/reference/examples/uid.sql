-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
-- shown
SELECT account.uid(), account.uid_uuid(), account.uid_bigint();
