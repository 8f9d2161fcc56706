-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
-- shown
SELECT account.claim('tenant') AS tenant, account.claims() -> 'modules' AS modules;
