-- An error in making a profile says so: the statement that failed was about users.
SET client_min_messages = warning;
CREATE SCHEMA pe;
CREATE TABLE pe.users (id int PRIMARY KEY, email text);
CREATE TABLE pe.profiles (user_id int UNIQUE NOT NULL REFERENCES pe.users, role text, bio text);
RESET client_min_messages;
SELECT account.enable_profile('pe.users', 'pe.profiles', defaults => '{"role": "member"}');
-- a column that became NOT NULL: one row, many rows, COPY, and the enabling's own back-fill
ALTER TABLE pe.profiles ALTER bio SET NOT NULL;
INSERT INTO pe.users VALUES (1, 'a');  -- fails
INSERT INTO pe.users SELECT i FROM generate_series(1, 1) AS i;  -- fails
COPY pe.users FROM stdin;
1	a
\.
ALTER TABLE pe.profiles ALTER bio DROP NOT NULL;
ALTER TABLE pe.profiles ADD CONSTRAINT no_members CHECK (role <> 'member');
INSERT INTO pe.users VALUES (1, 'a');  -- fails
-- with error_detail = generic no values of the row, for its owner neither
SET pgaccount.error_detail = generic;
INSERT INTO pe.users VALUES (1, 'a');  -- fails
RESET pgaccount.error_detail;
ALTER TABLE pe.profiles DROP CONSTRAINT no_members;
-- what the table's own trigger raises keeps its words
CREATE FUNCTION pe.raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no profile' USING ERRCODE = 'P0042', DETAIL = 'Its detail.', HINT = 'Its hint.'; END $$;
CREATE TRIGGER raise BEFORE INSERT ON pe.profiles FOR EACH ROW EXECUTE FUNCTION pe.raise();
INSERT INTO pe.users VALUES (1, 'a');  -- fails
-- what is told without an error has no such context
CREATE OR REPLACE FUNCTION pe.raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'a profile of %', NEW.role; RAISE WARNING 'a warning'; RETURN NEW; END $$;
INSERT INTO pe.users VALUES (1, 'a');
-- a key that does not fit into its column is no profile of another user
CREATE TABLE pe.names (name text PRIMARY KEY);
CREATE TABLE pe.named (user_id varchar(3) PRIMARY KEY);
INSERT INTO pe.names VALUES ('long');
SELECT account.enable_profile('pe.names', 'pe.named');  -- fails
DELETE FROM pe.names;
SELECT account.enable_profile('pe.names', 'pe.named');
INSERT INTO pe.names VALUES ('long');  -- fails
INSERT INTO pe.names VALUES ('abc');
SELECT * FROM pe.named;
-- partitions
CREATE TABLE pe.people (id int PRIMARY KEY);
CREATE TABLE pe.parts (user_id int PRIMARY KEY REFERENCES pe.people, note text) PARTITION BY HASH (user_id);
CREATE TABLE pe.part PARTITION OF pe.parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT account.enable_profile('pe.people', 'pe.parts');
ALTER TABLE pe.part ALTER note SET NOT NULL;
INSERT INTO pe.people VALUES (1);  -- fails
SELECT count(*) FROM pe.people;
SET client_min_messages = warning;
DROP SCHEMA pe CASCADE;
