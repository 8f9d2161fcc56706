-- on accounts
SELECT token FROM account.request_password_reset('ann') \gset
-- shown
SELECT account.reset_password(:'token', 'a horse of another colour');
SELECT status FROM account.login('ann', 'a horse of another colour');
SELECT account.reset_password(:'token', 'once more');
