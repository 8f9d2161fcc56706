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
SELECT account.describe('posts');
SELECT account.describe('profiles');

-- a disabled trigger is told, and found
ALTER TABLE posts DISABLE TRIGGER "00_account_soft_delete";
SELECT account.describe('posts');

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
