-- on accounts
BEGIN;
SELECT account.set_client_ip('198.51.100.7');
DELETE FROM app.users WHERE username = 'ann';
COMMIT;
SELECT type, ip FROM account.event ORDER BY id DESC LIMIT 1;
