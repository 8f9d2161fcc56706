-- Soft delete with what PostgreSQL 19 brought: ON CONFLICT DO SELECT, REPACK, COPY of partitioned tables, checks of foreign keys
-- without statements. Older servers pass it over: soft_delete_19_1.out.
SELECT current_setting('server_version_num')::int >= 190000 AS has_it
\gset
\if :has_it
SET client_min_messages = warning;
CREATE ROLE regress_sd19_owner;
CREATE SCHEMA sd19 AUTHORIZATION regress_sd19_owner;
SET ROLE regress_sd19_owner;
SET search_path = sd19;
\set VERBOSITY sqlstate
CREATE TABLE users (id int PRIMARY KEY, email text, note text);
SELECT account.enable_soft_delete('users');
CREATE UNIQUE INDEX users_email_live ON users (email) WHERE deleted_at IS NULL;
INSERT INTO users VALUES (1, 'ann', 'live'), (2, 'bob', 'deleted');
DELETE FROM users WHERE id = 2;
-- do_select_returns_no_deleted_row ------------------------------------------------------------------------------
INSERT INTO users VALUES (1, 'ann', 'new') ON CONFLICT (id) DO SELECT RETURNING id, note;
INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT RETURNING id, note; -- fails
INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT FOR UPDATE RETURNING id, note; -- fails
INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT WHERE users.note = 'none' RETURNING id; -- fails
WITH made AS (INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT RETURNING id) SELECT * FROM made; -- fails
PREPARE ensure(int) AS INSERT INTO users VALUES ($1, 'p', 'prepared') ON CONFLICT (id) DO SELECT RETURNING id, note;
EXECUTE ensure(1);
EXECUTE ensure(2); -- fails
-- do_select_infers_the_index_over_live_rows ---------------------------------------------------------------------
INSERT INTO users VALUES (3, 'ann', 'other') ON CONFLICT (email) DO SELECT RETURNING id, note;
INSERT INTO users VALUES (4, 'bob', 'again') ON CONFLICT (email) DO SELECT RETURNING id, note;
-- do_select_sees_what_is_shown ----------------------------------------------------------------------------------
SET pgaccount.show_deleted = on;
INSERT INTO users VALUES (2, 'bob', 'new') ON CONFLICT (id) DO SELECT RETURNING id, note;
RESET pgaccount.show_deleted;
-- do_select_takes_the_row_that_replaces_the_deleted_one -----------------------------------------------------------
SELECT account.enable_soft_delete('users', on_reinsert => 'replace');
INSERT INTO users VALUES (2, 'rob', 'replaced') ON CONFLICT (id) DO SELECT RETURNING id, note;
SELECT id, email, note FROM users ORDER BY id;
\set VERBOSITY default
-- do_select_returns_old_and_new -----------------------------------------------------------------------------------
DROP TABLE users;
CREATE TABLE users (id int PRIMARY KEY, email text, note text);
SELECT account.enable_soft_delete('users');
INSERT INTO users VALUES (1, 'ann', 'live'), (2, 'bob', 'deleted');
DELETE FROM users WHERE id = 2;
INSERT INTO users VALUES (1, 'ann', 'x') ON CONFLICT (id) DO SELECT RETURNING old.id, new.id, old.note, new.note;
-- repack_keeps_deleted_rows ---------------------------------------------------------------------------------------
REPACK users USING INDEX users_pkey;
REPACK users;
SELECT count(*) FROM users;
SET pgaccount.show_deleted = on;
SELECT count(*) FROM users;
RESET pgaccount.show_deleted;
RESET ROLE;
REPACK (CONCURRENTLY) sd19.users;
REPACK account.event;
SET ROLE regress_sd19_owner;
DELETE FROM users WHERE id = 1 RETURNING old.deleted_at IS NULL AS was, new.deleted_at IS NOT NULL AS "is";
SELECT account.restore('users', '{1,2}'::int[]);
-- copy_of_a_partitioned_table_contains_deleted_rows ---------------------------------------------------------------
CREATE TABLE parts (id int, t int, PRIMARY KEY (t, id)) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
SELECT account.enable_soft_delete('parts');
INSERT INTO parts SELECT i, t FROM generate_series(1, 2) i, generate_series(1, 2) t;
DELETE FROM parts WHERE id = 1;
COPY parts (id, t) TO STDOUT;
COPY parts_1 (id, t) TO STDOUT;
COPY (SELECT id, t FROM parts) TO STDOUT;
COPY (SELECT id, t FROM parts ORDER BY t) TO STDOUT (FORMAT json);
COPY users (id, email) TO STDOUT (FORMAT json);
-- do_select_on_a_partitioned_table --------------------------------------------------------------------------------
INSERT INTO parts VALUES (2, 1) ON CONFLICT (t, id) DO SELECT RETURNING tableoid::regclass, id, t;
INSERT INTO parts VALUES (1, 1) ON CONFLICT (t, id) DO SELECT RETURNING id; -- fails
INSERT INTO parts_1 VALUES (1, 1) ON CONFLICT (t, id) DO SELECT RETURNING id; -- fails
-- referential_checks_without_statements -------------------------------------------------------------------------
-- they see deleted rows, are guarded, and find what a cleanup has removed meanwhile
CREATE TABLE orders (id int PRIMARY KEY, made_by int REFERENCES users, later int REFERENCES users DEFERRABLE INITIALLY DEFERRED);
SELECT account.enable_soft_delete('users', guard_references => true);
DELETE FROM users WHERE id = 2;
INSERT INTO orders SELECT i, 1, 1 FROM generate_series(1, 200) i;
INSERT INTO orders VALUES (900, 2, 1); -- fails
INSERT INTO orders VALUES (901, 4711, 1); -- fails
INSERT INTO orders VALUES (902, 1, 4711); -- fails
SELECT account.set_reference_policy('orders', 'orders_made_by_fkey', 'cascade'), account.set_reference_policy('orders', 'orders_later_fkey', 'cascade');
BEGIN;
INSERT INTO orders SELECT i, 1, 1 FROM generate_series(201, 400) i;
SELECT relation, action, rows FROM account.cleanup('users', 1);
COMMIT;
SELECT count(*) FROM orders;
INSERT INTO users VALUES (5, 'eve');
BEGIN;
INSERT INTO orders VALUES (500, 5, 5);
SELECT relation, action, rows FROM account.cleanup('users', 5);
SELECT count(*) FROM orders;
COMMIT;
SELECT count(*) FROM orders;
CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM account.cleanup('users', 6, true); RETURN NULL; END $$;
INSERT INTO users VALUES (6, 'fay');
CREATE TRIGGER away AFTER INSERT ON orders EXECUTE FUNCTION away();
INSERT INTO orders SELECT i, 6, 6 FROM generate_series(600, 700) i;
SELECT count(*) FROM orders;
SELECT count(*) FROM users WHERE id = 6;
-- windows_and_merge_see_live_rows --------------------------------------------------------------------------------
INSERT INTO users VALUES (7, 'g', NULL), (8, 'h', 'x'), (9, 'i', NULL);
DELETE FROM users WHERE id = 8;
SELECT id, lag(note) IGNORE NULLS OVER (ORDER BY id) FROM users ORDER BY id;
MERGE INTO users u USING (VALUES (7), (9), (10)) v(id) ON u.id = v.id WHEN MATCHED AND u.id = 7 THEN DELETE WHEN MATCHED THEN UPDATE SET note = 'm' WHEN NOT MATCHED THEN INSERT VALUES (v.id) RETURNING merge_action(), old.id, new.id, new.deleted_at IS NOT NULL;
RESET ROLE;
DROP SCHEMA sd19 CASCADE;
DROP ROLE regress_sd19_owner;
\endif
