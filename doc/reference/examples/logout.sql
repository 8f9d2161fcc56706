-- on accounts
SELECT refresh_token AS token FROM account.login('ann', 'correct horse battery') \gset
-- shown
SELECT account.logout(:'token');
SELECT status, error FROM account.refresh(:'token');
