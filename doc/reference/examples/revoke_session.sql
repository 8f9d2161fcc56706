-- on accounts
SELECT account.login('ann', 'correct horse battery');
BEGIN;
SELECT account.act_as(id::text) FROM app.users WHERE username = 'ann';
-- shown
SELECT account.revoke_session(session_id) FROM account.sessions();
SELECT count(*) FROM account.sessions();
