-- on accounts
SELECT refresh_token AS token FROM account.login('ann', 'correct horse battery') \gset
-- shown
SELECT status, error, expires_in FROM account.refresh(:'token');
SET pgaccount.refresh_grace = 0;
SELECT status, error FROM account.refresh(:'token');    -- used once more: the session ends
