-- What a hostile or unlucky owner tries. Each statement here once did what its comment says.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS attack CASCADE;
DROP SCHEMA IF EXISTS attacker CASCADE;
DROP ROLE IF EXISTS account_alice, account_mallory;
CREATE ROLE account_alice;
CREATE ROLE account_mallory;
CREATE SCHEMA attack;
GRANT ALL ON SCHEMA attack TO account_alice, account_mallory;
CREATE SCHEMA attacker AUTHORIZATION account_mallory;
SET client_min_messages = notice;

-- operators of a child's owner must not get into a trigger of the parent's owner
SET ROLE account_alice;
CREATE TABLE attack.users (id int PRIMARY KEY, email text, status text, deleted_at timestamptz);
CREATE UNIQUE INDEX users_email ON attack.users (email) WHERE status IS DISTINCT FROM 'merged';
SELECT account.enable_soft_delete('attack.users');
GRANT SELECT, UPDATE, REFERENCES ON attack.users TO account_mallory;
SET ROLE account_mallory;
CREATE FUNCTION attacker.evil(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS
    $$BEGIN RAISE NOTICE 'the attacker''s code runs as %', current_user; RETURN $1 OPERATOR(pg_catalog.=) $2; END$$;
CREATE FUNCTION attacker.evil(text, text) RETURNS boolean LANGUAGE plpgsql AS
    $$BEGIN RAISE NOTICE 'the attacker''s code runs as %', current_user; RETURN $1 OPERATOR(pg_catalog.=) $2; END$$;
CREATE FUNCTION attacker.evil(boolean, boolean) RETURNS boolean LANGUAGE plpgsql AS
    $$BEGIN RAISE NOTICE 'the attacker''s code runs as %', current_user; RETURN $1 OPERATOR(pg_catalog.=) $2; END$$;
CREATE OPERATOR attacker.= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = attacker.evil);
CREATE OPERATOR attacker.= (LEFTARG = text, RIGHTARG = text, FUNCTION = attacker.evil);
CREATE OPERATOR attacker.= (LEFTARG = boolean, RIGHTARG = boolean, FUNCTION = attacker.evil);
CREATE DOMAIN attacker.timestamptz AS text;
GRANT USAGE ON SCHEMA attacker TO PUBLIC;
CREATE TABLE attack.kids (id int PRIMARY KEY, u int REFERENCES attack.users ON DELETE CASCADE, is_deleted boolean);
SET search_path = attacker, pg_catalog;
SELECT account.enable_soft_delete('attack.kids');
RESET search_path;
RESET ROLE;
INSERT INTO attack.users VALUES (1, 'a@x', 'live');
INSERT INTO attack.kids VALUES (1, 1, false);
DELETE FROM attack.users;
BEGIN;
SET LOCAL pgaccount.show_deleted = on;
UPDATE attack.users SET deleted_at = now() + interval '1 s';
SELECT pg_typeof(deleted_at) FROM attack.kids;
ROLLBACK;

-- nor may restore evaluate them as the table's owner
SET ROLE account_mallory;
SET search_path = attacker, pg_catalog;
SELECT account.restore('attack.users', 1);
RESET search_path;
RESET ROLE;

-- a table that came to inherit after enabling crashed the server when a child was enabled
CREATE TABLE attack.parent (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('attack.parent');
CREATE TABLE attack.heir () INHERITS (attack.parent);
CREATE TABLE attack.child (id int PRIMARY KEY, p int REFERENCES attack.parent ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete('attack.child');

-- a comparison that is not immutable: the referential DELETE was rewritten, and left a dangling key
CREATE TABLE attack.days (d date PRIMARY KEY);
CREATE TABLE attack.events (id int PRIMARY KEY, d timestamptz REFERENCES attack.days ON DELETE CASCADE, deleted_at timestamptz);
INSERT INTO attack.days VALUES ('2020-01-01');
INSERT INTO attack.events VALUES (1, '2020-01-01');
SELECT account.enable_soft_delete('attack.events');
DELETE FROM attack.days; -- fails
\echo :LAST_ERROR_SQLSTATE

-- deleted rows of a MERGE's source are not merged, by either clause
CREATE TABLE attack.src (id int PRIMARY KEY, v int, deleted_at timestamptz);
CREATE TABLE attack.dst (id int PRIMARY KEY, v int);
SELECT account.enable_soft_delete('attack.src');
INSERT INTO attack.src VALUES (1, 10), (2, 20), (3, 30);
DELETE FROM attack.src WHERE id >= 2;
INSERT INTO attack.dst VALUES (3, 0);
MERGE INTO attack.dst USING attack.src ON dst.id = src.id
    WHEN MATCHED THEN UPDATE SET v = src.v
    WHEN NOT MATCHED THEN INSERT VALUES (src.id, src.v);
SELECT * FROM attack.dst ORDER BY id;

-- a DELETE by way of a table without soft delete: children follow all the same
CREATE TABLE attack.r (id int, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE attack.r1 PARTITION OF attack.r FOR VALUES IN (1, 2);
ALTER TABLE attack.r1 ADD PRIMARY KEY (id);
CREATE TABLE attack.k (id int PRIMARY KEY, r int REFERENCES attack.r1 ON DELETE CASCADE, deleted_at timestamptz);
INSERT INTO attack.r VALUES (1);
INSERT INTO attack.k VALUES (1, 1);
SELECT account.enable_soft_delete('attack.r1'), account.enable_soft_delete('attack.k');
DELETE FROM attack.r;
SELECT count(*) AS live FROM attack.k;

-- an UPDATE that moves a row out of a table that was attached after enabling
CREATE TABLE attack.old (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('attack.old');
INSERT INTO attack.old VALUES (1);
CREATE TABLE attack.h (id int PRIMARY KEY, deleted_at timestamptz) PARTITION BY RANGE (id);
ALTER TABLE attack.h ATTACH PARTITION attack.old FOR VALUES FROM (1) TO (10);
CREATE TABLE attack.new PARTITION OF attack.h FOR VALUES FROM (10) TO (100);
UPDATE attack.h SET id = 11;
SET pgaccount.show_deleted = on;
SELECT tableoid::regclass, id, deleted_at FROM attack.h;
RESET pgaccount.show_deleted;

-- the same while a trigger of the application updates another partitioned soft-delete table
CREATE TABLE attack.pt (id int PRIMARY KEY, deleted_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE attack.pt1 PARTITION OF attack.pt FOR VALUES FROM (1) TO (10);
CREATE TABLE attack.pt2 PARTITION OF attack.pt FOR VALUES FROM (10) TO (100);
CREATE TABLE attack.cnt (id int PRIMARY KEY, n int, deleted_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE attack.cnt1 PARTITION OF attack.cnt FOR VALUES FROM (1) TO (10);
SELECT account.enable_soft_delete('attack.pt'), account.enable_soft_delete('attack.cnt');
INSERT INTO attack.pt VALUES (1), (2);
INSERT INTO attack.cnt VALUES (1, 0);
CREATE FUNCTION attack.audit() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN UPDATE attack.cnt SET deleted_at = deleted_at, n = n + 1; RETURN NEW; END$$;
CREATE TRIGGER zz_audit BEFORE UPDATE ON attack.pt FOR EACH ROW EXECUTE FUNCTION attack.audit();
UPDATE attack.pt SET id = id + 10;
SELECT id FROM attack.pt ORDER BY id;
SELECT n FROM attack.cnt;

SET client_min_messages = warning;
DROP SCHEMA attack, attacker CASCADE;
DROP ROLE account_alice, account_mallory;
