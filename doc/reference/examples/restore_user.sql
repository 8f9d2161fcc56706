-- on accounts
DELETE FROM app.users WHERE username = 'ann';
-- shown
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'sue'));
SELECT jsonb_pretty(account.restore_user((SELECT id FROM account.deleted(NULL::app.users))));
COMMIT;
