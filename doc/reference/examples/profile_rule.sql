SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "member"}');
-- shown
SELECT * FROM account.profile_rule;
