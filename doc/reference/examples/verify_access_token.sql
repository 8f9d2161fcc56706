-- on accounts
SELECT access_token AS token FROM account.login('ann', 'correct horse battery') \gset
-- shown
SELECT claims ->> 'tenant' AS tenant, claims -> 'modules' AS modules, claims -> 'is_staff' AS is_staff FROM account.verify_access_token(:'token') AS claims;
SELECT account.verify_access_token(:'token' || 'x');
