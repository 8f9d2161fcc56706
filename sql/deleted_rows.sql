-- account.deleted(): the trash of a table.
SET client_min_messages = warning;
CREATE ROLE regress_deleted_owner;
CREATE ROLE regress_deleted_reader;
CREATE ROLE regress_deleted_nobody;
CREATE SCHEMA deleted_rows AUTHORIZATION regress_deleted_owner;
SET ROLE regress_deleted_owner;
SET search_path = deleted_rows;
GRANT USAGE ON SCHEMA deleted_rows TO regress_deleted_reader;
\set QUIET off
CREATE DOMAIN utc AS timestamp(0);
CREATE TABLE users (gone text, id int PRIMARY KEY, tenant int, email text, gone_too bigint, deleted_at utc, deleted_by text);
ALTER TABLE users DROP COLUMN gone;
ALTER TABLE users DROP COLUMN gone_too;
ALTER TABLE users ADD COLUMN "Full ""name""" text DEFAULT 'N.';
SELECT account.enable_soft_delete('users');
INSERT INTO users SELECT i, i % 2, repeat('e' || i, 2000) FROM generate_series(1, 6) i;
SELECT count(*) FROM account.deleted(NULL::users);
DELETE FROM users WHERE id > 2;
SELECT id, tenant, left(email, 4) AS email, length(email) AS length, deleted_at IS NOT NULL AS dead, deleted_by = session_user AS by_me, "Full ""name"""
FROM account.deleted(NULL::users) ORDER BY id;
SELECT count(*) FROM users;
-- hidden or not, shown or not; in a select list, joined, with a row, from a kept statement
SET pgaccount.show_deleted = on;
SELECT count(*) FROM account.deleted(NULL::users);
RESET pgaccount.show_deleted;
SELECT (account.deleted(NULL::users)).id ORDER BY 1;
SELECT d.id, u.id AS live FROM account.deleted(NULL::users) AS d LEFT JOIN users AS u USING (id) WHERE d.tenant = 0 ORDER BY 1;
SELECT count(*) FROM users AS u, account.deleted(u);
PREPARE trash AS SELECT count(*) FROM account.deleted(NULL::users) WHERE id <> 3;
EXECUTE trash;
SELECT account.restore('users', 4);
EXECUTE trash;
-- in the statement's snapshot
WITH gone AS (DELETE FROM users WHERE id = 1 RETURNING id) SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM account.deleted(NULL::users));
SELECT count(*) FROM account.deleted(NULL::users);
BEGIN;
DECLARE trash CURSOR FOR SELECT id FROM account.deleted(NULL::users) ORDER BY id;
FETCH 2 FROM trash;
DELETE FROM users WHERE id = 2;
FETCH ALL FROM trash;
ROLLBACK;
-- rows go one by one into a file where they are many
SET work_mem = '64kB';
CREATE TABLE many (id int, filler text, deleted_at timestamptz);
SELECT account.enable_soft_delete('many');
INSERT INTO many SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i;
DELETE FROM many;
SELECT count(*), sum(id) FROM account.deleted(NULL::many);
RESET work_mem;

-- partitions with their columns in another order, children that inherit -----------------------------------------
CREATE TABLE parts (id int, kind text, deleted_at timestamptz) PARTITION BY LIST (kind);
CREATE TABLE parts_a (deleted_at timestamptz, gone int, kind text, id int);
ALTER TABLE parts_a DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_a FOR VALUES IN ('a');
SELECT account.enable_soft_delete('parts');
INSERT INTO parts VALUES (1, 'a'), (2, 'a');
DELETE FROM parts WHERE id = 1;
SELECT id, kind FROM account.deleted(NULL::parts);
SELECT id, kind FROM account.deleted(NULL::parts_a);
CREATE TABLE base (id int);
CREATE TABLE derived (more int) INHERITS (base);
SELECT account.enable_soft_delete('base');
INSERT INTO base VALUES (1); INSERT INTO derived VALUES (2); DELETE FROM base;
SELECT id FROM account.deleted(NULL::base) ORDER BY id;
SELECT id FROM account.deleted(NULL::derived);

-- the caller's privileges and policies ----------------------------------------------------------------------------
GRANT SELECT ON users TO regress_deleted_reader;
GRANT SELECT (id) ON many TO regress_deleted_reader;
SET ROLE regress_deleted_reader;
SELECT id FROM account.deleted(NULL::deleted_rows.users) ORDER BY id;
\set VERBOSITY sqlstate
SELECT id FROM account.deleted(NULL::deleted_rows.many) LIMIT 1; -- fails
SELECT id FROM account.deleted(NULL::deleted_rows.parts) LIMIT 1; -- fails
SET ROLE regress_deleted_nobody;
SELECT id FROM account.deleted(NULL::deleted_rows.users) LIMIT 1; -- fails
SET ROLE regress_deleted_owner;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON users USING (tenant = 0);
SELECT id FROM account.deleted(NULL::users) ORDER BY id;
SET ROLE regress_deleted_reader;
SELECT id FROM account.deleted(NULL::deleted_rows.users) ORDER BY id;
SET ROLE regress_deleted_owner;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
SELECT id FROM account.deleted(NULL::users) ORDER BY id;

-- what is no table with soft delete is refused ---------------------------------------------------------------------
\set VERBOSITY default
CREATE TABLE plain (id int);
CREATE VIEW seen AS SELECT * FROM users;
CREATE TYPE pair AS (a int, b int);
CREATE TEMP TABLE passing (id int);
SELECT * FROM account.deleted(NULL::plain); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM account.deleted(NULL::seen); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM account.deleted(NULL::pair); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM account.deleted(NULL::int); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM account.deleted(NULL::users[]); -- fails
SELECT account.deleted(ROW (1, 2)); -- fails
SELECT * FROM account.deleted(NULL::passing); -- fails
SELECT * FROM account.deleted(NULL::pg_class); -- fails
SELECT * FROM account.deleted(NULL::account.event); -- fails
SELECT * FROM account.deleted(NULL); -- fails

RESET ROLE;
SET client_min_messages = warning;
DROP TABLE passing;
DROP SCHEMA deleted_rows CASCADE;
DROP ROLE regress_deleted_owner, regress_deleted_reader, regress_deleted_nobody;
