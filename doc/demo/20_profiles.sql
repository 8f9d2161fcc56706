\pset footer off
\echo '======================================================================================'
\echo ' Story 2. A profile for every user'
\echo '======================================================================================'
\echo
\echo '--- Without pgaccount, a signal makes the profile, and so does the registration page: the second one gets a 500.'
\echo
BEGIN;
INSERT INTO app.users (organisation_id, email) VALUES (3, 'carol@example.org') RETURNING id AS carol \gset
INSERT INTO app.profiles (user_id, role) VALUES (:carol, 'member');
\set ON_ERROR_STOP 0
INSERT INTO app.profiles (user_id, role, display_name) VALUES (:carol, 'member', 'Carol');
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
ROLLBACK;
\echo
\echo '--- Elsewhere neither made one. Their next login answers 500 too.'
\echo
SELECT u.id, u.email FROM app.users u LEFT JOIN app.profiles p ON p.user_id = u.id WHERE p.user_id IS NULL ORDER BY u.id;
\echo '--- The rule, said once. Those without a profile get theirs now; the answer is how many.'
\echo
SELECT account.enable_profile('app.users', 'app.profiles', defaults => '{"role": "member"}');
\echo '--- Whichever way a user comes to be, the profile is there in the same transaction, for the next statement.'
\echo
INSERT INTO app.users (organisation_id, email) VALUES (3, 'carol@example.org');
SELECT u.email, p.role, p.display_name FROM app.users u JOIN app.profiles p ON p.user_id = u.id WHERE u.email = 'carol@example.org';
COPY app.users (organisation_id, email) FROM stdin;
4	dave@example.org
4	erin@example.org
\.
INSERT INTO app.users (organisation_id, email) SELECT 5, 'import' || n || '@example.org' FROM generate_series(1, 1000) n;
SELECT count(*) AS users, count(p.user_id) AS profiles FROM app.users u LEFT JOIN app.profiles p ON p.user_id = u.id
 WHERE u.organisation_id IN (4, 5) AND u.created_at > now() - interval '1 minute';
\echo '--- The page still inserts its own profile? It is taken as the profile: no 500, and still just one.'
\echo
INSERT INTO app.profiles (user_id, role, display_name)
    SELECT id, 'teacher', 'Carol' FROM app.users WHERE email = 'carol@example.org';
SELECT p.* FROM app.profiles p JOIN app.users u ON u.id = p.user_id WHERE u.email = 'carol@example.org';
\echo '--- A second one of its own is what it always was: a duplicate.'
\echo
\set ON_ERROR_STOP 0
INSERT INTO app.profiles (user_id, role, display_name)
    SELECT id, 'teacher', 'Carol again' FROM app.users WHERE email = 'carol@example.org';
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
\echo
\echo '--- Eight clients race to register the same and different users, each then creating "its" profile.'
\echo
\! pgbench -n -c 8 -j 2 -t 100 -f "$DEMO/register.pgbench" 2>&1 | grep -E 'clients|processed|failed'
SELECT count(*) AS racers, count(p.user_id) AS profiles, count(DISTINCT p.user_id) AS distinct_profiles
  FROM app.users u LEFT JOIN app.profiles p ON p.user_id = u.id WHERE u.email LIKE 'racer%';
\echo '--- Nobody is without a profile.'
\echo
SELECT * FROM account.missing_profiles('app.users');
SELECT count(*) = 0 AS every_user_has_one FROM account.missing_profiles('app.users') \gset
\if :every_user_has_one
\else
\warn 'somebody is'
\quit 3
\endif
