-- HAZARDS.md, "Soft delete and foreign keys", row by row; each assertion is named for what would break.
-- (Two sessions: test/isolation. Other ways of loading, replication, DROP EXTENSION: test/tap.)
\set QUIET 1
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
BEGIN;
SELECT no_plan();

CREATE ROLE tap_owner;
CREATE ROLE tap_clerk;
CREATE SCHEMA t AUTHORIZATION tap_owner;
GRANT USAGE ON SCHEMA t TO tap_clerk;
SET LOCAL ROLE tap_owner;
SET LOCAL search_path = t, public;

-- rows a DELETE reports; -1 is never one
CREATE FUNCTION rows_of(sql text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN EXECUTE sql; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
-- what a query gives when all rows are shown
CREATE FUNCTION shown(sql text) RETURNS text LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
DECLARE r text;
BEGIN EXECUTE 'SELECT string_agg(x::text, '';'' ORDER BY x::text) FROM (' || sql || ') x' INTO r; RETURN r; END $$;
CREATE FUNCTION plan_of(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; r text := '';
BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || sql LOOP r := r || line || E'\n'; END LOOP; RETURN r; END $$;

-- 1, 2 ------------------------------------------------------------------------------------------------------------
CREATE TABLE tenants (id int PRIMARY KEY);
CREATE TABLE members (id int PRIMARY KEY, tenant int REFERENCES tenants ON DELETE CASCADE);
INSERT INTO tenants VALUES (1), (2), (3);
INSERT INTO members VALUES (1, 1), (2, 2), (3, 3);
SELECT lives_ok($$SELECT account.enable_soft_delete('members')$$, 'enabling');
SELECT throws_ok('DELETE FROM tenants WHERE id = 1', '23001', NULL, 'parent_delete_leaves_no_orphan: refused');
DELETE FROM members WHERE id = 2;
SELECT throws_ok('DELETE FROM tenants WHERE id = 2', '23001', NULL, 'parent_delete_leaves_no_orphan: dead rows count like live ones');
SELECT lives_ok($$SELECT account.enable_soft_delete('members', on_parent_delete => 'delete')$$, 'on_parent_delete replaced');
SELECT is(rows_of('DELETE FROM tenants'), 3::bigint, 'delete_inside_a_referential_action_is_never_XX000');
SELECT is(shown('SELECT id FROM members'), NULL, 'parent_delete_leaves_no_orphan: really gone');
SELECT ok((SELECT bool_and(convalidated) FROM pg_constraint WHERE conrelid = 'members'::regclass), 'the constraint is what it says');

-- 3 ---------------------------------------------------------------------------------------------------------------
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE kids (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE CASCADE);
CREATE TABLE notes (id int PRIMARY KEY, kid int);
INSERT INTO parents VALUES (1), (2);
INSERT INTO kids VALUES (1, 1), (2, 2);
INSERT INTO notes VALUES (1, 1), (2, 2), (3, 3);
CREATE FUNCTION drop_notes(k int) RETURNS bigint LANGUAGE plpgsql AS $$DECLARE n bigint; BEGIN DELETE FROM t.notes WHERE kid = k; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END$$;
CREATE FUNCTION kid_goes() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM t.drop_notes(OLD.id); RETURN OLD; END$$;
CREATE TRIGGER goes BEFORE DELETE ON kids FOR EACH ROW EXECUTE FUNCTION kid_goes();
SELECT account.enable_soft_delete('notes') \g /dev/null
SELECT is(rows_of('DELETE FROM parents WHERE id = 1'), 1::bigint, 'a cascade with a trigger that deletes softly');
SELECT is(shown('SELECT id, deleted_at IS NOT NULL FROM notes'), '(1,t);(2,f);(3,f)', 'users_trigger_inside_a_cascade_deletes_softly');
SELECT is(drop_notes(3), 1::bigint, 'its_cached_plan_counts_outside');
SELECT is(shown('SELECT id, deleted_at IS NOT NULL FROM notes'), '(1,t);(2,f);(3,t)', 'its_cached_plan_is_soft_outside');
SELECT is(rows_of('DELETE FROM parents WHERE id = 2'), 1::bigint, 'and back inside');
SELECT is(shown('SELECT id, deleted_at IS NOT NULL FROM notes'), '(1,t);(2,t);(3,t)', 'its_cached_plan_is_soft_inside_again');

-- 4 ---------------------------------------------------------------------------------------------------------------
CREATE TABLE users (id int PRIMARY KEY, email text, deleted_at timestamptz, CONSTRAINT users_email UNIQUE (email));
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users);
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 5) i;
INSERT INTO posts SELECT i, i FROM generate_series(1, 5) i;
SELECT account.enable_soft_delete('users') \g /dev/null
SELECT is(account.unique_among_live('users', 'email'), 'users_email', 'unique_among_live keeps the name');
SELECT is(rows_of('DELETE FROM users WHERE id IN (1, 2)'), 2::bigint, 'a DELETE reports its rows');
SELECT is((SELECT count(*) FROM users), 3::bigint, 'deleted_row_is_gone_from_lists');
SELECT is((SELECT count(*) FROM users WHERE email = 'u1'), 0::bigint, 'deleted_row_is_gone_from_login');
SELECT is((SELECT count(*) FROM posts JOIN users ON users.id = author), 3::bigint, 'deleted_row_is_gone_from_joins');
SELECT is((SELECT count(*) FROM posts LEFT JOIN users ON users.id = author WHERE users.id IS NULL), 2::bigint, 'deleted_row_is_null_in_outer_joins');
SELECT is((SELECT count(*) FROM posts WHERE author NOT IN (SELECT id FROM users)), 2::bigint, 'deleted_row_is_gone_from_NOT_IN');
SELECT is(rows_of($$INSERT INTO users (id, email) VALUES (11, 'u1') ON CONFLICT (email) DO NOTHING$$), 1::bigint, 'email_of_a_deleted_row_registers_again');
SELECT is(rows_of($$INSERT INTO users (id, email) VALUES (12, 'u1') ON CONFLICT (email) DO NOTHING$$), 0::bigint, 'on_conflict_infers_the_index_over_live_rows');
SELECT throws_ok($$INSERT INTO users (id, email) VALUES (12, 'u1')$$, '23505', NULL, 'live emails are unique');
SET LOCAL enable_seqscan = off;
SELECT matches(plan_of($$SELECT * FROM users WHERE email = 'u3'$$), 'Index Scan using users_email', 'where_email_uses_the_partial_index');
RESET enable_seqscan;
SET LOCAL pgaccount.show_deleted = on;
SELECT is((SELECT count(*) FROM users), 6::bigint, 'show_deleted shows all');
SET LOCAL pgaccount.show_deleted = off;

-- 5, 9, 10, 16 ------------------------------------------------------------------------------------------------------
CREATE TABLE parts (id int, k int, deleted_at timestamptz, alive boolean GENERATED ALWAYS AS (deleted_at IS NULL) STORED) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (alive boolean GENERATED ALWAYS AS (deleted_at IS NULL) STORED, junk int, deleted_at timestamptz, k int, id int);
ALTER TABLE parts_2 DROP COLUMN junk;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
INSERT INTO parts SELECT i, 1 + i % 2 FROM generate_series(1, 8) i;
SELECT account.enable_soft_delete('parts') \g /dev/null
SELECT is(rows_of('DELETE FROM parts WHERE id IN (1, 2)'), 2::bigint, 'partitions_with_different_attribute_numbers: counted');
SELECT is(shown('SELECT id, k, alive FROM parts WHERE deleted_at IS NOT NULL'), '(1,2,f);(2,1,f)', 'generated_column_over_deleted_at_is_right');
SELECT is(rows_of('DELETE FROM parts_2 WHERE id = 3'), 1::bigint, 'dml_on_a_leaf_is_covered: counted');
SELECT is(shown('SELECT id FROM parts_2 WHERE deleted_at IS NOT NULL'), '(1);(3)', 'dml_on_a_leaf_is_covered: soft');
SELECT is(rows_of('UPDATE parts SET k = 3 - k WHERE id IN (4, 5)'), 2::bigint, 'update_of_a_partition_key_moves: counted');
SELECT is(shown('SELECT id, k, deleted_at IS NULL FROM parts WHERE id IN (4, 5)'), '(4,2,t);(5,1,t)', 'update_of_a_partition_key_moves_and_lives');
SAVEPOINT a;
UPDATE parts SET k = 3 - k WHERE id = 6;
ROLLBACK TO a;
SELECT is(rows_of('DELETE FROM parts WHERE id = 6'), 1::bigint, 'a move that was rolled back is forgotten');
SELECT is(shown('SELECT id, deleted_at IS NOT NULL FROM parts WHERE id = 6'), '(6,t)', 'a move that was rolled back is forgotten: soft');
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES IN (3);
SELECT throws_ok('TRUNCATE ' || r, '0A000', NULL, 'truncate_is_refused: ' || r) FROM unnest('{parts,parts_1,parts_2,parts_3,users CASCADE,members}'::text[]) r;
CREATE TABLE bykey (id int, deleted_at timestamptz) PARTITION BY LIST ((deleted_at IS NULL));
CREATE TABLE bykey_live PARTITION OF bykey FOR VALUES IN (true);
CREATE TABLE bykey_dead PARTITION OF bykey FOR VALUES IN (false);
INSERT INTO bykey VALUES (1), (2);
SELECT account.enable_soft_delete('bykey') \g /dev/null
SELECT is(rows_of('DELETE FROM bykey WHERE id = 1'), 1::bigint, 'deleted_at_is_the_partition_key: counted');
SELECT is(shown('SELECT id, tableoid::regclass FROM bykey'), '(1,bykey_dead);(2,bykey_live)', 'deleted_at_is_the_partition_key: the row moves');

-- 6, 7 -----------------------------------------------------------------------------------------------------------------
CREATE TABLE groups (id int PRIMARY KEY);
CREATE TABLE people (id int PRIMARY KEY, grp int REFERENCES groups ON DELETE SET NULL ON UPDATE CASCADE, boss int REFERENCES people);
INSERT INTO groups VALUES (1), (2);
INSERT INTO people VALUES (1, 1, NULL), (2, 2, 1);
SELECT account.enable_soft_delete('people', guard_references => true) \g /dev/null
DELETE FROM people WHERE id = 1;
SELECT lives_ok('UPDATE groups SET id = 10 WHERE id = 1', 'a referential update reaches a dead row');
SELECT lives_ok('DELETE FROM groups WHERE id = 10', 'guard_never_blocks_set_null');
SELECT is(shown('SELECT id, grp FROM people'), '(1,);(2,2)', 'guard_never_blocks_set_null: no dangling key');
SELECT throws_ok('INSERT INTO people VALUES (3, NULL, 1)', '23503', NULL, 'child_under_a_dead_parent_is_refused');
SELECT throws_ok('UPDATE people SET boss = 1 WHERE id = 2; UPDATE people SET boss = NULL WHERE id = 2; UPDATE people SET boss = 1 WHERE id = 2', '23503', NULL, 'a_changed_key_is_a_new_one');

-- 8 -----------------------------------------------------------------------------------------------------------------------
CREATE TABLE twice (id int PRIMARY KEY, deleted_at timestamptz, deleted_by text);
INSERT INTO twice VALUES (1, '2020-01-01 UTC', 'somebody'), (2, NULL, NULL);
SELECT account.enable_soft_delete('twice', hide => false) \g /dev/null
SELECT is(rows_of('DELETE FROM twice'), 1::bigint, 'second_delete_is_DELETE_0');
SELECT is(shown('SELECT deleted_at = ''2020-01-01 UTC'', deleted_by FROM twice WHERE id = 1'), '(t,somebody)', 'second_delete_overwrites_nothing');

-- 11 ------------------------------------------------------------------------------------------------------------------------
CREATE TABLE merged (id int PRIMARY KEY);
INSERT INTO merged VALUES (1), (2), (3);
SELECT account.enable_soft_delete('merged') \g /dev/null
SELECT is(rows_of('MERGE INTO merged USING (VALUES (1), (4)) v(id) ON merged.id = v.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.id)'), 2::bigint, 'merge_delete_is_counted');
SELECT is(shown('SELECT id, deleted_at IS NOT NULL FROM merged'), '(1,t);(2,f);(3,f);(4,f)', 'merge_delete_is_soft');

-- 12 --------------------------------------------------------------------------------------------------------------------------
CREATE TABLE base (id int);
CREATE TABLE derived (x int) INHERITS (base);
INSERT INTO base VALUES (1);
INSERT INTO derived VALUES (2, 2);
SELECT account.enable_soft_delete('base') \g /dev/null
SELECT is(rows_of('DELETE FROM base'), 2::bigint, 'inheritance_children_are_covered: counted');
SELECT is(shown('SELECT id FROM base WHERE deleted_at IS NOT NULL'), '(1);(2)', 'inheritance_children_are_covered: soft');
INSERT INTO derived VALUES (3, 3);
SELECT is(rows_of('DELETE FROM derived'), 1::bigint, 'inheritance_children_by_themselves');
SELECT is(shown('SELECT id FROM derived'), '(2);(3)', 'inheritance_children_by_themselves: soft');
CREATE TABLE parts_4 (LIKE parts INCLUDING GENERATED);
INSERT INTO parts_4 (id, k) VALUES (40, 4), (41, 4);
ALTER TABLE parts ATTACH PARTITION parts_4 FOR VALUES IN (4);
SELECT is(rows_of('DELETE FROM parts_4 WHERE id = 40'), 1::bigint, 'attach_gains_soft_delete');
SELECT is(shown('SELECT id FROM parts_4'), '(40);(41)', 'attach_gains_soft_delete: soft');
ALTER TABLE parts DETACH PARTITION parts_4;
ALTER TABLE parts DETACH PARTITION parts_1;
RESET ROLE;
SELECT is((SELECT count(*) FROM account.doctor() WHERE code = 'detached_partition' AND object = 't.parts_4'), 1::bigint, 'doctor_names_the_detached_partition that was attached later');
SELECT is((SELECT count(*) FROM account.doctor() WHERE code = 'detached_partition' AND object = 't.parts_1'), 1::bigint, 'doctor_names_the_detached_partition');
SET LOCAL ROLE tap_owner;

-- 13 ------------------------------------------------------------------------------------------------------------------------------
CREATE VIEW v AS SELECT id FROM merged;
CREATE VIEW w AS SELECT id, now() AS deleted_at FROM merged;
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
CREATE TRIGGER i INSTEAD OF DELETE ON w FOR EACH ROW EXECUTE FUNCTION instead();
SELECT is(rows_of('DELETE FROM v WHERE id = 2'), 1::bigint, 'auto_updatable_view_deletes_softly: counted');
SELECT is(rows_of('DELETE FROM w WHERE id = 3'), 1::bigint, 'view_with_instead_of_is_untouched: counted');
SELECT is(shown('SELECT id, deleted_at IS NOT NULL FROM merged WHERE id IN (2, 3)'), '(2,t);(3,f)', 'views_are_themselves_untouched');

-- 14 --------------------------------------------------------------------------------------------------------------------------------
CREATE TABLE late (id int PRIMARY KEY);
INSERT INTO late SELECT generate_series(1, 9);
CREATE FUNCTION drop_late(k int) RETURNS bigint LANGUAGE plpgsql AS $$DECLARE n bigint; BEGIN DELETE FROM t.late WHERE id = k; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END$$;
PREPARE del(int) AS DELETE FROM late WHERE id = $1;
SELECT is(drop_late(1), 1::bigint, 'before enabling');
EXECUTE del(2);
SELECT account.enable_soft_delete('late') \g /dev/null
SELECT is(drop_late(3), 1::bigint, 'cached_before_enabling_counts');
EXECUTE del(4);
SELECT is(shown('SELECT id FROM late WHERE deleted_at IS NOT NULL'), '(3);(4)', 'prepared_before_enabling_obeys');
SELECT account.disable_soft_delete('late') \g /dev/null
SELECT is(drop_late(5), 1::bigint, 'cached_before_disabling_counts');
EXECUTE del(6);
SELECT is(shown('SELECT id FROM late'), '(3);(4);(7);(8);(9)', 'prepared_before_disabling_obeys');
DEALLOCATE del;

-- 15 ----------------------------------------------------------------------------------------------------------------------------------
CREATE TABLE cols (id int PRIMARY KEY, deleted_at timestamptz, is_deleted boolean, deleted_by text);
INSERT INTO cols VALUES (1), (2);
SELECT account.enable_soft_delete('cols') \g /dev/null
ALTER TABLE cols RENAME deleted_at TO "When";
ALTER TABLE cols RENAME is_deleted TO "If";
SELECT is(rows_of('DELETE FROM cols WHERE id = 1'), 1::bigint, 'rename_is_followed: counted');
SELECT is(shown('SELECT id, "When" IS NOT NULL, "If" FROM cols'), '(1,t,t);(2,f,)', 'rename_is_followed: soft');
SELECT throws_ok(format('ALTER TABLE cols DROP COLUMN %I', c), '2BP01', NULL, 'drop_column_is_refused: ' || c) FROM unnest('{When,If,deleted_by}'::text[]) c;
SELECT throws_ok('ALTER TABLE cols ALTER "When" TYPE text', '0A000', NULL, 'alter_type_is_refused');

-- 17 ------------------------------------------------------------------------------------------------------------------------------------
CREATE TABLE docs (id int PRIMARY KEY, who name DEFAULT 'tap_clerk');
INSERT INTO docs SELECT generate_series(1, 5);
SELECT account.enable_soft_delete('docs') \g /dev/null
GRANT SELECT (id, who), DELETE ON docs TO tap_clerk;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA t TO tap_clerk;
SET LOCAL ROLE tap_clerk;
SELECT is(rows_of('DELETE FROM docs WHERE id = 1'), 1::bigint, 'delete_without_update_privilege');
SELECT throws_ok('UPDATE docs SET who = who', '42501', NULL, 'and no more than that');
SET LOCAL ROLE tap_owner;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
ALTER TABLE docs FORCE ROW LEVEL SECURITY;
CREATE POLICY s ON docs FOR SELECT USING (deleted_at IS NULL);
CREATE POLICY d ON docs FOR DELETE USING (id <> 3);
GRANT SELECT ON docs TO tap_clerk;
SET LOCAL ROLE tap_clerk;
SELECT is(rows_of('DELETE FROM docs WHERE id IN (2, 3)'), 1::bigint, 'delete_policies_decide');
SELECT is(rows_of('MERGE INTO docs USING (VALUES (4)) v(id) ON docs.id = v.id WHEN MATCHED THEN DELETE') >= 0, true, 'merge_under_row_security');
SET LOCAL ROLE tap_owner;
SELECT is(rows_of('DELETE FROM docs WHERE id IN (3, 5)'), 1::bigint, 'force_row_security_with_its_owner');
ALTER TABLE docs NO FORCE ROW LEVEL SECURITY;
SELECT is(shown('SELECT id FROM docs WHERE deleted_at IS NOT NULL'), '(1);(2);(4);(5)', 'select_policy_that_hides_dead_rows_hinders_nothing');

-- 20 --------------------------------------------------------------------------------------------------------------------------------------
CREATE TABLE applied (id int PRIMARY KEY, deleted_at timestamptz, is_deleted boolean);
INSERT INTO applied VALUES (1), (2);
SELECT account.enable_soft_delete('applied') \g /dev/null
RESET ROLE;
SET LOCAL session_replication_role = replica;
SELECT is(rows_of('DELETE FROM applied WHERE id = 1'), 1::bigint, 'replica_delete_is_physical: counted');
INSERT INTO applied VALUES (3, NULL, true);
SET LOCAL session_replication_role = origin;
SELECT is(shown('SELECT id, is_deleted, deleted_at FROM applied'), '(2,,);(3,t,)', 'replica_passes_through_untouched');

-- a trigger that changes the row it is fired for, at every way to the row
SET LOCAL ROLE tap_owner;
CREATE TABLE tangled (id int PRIMARY KEY, n int DEFAULT 0);
SELECT account.enable_soft_delete('tangled') \g /dev/null
INSERT INTO tangled (id) SELECT generate_series(1, 5);
GRANT SELECT, DELETE ON tangled TO tap_clerk;
ALTER TABLE tangled ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON tangled USING (true);
CREATE FUNCTION merge_away(i int) RETURNS void LANGUAGE sql AS $$ MERGE INTO t.tangled USING (VALUES (i)) v(i) ON tangled.id = v.i WHEN MATCHED THEN DELETE $$;
CREATE FUNCTION changes_it() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN UPDATE t.tangled SET n = n + 1 WHERE id = OLD.id; RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$;
CREATE FUNCTION counts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n + 10; RETURN NEW; END $$;
CREATE TRIGGER changes_it BEFORE UPDATE ON tangled FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL AND NEW.n = 0) EXECUTE FUNCTION changes_it();
SELECT throws_ok('DELETE FROM tangled WHERE id = 1', '27000', NULL, 'row_changed_by_its_own_trigger: rewritten');
SET LOCAL ROLE tap_clerk;
SELECT throws_ok('SELECT t.merge_away(1)', '27000', 'tuple to be updated was already modified by an operation triggered by the current command', 'row_changed_by_its_own_trigger: by the row trigger');
SET LOCAL ROLE tap_owner;
SELECT account.enable_soft_delete('tangled', guard_references => true) \g /dev/null
SELECT throws_ok('UPDATE tangled SET deleted_at = now() WHERE id = 1', '27000', NULL, 'row_changed_by_its_own_trigger: guarded, it is no other transaction');
SELECT account.enable_soft_delete('tangled', guard_references => false) \g /dev/null
DROP TRIGGER changes_it ON tangled;
CREATE TRIGGER "!first" BEFORE DELETE ON tangled FOR EACH ROW EXECUTE FUNCTION changes_it();
SET LOCAL ROLE tap_clerk;
SELECT throws_ok('SELECT t.merge_away(1)', '27000', NULL, 'row_changed_by_its_own_trigger: before the row trigger');
SET LOCAL ROLE tap_owner;
CREATE TRIGGER counts BEFORE UPDATE ON tangled FOR EACH ROW EXECUTE FUNCTION counts();
SET LOCAL ROLE tap_clerk;
SELECT throws_ok('SELECT t.merge_away(1)', '27000', NULL, 'row_changed_by_its_own_trigger: before another, too');
SET LOCAL ROLE tap_owner;
DROP TRIGGER "!first" ON tangled;
SET LOCAL ROLE tap_clerk;
SELECT lives_ok('SELECT t.merge_away(i) FROM generate_series(1, 2) i', 'a trigger that changes the new row is obeyed');
SET LOCAL ROLE tap_owner;
SELECT is(shown('SELECT id, n, deleted_at IS NOT NULL FROM tangled'), '(1,10,t);(2,10,t);(3,0,f);(4,0,f);(5,0,f)', 'a trigger that changes the new row is obeyed: once');

SELECT * FROM finish();
ROLLBACK;
