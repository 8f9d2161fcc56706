-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
SELECT account.change_password('correct horse battery', 'a horse of another colour');
COMMIT;
