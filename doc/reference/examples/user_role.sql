-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
-- shown
SELECT account.user_role(), account.has_module('crm') AS crm, account.has_module('billing') AS billing, account.is_staff(), account.is_authenticated();
