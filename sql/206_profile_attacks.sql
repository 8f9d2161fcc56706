-- A second round of attacks on automatic profiles. Each statement here once did what its comment says.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS attack CASCADE;
CREATE SCHEMA attack;
SET client_min_messages = notice;
CREATE TABLE attack.users (id int PRIMARY KEY);
CREATE TABLE attack.profiles (id serial PRIMARY KEY, user_id int UNIQUE REFERENCES attack.users);
SELECT account.enable_profile('attack.users', 'attack.profiles');

-- what the rule needs is gone: users came without profile, the doctor was silent, and the error was wrong
ALTER TABLE attack.profiles DROP CONSTRAINT profiles_user_id_key;
INSERT INTO attack.users VALUES (1);
SELECT severity, code, object, message, remedy FROM account.doctor() WHERE object LIKE 'attack.%' AND code LIKE '%profile%';
SELECT account.missing_profiles('attack.users'); -- fails
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE attack.profiles ADD UNIQUE (user_id);
SELECT severity, code, object, message FROM account.doctor() WHERE object LIKE 'attack.%' AND code LIKE '%profile%';
SELECT account.enable_profile('attack.users', 'attack.profiles');

-- a data-only restore made ordinary triggers of the registry's own, which replica does not fire
ALTER TABLE account.profile_rule DISABLE TRIGGER ALL;
ALTER TABLE account.profile_rule ENABLE TRIGGER ALL;
ALTER TABLE account.profile_default ENABLE TRIGGER USER;
ALTER TABLE attack.users ENABLE TRIGGER ALL;
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
WHERE tgrelid IN ('account.profile_rule'::regclass, 'account.profile_default'::regclass, 'attack.users'::regclass) AND NOT tgisinternal
ORDER BY 1, 2;

SET client_min_messages = warning;
DROP SCHEMA attack CASCADE;
