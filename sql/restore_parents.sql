-- Rows that follow several others come back with the last of them; and what was deleted a little before.
SET client_min_messages = warning;
CREATE ROLE regress_sp_owner;
CREATE ROLE regress_sp_other;
CREATE SCHEMA parents AUTHORIZATION regress_sp_owner;
GRANT ALL ON SCHEMA parents TO regress_sp_other;
SET ROLE regress_sp_owner;
SET search_path = parents;
\set QUIET off
\set VERBOSITY terse
CREATE FUNCTION dead(VARIADIC tables regclass[]) RETURNS text LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
DECLARE t regclass; r text; a text = '';
BEGIN
    FOREACH t IN ARRAY tables LOOP
        EXECUTE format('SELECT string_agg(%L || id, '' '' ORDER BY id) FROM %s WHERE deleted_at IS NOT NULL', t, t) INTO r;
        a = concat_ws(' ', a, r);
    END LOOP;
    RETURN a;
END $$;

-- a_child_of_two_comes_back_with_the_last: deleted in one transaction or in two, guarded or not, whichever was first -----
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY);
CREATE TABLE c (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE, b int REFERENCES b ON DELETE CASCADE);
CREATE TABLE d (id int PRIMARY KEY, c int REFERENCES c ON DELETE CASCADE);
CREATE FUNCTION both_ways(guard boolean) RETURNS SETOF text LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE x text; y text;
BEGIN
    PERFORM account.enable_soft_delete(t, guard_references => guard) FROM unnest('{a,b,c,d}'::regclass[]) t;
    FOR x, y IN VALUES ('a', 'b'), ('b', 'a') LOOP
        -- in this transaction all stamps are the same
        DELETE FROM a; DELETE FROM b;
        RETURN NEXT format('%s first: %s %s %s %s', x, account.restore(x::regclass, 1), dead('a', 'b', 'c', 'd'), account.restore(y::regclass, 1), dead('a', 'b', 'c', 'd'));
    END LOOP;
END $$;
INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); INSERT INTO c VALUES (1, 1, 1), (2, 1, NULL); INSERT INTO d VALUES (1, 1), (2, 2);
SELECT both_ways(false) UNION ALL SELECT both_ways(true);
SELECT account.enable_soft_delete(t, guard_references => false) FROM unnest('{a,b,c,d}'::regclass[]) t \g /dev/null
-- in several: a, then b; and back in either order
DELETE FROM a; DELETE FROM b;
SELECT account.restore('a', 1) AS a, dead('c', 'd'), account.restore('b', 1) AS b, dead('c', 'd');
DELETE FROM a; DELETE FROM b;
SELECT account.restore('b', 1) AS b, dead('c', 'd'), account.restore('a', 1) AS a, dead('c', 'd');
DELETE FROM b; DELETE FROM a;
SELECT account.restore('a', 1) AS a, dead('c', 'd'), account.restore('b', 1) AS b, dead('c', 'd');
DELETE FROM b; DELETE FROM a;
SELECT account.restore('b', 1) AS b, dead('c', 'd'), account.restore('a', 1) AS a, dead('c', 'd');
-- it takes over the stamp, and what follows it does, too
DELETE FROM a; DELETE FROM b;
SELECT account.restore('a', 1);
SET pgaccount.show_deleted = on;
SELECT (SELECT deleted_at FROM b) = (SELECT deleted_at FROM c WHERE deleted_at IS NOT NULL) AS child, (SELECT deleted_at FROM b) = (SELECT deleted_at FROM d WHERE deleted_at IS NOT NULL) AS grandchild;
RESET pgaccount.show_deleted;
-- deleted again meanwhile
DELETE FROM a;
SELECT account.restore('b', 1) AS b, dead('a', 'c', 'd');
SELECT account.restore('a', 1) AS a, dead('a', 'c', 'd');
-- an application's own UPDATE does the same
DELETE FROM a; DELETE FROM b;
SET pgaccount.show_deleted = on;
UPDATE b SET deleted_at = NULL;
SELECT dead('a', 'b', 'c', 'd');
UPDATE a SET deleted_at = NULL;
SELECT dead('a', 'b', 'c', 'd');
RESET pgaccount.show_deleted;
-- what was deleted on its own stays, whatever its parents do
DELETE FROM d WHERE id = 2; DELETE FROM c WHERE id = 1; DELETE FROM a; DELETE FROM b;
SELECT account.restore('b', 1) AS b, account.restore('a', 1) AS a, dead('a', 'b', 'c', 'd');
SELECT account.restore('c', 1) AS c, account.restore('d', 2) AS d;
DROP TABLE d, c, b, a CASCADE;

-- three parents, two keys to one table, keys of two columns, of text, partitioned parents of another owner -----------------
RESET ROLE;
SET ROLE regress_sp_other;
CREATE TABLE x (id int, t varchar(9) COLLATE "C", PRIMARY KEY (t, id)) PARTITION BY LIST (t);
CREATE TABLE x1 PARTITION OF x FOR VALUES IN ('a');
CREATE TABLE x2 (t varchar(9) COLLATE "C" NOT NULL, id int NOT NULL);
ALTER TABLE x ATTACH PARTITION x2 FOR VALUES IN ('b');
INSERT INTO x VALUES (1, 'a'), (2, 'b');
SELECT account.enable_soft_delete('x') \gset
GRANT REFERENCES ON x TO regress_sp_owner;
RESET ROLE;
SET ROLE regress_sp_owner;
CREATE TABLE y (id int PRIMARY KEY);
CREATE TABLE c (id int PRIMARY KEY, x int, t text, y int REFERENCES y ON DELETE CASCADE, z int REFERENCES y ON DELETE CASCADE, FOREIGN KEY (t, x) REFERENCES x ON DELETE CASCADE);
SELECT account.enable_soft_delete('y'), account.enable_soft_delete('c') \gset
INSERT INTO y VALUES (1), (2);
INSERT INTO c VALUES (1, 1, 'a', 1, 2), (2, 2, 'b', 1, 1), (3, NULL, 'b', 2, 2), (4, 2, 'b', NULL, NULL);
RESET ROLE;
DELETE FROM parents.x;
SET ROLE regress_sp_owner;
DELETE FROM y WHERE id = 1;
DELETE FROM y WHERE id = 2;
SELECT dead('c'), account.restore('y', 2) AS y2, dead('c'), account.restore('y', 1) AS y1, dead('c');
RESET ROLE;
SELECT account.restore('parents.x', '{"t": "a", "id": 1}'::jsonb) AS xa, parents.dead('parents.c'), account.restore('parents.x', '{"t": "b", "id": 2}'::jsonb) AS xb, parents.dead('parents.c');
DELETE FROM parents.x; DELETE FROM parents.y;
SELECT account.restore('parents.x', '[{"t": "a", "id": 1}, {"t": "b", "id": 2}]'::jsonb) AS x, parents.dead('parents.c'), account.restore('parents.y', '{1,2}') AS y, parents.dead('parents.c');
SET ROLE regress_sp_owner;
DROP TABLE c, y;

-- a_child_that_is_a_partition_has_parents_of_its_own ---------------------------------------------------------------------------
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY);
CREATE TABLE c (id int, t int, a int REFERENCES a ON DELETE CASCADE, b int) PARTITION BY LIST (t);
CREATE TABLE c1 PARTITION OF c FOR VALUES IN (1);
CREATE TABLE c2 (b int REFERENCES b ON DELETE CASCADE, a int, t int, id int);
ALTER TABLE c ATTACH PARTITION c2 FOR VALUES IN (2);
SELECT account.enable_soft_delete(t) FROM unnest('{a,b,c}'::regclass[]) t \g /dev/null
INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); INSERT INTO c VALUES (1, 1, 1, 1), (2, 2, 1, 1);
DELETE FROM a; DELETE FROM b;
SELECT account.restore('a', 1) AS a, dead('c'), account.restore('b', 1) AS b, dead('c');
DELETE FROM b; DELETE FROM a;
SELECT account.restore('b', 1) AS b, dead('c'), account.restore('a', 1) AS a, dead('c');
DROP TABLE c, b, a;

-- stamps of several types and precisions: two deletions within a second count as one where seconds are all there is -------------
CREATE TABLE a (id int PRIMARY KEY, deleted_at timestamptz(0));
CREATE TABLE b (id int PRIMARY KEY, deleted_at timestamp);
CREATE TABLE c (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE, b int REFERENCES b ON DELETE CASCADE, deleted_at timestamp(3));
SELECT account.enable_soft_delete(t) FROM unnest('{a,b,c}'::regclass[]) t \g /dev/null
INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); INSERT INTO c VALUES (1, 1, 1), (2, 1, NULL), (3, NULL, 1);
SET TimeZone = 'Asia/Tokyo';
DELETE FROM a; DELETE FROM b;
SELECT account.restore('a', 1) AS a, dead('c'), account.restore('b', 1) AS b, dead('c');
DELETE FROM b; DELETE FROM a;
SELECT account.restore('a', 1) AS a, dead('c'), account.restore('b', 1) AS b, dead('c');
BEGIN;
DELETE FROM b; DELETE FROM a;
COMMIT;
SELECT account.restore('b', 1) AS b, dead('c'), account.restore('a', 1) AS a, dead('c');
RESET TimeZone;
DROP TABLE c, b, a;
-- what was deleted within a second is one deletion to a table that knows seconds only
CREATE TABLE a (id int PRIMARY KEY, deleted_at timestamptz(0));
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete(t) FROM unnest('{b,a}'::regclass[]) t \g /dev/null
INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1);
SET pgaccount.show_deleted = on;
UPDATE b SET deleted_at = '2026-01-01 00:00:00.9+00';
UPDATE a SET deleted_at = '2026-01-01 00:00:01+00';
RESET pgaccount.show_deleted;
SELECT account.restore('a', 1);
DROP TABLE b, a;

-- diamonds and circles: all that went comes back -----------------------------------------------------------------------------------
CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES t ON DELETE CASCADE, q int REFERENCES t ON DELETE CASCADE);
INSERT INTO t VALUES (1, NULL, NULL), (2, 1, NULL), (3, 1, 2), (4, 3, 1), (5, 2, 4);
SELECT account.enable_soft_delete('t') \gset
DELETE FROM t WHERE id = 1;
SELECT dead('t'), account.restore('t', 1), dead('t');
SELECT account.enable_soft_delete('t', guard_references => true) \gset
DELETE FROM t WHERE id = 1;
SELECT account.restore('t', 1), dead('t');
UPDATE t SET q = 5 WHERE id = 4;
UPDATE t SET q = 4 WHERE id = 3;
DELETE FROM t WHERE id = 1;
SELECT dead('t'), account.restore('t', 1), dead('t');
-- one of the circle follows another row that is deleted: none of the circle comes back before that does
INSERT INTO t VALUES (9, NULL), (6, 9);
UPDATE t SET q = 6 WHERE id = 5;
UPDATE t SET p = 5 WHERE id = 4;
DELETE FROM t WHERE id = 1;
DELETE FROM t WHERE id = 9;
SELECT dead('t'), account.restore('t', 1), dead('t'), account.restore('t', 9), dead('t');
DELETE FROM t WHERE id = 9;
DELETE FROM t WHERE id = 1;
SELECT dead('t'), account.restore('t', 1), dead('t'), account.restore('t', 9), dead('t');
SELECT account.enable_soft_delete('t', guard_references => false) \gset
DELETE FROM t WHERE id = 9;
DELETE FROM t WHERE id = 1;
SELECT dead('t'), account.restore('t', 9), dead('t'), account.restore('t', 1), dead('t');
DROP TABLE t;
-- over several tables: an organisation's owner is its own member
CREATE TABLE orgs (id int PRIMARY KEY, parent int REFERENCES orgs ON DELETE CASCADE, owner int);
CREATE TABLE users (id int PRIMARY KEY, org int REFERENCES orgs ON DELETE CASCADE);
ALTER TABLE orgs ADD FOREIGN KEY (owner) REFERENCES users ON DELETE CASCADE;
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE, org int REFERENCES orgs ON DELETE CASCADE);
SELECT account.enable_soft_delete(t, guard_references => true) FROM unnest('{orgs,users,posts}'::regclass[]) t \g /dev/null
INSERT INTO orgs VALUES (1, NULL), (2, 1), (3, 2); INSERT INTO users VALUES (1, 1), (2, 2), (3, 3); UPDATE orgs SET owner = id; INSERT INTO posts VALUES (1, 1, 1), (2, 2, 1), (3, 3, 2);
DELETE FROM orgs WHERE id = 1;
SELECT dead('orgs', 'users', 'posts'), account.restore('orgs', 1), dead('orgs', 'users', 'posts');
DELETE FROM users WHERE id = 2;
SELECT dead('orgs', 'users', 'posts'), account.restore('users', 2), dead('orgs', 'users', 'posts');
DELETE FROM users WHERE id = 3;
DELETE FROM orgs WHERE id = 1;
SELECT account.restore('orgs', 1), dead('orgs', 'users', 'posts'), account.restore('users', 3), dead('orgs', 'users', 'posts');
-- a row of a circle that a trigger keeps back: all or none
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN CASE WHEN NEW.id = 3 AND NEW.deleted_at IS NULL THEN NULL ELSE NEW END; END$$;
CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION nothing();
DELETE FROM orgs WHERE id = 1;
SELECT account.restore('orgs', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT dead('orgs', 'users', 'posts');
DROP TRIGGER t ON users;
SELECT account.restore('orgs', 1);
DROP TABLE posts, orgs, users CASCADE;

-- within: what was deleted on its own, a little before -----------------------------------------------------------------------------
\set VERBOSITY default
CREATE TABLE usr (id int PRIMARY KEY, email text UNIQUE);
CREATE TABLE credential (id int PRIMARY KEY, usr int REFERENCES usr ON DELETE CASCADE, name text);
CREATE TABLE key (id int PRIMARY KEY, credential int REFERENCES credential ON DELETE CASCADE);
CREATE TABLE note (id int PRIMARY KEY, usr int REFERENCES usr);
SELECT account.enable_soft_delete('usr', children => true), account.enable_soft_delete('note') \gset
RESET client_min_messages;
INSERT INTO usr VALUES (1, 'a@x'), (2, 'b@x');
INSERT INTO credential VALUES (1, 1, 'one'), (2, 1, 'two'), (3, 1, 'three'), (4, 2, 'four');
INSERT INTO key VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO note VALUES (1, 1);
DELETE FROM key WHERE id = 1;
DELETE FROM credential;
DELETE FROM note;
DELETE FROM usr;
SET pgaccount.show_deleted = on;
UPDATE credential SET deleted_at = now() - interval '10 minutes' WHERE id = 1;
UPDATE credential SET deleted_at = now() - interval '2 hours' WHERE id = 3;
UPDATE usr SET deleted_at = now();
UPDATE key SET deleted_at = now() - interval '11 minutes' WHERE id = 1;
RESET pgaccount.show_deleted;
BEGIN;
SELECT account.restore('usr', 1);
ROLLBACK;
SELECT account.restore('usr', 1, interval '0') AS none;
DELETE FROM usr WHERE id = 1;
SELECT account.restore('usr', '1', within => '1 minute') AS some, dead('usr', 'credential', 'key', 'note');
DELETE FROM credential WHERE id = 2;
DELETE FROM usr WHERE id = 1;
SELECT account.restore('usr', '{"email": "a@x"}'::jsonb, '1 hour') AS some, dead('usr', 'credential', 'key', 'note');
SELECT account.restore('credential', 3, '1 hour') AS alone, dead('key');
PREPARE r AS SELECT account.restore('usr', $1, $2);
EXECUTE r('2', '1 hour');
SELECT account.restore('usr', 1, '-1 second'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('usr', 1, '1 month -31 days'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('usr', 1, '100000000 years');
DELETE FROM credential WHERE id = 1;
DELETE FROM usr WHERE id = 1;
SELECT account.restore('usr', 1, '100000000 years'), dead('credential', 'key');
-- a key that was taken meanwhile, of a row that comes back so
CREATE UNIQUE INDEX name ON credential (name) WHERE deleted_at IS NULL;
DELETE FROM credential WHERE id = 1;
DELETE FROM usr WHERE id = 1;
INSERT INTO credential VALUES (9, 2, 'one');
SELECT account.restore('usr', 1, '1 hour'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT dead('usr', 'credential', 'key');
SELECT account.restore('usr', 1);
-- one that stays deleted for another parent takes no key
CREATE TABLE grp (id int PRIMARY KEY);
SELECT account.enable_soft_delete('grp') \gset
INSERT INTO grp VALUES (1);
ALTER TABLE credential ADD grp int REFERENCES grp ON DELETE CASCADE;
UPDATE credential SET grp = 1 WHERE id = 2;
SELECT account.enable_soft_delete('grp') \gset
DELETE FROM grp;
DELETE FROM usr WHERE id = 1;
INSERT INTO credential VALUES (10, 2, 'two');
SELECT account.restore('usr', 1);
SELECT account.restore('grp', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
DELETE FROM credential WHERE id = 10;
SELECT account.restore('grp', 1), dead('credential');

-- keys_of_rows_that_wait_for_one_another_outlast_the_first_look: short texts in two keys of a table to itself -------------
CREATE TABLE loops (id varchar(30) PRIMARY KEY, one text REFERENCES loops ON DELETE CASCADE, two text REFERENCES loops ON DELETE CASCADE DEFERRABLE);
INSERT INTO loops VALUES ('k1', NULL, 'k3'), ('k2', 'k4', 'k3'), ('k3', 'k3', 'k4'), ('k4', NULL, NULL), ('k5', 'k4', 'k2');
SELECT account.enable_soft_delete('loops');
DELETE FROM loops WHERE id IN ('k1', 'k4');
SELECT account.restore('loops', 'k3');
SELECT account.restore('loops', 'k4');
SELECT id FROM loops ORDER BY id;

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA parents CASCADE;
DROP ROLE regress_sp_owner, regress_sp_other;
