-- What follows a deletion: keys of every type, hierarchies, triggers that keep rows back.
SET client_min_messages = warning;
CREATE ROLE regress_casc_owner;
CREATE SCHEMA casc AUTHORIZATION regress_casc_owner;
SET ROLE regress_casc_owner;
SET search_path = casc;
\set QUIET off
\set VERBOSITY default
CREATE FUNCTION dead(t regclass, OUT r text, OUT dead boolean) RETURNS SETOF record LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
BEGIN RETURN QUERY EXECUTE format('SELECT tableoid::regclass || '' '' || id, deleted_at IS NOT NULL FROM %s ORDER BY tableoid::regclass::text, id', t); END $$;

-- keys_of_an_inheriting_table_are_followed -------------------------------------------------------------------------
CREATE TABLE base (id int PRIMARY KEY, n int);
CREATE TABLE kid (PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE of_kid (id int PRIMARY KEY, k int REFERENCES kid ON DELETE CASCADE);
CREATE TABLE of_base (id int PRIMARY KEY, k int REFERENCES base ON DELETE CASCADE);
INSERT INTO base VALUES (1, 1), (3, 3);
INSERT INTO kid VALUES (1, 1), (2, 2);
INSERT INTO of_kid VALUES (1, 1), (2, 2);
INSERT INTO of_base VALUES (1, 1), (3, 3);
SELECT account.enable_soft_delete('of_kid'), account.enable_soft_delete('of_base'), account.enable_soft_delete('base') \gset
DELETE FROM ONLY kid WHERE id = 1;
SELECT * FROM dead('of_kid') UNION ALL SELECT * FROM dead('of_base');
DELETE FROM base WHERE id = 2;
SELECT * FROM dead('of_kid');
SELECT account.restore('base', 2) AS by_the_parent, account.restore('kid', 1) AS by_name;
SELECT * FROM dead('of_kid') UNION ALL SELECT * FROM dead('of_base');
DELETE FROM ONLY base WHERE id = 1;
SELECT * FROM dead('of_kid') UNION ALL SELECT * FROM dead('of_base');
-- enabling_the_parent_takes_nothing_from_the_child: both ways round
SELECT account.disable_soft_delete('base'), account.enable_soft_delete('base') \gset
DELETE FROM kid WHERE id = 2;
SELECT account.enable_soft_delete('base', hide => false) \gset
SELECT account.restore('kid', 2);
SELECT account.enable_soft_delete('base', hide => true) \gset
DELETE FROM base WHERE id = 2;
SELECT * FROM dead('of_kid') WHERE r = 'of_kid 2';
DROP TABLE of_kid, of_base, kid, base;

-- keys_of_a_leaf_partition_are_followed -------------------------------------------------------------------------
CREATE TABLE p (id int, t int, PRIMARY KEY (id, t)) PARTITION BY LIST (t);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) PARTITION BY RANGE (id);
CREATE TABLE p1a (t int NOT NULL, id int NOT NULL, UNIQUE (id));
ALTER TABLE p1 ATTACH PARTITION p1a FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
CREATE TABLE of_leaf (id int PRIMARY KEY, k int REFERENCES p1a (id) ON DELETE CASCADE);
CREATE TABLE of_middle (id int PRIMARY KEY, k int, t int, FOREIGN KEY (k, t) REFERENCES p1 ON DELETE CASCADE);
INSERT INTO p VALUES (1, 1), (2, 1), (1, 2);
INSERT INTO of_leaf VALUES (1, 1), (2, 2);
INSERT INTO of_middle VALUES (1, 1, 1), (2, 2, 1);
SELECT account.enable_soft_delete('of_leaf'), account.enable_soft_delete('p'), account.enable_soft_delete('of_middle') \gset
DELETE FROM p WHERE id = 1;
SELECT * FROM dead('of_leaf') UNION ALL SELECT * FROM dead('of_middle');
DELETE FROM p1a WHERE id = 2;
SELECT * FROM dead('of_leaf') UNION ALL SELECT * FROM dead('of_middle');
SELECT account.restore('p', '[{"id": 1, "t": 1}, {"id": 2, "t": 1}]'::jsonb);
SELECT * FROM dead('of_leaf') UNION ALL SELECT * FROM dead('of_middle');
-- a child that is itself partitioned, or a partition
CREATE TABLE of_p (id int, k int, t int, PRIMARY KEY (id, t), FOREIGN KEY (k, t) REFERENCES p ON DELETE CASCADE) PARTITION BY LIST (t);
CREATE TABLE of_p1 PARTITION OF of_p FOR VALUES IN (1);
CREATE TABLE of_p2 PARTITION OF of_p FOR VALUES IN (2);
CREATE TABLE only_leaf (id int PRIMARY KEY);
ALTER TABLE of_p ADD o int;
ALTER TABLE of_p2 ADD FOREIGN KEY (o) REFERENCES only_leaf ON DELETE CASCADE;
SELECT account.enable_soft_delete('only_leaf'), account.enable_soft_delete('of_p') \gset
INSERT INTO only_leaf VALUES (1);
INSERT INTO of_p VALUES (1, 1, 1, 1), (2, 1, 2, 1);
DELETE FROM only_leaf;
SELECT * FROM dead('of_p');
SELECT account.restore('only_leaf', 1);
DELETE FROM p;
SELECT * FROM dead('of_p');
DROP TABLE of_p, of_leaf, of_middle, only_leaf, p;

-- rows_without_a_key_do_not_follow: a foreign key says nothing of tables that inherit -------------------------------
CREATE TABLE top (id int PRIMARY KEY);
CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES top ON DELETE CASCADE);
CREATE TABLE ck (PRIMARY KEY (id)) INHERITS (c);
INSERT INTO top VALUES (1);
INSERT INTO c VALUES (1, 1);
INSERT INTO ck VALUES (2, 1);
SELECT account.enable_soft_delete('c'), account.enable_soft_delete('top') \gset
DELETE FROM top;
SELECT * FROM dead('c');
UPDATE ck SET t = 1;
SELECT account.restore('top', 1);
SELECT * FROM dead('c');
DROP TABLE ck, c, top;

-- keys of types that have no arrays, of composite types, of other collations ------------------------------------------
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN ints AS int[] CHECK (cardinality(VALUE) < 9);
CREATE TABLE arrays (id int UNIQUE, k int[] PRIMARY KEY);
CREATE TABLE of_arrays (id int PRIMARY KEY, k int[] REFERENCES arrays (k) ON DELETE CASCADE);
CREATE TABLE doms (id int UNIQUE, k ints PRIMARY KEY);
CREATE TABLE of_doms (id int PRIMARY KEY, k ints REFERENCES doms (k) ON DELETE CASCADE);
CREATE TABLE pairs (id int UNIQUE, k pair PRIMARY KEY);
CREATE TABLE of_pairs (id int PRIMARY KEY, k pair REFERENCES pairs (k) ON DELETE CASCADE);
CREATE TABLE ranges (id int UNIQUE, k numrange PRIMARY KEY);
CREATE TABLE of_ranges (id int PRIMARY KEY, k numrange REFERENCES ranges (k) ON DELETE CASCADE);
CREATE TABLE colls (id int UNIQUE, k varchar(9) COLLATE "C" PRIMARY KEY);
CREATE TABLE of_colls (id int PRIMARY KEY, k varchar(20) COLLATE "POSIX" REFERENCES colls (k) ON DELETE CASCADE);
INSERT INTO arrays VALUES (1, '{1,2}'), (2, '{}');
INSERT INTO of_arrays VALUES (1, '{1,2}'), (2, '{}');
INSERT INTO doms VALUES (1, '{1,2}'), (2, '{}');
INSERT INTO of_doms VALUES (1, '{1,2}'), (2, '{}');
INSERT INTO pairs VALUES (1, '(1,"a, b")'), (2, '(2,)');
INSERT INTO of_pairs VALUES (1, '(1,"a, b")'), (2, '(2,)');
INSERT INTO ranges VALUES (1, '[1,2)'), (2, 'empty');
INSERT INTO of_ranges VALUES (1, '[1.0,2)'), (2, 'empty');
INSERT INTO colls VALUES (1, 'a'), (2, 'A ');
INSERT INTO of_colls VALUES (1, 'a'), (2, 'A ');
SELECT account.enable_soft_delete(t::regclass) FROM unnest('{arrays,of_arrays,doms,of_doms,pairs,of_pairs,ranges,of_ranges,colls,of_colls}'::text[]) t \g /dev/null
DELETE FROM arrays; DELETE FROM doms; DELETE FROM pairs; DELETE FROM ranges; DELETE FROM colls;
SELECT (SELECT count(*) FROM of_arrays) AS arrays, (SELECT count(*) FROM of_doms) AS domains, (SELECT count(*) FROM of_pairs) AS composites, (SELECT count(*) FROM of_ranges) AS ranges, (SELECT count(*) FROM of_colls) AS collations;
SELECT account.restore(t::regclass, '[{"id": 1}, {"id": 2}]'::jsonb) FROM unnest('{arrays,doms,pairs,ranges,colls}'::text[]) t;
DROP TABLE of_arrays, of_doms, of_pairs, of_ranges, of_colls, arrays, doms, pairs, ranges, colls;

-- a_trigger_cannot_keep_a_child_live: all children are deleted, or the statement fails ---------------------------------
CREATE TABLE mother (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, m int REFERENCES mother ON DELETE CASCADE, n int DEFAULT 0);
INSERT INTO mother VALUES (1), (2);
INSERT INTO child VALUES (1, 1), (2, 1), (3, 2);
SELECT account.enable_soft_delete('mother'), account.enable_soft_delete('child') \gset
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN CASE WHEN OLD.id = 2 THEN NULL ELSE NEW END; END$$;
CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF OLD.id = 2 THEN NEW.deleted_at = NULL; END IF; RETURN NEW; END$$;
CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$BEGIN UPDATE casc.child SET deleted_at = NULL WHERE id = OLD.id AND id = 2; RETURN NULL; END$$;
CREATE FUNCTION another() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO casc.child VALUES (10, OLD.m) ON CONFLICT DO NOTHING; RETURN NULL; END$$;
CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.m = 2; RETURN NEW; END$$;
CREATE FUNCTION itself() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF pg_trigger_depth() < 3 THEN DELETE FROM casc.child WHERE id = OLD.id; RETURN NULL; END IF; RETURN NEW; END$$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE casc.child SET n = n + 1 WHERE id = OLD.id AND n = OLD.n; RETURN NEW; END$$;
CREATE TRIGGER t BEFORE UPDATE ON child FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION nothing();
DELETE FROM mother WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dead('mother') UNION ALL SELECT * FROM dead('child');
DELETE FROM mother WHERE id = 2;
UPDATE mother SET deleted_at = now() WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER t ON child;
CREATE TRIGGER "reset it" BEFORE UPDATE OF deleted_at ON child FOR EACH ROW EXECUTE FUNCTION back();
DELETE FROM mother WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER "reset it" ON child;
CREATE TRIGGER t AFTER UPDATE ON child FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION later();
DELETE FROM mother WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER t ON child;
CREATE TRIGGER t AFTER UPDATE ON child FOR EACH ROW EXECUTE FUNCTION another();
DELETE FROM mother WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER t ON child;
-- these do delete it
BEGIN;
CREATE TRIGGER t BEFORE UPDATE ON child FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION away();
DELETE FROM mother WHERE id = 1;
SELECT * FROM dead('child');
ROLLBACK;
BEGIN;
CREATE TRIGGER t BEFORE UPDATE ON child FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION itself();
DELETE FROM mother WHERE id = 1;
SELECT * FROM dead('child');
ROLLBACK;
-- the server's own refusal, of a row that its trigger has changed
CREATE TRIGGER t BEFORE UPDATE ON child FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION touch();
DELETE FROM mother WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER t ON child;
-- on a partition alone, and where rows move
CREATE TABLE parted (id int, m int REFERENCES mother ON DELETE CASCADE, flag boolean NOT NULL DEFAULT false, deleted_at timestamptz) PARTITION BY LIST (flag);
CREATE TABLE parted_live PARTITION OF parted FOR VALUES IN (false);
CREATE TABLE parted_dead PARTITION OF parted FOR VALUES IN (true);
SELECT account.enable_soft_delete('parted', flag => 'flag') \gset
INSERT INTO parted VALUES (1, 1), (2, 1);
CREATE TRIGGER leaf BEFORE UPDATE ON parted_live FOR EACH ROW EXECUTE FUNCTION nothing();
DELETE FROM mother WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER leaf ON parted_live;
DELETE FROM mother WHERE id = 1;
SELECT * FROM dead('parted');
SELECT account.restore('mother', 1);
SELECT * FROM dead('parted');

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA casc CASCADE;
DROP ROLE regress_casc_owner;
