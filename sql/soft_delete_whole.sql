-- Soft delete is of a whole hierarchy; enabling with pending triggers; flags that are none.
SET client_min_messages = warning;
CREATE ROLE regress_sw_owner;
CREATE SCHEMA sw AUTHORIZATION regress_sw_owner;
SET ROLE regress_sw_owner;
SET search_path = sw;
\set QUIET off

-- a_part_alone_is_refused: its deleted rows would be seen through the whole -----------------------------
CREATE TABLE base (id int, email text);
CREATE TABLE kid (PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE grandkid () INHERITS (kid);
SELECT account.enable_soft_delete('kid'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT account.enable_soft_delete('grandkid'); -- fails
CREATE TABLE other (id int);
CREATE TABLE of_two () INHERITS (base, other);
\set VERBOSITY default
SELECT account.enable_soft_delete('base'); -- fails
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE of_two NO INHERIT other;
SELECT account.enable_soft_delete('base') \gset
SELECT account.enable_soft_delete('grandkid'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT account.disable_soft_delete('kid'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
INSERT INTO grandkid VALUES (1, 'a'), (2, 'b');
DELETE FROM kid WHERE id = 1;
SELECT id FROM base;
SELECT id FROM grandkid;
CREATE TABLE events (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1) PARTITION BY LIST (id);
CREATE TABLE events_1_1 PARTITION OF events_1 FOR VALUES IN (1);
SELECT account.enable_soft_delete('events_1_1'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT account.enable_soft_delete('events_1'); -- fails
\set VERBOSITY default
SELECT account.enable_soft_delete('events') \gset
-- children that are parts take their whole along
CREATE TABLE heads (id int PRIMARY KEY);
CREATE TABLE limbs (id int, head int, PRIMARY KEY (id, head)) PARTITION BY LIST (id);
CREATE TABLE limbs_1 PARTITION OF limbs FOR VALUES IN (1);
CREATE TABLE limbs_2 PARTITION OF limbs FOR VALUES IN (2);
ALTER TABLE limbs_1 ADD FOREIGN KEY (head) REFERENCES heads ON DELETE CASCADE;
SELECT account.enable_soft_delete('heads', children => true) \gset
INSERT INTO heads VALUES (1);
INSERT INTO limbs VALUES (1, 1), (2, 1);
DELETE FROM heads;
DELETE FROM limbs_2;
SELECT * FROM limbs;

-- joining_later_is_refused_where_it_is_wrong ------------------------------------------------------------
CREATE TABLE joins (id int, email text);
SELECT account.enable_soft_delete('joins', deleted_at => 'deleted_at', deleted_by => 'who') \gset
ALTER TABLE joins INHERIT other; -- fails
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE joins INHERIT base; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.disable_soft_delete('joins'), account.enable_soft_delete('joins', deleted_by => '') \gset
ALTER TABLE joins INHERIT base;
INSERT INTO joins (id) VALUES (10), (11);
DELETE FROM joins WHERE id = 10;
DELETE FROM base WHERE id = 11;
SELECT id FROM base;
CREATE TABLE visits (id int, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE visits_1 (id int, deleted_at timestamptz);
SELECT account.enable_soft_delete('visits_1') \gset
ALTER TABLE visits ATTACH PARTITION visits_1 FOR VALUES IN (1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.disable_soft_delete('visits_1') \gset
ALTER TABLE visits ATTACH PARTITION visits_1 FOR VALUES IN (1);
-- rows that come by ATTACH say the same in both columns
CREATE TABLE flags (id int, is_deleted boolean, deleted_at timestamptz) PARTITION BY RANGE (id);
SELECT account.enable_soft_delete('flags') \gset
CREATE TABLE flags_1 (deleted_at timestamptz, is_deleted boolean, id int);
INSERT INTO flags_1 (id, is_deleted, deleted_at) VALUES (1, true, NULL), (2, false, NULL), (3, false, '2020-01-01 UTC'), (4, true, '2020-01-01 UTC');
BEGIN;
ALTER TABLE flags ATTACH PARTITION flags_1 FOR VALUES FROM (1) TO (9);
SELECT id FROM flags ORDER BY id;
SET LOCAL pgaccount.show_deleted = on;
SELECT id, is_deleted, CASE WHEN deleted_at = now() THEN 'now' ELSE to_char(deleted_at AT TIME ZONE 'UTC', 'YYYY') END AS stamp FROM flags ORDER BY id;
COMMIT;

-- a_partition_of_live_rows_is_deleted_from_by_way_of_the_whole ----------------------------------------------
CREATE TABLE pl (id int, name text, deleted_at timestamptz, is_deleted boolean DEFAULT false) PARTITION BY LIST (is_deleted);
CREATE TABLE pl_live PARTITION OF pl FOR VALUES IN (false);
CREATE TABLE pl_dead PARTITION OF pl FOR VALUES IN (true, NULL);
SELECT account.enable_soft_delete('pl') \gset
INSERT INTO pl (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c');
DELETE FROM pl WHERE id = 1 RETURNING tableoid::regclass, id, is_deleted;
DELETE FROM pl_live WHERE id = 2; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
MERGE INTO pl_live AS t USING (VALUES (2)) AS s (id) ON t.id = s.id WHEN MATCHED THEN DELETE; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
MERGE INTO pl_live AS t USING (VALUES (2)) AS s (id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = 'B';
MERGE INTO pl AS t USING (VALUES (2)) AS s (id) ON t.id = s.id WHEN MATCHED THEN DELETE;
SET pgaccount.show_deleted = on;
SELECT tableoid::regclass, id, name FROM pl ORDER BY id;
UPDATE pl SET is_deleted = false WHERE id = 1;
RESET pgaccount.show_deleted;
SELECT tableoid::regclass, id, deleted_at FROM pl ORDER BY id;

-- pending_triggers_are_no_obstacle ----------------------------------------------------------------------
CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE z (id int PRIMARY KEY, p int REFERENCES p DEFERRABLE INITIALLY DEFERRED, is_deleted boolean);
CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'fired for % as %', NEW.id, current_user; RETURN NEW; END$$;
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR UPDATE ON z DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fired();
BEGIN;
INSERT INTO p VALUES (1);
INSERT INTO z VALUES (1, 1, true);
SELECT account.enable_soft_delete('z') \gset
INSERT INTO z VALUES (2, 1);
SELECT account.enable_soft_delete('z', hide => false) \gset
UPDATE z SET is_deleted = true WHERE id = 2;
SELECT account.disable_soft_delete('z') \gset
-- what is deferred is deferred again
INSERT INTO z VALUES (3, 7);
INSERT INTO p VALUES (7);
COMMIT;
BEGIN;
INSERT INTO p VALUES (8);
INSERT INTO z VALUES (8, 8);
SELECT account.enable_soft_delete('p', guard_references => true) \gset
INSERT INTO z VALUES (9, 8);
SELECT account.enable_soft_delete('p', guard_references => false) \gset
COMMIT;
-- a reference that is still to come is checked before the table changes
BEGIN;
INSERT INTO z VALUES (10, 10);
SELECT account.enable_soft_delete('z', flag => '', deleted_at => 'at'); -- fails
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- a_flag_that_new_rows_have_is_none ---------------------------------------------------------------------
CREATE DOMAIN shown AS boolean DEFAULT true;
CREATE TABLE active (id int PRIMARY KEY, is_active boolean NOT NULL DEFAULT true, is_shown shown, is_deleted boolean DEFAULT (NOT false));
SELECT account.enable_soft_delete('active', flag => 'is_active'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT account.enable_soft_delete('active'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('active', flag => 'is_shown'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('active', flag => '') \gset
CREATE TABLE leafy (id int, is_deleted boolean DEFAULT false) PARTITION BY LIST (id);
CREATE TABLE leafy_1 PARTITION OF leafy (is_deleted DEFAULT true) FOR VALUES IN (1);
SELECT account.enable_soft_delete('leafy'); -- fails
\echo :LAST_ERROR_SQLSTATE

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sw CASCADE;
DROP ROLE regress_sw_owner;
