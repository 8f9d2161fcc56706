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

-- children whose key names a partition follow all the same
CREATE TABLE attack.r (id int, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE attack.r1 PARTITION OF attack.r FOR VALUES IN (1, 2);
ALTER TABLE attack.r1 ADD PRIMARY KEY (id);
CREATE TABLE attack.k (id int PRIMARY KEY, r int REFERENCES attack.r1 ON DELETE CASCADE, deleted_at timestamptz);
INSERT INTO attack.r VALUES (1);
INSERT INTO attack.k VALUES (1, 1);
SELECT account.enable_soft_delete('attack.r'), account.enable_soft_delete('attack.k');
DELETE FROM attack.r;
SELECT count(*) AS live FROM attack.k;

-- an UPDATE that moves a row out of a table that was attached after enabling
CREATE TABLE attack.old (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('attack.old');
INSERT INTO attack.old VALUES (1);
CREATE TABLE attack.h (id int PRIMARY KEY, deleted_at timestamptz) PARTITION BY RANGE (id);
-- where no event trigger refuses it
SET session_replication_role = replica;
ALTER TABLE attack.h ATTACH PARTITION attack.old FOR VALUES FROM (1) TO (10);
RESET session_replication_role;
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

-- a plan is not freed while it runs: a child's trigger deletes another parent after an invalidation
CREATE TABLE attack.p (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE attack.c (id int PRIMARY KEY, p int REFERENCES attack.p ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete('attack.p'), account.enable_soft_delete('attack.c');
INSERT INTO attack.p VALUES (1), (2);
INSERT INTO attack.c VALUES (1, 1), (2, 2);
CREATE FUNCTION attack.more() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN IF NEW.p = 1 THEN ANALYZE attack.c; DELETE FROM attack.p WHERE id = 2; END IF; RETURN NEW; END$$;
CREATE TRIGGER a BEFORE UPDATE ON attack.c FOR EACH ROW EXECUTE FUNCTION attack.more();
DELETE FROM attack.p WHERE id = 1;
SELECT (SELECT count(*) FROM attack.p) AS parents, (SELECT count(*) FROM attack.c) AS children;

-- stamps of less precision: children come back all the same
CREATE TABLE attack.coarse (id int PRIMARY KEY, p int REFERENCES attack.p ON DELETE CASCADE, deleted_at timestamptz(0));
SELECT account.enable_soft_delete('attack.coarse');
INSERT INTO attack.p VALUES (10);
INSERT INTO attack.coarse VALUES (1, 10);
DELETE FROM attack.p WHERE id = 10;
SELECT account.restore('attack.p', 10);

-- a deleted row is left alone by the MERGE action that would delete it, and does not fall to the next
CREATE TABLE attack.m (id int PRIMARY KEY, v int, deleted_at timestamptz);
SELECT account.enable_soft_delete('attack.m', hide => false);
INSERT INTO attack.m VALUES (1, 1);
DELETE FROM attack.m;
MERGE INTO attack.m AS t USING (VALUES (1, 99)) AS s (id, v) ON t.id = s.id
    WHEN MATCHED AND s.v = 99 THEN DELETE
    WHEN MATCHED THEN UPDATE SET v = s.v;
SELECT v FROM attack.m;

-- an upsert does not write into a row that nobody sees
SELECT account.enable_soft_delete('attack.m', hide => true);
INSERT INTO attack.m VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET v = excluded.v; -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO attack.m VALUES (1, 5) ON CONFLICT (id) DO NOTHING; -- fails
INSERT INTO attack.m VALUES (2, 5) ON CONFLICT (id) DO UPDATE SET v = excluded.v + 1;
INSERT INTO attack.m VALUES (2, 5) ON CONFLICT (id) DO UPDATE SET v = excluded.v + 1 WHERE m.v = 5;
SELECT id, v FROM attack.m;

-- tables with the names that our statements use
CREATE TABLE attack.n (id int PRIMARY KEY, email text, deleted_at timestamptz);
SELECT account.enable_soft_delete('attack.n');
CREATE UNIQUE INDEX ON attack.n (email) WHERE deleted_at IS NULL;
INSERT INTO attack.n VALUES (1, 'a');
DELETE FROM attack.n;
SELECT account.restore('attack.n', 1);

-- children follow by keys of which there are no arrays, too
CREATE TABLE attack.arrays (id int[] PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE attack.parts (id int PRIMARY KEY, a int[] REFERENCES attack.arrays ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete('attack.arrays');
SELECT account.enable_soft_delete('attack.parts');

-- renamed triggers are found
ALTER TRIGGER "00_account_soft_delete" ON attack.n RENAME TO mine;
SELECT account.disable_soft_delete('attack.n');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'attack.n'::regclass AND NOT tgisinternal;

-- enabling runs the table's triggers as its owner
SET ROLE account_mallory;
CREATE TABLE attack.trap (id int PRIMARY KEY, is_deleted boolean, deleted_at timestamptz);
INSERT INTO attack.trap VALUES (1, true, NULL);
CREATE FUNCTION attack.spring() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE NOTICE 'trigger runs as %', current_user; RETURN NEW; END$$;
CREATE TRIGGER aaa BEFORE UPDATE ON attack.trap FOR EACH ROW EXECUTE FUNCTION attack.spring();
RESET ROLE;
SELECT account.enable_soft_delete('attack.trap');

-- who was granted TRIGGER may guard, and be rid of it again; without it the refusal says what is missing
SET ROLE account_alice;
CREATE TABLE attack.gp (id int PRIMARY KEY, deleted_at timestamptz);
GRANT REFERENCES ON attack.gp TO account_mallory;
SET ROLE account_mallory;
CREATE TABLE attack.gc (id int PRIMARY KEY, p int REFERENCES attack.gp);
SET ROLE account_alice;
SELECT account.enable_soft_delete('attack.gp', guard_references => true); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE account_mallory;
GRANT TRIGGER ON attack.gc TO account_alice;
SET ROLE account_alice;
SELECT account.enable_soft_delete('attack.gp', guard_references => true);
SELECT account.disable_soft_delete('attack.gp');
RESET ROLE;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'attack.gc'::regclass AND NOT tgisinternal;

-- a trigger written by hand maps columns of the right types or none
CREATE TABLE attack.hand (id int, deleted_at timestamptz, x pg_node_tree);
CREATE TRIGGER hand BEFORE DELETE ON attack.hand FOR EACH ROW
    WHEN (account.marks(OLD.deleted_at, NULL, OLD.x::text)) EXECUTE FUNCTION account.soft_delete();
INSERT INTO attack.hand VALUES (1);
DELETE FROM attack.hand RETURNING id, x;

-- a partition that was attached after enabling refuses TRUNCATE by itself, and is named when detached
CREATE TABLE attack.late PARTITION OF attack.pt FOR VALUES FROM (200) TO (300);
SELECT tgname FROM pg_trigger WHERE tgrelid = 'attack.late'::regclass AND tgparentid = 0;
ALTER TABLE attack.pt DETACH PARTITION attack.late;
SELECT object FROM account.doctor() WHERE code = 'detached_partition';

SET client_min_messages = warning;
DROP SCHEMA attack, attacker CASCADE;
DROP ROLE account_alice, account_mallory;
