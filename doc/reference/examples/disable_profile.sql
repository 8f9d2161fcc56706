SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "member"}');
-- shown
SELECT account.disable_profile('users', 'profiles');
