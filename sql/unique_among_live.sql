-- unique_among_live: a unique constraint or index becomes one over live rows, under its old name, and else as it was.
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE ROLE regress_sd_other;
CREATE SCHEMA sd_unique AUTHORIZATION regress_sd_owner;
GRANT USAGE ON SCHEMA sd_unique TO regress_sd_other;
SET ROLE regress_sd_owner;
SET search_path = sd_unique;
RESET client_min_messages;
\set QUIET off
CREATE FUNCTION indexes(t regclass) RETURNS SETOF text LANGUAGE sql AS 'SELECT pg_get_indexdef(indexrelid) || coalesce('' -- '' || obj_description(indexrelid, ''pg_class''), '''') FROM pg_index WHERE indrelid = t ORDER BY indexrelid::regclass::text COLLATE "C"';

-- email_of_a_deleted_user_registers_again ------------------------------------------------------------------------------
CREATE TABLE users (id int PRIMARY KEY, email text CONSTRAINT users_email_key UNIQUE, name text, tenant int, CONSTRAINT users_name UNIQUE (tenant, name));
COMMENT ON INDEX users_email_key IS 'one account an address';
INSERT INTO users VALUES (1, 'a@x', 'A', 1), (2, 'b@x', 'B', 1);
\set VERBOSITY terse
SELECT account.unique_among_live('users', 'email'); -- fails: not enabled
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('users') \gset
DELETE FROM users WHERE id = 1;
INSERT INTO users VALUES (3, 'a@x', 'A3', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
PREPARE again(int, text) AS INSERT INTO users (id, email) VALUES ($1, $2) ON CONFLICT (email) DO NOTHING;
SELECT account.unique_among_live('users', 'email');
INSERT INTO users VALUES (3, 'a@x', 'A3', 1);
INSERT INTO users VALUES (4, 'a@x', 'A4', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
EXECUTE again(4, 'a@x');
EXECUTE again(4, 'd@x');
DELETE FROM users WHERE id = 3;
EXECUTE again(5, 'a@x');
DEALLOCATE again;
-- several columns, in their order, as an array too
SELECT account.unique_among_live('users', 'tenant', 'name');
SELECT account.unique_among_live('users', VARIADIC ARRAY['name', 'tenant']::name[]); -- either order names it, or fails
INSERT INTO users VALUES (6, 'z@x', 'A', 1);
INSERT INTO users VALUES (7, 'y@x', 'B', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
-- harmless when it is so already
SELECT account.unique_among_live('users', 'email');
SELECT * FROM indexes('users');
SELECT conname FROM pg_constraint WHERE conrelid = 'users'::regclass AND contype <> 'n' ORDER BY 1;
-- the error names the constraint of old, with table and column names
DO $$
DECLARE c text; t text; s text;
BEGIN
    INSERT INTO sd_unique.users VALUES (9, 'b@x', 'q', 2);
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, t = TABLE_NAME, s = SCHEMA_NAME;
    RAISE NOTICE '%.% %', s, t, c;
END $$;
-- get or create, upsert, a plan that uses it
INSERT INTO users (id, email, name) VALUES (10, 'b@x', 'B10') ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id, name;
INSERT INTO users (id, email, name, tenant) VALUES (10, 'q@x', 'B10', 1) ON CONFLICT (tenant, name) DO NOTHING;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM users WHERE email = 'b@x';
RESET enable_seqscan;

-- indexes by name: expressions, operator classes, INCLUDE, NULLS NOT DISTINCT, predicates, options -------------------------------
CREATE TABLE kinds (id int PRIMARY KEY, email text, a text, b int, c int, "D d" text, deleted_at timestamptz);
CREATE UNIQUE INDEX k_lower ON kinds (lower(email));
CREATE UNIQUE INDEX k_pattern ON kinds (email text_pattern_ops DESC NULLS LAST) INCLUDE (a);
CREATE UNIQUE INDEX k_nnd ON kinds (b) NULLS NOT DISTINCT WITH (fillfactor = 70);
CREATE UNIQUE INDEX k_partial ON kinds (c) WHERE b > 0 OR a IS NULL;
CREATE UNIQUE INDEX "K ""q" ON kinds ("D d" COLLATE "C");
CREATE UNIQUE INDEX k_done ON kinds (a) WHERE deleted_at IS NULL;
CREATE INDEX k_plain ON kinds (a);
ALTER TABLE kinds ADD CONSTRAINT k_deferrable UNIQUE (a, b) DEFERRABLE;
ALTER TABLE kinds ADD CONSTRAINT k_exclude EXCLUDE USING btree (c WITH =);
SELECT account.enable_soft_delete('kinds') \gset
SELECT account.unique_among_live('k_lower'), account.unique_among_live('k_pattern'), account.unique_among_live('k_nnd'), account.unique_among_live('k_partial'), account.unique_among_live('"K ""q"'), account.unique_among_live('k_done');
SELECT * FROM indexes('kinds');
-- what an index has beside its definition
CREATE TABLE traits (id int, email text, name text, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE traits_1 PARTITION OF traits FOR VALUES IN (1);
CREATE TABLE traits_2 PARTITION OF traits FOR VALUES IN (2);
CREATE UNIQUE INDEX traits_lower ON traits (id, lower(email));
CREATE UNIQUE INDEX traits_one ON traits_1 (lower(name), lower(email));
ALTER INDEX traits_1_id_lower_idx ALTER COLUMN 2 SET STATISTICS 500;
ALTER INDEX traits_one ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX traits_one ALTER COLUMN 2 SET STATISTICS 700;
ALTER INDEX traits_1_id_lower_idx SET (fillfactor = 55, deduplicate_items = off);
COMMENT ON INDEX traits_1_id_lower_idx IS 'of a partition';
ALTER TABLE traits_1 CLUSTER ON traits_one;
SELECT account.enable_soft_delete('traits') \gset
SELECT account.unique_among_live('traits_lower'), account.unique_among_live('traits_one');
SELECT attrelid::regclass, attnum, attstattarget, obj_description(attrelid, 'pg_class') FROM pg_attribute WHERE attrelid::regclass::text LIKE 'traits%' AND attrelid IN (SELECT indexrelid FROM pg_index) AND attstattarget >= 0 ORDER BY 1, 2;
SELECT * FROM indexes('traits_1');
INSERT INTO kinds (id, email, a, b, c) VALUES (1, 'A', 'x', 1, 1);
DELETE FROM kinds;
INSERT INTO kinds (id, email, a, b, c) VALUES (2, 'a', 'x', 2, 2) ON CONFLICT (lower(email)) DO NOTHING;
INSERT INTO kinds (id, email, a, b, c) VALUES (3, 'A', 'y', 3, 3) ON CONFLICT (lower(email)) DO UPDATE SET c = 33 RETURNING id, c;
-- what cannot be
SELECT account.unique_among_live('k_plain'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('kinds_pkey'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('kinds', 'id'); -- fails
\echo :LAST_ERROR_SQLSTATE
-- it says what it cannot keep
SELECT account.unique_among_live('k_deferrable');
SELECT account.unique_among_live('k_exclude'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('kinds', 'a', 'c'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('kinds', 'nothing'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('kinds', NULL); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('kinds', VARIADIC NULL::name[]); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('kinds', VARIADIC '{}'::name[]); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live(NULL::regclass); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live(NULL::regclass, 'a'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('kinds'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('pg_class_oid_index'); -- fails
\echo :LAST_ERROR_SQLSTATE
CREATE VIEW v AS SELECT * FROM users;
SELECT account.unique_among_live('v', 'email'); -- fails
\echo :LAST_ERROR_SQLSTATE
-- one that a foreign key references must hold all rows
CREATE TABLE codes (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE uses (code text REFERENCES codes (code));
SELECT account.enable_soft_delete('codes') \gset
SELECT account.unique_among_live('codes', 'code'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM indexes('codes');
-- replica identity
CREATE TABLE ident (id int NOT NULL UNIQUE, n int UNIQUE);
ALTER TABLE ident REPLICA IDENTITY USING INDEX ident_id_key;
SELECT account.enable_soft_delete('ident') \gset
SELECT account.unique_among_live('ident', 'id'); -- fails
\echo :LAST_ERROR_SQLSTATE
-- live rows that collide cannot be, among rows of an inheritance child each for itself
SET ROLE regress_sd_other;
SELECT account.unique_among_live('sd_unique.users', 'email'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.unique_among_live('sd_unique.k_lower'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_sd_owner;

-- partitioned tables -------------------------------------------------------------------------------------------------------------------
CREATE TABLE parts (id int, t int, email text, deleted_at timestamptz, UNIQUE (t, email)) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (deleted_at timestamptz, email text, t int, id int);
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
SELECT account.enable_soft_delete('parts') \gset
INSERT INTO parts VALUES (1, 1, 'a'), (2, 2, 'a');
DELETE FROM parts;
SELECT account.unique_among_live('parts', 't', 'email');
INSERT INTO parts VALUES (3, 1, 'a'), (4, 2, 'a');
DO $$BEGIN INSERT INTO sd_unique.parts VALUES (5, 2, 'a'); EXCEPTION WHEN unique_violation THEN RAISE NOTICE 'taken'; END$$;
INSERT INTO parts VALUES (5, 2, 'a') ON CONFLICT (t, email) DO UPDATE SET id = 44 RETURNING tableoid::regclass, id;
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES IN (3);
INSERT INTO parts VALUES (6, 3, 'a');
DO $$BEGIN INSERT INTO sd_unique.parts VALUES (7, 3, 'a'); EXCEPTION WHEN unique_violation THEN RAISE NOTICE 'taken'; END$$;
DELETE FROM parts WHERE id = 6;
INSERT INTO parts VALUES (7, 3, 'a');
SELECT account.unique_among_live('parts_t_email_key');

-- a renamed column; the whole rolled back; disabled: the index stays, deleted rows keep their freedom -----------------------------------------
ALTER TABLE users RENAME deleted_at TO gone;
SELECT account.unique_among_live('users', 'email');
SELECT indexdef FROM pg_indexes WHERE indexname = 'users_email_key';
CREATE TABLE back (id int PRIMARY KEY, e text UNIQUE);
SELECT account.enable_soft_delete('back') \gset
BEGIN;
SELECT account.unique_among_live('back', 'e');
ROLLBACK;
SELECT * FROM indexes('back');
SELECT account.unique_among_live('back', 'e');
INSERT INTO back VALUES (1, 'x');
DELETE FROM back;
SELECT account.disable_soft_delete('back') \gset
INSERT INTO back VALUES (2, 'x');
\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_unique CASCADE;
DROP OWNED BY regress_sd_owner, regress_sd_other;
DROP ROLE regress_sd_owner, regress_sd_other;
