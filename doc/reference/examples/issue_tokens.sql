-- on accounts
SELECT status, token_type, expires_in, access_token FROM app.users, account.issue_tokens(id) WHERE username = 'ann';
