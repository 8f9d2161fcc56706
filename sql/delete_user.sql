-- The end of an account and its return, on the tables of several frameworks.
SET client_min_messages = warning;
DELETE FROM account.event;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
CREATE SCHEMA lc;
-- a call, without what changes from run to run
CREATE FUNCTION lc.deleted(jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT $1 - '{deleted_at,purge_after}'::text[] || jsonb_build_object('at', ($1 ->> 'deleted_at')::timestamptz = now(),
        'grace', ($1 ->> 'purge_after')::timestamptz - ($1 ->> 'deleted_at')::timestamptz) $$;
CREATE FUNCTION lc.restored(jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT $1 - 'restored_at' || jsonb_build_object('at', ($1 ->> 'restored_at')::timestamptz = now()) $$;
CREATE FUNCTION lc.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text; h text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, d, h);
END $$;

-- Django's auth_user, with soft delete: username is unique among all rows, the profile's key NO ACTION
CREATE TABLE lc.auth_user (id serial PRIMARY KEY, password varchar(128) NOT NULL DEFAULT '', last_login timestamptz,
    is_superuser boolean NOT NULL DEFAULT false, username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL DEFAULT '',
    last_name varchar(150) NOT NULL DEFAULT '', email varchar(254) NOT NULL, is_staff boolean NOT NULL DEFAULT false,
    is_active boolean NOT NULL DEFAULT true, date_joined timestamptz NOT NULL DEFAULT now());
CREATE TABLE lc.prof (id bigserial PRIMARY KEY, user_id integer NOT NULL UNIQUE REFERENCES lc.auth_user DEFERRABLE INITIALLY DEFERRED, role varchar(20));
CREATE TABLE lc.post (id serial PRIMARY KEY, author_id integer NOT NULL REFERENCES lc.auth_user ON DELETE CASCADE, title text);
INSERT INTO lc.auth_user (username, email, is_staff) VALUES ('ann', 'ann@x.org', false), ('bob', 'bob@x.org', false), ('sue', 'sue@x.org', true);
INSERT INTO lc.prof (user_id) SELECT id FROM lc.auth_user;
INSERT INTO lc.post (author_id, title) VALUES (1, 'first'), (1, 'second'), (2, 'third');
SELECT account.enable_soft_delete('lc.post');
SELECT account.enable_soft_delete('lc.auth_user', flag => 'is_deleted', deleted_by => 'deleted_by');
SELECT count(*) FROM account.use_tables('lc.auth_user', 'lc.prof');
SELECT account.act_as('3', false);
DELETE FROM lc.post WHERE title = 'second';
BEGIN;
SELECT lc.deleted(account.delete_user('1', reason => 'spam'));
SELECT lc.attempt($$SELECT account.delete_user('1')$$);
SELECT (SELECT count(*) FROM lc.auth_user) AS users, (SELECT count(*) FROM lc.post) AS posts;
COMMIT;
SET pgaccount.show_deleted = on;
SELECT id, is_deleted, deleted_by FROM lc.auth_user ORDER BY id;
RESET pgaccount.show_deleted;
SELECT status, error FROM account.login('ann', 'secret123');
-- what had gone before stays gone
BEGIN;
SELECT lc.restored(account.restore_user('1', 'by mistake'));
SELECT lc.attempt($$SELECT account.restore_user('1')$$);
COMMIT;
SELECT title FROM lc.post ORDER BY 1;
-- an email that is taken meanwhile, which no index looks after
SELECT account.delete_user('1') ->> 'message';
INSERT INTO lc.auth_user (username, email) VALUES ('ann2', 'ANN@x.org');
SELECT lc.attempt($$SELECT account.restore_user('1')$$);
DO $$
DECLARE c text; t text; col text; s text;
BEGIN
    PERFORM account.restore_user('1');
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, t = TABLE_NAME, col = COLUMN_NAME, s = SCHEMA_NAME;
    RAISE WARNING '% % % %', s, t, col, c;
END $$;
SET pgaccount.error_detail = 'generic';
SELECT lc.attempt($$SELECT account.restore_user('1')$$);
RESET pgaccount.error_detail;
-- nor as somebody's username
UPDATE lc.auth_user SET email = 'other@x.org', username = 'Ann@x.org' WHERE username = 'ann2';
SELECT lc.attempt($$SELECT account.restore_user('1')$$);
UPDATE lc.auth_user SET username = 'ann2' WHERE username = 'Ann@x.org';
SELECT account.restore_user('1') ->> 'message';
-- where an index looks, it decides: here an email may be in each tenant once
CREATE TABLE lc.member (id bigint PRIMARY KEY, tenant_id int, email text, is_staff boolean, deleted_at timestamptz);
CREATE UNIQUE INDEX member_email_idx ON lc.member (tenant_id, lower(email)) WHERE deleted_at IS NULL;
INSERT INTO lc.member VALUES (1, 1, 'same@x.org', false), (2, 2, 'same@x.org', false), (3, 1, 'staff@x.org', true);
SELECT account.enable_soft_delete('lc.member');
SELECT count(*) FROM account.use_tables('lc.member');
SELECT account.act_as('3', false);
SELECT account.delete_user('1') ->> 'message', account.restore_user('1') ->> 'message';
SELECT account.delete_user('1') ->> 'message';
INSERT INTO lc.member VALUES (4, 1, 'Same@x.org');
SELECT lc.attempt($$SELECT account.restore_user('1')$$);

-- no soft delete: for good, in the order of references, or not at all
ALTER TABLE lc.post DISABLE TRIGGER USER;
SELECT count(*) FROM account.use_tables('lc.auth_user', 'lc.prof');
SELECT account.disable_soft_delete('lc.post');
DELETE FROM lc.post;
SELECT account.disable_soft_delete('lc.auth_user');
ALTER TABLE lc.auth_user DROP COLUMN deleted_at, DROP COLUMN is_deleted, DROP COLUMN deleted_by;
SELECT count(*) FROM account.use_tables('lc.auth_user', 'lc.prof');
INSERT INTO lc.post (author_id, title) VALUES (2, 'last');
SELECT account.act_as('3', false);
SELECT lc.attempt($$SELECT account.delete_user('2')$$);
SELECT count(*) FROM lc.post;
SELECT account.set_reference_policy('lc.prof', 'prof_user_id_fkey', 'cascade');
BEGIN;
SELECT lc.deleted(account.delete_user('2', NULL, 'gone'));
COMMIT;
SELECT (SELECT count(*) FROM lc.auth_user WHERE id = 2) AS users, (SELECT count(*) FROM lc.prof WHERE user_id = 2) AS profiles, (SELECT count(*) FROM lc.post) AS posts;
SELECT lc.attempt($$SELECT account.delete_user('2')$$);
SELECT lc.attempt($$SELECT account.restore_user('2')$$);
SELECT lc.attempt($$SELECT account.purge_users()$$);
SELECT account.set_reference_policy('lc.prof', 'prof_user_id_fkey', NULL);

-- Rails, which looks after discarded_at itself
CREATE TABLE lc.organizations (id bigserial PRIMARY KEY, name varchar, subdomain varchar, active boolean DEFAULT true);
CREATE TABLE lc.users (id bigserial PRIMARY KEY, email varchar DEFAULT '' NOT NULL, encrypted_password varchar DEFAULT '' NOT NULL,
    organization_id bigint REFERENCES lc.organizations, admin boolean DEFAULT false, discarded_at timestamp(0));
INSERT INTO lc.organizations (subdomain) VALUES ('acme');
INSERT INTO lc.users (email, organization_id, admin) VALUES ('boss@x.org', 1, true), ('hand@x.org', 1, false), ('guest@x.org', NULL, false);
SELECT attribute, column_name FROM account.use_tables('lc.users', NULL, 'lc.organizations') WHERE attribute IN ('deleted_at', 'flag', 'is_staff');
SELECT account.act_as('1', false);
BEGIN;
SELECT lc.deleted(account.delete_user('02')) - 'at';
COMMIT;
SELECT id, discarded_at IS NOT NULL AS discarded FROM lc.users ORDER BY 1;
SELECT lc.attempt($$SELECT account.delete_user('2')$$);
SELECT lc.attempt($$SELECT account.delete_user('3')$$);
SELECT account.restore_user('2') ->> 'rows' AS rows;
SELECT id, discarded_at FROM lc.users ORDER BY 1;
SELECT account.delete_user('2') ->> 'message';
SELECT account.purge_users();
UPDATE lc.users SET discarded_at = now() - interval '31 days' WHERE id = 2;
SELECT account.purge_users(0), account.purge_users(1), account.purge_users();
SELECT id FROM lc.users ORDER BY 1;
-- a flag alone says nothing of the time
CREATE TABLE lc.flagged (id int PRIMARY KEY, email text, deleted boolean, admin boolean);
INSERT INTO lc.flagged VALUES (1, 'a@x.org', false, true), (2, 'b@x.org', NULL, false);
SELECT count(*) FROM account.use_tables('lc.flagged');
BEGIN;
SELECT lc.deleted(account.delete_user('2'));
COMMIT;
SELECT lc.attempt($$SELECT account.delete_user('2')$$);
SELECT account.restore_user('2') ->> 'message';
TABLE lc.flagged;
SELECT lc.attempt($$SELECT account.purge_users()$$);

-- Supabase: uuid keys, superusers, no staff
CREATE TABLE lc.auth_users (id uuid PRIMARY KEY, email varchar(255), encrypted_password varchar(255), is_super_admin boolean, deleted_at timestamptz);
CREATE TABLE lc.profiles (id uuid PRIMARY KEY REFERENCES lc.auth_users ON DELETE CASCADE, username text, role text);
INSERT INTO lc.auth_users VALUES ('00000000-0000-0000-0000-00000000000a', 'root@x.org', NULL, true), ('00000000-0000-0000-0000-00000000000b', 'b@x.org', NULL, NULL);
INSERT INTO lc.profiles (id) SELECT id FROM lc.auth_users;
SELECT account.enable_soft_delete('lc.auth_users', children => true);
SELECT count(*) FROM account.use_tables('lc.auth_users', 'lc.profiles');
SELECT account.act_as('00000000-0000-0000-0000-00000000000a', false);
SELECT account.delete_user('{00000000-0000-0000-0000-00000000000B}') ->> 'user_id';
SELECT count(*) FROM lc.profiles;
SELECT account.restore_user('0000000000000000000000000000000b') ->> 'rows' AS rows;
SELECT account.delete_user('00000000-0000-0000-0000-00000000000b') ->> 'message';
SET pgaccount.show_deleted = on;
UPDATE lc.auth_users SET deleted_at = '2000-01-01' WHERE deleted_at IS NOT NULL;
RESET pgaccount.show_deleted;
SELECT account.purge_users(), (SELECT count(*) FROM lc.profiles) AS profiles;

-- TypeORM: camelCase, and an owner who is nobody special
CREATE ROLE regress_lc_owner;
CREATE ROLE regress_lc_app;
CREATE SCHEMA "Lc" AUTHORIZATION regress_lc_owner;
SET ROLE regress_lc_owner;
CREATE TABLE "Lc"."User" ("userId" uuid PRIMARY KEY DEFAULT gen_random_uuid(), "emailAddress" varchar NOT NULL, "passwordHash" varchar,
    "isActive" boolean NOT NULL DEFAULT true, "isStaff" boolean, "tenantId" text, "deletedAt" timestamptz);
CREATE TABLE "Lc"."UserProfile" ("profileId" serial PRIMARY KEY, "userId" uuid UNIQUE REFERENCES "Lc"."User", "userRole" text);
SELECT account.enable_soft_delete('"Lc"."User"', 'deletedAt');
CREATE UNIQUE INDEX "liveMail" ON "Lc"."User" (lower("emailAddress")) WHERE "deletedAt" IS NULL;
ALTER TABLE "Lc"."User" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;
SELECT count(*) FROM account.use_tables('"Lc"."User"', '"Lc"."UserProfile"');
SELECT account.grant_api('regress_lc_app');
GRANT USAGE ON SCHEMA lc TO regress_lc_app;
INSERT INTO "Lc"."User" VALUES ('00000000-0000-0000-0000-000000000001', 'one@x.org', account.hash_password('secret123'), true, false),
    ('00000000-0000-0000-0000-000000000002', 'two@x.org', account.hash_password('secret123'), true, false),
    ('00000000-0000-0000-0000-000000000003', 'sam@x.org', NULL, true, true);
-- the caller needs EXECUTE alone; the password is asked for where it is to be, and looked at where it is given
SELECT account.act_as('00000000-0000-0000-0000-000000000001', false);
SET pgaccount.require_confirmation = on;
SET ROLE regress_lc_app;
SELECT lc.attempt($$SELECT account.delete_user(account.uid())$$);
SELECT lc.attempt($$SELECT account.delete_user(account.uid(), 'wrong')$$);
SELECT lc.attempt($$SELECT account.delete_user(account.uid(), '')$$);
SELECT lc.attempt($$SELECT account.delete_user(account.uid(), repeat('x', 1000000))$$);
SELECT lc.attempt($$SELECT account.purge_users()$$);
RESET ROLE;
SET pgaccount.require_confirmation = off;
SET ROLE regress_lc_app;
SELECT lc.attempt($$SELECT account.delete_user(account.uid(), 'wrong')$$);
SELECT account.delete_user(account.uid(), 'secret123') ->> 'message';
SELECT lc.attempt($$SELECT account.delete_user(account.uid(), 'secret123')$$);
RESET ROLE;
-- guessing ends as it does at a login, whatever is rolled back
SELECT account.act_as('00000000-0000-0000-0000-000000000002', false);
SELECT array_agg(split_part(lc.attempt($$SELECT account.delete_user(account.uid(), 'wrong')$$), ' ', 1)) FROM generate_series(1, 11);
SELECT lc.attempt($$SELECT account.delete_user(account.uid(), 'secret123')$$);
SELECT status FROM account.login('two@x.org', 'secret123');
-- staff is not asked, whatever it gives
SELECT account.act_as('00000000-0000-0000-0000-000000000003', false);
SET pgaccount.require_confirmation = on;
SET ROLE regress_lc_app;
SELECT account.delete_user('00000000-0000-0000-0000-000000000002', 'whatever', E'reason with "quotes"\n\x01') ->> 'message';
SELECT account.restore_user('00000000-0000-0000-0000-000000000002') ->> 'message';
SELECT account.delete_user('00000000-0000-0000-0000-000000000002') ->> 'message';
RESET ROLE;
RESET pgaccount.require_confirmation;
INSERT INTO "Lc"."User" ("emailAddress") VALUES ('Two@x.org');
SET ROLE regress_lc_app;
SELECT lc.attempt($$SELECT account.restore_user('00000000-0000-0000-0000-000000000002')$$);
-- no caller learns the keys of a table that it cannot read; who can, does
RESET ROLE;
SELECT lc.attempt($$SELECT account.restore_user('00000000-0000-0000-0000-000000000002')$$);

-- bad input
SELECT lc.attempt(format('SELECT account.%s', call)) FROM unnest(ARRAY[
    'delete_user(NULL)', 'delete_user('''')', $$delete_user(E'\x01')$$, $$delete_user('1')$$, $$delete_user('00000000-0000-0000-0000-0000000000000')$$,
    $$delete_user(repeat('0', 1000000))$$, $$delete_user('00000000-0000-0000-0000-000000000001', NULL, repeat('r', 1000000))$$,
    'restore_user(NULL)', $$restore_user('x')$$, $$restore_user(repeat('0', 1000000))$$, $$restore_user('00000000-0000-0000-0000-000000000001', repeat('r', 2001))$$,
    'purge_users(-1)']) AS call;
-- names: neither search_path nor what is in it matters
CREATE FUNCTION lc.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''1990-01-01''::timestamptz';
CREATE TEMP TABLE "User" (x int);
SET search_path = lc, pg_temp, pg_catalog;
SELECT (account.delete_user('00000000-0000-0000-0000-000000000003') ->> 'deleted_at')::timestamptz > '2020-01-01' AS now;
RESET search_path;
DROP TABLE pg_temp."User";
-- a trigger of the application that keeps the row back, or answers with the row
CREATE FUNCTION lc.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW."deletedAt" IS NOT NULL THEN RETURN NULL; END IF; RETURN NEW; END';
INSERT INTO "Lc"."User" VALUES ('00000000-0000-0000-0000-000000000004', 'four@x.org', NULL, true, true);
CREATE TRIGGER keep BEFORE UPDATE ON "Lc"."User" FOR EACH ROW EXECUTE FUNCTION lc.keep();
SELECT account.act_as('00000000-0000-0000-0000-000000000004', false);
SELECT lc.attempt($$SELECT account.delete_user(account.uid())$$);
DROP TRIGGER keep ON "Lc"."User";
ALTER TABLE "Lc"."User" ADD CONSTRAINT never CHECK ("deletedAt" IS NULL) NOT VALID;
SET pgaccount.error_detail = 'generic';
SELECT lc.attempt($$SELECT account.delete_user(account.uid())$$);
RESET pgaccount.error_detail;
ALTER TABLE "Lc"."User" DROP CONSTRAINT never;
-- soft delete whose trigger is disabled is still no removal
ALTER TABLE "Lc"."User" DISABLE TRIGGER "00_account_soft_delete";
SELECT account.delete_user(account.uid()) ->> 'message';
SELECT count(*) FROM "Lc"."User" WHERE "userId" = '00000000-0000-0000-0000-000000000004';
-- read-only, no model
BEGIN READ ONLY;
SELECT lc.attempt('SELECT account.delete_user(''x'')'), lc.attempt('SELECT account.restore_user(''x'')'), lc.attempt('SELECT account.purge_users()');
ROLLBACK;
-- the events: one for each user and change, with the reason; none of a refusal that was rolled back
SELECT type, actor, subject, e.tenant_id, detail FROM account.event e WHERE type ~ '^user_' AND (detail ->> 'reason' <> '' OR type = 'user_purged') ORDER BY id;
SELECT type, count(*), count(DISTINCT subject) AS users, bool_and((detail ->> 'verified')::boolean) AS verified, count(*) FILTER (WHERE detail ->> 'deletion' = 'hard') AS hard
FROM account.event WHERE actor <> session_user AND type IN ('user_deleted', 'user_restored') GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM account.event e WHERE e::text ~ 'secret123|wrong|argon2';
SELECT account.forget_tables();
SELECT lc.attempt('SELECT account.delete_user(''x'')');
SELECT lc.attempt('SELECT account.purge_users()');
SELECT account.sign_out();
DROP SCHEMA lc, "Lc" CASCADE;
DELETE FROM account.login_failure;
DROP OWNED BY regress_lc_app;
DROP ROLE regress_lc_app, regress_lc_owner;
