-- DELETE's privilege and DELETE's policies decide, nobody else's: with the rewrite, and with the row trigger
-- (MERGE where row security applies; test/tap has a server without the rewrite).
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE ROLE regress_sd_clerk;
CREATE ROLE regress_sd_nobody;
CREATE SCHEMA sd_rls AUTHORIZATION regress_sd_owner;
GRANT USAGE ON SCHEMA sd_rls TO regress_sd_clerk, regress_sd_nobody;
SET ROLE regress_sd_owner;
SET search_path = sd_rls;
RESET client_min_messages;
\set QUIET off
CREATE FUNCTION all_of(t regclass) RETURNS TABLE (id int, dead boolean, by_me boolean) LANGUAGE plpgsql SECURITY DEFINER SET pgaccount.show_deleted = on SET row_security = off AS $$
BEGIN RETURN QUERY EXECUTE format('SELECT id, deleted_at IS NOT NULL, deleted_by = session_user FROM %s ORDER BY id', t); END $$;

-- delete_without_update_privilege -------------------------------------------------------------------------------
CREATE TABLE users (id int PRIMARY KEY, email text, secret text, deleted_by text);
INSERT INTO users SELECT i, 'u' || i, 's' || i FROM generate_series(1, 12) i;
SELECT account.enable_soft_delete('users') \gset
GRANT DELETE, SELECT (id, email) ON users TO regress_sd_clerk;
SET ROLE regress_sd_clerk;
\set VERBOSITY terse
DELETE FROM users WHERE id = 1 RETURNING id, email;
DELETE FROM users USING (VALUES (2)) v(id) WHERE users.id = v.id;
WITH gone AS (DELETE FROM users WHERE id = 3 RETURNING id) SELECT * FROM gone;
MERGE INTO users USING (VALUES (4)) v(id) ON users.id = v.id WHEN MATCHED THEN DELETE;
PREPARE remove(int) AS DELETE FROM users WHERE id = $1;
EXECUTE remove(5);
DEALLOCATE remove;
-- and may do no more than before: neither write nor read what is not its own
UPDATE users SET email = 'x' WHERE id = 6; -- fails
\echo :LAST_ERROR_SQLSTATE
UPDATE users SET deleted_at = NULL; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM users; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT deleted_at FROM users; -- fails
\echo :LAST_ERROR_SQLSTATE
DELETE FROM users WHERE secret = 's7'; -- fails
\echo :LAST_ERROR_SQLSTATE
DELETE FROM users WHERE id = 7 RETURNING deleted_at; -- fails
\echo :LAST_ERROR_SQLSTATE
DELETE FROM users WHERE deleted_at IS NULL AND id = 7; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT id FROM users ORDER BY id;
-- with DELETE alone
SET ROLE regress_sd_owner;
REVOKE ALL ON users FROM regress_sd_clerk;
GRANT DELETE ON users TO regress_sd_clerk;
SET ROLE regress_sd_clerk;
DELETE FROM users WHERE id = 7; -- fails
\echo :LAST_ERROR_SQLSTATE
BEGIN;
DELETE FROM users;
ROLLBACK;
-- UPDATE without DELETE is no DELETE
SET ROLE regress_sd_owner;
REVOKE ALL ON users FROM regress_sd_clerk;
GRANT SELECT, UPDATE, INSERT ON users TO regress_sd_clerk;
SET ROLE regress_sd_clerk;
DELETE FROM users WHERE id = 8; -- fails
\echo :LAST_ERROR_SQLSTATE
MERGE INTO users USING (VALUES (8)) v(id) ON users.id = v.id WHEN MATCHED THEN DELETE; -- fails
\echo :LAST_ERROR_SQLSTATE
WITH gone AS (DELETE FROM users WHERE id = 8 RETURNING id) SELECT * FROM gone; -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_sd_nobody;
DELETE FROM users; -- fails
\echo :LAST_ERROR_SQLSTATE
EXPLAIN DELETE FROM users; -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_sd_owner;
SELECT * FROM all_of('users') WHERE dead;
-- through a view the view's owner is asked
CREATE VIEW v AS SELECT id FROM users;
GRANT SELECT, DELETE ON v TO regress_sd_nobody;
SET ROLE regress_sd_nobody;
DELETE FROM v WHERE id = 9;
SET ROLE regress_sd_owner;
REVOKE DELETE ON users FROM regress_sd_owner;
SET ROLE regress_sd_nobody;
DELETE FROM v WHERE id = 10; -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_sd_owner;
DELETE FROM users WHERE id = 10; -- fails
\echo :LAST_ERROR_SQLSTATE
GRANT DELETE ON users TO regress_sd_owner;
SELECT id FROM all_of('users') WHERE dead ORDER BY id;
\set VERBOSITY default

-- delete_policy_without_update_policy ----------------------------------------------------------------------------------
CREATE TABLE docs (id int PRIMARY KEY, owner name, body text, deleted_by text);
INSERT INTO docs SELECT i, CASE WHEN i <= 6 THEN 'regress_sd_clerk' ELSE 'regress_sd_nobody' END, 'd' || i FROM generate_series(1, 12) i;
SELECT account.enable_soft_delete('docs') \gset
GRANT ALL ON docs TO regress_sd_clerk;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON docs FOR SELECT USING (true);
CREATE POLICY remove_own ON docs FOR DELETE USING (owner = current_user);
SET ROLE regress_sd_clerk;
DELETE FROM docs WHERE id = 1 RETURNING id, deleted_at = now() AS dead;
DELETE FROM docs WHERE id IN (2, 7);
DELETE FROM docs WHERE id = 7;
UPDATE docs SET body = 'x' WHERE id = 3;
MERGE INTO docs USING (VALUES (3)) v(id) ON docs.id = v.id WHEN MATCHED AND false THEN DELETE WHEN MATCHED THEN DO NOTHING;
EXPLAIN (COSTS OFF) DELETE FROM docs WHERE id = 3;
-- MERGE goes by the row trigger here: soft, by DELETE's policy, not counted
MERGE INTO docs USING (VALUES (3)) v(id) ON docs.id = v.id WHEN MATCHED THEN DELETE;
MERGE INTO docs USING (VALUES (3)) v(id) ON docs.id = v.id WHEN MATCHED THEN DELETE;
\set VERBOSITY terse
MERGE INTO docs USING (VALUES (8)) v(id) ON docs.id = v.id WHEN MATCHED THEN DELETE; -- fails
\echo :LAST_ERROR_SQLSTATE
MERGE INTO docs USING (VALUES (4)) v(id) ON docs.id = v.id WHEN MATCHED THEN UPDATE SET body = 'x'; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SET ROLE regress_sd_owner;
SELECT * FROM all_of('docs') WHERE dead;
-- select_policy_hides_dead_rows: the deletion is not checked against it
DROP POLICY read ON docs;
CREATE POLICY read_live ON docs FOR SELECT USING (deleted_at IS NULL);
SET ROLE regress_sd_clerk;
DELETE FROM docs WHERE id = 4 RETURNING id, deleted_at = now() AS dead;
DELETE FROM docs WHERE id = 4;
MERGE INTO docs USING (VALUES (5)) v(id) ON docs.id = v.id WHEN MATCHED THEN DELETE;
SELECT id FROM docs ORDER BY id;
SET pgaccount.show_deleted = on;
SELECT id FROM docs ORDER BY id;
DELETE FROM docs WHERE id = 5;
RESET pgaccount.show_deleted;
-- UPDATE policies with a check that no deleted row would pass
SET ROLE regress_sd_owner;
CREATE POLICY change_live ON docs FOR UPDATE USING (true) WITH CHECK (deleted_at IS NULL);
CREATE POLICY check_live ON docs AS RESTRICTIVE FOR INSERT WITH CHECK (deleted_at IS NULL);
SET ROLE regress_sd_clerk;
DELETE FROM docs WHERE id = 6;
SET ROLE regress_sd_owner;
INSERT INTO docs VALUES (21, 'regress_sd_clerk'), (22, 'regress_sd_clerk'), (23, 'regress_sd_clerk');
SET ROLE regress_sd_clerk;
MERGE INTO docs USING (VALUES (21), (22)) v(id) ON docs.id = v.id WHEN MATCHED AND docs.id = 21 THEN DELETE WHEN MATCHED THEN UPDATE SET body = 'changed';
SET ROLE regress_sd_owner;
SELECT id FROM all_of('docs') WHERE dead;
SELECT id, body FROM docs WHERE id > 20 ORDER BY id;
-- in PL/pgSQL, with GET DIAGNOSTICS; as another role after SET ROLE, with the same plan
CREATE FUNCTION remove(k int) RETURNS int LANGUAGE plpgsql AS 'DECLARE n int; BEGIN DELETE FROM sd_rls.docs WHERE id = k; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END';
SET ROLE regress_sd_clerk;
SELECT remove(7) AS others, remove(22) AS own;
SET ROLE regress_sd_owner;
GRANT ALL ON docs TO regress_sd_nobody;
SET ROLE regress_sd_nobody;
SELECT remove(23) AS others, remove(7) AS own;
SET ROLE regress_sd_owner;
SELECT remove(23) AS as_owner;
-- no policy for DELETE: nothing to delete
DROP POLICY remove_own ON docs;
SET ROLE regress_sd_clerk;
DELETE FROM docs;
-- policies over other soft-delete tables see live rows
SET ROLE regress_sd_owner;
CREATE TABLE members (who name, deleted_at timestamptz);
INSERT INTO members VALUES ('regress_sd_clerk'), ('regress_sd_nobody');
GRANT SELECT ON members TO regress_sd_clerk, regress_sd_nobody;
SELECT account.enable_soft_delete('members') \gset
CREATE POLICY remove_as_member ON docs FOR DELETE USING (EXISTS (SELECT FROM sd_rls.members WHERE who = current_user));
DELETE FROM members WHERE who = 'regress_sd_clerk';
SET ROLE regress_sd_clerk;
DELETE FROM docs WHERE id = 8;
SET ROLE regress_sd_nobody;
DELETE FROM docs WHERE id = 8;

-- force_rls_with_a_nonsuperuser_owner ----------------------------------------------------------------------------------------
SET ROLE regress_sd_owner;
CREATE TABLE forced (id int PRIMARY KEY, tenant int, deleted_by text);
INSERT INTO forced SELECT i, i % 2 FROM generate_series(1, 10) i;
ALTER TABLE forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY see ON forced FOR SELECT USING (tenant = 1);
CREATE POLICY remove ON forced FOR DELETE USING (tenant = 1 AND id < 8);
SELECT account.enable_soft_delete('forced') \gset
DELETE FROM forced WHERE id IN (1, 2, 9) RETURNING id;
DELETE FROM forced WHERE id = 1;
MERGE INTO forced USING (VALUES (3)) v(id) ON forced.id = v.id WHEN MATCHED THEN DELETE;
UPDATE forced SET tenant = 0;
SELECT id FROM forced ORDER BY id;
ALTER TABLE forced NO FORCE ROW LEVEL SECURITY;
SELECT * FROM all_of('forced') WHERE dead;
-- its soft children follow, though the owner of the children is under forced policies himself
CREATE TABLE kids (id int PRIMARY KEY, parent int REFERENCES forced ON DELETE CASCADE, deleted_by text);
INSERT INTO kids SELECT i, i FROM generate_series(1, 10) i;
ALTER TABLE kids ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY nothing ON kids USING (false);
ALTER TABLE forced FORCE ROW LEVEL SECURITY;
SELECT account.enable_soft_delete('kids') \gset
DELETE FROM forced WHERE id = 5;
ALTER TABLE kids NO FORCE ROW LEVEL SECURITY;
SELECT * FROM all_of('kids') WHERE dead;
ALTER TABLE kids FORCE ROW LEVEL SECURITY;
-- a hard-deleted parent under forced policies: never an orphan
CREATE TABLE tenants (id int PRIMARY KEY);
INSERT INTO tenants VALUES (0), (1);
ALTER TABLE forced NO FORCE ROW LEVEL SECURITY;
ALTER TABLE forced ADD FOREIGN KEY (tenant) REFERENCES tenants ON DELETE CASCADE;
ALTER TABLE forced FORCE ROW LEVEL SECURITY;
SELECT account.enable_soft_delete('forced') \gset
\set VERBOSITY terse
DELETE FROM tenants WHERE id = 0; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT account.enable_soft_delete('kids', on_parent_delete => 'delete'), account.enable_soft_delete('forced', on_parent_delete => 'delete') \gset
DELETE FROM tenants WHERE id = 0;
ALTER TABLE forced NO FORCE ROW LEVEL SECURITY;
ALTER TABLE kids NO FORCE ROW LEVEL SECURITY;
SELECT (SELECT array_agg(id) FROM all_of('forced')) AS forced, (SELECT array_agg(id) FROM all_of('kids')) AS kids;

-- bringing flag and stamp in step at enabling reaches all rows of a table under forced policies -----------------------------------
CREATE TABLE flagged (id int PRIMARY KEY, is_deleted boolean, deleted_at timestamptz, deleted_by text);
INSERT INTO flagged VALUES (1, true), (2, false), (3, true);
ALTER TABLE flagged ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY none_of_it ON flagged USING (id = 2);
SELECT account.enable_soft_delete('flagged') \gset
ALTER TABLE flagged NO FORCE ROW LEVEL SECURITY;
SELECT id, dead FROM all_of('flagged');

-- partitions and row security: policies of what is named --------------------------------------------------------------------------------
CREATE TABLE pd (id int, t int, deleted_at timestamptz, deleted_by text) PARTITION BY LIST (t);
CREATE TABLE pd_1 PARTITION OF pd FOR VALUES IN (1);
CREATE TABLE pd_2 (deleted_by text, t int, id int, deleted_at timestamptz);
ALTER TABLE pd ATTACH PARTITION pd_2 FOR VALUES IN (2);
INSERT INTO pd SELECT i, 1 + i % 2 FROM generate_series(1, 10) i;
ALTER TABLE pd ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON pd FOR SELECT USING (true);
CREATE POLICY d ON pd FOR DELETE USING (id < 5);
GRANT SELECT, DELETE ON pd TO regress_sd_clerk;
SELECT account.enable_soft_delete('pd') \gset
SET ROLE regress_sd_clerk;
DELETE FROM pd WHERE id IN (1, 2, 8) RETURNING tableoid::regclass, id;
MERGE INTO pd USING (VALUES (3), (4)) v(id) ON pd.id = v.id WHEN MATCHED THEN DELETE;
SELECT id FROM pd ORDER BY id;
SET ROLE regress_sd_owner;
SELECT * FROM all_of('pd') WHERE dead;
-- deleted_at as the partition key, by the row trigger
CREATE TABLE pk (id int, deleted_at timestamptz, deleted_by text) PARTITION BY LIST ((deleted_at IS NULL));
CREATE TABLE pk_live (deleted_by text, id int, deleted_at timestamptz);
ALTER TABLE pk ATTACH PARTITION pk_live FOR VALUES IN (true);
CREATE TABLE pk_dead PARTITION OF pk FOR VALUES IN (false);
INSERT INTO pk VALUES (1), (2), (3);
ALTER TABLE pk ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON pk FOR SELECT USING (true);
CREATE POLICY d ON pk FOR DELETE USING (true);
GRANT SELECT, DELETE ON pk TO regress_sd_clerk;
SELECT account.enable_soft_delete('pk') \gset
SET ROLE regress_sd_clerk;
MERGE INTO pk USING (VALUES (2), (3)) v(id) ON pk.id = v.id WHEN MATCHED THEN DELETE;
SELECT id FROM pk;
SET ROLE regress_sd_owner;
SELECT * FROM all_of('pk');
SET pgaccount.show_deleted = on;
SELECT tableoid::regclass, id FROM pk ORDER BY id;
RESET pgaccount.show_deleted;

-- what the row trigger writes is checked and followed like any update --------------------------------------------------------------------
CREATE TABLE rt (id int PRIMARY KEY, email text, parent int REFERENCES rt ON DELETE CASCADE, alive boolean GENERATED ALWAYS AS (deleted_at IS NULL) STORED, deleted_at timestamptz, is_deleted boolean NOT NULL DEFAULT false, deleted_by varchar(3), big text,
    CHECK (id <> 9 OR deleted_at IS NULL));
ALTER TABLE rt ALTER big SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX rt_email ON rt (email) WHERE deleted_at IS NULL;
CREATE INDEX ON rt (deleted_at);
INSERT INTO rt (id, email, parent, big) SELECT i, 'e' || i, CASE WHEN i > 5 THEN i - 5 END, repeat('x', 10000) FROM generate_series(1, 9) i;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE '% % %', TG_WHEN, TG_OP, OLD.id; RETURN coalesce(NEW, OLD); END$$;
CREATE TRIGGER b BEFORE UPDATE OR DELETE ON rt FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER a AFTER UPDATE OR DELETE ON rt FOR EACH ROW EXECUTE FUNCTION tell();
ALTER TABLE rt ENABLE ROW LEVEL SECURITY;
CREATE POLICY s ON rt FOR SELECT USING (true);
CREATE POLICY d ON rt FOR DELETE USING (true);
GRANT SELECT, DELETE ON rt TO regress_sd_clerk;
SELECT account.enable_soft_delete('rt') \gset
SET ROLE regress_sd_clerk;
MERGE INTO rt USING (VALUES (1)) v(id) ON rt.id = v.id WHEN MATCHED THEN DELETE;
\set VERBOSITY terse
MERGE INTO rt USING (VALUES (3), (9)) v(id) ON rt.id = v.id WHEN MATCHED THEN DELETE; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
BEGIN;
MERGE INTO rt USING (VALUES (2)) v(id) ON rt.id = v.id WHEN MATCHED THEN DELETE;
ROLLBACK;
BEGIN;
SAVEPOINT s;
MERGE INTO rt USING (VALUES (3)) v(id) ON rt.id = v.id WHEN MATCHED THEN DELETE;
ROLLBACK TO s;
MERGE INTO rt USING (VALUES (5)) v(id) ON rt.id = v.id WHEN MATCHED THEN DELETE;
COMMIT;
SET ROLE regress_sd_owner;
SET pgaccount.show_deleted = on;
SELECT id, email, alive, is_deleted, deleted_by = left(session_user, 3) AS by_me, length(big) FROM rt WHERE deleted_at IS NOT NULL ORDER BY id;
SELECT count(DISTINCT deleted_at) AS stamps FROM rt WHERE id IN (1, 6);
SET enable_seqscan = off;
SELECT id FROM rt WHERE deleted_at IS NOT NULL ORDER BY id;
RESET pgaccount.show_deleted;
SELECT id FROM rt WHERE email = 'e1';
-- a trigger that keeps the row, one that changes it
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF OLD.id = 2 THEN RETURN NULL; END IF; NEW.email := NEW.email || '!'; RETURN NEW; END$$;
CREATE OR REPLACE TRIGGER b BEFORE UPDATE ON rt FOR EACH ROW EXECUTE FUNCTION keep();
DROP TRIGGER a ON rt;
SET ROLE regress_sd_clerk;
MERGE INTO rt USING (VALUES (2), (3)) v(id) ON rt.id = v.id WHEN MATCHED THEN DELETE;
SET ROLE regress_sd_owner;
SET pgaccount.show_deleted = on;
SELECT id, email, deleted_at IS NOT NULL AS dead FROM rt WHERE id IN (2, 3) ORDER BY id;
RESET pgaccount.show_deleted;

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_rls CASCADE;
DROP OWNED BY regress_sd_owner, regress_sd_clerk, regress_sd_nobody;
DROP ROLE regress_sd_owner, regress_sd_clerk, regress_sd_nobody;
