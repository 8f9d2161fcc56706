-- A second round of attacks on automatic profiles. Each statement here once did what its comment says.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS attack CASCADE;
DROP ROLE IF EXISTS account_uma, account_mallory, account_both;
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

-- tables of two owners: the back-fill ran the profiles table's triggers with the rights of who enabled
CREATE ROLE account_uma;
CREATE ROLE account_mallory;
GRANT ALL ON SCHEMA attack TO account_uma, account_mallory;
SET ROLE account_uma;
CREATE TABLE attack.people (gone int, id int PRIMARY KEY, name text);
ALTER TABLE attack.people DROP COLUMN gone;
GRANT REFERENCES ON attack.people TO account_mallory;
INSERT INTO attack.people SELECT i, 'p' || i FROM generate_series(1, 3) i;
SET ROLE account_mallory;
CREATE TABLE attack.cards (person bigint PRIMARY KEY REFERENCES attack.people, role text, note text DEFAULT current_user);
CREATE FUNCTION attack.spring() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE NOTICE 'trigger runs as %', current_user; RETURN NEW; END$$;
CREATE TRIGGER spring BEFORE INSERT ON attack.cards FOR EACH ROW EXECUTE FUNCTION attack.spring();
INSERT INTO attack.cards VALUES (2, 'own');
RESET ROLE;
SELECT account.enable_profile('attack.people', 'attack.cards', 'person', '{"role": "basic"}');
SELECT * FROM attack.cards ORDER BY person;
SELECT account.enable_profile('attack.people', 'attack.cards', 'person', '{"role": "basic"}');
-- a caller that is in both roles, and a set
CREATE ROLE account_both IN ROLE account_uma, account_mallory;
DROP TRIGGER spring ON attack.cards;
SET session_replication_role = replica;
INSERT INTO attack.people SELECT i, 'p' || i FROM generate_series(101, 200) i;
RESET session_replication_role;
SET ROLE account_both;
SELECT account.enable_profile('attack.people', 'attack.cards', 'person', '{"role": "basic"}');
SELECT role, note, count(*) FROM attack.cards GROUP BY 1, 2 ORDER BY 3;
SELECT account.missing_profiles('attack.people');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA attack CASCADE;
DROP ROLE account_uma, account_mallory, account_both;
