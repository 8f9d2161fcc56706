-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'sue'));
SELECT account.invite('dora@example.com', 'teacher') AS token \gset
COMMIT;
-- shown
SELECT email, role, accepted_at IS NULL AS is_open FROM account.invitation;
