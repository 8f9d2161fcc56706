-- What the doctor finds of soft delete, profiles and keys: each finding is there, its remedy is run as it stands, and it is gone.
SET client_min_messages = warning;
CREATE SCHEMA dr;
CREATE TABLE dr.users (id int PRIMARY KEY, email text UNIQUE, deleted_at timestamptz);
CREATE TABLE dr.profiles (user_id int PRIMARY KEY, role text NOT NULL DEFAULT 'member');
CREATE TABLE dr.posts (id int PRIMARY KEY, user_id int REFERENCES dr.users ON DELETE CASCADE);
CREATE TABLE dr.likes (id int PRIMARY KEY, user_id int REFERENCES dr.users);
CREATE TABLE dr.parts (id int, k int, deleted_at timestamptz, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE dr.parts_1 PARTITION OF dr.parts FOR VALUES IN (1);
CREATE TABLE dr.parts_2 PARTITION OF dr.parts FOR VALUES IN (2);
CREATE TABLE dr.open (id int PRIMARY KEY, deleted_at timestamptz);
CREATE ROLE doctor_clerk;
SELECT account.enable_soft_delete('dr.users');
SELECT account.enable_soft_delete('dr.parts');
SELECT account.enable_soft_delete('dr.open', guard_references => true);
SELECT account.enable_profile('dr.users', 'dr.profiles');

-- What the doctor says of our tables now, and what is left of it after its remedies.
CREATE VIEW dr.says AS SELECT code, object, remedy FROM account.doctor()
    WHERE object ~ '^dr\.' AND code NOT IN ('not_preloaded', 'events_unattended');
CREATE FUNCTION dr.is_sql(remedy text) RETURNS boolean LANGUAGE sql AS $$ SELECT remedy ~ '^(SELECT|ALTER|CREATE|DROP|BEGIN|REVOKE|UPDATE|DELETE) ?[A-Za-z;]' $$;
SELECT code, object, remedy FROM dr.says ORDER BY 1, 2;
SELECT remedy FROM dr.says WHERE dr.is_sql(remedy) ORDER BY code, object \gexec
SELECT code, object, dr.is_sql(remedy) FROM dr.says ORDER BY 1, 2;

-- what goes wrong later
SET session_replication_role = replica;
INSERT INTO dr.users VALUES (1, 'a'), (2, 'b');
INSERT INTO dr.profiles VALUES (7), (8);
RESET session_replication_role;
INSERT INTO dr.users VALUES (3, 'c');
UPDATE dr.profiles SET role = 'kept' WHERE user_id = 3;
DELETE FROM dr.users WHERE id = 3;
ALTER TABLE dr.users DISABLE TRIGGER "00_account_soft_delete";
ALTER TABLE dr.parts DETACH PARTITION dr.parts_2;
CREATE TABLE dr.refers (id int PRIMARY KEY, open_id int REFERENCES dr.open);
CREATE INDEX ON dr.refers (open_id);
GRANT TRUNCATE ON dr.users TO doctor_clerk;
SELECT code, object, remedy FROM dr.says ORDER BY 1, 2;
SELECT remedy FROM dr.says WHERE dr.is_sql(remedy) ORDER BY code, object \gexec
SELECT code, object, dr.is_sql(remedy) FROM dr.says ORDER BY 1, 2;
-- the profile of a deleted user is no orphan
SELECT * FROM dr.profiles ORDER BY 1;
DELETE FROM dr.users WHERE id = 1;
SELECT account.is_deleted('dr.users', 1);

-- columns of profiles that come and go: the doctor knows before a user is refused
CREATE TABLE dr.members (id int PRIMARY KEY);
CREATE TABLE dr.cards (id serial PRIMARY KEY, owner int NOT NULL UNIQUE, kind text NOT NULL, theme text NOT NULL, n int GENERATED ALWAYS AS IDENTITY);
SELECT account.enable_profile('dr.members', 'dr.cards', 'owner', '{"kind": "plain", "theme": "dark"}');
SELECT code, object, message, remedy FROM account.doctor() WHERE object = 'dr.members';
SET client_min_messages = error;
ALTER TABLE dr.cards DROP COLUMN theme;
ALTER TABLE dr.cards ADD COLUMN lang text NOT NULL DEFAULT 'en', ADD COLUMN "Zone" text NOT NULL DEFAULT 'utc';
ALTER TABLE dr.cards ALTER COLUMN lang DROP DEFAULT, ALTER COLUMN "Zone" DROP DEFAULT;
SELECT severity, code, message, remedy FROM account.doctor() WHERE object = 'dr.members' ORDER BY code;
INSERT INTO dr.members VALUES (1);
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE dr.cards ALTER COLUMN lang SET DEFAULT 'en', ALTER COLUMN "Zone" SET DEFAULT 'utc';
SELECT remedy FROM account.doctor() WHERE object = 'dr.members' \gexec
SELECT code FROM account.doctor() WHERE object = 'dr.members';
SET client_min_messages = warning;
INSERT INTO dr.members VALUES (1);
SELECT * FROM dr.cards;
-- a trigger of the application fills it
ALTER TABLE dr.cards ALTER COLUMN lang DROP DEFAULT;
CREATE FUNCTION dr.fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.lang := 'de'; RETURN NEW; END $$;
CREATE TRIGGER fill BEFORE INSERT ON dr.cards FOR EACH ROW EXECUTE FUNCTION dr.fill();
SELECT code FROM account.doctor() WHERE object = 'dr.members';

-- no key signs, and then an old one does
SELECT code, remedy FROM account.doctor() WHERE code IN ('no_signing_key', 'key_old');
SELECT account.create_key('HS256', 'dr') AS kid;
UPDATE account.signing_key SET created_at = now() - interval '3 years', activated_at = now() - interval '3 years' WHERE kid = 'dr';
SELECT code, remedy FROM account.doctor() WHERE code IN ('no_signing_key', 'key_old');
DO $$ BEGIN EXECUTE (SELECT remedy FROM account.doctor() WHERE code = 'key_old'); END $$;
SELECT code FROM account.doctor() WHERE code IN ('no_signing_key', 'key_old');
DELETE FROM account.signing_key WHERE kid = 'dr' OR signs;
DROP SCHEMA dr CASCADE;
DROP ROLE doctor_clerk;
