-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'bob'));
SELECT account.apply_for_role('teacher') AS application \gset
COMMIT;
-- shown
SELECT role, reviewed_at IS NULL AS is_open FROM account.role_application;
