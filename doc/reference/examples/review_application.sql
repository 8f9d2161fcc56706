-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'bob'));
SELECT account.apply_for_role('teacher') AS application \gset
COMMIT;
-- shown
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'sue'));
SELECT jsonb_pretty(account.review_application(:application, approve => true));
COMMIT;
