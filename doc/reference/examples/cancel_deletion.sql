-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
SELECT account.delete_user(account.uid());
COMMIT;
-- shown
SET pgaccount.login_cancels_deletion = on;
SELECT status, error, token_type FROM account.cancel_deletion('ann', 'correct horse battery');
