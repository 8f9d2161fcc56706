SELECT account.enable_soft_delete('users', guard_references => true);
SELECT account.enable_soft_delete('posts');
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "member"}');
-- shown
SELECT account.describe('users');
