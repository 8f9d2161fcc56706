-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'sue'));
SELECT account.invite('bob@example.com', 'teacher') AS token \gset
COMMIT;
-- shown
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'bob'));
SELECT jsonb_pretty(account.accept_invitation(:'token'));
COMMIT;
