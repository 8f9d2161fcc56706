-- account.describe: one table as a text, to who may use it.
SET client_min_messages = warning;
CREATE ROLE describe_owner;
CREATE ROLE describe_reader;
GRANT CREATE ON DATABASE :"DBNAME" TO describe_owner;
SET ROLE describe_owner;
CREATE SCHEMA describing;
GRANT USAGE ON SCHEMA describing TO describe_reader;
SET search_path = describing;
CREATE TABLE tenants (id bigint PRIMARY KEY);
CREATE TABLE "Users" (id bigint PRIMARY KEY, tenant_id bigint REFERENCES tenants ON DELETE CASCADE, email text UNIQUE, "isGone" boolean);
CREATE TABLE profiles (user_id bigint PRIMARY KEY REFERENCES "Users" ON DELETE CASCADE);
CREATE TABLE posts (id bigint PRIMARY KEY, author_id bigint REFERENCES "Users" ON DELETE CASCADE);
CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint CONSTRAINT keys_user REFERENCES "Users");
CREATE TABLE deals (id bigint PRIMARY KEY, created_by bigint CONSTRAINT deals_user REFERENCES "Users", seen_by bigint REFERENCES "Users" ON DELETE SET NULL);
CREATE TABLE logs (id bigint PRIMARY KEY, user_id bigint);
CREATE VIEW a_view AS SELECT 1;
\pset format unaligned
\pset tuples_only on

-- nothing enabled
SELECT account.describe('tenants');
SELECT account.describe('"Users"');

-- every kind of what follows
SELECT account.enable_soft_delete('posts', on_parent_delete => 'delete', on_reinsert => 'replace', hide => false);
SELECT account.enable_soft_delete('"Users"', flag => 'isGone', deleted_by => 'deleted_by', guard_references => true);
SELECT account.set_reference_policy('keys', 'keys_user', NULL, on_soft_delete => 'remove');
SELECT account.set_reference_policy('deals', 'deals_user', NULL, on_soft_delete => 'refuse');
SELECT account.set_reference('logs', '{user_id}', '"Users"', 'cascade');
SELECT account.enable_profile('"Users"', 'profiles');
SELECT account.enable_tenant_isolation('"Users"');
SELECT account.describe('"Users"');
-- the same however the planner joins what it is made of
SELECT account.describe('"Users"') AS described \gset
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT account.describe('"Users"') = :'described' AS the_same;
RESET enable_hashjoin;
RESET enable_mergejoin;
SELECT account.describe('posts');
SELECT account.describe('profiles');

-- a disabled trigger is told, and found
ALTER TABLE posts DISABLE TRIGGER "00_account_soft_delete";
SELECT account.describe('posts');

-- what must stay, what goes for good, and how
ALTER TABLE posts ENABLE TRIGGER "00_account_soft_delete";
SELECT account.unique_among_live('"Users"', 'email');
SELECT account.set_erasure('"Users"', 'email', 'hash');
ALTER TABLE "Users" ADD COLUMN phone text, ADD COLUMN city text, ADD COLUMN lang text DEFAULT 'en';
SELECT account.set_erasure('"Users"', 'phone', 'null'), account.set_erasure('"Users"', 'city', 'constant:it''s gone'),
       account.set_erasure('"Users"', 'lang', 'default');
SELECT account.set_purge('"Users"', 'erase');
CREATE TABLE members (tenant_id bigint REFERENCES tenants ON DELETE CASCADE, user_id bigint REFERENCES "Users", role text, PRIMARY KEY (tenant_id, user_id));
SELECT account.protect_last_member('members', 'tenant_id', 'role');
INSERT INTO tenants VALUES (1), (2);
RESET ROLE;
INSERT INTO describing."Users" VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
INSERT INTO describing.posts SELECT i, 3 FROM generate_series(1, 10) AS i;
SELECT account.place_hold('describing."Users"', ARRAY[1, 2], 'a case') > 0;
CALL account.cleanup_batches('describing."Users"', '3', batch_size => 4, max_runtime => '1 us');
SET ROLE describe_owner;
SELECT regexp_replace(line, '^Removal \d+', 'Removal N') FROM regexp_split_to_table(account.describe('"Users"'), '\n') AS line WHERE line ~ '^(Purge|Erasure|Holds|Removal|New|Such|Members)|among live';
SELECT account.describe('posts');
SELECT account.describe('members');
SELECT account.describe('logs');
SELECT account.describe('keys');
RESET ROLE;
SELECT account.cancel_removal(id) FROM account.removal WHERE target = 'describing."Users"'::regclass AND state = 'paused';
SELECT account.release_hold(id, 'over') FROM (SELECT DISTINCT id FROM account.hold WHERE target = 'describing."Users"'::regclass) AS h;
SET ROLE describe_owner;
SELECT line FROM regexp_split_to_table(account.describe('"Users"'), '\n') AS line WHERE line ~ '^(Holds|Removal|New)';
ALTER TABLE posts DISABLE TRIGGER "00_account_soft_delete";

-- never in a parallel query, where a new snapshot may not be taken
CREATE TABLE many AS SELECT generate_series(1, 1000) AS id;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT n, left(account.describe('"Users"'), 24) FROM (SELECT count(*) AS n FROM many) AS c;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- no table
SELECT account.describe('a_view');    -- fails
SELECT account.describe(NULL) IS NULL;

-- who has no privilege on it is told nothing, who has one not what only its owner may know
SET ROLE describe_reader;
SELECT account.describe('describing.posts');    -- fails
RESET ROLE;
GRANT SELECT (id) ON describing.posts TO describe_reader;
SET ROLE describe_reader;
SELECT account.describe('describing.posts');
RESET ROLE;
GRANT pg_monitor TO describe_reader;
SET ROLE describe_reader;
SELECT account.describe('describing."Users"');
RESET ROLE;
REVOKE pg_monitor FROM describe_reader;

-- what the columns mean to accounts is its owner's to know
ALTER TABLE describing."Users" OWNER TO CURRENT_USER;
ALTER TABLE describing.tenants OWNER TO CURRENT_USER;
SELECT count(*) > 0 FROM account.use_tables('describing."Users"', tenants => 'describing.tenants');
SELECT line FROM regexp_split_to_table(account.describe('describing."Users"'), '\n') AS line WHERE line ~ '^Account model';
SELECT account.forget_tables();
DROP SCHEMA describing CASCADE;
REVOKE CREATE ON DATABASE :"DBNAME" FROM describe_owner;
DROP ROLE describe_owner, describe_reader;
