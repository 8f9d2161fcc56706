-- On a table of Citus: what finds no rows there, or no rule on a shard, is refused by name. Citus itself is not needed: a table
-- is Citus's when pg_catalog.pg_dist_partition has a row for it, and here that is an ordinary table.
SET client_min_messages = warning;
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
RESET allow_system_table_mods;
CREATE ROLE regress_citus;
GRANT SELECT ON pg_catalog.pg_dist_partition TO regress_citus;
CREATE SCHEMA ci AUTHORIZATION regress_citus;
SET ROLE regress_citus;
SET search_path = ci;
RESET client_min_messages;
\set SHOW_CONTEXT never

CREATE TABLE tenants (tenant_id bigint PRIMARY KEY, name text);
CREATE TABLE users (id bigint PRIMARY KEY, tenant_id bigint REFERENCES tenants ON DELETE CASCADE, email text UNIQUE, password text);
CREATE TABLE profiles (user_id bigint PRIMARY KEY, bio text);
CREATE TABLE plain (id bigint PRIMARY KEY, v text);
INSERT INTO tenants VALUES (1, 'one');
INSERT INTO users VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 1, 'c');
SELECT account.enable_soft_delete('users');
SELECT account.enable_soft_delete('plain');
SELECT account.unique_among_live('users', 'email');
DELETE FROM users WHERE id = 1;

-- it is not yet Citus's
SELECT account.is_deleted('users', 1);
RESET ROLE;
INSERT INTO pg_catalog.pg_dist_partition VALUES ('ci.users'), ('ci.tenants');
SET ROLE regress_citus;
-- now it is
SELECT account.is_deleted('users', 1); -- fails
SELECT account.restore('users', 1); -- fails
SELECT * FROM account.cleanup_plan('tenants', 1); -- fails
SELECT * FROM account.cleanup('tenants', 1); -- fails
SELECT account.cleanup_graph('tenants'); -- fails
SELECT account.set_reference_policy('users', 'users_tenant_id_fkey', 'protect'); -- fails
SELECT account.enable_profile('users', 'profiles'); -- fails
SELECT account.enable_tenant_isolation('users'); -- fails
RESET ROLE;
SELECT * FROM account.use_tables('ci.users'); -- fails
SELECT * FROM account.use_tables('ci.plain', tenants => 'ci.tenants'); -- fails
SELECT account.purge('ci.users'); -- fails
CALL account.purge_batches('ci.users'); -- fails
SET ROLE regress_citus;
-- others go on
SELECT account.is_deleted('plain', 1);

-- the state of each refusal
CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT statement, state_of(statement) FROM unnest(ARRAY[
    $$SELECT account.is_deleted('users', 1)$$, $$SELECT account.restore('users', 1)$$, $$SELECT account.cleanup_plan('tenants', 1)$$,
    $$SELECT account.set_reference_policy('users', 'users_tenant_id_fkey', 'protect')$$, $$SELECT account.enable_profile('users', 'profiles')$$,
    $$SELECT account.enable_tenant_isolation('users')$$]) AS statement;

-- triggers, only where Citus takes them
SELECT account.enable_soft_delete('tenants'); -- fails
SELECT account.disable_soft_delete('users'); -- fails
SET citus.enable_unsafe_triggers = on;
SELECT account.enable_soft_delete('tenants');
SELECT account.enable_soft_delete('tenants', guard_references => true); -- fails
SELECT account.disable_soft_delete('tenants');
RESET citus.enable_unsafe_triggers;

-- the rows of a full join are hidden by the shards, and a deleted row that ON CONFLICT finds is theirs to refuse: not done here
SELECT u.id FROM users u FULL JOIN plain p ON p.id = u.id ORDER BY 1;
INSERT INTO users VALUES (1, 1, 'a') ON CONFLICT (id) DO UPDATE SET password = 'x' RETURNING id;

-- a shard judges an UPDATE as one: who may only DELETE, and whom row security holds, has the DELETE sent there
RESET ROLE;
CREATE FUNCTION ci.first_node(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    EXECUTE 'EXPLAIN (COSTS OFF) ' || statement INTO line;
    RETURN line;
END $$;
CREATE ROLE regress_citus_deleter;
GRANT USAGE ON SCHEMA ci TO regress_citus_deleter;
GRANT SELECT, DELETE ON ci.users TO regress_citus_deleter;
SET ROLE regress_citus;
SET search_path = ci;
SELECT first_node($$DELETE FROM users WHERE password = 'y'$$);
SET ROLE regress_citus_deleter;
SELECT first_node($$DELETE FROM users WHERE password = 'y'$$);
RESET ROLE;
GRANT UPDATE ON ci.users TO regress_citus_deleter;
SET ROLE regress_citus_deleter;
SELECT first_node($$DELETE FROM users WHERE password = 'y'$$);
SET ROLE regress_citus;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
SET ROLE regress_citus_deleter;
SELECT first_node($$DELETE FROM users WHERE password = 'y'$$);
SET ROLE regress_citus;
ALTER TABLE users DISABLE ROW LEVEL SECURITY;
SELECT first_node($$MERGE INTO users u USING plain p ON u.id = p.id WHEN MATCHED AND u.password = 'y' THEN DELETE$$);

-- a shard that moves takes its deleted rows along
SELECT count(*) FROM users;
SELECT count(*), 'worker_copy_table_to_node(' AS of_a_shard FROM users;
SELECT count(*), 'worker_split_copy(' AS of_a_shard FROM users;

-- so does a table that is rebuilt, or it is not rebuilt
BEGIN;
CREATE TABLE users_1234567 (LIKE users);
INSERT INTO users_1234567 SELECT * FROM users; -- fails
ROLLBACK;
SET pgaccount.show_deleted = on;
DO $$ BEGIN CREATE TABLE users_1234567 (LIKE users); INSERT INTO users_1234567 SELECT * FROM users; END $$; -- fails: no block, and the shards do not know
BEGIN;
CREATE TABLE users_1234567 (LIKE users);
INSERT INTO users_1234567 SELECT * FROM users;
SELECT count(*), current_setting('citus.propagate_set_commands') AS told FROM users_1234567;
ROLLBACK;
RESET pgaccount.show_deleted;
BEGIN;
CREATE TABLE users_of_old (LIKE users);
INSERT INTO users_of_old SELECT * FROM users;
CREATE TABLE users_8 (LIKE users);
INSERT INTO users_8 SELECT * FROM users WHERE id > 0;
ROLLBACK;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA ci CASCADE;
DROP OWNED BY regress_citus, regress_citus_deleter;
SET allow_system_table_mods = on;
DROP TABLE pg_catalog.pg_dist_partition;
DROP ROLE regress_citus, regress_citus_deleter;
