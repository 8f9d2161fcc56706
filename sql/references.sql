-- Foreign keys: deleted parents and children, cascades, parents removed for good.
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE ROLE regress_sd_other;
CREATE SCHEMA sd_refs AUTHORIZATION regress_sd_owner;
SET ROLE regress_sd_owner;
SET search_path = sd_refs;
GRANT USAGE ON SCHEMA sd_refs TO regress_sd_other;
RESET client_min_messages;
\set QUIET off

-- no foreign key is violated: rows of child whose key is not in parent, whatever is deleted
CREATE FUNCTION orphans(child regclass, col name, parent regclass, key name DEFAULT 'id') RETURNS bigint LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
DECLARE n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s c WHERE %I IS NOT NULL AND NOT EXISTS (SELECT FROM %s p WHERE p.%I = c.%I)', child, col, parent, key, col) INTO n;
    RETURN n;
END $$;
CREATE FUNCTION all_of(t regclass, cols text DEFAULT 'id') RETURNS TABLE (r text, dead boolean) LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
BEGIN RETURN QUERY EXECUTE format('SELECT concat_ws('','', %s), deleted_at IS NOT NULL FROM %s ORDER BY %s', cols, t, cols); END $$;

-- child rows stay, whatever their foreign key says -----------------------------------------------------------
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE);
CREATE TABLE codes (id int PRIMARY KEY, owner int REFERENCES users ON DELETE RESTRICT);
CREATE TABLE frames (id int PRIMARY KEY, owner int REFERENCES users);
CREATE TABLE subs (id int PRIMARY KEY, owner int REFERENCES users ON DELETE SET NULL);
CREATE TABLE logs (id int PRIMARY KEY, owner int DEFAULT 3 REFERENCES users ON DELETE SET DEFAULT);
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 5) i;
INSERT INTO posts SELECT i, i FROM generate_series(1, 5) i;
INSERT INTO codes SELECT * FROM posts;
INSERT INTO frames SELECT * FROM posts;
INSERT INTO subs SELECT * FROM posts;
INSERT INTO logs SELECT * FROM posts;
SELECT account.enable_soft_delete('users') \gset
DELETE FROM users WHERE id = 1;
SELECT (SELECT count(*) FROM posts) AS posts, (SELECT count(*) FROM codes) AS codes, (SELECT count(*) FROM frames) AS frames,
    (SELECT count(owner) FROM subs) AS subs, (SELECT owner FROM logs WHERE id = 1) AS log_owner;
-- the key of a referenced row may change as ever, deleted or not
CREATE TABLE friends (id int PRIMARY KEY, of int REFERENCES users ON UPDATE CASCADE);
INSERT INTO friends VALUES (1, 1), (2, 2);
ALTER TABLE posts DROP CONSTRAINT posts_author_fkey;
ALTER TABLE codes DROP CONSTRAINT codes_owner_fkey;
ALTER TABLE frames DROP CONSTRAINT frames_owner_fkey;
ALTER TABLE subs DROP CONSTRAINT subs_owner_fkey;
ALTER TABLE logs DROP CONSTRAINT logs_owner_fkey;
UPDATE users SET id = 20 WHERE id = 2;
SET pgaccount.show_deleted = on;
UPDATE users SET id = 10 WHERE id = 1;
RESET pgaccount.show_deleted;
SELECT * FROM friends ORDER BY id;

-- children with soft delete follow, with the same stamp ----------------------------------------------------------
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE);
CREATE TABLE c (id int PRIMARY KEY, b int REFERENCES b ON DELETE CASCADE);
CREATE TABLE plain_child (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE);
CREATE TABLE soft_noaction (id int PRIMARY KEY, a int REFERENCES a);
INSERT INTO a SELECT generate_series(1, 4);
INSERT INTO b SELECT i, 1 + i % 4 FROM generate_series(1, 8) i;
INSERT INTO c SELECT i, 1 + i % 8 FROM generate_series(1, 16) i;
INSERT INTO plain_child SELECT i, i FROM generate_series(1, 4) i;
INSERT INTO soft_noaction SELECT i, i FROM generate_series(1, 4) i;
SELECT account.enable_soft_delete('a'), account.enable_soft_delete('b', flag => 'gone', deleted_by => 'gone_by'), account.enable_soft_delete('c', deleted_at => 'deleted_at'), account.enable_soft_delete('soft_noaction') \gset
DELETE FROM c WHERE id = 16;
SELECT pg_sleep(0.01) \gset
DELETE FROM a WHERE id = 1 RETURNING id;
SELECT * FROM all_of('a');
SELECT * FROM all_of('b') WHERE dead;
SELECT * FROM all_of('c', 'id,b') WHERE dead;
SELECT * FROM all_of('soft_noaction') WHERE dead;
SELECT count(*) FROM plain_child;
SET pgaccount.show_deleted = on;
SELECT count(DISTINCT deleted_at) AS one_stamp FROM (SELECT deleted_at FROM a UNION ALL SELECT deleted_at FROM b UNION ALL SELECT deleted_at FROM c WHERE id <> 16) x WHERE deleted_at IS NOT NULL;
SELECT id, gone, gone_by = session_user AS by_me FROM b WHERE a = 1 ORDER BY id;
SELECT c.deleted_at < a.deleted_at AS own_stamp_stays FROM c, a WHERE c.id = 16 AND a.id = 1;
RESET pgaccount.show_deleted;
-- an application that sets deleted_at itself has the same consequences; taking it back too
UPDATE a SET deleted_at = '2020-01-01 UTC' WHERE id = 2;
SELECT * FROM all_of('b', 'id,a') WHERE r LIKE '%,2';
SET pgaccount.show_deleted = on;
SELECT id, deleted_at = '2020-01-01 UTC' AS same_stamp FROM c WHERE b IN (SELECT id FROM b WHERE a = 2) ORDER BY id;
UPDATE a SET deleted_at = NULL WHERE id = 2;
SELECT count(*) FILTER (WHERE b.deleted_at IS NOT NULL) AS b, count(*) FILTER (WHERE c.deleted_at IS NOT NULL) AS c FROM b JOIN c ON c.b = b.id WHERE a = 2;
RESET pgaccount.show_deleted;
-- children of rows deleted by CTE, MERGE, USING, cursor, in a loop, and of none
WITH gone AS (DELETE FROM a WHERE id = 2 RETURNING id) SELECT * FROM gone;
SELECT count(*) FROM b WHERE a = 2;
MERGE INTO a USING (VALUES (3)) v(id) ON a.id = v.id WHEN MATCHED THEN DELETE;
SELECT count(*) FROM b WHERE a = 3;
BEGIN;
SAVEPOINT s;
DELETE FROM a WHERE id = 4;
SELECT count(*) FROM b WHERE a = 4;
ROLLBACK TO s;
SELECT count(*) FROM b WHERE a = 4;
DELETE FROM a WHERE id = 4;
SELECT count(*) FROM b WHERE a = 4;
ROLLBACK;
SELECT count(*) FROM b WHERE a = 4;
DELETE FROM a WHERE id = 99;
SELECT count(*) FROM b;
-- deleting parent and child in one statement: each row once
CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''% of % %'', TG_OP, TG_TABLE_NAME, NEW.id; RETURN NULL; END';
CREATE TRIGGER counted AFTER UPDATE ON b FOR EACH ROW EXECUTE FUNCTION counted();
WITH x AS (DELETE FROM b WHERE id = 3 RETURNING id) DELETE FROM a WHERE id = 4;
DROP TRIGGER counted ON b;
SELECT * FROM all_of('b', 'id,a') WHERE r LIKE '%,4';

-- cascade_runs_as_the_childs_owner: the caller needs nothing on the children
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO p VALUES (1), (2);
GRANT REFERENCES ON p TO regress_sd_other;
GRANT SELECT, DELETE ON p TO regress_sd_other;
SELECT account.enable_soft_delete('p') \gset
RESET ROLE;
CREATE SCHEMA sd_refs_other AUTHORIZATION regress_sd_other;
SET ROLE regress_sd_other;
CREATE TABLE sd_refs_other.k (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE);
INSERT INTO sd_refs_other.k VALUES (1, 1), (2, 2);
SELECT account.enable_soft_delete('sd_refs_other.k') \gset
SET ROLE regress_sd_owner;
DELETE FROM p WHERE id = 1;
SET ROLE regress_sd_other;
SELECT id FROM sd_refs_other.k;
DELETE FROM p WHERE id = 2;
SELECT id FROM sd_refs_other.k;
SET ROLE regress_sd_owner;

-- self-referencing trees: deep ones too --------------------------------------------------------------------------------
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree ON DELETE CASCADE);
INSERT INTO tree SELECT i, nullif(i - 1, 0) FROM generate_series(1, 5000) i;
CREATE INDEX ON tree (parent);
ANALYZE tree;
SELECT account.enable_soft_delete('tree') \gset
DELETE FROM tree WHERE id = 4990;
SELECT count(*) FROM tree;
DELETE FROM tree WHERE id = 2;
SELECT id FROM tree;
SET pgaccount.show_deleted = on;
SELECT count(DISTINCT deleted_at) AS stamps, count(*) FILTER (WHERE deleted_at IS NOT NULL) AS dead FROM tree;
UPDATE tree SET deleted_at = NULL WHERE id = 2;
SELECT count(*) FILTER (WHERE deleted_at IS NULL) AS live, count(*) FILTER (WHERE deleted_at IS NOT NULL) AS still_dead FROM tree;
RESET pgaccount.show_deleted;
-- a row that references itself, a cycle of two, a cycle over two tables
CREATE TABLE selfish (id int PRIMARY KEY, me int REFERENCES selfish ON DELETE CASCADE);
INSERT INTO selfish VALUES (1, 1), (2, NULL), (3, 2), (4, 3);
UPDATE selfish SET me = 4 WHERE id = 2;
SELECT account.enable_soft_delete('selfish') \gset
DELETE FROM selfish WHERE id = 1;
DELETE FROM selfish WHERE id = 3;
SELECT * FROM all_of('selfish');
CREATE TABLE egg (id int PRIMARY KEY, hen int);
CREATE TABLE hen (id int PRIMARY KEY, egg int REFERENCES egg ON DELETE CASCADE);
ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO egg SELECT i, i FROM generate_series(1, 3) i;
INSERT INTO hen SELECT i, 1 + i % 3 FROM generate_series(1, 3) i;
COMMIT;
SELECT account.enable_soft_delete('egg'), account.enable_soft_delete('hen') \gset
DELETE FROM hen WHERE id = 1;
SELECT * FROM all_of('hen') UNION ALL SELECT * FROM all_of('egg') ORDER BY 1, 2;

-- composite keys, other types, keys that are not primary, several keys between two tables ----------------------------------
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE TABLE comp (x int, y code, z varchar(5) UNIQUE, PRIMARY KEY (x, y));
CREATE TABLE comp_child (id int PRIMARY KEY, cy code, cx bigint, z text, FOREIGN KEY (cx, cy) REFERENCES comp (x, y) ON DELETE CASCADE, FOREIGN KEY (z) REFERENCES comp (z) ON DELETE CASCADE);
INSERT INTO comp VALUES (1, 'a', 'z1'), (1, 'b', 'z2'), (2, 'a', NULL), (3, 'c', 'z3');
INSERT INTO comp_child VALUES (1, 'a', 1, NULL), (2, 'b', 1, NULL), (3, 'a', 2, 'z1'), (4, NULL, 1, NULL), (5, NULL, NULL, 'z2'), (6, 'c', 3, 'z3'), (7, NULL, 3, NULL);
SELECT account.enable_soft_delete('comp'), account.enable_soft_delete('comp_child') \gset
DELETE FROM comp WHERE x = 1 AND y = 'a';
SELECT * FROM all_of('comp_child', 'id');
DELETE FROM comp;
SELECT id FROM comp_child ORDER BY id;

-- partitioned parents and children -------------------------------------------------------------------------------------------
CREATE TABLE pp (id int, t int, deleted_at timestamptz, PRIMARY KEY (t, id)) PARTITION BY LIST (t);
CREATE TABLE pp_1 PARTITION OF pp FOR VALUES IN (1);
CREATE TABLE pp_2 (deleted_at timestamptz, t int NOT NULL, id int NOT NULL);
ALTER TABLE pp ATTACH PARTITION pp_2 FOR VALUES IN (2);
CREATE TABLE pc (id int, pt int, pid int, deleted_at timestamptz, FOREIGN KEY (pt, pid) REFERENCES pp (t, id) ON DELETE CASCADE) PARTITION BY HASH (id);
CREATE TABLE pc_0 PARTITION OF pc FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE pc_1 (pid int, deleted_at timestamptz, id int, pt int);
ALTER TABLE pc ATTACH PARTITION pc_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO pp SELECT i, t FROM generate_series(1, 3) i, generate_series(1, 2) t;
INSERT INTO pc SELECT 10 * t + i, t, i FROM generate_series(1, 3) i, generate_series(1, 2) t;
SELECT account.enable_soft_delete('pp'), account.enable_soft_delete('pc') \gset
DELETE FROM pp WHERE id = 1;
DELETE FROM pp_2 WHERE id = 2;
SELECT * FROM all_of('pc', 'id');
-- a partition attached later
CREATE TABLE pp_3 PARTITION OF pp FOR VALUES IN (3);
INSERT INTO pp VALUES (1, 3), (2, 3);
INSERT INTO pc VALUES (31, 3, 1), (32, 3, 2);
DELETE FROM pp_3 WHERE id = 1;
DELETE FROM pp WHERE t = 3 AND id = 2;
SELECT * FROM all_of('pc', 'id') WHERE r LIKE '3%';

-- the children of an inheritance parent's own rows; enabled in either order; a key added later
CREATE TABLE early_child (id int PRIMARY KEY, p int, deleted_at timestamptz);
CREATE TABLE late_parent (id int PRIMARY KEY, deleted_at timestamptz);
INSERT INTO late_parent VALUES (1), (2), (3);
INSERT INTO early_child VALUES (1, 1), (2, 2), (3, 3);
SELECT account.enable_soft_delete('early_child') \gset
SELECT account.enable_soft_delete('late_parent') \gset
ALTER TABLE early_child ADD FOREIGN KEY (p) REFERENCES late_parent ON DELETE CASCADE;
SELECT account.enable_soft_delete('late_parent') \gset
DELETE FROM late_parent WHERE id = 1;
SELECT id FROM early_child ORDER BY id;
SELECT account.disable_soft_delete('early_child') \gset
DELETE FROM late_parent WHERE id = 2;
SELECT id FROM early_child WHERE deleted_at IS NULL ORDER BY id;

-- children => true enables what follows by CASCADE -----------------------------------------------------------------------------
CREATE TABLE top (id int PRIMARY KEY);
CREATE TABLE mid (id int PRIMARY KEY, top int REFERENCES top ON DELETE CASCADE);
CREATE TABLE leaf (id int PRIMARY KEY, mid int REFERENCES mid ON DELETE CASCADE);
CREATE TABLE keep (id int PRIMARY KEY, mid int REFERENCES mid);
CREATE TABLE loops (id int PRIMARY KEY, leaf int REFERENCES leaf ON DELETE CASCADE, loops int REFERENCES loops ON DELETE CASCADE);
INSERT INTO top VALUES (1), (2);
INSERT INTO mid VALUES (1, 1), (2, 2);
INSERT INTO leaf VALUES (1, 1), (2, 2);
INSERT INTO keep VALUES (1, 1);
INSERT INTO loops VALUES (1, 1, NULL), (2, NULL, 1);
SELECT account.enable_soft_delete('top', children => true) \gset
-- as an ORM does it: children first, one by one
DELETE FROM leaf WHERE id = 2;
DELETE FROM mid WHERE id = 2;
DELETE FROM top WHERE id = 2;
DELETE FROM top WHERE id = 1;
SELECT (SELECT count(*) FROM mid) AS mid, (SELECT count(*) FROM leaf) AS leaf, (SELECT count(*) FROM keep) AS keep, (SELECT count(*) FROM loops) AS loops;
SET pgaccount.show_deleted = on;
SELECT (SELECT count(*) FROM top) AS top, (SELECT count(*) FROM mid) AS mid, (SELECT count(*) FROM leaf) AS leaf, (SELECT count(*) FROM loops) AS loops;
RESET pgaccount.show_deleted;
-- one whose children somebody else owns
CREATE TABLE topp (id int PRIMARY KEY);
GRANT REFERENCES ON topp TO regress_sd_other;
SET ROLE regress_sd_other;
CREATE TABLE sd_refs_other.foreign_child (id int PRIMARY KEY, topp int REFERENCES topp ON DELETE CASCADE);
SET ROLE regress_sd_owner;
SELECT account.enable_soft_delete('topp', children => true); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS nothing_changed FROM pg_attribute WHERE attrelid = 'topp'::regclass AND attname = 'deleted_at';

-- parent_delete_leaves_no_orphan: a parent removed for good ----------------------------------------------------------------------------
CREATE TABLE tenants (id int PRIMARY KEY, name text);
CREATE TABLE members (id int PRIMARY KEY, tenant int NOT NULL REFERENCES tenants ON DELETE CASCADE);
CREATE TABLE items (id int PRIMARY KEY, tenant int REFERENCES tenants ON DELETE CASCADE, member int REFERENCES members ON DELETE CASCADE);
INSERT INTO tenants SELECT i, 't' || i FROM generate_series(1, 6) i;
INSERT INTO members SELECT i, 1 + i % 6 FROM generate_series(1, 12) i;
INSERT INTO items SELECT i, 1 + i % 6, i FROM generate_series(1, 12) i;
SELECT account.enable_soft_delete('members') \gset
DELETE FROM tenants WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
-- dead rows count like live ones
DELETE FROM members WHERE tenant = 1;
DELETE FROM tenants WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT orphans('members', 'tenant', 'tenants'), (SELECT count(*) FROM tenants) AS tenants;
-- with several parents at once, in a CTE, by MERGE, from PL/pgSQL: never a dangling reference, never XX000
\set VERBOSITY terse
DELETE FROM tenants; -- fails
\echo :LAST_ERROR_SQLSTATE
WITH gone AS (DELETE FROM tenants WHERE id = 2 RETURNING id) SELECT * FROM gone; -- fails
\echo :LAST_ERROR_SQLSTATE
MERGE INTO tenants USING (VALUES (2)) v(id) ON tenants.id = v.id WHEN MATCHED THEN DELETE; -- fails
\echo :LAST_ERROR_SQLSTATE
DO $$BEGIN DELETE FROM sd_refs.tenants WHERE id = 2; EXCEPTION WHEN restrict_violation THEN RAISE NOTICE '%', SQLSTATE; END$$;
\set VERBOSITY default
-- the error carries the constraint's names
DO $$
DECLARE s text; t text; c text; d text;
BEGIN
    DELETE FROM sd_refs.tenants WHERE id = 2;
EXCEPTION WHEN restrict_violation THEN
    GET STACKED DIAGNOSTICS s = SCHEMA_NAME, t = TABLE_NAME, c = CONSTRAINT_NAME, d = PG_EXCEPTION_DETAIL;
    RAISE NOTICE 'schema %, table %, constraint %, detail %', s, t, c, d;
END $$;
-- a parent without members goes
INSERT INTO tenants VALUES (7, 'empty');
DELETE FROM tenants WHERE id = 7;
-- on_parent_delete => 'delete': the rows go with it, and what cascades from them
SELECT account.enable_soft_delete('members', on_parent_delete => 'delete') \gset
DELETE FROM tenants WHERE id IN (1, 2);
SELECT orphans('members', 'tenant', 'tenants'), orphans('items', 'member', 'members'), orphans('items', 'tenant', 'tenants');
SELECT * FROM all_of('members', 'id,tenant') WHERE r LIKE '%,1' OR r LIKE '%,2';
SELECT count(*) FROM items WHERE tenant IN (1, 2);
-- while an ordinary DELETE stays soft
DELETE FROM members WHERE id = 2;
SELECT * FROM all_of('members', 'id') WHERE r = '2';
-- a grandchild that refuses stops all
SELECT account.enable_soft_delete('items') \gset
\set VERBOSITY terse
DELETE FROM tenants WHERE id = 3; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT orphans('members', 'tenant', 'tenants'), orphans('items', 'member', 'members'), count(*) FROM tenants;
SELECT account.enable_soft_delete('items', on_parent_delete => 'delete') \gset
DELETE FROM tenants WHERE id = 3;
SELECT orphans('members', 'tenant', 'tenants'), orphans('items', 'member', 'members'), orphans('items', 'tenant', 'tenants'), count(*) FROM tenants;
-- a member deleted softly takes its items along, softly
DELETE FROM members WHERE tenant = 4;
SELECT * FROM all_of('items', 'id,tenant') WHERE r LIKE '%,4';

-- deferred keys and SET NULL: a referential UPDATE always passes, of dead rows too ----------------------------------------------------------------
-- dead_rows_follow_set_null
CREATE TABLE groups (id int PRIMARY KEY);
CREATE TABLE accounts (id int PRIMARY KEY, grp int REFERENCES groups ON DELETE SET NULL ON UPDATE CASCADE, dflt int DEFAULT 1 REFERENCES groups ON DELETE SET DEFAULT, na int REFERENCES groups DEFERRABLE INITIALLY DEFERRED, flagged int);
INSERT INTO groups SELECT generate_series(1, 6);
INSERT INTO accounts VALUES (1, 2, 2, NULL), (2, 2, 2, NULL), (3, 3, 3, NULL), (4, 4, 4, 4);
SELECT account.enable_soft_delete('accounts', guard_references => true) \gset
SELECT account.enable_soft_delete('accounts', flag => 'is_deleted') \gset
DELETE FROM accounts WHERE id IN (1, 3, 4);
UPDATE groups SET id = 30 WHERE id = 3; -- fails
DELETE FROM groups WHERE id = 2;
SET pgaccount.show_deleted = on;
SELECT id, grp, dflt, na, is_deleted FROM accounts ORDER BY id;
UPDATE accounts SET dflt = 1 WHERE id = 3;
UPDATE groups SET id = 30 WHERE id = 3;
SELECT id, grp, dflt, is_deleted FROM accounts WHERE id = 3;
RESET pgaccount.show_deleted;
BEGIN;
DELETE FROM groups WHERE id = 4;
SELECT id, grp, na FROM accounts WHERE id = 4;
COMMIT; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT orphans('accounts', 'grp', 'groups'), orphans('accounts', 'dflt', 'groups'), orphans('accounts', 'na', 'groups');
-- a parent whose child is soft and NO ACTION, dead: it stands in the way
\set VERBOSITY terse
BEGIN;
DELETE FROM groups WHERE id = 4;
SET CONSTRAINTS ALL IMMEDIATE; -- fails
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
\set VERBOSITY default
-- a CASCADE key that is deferrable
CREATE TABLE dp (id int PRIMARY KEY);
CREATE TABLE dc (id int PRIMARY KEY, dp int REFERENCES dp ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO dp VALUES (1), (2);
INSERT INTO dc VALUES (1, 1), (2, 2);
SELECT account.enable_soft_delete('dc') \gset
\set VERBOSITY terse
BEGIN;
DELETE FROM dp WHERE id = 1; -- fails: an action is never deferred
\echo :LAST_ERROR_SQLSTATE
COMMIT;
\set VERBOSITY default
SELECT orphans('dc', 'dp', 'dp');
SELECT account.enable_soft_delete('dc', on_parent_delete => 'delete') \gset
BEGIN;
DELETE FROM dp WHERE id = 1;
SELECT count(*) FROM dc;
COMMIT;
SELECT count(*) FROM dc;
SELECT orphans('dc', 'dp', 'dp');

-- several CASCADE parents: only the one that is gone counts; NULL and composite keys
CREATE TABLE two (id int PRIMARY KEY, m int REFERENCES tenants ON DELETE CASCADE, n int REFERENCES groups ON DELETE CASCADE);
INSERT INTO two VALUES (1, 5, NULL), (2, NULL, 5), (3, 5, 6), (4, NULL, NULL);
SELECT account.enable_soft_delete('two') \gset
\set VERBOSITY terse
DELETE FROM groups WHERE id = 6; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT account.enable_soft_delete('two', on_parent_delete => 'delete') \gset
DELETE FROM groups WHERE id = 6;
SELECT * FROM all_of('two');
-- partitioned child under a hard-deleted parent
CREATE TABLE hard (id int PRIMARY KEY);
CREATE TABLE soft_parts (junk int, id int, h int REFERENCES hard ON DELETE CASCADE, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE soft_parts_1 PARTITION OF soft_parts FOR VALUES IN (1);
CREATE TABLE soft_parts_2 (deleted_at timestamptz, h int, id int, junk int);
ALTER TABLE soft_parts ATTACH PARTITION soft_parts_2 FOR VALUES IN (2);
INSERT INTO hard VALUES (1), (2);
INSERT INTO soft_parts (id, h) VALUES (1, 1), (2, 2), (2, 2);
SELECT account.enable_soft_delete('soft_parts') \gset
DELETE FROM hard WHERE id = 2; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('soft_parts', on_parent_delete => 'delete') \gset
DELETE FROM hard;
SELECT orphans('soft_parts', 'h', 'hard');
SELECT count(*) FROM soft_parts_2;
-- partitioned hard parent: removed, and moved between partitions
CREATE TABLE hp (id int, t int, PRIMARY KEY (id, t)) PARTITION BY LIST (t);
CREATE TABLE hp_1 PARTITION OF hp FOR VALUES IN (1);
CREATE TABLE hp_2 PARTITION OF hp FOR VALUES IN (2);
CREATE TABLE hpc (id int PRIMARY KEY, p int, t int, FOREIGN KEY (p, t) REFERENCES hp ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO hp VALUES (1, 1), (2, 1), (3, 2);
INSERT INTO hpc VALUES (1, 1, 1), (2, 2, 1), (3, 3, 2);
SELECT account.enable_soft_delete('hpc') \gset
DELETE FROM hpc WHERE id = 2;
DELETE FROM hp_1 WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
UPDATE hp SET t = 2 WHERE id IN (1, 2);
SELECT * FROM all_of('hpc', 'id,p,t');
-- composite key
CREATE TABLE hc (x int, y text, PRIMARY KEY (x, y));
CREATE TABLE hcc (id int PRIMARY KEY, y text, x int, FOREIGN KEY (x, y) REFERENCES hc ON DELETE CASCADE);
INSERT INTO hc VALUES (1, 'a'), (1, 'b');
INSERT INTO hcc VALUES (1, 'a', 1), (2, 'b', 1), (3, NULL, 1);
SELECT account.enable_soft_delete('hcc') \gset
DELETE FROM hc WHERE y = 'b'; -- fails
\echo :LAST_ERROR_SQLSTATE

-- user_trigger_inside_a_cascade_deletes_softly, and its cached plan later outside ------------------------------------------------------------------------------
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE kids (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE CASCADE);
CREATE TABLE notes (id int PRIMARY KEY, kid int);
INSERT INTO parents SELECT generate_series(1, 3);
INSERT INTO kids SELECT i, i FROM generate_series(1, 3) i;
INSERT INTO notes SELECT i, i FROM generate_series(1, 6) i;
CREATE FUNCTION drop_notes(k int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN DELETE FROM sd_refs.notes WHERE kid = k; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
CREATE FUNCTION kid_goes() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'notes of kid %: %', OLD.id, sd_refs.drop_notes(OLD.id); RETURN OLD; END $$;
CREATE TRIGGER kid_goes BEFORE DELETE ON kids FOR EACH ROW EXECUTE FUNCTION kid_goes();
SELECT account.enable_soft_delete('notes') \gset
DELETE FROM parents WHERE id = 1;
SELECT drop_notes(5);
DELETE FROM parents WHERE id = 2;
SELECT drop_notes(6), drop_notes(6);
SELECT * FROM all_of('notes');
-- the same where the trigger deletes with the very words of the server's own statement
CREATE FUNCTION kid_gone() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN EXECUTE 'DELETE FROM ONLY "sd_refs"."notes" WHERE $1 OPERATOR(pg_catalog.=) "kid"' USING OLD.id; RETURN OLD; END $$;
CREATE OR REPLACE TRIGGER kid_goes AFTER DELETE ON kids FOR EACH ROW EXECUTE FUNCTION kid_gone();
DELETE FROM parents WHERE id = 3;
SELECT * FROM all_of('notes') WHERE r = '3';
-- and where the table that the trigger deletes from has CASCADE parents of its own, all there
CREATE TABLE pages (id int PRIMARY KEY, kid int, parent int REFERENCES parents ON DELETE CASCADE);
INSERT INTO parents VALUES (10), (11);
INSERT INTO kids VALUES (10, 10);
INSERT INTO pages VALUES (1, 10, 11), (2, 10, NULL), (3, 10, 10);
SELECT account.enable_soft_delete('pages', on_parent_delete => 'delete') \gset
CREATE FUNCTION kid_pages() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN DELETE FROM sd_refs.pages WHERE kid = OLD.id AND id <> 3; RETURN OLD; END $$;
CREATE OR REPLACE TRIGGER kid_goes AFTER DELETE ON kids FOR EACH ROW EXECUTE FUNCTION kid_pages();
DELETE FROM parents WHERE id = 10;
SELECT * FROM all_of('pages');
SELECT orphans('pages', 'parent', 'parents');

-- a grandparent over plain tables between
CREATE TABLE g1 (id int PRIMARY KEY);
CREATE TABLE g2 (id int PRIMARY KEY, g1 int REFERENCES g1 ON DELETE CASCADE);
CREATE TABLE g3 (id int PRIMARY KEY, g2 int REFERENCES g2 ON DELETE CASCADE);
INSERT INTO g1 VALUES (1), (2);
INSERT INTO g2 VALUES (1, 1), (2, 2);
INSERT INTO g3 VALUES (1, 1), (2, 2);
SELECT account.enable_soft_delete('g3') \gset
\set VERBOSITY terse
DELETE FROM g1 WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT (SELECT count(*) FROM g1) AS g1, (SELECT count(*) FROM g2) AS g2, (SELECT count(*) FROM g3) AS g3;
SELECT account.enable_soft_delete('g3', on_parent_delete => 'delete') \gset
DELETE FROM g1;
SELECT (SELECT count(*) FROM g1) AS g1, (SELECT count(*) FROM g2) AS g2, (SELECT count(*) FROM g3) AS g3;

-- a soft parent's own hard DELETE under replica or after disabling: the children's rule applies
CREATE TABLE sp (id int PRIMARY KEY);
CREATE TABLE sc (id int PRIMARY KEY, sp int REFERENCES sp ON DELETE CASCADE);
INSERT INTO sp VALUES (1), (2);
INSERT INTO sc VALUES (1, 1), (2, 2);
SELECT account.enable_soft_delete('sp'), account.enable_soft_delete('sc') \gset
SELECT account.disable_soft_delete('sp') \gset
DELETE FROM sp WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('sp', children => true, on_parent_delete => 'delete') \gset
SELECT account.disable_soft_delete('sp') \gset
DELETE FROM sp WHERE id = 1;
SELECT orphans('sc', 'sp', 'sp'), (SELECT count(*) FROM sc) AS sc;

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_refs, sd_refs_other CASCADE;
DROP OWNED BY regress_sd_owner, regress_sd_other;
DROP ROLE regress_sd_owner, regress_sd_other;
