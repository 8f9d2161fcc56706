-- Every form of DELETE on a soft-delete table: tags, results, and what the client sees.
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE SCHEMA sd_rewrite AUTHORIZATION regress_sd_owner;
SET ROLE regress_sd_owner;
SET search_path = sd_rewrite;
RESET client_min_messages;
\set QUIET off

CREATE TABLE users (id bigint PRIMARY KEY, email text, team int);
CREATE TABLE teams (id int PRIMARY KEY, closed boolean NOT NULL DEFAULT false);
INSERT INTO teams SELECT i, i % 2 = 0 FROM generate_series(1, 10) i;
INSERT INTO users SELECT i, 'u' || i || '@x', 1 + i % 10 FROM generate_series(1, 100) i;
-- all rows, whether deleted or not
CREATE FUNCTION everybody() RETURNS TABLE (id bigint, dead boolean) LANGUAGE plpgsql SET pgaccount.show_deleted = on
    AS 'BEGIN RETURN QUERY SELECT u.id, u.deleted_at IS NOT NULL FROM sd_rewrite.users u ORDER BY 1; END';
SELECT account.enable_soft_delete('users') \gset
ANALYZE users;

-- command tags and RETURNING --------------------------------------------------------------------------
DELETE FROM users WHERE id = 1;
DELETE FROM users WHERE id = 1;
DELETE FROM users WHERE false;
DELETE FROM ONLY users WHERE id IN (1, 2, 3);
DELETE FROM users AS u WHERE u.id = 4 RETURNING u.id, email, u.deleted_at = now() AS dead, tableoid::regclass;
DELETE FROM users u WHERE id = 5 RETURNING u IS NOT NULL AS whole_row, (u).deleted_at = now() AS dead;
DELETE FROM users WHERE id = 6 RETURNING *, 2 * id AS twice \gset six_
\echo :six_id :six_email :six_team :six_twice
SELECT * FROM everybody() WHERE id < 8;

-- USING, sublinks, LIMIT by ctid --------------------------------------------------------------------------
DELETE FROM users USING teams t WHERE t.id = users.team AND t.closed AND users.id BETWEEN 10 AND 19 RETURNING users.id, t.id, deleted_at = now() AS dead;
DELETE FROM users u USING users v WHERE u.id = v.id + 1 AND v.id = 20 RETURNING u.id, v.id;
-- joined with a deleted row: there is none
DELETE FROM users u USING users v WHERE u.id = v.id + 2 AND v.id IN (21, 22) RETURNING u.id, v.id;
DELETE FROM users WHERE id IN (SELECT id FROM users ORDER BY id DESC LIMIT 3) RETURNING id;
DELETE FROM users WHERE EXISTS (SELECT FROM users v WHERE v.id = users.id - 1 AND v.id = 30) RETURNING id;
DELETE FROM users WHERE ctid = ANY (ARRAY(SELECT ctid FROM users WHERE id > 31 ORDER BY id LIMIT 2)) RETURNING id;
-- several join partners: a row is deleted, and counted, once
DELETE FROM users USING generate_series(1, 5) WHERE id = 34 RETURNING id;

-- GET DIAGNOSTICS, FOUND, RETURNING INTO -----------------------------------------------------------------------
DO $$
DECLARE n bigint; f boolean; r record;
BEGIN
    DELETE FROM sd_rewrite.users WHERE id BETWEEN 35 AND 37;
    GET DIAGNOSTICS n = ROW_COUNT;
    RAISE NOTICE 'row_count %, found %', n, FOUND;
    DELETE FROM sd_rewrite.users WHERE id BETWEEN 35 AND 37;
    GET DIAGNOSTICS n = ROW_COUNT;
    RAISE NOTICE 'row_count %, found %', n, FOUND;
    DELETE FROM sd_rewrite.users WHERE id = 38 RETURNING id, deleted_at INTO STRICT r;
    RAISE NOTICE 'returned %, dead %', r.id, r.deleted_at = now();
    EXECUTE 'DELETE FROM sd_rewrite.users WHERE id = $1' USING 39;
    GET DIAGNOSTICS n = ROW_COUNT;
    RAISE NOTICE 'dynamic row_count %', n;
    EXECUTE 'DELETE FROM sd_rewrite.users WHERE id = 40 RETURNING deleted_at = now()' INTO f;
    RAISE NOTICE 'dynamic returned %', f;
    FOR r IN DELETE FROM sd_rewrite.users WHERE id IN (41, 42) RETURNING id LOOP
        RAISE NOTICE 'loop %', r.id;
    END LOOP;
    BEGIN
        DELETE FROM sd_rewrite.users WHERE id IN (43, 44) RETURNING id INTO STRICT n;
    EXCEPTION WHEN too_many_rows THEN
        RAISE NOTICE 'too many rows';
    END;
END $$;
SELECT * FROM everybody() WHERE id BETWEEN 35 AND 44;
CREATE FUNCTION remove_returning(int) RETURNS SETOF users LANGUAGE sql AS 'DELETE FROM sd_rewrite.users WHERE id = $1 RETURNING *';
SELECT id, deleted_at = now() AS dead FROM remove_returning(43);
SELECT count(*) FROM remove_returning(43);

-- delete_prepared_before_enabling_and_disabling_obeys ----------------------------------------------------------------
CREATE TABLE late (id int PRIMARY KEY);
INSERT INTO late SELECT generate_series(1, 60);
PREPARE remove(int) AS DELETE FROM late WHERE id = $1;
PREPARE remove_r(int) AS DELETE FROM late WHERE id = $1 RETURNING id;
PREPARE see AS SELECT count(*) FROM late;
CREATE FUNCTION remove(int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN DELETE FROM sd_rewrite.late WHERE id = $1; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
CREATE FUNCTION remove_sql(int) RETURNS void LANGUAGE sql AS 'DELETE FROM sd_rewrite.late WHERE id = $1';
SELECT remove(i) FROM generate_series(1, 3) i;
SELECT remove_sql(i) FROM generate_series(4, 6) i;
EXECUTE remove(7); EXECUTE remove(8); EXECUTE remove(9); EXECUTE remove(10); EXECUTE remove(11); EXECUTE remove(12); EXECUTE remove(13);
EXECUTE remove_r(14);
EXECUTE see;
SELECT account.enable_soft_delete('late') \gset
SELECT remove(20), remove(20) AS again;
SELECT remove_sql(21);
EXECUTE remove(22);
EXECUTE remove(22);
EXECUTE remove_r(23);
EXECUTE see;
ALTER TABLE late ADD gone_at timestamptz;
SELECT account.disable_soft_delete('late'), account.enable_soft_delete('late', deleted_at => 'gone_at') \gset
SELECT remove(24);
EXECUTE remove(25);
SET pgaccount.show_deleted = on;
SELECT id, deleted_at IS NOT NULL AS deleted_at, gone_at IS NOT NULL AS gone_at FROM late WHERE id < 27 ORDER BY id;
RESET pgaccount.show_deleted;
SET plan_cache_mode = force_generic_plan;
EXECUTE remove(26);
EXECUTE remove_r(27);
RESET plan_cache_mode;
SELECT account.disable_soft_delete('late') \gset
SELECT remove(30), remove(20) AS dead_one;
SELECT remove_sql(31);
EXECUTE remove(32);
EXECUTE remove_r(33);
EXECUTE see;
SELECT array_agg(id ORDER BY id) FROM late WHERE id < 35;
DEALLOCATE ALL;

-- WHERE CURRENT OF ------------------------------------------------------------------------------------------------------
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM users WHERE id >= 50 ORDER BY id FOR UPDATE;
FETCH 2 FROM c;
DELETE FROM users WHERE CURRENT OF c RETURNING id, deleted_at = now() AS dead;
-- deleted already
DELETE FROM users WHERE CURRENT OF c;
FETCH 1 FROM c;
DELETE FROM users WHERE CURRENT OF c;
CLOSE c;
DECLARE simple CURSOR FOR SELECT id FROM users WHERE id = 53;
FETCH 1 FROM simple;
DELETE FROM users WHERE CURRENT OF simple;
CLOSE simple;
COMMIT;
DO $$
DECLARE c CURSOR FOR SELECT id FROM sd_rewrite.users WHERE id IN (54, 55) ORDER BY id;
BEGIN
    FOR r IN c LOOP
        DELETE FROM sd_rewrite.users WHERE CURRENT OF c;
        RAISE NOTICE '% found %', r.id, FOUND;
    END LOOP;
END $$;
SELECT * FROM everybody() WHERE id BETWEEN 49 AND 56;

-- data-modifying CTEs ------------------------------------------------------------------------------------------------------
WITH gone AS (DELETE FROM users WHERE id IN (60, 61) RETURNING id, deleted_at) SELECT id, deleted_at = now() AS dead FROM gone ORDER BY id;
WITH gone AS (DELETE FROM users WHERE id = 62) SELECT 1 AS not_referenced;
CREATE TABLE log (id bigint, at timestamptz);
WITH gone AS (DELETE FROM users WHERE id IN (63, 64) RETURNING id, deleted_at) INSERT INTO log SELECT id, deleted_at FROM gone;
SELECT count(*) FROM log WHERE at IS NOT NULL;
WITH t AS (DELETE FROM users WHERE id = 65 RETURNING team) UPDATE teams SET closed = true FROM t WHERE teams.id = t.team RETURNING teams.id;
WITH t AS (UPDATE teams SET closed = closed WHERE id = 7 RETURNING id) DELETE FROM users USING t WHERE team = t.id AND users.id = 66 RETURNING users.id;
WITH a AS (DELETE FROM users WHERE id = 67 RETURNING id), b AS (DELETE FROM late WHERE id = 40 RETURNING id) DELETE FROM users WHERE id = 68 RETURNING id;
WITH ids AS (SELECT id FROM users WHERE id = 69) DELETE FROM users USING ids WHERE users.id = ids.id;
WITH RECURSIVE r AS (SELECT 70 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 72) DELETE FROM users USING r WHERE id = i RETURNING id;
SELECT * FROM everybody() WHERE id BETWEEN 59 AND 73;

-- merge_delete_is_soft_and_counted ------------------------------------------------------------------------------------------
MERGE INTO users u USING (VALUES (75), (76), (1), (1000)) v(id) ON u.id = v.id WHEN MATCHED THEN DELETE;
MERGE INTO users u USING (VALUES (75, 'a'), (77, 'b'), (78, 'c'), (201, 'd')) v(id, email) ON u.id = v.id
    WHEN MATCHED AND u.id = 77 THEN DELETE
    WHEN MATCHED THEN UPDATE SET email = v.email
    WHEN NOT MATCHED AND v.id > 200 THEN INSERT (id, email) VALUES (v.id, v.email);
MERGE INTO users u USING (VALUES (78), (79)) v(id) ON u.id = v.id WHEN MATCHED AND u.id = 79 THEN DELETE WHEN MATCHED THEN DO NOTHING;
PREPARE m AS MERGE INTO users u USING teams t ON u.team = t.id AND u.id = 80 WHEN MATCHED THEN DELETE;
EXECUTE m;
EXECUTE m;
DEALLOCATE m;
SELECT id, email FROM users WHERE id IN (75, 77, 78, 201) ORDER BY id;
SELECT * FROM everybody() WHERE id BETWEEN 75 AND 80;
-- also with rows hidden by nothing
CREATE TABLE shown (id int PRIMARY KEY, v int);
INSERT INTO shown VALUES (1), (2), (3);
SELECT account.enable_soft_delete('shown', hide => false) \gset
DELETE FROM shown WHERE id = 1;
DELETE FROM shown;
UPDATE shown SET deleted_at = NULL WHERE id = 2;
MERGE INTO shown USING (VALUES (1), (2), (3)) v(id) ON shown.id = v.id WHEN MATCHED THEN DELETE;
MERGE INTO shown USING (VALUES (1), (2), (3)) v(id) ON shown.id = v.id WHEN MATCHED AND deleted_at IS NOT NULL THEN UPDATE SET v = 1 WHEN MATCHED THEN DELETE;
-- merge_evaluates_a_volatile_condition_once: each row is deleted, updated or, being deleted, left alone by the one action
-- that would have deleted it
CREATE SEQUENCE tries;
CREATE TABLE tried (id int PRIMARY KEY, v int DEFAULT 0);
INSERT INTO tried SELECT generate_series(1, 100);
SELECT account.enable_soft_delete('tried', hide => false) \gset
DELETE FROM tried WHERE id > 80;
MERGE INTO tried USING generate_series(1, 100) g ON tried.id = g
    WHEN MATCHED AND nextval('tries') % 3 = 0 THEN DELETE
    WHEN MATCHED AND nextval('tries') % 4 <> 0 THEN UPDATE SET v = v + 1
    WHEN MATCHED THEN UPDATE SET v = v - 1;
SELECT count(*) FILTER (WHERE v <> 0) AS updated, count(*) FILTER (WHERE deleted_at IS NOT NULL AND v = 0) AS deleted,
    count(*) FILTER (WHERE deleted_at IS NULL AND v = 0) AS untouched FROM tried;
SELECT last_value AS evaluated FROM tries;

-- delete_through_view_reaches_base_table; view_with_instead_of_and_own_deleted_at_is_untouched --------------------------------
CREATE VIEW users_v AS SELECT id, email, team FROM users WHERE id < 95;
CREATE VIEW users_vv AS SELECT id, deleted_at FROM users;
CREATE VIEW users_vvv AS SELECT id AS key FROM users_v WITH CASCADED CHECK OPTION;
CREATE VIEW users_sb WITH (security_barrier) AS SELECT id, email FROM users WHERE email LIKE 'u%';
CREATE VIEW users_si WITH (security_invoker) AS SELECT id FROM users;
DELETE FROM users_v WHERE id = 81 RETURNING id, email;
DELETE FROM users_v WHERE id = 81;
DELETE FROM users_v WHERE id = 96;
DELETE FROM users_vv WHERE id = 82 RETURNING id, deleted_at = now() AS dead;
DELETE FROM users_vvv WHERE key = 83 RETURNING key;
DELETE FROM users_sb WHERE id = 84 RETURNING id;
DELETE FROM users_si WHERE id = 85 RETURNING id;
-- a view that has a deleted_at of its own, and an INSTEAD OF trigger
CREATE VIEW masked AS SELECT id, now() AS deleted_at FROM users;
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'instead of deleting %', OLD.id; RETURN OLD; END $$;
CREATE TRIGGER i INSTEAD OF DELETE ON masked FOR EACH ROW EXECUTE FUNCTION instead();
DELETE FROM masked WHERE id = 86;
DELETE FROM masked WHERE id = 86 RETURNING id, deleted_at = now() AS own;
CREATE VIEW ruled AS SELECT id FROM users;
CREATE RULE r AS ON DELETE TO ruled DO INSTEAD DELETE FROM users WHERE id = OLD.id AND id = 87;
DELETE FROM ruled WHERE id IN (87, 88);
SELECT * FROM everybody() WHERE id BETWEEN 81 AND 88;

-- rules on the table itself ------------------------------------------------------------------------------------------------------
CREATE TABLE with_rule (id int PRIMARY KEY);
INSERT INTO with_rule VALUES (1), (2);
CREATE RULE also AS ON DELETE TO with_rule DO ALSO INSERT INTO log VALUES (OLD.id);
SELECT account.enable_soft_delete('with_rule') \gset
DELETE FROM with_rule WHERE id = 1 RETURNING id;
SELECT id FROM with_rule;
SELECT count(*) FROM log WHERE id = 1;

-- EXPLAIN shows the Update ------------------------------------------------------------------------------------------------------------
EXPLAIN (COSTS OFF) DELETE FROM users WHERE id = 90;
EXPLAIN (COSTS OFF, VERBOSE) DELETE FROM users WHERE id = 90 RETURNING id;
-- and with ANALYZE it is done
DO $$BEGIN EXECUTE 'EXPLAIN (ANALYZE) DELETE FROM sd_rewrite.users WHERE id = 90'; END$$;
SELECT * FROM everybody() WHERE id = 90;
EXPLAIN (COSTS OFF) MERGE INTO users u USING (VALUES (91)) v(id) ON u.id = v.id WHEN MATCHED THEN DELETE;

-- savepoints, subtransactions, errors ----------------------------------------------------------------------------------------------
BEGIN;
DELETE FROM users WHERE id = 91;
SAVEPOINT a;
DELETE FROM users WHERE id = 92;
ROLLBACK TO a;
DELETE FROM users WHERE id = 92 RETURNING id;
SAVEPOINT b;
DELETE FROM users WHERE id = 93;
RELEASE b;
ROLLBACK TO a;
COMMIT;
SELECT * FROM everybody() WHERE id BETWEEN 91 AND 93;
DO $$
BEGIN
    BEGIN
        DELETE FROM sd_rewrite.users WHERE id = 92;
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
END $$;
SELECT * FROM everybody() WHERE id = 92;

-- two-phase commit -----------------------------------------------------------------------------------------------------------------------
SELECT current_setting('max_prepared_transactions')::int > 0 AS can_prepare \gset
\if :can_prepare
BEGIN;
DELETE FROM users WHERE id = 94;
PREPARE TRANSACTION 'sd_rewrite';
COMMIT PREPARED 'sd_rewrite';
BEGIN;
DELETE FROM users WHERE id = 95;
PREPARE TRANSACTION 'sd_rewrite';
ROLLBACK PREPARED 'sd_rewrite';
\else
DELETE FROM users WHERE id = 94;
\endif
SELECT * FROM everybody() WHERE id BETWEEN 94 AND 95;

-- session_replication_role = replica: physical, as it arrives (superuser) ---------------------------------------------------------------------
CREATE TABLE applied (id int PRIMARY KEY, deleted_at timestamptz, is_deleted boolean DEFAULT false);
INSERT INTO applied VALUES (1), (2), (3);
SELECT account.enable_soft_delete('applied') \gset
PREPARE remove(int) AS DELETE FROM applied WHERE id = $1;
EXECUTE remove(1);
RESET ROLE;
SET session_replication_role = replica;
EXECUTE remove(2);
SELECT id, is_deleted FROM applied ORDER BY id;
INSERT INTO applied VALUES (5, NULL, true);
SELECT id, is_deleted, deleted_at FROM applied WHERE id = 5;
SET session_replication_role = DEFAULT;
SELECT id FROM applied ORDER BY id;
EXECUTE remove(3);
SET pgaccount.show_deleted = on;
SELECT id, is_deleted FROM applied ORDER BY id;
RESET pgaccount.show_deleted;
SET session_replication_role = replica;
TRUNCATE applied;
SET session_replication_role = DEFAULT;
SELECT count(*) FROM applied;
-- a disabled trigger is no declaration; enabled ALWAYS it is one for a replica too
ALTER TABLE applied DISABLE TRIGGER USER;
INSERT INTO applied VALUES (1), (2);
DELETE FROM applied WHERE id = 1;
ALTER TABLE applied ENABLE TRIGGER USER;
SET pgaccount.show_deleted = on;
SELECT id FROM applied;
RESET pgaccount.show_deleted;

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_rewrite CASCADE;
DROP OWNED BY regress_sd_owner;
DROP ROLE regress_sd_owner;
