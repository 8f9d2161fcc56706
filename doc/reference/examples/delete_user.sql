-- on accounts
BEGIN;
SELECT account.authenticate((SELECT access_token FROM account.login('ann@example.com', 'correct horse battery')));
SELECT jsonb_pretty(account.delete_user(account.uid(), password => 'correct horse battery', reason => 'moving on'));
COMMIT;
