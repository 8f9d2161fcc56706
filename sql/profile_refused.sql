-- What cannot work is refused at enabling, with what to mend; nothing is changed.
SET client_min_messages = warning;
CREATE ROLE regress_pb_owner;
CREATE ROLE regress_pb_other;
CREATE SCHEMA pb AUTHORIZATION regress_pb_owner;
GRANT USAGE ON SCHEMA pb TO regress_pb_other;
SET ROLE regress_pb_owner;
SET search_path = pb;
RESET client_min_messages;
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE TABLE profiles (user_id bigint PRIMARY KEY, num int, name varchar(5), up text GENERATED ALWAYS AS (upper(name)) STORED,
    ident int GENERATED ALWAYS AS IDENTITY, other bigint);

-- NULL arguments
SELECT account.enable_profile(NULL, 'profiles');
SELECT account.enable_profile('users', NULL);
SELECT account.enable_profile('users', 'profiles', NULL);
SELECT account.enable_profile('users', 'profiles', 'user_id', NULL);
SELECT account.enable_profile('users', 'profiles', 'user_id', '{}', NULL);
SELECT account.disable_profile(NULL, 'profiles');
SELECT account.disable_profile('users', NULL);
SELECT account.missing_profiles(NULL);

-- tables
CREATE VIEW v AS SELECT * FROM users;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM users;
CREATE TEMP TABLE tmp (user_id bigint PRIMARY KEY);
SELECT account.enable_profile('v', 'profiles');
SELECT account.enable_profile('mv', 'profiles');
SELECT account.enable_profile('users', 'v');
SELECT account.enable_profile('tmp', 'profiles');
SELECT account.enable_profile('users', 'tmp');
SELECT account.enable_profile('users', 'users', 'id');
SELECT account.enable_profile('users', 'users_pkey');
SELECT account.enable_profile('users', 'pg_class', 'oid');
SELECT account.enable_profile('information_schema.sql_features', 'profiles');
SELECT account.enable_profile('account.profile_rule', 'profiles');
\set VERBOSITY sqlstate
SELECT account.enable_profile('users', 4000000000::oid::regclass);
\set VERBOSITY default
CREATE TABLE ruled (user_id bigint PRIMARY KEY);
CREATE RULE r AS ON INSERT TO ruled DO ALSO NOTIFY ruled;
SELECT account.enable_profile('users', 'ruled');

-- ownership
SET ROLE regress_pb_other;
SELECT account.enable_profile('pb.users', 'pb.profiles');
SELECT account.disable_profile('pb.users', 'pb.profiles');
SET ROLE regress_pb_owner;

-- the user column
SELECT account.enable_profile('users', 'profiles', 'missing');
SELECT account.enable_profile('users', 'profiles', 'ctid');
SELECT account.enable_profile('users', 'profiles', 'up');
SELECT account.enable_profile('users', 'profiles', 'ident');
SELECT account.enable_profile('users', 'profiles', 'name');
SELECT account.enable_profile('users', 'profiles', 'other');
-- unique, but not so that one profile a user follows
CREATE UNIQUE INDEX partial ON profiles (other) WHERE num > 0;
CREATE UNIQUE INDEX two ON profiles (other, num);
CREATE UNIQUE INDEX expression ON profiles ((other + 0));
ALTER TABLE profiles ADD CONSTRAINT "deferrable" UNIQUE (other) DEFERRABLE;
\set VERBOSITY sqlstate
SELECT account.enable_profile('users', 'profiles', 'other');
\set VERBOSITY default

-- the users' key
CREATE TABLE keyless (id bigint, a int, b int);
SELECT account.enable_profile('keyless', 'profiles');
ALTER TABLE keyless ADD PRIMARY KEY (a, b);
SELECT account.enable_profile('keyless', 'profiles');
CREATE TABLE texts (id text PRIMARY KEY);
SELECT account.enable_profile('texts', 'profiles');

-- defaults
SELECT account.enable_profile('users', 'profiles', defaults => '[]');
SELECT account.enable_profile('users', 'profiles', defaults => '"x"');
SELECT account.enable_profile('users', 'profiles', defaults => 'null');
SELECT account.enable_profile('users', 'profiles', defaults => '{"num": "many"}');
SELECT account.enable_profile('users', 'profiles', defaults => '{"num": 3000000000}');
SELECT account.enable_profile('users', 'profiles', defaults => '{"name": "too long"}');
SELECT account.enable_profile('users', 'profiles', defaults => '{"up": "x"}');
SELECT account.enable_profile('users', 'profiles', defaults => '{"ident": 1}');
SELECT account.enable_profile('users', 'profiles', defaults => '{"user_id": 1}');
CREATE DOMAIN needed AS int NOT NULL CHECK (VALUE > 0);
CREATE TABLE strict (user_id bigint UNIQUE, a int NOT NULL, "B b" text NOT NULL, c int NOT NULL DEFAULT 1, d needed);
SELECT account.enable_profile('users', 'strict');
SELECT account.enable_profile('users', 'strict', defaults => '{"a": 1, "B b": null}');
SELECT account.enable_profile('users', 'strict', defaults => '{"a": 1, "B b": "b"}');
SELECT account.enable_profile('users', 'strict', defaults => '{"a": 1, "B b": "b", "d": -1}');

-- nothing was changed, and a session that was refused goes on
SELECT count(*) FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'pb'::regnamespace AND NOT tgisinternal;
INSERT INTO users VALUES (1);
SELECT account.enable_profile('users', 'strict', defaults => '{"a": 1, "B b": "b", "d": 1}');
SELECT * FROM strict;
-- a wrong call leaves the rule as it is
SELECT account.enable_profile('users', 'strict', defaults => '{"a": "x"}');
INSERT INTO users VALUES (2);
SELECT * FROM strict ORDER BY 1;

RESET ROLE;
SET client_min_messages = warning;
DROP TABLE pg_temp.tmp;
DROP SCHEMA pb CASCADE;
SELECT count(*) FROM account.profile_rule;
DROP ROLE regress_pb_owner, regress_pb_other;
