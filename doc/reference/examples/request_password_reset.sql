-- on accounts
SELECT email, token FROM account.request_password_reset('ann');
SELECT count(*) FROM account.request_password_reset('nobody');    -- no row, and the client is told the same
