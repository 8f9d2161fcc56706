-- A members table in the account model: which columns it takes, what it must have, and what becomes of the rest.
SET client_min_messages = warning;
-- a key, so that it is told what tokens are good for
SELECT account.create_key() \g /dev/null
CREATE ROLE regress_mb_owner;
CREATE ROLE regress_mb_other;
CREATE SCHEMA mb AUTHORIZATION regress_mb_owner;
RESET client_min_messages;
GRANT EXECUTE ON FUNCTION account.use_tables(regclass, regclass, regclass, jsonb, regclass), account.forget_tables() TO regress_mb_owner;
GRANT SELECT ON account.model TO regress_mb_owner;
GRANT EXECUTE ON FUNCTION account.doctor_model() TO regress_mb_owner;
SET ROLE regress_mb_owner;
SET search_path = mb;

-- Django
CREATE TABLE core_organization (id serial PRIMARY KEY, name varchar(100) NOT NULL, slug varchar(50) UNIQUE);
CREATE TABLE auth_user (id serial PRIMARY KEY, password varchar(128) NOT NULL, username varchar(150) NOT NULL UNIQUE, email varchar(254) NOT NULL, organization_id int);
CREATE TABLE core_membership (id bigserial PRIMARY KEY, organization_id int NOT NULL REFERENCES core_organization DEFERRABLE INITIALLY DEFERRED,
    user_id int NOT NULL REFERENCES auth_user DEFERRABLE INITIALLY DEFERRED, invited_by_id int REFERENCES auth_user DEFERRABLE INITIALLY DEFERRED,
    role varchar(20) NOT NULL, is_active boolean NOT NULL, created_at timestamptz NOT NULL, CONSTRAINT once UNIQUE (user_id, organization_id));
SELECT * FROM account.use_tables('auth_user', tenants => 'core_organization', members => 'core_membership') WHERE part = 'members' OR attribute = 'tenant';
-- Rails: roles are numbers
CREATE TABLE teams (id bigserial PRIMARY KEY, name varchar);
CREATE TABLE users (id bigserial PRIMARY KEY, email varchar DEFAULT '' NOT NULL, encrypted_password varchar);
CREATE TABLE team_members (id bigserial PRIMARY KEY, team_id bigint NOT NULL REFERENCES teams, user_id bigint NOT NULL REFERENCES users, role integer DEFAULT 0, active boolean DEFAULT true);
CREATE UNIQUE INDEX ON team_members (team_id, user_id);
SELECT part, attribute, column_name, source FROM account.use_tables('users', tenants => 'teams', members => 'team_members') WHERE part = 'members';
-- Basejump
CREATE TYPE account_role AS ENUM ('owner', 'member');
CREATE TABLE accounts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), primary_owner_user_id uuid, name text, slug text UNIQUE, personal_account boolean);
CREATE TABLE auth_users (id uuid PRIMARY KEY, email text, encrypted_password text);
CREATE TABLE account_user (user_id uuid REFERENCES auth_users ON DELETE CASCADE NOT NULL, account_id uuid REFERENCES accounts ON DELETE CASCADE NOT NULL, account_role account_role NOT NULL, PRIMARY KEY (user_id, account_id));
SELECT part, attribute, column_name, source FROM account.use_tables('auth_users', tenants => 'accounts', members => 'account_user') WHERE part = 'members';
-- TypeORM, and a user that is found by its foreign key alone
CREATE TABLE "Workspace" ("id" uuid PRIMARY KEY, "slug" text);
CREATE TABLE "User" ("id" uuid PRIMARY KEY, "email" text);
CREATE TABLE "WorkspaceMember" ("workspaceId" uuid REFERENCES "Workspace", "person" uuid REFERENCES "User", "memberRole" text, "isActive" boolean, PRIMARY KEY ("person", "workspaceId"));
SELECT part, attribute, column_name, source FROM account.use_tables('"User"', tenants => '"Workspace"', members => '"WorkspaceMember"') WHERE part = 'members';
SELECT DISTINCT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'zz_account%' AND tgrelid::regclass::text ~ 'ember' ORDER BY 1, 2;
-- given, by another name, and as a rule
ALTER TABLE core_membership ADD status text DEFAULT 'on';
SELECT part, attribute, column_name, source FROM account.use_tables('auth_user', tenants => 'core_organization', members => 'core_membership',
    columns => '{"members": {"user": "user_id", "role": null, "is_active": {"column": "status", "in": ["on"]}}}') WHERE part = 'members';
SELECT part, attribute, relation, column_name, source, rule FROM account.model WHERE part = 'members' ORDER BY attribute;
-- users.tenant may be there, and says nothing
SELECT part, attribute, column_name, source FROM account.use_tables('auth_user', tenants => 'core_organization', members => 'core_membership',
    columns => '{"users": {"tenant": "organization_id"}}') WHERE attribute = 'tenant';

-- bad input: 22023 or 42501, and the mapping stays
\set VERBOSITY terse
CREATE TABLE loose (user_id int, organization_id int, role text);
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'loose');	-- fails
CREATE UNIQUE INDEX ON loose (user_id, organization_id, role);
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'loose');	-- fails
CREATE UNIQUE INDEX ON loose (user_id, organization_id) WHERE role = 'owner';
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'loose');	-- fails
CREATE UNIQUE INDEX ON loose (user_id, (organization_id + 0));
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'loose');	-- fails
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'core_membership', columns => '{"members": {"user": "organization_id"}}');	-- fails
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'core_membership', columns => '{"members": {"tenant": null}}');	-- fails
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'core_membership', columns => '{"members": {"tenants": "organization_id"}}');	-- fails
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'core_membership', columns => '{"members": {"is_active": "role"}}');	-- fails
SELECT account.use_tables('auth_user', tenants => 'core_organization', columns => '{"members": {"role": null}}');	-- fails
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'auth_user');	-- fails
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'pg_class');	-- fails
CREATE TABLE of_another (user_id int, organization_id int, PRIMARY KEY (user_id, organization_id));
RESET ROLE;
ALTER TABLE mb.of_another OWNER TO regress_mb_other;
SET ROLE regress_mb_owner;
SELECT account.use_tables('auth_user', tenants => 'core_organization', members => 'of_another');	-- fails
SELECT DISTINCT relation FROM account.model WHERE part = 'members';
-- one tenant a user is unique, too; and so is a deferrable key
DROP TABLE loose;
CREATE TABLE loose (user_id int UNIQUE DEFERRABLE, organization_id int, role text);
SELECT count(*) > 0 AS mapped FROM account.use_tables('auth_user', tenants => 'core_organization', members => 'loose');
-- without tenants
SELECT count(*) > 0 AS mapped FROM account.use_tables('auth_user', members => 'core_membership');

-- what comes later: a column that is renamed or dropped; one that decides stops logins, a role is as if it had never been
\set VERBOSITY default
RESET ROLE;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SELECT account.create_key('HS256', 'mb') \g /dev/null
SET ROLE regress_mb_owner;
SELECT count(*) > 0 AS mapped FROM account.use_tables('auth_user', tenants => 'core_organization', members => 'core_membership');
INSERT INTO core_organization (name, slug) VALUES ('One', 'one'), ('Two', 'two');
RESET ROLE;
-- a role that is NOT NULL and has no default: one that administers nothing
SELECT user_id, tenant_id FROM account.register('ann@x.org', 'secret123', 'ann', 'one');
SELECT status, error, tenant_id FROM account.login('ann', 'secret123');
SELECT role, is_active, created_at IS NOT NULL AS stamped FROM mb.core_membership;
-- a role that administers is not for who comes by itself
ALTER TABLE mb.core_membership ALTER role SET DEFAULT 'admin';
SELECT user_id, tenant_id FROM account.register('bob@x.org', 'secret123', 'bob', 'one');	-- fails
SELECT count(*) AS nobody FROM mb.auth_user WHERE username = 'bob';
SELECT user_id, tenant_id FROM account.register('bob@x.org', 'secret123', 'bob', 'nowhere');	-- fails
SELECT user_id, tenant_id FROM account.register('bob@x.org', 'secret123', 'bob');
ALTER TABLE mb.core_membership ALTER role SET DEFAULT 'member';
ALTER TABLE mb.core_membership RENAME role TO position;
SELECT status, error, tenant_id, account.verify_access_token(access_token) -> 'tenant_role' AS tenant_role FROM account.login('ann', 'secret123');
ALTER TABLE mb.core_membership RENAME position TO role;
ALTER TABLE mb.core_membership RENAME organization_id TO org;
SELECT status, error, tenant_id FROM account.login('ann', 'secret123');	-- fails
ALTER TABLE mb.core_membership RENAME org TO organization_id;
SELECT status, error, tenant_id FROM account.login('ann', 'secret123');
ALTER TABLE mb.core_membership DROP is_active;
SELECT status, error, tenant_id FROM account.login('ann', 'secret123');	-- fails
SET ROLE regress_mb_owner;
SELECT count(*) > 0 AS mapped FROM account.use_tables('auth_user', tenants => 'core_organization', members => 'core_membership');
RESET ROLE;
SELECT status, error, tenant_id FROM account.login('ann', 'secret123');

-- the doctor
INSERT INTO mb.core_membership (user_id, organization_id, role, created_at) SELECT max(u.id), o.id, 'member', now() FROM mb.auth_user u, mb.core_organization o WHERE o.slug = 'two' GROUP BY o.id;
ALTER TABLE mb.core_membership DROP CONSTRAINT core_membership_organization_id_fkey, DROP CONSTRAINT once;
UPDATE mb.core_membership SET organization_id = -1 WHERE user_id = (SELECT id FROM mb.auth_user WHERE username = 'ann');
CREATE TABLE mb.invoice (id int PRIMARY KEY, organization_id int REFERENCES mb.core_organization);
SELECT severity, code, object, message FROM account.doctor() WHERE object LIKE 'mb.%' AND code NOT IN ('weak_password_hash') ORDER BY code, message;
DROP TRIGGER zz_account_truncate ON mb.core_membership;
SELECT severity, code, object, remedy FROM account.doctor() WHERE code = 'sessions_not_ended';

-- without members
SET ROLE regress_mb_owner;
SELECT account.forget_tables();
SELECT count(*) AS triggers FROM pg_trigger WHERE tgname LIKE 'zz_account%' AND tgrelid = 'core_membership'::regclass;
SELECT count(*) > 0 AS mapped FROM account.use_tables('auth_user', tenants => 'core_organization');
RESET ROLE;
\set VERBOSITY terse
SELECT account.switch_tenant('x', 'one');	-- fails
SELECT account.switch_tenant('x', NULL);	-- fails
SELECT account.memberships();	-- fails
SELECT account.set_member_role('1', 'one', 'x');	-- fails
SELECT account.remove_member(1, 'one');	-- fails
SELECT account.transfer_ownership('one', 1);	-- fails
SELECT account.invitations();	-- fails
SELECT account.tenant_role(), account.has_tenant_role('x'), account.has_tenant_role(VARIADIC NULL), account.has_tenant_role(VARIADIC '{}');
SELECT status, account.verify_access_token(access_token) ? 'tenant_role' AS claimed FROM account.login('ann', 'secret123');
SELECT account.verify_access_token(account.issue_access_token(id::text, extra => '{"tenant_role": "mine"}')) ->> 'tenant_role' AS free FROM mb.auth_user WHERE username = 'ann';
SELECT count(*) > 0 AS mapped FROM account.use_tables('mb.auth_user', tenants => 'mb.core_organization', members => 'mb.loose');
SELECT account.issue_access_token(id::text, extra => '{"tenant_role": "mine"}') FROM mb.auth_user WHERE username = 'ann';	-- fails
SELECT account.retire_key('mb');
SELECT account.forget_tables();
SET client_min_messages = error;
DROP SCHEMA mb CASCADE;
DROP OWNED BY regress_mb_owner, regress_mb_other;
DROP ROLE regress_mb_owner, regress_mb_other;
