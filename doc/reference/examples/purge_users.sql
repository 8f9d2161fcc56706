-- on accounts
DELETE FROM app.users WHERE username = 'ann';
-- shown
SELECT account.purge_users();
SET pgaccount.grace_period = 0;
SELECT account.purge_users();
