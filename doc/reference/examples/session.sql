-- on accounts
SELECT status FROM account.login('ann', 'correct horse battery', '203.0.113.9', 'Firefox');
-- shown
SELECT counter, ip, user_agent, ended_at, end_reason FROM account.session;
