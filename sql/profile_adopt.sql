-- The application still inserts the profile itself.
SET client_min_messages = warning;
CREATE ROLE regress_pa_owner;
CREATE ROLE regress_pa_app;
CREATE SCHEMA pa AUTHORIZATION regress_pa_owner;
SET ROLE regress_pa_owner;
SET search_path = pa;
RESET client_min_messages;
GRANT USAGE ON SCHEMA pa TO regress_pa_app;
CREATE DOMAIN label AS text DEFAULT 'from domain';
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE profiles (user_id int PRIMARY KEY REFERENCES users ON DELETE CASCADE, id serial UNIQUE,
    role text, tag label, score numeric(6,2) DEFAULT 1.50, meta json, seen timestamptz DEFAULT clock_timestamp(),
    nick text UNIQUE, shout text GENERATED ALWAYS AS (upper(role)) STORED);
GRANT SELECT, INSERT ON users, profiles TO regress_pa_app;
GRANT UPDATE (nick) ON profiles TO regress_pa_app;
GRANT USAGE ON SEQUENCE profiles_id_seq TO regress_pa_app;
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student", "meta": {"a": 1}}');
CREATE VIEW wrong AS SELECT u.id, p.user_id FROM users u FULL JOIN profiles p ON p.user_id = u.id WHERE u.id IS NULL OR p.user_id IS NULL;
INSERT INTO users SELECT generate_series(1, 40);

-- untouched_profile_makes_way: the role needs no DELETE
SET ROLE regress_pa_app;
INSERT INTO profiles (user_id, role, nick) VALUES (1, 'teacher', 'one') RETURNING user_id, role, tag, score, nick, shout;
-- second_insert_is_23505
\set VERBOSITY sqlstate
INSERT INTO profiles (user_id, role) VALUES (1, 'teacher');	-- fails
\set VERBOSITY default
-- in one transaction with the user, and taken back with a savepoint
BEGIN;
INSERT INTO users VALUES (101);
SAVEPOINT s;
INSERT INTO profiles (user_id, role) VALUES (101, 'teacher');
ROLLBACK TO s;
SELECT role FROM profiles WHERE user_id = 101;
INSERT INTO profiles (user_id, role) VALUES (101, 'head');
COMMIT;
SELECT role FROM profiles WHERE user_id = 101;
COPY profiles (user_id, role) FROM stdin;
2	copied
3	copied
\.
INSERT INTO profiles (user_id, role) SELECT i, 'set' FROM generate_series(4, 8) i;
-- changed_profile_is_kept: whichever column says so
SET ROLE regress_pa_owner;
UPDATE profiles SET role = 'teacher' WHERE user_id = 11;
UPDATE profiles SET tag = NULL WHERE user_id = 12;
UPDATE profiles SET score = 1.51 WHERE user_id = 13;
UPDATE profiles SET meta = '{"a": 2}' WHERE user_id = 14;
UPDATE profiles SET nick = 'fourteen' WHERE user_id = 15;
-- not known, so not compared
UPDATE profiles SET seen = '2001-01-01', id = DEFAULT WHERE user_id = 16;
\set VERBOSITY sqlstate
INSERT INTO profiles (user_id) VALUES (11);	-- fails
INSERT INTO profiles (user_id) VALUES (12);	-- fails
INSERT INTO profiles (user_id) VALUES (13);	-- fails
INSERT INTO profiles (user_id) VALUES (14);	-- fails
INSERT INTO profiles (user_id) VALUES (15);	-- fails
\set VERBOSITY default
INSERT INTO profiles (user_id, role) VALUES (16, 'adopted') RETURNING role;
-- referenced_profile_is_kept, though its owner may not read who references it
RESET ROLE;
CREATE TABLE badges (profile int REFERENCES pa.profiles (id) ON DELETE CASCADE, name text);
CREATE TABLE notes (author int, reader int REFERENCES pa.profiles ON DELETE SET NULL) PARTITION BY LIST (author);
CREATE TABLE notes1 PARTITION OF notes FOR VALUES IN (1);
INSERT INTO badges SELECT id, 'first' FROM pa.profiles WHERE user_id = 17;
INSERT INTO notes VALUES (1, 18);
SET ROLE regress_pa_app;
\set VERBOSITY sqlstate
INSERT INTO profiles (user_id) VALUES (17);	-- fails
INSERT INTO profiles (user_id) VALUES (18);	-- fails
\set VERBOSITY default
INSERT INTO profiles (user_id, role) VALUES (19, 'adopted') RETURNING role;
RESET ROLE;
SELECT (SELECT count(*) FROM badges) AS badges, (SELECT reader FROM notes) AS reader;
DROP TABLE badges, notes;
SET ROLE regress_pa_app;

-- insert_that_comes_to_nothing_leaves_the_automatic_profile
INSERT INTO profiles (user_id, nick) VALUES (20, 'one') ON CONFLICT DO NOTHING;
INSERT INTO profiles (user_id, nick) VALUES (21, 'one') ON CONFLICT (nick) DO UPDATE SET nick = 'two';
INSERT INTO profiles (user_id, role, nick) VALUES (22, 'x', 'two'), (23, 'x', 'three'), (24, 'x', 'two') ON CONFLICT DO NOTHING;
SELECT user_id, role, nick FROM profiles WHERE user_id BETWEEN 20 AND 24 OR user_id = 1 ORDER BY 1;
SET ROLE regress_pa_owner;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER zzz_refuse BEFORE INSERT ON profiles FOR EACH ROW WHEN (NEW.role = 'refused') EXECUTE FUNCTION refuse();
INSERT INTO profiles (user_id, role) VALUES (25, 'refused');
INSERT INTO profiles (user_id, role) SELECT i, CASE WHEN i % 2 = 0 THEN 'refused' ELSE 'taken' END FROM generate_series(26, 29) i;
SELECT user_id, role FROM profiles WHERE user_id BETWEEN 25 AND 29 ORDER BY 1;
BEGIN;
INSERT INTO users VALUES (102);
SAVEPOINT s;
INSERT INTO profiles (user_id, role) VALUES (102, 'refused');
ROLLBACK TO s;
INSERT INTO profiles (user_id, role) VALUES (102, 'refused');
COMMIT;
DROP TRIGGER zzz_refuse ON profiles;
TABLE wrong;

-- another_trigger_sets_the_user: ours sees it
CREATE FUNCTION whose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.user_id := 30; RETURN NEW; END $$;
CREATE TRIGGER whose BEFORE INSERT ON profiles FOR EACH ROW WHEN (NEW.user_id IS NULL) EXECUTE FUNCTION whose();
INSERT INTO profiles (role) VALUES ('found') RETURNING user_id;
DROP TRIGGER whose ON profiles;
-- upserts
INSERT INTO profiles (user_id, role) VALUES (31, 'up') ON CONFLICT (user_id) DO UPDATE SET role = EXCLUDED.role RETURNING role;
INSERT INTO profiles (user_id, role) VALUES (31, 'up again') ON CONFLICT (user_id) DO UPDATE SET role = EXCLUDED.role RETURNING role;
-- a profile that is deleted stays deleted
DELETE FROM profiles WHERE user_id = 32;
SELECT * FROM account.missing_profiles('users');
INSERT INTO profiles (user_id, role) VALUES (32, 'back');
TABLE wrong;

-- data_only_restore: profiles before the users, and after them
CREATE TABLE loose (user_id int UNIQUE, role text);
SELECT account.enable_profile('users', 'loose', defaults => '{"role": "auto"}') = (SELECT count(*) FROM users);
TRUNCATE loose;
INSERT INTO loose VALUES (201, 'before');
INSERT INTO users VALUES (201), (202);
INSERT INTO loose VALUES (202, 'after');
SELECT * FROM loose ORDER BY 1;
SELECT account.disable_profile('users', 'loose');

-- adopt => false: the ordinary 23505
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student", "meta": {"a": 1}}', adopt => false);
SELECT tgname FROM pg_trigger WHERE tgrelid = 'profiles'::regclass AND NOT tgisinternal;
\set VERBOSITY sqlstate
INSERT INTO profiles (user_id) VALUES (33);	-- fails
\set VERBOSITY default
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student", "meta": {"a": 1}}');

-- deferred references to a profile that made way hold
CREATE TABLE later (profile int REFERENCES profiles (user_id) DEFERRABLE INITIALLY DEFERRED);
BEGIN;
INSERT INTO profiles (user_id, role) VALUES (33, 'replaced');
INSERT INTO later VALUES (33);
COMMIT;
SELECT role FROM later JOIN profiles ON user_id = profile;

-- soft_delete_on_profiles: the automatic row is removed, not kept dead
SELECT account.enable_soft_delete('profiles');
INSERT INTO users VALUES (301), (302), (303);
INSERT INTO profiles (user_id, role) VALUES (301, 'replaced') RETURNING role;
SET pgaccount.show_deleted = on;
SELECT count(*) FROM profiles WHERE user_id = 301;
RESET pgaccount.show_deleted;
-- a deleted profile is a profile: neither replaced nor made again
DELETE FROM profiles WHERE user_id = 302;
\set VERBOSITY sqlstate
INSERT INTO profiles (user_id, role) VALUES (302, 'again');	-- fails
\set VERBOSITY default
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student", "meta": {"a": 1}}');
SELECT * FROM account.missing_profiles('users');
-- one_live_profile: the unique index over live rows will do
DROP TABLE later;
ALTER TABLE profiles DROP CONSTRAINT profiles_pkey, ADD CONSTRAINT one_profile UNIQUE (user_id);
SELECT account.unique_among_live('profiles', 'user_id');
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student", "meta": {"a": 1}}');
INSERT INTO users VALUES (304);
INSERT INTO users SELECT generate_series(305, 350);
INSERT INTO profiles (user_id, role) VALUES (302, 'again') RETURNING role;
INSERT INTO profiles (user_id, role) VALUES (304, 'replaced') RETURNING role;
SELECT count(*) FROM users WHERE id BETWEEN 301 AND 350 AND NOT EXISTS (SELECT FROM profiles WHERE user_id = id);

-- a row whose key is written in another way makes no way for itself
CREATE TABLE accounts (id numeric PRIMARY KEY);
CREATE TABLE cards (user_id numeric UNIQUE REFERENCES accounts ON UPDATE CASCADE, bio text);
SELECT account.enable_profile('accounts', 'cards');
INSERT INTO accounts VALUES (1);
UPDATE cards SET user_id = 1.0 WHERE user_id = 1;
UPDATE accounts SET id = 1.00 WHERE id = 1;
SELECT trim_scale(user_id) AS user_id, bio FROM cards;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA pa CASCADE;
DROP ROLE regress_pa_owner, regress_pa_app;
