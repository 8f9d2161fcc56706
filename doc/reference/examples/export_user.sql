-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
SELECT jsonb_object_keys(account.export_user(account.uid())) AS tables;
SELECT account.export_user(account.uid()) -> 'app.profiles' -> 0 ->> 'role' AS role;
COMMIT;
