-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
SELECT account.set_password(account.uid(), 'a horse of another colour');
COMMIT;
SELECT status FROM account.login('ann', 'a horse of another colour');
