-- on accounts
SELECT status, error, token_type, expires_in, access_token, refresh_token FROM account.login('ann@example.com', 'correct horse battery', '203.0.113.9');
SELECT status, error, access_token FROM account.login('ann', 'correct hearse battery', '203.0.113.9');
