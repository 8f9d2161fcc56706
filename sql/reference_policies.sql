-- Policies of foreign keys: they follow whatever is renamed, go with what is dropped, and are what doctor and graph go by.
SET client_min_messages = warning;
CREATE ROLE regress_rp_owner;
CREATE ROLE regress_rp_ddl;
CREATE SCHEMA rp AUTHORIZATION regress_rp_owner;
GRANT regress_rp_owner TO regress_rp_ddl;
CREATE SCHEMA rp2 AUTHORIZATION regress_rp_owner;
CREATE VIEW rp.policies AS SELECT child::regclass::text, constraint_name, policy FROM account.reference_policy ORDER BY 1, 2;
CREATE VIEW rp.soft_policies AS SELECT child::regclass::text, constraint_name, policy, on_soft_delete FROM account.reference_policy ORDER BY 1, 2;
GRANT SELECT ON rp.policies, rp.soft_policies TO regress_rp_owner;
SET ROLE regress_rp_owner;
SET search_path = rp;
\set SHOW_CONTEXT never
CREATE TABLE p (id int PRIMARY KEY, x int UNIQUE);
CREATE TABLE c (id int PRIMARY KEY, p int CONSTRAINT "Of p" REFERENCES p, q int CONSTRAINT of_q REFERENCES p ON DELETE CASCADE, x int CONSTRAINT of_x REFERENCES p (x));
CREATE TABLE d (id int, p int CONSTRAINT of_p REFERENCES p) PARTITION BY LIST (id);
CREATE TABLE d1 PARTITION OF d FOR VALUES IN (1, 2);
SELECT account.set_reference_policy('c', 'Of p', 'cascade'), account.set_reference_policy('c', 'of_q', 'protect'), account.set_reference_policy('c', 'of_x', 'set null');
SELECT account.set_reference_policy('d', 'of_p', 'set null');
TABLE policies;

-- followed: constraint, table, schema, column and its type ---------------------------------------------------------
ALTER TABLE c RENAME CONSTRAINT "Of p" TO "to ""p""";
ALTER TABLE IF EXISTS rp.d RENAME CONSTRAINT of_p TO d_to_p;
ALTER TABLE IF EXISTS nonsense RENAME CONSTRAINT a TO b;
ALTER TABLE c RENAME q TO q2;
ALTER TABLE c ALTER q2 TYPE bigint;
ALTER TABLE p ALTER x TYPE bigint;
ALTER TABLE c ALTER CONSTRAINT of_q DEFERRABLE;
ALTER TABLE c RENAME TO "C";
ALTER TABLE "C" SET SCHEMA rp2;
RESET ROLE;
ALTER SCHEMA rp2 RENAME TO rp3;
SET ROLE regress_rp_owner;
TABLE policies;
INSERT INTO p VALUES (1, 10), (2, 20); INSERT INTO rp3."C" VALUES (1, 1, NULL, NULL), (2, NULL, 1, NULL), (3, NULL, NULL, 10); INSERT INTO d VALUES (1, 1);
SELECT * FROM account.cleanup_plan('p', 1);
-- a swap of names, and a rename that is rolled back
BEGIN;
ALTER TABLE rp3."C" RENAME CONSTRAINT of_q TO t;
ALTER TABLE rp3."C" RENAME CONSTRAINT of_x TO of_q;
ALTER TABLE rp3."C" RENAME CONSTRAINT t TO of_x;
TABLE policies;
ROLLBACK;
TABLE policies;
-- by another role, without rights in schema account
RESET ROLE;
REVOKE USAGE ON SCHEMA account FROM PUBLIC;
SET ROLE regress_rp_ddl;
ALTER TABLE rp3."C" RENAME CONSTRAINT of_x TO of_x2;
ALTER TABLE rp3."C" DROP CONSTRAINT of_x2;
RESET ROLE;
GRANT USAGE ON SCHEMA account TO PUBLIC;
-- and under replica
SET session_replication_role = replica;
ALTER TABLE rp3."C" RENAME CONSTRAINT of_q TO of_q2;
RESET session_replication_role;
SET ROLE regress_rp_owner;
TABLE policies;

-- dropped with what they are about, and only then ------------------------------------------------------------------
RESET ROLE;
-- as while a dump is restored: the policy is there, its key comes later
INSERT INTO account.reference_policy VALUES ('rp.p', 'comes_later', 'cascade');
SET ROLE regress_rp_owner;
CREATE TABLE other (id int PRIMARY KEY, p int CONSTRAINT of_q2 REFERENCES p);
SELECT account.set_reference_policy('other', 'of_q2', 'cascade');
ALTER TABLE other DROP CONSTRAINT of_q2;
TABLE policies;
INSERT INTO other VALUES (1, 1);
ALTER TABLE other ADD CONSTRAINT of_q2 FOREIGN KEY (p) REFERENCES p;
SELECT action FROM account.cleanup_plan('p', 1) WHERE via = 'of_q2' AND relation = 'other'::regclass;
DROP TABLE other;
ALTER TABLE rp3."C" DROP COLUMN q2;
ALTER TABLE d DETACH PARTITION d1;
TABLE policies;
DROP TABLE d;
TABLE policies;
ALTER TABLE p ADD CONSTRAINT comes_later FOREIGN KEY (id) REFERENCES p;
SELECT * FROM account.cleanup_plan('p', 1);
DROP TABLE p CASCADE;
TABLE policies;

-- a key is known by its column, where that has one alone; NULL is the default, not what was said before ---------------
CREATE TABLE keys (id int PRIMARY KEY, up int REFERENCES keys, x int, UNIQUE (id, x));
CREATE TABLE of_keys (id int PRIMARY KEY, k int CONSTRAINT "k one" REFERENCES keys, l int CONSTRAINT k REFERENCES keys, x int, CONSTRAINT two FOREIGN KEY (k, x) REFERENCES keys (id, x), m int CONSTRAINT of_m REFERENCES keys);
SELECT account.set_reference_policy('keys', 'up', 'cascade'), account.set_reference_policy('of_keys', 'm', 'restrict', 'keep');
SELECT account.set_reference_policy('of_keys', 'k', 'cascade'); -- the constraint of that name
SELECT child, constraint_name, policy, on_soft_delete FROM soft_policies;
SELECT account.set_reference_policy('of_keys', 'l', NULL, 'keep'), account.set_reference_policy('of_keys', 'of_m', 'cascade');
ALTER TABLE of_keys RENAME CONSTRAINT k TO l;
SELECT child, constraint_name, policy, on_soft_delete FROM soft_policies;
SELECT account.set_reference_policy('of_keys', 'k', 'cascade'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('of_keys', 'id', 'cascade'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('of_keys', 'm', 'cascade', 'follow'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('of_keys', 'm', 'cascade', 'never'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('of_keys', 'm', NULL, NULL), account.set_reference_policy('of_keys', 'l', NULL);
SELECT child, constraint_name, policy, on_soft_delete FROM soft_policies;
DROP TABLE of_keys, keys;

-- doctor goes by policies ------------------------------------------------------------------------------------------
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE by_policy (id int PRIMARY KEY, a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE not_by_policy (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE);
SELECT account.set_reference_policy('not_by_policy', 'not_by_policy_a_fkey', 'protect');
SELECT account.enable_soft_delete('a', children => true);
RESET ROLE;
CREATE FUNCTION rp.uncovered() RETURNS TABLE (object text, remedy text) LANGUAGE sql AS
    $$ SELECT object, remedy FROM account.doctor() WHERE code = 'uncovered_child' AND object ~ 'policy' $$;
SELECT * FROM rp.uncovered();
SET ROLE regress_rp_owner;
SELECT account.set_reference_policy('by_policy', 'by_policy_a_fkey', 'cascade');
RESET ROLE;
SELECT * FROM rp.uncovered();
SELECT remedy FROM rp.uncovered() \gexec
SELECT * FROM rp.uncovered();
SET ROLE regress_rp_owner;
INSERT INTO a VALUES (1); INSERT INTO by_policy VALUES (1, 1); INSERT INTO not_by_policy VALUES (1, 1);
DELETE FROM a;
SELECT account.is_deleted('by_policy', 1) AS by_policy, (SELECT count(*) FROM not_by_policy) AS not_by_policy;
SELECT account.cleanup_graph('a');

-- a trigger function that is called by hand
RESET ROLE;
SELECT account.reference_policy_renamed(); -- fails
\echo :LAST_ERROR_SQLSTATE
SET client_min_messages = warning;
DROP SCHEMA rp, rp3 CASCADE;
SELECT count(*) AS policies_left FROM account.reference_policy;
DROP ROLE regress_rp_owner, regress_rp_ddl;
