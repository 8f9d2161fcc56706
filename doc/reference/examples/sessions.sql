-- on accounts
SELECT account.login('ann', 'correct horse battery', '203.0.113.9', 'a browser');
BEGIN;
SELECT account.act_as(id::text) FROM app.users WHERE username = 'ann';
-- shown
SELECT ip, user_agent, is_current FROM account.sessions();
