-- Partitions and inheritance: DML on every level, moves, other attribute numbers, ATTACH and DETACH.
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE SCHEMA sd_parts AUTHORIZATION regress_sd_owner;
SET ROLE regress_sd_owner;
SET search_path = sd_parts;
RESET client_min_messages;
\set QUIET off

-- partitions_with_different_attribute_numbers -----------------------------------------------------------------
CREATE TABLE users (id int NOT NULL, tenant int NOT NULL, email text, deleted_at timestamptz, is_deleted boolean NOT NULL DEFAULT false, deleted_by text) PARTITION BY LIST (tenant);
CREATE TABLE users_1 PARTITION OF users FOR VALUES IN (1);
-- another order of columns, a dropped one
CREATE TABLE users_2 (deleted_by text, junk int, is_deleted boolean NOT NULL DEFAULT false, email text, deleted_at timestamptz, tenant int NOT NULL, id int NOT NULL);
ALTER TABLE users_2 DROP COLUMN junk;
ALTER TABLE users ATTACH PARTITION users_2 FOR VALUES IN (2);
-- more levels
CREATE TABLE users_3 PARTITION OF users FOR VALUES IN (3, 4) PARTITION BY RANGE (id);
CREATE TABLE users_3a PARTITION OF users_3 FOR VALUES FROM (1) TO (100);
CREATE TABLE users_3b (is_deleted boolean NOT NULL DEFAULT false, id int NOT NULL, tenant int NOT NULL, deleted_at timestamptz, email text, deleted_by text);
ALTER TABLE users_3 ATTACH PARTITION users_3b FOR VALUES FROM (100) TO (1000);
INSERT INTO users (id, tenant, email) SELECT i, t, 'u' || i || '.' || t FROM generate_series(1, 9) i, generate_series(1, 4) t;
INSERT INTO users (id, tenant, email) SELECT i, 3, 'u' || i FROM generate_series(101, 109) i;
CREATE FUNCTION dead() RETURNS TABLE (part regclass, id int, tenant int, email text, flag boolean, by_me boolean) LANGUAGE plpgsql SET pgaccount.show_deleted = on
    AS 'BEGIN RETURN QUERY SELECT u.tableoid::regclass, u.id, u.tenant, u.email, u.is_deleted, u.deleted_by = session_user FROM sd_parts.users u WHERE u.deleted_at IS NOT NULL ORDER BY u.tenant, u.id; END';
SELECT account.enable_soft_delete('users') \gset
DELETE FROM users WHERE id = 1 RETURNING tableoid::regclass, id, tenant, email, deleted_at = now() AS dead, is_deleted;
DELETE FROM users WHERE id = 1;
DELETE FROM users WHERE id = 101 RETURNING tableoid::regclass;
SELECT * FROM dead();
SELECT count(*) FROM users WHERE id IN (1, 101);
-- dml_on_leaf_partition_is_covered
DELETE FROM users_1 WHERE id = 2 RETURNING id, deleted_at = now() AS dead;
DELETE FROM users_2 WHERE id = 2 RETURNING id, email, deleted_at = now() AS dead, is_deleted;
DELETE FROM users_3 WHERE id = 2 RETURNING id, tenant;
DELETE FROM users_3b WHERE id = 102 RETURNING id, tenant;
DELETE FROM users_3b WHERE id = 102;
DELETE FROM ONLY users WHERE id = 3;
DELETE FROM ONLY users_2 WHERE id = 3;
SELECT * FROM dead() WHERE id IN (2, 3, 102);
SELECT (SELECT count(*) FROM users_1) AS p1, (SELECT count(*) FROM users_2) AS p2, (SELECT count(*) FROM users_3) AS p3, (SELECT count(*) FROM users_3b) AS p3b;
-- joined, prepared, in a CTE, merged, by cursor
PREPARE remove(int, int) AS DELETE FROM users WHERE tenant = $1 AND id = $2;
EXECUTE remove(2, 4); EXECUTE remove(2, 4); EXECUTE remove(3, 4); EXECUTE remove(1, 4); EXECUTE remove(4, 4); EXECUTE remove(4, 104); EXECUTE remove(3, 104);
DELETE FROM users u USING generate_series(5, 5) g WHERE u.id = g AND tenant < 3;
WITH gone AS (DELETE FROM users WHERE id = 5 RETURNING tenant) SELECT tenant FROM gone ORDER BY 1;
MERGE INTO users u USING (VALUES (6, 1), (6, 2), (6, 3)) v(id, tenant) ON u.id = v.id AND u.tenant = v.tenant WHEN MATCHED AND u.tenant = 1 THEN UPDATE SET email = 'merged' WHEN MATCHED THEN DELETE;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM users_2 WHERE id = 7;
FETCH c;
DELETE FROM users_2 WHERE CURRENT OF c;
DECLARE d CURSOR FOR SELECT tenant, id FROM users WHERE id + 0 = 8 FOR UPDATE;
FETCH 2 FROM d;
DELETE FROM users WHERE CURRENT OF d RETURNING tableoid::regclass, id, tenant;
COMMIT;
SELECT part, id, flag FROM dead() WHERE id IN (4, 5, 6, 7, 8, 104);
-- flag and deleted_at in step, in every partition
UPDATE users SET is_deleted = true WHERE id = 9;
INSERT INTO users (id, tenant, is_deleted) VALUES (10, 1, true), (10, 2, true), (10, 3, true);
INSERT INTO users_2 (id, tenant, deleted_at) VALUES (11, 2, now());
SELECT part, id, flag FROM dead() WHERE id IN (9, 10, 11);
SET pgaccount.show_deleted = on;
UPDATE users SET is_deleted = false WHERE id IN (9, 10);
SELECT count(*) FROM users WHERE id IN (9, 10) AND deleted_at IS NOT NULL;
RESET pgaccount.show_deleted;

-- update_of_partition_key_moves_and_lives --------------------------------------------------------------------------
UPDATE users SET tenant = 2 WHERE id = 6 AND tenant = 1 RETURNING tableoid::regclass, id, tenant, email, deleted_at;
UPDATE users SET tenant = 3 WHERE id = 6 AND tenant = 2 RETURNING tableoid::regclass, id, tenant, email, deleted_at;
UPDATE users_3 SET id = 106 WHERE id = 6 AND tenant = 3 RETURNING tableoid::regclass, id;
UPDATE users_3 SET id = 6 WHERE id = 106 AND email = 'merged' RETURNING tableoid::regclass, id;
SELECT * FROM dead() WHERE email = 'merged';
SELECT tableoid::regclass, id, tenant FROM users WHERE email = 'merged';
-- moved and deleted in one transaction, also after ROLLBACK TO
BEGIN;
SAVEPOINT s;
UPDATE users SET tenant = 1 WHERE email = 'merged';
ROLLBACK TO s;
DELETE FROM users WHERE email = 'merged';
SELECT count(*) FROM users WHERE email = 'merged';
SELECT part, id, flag FROM dead() WHERE email = 'merged';
ROLLBACK;
BEGIN;
UPDATE users SET tenant = 1 WHERE email = 'merged';
DELETE FROM users WHERE email = 'merged' RETURNING tableoid::regclass;
SELECT part, id, flag FROM dead() WHERE email = 'merged';
ROLLBACK;
-- an UPDATE of the row that a trigger stops, then its deletion by the row trigger
CREATE FUNCTION stop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.email = ''stop'' THEN RETURN NULL; END IF; RETURN NEW; END';
CREATE TRIGGER zzz_stop BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION stop_it();
BEGIN;
UPDATE users SET tenant = 1, email = 'stop' WHERE email = 'merged';
DELETE FROM users WHERE email = 'merged';
SELECT part, id, flag FROM dead() WHERE email = 'merged';
ROLLBACK;
DROP TRIGGER zzz_stop ON users;
-- a deleted row moves too
SET pgaccount.show_deleted = on;
UPDATE users SET tenant = 2 WHERE id = 1 AND tenant = 1 RETURNING tableoid::regclass, deleted_at IS NOT NULL AS dead;
RESET pgaccount.show_deleted;
-- MERGE and ON CONFLICT move as well
MERGE INTO users u USING (VALUES (6)) v(id) ON u.id = v.id AND u.email = 'merged' WHEN MATCHED THEN UPDATE SET tenant = 2;
SELECT tableoid::regclass, id, tenant FROM users WHERE email = 'merged';

-- deleted_at_is_the_partition_key: rows move --------------------------------------------------------------------------
CREATE TABLE events (id int, body text, deleted_at timestamptz, alive boolean GENERATED ALWAYS AS (deleted_at IS NULL) STORED) PARTITION BY LIST ((deleted_at IS NULL));
CREATE TABLE events_live PARTITION OF events FOR VALUES IN (true);
CREATE TABLE events_dead (body text, alive boolean GENERATED ALWAYS AS (deleted_at IS NULL) STORED, id int, deleted_at timestamptz);
ALTER TABLE events ATTACH PARTITION events_dead FOR VALUES IN (false);
INSERT INTO events SELECT i, 'e' || i FROM generate_series(1, 6) i;
SELECT account.enable_soft_delete('events') \gset
DELETE FROM events WHERE id = 1 RETURNING tableoid::regclass, id, body, deleted_at = now() AS dead, alive;
DELETE FROM events WHERE id = 1;
DELETE FROM events WHERE id IN (2, 3);
SELECT id, alive FROM events ORDER BY id;
SET pgaccount.show_deleted = on;
SELECT tableoid::regclass, id, body, alive FROM events ORDER BY id;
UPDATE events SET deleted_at = NULL WHERE id = 2 RETURNING tableoid::regclass, alive;
RESET pgaccount.show_deleted;
-- range over the stamp itself, NULL in the default partition
CREATE TABLE stamped (id int, deleted_at timestamptz) PARTITION BY RANGE (deleted_at);
CREATE TABLE stamped_dead PARTITION OF stamped FOR VALUES FROM ('2020-01-01 UTC') TO ('2100-01-01 UTC');
CREATE TABLE stamped_live PARTITION OF stamped DEFAULT;
INSERT INTO stamped VALUES (1), (2), (3);
SELECT account.enable_soft_delete('stamped') \gset
DELETE FROM stamped WHERE id = 1 RETURNING tableoid::regclass;
MERGE INTO stamped USING (VALUES (2)) v(id) ON stamped.id = v.id WHEN MATCHED THEN DELETE;
SELECT id FROM stamped;
SET pgaccount.show_deleted = on;
SELECT tableoid::regclass, id FROM stamped ORDER BY id;
RESET pgaccount.show_deleted;
-- directly on the leaf the new version has no place there, and the error says where it has
\set VERBOSITY terse
DELETE FROM stamped_live WHERE id = 3; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default

-- ATTACH gains soft delete, DETACH ... -------------------------------------------------------------------------------------
CREATE TABLE users_5 (id int NOT NULL, email text, tenant int NOT NULL, is_deleted boolean NOT NULL DEFAULT false, deleted_by text, deleted_at timestamptz);
INSERT INTO users_5 (id, tenant) VALUES (1, 5), (2, 5), (3, 5), (4, 5);
DELETE FROM users_5 WHERE id = 1;
ALTER TABLE users ATTACH PARTITION users_5 FOR VALUES IN (5);
DELETE FROM users_5 WHERE id = 2;
DELETE FROM users WHERE tenant = 5 AND id = 3;
SELECT part, id, flag FROM dead() WHERE tenant = 5;
SELECT id FROM users_5;
CREATE TABLE users_6 PARTITION OF users FOR VALUES IN (6);
INSERT INTO users (id, tenant) VALUES (1, 6), (2, 6);
DELETE FROM users_6 WHERE id = 1;
SELECT id FROM users_6;
SELECT part, id FROM dead() WHERE tenant = 6;
-- truncate_of_parent_partition_or_cascade_is_refused
\set VERBOSITY terse
TRUNCATE users; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE users_1; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE users_3; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE users_3b; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE users_5; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE users_6; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE ONLY users_6; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE stamped, users_6; -- fails
\echo :LAST_ERROR_SQLSTATE
-- pg_restore --jobs truncates what it is about to load, when its parent's triggers may be there: an empty table
CREATE TABLE users_7 PARTITION OF users FOR VALUES IN (700);
TRUNCATE ONLY users_7; -- fails: empty or not, while the trigger is there
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER "00_account_soft_delete_truncate" ON users_7;
TRUNCATE ONLY users_7;
INSERT INTO users (id, tenant) VALUES (700, 700);
TRUNCATE ONLY users_7; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TABLE users_7;
CREATE TABLE referenced (id int PRIMARY KEY);
CREATE TABLE referencing (id int PRIMARY KEY, ref int REFERENCES referenced);
SELECT account.enable_soft_delete('referencing') \gset
TRUNCATE referenced; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE referenced CASCADE; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE referencing RESTART IDENTITY; -- fails
\echo :LAST_ERROR_SQLSTATE
DO $$BEGIN TRUNCATE sd_parts.users_5; EXCEPTION WHEN feature_not_supported THEN RAISE NOTICE 'refused: %', SQLERRM; END$$;
\set VERBOSITY default
-- a detached partition is a table of its own; it may be enabled by itself, and disabled
SELECT count(*) AS before FROM users_5;
ALTER TABLE users DETACH PARTITION users_5;
BEGIN;
SELECT count(*) AS nothing_hidden FROM users_5;
DELETE FROM users_5 WHERE id = 4;
SELECT count(*) AS gone_for_good FROM users_5;
TRUNCATE users_5;
ROLLBACK;
SELECT account.enable_soft_delete('users_5') \gset
DELETE FROM users_5 WHERE id = 4;
SELECT count(*) FROM users_5;
SELECT account.disable_soft_delete('users_5') \gset
SELECT count(*) FROM users_5;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'users_5'::regclass AND NOT tgisinternal;
DELETE FROM users_5;
-- and attached again
ALTER TABLE users ATTACH PARTITION users_5 FOR VALUES IN (5);
INSERT INTO users (id, tenant) VALUES (1, 5), (2, 5);
DELETE FROM users_5 WHERE id = 1;
SELECT part, id FROM dead() WHERE tenant = 5;
-- a partition with soft delete of its own, attached
CREATE TABLE users_7 (LIKE users INCLUDING DEFAULTS);
SELECT account.enable_soft_delete('users_7') \gset
INSERT INTO users_7 (id, tenant) VALUES (1, 7), (2, 7), (3, 7);
DELETE FROM users_7 WHERE id = 1;
\set VERBOSITY terse
ALTER TABLE users ATTACH PARTITION users_7 FOR VALUES IN (7); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT account.disable_soft_delete('users_7') \gset
ALTER TABLE users ATTACH PARTITION users_7 FOR VALUES IN (7);
DELETE FROM users WHERE tenant = 7 AND id = 2;
SELECT part, id FROM dead() WHERE tenant = 7;

-- enabling and disabling a partition whose parent is enabled is refused
SELECT account.enable_soft_delete('users_1'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('users_3'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.disable_soft_delete('users_3b'); -- fails
\echo :LAST_ERROR_SQLSTATE
-- disabling the parent frees the partitions
SELECT account.disable_soft_delete('users') \gset
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid IN (SELECT relid FROM pg_partition_tree('users')) AND NOT tgisinternal;
DELETE FROM users_6;
SELECT count(*) FROM users_6;
TRUNCATE users_1;

-- inheritance_children_are_covered ------------------------------------------------------------------------------------------
CREATE TABLE people (id int, name text);
CREATE TABLE staff (salary int) INHERITS (people);
CREATE TABLE managers (level int) INHERITS (staff);
CREATE TABLE others (extra text, id int, name text);
ALTER TABLE others INHERIT people;
INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 4) i;
INSERT INTO staff SELECT i, 's' || i, i FROM generate_series(11, 14) i;
INSERT INTO managers SELECT i, 'm' || i, i, i FROM generate_series(21, 24) i;
INSERT INTO others SELECT 'x', i, 'o' || i FROM generate_series(31, 34) i;
SELECT account.enable_soft_delete('people', flag => 'is_deleted') \gset
DELETE FROM people WHERE id % 10 = 1 RETURNING tableoid::regclass, id, name, deleted_at = now() AS dead, is_deleted;
DELETE FROM ONLY people WHERE id % 10 = 2 RETURNING tableoid::regclass, id;
DELETE FROM staff WHERE id % 10 = 2 RETURNING tableoid::regclass, id, salary;
DELETE FROM managers WHERE id = 23 RETURNING *, deleted_at = now() AS dead \gset m_
\echo :m_id :m_name :m_salary :m_level :m_is_deleted :m_dead
UPDATE managers SET is_deleted = true WHERE id = 24;
SELECT tableoid::regclass, id FROM people ORDER BY id;
SELECT id FROM ONLY people ORDER BY id;
SELECT id FROM staff ORDER BY id;
SELECT id FROM managers ORDER BY id;
SET pgaccount.show_deleted = on;
SELECT tableoid::regclass, id, is_deleted FROM people WHERE deleted_at IS NOT NULL ORDER BY id;
RESET pgaccount.show_deleted;
\set VERBOSITY terse
TRUNCATE people; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE managers; -- fails
\echo :LAST_ERROR_SQLSTATE
TRUNCATE ONLY staff; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
-- one that joins later is taken in by enabling again
CREATE TABLE guests (room int) INHERITS (people);
INSERT INTO guests (id, name, room) VALUES (41, 'g41', 1), (42, 'g42', 2);
SELECT account.enable_soft_delete('people', flag => 'is_deleted') \gset
DELETE FROM guests WHERE id = 41;
DELETE FROM people WHERE id = 42;
SELECT count(*) FROM guests;
SET pgaccount.show_deleted = on;
SELECT count(*) FROM guests;
RESET pgaccount.show_deleted;
SELECT account.disable_soft_delete('people') \gset
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid IN ('people'::regclass, 'staff'::regclass, 'managers'::regclass, 'others'::regclass, 'guests'::regclass) AND NOT tgisinternal;
DELETE FROM people WHERE id >= 20;
SELECT tableoid::regclass, id FROM people ORDER BY id;

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_parts CASCADE;
DROP OWNED BY regress_sd_owner;
DROP ROLE regress_sd_owner;
