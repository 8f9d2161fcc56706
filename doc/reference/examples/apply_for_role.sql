-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'bob'));
SELECT account.apply_for_role('teacher', 'I have taught for years.');
COMMIT;
