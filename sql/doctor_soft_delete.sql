-- What account.doctor() finds about soft delete, and that its remedies mend it.
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE ROLE regress_sd_monitor;
CREATE ROLE regress_sd_other;
CREATE SCHEMA sd_other AUTHORIZATION regress_sd_other;
GRANT pg_monitor TO regress_sd_monitor;
CREATE SCHEMA sd_doctor AUTHORIZATION regress_sd_owner;
GRANT USAGE ON SCHEMA sd_doctor TO regress_sd_other;
SET ROLE regress_sd_owner;
SET search_path = sd_doctor;
-- findings about this schema; and its remedies, done
CREATE FUNCTION findings() RETURNS TABLE (severity text, code text, object text) LANGUAGE sql AS $$
SELECT DISTINCT severity, code COLLATE "C", object COLLATE "C" FROM account.doctor() WHERE object LIKE 'sd\_doctor.%' OR object LIKE '%"sd doctor"%' ORDER BY 2, 3 $$;
CREATE FUNCTION mend(c text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT * FROM account.doctor() d WHERE d.code = c AND object LIKE 'sd\_doctor.%' LOOP
        EXECUTE r.remedy;
        RETURN NEXT r.object;
    END LOOP;
END $$;
RESET client_min_messages;

RESET ROLE;
SET ROLE regress_sd_monitor;
SELECT count(*) >= 0 AS may_ask FROM account.doctor();
RESET ROLE;
SET search_path = pg_catalog;
-- preloaded: it says nothing of that
SELECT count(*) FROM account.doctor() WHERE code = 'not_preloaded';

SET ROLE regress_sd_owner;
SET search_path = sd_doctor;
CREATE TABLE fine (id int PRIMARY KEY);
SELECT account.enable_soft_delete('fine') \gset
CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, name text);
CREATE UNIQUE INDEX users_lower ON users (lower(name));
CREATE UNIQUE INDEX users_done ON users (name) WHERE name IS NOT NULL;
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE);
CREATE TABLE parts (id int, t int, deleted_at timestamptz) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
CREATE TABLE base (id int);
SELECT account.enable_soft_delete('users', guard_references => true), account.enable_soft_delete('posts'), account.enable_soft_delete('parts'), account.enable_soft_delete('base') \gset
-- an index without the condition, a key without an index
RESET ROLE;
SELECT * FROM sd_doctor.findings();
-- owners_see_their_own_findings
SET ROLE regress_sd_owner;
SELECT (SELECT count(*) FROM sd_doctor.findings()) = count(*) AS the_same FROM account.doctor();
CREATE TEMP TABLE found AS SELECT * FROM account.doctor();
SET quote_all_identifiers = on;
SELECT count(*) AS others FROM (TABLE found EXCEPT SELECT * FROM account.doctor()) AS d;
RESET quote_all_identifiers;
SET ROLE regress_sd_other;
SELECT * FROM account.doctor();
RESET ROLE;
GRANT REFERENCES ON sd_doctor.users TO regress_sd_other;
SET ROLE regress_sd_other;
CREATE TABLE sd_other.theirs (id serial PRIMARY KEY, name text UNIQUE, author int REFERENCES sd_doctor.users ON DELETE CASCADE);
SELECT account.enable_soft_delete('sd_other.theirs');
SELECT severity, code, object FROM account.doctor();
RESET ROLE;
DROP TABLE sd_other.theirs;
SELECT message, remedy FROM account.doctor() WHERE object = 'sd_doctor.users_email_key';
SELECT DISTINCT mend FROM sd_doctor.mend('unique_blocks_reuse') ORDER BY 1;
SELECT DISTINCT mend FROM sd_doctor.mend('foreign_key_without_index') ORDER BY 1;
SELECT * FROM sd_doctor.findings();
-- things that came later, or went
SET ROLE regress_sd_owner;
CREATE TABLE comments (id int PRIMARY KEY, author int REFERENCES users);
CREATE INDEX ON comments (author);
CREATE TABLE likes (id int PRIMARY KEY, post int REFERENCES posts ON DELETE CASCADE);
CREATE INDEX ON likes (post);
SELECT account.enable_soft_delete('likes') \gset
CREATE TABLE shares (id int PRIMARY KEY, fine int REFERENCES fine ON DELETE CASCADE, deleted_at timestamptz);
CREATE INDEX ON shares (fine);
SELECT account.enable_soft_delete('fine', children => true) \gset
CREATE TABLE stars (id int PRIMARY KEY, fine int REFERENCES fine ON DELETE CASCADE);
CREATE INDEX ON stars (fine);
ALTER TABLE parts DETACH PARTITION parts_2;
CREATE TABLE derived () INHERITS (base);
GRANT TRUNCATE ON posts TO regress_sd_monitor;
ALTER TABLE posts DISABLE TRIGGER USER;
RESET ROLE;
SELECT * FROM sd_doctor.findings();
SELECT DISTINCT mend FROM sd_doctor.mend('trigger_disabled') ORDER BY 1;
SELECT DISTINCT mend FROM sd_doctor.mend('hide_inactive') ORDER BY 1;
SELECT DISTINCT mend FROM sd_doctor.mend('unguarded_reference') ORDER BY 1;
SELECT DISTINCT mend FROM sd_doctor.mend('uncovered_child') ORDER BY 1;
SELECT DISTINCT mend FROM sd_doctor.mend('detached_partition') ORDER BY 1;
SELECT DISTINCT mend FROM sd_doctor.mend('truncate_granted') ORDER BY 1;
SELECT * FROM sd_doctor.findings();
SET search_path = sd_doctor;
INSERT INTO users VALUES (1, 'a', 'a');
DELETE FROM users;
\set VERBOSITY terse
INSERT INTO comments VALUES (1, 1); -- fails
\set VERBOSITY default
INSERT INTO derived VALUES (1);
DELETE FROM derived;
INSERT INTO parts_2 VALUES (1);
DELETE FROM parts_2;
SET pgaccount.show_deleted = on;
SELECT (SELECT count(*) FROM derived) AS derived, (SELECT count(*) FROM parts_2) AS parts_2;
RESET pgaccount.show_deleted;
-- a foreign key added between two enabled tables: the child does not follow until enabled again
CREATE TABLE k1 (id int PRIMARY KEY);
CREATE TABLE k2 (id int PRIMARY KEY, k1 int);
CREATE INDEX ON k2 (k1);
SELECT account.enable_soft_delete('k1'), account.enable_soft_delete('k2') \gset
ALTER TABLE k2 ADD FOREIGN KEY (k1) REFERENCES k1 ON DELETE CASCADE;
RESET search_path;
SELECT * FROM sd_doctor.findings();
SELECT DISTINCT mend FROM sd_doctor.mend('uncovered_child') ORDER BY 1;
INSERT INTO sd_doctor.k1 VALUES (1);
INSERT INTO sd_doctor.k2 VALUES (1, 1);
DELETE FROM sd_doctor.k1;
SELECT count(*) FROM sd_doctor.k2;
SELECT * FROM sd_doctor.findings();
-- odd names
CREATE SCHEMA "sd doctor";
CREATE TABLE "sd doctor"."T ""t" (id int PRIMARY KEY, "E 'e" text UNIQUE);
SELECT account.enable_soft_delete('"sd doctor"."T ""t"', deleted_at => 'G "g') \gset
SELECT * FROM sd_doctor.findings();
DO $$BEGIN EXECUTE (SELECT remedy FROM account.doctor() WHERE object LIKE '"sd doctor"%'); END$$;
SELECT * FROM sd_doctor.findings();

-- what does not act any more, and what that says
SET ROLE regress_sd_owner;
SET search_path = sd_doctor;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE owners (id serial PRIMARY KEY);
CREATE FUNCTION other_note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER note AFTER DELETE ON owners FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER note_both AFTER UPDATE OR DELETE ON owners FOR EACH ROW EXECUTE FUNCTION other_note();
CREATE TABLE api_keys (id serial PRIMARY KEY, owner int REFERENCES owners ON DELETE CASCADE);
CREATE TABLE pages (id serial PRIMARY KEY, editor int REFERENCES owners ON DELETE SET NULL, owner int REFERENCES owners);
CREATE TABLE roles (id uuid PRIMARY KEY);
CREATE TABLE countries (code char(2) PRIMARY KEY);
CREATE TABLE countries_parse ("objectId" text PRIMARY KEY); -- an application makes its ids: no finding
CREATE TABLE memberships (owner int REFERENCES owners ON DELETE CASCADE, role uuid REFERENCES roles, PRIMARY KEY (owner, role));
SET client_min_messages = error;
SELECT account.enable_soft_delete('owners'), account.enable_soft_delete('memberships'), account.enable_soft_delete('countries'), account.enable_soft_delete('countries_parse'), account.enable_soft_delete('roles') \gset
RESET client_min_messages;
SELECT severity, code, object, message, remedy FROM account.doctor() WHERE object ~ 'owners|api_keys|pages|memberships|countries|roles';
CREATE INDEX ON api_keys (owner);
SELECT account.enable_soft_delete('api_keys');
CREATE TRIGGER note_update AFTER UPDATE ON owners FOR EACH ROW EXECUTE FUNCTION note();
SELECT severity, code, object FROM account.doctor() WHERE object ~ 'owners|api_keys|pages|memberships|countries|roles';
RESET ROLE;
RESET search_path;

-- new rows that are deleted ones, by defaults that came later
SET ROLE regress_sd_owner;
SET search_path = sd_doctor;
CREATE DOMAIN moment AS timestamptz;
CREATE TABLE born (id int PRIMARY KEY, deleted_at moment, is_deleted boolean DEFAULT false, note text DEFAULT 'true');
CREATE TABLE born_parts (id int, "is Deleted" boolean, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE born_part PARTITION OF born_parts FOR VALUES IN (1);
SELECT account.enable_soft_delete('born'), account.enable_soft_delete('born_parts', flag => 'is Deleted') \gset
SELECT count(*) FROM account.doctor() WHERE code = 'born_deleted';
ALTER DOMAIN moment SET DEFAULT now();
ALTER TABLE born ALTER is_deleted SET DEFAULT true;
ALTER TABLE born_part ALTER "is Deleted" SET DEFAULT true;
SELECT severity, object, message, remedy FROM account.doctor() WHERE code = 'born_deleted';
SELECT DISTINCT mend FROM mend('born_deleted') ORDER BY 1;
SELECT count(*) FROM account.doctor() WHERE code = 'born_deleted';
INSERT INTO born VALUES (1);
INSERT INTO born_part VALUES (1);
SELECT count(*) FROM born, born_parts;
RESET ROLE;
RESET search_path;

SET client_min_messages = warning;
DROP SCHEMA sd_doctor, "sd doctor", sd_other CASCADE;
DROP OWNED BY regress_sd_owner;
DROP ROLE regress_sd_owner, regress_sd_monitor, regress_sd_other;
