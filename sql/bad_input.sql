-- What cannot be: wrong kinds of tables, wrong columns, wrong values, wrong callers. Nothing is changed.
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE ROLE regress_sd_other;
CREATE SCHEMA sd_bad AUTHORIZATION regress_sd_owner;
CREATE FOREIGN DATA WRAPPER sd_bad_fdw;
CREATE SERVER sd_bad_server FOREIGN DATA WRAPPER sd_bad_fdw;
CREATE FOREIGN TABLE sd_bad.remote (id int, deleted_at timestamptz) SERVER sd_bad_server;
ALTER FOREIGN TABLE sd_bad.remote OWNER TO regress_sd_owner;
SET ROLE regress_sd_owner;
SET search_path = sd_bad;
GRANT USAGE ON SCHEMA sd_bad TO regress_sd_other;
RESET client_min_messages;
\set QUIET off

CREATE TABLE t (id int PRIMARY KEY, txt text, stamp date, num int, must timestamptz NOT NULL DEFAULT now(),
    gen timestamptz GENERATED ALWAYS AS (NULL::timestamptz) STORED, genflag boolean GENERATED ALWAYS AS (false) STORED, gentext text GENERATED ALWAYS AS ('x') STORED,
    dates date, ok timestamptz, flag boolean, by_whom text, by_must text NOT NULL DEFAULT '', stamps timestamptz[], bools boolean[]);
CREATE VIEW v AS SELECT id, ok FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;
CREATE SEQUENCE s;
CREATE TYPE composite AS (id int, deleted_at timestamptz);
CREATE TEMP TABLE temporary_t (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE parts (id int, deleted_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
SELECT account.enable_soft_delete('parts') \gset

-- wrong kinds of relations -----------------------------------------------------------------------------------
SELECT account.enable_soft_delete('v'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('mv'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('s'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t_pkey'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('composite'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('remote'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('temporary_t'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('parts_1'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('pg_class'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('pg_catalog.pg_authid'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('information_schema.sql_features'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete(0); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete(4000000000); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('nothing'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
DO $$BEGIN PERFORM account.enable_soft_delete(reltoastrelid) FROM pg_class WHERE oid = 'sd_bad.t'::regclass; EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'toast: %', SQLSTATE; END$$;
SELECT account.disable_soft_delete('v'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.disable_soft_delete('parts_1'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.disable_soft_delete(0); -- fails
\echo :LAST_ERROR_SQLSTATE
-- the superuser too: catalogs, and the extension's own tables
RESET ROLE;
SELECT account.enable_soft_delete('pg_catalog.pg_class'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('pg_catalog.pg_authid'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('information_schema.sql_features'); -- fails
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE account.looks_like_one_of_ours (id int PRIMARY KEY);
SELECT account.enable_soft_delete('account.looks_like_one_of_ours'); -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TABLE account.looks_like_one_of_ours;
SET ROLE regress_sd_owner;

-- NULL arguments ------------------------------------------------------------------------------------------------
\set VERBOSITY default
SELECT account.enable_soft_delete(NULL); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT account.disable_soft_delete(NULL); -- fails
\echo :LAST_ERROR_SQLSTATE

-- wrong columns: says what is wrong ------------------------------------------------------------------------------------
\set VERBOSITY default
SELECT account.enable_soft_delete('t', 'txt'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'stamp'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'must'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'gen'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ctid'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', flag => 'num'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', flag => 'genflag'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', deleted_by => 'num'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', deleted_by => 'gentext'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', deleted_by => 'by_must'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT account.enable_soft_delete('t', 'dates'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'stamps'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', flag => 'bools'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'xmin'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', flag => 'tableoid'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', deleted_by => 'cmax'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', flag => 'ok'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'new', flag => 'new'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', flag => 'new', deleted_by => 'new'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', ''); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'id'); -- fails
\echo :LAST_ERROR_SQLSTATE
-- a dropped column's slot is no column
ALTER TABLE t DROP COLUMN bools;
DO $$BEGIN PERFORM account.enable_soft_delete('sd_bad.t', '........pg.dropped.15........'); EXCEPTION WHEN invalid_parameter_value OR duplicate_column THEN RAISE NOTICE 'refused'; END$$;
-- unknown values
\set VERBOSITY default
SELECT account.enable_soft_delete('t', 'ok', on_parent_delete => 'cascade'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT account.enable_soft_delete('t', 'ok', on_parent_delete => ''); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', on_parent_delete => 'DELETE'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('t', 'ok', on_reinsert => 'Replace'); -- fails
\echo :LAST_ERROR_SQLSTATE
DO $$BEGIN PERFORM account.enable_soft_delete('sd_bad.t', 'ok', on_parent_delete => repeat('x', 100000)); EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'long: %, message of sane length: %', SQLSTATE, length(SQLERRM) < 1000; END$$;

-- not the owner ------------------------------------------------------------------------------------------------------------
GRANT ALL ON t TO regress_sd_other;
SET ROLE regress_sd_other;
SELECT account.enable_soft_delete('t', 'ok'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.disable_soft_delete('t'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.disable_soft_delete('parts'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_sd_owner;
-- a member of the owner's role may
RESET ROLE;
GRANT regress_sd_owner TO regress_sd_other;
SET ROLE regress_sd_other;
BEGIN;
SELECT account.enable_soft_delete('t', 'ok') \gset
SELECT account.disable_soft_delete('t') \gset
ROLLBACK;
RESET ROLE;
REVOKE regress_sd_owner FROM regress_sd_other;
SET ROLE regress_sd_owner;

-- nothing was changed ----------------------------------------------------------------------------------------------------------
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid IN ('t'::regclass, 'mv'::regclass, 'v'::regclass, 'remote'::regclass);
SELECT count(*) AS columns FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped;

-- the trigger functions called as what they are not --------------------------------------------------------------------------------
SELECT account.soft_delete(); -- fails
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE plain (id int PRIMARY KEY, deleted_at timestamptz, flag boolean, txt text);
INSERT INTO plain VALUES (1), (2);
-- put on by hand, without the columns
CREATE TRIGGER x BEFORE DELETE ON plain FOR EACH ROW EXECUTE FUNCTION account.soft_delete();
DELETE FROM plain; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM plain;
DROP TRIGGER x ON plain;
CREATE TRIGGER x AFTER DELETE ON plain FOR EACH ROW EXECUTE FUNCTION account.soft_delete();
DELETE FROM plain; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER x ON plain;
CREATE TRIGGER x BEFORE DELETE ON plain FOR EACH STATEMENT EXECUTE FUNCTION account.soft_delete();
DELETE FROM plain; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER x ON plain;
CREATE TRIGGER x BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION account.soft_delete();
UPDATE plain SET txt = 'x'; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER x ON plain;
-- with a WHEN clause that we would not have written
CREATE TRIGGER x BEFORE DELETE ON plain FOR EACH ROW WHEN (OLD.id > 0) EXECUTE FUNCTION account.soft_delete();
DELETE FROM plain; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER x ON plain;
CREATE FUNCTION stamp_of(int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS 'SELECT NULL::timestamptz';
CREATE TRIGGER x BEFORE DELETE ON plain FOR EACH ROW WHEN (account.marks(sd_bad.stamp_of(OLD.id), OLD.flag, OLD.txt)) EXECUTE FUNCTION account.soft_delete();
DELETE FROM plain; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER x ON plain;
SELECT count(*) FROM plain;
-- written as we write it, the declaration is as good
CREATE TRIGGER x BEFORE DELETE ON plain FOR EACH ROW WHEN (account.marks(OLD.deleted_at, OLD.flag, NULL)) EXECUTE FUNCTION account.soft_delete('hide=false');
DELETE FROM plain WHERE id = 1;
SELECT id, deleted_at IS NOT NULL AS dead, flag FROM plain ORDER BY id;
DROP TRIGGER x ON plain;
-- a function that is not ours, over columns of other types: refused, never a wrong value, by both mechanisms
CREATE FUNCTION marks(timestamptz, boolean, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION marks(int, text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TRIGGER x BEFORE DELETE ON plain FOR EACH ROW WHEN (sd_bad.marks(OLD.deleted_at, OLD.flag, OLD.txt)) EXECUTE FUNCTION account.soft_delete();
DELETE FROM plain WHERE id = 2; -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER x ON plain;
CREATE TRIGGER x BEFORE DELETE ON plain FOR EACH ROW WHEN (sd_bad.marks(OLD.id, OLD.txt, OLD.txt)) EXECUTE FUNCTION account.soft_delete();
DELETE FROM plain WHERE id = 2; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT id, deleted_at IS NOT NULL AS dead, flag, txt FROM plain ORDER BY id;
DROP TRIGGER x ON plain;
CREATE TABLE by_hand (id int, deleted_at timestamptz, txt text) PARTITION BY LIST (id);
CREATE TABLE by_hand_1 PARTITION OF by_hand FOR VALUES IN (1);
INSERT INTO by_hand VALUES (1, NULL, 'abc');
CREATE FUNCTION marks(timestamptz, text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TRIGGER x BEFORE DELETE ON by_hand_1 FOR EACH ROW WHEN (sd_bad.marks(OLD.deleted_at, OLD.txt, NULL)) EXECUTE FUNCTION account.soft_delete();
DELETE FROM by_hand; -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT id, txt FROM by_hand;
\set VERBOSITY default
-- settings
SET pgaccount.show_deleted = 'perhaps'; -- fails
SET pgaccount.rewrite = off; -- fails
SET pgaccount.error_detail = 'generic'; -- fails
SET pgaccount.user_id = 1; -- fails
SET account.user_id = 1;
SHOW account.user_id;

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_bad CASCADE;
DROP FOREIGN DATA WRAPPER sd_bad_fdw CASCADE;
DROP OWNED BY regress_sd_owner, regress_sd_other;
DROP ROLE regress_sd_owner, regress_sd_other;
