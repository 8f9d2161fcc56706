-- on accounts
SELECT account.verify_access_token(account.issue_access_token(id, extra => '{"plan": "team"}')) -> 'plan' AS plan FROM app.users WHERE username = 'ann';
