-- What is removed is the plan that was read, or nothing.
SET client_min_messages = warning;
CREATE ROLE regress_ca_owner;
CREATE ROLE regress_ca_clerk;
GRANT EXECUTE ON PROCEDURE account.cleanup_batches TO regress_ca_owner;
CREATE SCHEMA ca AUTHORIZATION regress_ca_owner;
GRANT USAGE ON SCHEMA ca TO regress_ca_clerk;
SET ROLE regress_ca_owner;
SET search_path = ca;
\set SHOW_CONTEXT never
CREATE TABLE tenants (id int PRIMARY KEY);
CREATE TABLE users (id uuid PRIMARY KEY, tenant int REFERENCES tenants ON DELETE CASCADE, at timestamptz DEFAULT now(), seen int);
CREATE TABLE days (who uuid REFERENCES users ON DELETE CASCADE, day timestamptz, at interval, PRIMARY KEY (who, day, at));
CREATE TABLE marks (who uuid REFERENCES users ON DELETE CASCADE, n int); -- no primary key
CREATE TABLE notes (id int PRIMARY KEY, who uuid REFERENCES users ON DELETE SET NULL);
CREATE TABLE bills (id int PRIMARY KEY, who uuid REFERENCES users);
INSERT INTO tenants VALUES (1), (2), (3);
INSERT INTO users (id, tenant) SELECT md5(i::text)::uuid, 1 + i % 2 FROM generate_series(1, 40) i;
INSERT INTO days SELECT id, '2026-01-01 12:00 UTC', '1 day 2 hours' FROM users;
INSERT INTO marks SELECT id, 1 FROM users;
INSERT INTO marks SELECT id, 1 FROM users;
INSERT INTO notes SELECT i, md5(i::text)::uuid FROM generate_series(1, 40) i;

-- the_hash_is_that_of_the_plan_alone -----------------------------------------------------------------------------
SELECT account.plan_hash('tenants', 1) AS hash \gset
SELECT :'hash' ~ '^[0-9a-f]{64}$' AS is_a_hash;
CREATE VIEW same AS SELECT account.plan_hash('ca.tenants', 1) AS hash;
SELECT hash = :'hash' AS same_again FROM same;
SELECT account.plan_hash('tenants', '1') = :'hash' AS text, account.plan_hash('tenants', '{"id": 1}'::jsonb) = :'hash' AS document, account.plan_hash('tenants', 1, true) = :'hash' AS force;
SELECT account.plan_hash('tenants', 2) = :'hash' AS another_row, account.plan_hash('tenants', 3) = :'hash' AS a_row_alone, account.plan_hash('tenants', 4) = :'hash' AS no_row;
-- another place and order, another session's settings
BEGIN;
UPDATE users SET seen = 1;
CREATE TEMP TABLE kept AS SELECT * FROM marks ORDER BY who DESC;
DELETE FROM marks;
INSERT INTO marks SELECT * FROM kept;
SET LOCAL datestyle = 'German'; SET LOCAL timezone = 'Asia/Tokyo'; SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL extra_float_digits = -10; SET LOCAL client_encoding = 'LATIN1'; SET LOCAL quote_all_identifiers = on; SET LOCAL search_path = pg_catalog;
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_sort = off; SET LOCAL work_mem = '64kB';
SELECT hash = :'hash' AS same FROM ca.same;
ROLLBACK;
-- and whatever would be done otherwise is another plan
CREATE FUNCTION changed(change text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE was text := (SELECT hash FROM ca.same); now text;
BEGIN
    BEGIN
        EXECUTE change;
        now := (SELECT hash FROM ca.same);
        RAISE EXCEPTION USING ERRCODE = 'XX999';
    EXCEPTION WHEN SQLSTATE 'XX999' THEN
        RETURN was <> now;
    END;
END $$;
SELECT changed('UPDATE users SET id = md5(''x'')::uuid WHERE id = md5(''2'')::uuid AND NOT EXISTS (SELECT FROM marks)') AS nothing,
    changed('INSERT INTO users VALUES (md5(''x'')::uuid, 1)') AS one_more, changed('DELETE FROM days WHERE who = md5(''2'')::uuid') AS one_less,
    changed('UPDATE days SET day = day + ''1 s'' WHERE who = md5(''2'')::uuid') AS another_key, changed('UPDATE marks SET n = 2 WHERE who = md5(''2'')::uuid') AS without_key,
    changed('UPDATE notes SET who = md5(''4'')::uuid WHERE id = 2') AS same_note, changed('UPDATE notes SET who = md5(''2'')::uuid WHERE id = 1') AS another_note,
    changed('INSERT INTO bills VALUES (1, md5(''2'')::uuid)') AS a_bill, changed('ALTER TABLE days RENAME TO dates') AS another_name,
    changed('SELECT account.set_reference_policy(''notes'', ''notes_who_fkey'', ''cascade'')') AS another_policy;

-- another_plan_changes_nothing ------------------------------------------------------------------------------------
BEGIN;
INSERT INTO users VALUES (md5('x')::uuid, 1);
SELECT account.cleanup('tenants', 1, approve => :'hash'); -- fails
ROLLBACK;
\set VERBOSITY sqlstate
SELECT account.cleanup('tenants', 1, approve => ''); -- fails
SELECT account.cleanup('tenants', 2, approve => :'hash'); -- fails
CALL account.cleanup_batches('tenants', '2', approve => :'hash'); -- fails
CALL account.cleanup_batches('tenants', '2', batch_size => 3, approve => :'hash'); -- fails
\set VERBOSITY default
SELECT count(*) FROM users;
-- what is in the way comes after
INSERT INTO bills VALUES (1, md5('2')::uuid);
\set VERBOSITY sqlstate
SELECT account.cleanup('tenants', 1, approve => :'hash'); -- fails
SELECT account.cleanup('tenants', 1, approve => account.plan_hash('tenants', 1)); -- fails
\set VERBOSITY default
DELETE FROM bills;
BEGIN;
SELECT step, relation, via, action, rows FROM account.cleanup('tenants', 1, approve => :'hash');
ROLLBACK;
-- the plan that was approved is done to its end, though there is less of it with each call
CALL account.cleanup_batches('tenants', '1', batch_size => 30, max_runtime => '0', approve => :'hash');
SELECT hash = :'hash' AS same FROM same;
CALL account.cleanup_batches('tenants', '1', batch_size => 30, approve => :'hash');
SELECT count(*) FROM users;
SELECT account.plan_hash('tenants', 2) AS hash \gset
CALL account.cleanup_batches('tenants', '2', approve => :'hash');
SELECT count(*) FROM users;

-- who may ---------------------------------------------------------------------------------------------------------
RESET ROLE;
SET ROLE regress_ca_clerk;
SELECT account.plan_hash('tenants', 3); -- fails
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA ca TO regress_ca_clerk;
SET ROLE regress_ca_clerk;
SELECT account.plan_hash('tenants', 3) IS NOT NULL AS may_read;
RESET ROLE;
DROP SCHEMA ca CASCADE;
DELETE FROM account.removal_task;
DROP OWNED BY regress_ca_owner, regress_ca_clerk;
DROP ROLE regress_ca_owner, regress_ca_clerk;
