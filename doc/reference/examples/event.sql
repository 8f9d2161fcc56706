-- on accounts
DELETE FROM app.users WHERE username = 'ann';
-- shown
SELECT type, outcome, actor, detail ->> 'email' AS email FROM account.event ORDER BY id DESC LIMIT 2;
