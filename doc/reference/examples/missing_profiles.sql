DELETE FROM profiles WHERE user_id = 2;
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "member"}');
DELETE FROM profiles WHERE user_id = 3;
-- shown
SELECT * FROM account.missing_profiles('users');
