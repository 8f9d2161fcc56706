-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'sue'));
SELECT account.is_staff();
COMMIT;
