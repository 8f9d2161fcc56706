-- on accounts
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'), is_local => false);
-- shown
SELECT account.sign_out();
SELECT account.is_authenticated();
