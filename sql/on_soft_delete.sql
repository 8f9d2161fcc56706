-- What becomes of a row when what it references is deleted softly, as its table's owner says: it follows, is kept,
-- is removed for good, or refuses. (Concurrent sessions: test/isolation.)
SET client_min_messages = warning;
CREATE ROLE regress_osd_owner;
CREATE ROLE regress_osd_other;
CREATE ROLE regress_osd_clerk;
CREATE SCHEMA osd AUTHORIZATION regress_osd_owner;
GRANT USAGE, CREATE ON SCHEMA osd TO regress_osd_other;
GRANT USAGE ON SCHEMA osd TO regress_osd_clerk;
SET ROLE regress_osd_owner;
SET search_path = osd;
\set SHOW_CONTEXT never
-- rows of a table, live and deleted
CREATE FUNCTION rows_of(VARIADIC tables text[]) RETURNS TABLE (tab text, live bigint, deleted bigint) LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
BEGIN
    FOREACH tab IN ARRAY tables LOOP
        EXECUTE format('SELECT count(*) FILTER (WHERE to_jsonb(this_row) ->> ''deleted_at'' IS NULL), count(to_jsonb(this_row) ->> ''deleted_at'') FROM osd.%I this_row', tab) INTO live, deleted;
        RETURN NEXT;
    END LOOP;
END $$;

-- each policy, by every way of deleting ----------------------------------------------------------------------------
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE posts (id int PRIMARY KEY, u int REFERENCES users ON DELETE CASCADE);           -- soft: follows
CREATE TABLE drafts (id int PRIMARY KEY, u int REFERENCES users);                              -- soft: told to follow
CREATE TABLE notes (id int PRIMARY KEY, u int REFERENCES users ON DELETE CASCADE);           -- soft: told to be kept
CREATE TABLE visits (id int PRIMARY KEY, u int REFERENCES users ON DELETE CASCADE);          -- hard: kept
CREATE TABLE sessions (id int PRIMARY KEY, u int REFERENCES users);                           -- hard: removed
CREATE TABLE session_lines (id int PRIMARY KEY, s int REFERENCES sessions ON DELETE CASCADE);
CREATE TABLE keys (id int PRIMARY KEY, u bigint);                                             -- soft, no foreign key: removed
CREATE TABLE bills (id int PRIMARY KEY, u int REFERENCES users);                              -- hard: refuses
CREATE TABLE deals (id int PRIMARY KEY, u int REFERENCES users, v int REFERENCES users);      -- soft: refuses, by both
INSERT INTO users SELECT generate_series(1, 20);
INSERT INTO posts SELECT i, i % 20 + 1 FROM generate_series(1, 40) i; INSERT INTO drafts TABLE posts; INSERT INTO notes TABLE posts; INSERT INTO visits TABLE posts;
INSERT INTO sessions TABLE posts; INSERT INTO session_lines SELECT id, id FROM sessions; INSERT INTO keys TABLE posts;
INSERT INTO bills VALUES (1, 1), (2, 1), (3, 2); INSERT INTO deals VALUES (1, 1, 2), (2, 3, NULL), (3, 3, 3);
SELECT account.set_reference_policy('sessions', 'u', NULL, 'remove'), account.set_reference('keys', '{u}', 'users', 'protect', 'remove'), account.set_reference_policy('bills', 'u', 'cascade', 'refuse');
SELECT account.enable_soft_delete(t) FROM unnest('{users,posts,drafts,notes,keys,deals}'::regclass[]) t \g /dev/null
SELECT account.set_reference_policy('drafts', 'u', NULL, 'follow'), account.set_reference_policy('notes', 'u', NULL, 'keep'), account.set_reference_policy('deals', 'u', NULL, 'refuse'), account.set_reference_policy('deals', 'v', 'set null', 'refuse');
-- a DELETE that is rewritten
DELETE FROM users WHERE id = 10;
SELECT * FROM rows_of('users', 'posts', 'drafts', 'notes', 'visits', 'sessions', 'session_lines', 'keys');
-- an UPDATE of the application's
UPDATE users SET deleted_at = now() WHERE id IN (11, 12);
SELECT * FROM rows_of('users', 'posts', 'drafts', 'notes', 'visits', 'sessions', 'session_lines', 'keys');
-- another stamp is no other deletion
INSERT INTO sessions VALUES (100, 11);
UPDATE users SET deleted_at = deleted_at - interval '1 day', name = 'x' WHERE deleted_at IS NOT NULL AND id = 11;
SET pgaccount.show_deleted = on;
UPDATE users SET deleted_at = deleted_at - interval '1 day', name = 'x' WHERE id = 11;
RESET pgaccount.show_deleted;
SELECT count(*) FROM sessions WHERE id = 100;
-- the row trigger: MERGE under row security
GRANT ALL ON users TO regress_osd_clerk;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON users USING (true);
SET ROLE regress_osd_clerk;
MERGE INTO users USING (VALUES (13)) v(id) ON users.id = v.id WHEN MATCHED THEN DELETE;
SET ROLE regress_osd_owner;
ALTER TABLE users DISABLE ROW LEVEL SECURITY;
SELECT * FROM rows_of('users', 'posts', 'drafts', 'notes', 'visits', 'sessions', 'session_lines', 'keys');
-- what refuses, for each key; a deleted row refuses nothing
DELETE FROM users WHERE id = 2; -- fails
\echo :LAST_ERROR_SQLSTATE
DELETE FROM users WHERE id IN (1, 3, 9); -- fails
UPDATE users SET deleted_at = now(); -- fails
SET ROLE regress_osd_clerk;
MERGE INTO users USING (VALUES (3)) v(id) ON users.id = v.id WHEN MATCHED THEN DELETE; -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_osd_owner;
DO $$
DECLARE s text; t text; c text;
BEGIN
    DELETE FROM osd.users WHERE id = 2;
EXCEPTION WHEN restrict_violation THEN
    GET STACKED DIAGNOSTICS s = SCHEMA_NAME, t = TABLE_NAME, c = CONSTRAINT_NAME;
    RAISE WARNING 'schema %, table %, constraint %', s, t, c;
    DELETE FROM osd.users WHERE id = 4;
END $$;
SELECT * FROM rows_of('users', 'posts', 'sessions', 'keys', 'bills', 'deals');
DELETE FROM deals WHERE id > 1;
DELETE FROM users WHERE id = 3;
-- by the same statement, before
WITH gone AS (DELETE FROM bills WHERE u = 1), too AS (DELETE FROM deals) DELETE FROM users WHERE id = 1;
SELECT * FROM rows_of('users', 'bills', 'deals');
-- what is removed does not come back
SELECT account.restore('users', ARRAY[3, 10, 11]);
SELECT * FROM rows_of('users', 'posts', 'drafts', 'notes', 'sessions', 'keys');
-- NULL is the default again
SELECT account.set_reference_policy('sessions', 'u', NULL), account.set_reference_policy('bills', 'u', 'cascade'), account.set_reference_policy('notes', 'u', NULL), account.set_reference('keys', '{u}', 'users', NULL);
DELETE FROM users WHERE id IN (2, 5);
SELECT * FROM rows_of('users', 'notes', 'sessions', 'keys', 'bills');

-- the doctor finds cascades that have stopped, where nothing is said of them
RESET ROLE;
SELECT code, object FROM account.doctor() WHERE code = 'cascade_stopped' AND object = 'osd.visits';
SET ROLE regress_osd_owner;
SELECT account.set_reference_policy('visits', 'u', NULL, 'keep');
RESET ROLE;
SELECT code, object FROM account.doctor() WHERE code = 'cascade_stopped' AND object = 'osd.visits';
SET ROLE regress_osd_owner;

-- deeper: of a table that follows, of the table itself ---------------------------------------------------------------
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree, kind text);
CREATE TABLE leaf (id int PRIMARY KEY, t int REFERENCES tree ON DELETE CASCADE);
CREATE TABLE worm (id int PRIMARY KEY, l int REFERENCES leaf);
CREATE TABLE bird (id int PRIMARY KEY, l int REFERENCES leaf);
INSERT INTO tree SELECT i, nullif(i / 2, 0) FROM generate_series(1, 15) i; INSERT INTO leaf SELECT i, i FROM generate_series(1, 15) i; INSERT INTO worm TABLE leaf; INSERT INTO bird VALUES (1, 12);
SELECT account.enable_soft_delete('tree'), account.enable_soft_delete('leaf');
SELECT account.set_reference_policy('tree', 'up', 'cascade'), account.set_reference_policy('worm', 'l', NULL, 'remove'), account.set_reference_policy('bird', 'l', NULL, 'refuse');
DELETE FROM tree WHERE id = 3; -- fails, three levels below
\echo :LAST_ERROR_SQLSTATE
DELETE FROM tree WHERE id = 2;
SELECT * FROM rows_of('tree', 'leaf', 'worm');
SELECT account.restore('tree', 2);
SELECT * FROM rows_of('tree', 'leaf', 'worm');
SELECT account.set_reference_policy('tree', 'up', 'cascade', 'refuse');
DELETE FROM tree WHERE id IN (4, 8); -- fails
DELETE FROM tree WHERE id IN (4, 8, 9);
SELECT account.set_reference_policy('tree', 'up', 'cascade', 'remove'), account.set_reference_policy('bird', 'l', NULL, NULL);
DELETE FROM tree WHERE id = 3; -- fails: leaves keep what follows the tree, which would go for good
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('leaf', on_parent_delete => 'delete');
DELETE FROM tree WHERE id = 3; -- fails: the bird's leaf
DELETE FROM bird; DELETE FROM worm;
DELETE FROM tree WHERE id = 3;
SELECT * FROM rows_of('tree', 'leaf', 'worm');
-- a row that references itself is deleted softly, and is not what goes for good because of that
INSERT INTO tree VALUES (20, 20), (21, 20);
DELETE FROM tree WHERE id = 20 RETURNING id, deleted_at IS NOT NULL AS softly;
SELECT account.restore('tree', 20);
SELECT id, up FROM tree WHERE id >= 20;
BEGIN ISOLATION LEVEL REPEATABLE READ;
DELETE FROM tree WHERE id = 20;
COMMIT;
SELECT account.restore('tree', 20);

-- many: all are told, and all go -------------------------------------------------------------------------------------
CREATE TABLE many (id int PRIMARY KEY);
CREATE TABLE of_many (id int PRIMARY KEY, m int);
CREATE TABLE also (id int PRIMARY KEY, m int REFERENCES many ON DELETE CASCADE);
INSERT INTO many SELECT generate_series(1, 5000); INSERT INTO of_many SELECT i, i FROM generate_series(501, 4500) i; INSERT INTO also SELECT i, i FROM generate_series(1, 5000) i;
SELECT account.enable_soft_delete('many'), account.enable_soft_delete('also'), account.set_reference('of_many', '{m}', 'many', 'cascade', 'refuse');
DELETE FROM many; -- fails
SELECT * FROM rows_of('many', 'also', 'of_many');
SELECT account.set_reference('of_many', '{m}', 'many', 'cascade', 'remove');
DELETE FROM many WHERE id % 10 <> 0;
SELECT * FROM rows_of('many', 'also', 'of_many');

-- what a removal meets ----------------------------------------------------------------------------------------------
CREATE TABLE people (id int PRIMARY KEY, current_device int);
CREATE TABLE devices (id int PRIMARY KEY, p int REFERENCES people, deleted_at timestamptz);
ALTER TABLE people ADD CONSTRAINT of_device FOREIGN KEY (current_device) REFERENCES devices ON DELETE SET NULL;
CREATE TABLE by_policy (id int PRIMARY KEY, d int REFERENCES devices DEFERRABLE INITIALLY DEFERRED); -- as Django makes it
CREATE TABLE tickets (id int PRIMARY KEY, d int REFERENCES devices);
CREATE TABLE logs (id int PRIMARY KEY, d int REFERENCES devices ON DELETE CASCADE);
INSERT INTO people SELECT generate_series(1, 6); INSERT INTO devices SELECT i, i, CASE WHEN i = 6 THEN now() END FROM generate_series(1, 6) i; UPDATE people SET current_device = id;
INSERT INTO by_policy SELECT i, i FROM generate_series(1, 6) i; INSERT INTO tickets VALUES (1, 2); INSERT INTO logs VALUES (1, 3);
SELECT account.enable_soft_delete('people'), account.enable_soft_delete('devices'), account.enable_soft_delete('logs');
SELECT account.set_reference_policy('devices', 'p', NULL, 'remove'), account.set_reference_policy('by_policy', 'd', 'cascade');
DELETE FROM people WHERE id IN (1, 6); -- with what was deleted before
SELECT * FROM rows_of('people', 'devices', 'by_policy');
DELETE FROM people WHERE id = 2; -- fails: a ticket
\echo :LAST_ERROR_SQLSTATE
DELETE FROM people WHERE id = 3; -- fails: a log that keeps its rows
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM rows_of('people', 'devices', 'by_policy', 'tickets', 'logs');
SELECT account.enable_soft_delete('logs', on_parent_delete => 'delete');
DELETE FROM people WHERE id = 3;
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE DELETE ON devices FOR EACH ROW EXECUTE FUNCTION keep();
DELETE FROM people WHERE id = 4; -- fails: kept back by a trigger
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER keep ON devices;
BEGIN;
SAVEPOINT s;
DELETE FROM people WHERE id = 4;
ROLLBACK TO s;
DELETE FROM people WHERE id = 5;
COMMIT;
SELECT * FROM rows_of('people', 'devices', 'by_policy', 'tickets', 'logs');
SELECT id, current_device FROM people ORDER BY id;
BEGIN ISOLATION LEVEL SERIALIZABLE;
DELETE FROM people WHERE id = 4;
COMMIT;
SELECT * FROM rows_of('people', 'devices');

-- keys of other types, partitions, inheritance ----------------------------------------------------------------------
CREATE TABLE zone (region text COLLATE "C", n bigint, x int, PRIMARY KEY (region, n)) PARTITION BY LIST (region);
CREATE TABLE zone_a PARTITION OF zone FOR VALUES IN ('a', 'A');
CREATE TABLE zone_b (x int, n bigint NOT NULL, region text COLLATE "C" NOT NULL);
ALTER TABLE zone ATTACH PARTITION zone_b FOR VALUES IN ('b');
CREATE TABLE of_zone (region varchar(5), n int, what text) PARTITION BY LIST (what);
CREATE TABLE of_zone_1 PARTITION OF of_zone FOR VALUES IN ('one');
CREATE TABLE of_zone_2 (what text, n int, region varchar(5));
ALTER TABLE of_zone ATTACH PARTITION of_zone_2 FOR VALUES IN ('two');
CREATE TABLE of_part (id int PRIMARY KEY, region text, n bigint, FOREIGN KEY (region, n) REFERENCES zone_b);
INSERT INTO zone SELECT r, n FROM unnest('{a,A,b}'::text[]) r, generate_series(1, 4) n;
INSERT INTO of_zone SELECT region, n, w FROM zone, unnest('{one,two}'::text[]) w; INSERT INTO of_part VALUES (1, 'b', 1), (2, 'b', 2);
SELECT account.enable_soft_delete('zone'), account.set_reference('of_zone', '{region,n}', 'zone', 'cascade', 'remove'), account.set_reference_policy('of_part', 'n', NULL, 'refuse');
DELETE FROM zone WHERE region = 'b' AND n < 3; -- fails
DELETE FROM zone_b WHERE n = 2; -- fails
DELETE FROM zone WHERE n = 3;
DELETE FROM zone_b WHERE n = 4;
DELETE FROM zone_a WHERE n < 3 AND region = 'a';
SELECT region, n, count(*) FROM of_zone GROUP BY region, n ORDER BY region COLLATE "C", n;
SELECT * FROM rows_of('zone', 'of_zone', 'of_part');
CREATE TABLE base (id int PRIMARY KEY);
CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE of_base (id int PRIMARY KEY, b int REFERENCES base);
CREATE TABLE of_heir (id int PRIMARY KEY, b int REFERENCES heir);
INSERT INTO base VALUES (1), (2); INSERT INTO heir VALUES (2), (3); INSERT INTO of_base VALUES (1, 1), (2, 2); INSERT INTO of_heir VALUES (1, 3);
SELECT account.enable_soft_delete('base'), account.set_reference_policy('of_base', 'b', NULL, 'remove'), account.set_reference_policy('of_heir', 'b', NULL, 'refuse');
DELETE FROM heir WHERE id = 2;
SELECT * FROM rows_of('of_base');
DELETE FROM base WHERE id = 3; -- fails
DELETE FROM ONLY base;
SELECT * FROM rows_of('base', 'of_base', 'of_heir');

-- others: whoever deletes, it is the owner of the referencing table who said so -------------------------------------
GRANT REFERENCES, SELECT, DELETE ON people TO regress_osd_clerk, regress_osd_other;
SET ROLE regress_osd_other;
CREATE TABLE theirs (id int PRIMARY KEY, p int REFERENCES people);
CREATE TABLE theirs_too (id int PRIMARY KEY, p int REFERENCES people);
INSERT INTO theirs VALUES (1, 1), (2, 2); INSERT INTO theirs_too VALUES (1, 2);
SELECT account.set_reference_policy('theirs', 'p', NULL, 'remove'), account.set_reference_policy('theirs_too', 'p', NULL, 'refuse');
CREATE FUNCTION who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'removed as %', current_user; RETURN OLD; END $$;
CREATE TRIGGER who BEFORE DELETE ON theirs FOR EACH ROW EXECUTE FUNCTION who();
SET ROLE regress_osd_owner;
INSERT INTO people VALUES (7), (8);
SET ROLE regress_osd_other;
INSERT INTO theirs VALUES (7, 7), (8, 8); INSERT INTO theirs_too VALUES (8, 8);
SET ROLE regress_osd_clerk;
SELECT * FROM theirs; -- fails
DELETE FROM people WHERE id = 7;
DELETE FROM people WHERE id = 8; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('theirs', 'p', NULL, 'keep'); -- fails
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SELECT id FROM theirs ORDER BY id;

-- enabling, and disabling -------------------------------------------------------------------------------------------
SET ROLE regress_osd_owner;
CREATE TABLE top (id int PRIMARY KEY);
CREATE TABLE side (id int PRIMARY KEY, t int REFERENCES top ON DELETE CASCADE);
CREATE TABLE below (id int PRIMARY KEY, t int REFERENCES top ON DELETE CASCADE);
INSERT INTO top VALUES (1), (2), (3); INSERT INTO side SELECT id, id FROM top; INSERT INTO below SELECT id, id FROM top;
SELECT account.set_reference_policy('side', 't', NULL, 'remove');
SELECT account.enable_soft_delete('top', children => true);
SELECT relation FROM account.soft_delete_tables() WHERE relation::text ~ '^(top|side|below)$' ORDER BY 1;
DELETE FROM top WHERE id = 1;
SELECT * FROM rows_of('top', 'side', 'below');
SELECT account.set_reference_policy('side', 't', NULL), account.set_reference_policy('below', 't', NULL, 'follow');
SELECT account.disable_soft_delete('below');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'top'::regclass AND tgname ~ 'changed|flush' ORDER BY 1;
DELETE FROM top WHERE id = 2;
SELECT * FROM rows_of('top', 'side', 'below');
SELECT account.enable_soft_delete('below');
DELETE FROM top WHERE id = 3;
SELECT * FROM rows_of('top', 'side', 'below');
RESET ROLE;
DROP SCHEMA osd CASCADE;
DROP ROLE regress_osd_owner, regress_osd_other, regress_osd_clerk;
