-- Where members are mapped, staff without tenant is staff without any membership, as it is asked of who it acts on: not who is
-- suspended in its tenant, or in none of several at the moment. A truth table of staff x calls about somebody without any.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = public, pg_catalog;
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
SELECT account.create_key('HS256', 'sw') \g /dev/null
CREATE SCHEMA sw;
CREATE TABLE sw.tenants (id int PRIMARY KEY, slug text, is_active boolean DEFAULT true);
CREATE TABLE sw.users (id int PRIMARY KEY, email text, password text, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false);
CREATE TABLE sw.profiles (user_id int PRIMARY KEY, role text DEFAULT 'person');
CREATE TABLE sw.members (user_id int, tenant_id int, role text DEFAULT 'member', is_active boolean DEFAULT true, PRIMARY KEY (user_id, tenant_id));
SELECT account.enable_soft_delete('sw.users'), account.enable_soft_delete('sw.tenants'), account.enable_soft_delete('sw.members'), account.enable_profile('sw.users', 'sw.profiles') \g /dev/null
SELECT account.use_tables('sw.users', 'sw.profiles', 'sw.tenants', members => 'sw.members') \g /dev/null
INSERT INTO sw.tenants VALUES (1, 'one', true), (2, 'two', true), (3, 'shut', false), (4, 'gone', true);
INSERT INTO sw.users (id, email) VALUES (1, 'nobody@x.org'), (2, 'gone@x.org');
DELETE FROM sw.users WHERE id = 2;

-- the memberships of each; may: it acts on users without any
CREATE TEMP TABLE staff (id int GENERATED ALWAYS AS IDENTITY (START 10), name text, members text, may boolean);
INSERT INTO staff (name, members, may) VALUES
    ('without any', NULL, true),
    ('suspended in the only one', '(1, false, NULL::timestamptz)', false),
    ('of two, in none', '(1, true, NULL::timestamptz), (2, true, NULL)', false),
    ('of a tenant that is shut', '(3, true, NULL::timestamptz)', false),
    ('of a tenant that is gone', '(4, true, NULL::timestamptz)', false),
    ('of none any more', '(1, true, now())', true);
INSERT INTO sw.users (id, email, is_staff) SELECT id, 'staff' || id || '@x.org', true FROM staff;
DO $$
DECLARE s record;
BEGIN
    FOR s IN SELECT * FROM staff WHERE members IS NOT NULL LOOP
        EXECUTE format('INSERT INTO sw.members (user_id, tenant_id, is_active, deleted_at) SELECT %s, * FROM (VALUES %s) AS m', s.id, s.members);
    END LOOP;
END $$;
DELETE FROM sw.tenants WHERE id = 4;
SELECT account.act_as(1), account.apply_for_role('boss') AS application \gset
SELECT account.issue_tokens(1) \g /dev/null
SELECT id AS session FROM account.session \gset
-- what somebody without any has invited to, into no tenant
INSERT INTO sw.users (id, email, is_staff) VALUES (3, 'maker@x.org', true);
SELECT account.act_as(3), account.invite('new@x.org', 'boss') AS token \gset
SELECT max(id) AS invitation FROM account.invitation \gset
CREATE TEMP TABLE call (name text, statement text);
INSERT INTO call VALUES ('set_password', 'SELECT account.set_password(1, ''another secret'')'),
    ('delete_user', 'SELECT account.delete_user(1)'),
    ('restore_user', 'SELECT account.restore_user(2)'),
    ('export_user', 'SELECT account.export_user(1)'),
    ('sessions', 'SELECT account.sessions(1)'),
    ('revoke_sessions', 'SELECT account.revoke_sessions(1)'),
    ('revoke_session', format('SELECT account.revoke_session(%L)', :'session')),
    ('request_email_change', 'SELECT account.request_email_change(1, ''other@x.org'')'),
    ('request_deletion', 'SELECT account.request_deletion(1)'),
    ('review_application', format('SELECT account.review_application(%s, true)', :'application')),
    ('invite', 'SELECT account.invite(''friend@x.org'', ''boss'')'),
    ('revoke_invitation', format('SELECT account.revoke_invitation(%s)', :'invitation'));
CREATE FUNCTION pg_temp.throws(who int, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text := '00000';
BEGIN
    PERFORM account.act_as(who);
    BEGIN
        EXECUTE statement;
        RAISE 'undo' USING ERRCODE = 'TT000';
    EXCEPTION WHEN SQLSTATE 'TT000' THEN NULL;
        WHEN OTHERS THEN state := SQLSTATE;
    END;
    RETURN state;
END $$;

SELECT no_plan();
SELECT is(pg_temp.throws(s.id, c.statement), CASE WHEN s.may THEN '00000' ELSE 'PT403' END, format('%s by staff %s', c.name, s.name)) FROM staff s, call c ORDER BY s.id, c.name;
-- what is listed
CREATE FUNCTION pg_temp.listed(who int) RETURNS bigint LANGUAGE sql AS $$ SELECT account.act_as(who); SELECT count(*) FROM account.invitations() $$;
SELECT is(pg_temp.listed(s.id), s.may::int::bigint, 'invitations into no tenant, listed for staff ' || s.name) FROM staff s ORDER BY s.id;
-- an invitation is as good as who made it
INSERT INTO sw.users (id, email) VALUES (4, 'new@x.org');
SELECT is(pg_temp.throws(4, format('SELECT account.accept_invitation(%L)', :'token')), '00000', 'an invitation into no tenant is good');
INSERT INTO sw.members (user_id, tenant_id, is_active) VALUES (3, 1, false);
SELECT is(pg_temp.throws(4, format('SELECT account.accept_invitation(%L)', :'token')), 'PT404', 'until its maker has a membership, active or not');
-- in its tenant it acts on users of that
UPDATE sw.members SET is_active = true WHERE user_id = 3;
INSERT INTO sw.members (user_id, tenant_id) VALUES (4, 1);
SELECT is(pg_temp.throws(3, 'SELECT account.set_password(4, ''another secret'')'), '00000', 'staff in its tenant acts on users of it');
SELECT is(pg_temp.throws(3, 'SELECT account.set_password(1, ''another secret'')'), 'PT403', 'and not on those without any');
-- the refusal says what helps
SELECT account.act_as(12) \g /dev/null
SELECT throws_ok('SELECT account.set_password(1, ''another secret'')', 'PT403', 'not allowed', 'refused as all that is not allowed');
DO $$
DECLARE d text; h text;
BEGIN
    PERFORM account.set_password(1, 'another secret');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    PERFORM set_config('sw.detail', d, true), set_config('sw.hint', h, true);
END $$;
SELECT matches(current_setting('sw.detail'), 'in none of the tenants', 'DETAIL: the identity is in none of its tenants');
SELECT matches(current_setting('sw.hint'), 'switch_tenant', 'HINT: enter one');
SELECT * FROM finish();
ROLLBACK;
