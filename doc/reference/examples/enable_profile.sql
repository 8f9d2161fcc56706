SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "member"}');
INSERT INTO users (email) VALUES ('dora@example.com') RETURNING id;
SELECT * FROM profiles WHERE user_id = 100;
INSERT INTO profiles VALUES (100, 'teacher');    -- the application's own takes the place of the automatic one
SELECT * FROM profiles WHERE user_id = 100;
