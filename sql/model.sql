-- The account model: which tables and columns hold users, profiles and tenants.
SET client_min_messages = warning;
-- a key, so that it is told what tokens are good for
SELECT account.create_key() \g /dev/null
CREATE ROLE regress_mo_owner;
CREATE ROLE regress_mo_app;
CREATE SCHEMA mo AUTHORIZATION regress_mo_owner;
CREATE SCHEMA mo_auth AUTHORIZATION regress_mo_owner;
RESET client_min_messages;
GRANT EXECUTE ON FUNCTION account.use_tables(regclass, regclass, regclass, jsonb, regclass), account.forget_tables() TO regress_mo_owner;
GRANT USAGE ON SCHEMA mo TO regress_mo_app;
GRANT SELECT ON account.model TO regress_mo_owner;
SET ROLE regress_mo_owner;
SET search_path = mo;

TABLE account.model;

-- Django: auth_user
CREATE TABLE auth_user (id serial PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamptz,
    is_superuser boolean NOT NULL, username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL,
    last_name varchar(150) NOT NULL, email varchar(254) NOT NULL, is_staff boolean NOT NULL,
    is_active boolean NOT NULL, date_joined timestamptz NOT NULL);
CREATE TABLE accounts_profile (id bigserial PRIMARY KEY, user_id integer NOT NULL UNIQUE REFERENCES auth_user DEFERRABLE INITIALLY DEFERRED,
    role varchar(20) NOT NULL DEFAULT 'student');
SELECT * FROM account.use_tables('auth_user', 'accounts_profile');

-- Django: a user model of its own, with uuid keys
CREATE TABLE core_tenant (id uuid PRIMARY KEY, name varchar(100) NOT NULL, slug varchar(50) UNIQUE, enabled_modules jsonb, is_active boolean NOT NULL);
CREATE TABLE core_user (id uuid PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamptz, email varchar(254) UNIQUE NOT NULL,
    is_active boolean NOT NULL, is_staff boolean NOT NULL, is_superuser boolean NOT NULL, tenant_id uuid REFERENCES core_tenant DEFERRABLE INITIALLY DEFERRED);
SELECT * FROM account.use_tables('core_user', tenants => 'core_tenant');

-- Rails
CREATE TABLE organizations (id bigserial PRIMARY KEY, name varchar, subdomain varchar, features text[], active boolean);
CREATE TABLE users (id bigserial PRIMARY KEY, email varchar DEFAULT '' NOT NULL, encrypted_password varchar DEFAULT '' NOT NULL,
    current_sign_in_at timestamp, organization_id bigint REFERENCES organizations, admin boolean DEFAULT false,
    created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL, discarded_at timestamp);
SELECT * FROM account.use_tables('users', tenants => 'organizations');

-- Supabase
CREATE TABLE mo_auth.users (instance_id uuid, id uuid PRIMARY KEY, aud varchar(255), role varchar(255), email varchar(255), encrypted_password varchar(255),
    last_sign_in_at timestamptz, raw_app_meta_data jsonb, raw_user_meta_data jsonb, is_super_admin boolean, deleted_at timestamptz, banned_until timestamptz);
CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES mo_auth.users ON DELETE CASCADE, username text, role text);
SELECT * FROM account.use_tables('mo_auth.users', 'profiles');

-- TypeORM: camelCase, quoted
CREATE TABLE "Organization" ("id" uuid PRIMARY KEY, "displayName" text, "slug" text, "enabledModules" json, "isActive" boolean);
CREATE TABLE "User" ("userId" uuid PRIMARY KEY DEFAULT gen_random_uuid(), "emailAddress" varchar NOT NULL, "userName" varchar, "passwordHash" varchar,
    "isActive" boolean NOT NULL DEFAULT true, "tenantId" uuid REFERENCES "Organization", "lastLoginAt" timestamptz, "deletedAt" timestamptz);
CREATE TABLE "UserProfile" ("profileId" serial PRIMARY KEY, "userId" uuid UNIQUE REFERENCES "User", "userRole" text);
SELECT * FROM account.use_tables('"User"', '"UserProfile"', '"Organization"');
SELECT * FROM account.model ORDER BY part DESC, attribute;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '%account%' ORDER BY tgrelid::regclass::text, tgname;

-- soft delete tells its columns
CREATE TABLE members (id int PRIMARY KEY, mail text, gone timestamptz, hidden boolean);
SELECT account.enable_soft_delete('members', 'gone', 'hidden');
SELECT attribute, column_name, source FROM account.use_tables('members') WHERE source <> 'missing';

-- overrides
SELECT * FROM account.use_tables('core_user', tenants => 'core_tenant',
    columns => '{"users": {"username": "email", "is_staff": null}, "tenants": {"modules": null, "slug": "name"}}');
-- one mapping: users and profiles may be one table
SELECT part, attribute, column_name FROM account.use_tables('mo_auth.users', 'mo_auth.users') WHERE part = 'profiles';

-- bad input: 22023, and the mapping stays
\set VERBOSITY terse
SELECT account.use_tables(NULL);	-- fails
SELECT account.use_tables('core_user', columns => NULL);	-- fails
SELECT account.use_tables('core_user', columns => '[]');	-- fails
SELECT account.use_tables('core_user', columns => '"x"');	-- fails
SELECT account.use_tables('core_user', columns => '{"people": {}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"mail": "email"}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": "email"}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"email": 1}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"email": {"a": "b"}}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"email": ["email"]}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"email": "none"}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"email": "ctid"}}');	-- fails
SELECT account.use_tables('core_user', columns => jsonb_build_object('users', jsonb_build_object('email', repeat('x', 100000))));	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"is_active": "email"}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"email": "is_active"}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"id": null}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"users": {"email": null}}');	-- fails
SELECT account.use_tables('core_user', columns => '{"profiles": {"role": "x"}}');	-- fails
SELECT account.use_tables('core_user', profiles => 'core_tenant');	-- fails
CREATE VIEW user_view AS SELECT * FROM core_user;
SELECT account.use_tables('user_view');	-- fails
SELECT account.use_tables('pg_authid');	-- fails
SELECT account.use_tables('account.model_column');	-- fails
SELECT account.use_tables('core_user_pkey');	-- fails
SELECT account.use_tables(0::regclass);	-- fails
CREATE TEMP TABLE tmp_user (id int PRIMARY KEY, email text);
SELECT account.use_tables('tmp_user');	-- fails
CREATE TABLE no_email (id int PRIMARY KEY, name text);
SELECT account.use_tables('no_email');	-- fails
CREATE TABLE no_key (name text, email text);
SELECT account.use_tables('no_key');	-- fails
\set VERBOSITY default
SELECT DISTINCT relation FROM account.model;

-- the owner of the tables, and whoever was granted the call
RESET ROLE;
CREATE TABLE mo.foreign_users (id int PRIMARY KEY, email text);
SET ROLE regress_mo_owner;
\set VERBOSITY terse
SELECT account.use_tables('foreign_users');	-- fails
SET ROLE regress_mo_app;
SELECT account.use_tables('core_user');	-- fails
SELECT account.forget_tables();	-- fails
TABLE account.model;	-- fails
\set VERBOSITY default

-- partitions: their rows count, too
SET ROLE regress_mo_owner;
CREATE TABLE parted (tenant_id int, id int, email text, PRIMARY KEY (tenant_id, id)) PARTITION BY LIST (tenant_id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
SELECT attribute, column_name, source FROM account.use_tables('parted') WHERE source <> 'missing';

DROP TABLE tmp_user;
-- forgetting takes the triggers away, and is harmless twice
SELECT account.forget_tables();
SELECT account.forget_tables();
TABLE account.model;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '%account_sessions%';

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA mo, mo_auth CASCADE;
REVOKE EXECUTE ON FUNCTION account.use_tables(regclass, regclass, regclass, jsonb, regclass), account.forget_tables() FROM regress_mo_owner;
REVOKE SELECT ON account.model FROM regress_mo_owner;
DROP ROLE regress_mo_owner, regress_mo_app;
