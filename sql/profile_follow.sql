-- What happens to tables, columns and triggers after enabling.
SET client_min_messages = warning;
CREATE ROLE regress_pf_owner;
CREATE SCHEMA pf AUTHORIZATION regress_pf_owner;
SET ROLE regress_pf_owner;
SET search_path = pf;
RESET client_min_messages;
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
CREATE TABLE profiles (user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE, role text, level int, junk int);
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student", "level": 3, "nothing": 1}');
INSERT INTO users (name) VALUES ('first');
INSERT INTO users (name) VALUES ('second');

-- renames are followed
ALTER TABLE profiles RENAME user_id TO owner;
ALTER TABLE profiles RENAME role TO kind;
ALTER TABLE users RENAME id TO uid;
INSERT INTO users (name) VALUES ('columns renamed') RETURNING uid;
-- two names change places
ALTER TABLE profiles RENAME level TO tmp;
ALTER TABLE profiles RENAME junk TO level;
ALTER TABLE profiles RENAME tmp TO junk;
INSERT INTO users (name) VALUES ('columns swapped') RETURNING uid;
ALTER TABLE users RENAME TO "Users";
ALTER TABLE profiles RENAME TO "Profiles";
INSERT INTO "Users" (name) VALUES ('tables renamed') RETURNING uid;
SELECT owner, kind, junk, level FROM "Profiles" WHERE owner > 2 ORDER BY 1;
INSERT INTO "Profiles" (owner, kind) VALUES (5, 'mine') RETURNING *;
SELECT account.enable_profile('"Users"', '"Profiles"', 'owner', '{"kind": "student", "junk": 3}');
ALTER TABLE "Users" RENAME TO users;
ALTER TABLE "Profiles" RENAME TO profiles;

-- a column that only `defaults` names is dropped without CASCADE; the profile is made all the same
ALTER TABLE profiles DROP COLUMN kind;
INSERT INTO users (name) VALUES ('column dropped') RETURNING uid;
INSERT INTO users (name) VALUES ('no second warning') RETURNING uid;
SELECT count(*) FROM users LEFT JOIN profiles ON uid = owner WHERE owner IS NULL;
-- one of that name that comes back is filled again
ALTER TABLE profiles ADD kind text;
INSERT INTO users (name) SELECT 'column back' FROM generate_series(1, 30);
SELECT kind, count(*) FROM profiles GROUP BY kind ORDER BY 1;
-- a value that a changed type does not take is left out with a warning
ALTER TABLE profiles ALTER kind TYPE int USING NULL;
INSERT INTO users (name) VALUES ('type changed');
ALTER TABLE profiles ALTER kind TYPE text;
-- new defaults and constraints are seen by sessions that already made profiles
ALTER TABLE profiles ADD seen text NOT NULL DEFAULT 'new column';
INSERT INTO users (name) VALUES ('column added') RETURNING uid;
SELECT kind, seen FROM profiles ORDER BY owner DESC LIMIT 1;

-- what cannot be without them is refused
DROP TABLE profiles;	-- fails
ALTER TABLE profiles DROP COLUMN owner;	-- fails

-- drops with CASCADE, and a dropped trigger, switch profiles off, and say so
\set VERBOSITY terse
BEGIN;
ALTER TABLE profiles DROP COLUMN owner CASCADE;
SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('users'::regclass, 'profiles'::regclass) AND NOT tgisinternal;
SELECT account.missing_profiles('users');	-- fails
ROLLBACK;
BEGIN;
DROP TABLE profiles CASCADE;
INSERT INTO users (name) VALUES ('no profiles');
ROLLBACK;
BEGIN;
DROP TRIGGER "00_account_profile" ON users;
SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('users'::regclass, 'profiles'::regclass) AND NOT tgisinternal;
ROLLBACK;
BEGIN;
DROP TABLE users CASCADE;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'profiles'::regclass AND NOT tgisinternal;
ROLLBACK;
\set VERBOSITY default
-- rolled back: all is as it was
INSERT INTO users (name) VALUES ('still');
SELECT * FROM account.missing_profiles('users');

-- a lost unique index, or registry row, loses no user
BEGIN;
ALTER TABLE profiles DROP CONSTRAINT profiles_pkey;
INSERT INTO users (name) VALUES ('not unique');
INSERT INTO users (name) VALUES ('no second warning');
ROLLBACK;
-- a disabled trigger is the owner's decision; enabling again revives it
ALTER TABLE users DISABLE TRIGGER "00_account_profile";
INSERT INTO users (name) VALUES ('disabled');
SELECT account.enable_profile('users', 'profiles', 'owner');
INSERT INTO users (name) VALUES ('enabled');
SELECT * FROM account.missing_profiles('users');

-- a trigger made by hand gains nothing: only the registry gives the owner's rights
RESET ROLE;
CREATE ROLE regress_pf_other;
GRANT USAGE ON SCHEMA pf TO regress_pf_other;
CREATE TABLE pf.bait (uid bigint PRIMARY KEY);
ALTER TABLE pf.bait OWNER TO regress_pf_other;
SET ROLE regress_pf_other;
CREATE TRIGGER mine AFTER INSERT ON pf.bait FOR EACH ROW
    WHEN (account.marks_profile('pf.profiles'::regclass)) EXECUTE FUNCTION account.make_profile();
INSERT INTO pf.bait VALUES (424242);
CREATE TRIGGER unmarked AFTER INSERT ON pf.bait FOR EACH ROW EXECUTE FUNCTION account.make_profile();
\set VERBOSITY sqlstate
INSERT INTO pf.bait VALUES (424243);	-- fails
SELECT account.make_profile();	-- fails
SELECT * FROM account.profile_rule;	-- fails
SELECT account.disable_profile('pf.users', 'pf.profiles');	-- fails
SELECT account.enable_profile('pf.bait', 'pf.profiles', 'owner');	-- fails
\set VERBOSITY default
SET ROLE regress_pf_owner;
SELECT count(*) FROM profiles WHERE owner >= 424242;

-- the owners differ: the ordinary referential check runs, with each owner's rights
RESET ROLE;
ALTER TABLE pf.users OWNER TO regress_pf_other;
SET ROLE regress_pf_owner;
GRANT REFERENCES ON profiles TO regress_pf_other;
SET ROLE regress_pf_other;
INSERT INTO pf.users (uid, name) SELECT i, 'owners differ' FROM generate_series(1001, 1100) i;
INSERT INTO pf.users (uid, name) VALUES (1101, 'owners differ');
RESET ROLE;
SELECT * FROM account.missing_profiles('pf.users');

SET client_min_messages = warning;
DROP SCHEMA pf CASCADE;
SELECT count(*) FROM account.profile_rule;
SELECT count(*) FROM account.profile_default;
DROP ROLE regress_pf_owner, regress_pf_other;
