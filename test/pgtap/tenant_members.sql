-- A tenant with members: its owner deletes it, those go who are in no other live tenant, and exactly they come
-- back.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SELECT no_plan();
CREATE SCHEMA tm;
CREATE TABLE tm.tenants (id bigint PRIMARY KEY, slug text UNIQUE, is_active boolean DEFAULT true);
CREATE TABLE tm.users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text UNIQUE, password text, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false);
CREATE TABLE tm.memberships (user_id uuid REFERENCES tm.users, tenant_id bigint REFERENCES tm.tenants ON DELETE CASCADE, role text, is_active boolean DEFAULT true, UNIQUE (user_id, tenant_id));
SELECT account.enable_soft_delete('tm.tenants'), account.enable_soft_delete('tm.users'), account.enable_soft_delete('tm.memberships') \gset ignore_
SELECT count(*) FROM account.use_tables('tm.users', tenants => 'tm.tenants', members => 'tm.memberships') \gset ignore_
SELECT account.create_key() \gset ignore_
INSERT INTO tm.tenants VALUES (1, 'acme'), (2, 'other'), (3, 'gone'), (4, 'asleep');
CREATE FUNCTION who(name text) RETURNS uuid LANGUAGE sql SET pgaccount.show_deleted = on AS $$SELECT id FROM tm.users WHERE email = name || '@x.org'$$;
INSERT INTO tm.users (email, password, is_superuser) SELECT name || '@x.org', account.hash_password('secret123'), name = 'root'
    FROM unnest('{owner,admin,member,both,suspended,ended,left,asleep,inactive,nobody,root,elsewhere}'::text[]) name;
INSERT INTO tm.memberships SELECT who(name), tenant, role, active FROM (VALUES
    ('owner', 1, 'owner', true), ('admin', 1, 'admin', true), ('member', 1, 'member', true), ('both', 1, 'member', true), ('both', 2, 'owner', true),
    ('suspended', 1, 'member', true), ('suspended', 2, 'member', false), ('ended', 1, 'member', true), ('ended', 2, 'member', true), ('left', 1, 'member', true), ('left', 3, 'owner', true),
    ('asleep', 1, 'member', true), ('asleep', 4, 'owner', true), ('inactive', 1, 'member', false), ('root', 2, 'member', true), ('elsewhere', 2, 'member', true)) m(name, tenant, role, active);
DELETE FROM tm.tenants WHERE id = 3;
DELETE FROM tm.memberships WHERE (user_id, tenant_id) = (who('ended'), 2);
CREATE FUNCTION users() RETURNS text LANGUAGE sql AS $$SELECT string_agg(split_part(email, '@', 1), ' ' ORDER BY email) FROM tm.users$$;
CREATE FUNCTION attempt(name text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM account.act_as(who(name)::text);
    EXECUTE 'SELECT account.' || call;
    RAISE EXCEPTION SQLSTATE 'ZZ000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT is(attempt(name, format('delete_tenant(%L)', tenant)), answer, format('%s deletes %s', name, tenant)) FROM (VALUES
    ('owner', 'acme', 'ZZ000'), ('owner', '1', 'ZZ000'), ('admin', 'acme', 'PT403'), ('member', 'acme', 'PT403'), ('both', 'acme', 'PT403'), ('both', 'other', 'PT403'),
    ('nobody', 'acme', 'PT403'), ('elsewhere', 'acme', 'PT403'), ('root', 'acme', 'ZZ000'), ('owner', 'other', 'PT403'), ('owner', 'nowhere', 'PT403'), ('root', 'nowhere', 'PT404'),
    ('root', 'gone', 'PT400'), ('left', 'gone', 'PT403')) c(name, tenant, answer);
SELECT is(attempt('owner', $$restore_tenant('gone')$$), 'PT403', 'an owner brings none back');

-- sessions of each in one tenant
CREATE TEMP TABLE pair AS SELECT name, p.* FROM (VALUES ('member', 'acme'), ('both', 'acme'), ('both', 'other')) s(name, tenant), LATERAL account.login(name || '@x.org', 'secret123', tenant => s.tenant) p;
SELECT is(count(*), 3::bigint, 'all log in') FROM pair WHERE status = 200;
CREATE TABLE before AS SELECT * FROM tm.users;
CREATE TABLE members_before AS SELECT * FROM tm.memberships;

SELECT account.act_as(who('owner')::text, false) \gset ignore_
SELECT is(account.delete_tenant('acme', 'sold') ->> 'message', 'Tenant successfully deleted', 'its owner deletes it');
SELECT account.sign_out() \gset ignore_
SELECT is(users(), 'asleep both elsewhere nobody root suspended', 'those go who are in no other live tenant, active or not');
SELECT is(string_agg(r.status || ' ' || coalesce(r.error, ''), ', ' ORDER BY p.name, p.tenant_id), '401 session_ended, 200 , 401 session_ended', 'sessions in it end, those elsewhere go on')
    FROM pair p, LATERAL account.refresh(p.refresh_token) r;
SELECT is(status, 200, 'who is elsewhere too logs in there') FROM account.login('both@x.org', 'secret123');
SELECT is(status, 401, 'who is not does not') FROM account.login('member@x.org', 'secret123');

SELECT account.act_as(who('root')::text, false) \gset ignore_
SELECT is(account.restore_tenant('acme') ->> 'message', 'Tenant successfully restored', 'a superuser brings it back');
SELECT account.sign_out() \gset ignore_
SELECT set_eq('TABLE tm.users', 'TABLE before', 'all users are there again');
SELECT set_eq('TABLE tm.memberships', 'TABLE members_before', 'and all memberships');
SELECT is(status, 200, 'a member logs in again') FROM account.login('member@x.org', 'secret123');

-- an owner, who is no superuser, ends none with its tenant: root is of no other
CREATE FUNCTION refusal(name text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
    PERFORM account.act_as(who(name)::text);
    EXECUTE 'SELECT account.' || call;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', SQLSTATE, d);
END $$;
SELECT is(refusal('both', 'delete_tenant(''other'')'), 'PT403 A superuser would be deleted along.', 'no superuser goes with a tenant by its owner');
SELECT is((users(), count(*))::text, ('admin asleep both elsewhere ended inactive left member nobody owner root suspended', 14)::text, 'and nothing has changed') FROM tm.memberships;
SELECT is(attempt('root', 'delete_tenant(''other'')'), 'ZZ000', 'a superuser may');
INSERT INTO tm.memberships VALUES (who('root'), 1, 'member', false);
SELECT is(attempt('both', 'delete_tenant(''other'')'), 'ZZ000', 'a membership elsewhere that is not active keeps it');
UPDATE tm.memberships SET is_active = true WHERE user_id = who('root');
SELECT is(attempt('both', 'delete_tenant(''other'')'), 'ZZ000', 'as one that is does');
SELECT is(attempt('owner', 'delete_tenant(''acme'')'), 'ZZ000', 'also in the tenant where it is, too');
DELETE FROM tm.memberships WHERE user_id = who('root') AND tenant_id = 1;
UPDATE tm.users SET is_superuser = false WHERE id = who('root');
SELECT is(attempt('both', 'delete_tenant(''other'')'), 'ZZ000', 'and who is none any more goes');
UPDATE tm.memberships SET is_active = false WHERE user_id = who('root');
UPDATE tm.users SET is_superuser = true WHERE id = who('root');
SELECT is(attempt('both', 'delete_tenant(''other'')'), 'PT403', 'one elsewhere that is deleted does not, whether that here is active or not');
DELETE FROM tm.users WHERE id = who('root');
SELECT is(attempt('both', 'delete_tenant(''other'')'), 'ZZ000', 'one that is deleted does not count');
-- nor one that follows
ALTER TABLE tm.users ADD home bigint REFERENCES tm.tenants ON DELETE CASCADE, ADD boss uuid REFERENCES tm.users ON DELETE CASCADE;
SELECT account.enable_soft_delete('tm.users') \gset ignore_
UPDATE tm.users SET home = 2, is_superuser = true WHERE id = who('nobody');
SELECT is(refusal('both', 'delete_tenant(''other'')'), 'PT403 A superuser would be deleted along.', 'nor does one follow that is no member');
UPDATE tm.users SET home = NULL, boss = who('elsewhere') WHERE id = who('nobody');
SELECT is(attempt('both', 'delete_tenant(''other'')'), 'PT403', 'nor one that follows who goes');
UPDATE tm.users SET is_staff = true WHERE id = who('both');
CREATE TEMP TABLE entered AS SELECT access_token AS token FROM account.login('both@x.org', 'secret123', tenant => 'other');
BEGIN;
SELECT account.authenticate(token) FROM entered \gset ignore_
SELECT throws_ok(format('SELECT account.delete_user(%L)', who('elsewhere')), 'PT403', NULL, 'nor who follows a user that staff deletes');
ROLLBACK;
SELECT is(attempt('elsewhere', format('delete_user(%L)', who('elsewhere'))), 'PT403', 'or that deletes itself');
SELECT is(attempt('nobody', format('delete_user(%L)', who('elsewhere'))), 'ZZ000', 'a superuser may');
UPDATE tm.users SET is_superuser = false WHERE id = who('nobody');
SELECT is(attempt('both', 'delete_tenant(''other'')'), 'ZZ000', 'others follow');
SELECT is(attempt('elsewhere', format('delete_user(%L)', who('elsewhere'))), 'ZZ000', 'whoever it is');
SELECT * FROM finish();
