-- The referential check is proved by a join only where the proof holds.
SET client_min_messages = warning;
CREATE SCHEMA pp;
SET search_path = pp;
CREATE TABLE users (id int PRIMARY KEY, mode text);
CREATE TABLE profiles (user_id int PRIMARY KEY, note text, CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users);
RESET client_min_messages;
CREATE VIEW dangling AS SELECT user_id FROM profiles p WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = p.user_id);
SELECT account.enable_profile('users', 'profiles');

-- is_the_check_set_aside: the check reads users by its key, with a statement of its own; FOR KEY SHARE
-- leaves its mark on the user's row (xmax), the proof does not
INSERT INTO users VALUES (1);
INSERT INTO users SELECT generate_series(2, 100);
SELECT count(*) AS locked FROM users WHERE xmax <> 0;

-- user_deleted_by_another_trigger: no profile, nothing dangles
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM pp.users WHERE id = NEW.id; RETURN NULL; END $$;
CREATE TRIGGER "000" AFTER INSERT ON users FOR EACH ROW WHEN (NEW.mode = 'forget') EXECUTE FUNCTION forget();
INSERT INTO users VALUES (101, 'forget');
INSERT INTO users SELECT i, CASE WHEN i % 2 = 0 THEN 'forget' END FROM generate_series(102, 200) i;
SELECT count(*) FROM users WHERE id BETWEEN 101 AND 200;
SELECT count(*) FROM profiles WHERE user_id BETWEEN 101 AND 200;
TABLE dangling;

-- code_between_join_and_insertion: it may delete the user, so the ordinary check runs
CREATE FUNCTION kill_user() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM pp.users WHERE id = NEW.user_id; RETURN NEW; END $$;
CREATE TRIGGER kill_user BEFORE INSERT ON profiles FOR EACH ROW EXECUTE FUNCTION kill_user();
\set VERBOSITY sqlstate
INSERT INTO users VALUES (301);	-- fails
INSERT INTO users SELECT generate_series(301, 400);	-- fails
DROP TRIGGER kill_user ON profiles;
CREATE FUNCTION kill(int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN DELETE FROM pp.users WHERE id > 300; RETURN 'killed'; END $$;
ALTER TABLE profiles ALTER note SET DEFAULT pp.kill(1);
INSERT INTO users VALUES (301);	-- fails
INSERT INTO users SELECT generate_series(301, 400);	-- fails
ALTER TABLE profiles ALTER note DROP DEFAULT;
CREATE FUNCTION kill_checked(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF $1 > 300 THEN DELETE FROM pp.users WHERE id = $1; END IF; RETURN true; END $$;
ALTER TABLE profiles ADD CONSTRAINT checked CHECK (pp.kill_checked(user_id));
INSERT INTO users VALUES (301);	-- fails
INSERT INTO users SELECT generate_series(301, 400);	-- fails
ALTER TABLE profiles DROP CONSTRAINT checked;
CREATE DOMAIN killing AS text CHECK (VALUE IS NOT NULL OR pp.kill(1) IS NOT NULL);
ALTER TABLE profiles ADD k killing;
INSERT INTO users VALUES (301);	-- fails
ALTER TABLE profiles DROP COLUMN k;
CREATE FUNCTION kill_indexed(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$;
CREATE INDEX indexed ON profiles (pp.kill_indexed(user_id));
\set VERBOSITY default
INSERT INTO users VALUES (301);
-- the ordinary check has locked the user
SELECT xmax <> 0 AS locked FROM users WHERE id = 301;
DROP INDEX indexed;
-- the server's own functions do not count, nor does a function that was replaced by a harmless one
ALTER TABLE profiles ADD made timestamptz DEFAULT clock_timestamp(), ADD token uuid DEFAULT gen_random_uuid(), ADD CHECK (length(note) < 100), ADD n serial;
INSERT INTO users VALUES (302);
SELECT xmax <> 0 AS locked FROM users WHERE id = 302;
TABLE dangling;

-- deferred_constraint: proved as well; deleting the user afterwards is noticed
ALTER TABLE profiles ALTER CONSTRAINT fk DEFERRABLE INITIALLY DEFERRED;
\set VERBOSITY sqlstate
BEGIN;
INSERT INTO users VALUES (401);
INSERT INTO users SELECT generate_series(402, 500);
DELETE FROM users WHERE id = 402;
COMMIT;	-- fails
\set VERBOSITY default
BEGIN;
INSERT INTO users SELECT generate_series(402, 500);
DELETE FROM profiles WHERE user_id = 402;
DELETE FROM users WHERE id = 402;
COMMIT;
TABLE dangling;
-- other foreign keys of the profile are checked as ever
CREATE TABLE kinds (kind text PRIMARY KEY);
INSERT INTO kinds VALUES ('good');
ALTER TABLE profiles ADD kind text DEFAULT 'good' REFERENCES kinds;
INSERT INTO users SELECT generate_series(601, 700);
ALTER TABLE profiles ALTER kind SET DEFAULT 'bad';
\set VERBOSITY sqlstate
INSERT INTO users VALUES (701);	-- fails
INSERT INTO users SELECT generate_series(701, 800);	-- fails
\set VERBOSITY default
ALTER TABLE profiles ALTER kind SET DEFAULT 'good';

-- guarded_references: users that come in deleted have a profile, too
ALTER TABLE profiles DROP CONSTRAINT fk, ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
ALTER TABLE users ADD deleted_at timestamptz;
INSERT INTO users VALUES (801);
SELECT account.enable_soft_delete('users', guard_references => true);
DELETE FROM users WHERE id = 801;
INSERT INTO users VALUES (802, 'imported', now());
INSERT INTO users SELECT i, 'imported', now() FROM generate_series(803, 900) i;
SELECT * FROM account.missing_profiles('users');
DELETE FROM profiles WHERE user_id IN (801, 802);
SELECT account.enable_profile('users', 'profiles');
SELECT * FROM account.missing_profiles('users');

SET client_min_messages = warning;
DROP SCHEMA pp CASCADE;
