-- Who may do what in the life of an account: a truth table of callers x calls, each cell asserted by its
-- SQLSTATE (00000: it succeeds). Callers have their identity first, and become what they are afterwards:
-- what decides is the live row, not the token.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SELECT account.create_starter('tt') \gset ignore_
ALTER TABLE tt.users ALTER is_staff DROP NOT NULL, ALTER is_superuser DROP NOT NULL, ALTER is_active DROP NOT NULL;
CREATE ROLE regress_tt_app;
SELECT account.grant_api('regress_tt_app') \gset ignore_

INSERT INTO tt.tenants (slug) VALUES ('a'), ('b');
CREATE FUNCTION tenant(slug text) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM tt.tenants t WHERE t.slug = $1';

-- name, tenant, staff, superuser, and what becomes of the caller between its token and its call
CREATE TABLE caller (name text PRIMARY KEY, tenant text, is_staff boolean, is_superuser boolean, becomes text);
INSERT INTO caller VALUES
    ('anonymous', NULL, NULL, NULL, NULL),
    ('self', 'a', false, false, NULL),
    ('other', 'a', false, false, NULL),
    ('staff', 'a', true, false, NULL),
    ('staff elsewhere', 'b', true, false, NULL),
    ('staff nowhere', NULL, true, false, NULL),
    ('superuser', 'b', false, true, NULL),
    ('deleted staff', 'a', true, false, 'DELETE FROM tt.users WHERE id = $1'),
    ('inactive staff', 'a', true, false, 'UPDATE tt.users SET is_active = false WHERE id = $1'),
    ('undecided staff', 'a', true, false, 'UPDATE tt.users SET is_active = NULL WHERE id = $1'),
    ('staff moved away', 'a', true, false, $$UPDATE tt.users SET tenant_id = tenant('b') WHERE id = $1$$),
    ('staff moved here', 'b', true, false, $$UPDATE tt.users SET tenant_id = tenant('a') WHERE id = $1$$),
    ('staff no more', 'a', true, false, 'UPDATE tt.users SET is_staff = false WHERE id = $1'),
    ('staff unknown', 'a', true, false, 'UPDATE tt.users SET is_staff = NULL, is_superuser = NULL WHERE id = $1'),
    ('staff of closed tenant', 'a', true, false, $$UPDATE tt.tenants SET is_active = false WHERE slug = 'a' AND $1 IS NOT NULL$$),
    ('staff removed', 'a', true, false, 'SELECT account.cleanup(''tt.users'', $1)'),
    ('inactive superuser', 'b', false, true, 'UPDATE tt.users SET is_active = false WHERE id = $1');
INSERT INTO tt.users (email, username, tenant_id, is_staff, is_superuser)
    SELECT replace(name, ' ', '.') || '@x.org', name, tenant(tenant), is_staff, is_superuser FROM caller WHERE name <> 'anonymous';
INSERT INTO tt.users (email, username, tenant_id, is_staff, is_superuser)
    VALUES ('root@x.org', 'root', tenant('a'), false, true), ('alone@x.org', 'alone', NULL, false, false), ('maker@x.org', 'maker', tenant('a'), true, false);
CREATE FUNCTION who(name text) RETURNS text LANGUAGE sql AS 'SELECT id::text FROM tt.users WHERE username = $1';

-- the calls: what comes before, and the statement; $1 is the target, the user "self", $2 what came before made
CREATE TABLE call (name text PRIMARY KEY, before text, statement text);
INSERT INTO call VALUES
    ('delete', NULL, 'SELECT account.delete_user($1)'),
    ('delete a deleted one', 'DELETE FROM tt.users WHERE id::text = $1', 'SELECT account.delete_user($1)'),
    ('delete an unknown one', NULL, 'SELECT account.delete_user(gen_random_uuid()::text)'),
    ('delete what is no id', NULL, $$SELECT account.delete_user($1 || 'x')$$),
    ('delete a superuser', $$SELECT who('root')$$, 'SELECT account.delete_user($2)'),
    ('delete one without tenant', $$SELECT who('alone')$$, 'SELECT account.delete_user($2)'),
    ('restore', 'DELETE FROM tt.users WHERE id::text = $1', 'SELECT account.restore_user($1)'),
    ('restore a live one', NULL, 'SELECT account.restore_user($1)'),
    ('restore an unknown one', NULL, 'SELECT account.restore_user(gen_random_uuid()::text)'),
    ('purge', NULL, 'SELECT account.purge_users()'),
    ('invite to the own tenant', NULL, $$SELECT account.invite('new@x.org', 'teacher')$$),
    ('invite to the target''s', NULL, $$SELECT account.invite('new@x.org', 'teacher', 'a')$$),
    ('invite to the other', NULL, $$SELECT account.invite('new@x.org', 'teacher', 'b')$$),
    ('invite to none there is', NULL, $$SELECT account.invite('new@x.org', 'teacher', 'c')$$),
    ('invite as superuser', NULL, $$SELECT account.invite('new@x.org', 'teacher', grants => '{"user_id": 1}')$$),
    ('accept the target''s', $$SELECT account.act_as(who('maker')); SELECT account.invite('Self@X.org', 'teacher')$$, 'SELECT account.accept_invitation($2)'),
    ('accept what is none', NULL, $$SELECT account.accept_invitation(repeat('A', 43))$$),
    ('apply', NULL, $$SELECT account.apply_for_role('teacher')$$),
    ('review the target''s', $$SELECT account.act_as($1); SELECT account.apply_for_role('teacher')$$, 'SELECT account.review_application($2::bigint, true)'),
    ('reject the target''s', $$SELECT account.act_as($1); SELECT account.apply_for_role('teacher')$$, 'SELECT account.review_application($2::bigint, false)'),
    ('review a reviewed one', $$SELECT account.act_as($1); SELECT account.apply_for_role('teacher');
        SELECT account.act_as(who('maker')); SELECT account.review_application(max(id), true) FROM account.role_application; SELECT max(id) FROM account.role_application$$,
        'SELECT account.review_application($2::bigint, true)'),
    ('review an unknown one', NULL, 'SELECT account.review_application(-1, true)'),
    ('review the own', 'own', 'SELECT account.review_application($2::bigint, true)'),
    ('set a password', NULL, $$SELECT account.set_password($1, 'secret123')$$),
    ('revoke sessions', NULL, 'SELECT account.revoke_sessions($1)');
-- of another room; there once it is built
INSERT INTO call SELECT 'export', NULL, 'SELECT account.export_user($1)' WHERE to_regprocedure('account.export_user(text)') IS NOT NULL;

-- what comes of it. The callers that nobody is any more are refused everywhere alike, and so are those that
-- are no staff (any more) but where anybody may ask.
CREATE TABLE expected (call text, self text, other text, staff text, elsewhere text, nowhere text, superuser text);
INSERT INTO expected VALUES
--   call                         self     other    staff    else     nowhere  superuser
    ('delete',                    '00000', 'PT403', '00000', 'PT403', 'PT403', '00000'),
    ('delete a deleted one',      'PT400', 'PT403', 'PT400', 'PT403', 'PT403', 'PT400'),
    ('delete an unknown one',     'PT403', 'PT403', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('delete what is no id',      'PT403', 'PT403', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('delete a superuser',        'PT403', 'PT403', 'PT403', 'PT403', 'PT403', '00000'),
    ('delete one without tenant', 'PT403', 'PT403', 'PT403', 'PT403', '00000', '00000'),
    ('restore',                   'PT401', 'PT403', '00000', 'PT403', 'PT403', '00000'),
    ('restore a live one',        'PT403', 'PT403', 'PT400', 'PT403', 'PT403', 'PT400'),
    ('restore an unknown one',    'PT403', 'PT403', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('purge',                     '42501', '42501', '42501', '42501', '42501', '42501'),
    ('invite to the own tenant',  'PT403', 'PT403', '00000', '00000', '00000', '00000'),
    ('invite to the target''s',   'PT403', 'PT403', '00000', 'PT403', 'PT403', '00000'),
    ('invite to the other',       'PT403', 'PT403', 'PT403', '00000', 'PT403', '00000'),
    ('invite to none there is',   'PT403', 'PT403', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('invite as superuser',       'PT403', 'PT403', 'PT403', 'PT403', 'PT403', 'PT403'),
    ('accept the target''s',      '00000', 'PT403', 'PT403', 'PT403', 'PT403', 'PT403'),
    ('accept what is none',       'PT404', 'PT404', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('apply',                     '00000', '00000', '00000', '00000', '00000', '00000'),
    ('review the target''s',      'PT403', 'PT403', '00000', 'PT403', 'PT403', '00000'),
    ('reject the target''s',      'PT403', 'PT403', '00000', 'PT403', 'PT403', '00000'),
    ('review a reviewed one',     'PT403', 'PT403', 'PT409', 'PT403', 'PT403', 'PT409'),
    ('review an unknown one',     'PT403', 'PT403', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('review the own',            'PT403', 'PT403', 'PT403', 'PT403', 'PT403', 'PT403'),
    ('set a password',            '00000', 'PT403', '00000', 'PT403', 'PT403', '00000'),
    ('revoke sessions',           '00000', 'PT403', '00000', 'PT403', 'PT403', '00000'),
    ('export',                    '00000', 'PT403', '00000', 'PT403', 'PT403', '00000');
DELETE FROM expected WHERE call NOT IN (SELECT name FROM call);

-- try a call, as an application's role, and undo whatever it did
CREATE FUNCTION attempt(caller caller, call call) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    target text := who('self');
    me text := who(caller.name);
    before text;
    made text;
    part text;
    result text := '00000';
BEGIN
    before := call.before;
    IF before = 'own' THEN
        IF me IS NULL THEN
            before := NULL;
        ELSE
            before := format('SELECT account.act_as(%L); SELECT account.apply_for_role(''teacher'')', me);
        END IF;
    END IF;
    FOREACH part IN ARRAY string_to_array(coalesce(before, ''), ';') LOOP
        IF part ILIKE '%SELECT%' THEN
            EXECUTE part INTO made USING target;
        ELSIF part <> '' THEN
            -- the caller has its identity while it is still somebody
            PERFORM account.act_as(coalesce(me, who('maker')));
            EXECUTE part USING target;
        END IF;
    END LOOP;
    IF me IS NULL THEN
        PERFORM account.sign_out();
    ELSIF me <> target OR call.before IS DISTINCT FROM 'DELETE FROM tt.users WHERE id::text = $1' THEN
        PERFORM account.act_as(me);
    END IF;
    IF caller.becomes IS NOT NULL THEN
        EXECUTE caller.becomes USING me::uuid;
    END IF;
    SET LOCAL ROLE regress_tt_app;
    BEGIN
        EXECUTE call.statement USING target, made;
    EXCEPTION WHEN OTHERS THEN
        result := SQLSTATE;
    END;
    RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    RETURN SQLERRM;
END $$;

CREATE VIEW cell AS
    SELECT c AS caller, k AS call, CASE
        WHEN k.name = 'purge' THEN '42501'
        WHEN c.name IN ('anonymous', 'deleted staff', 'inactive staff', 'undecided staff', 'staff of closed tenant', 'staff removed', 'inactive superuser') THEN 'PT401'
        WHEN c.name = 'self' THEN e.self
        WHEN c.name IN ('other', 'staff no more', 'staff unknown') THEN e.other
        WHEN c.name IN ('staff', 'staff moved here') THEN e.staff
        WHEN c.name IN ('staff elsewhere', 'staff moved away') THEN e.elsewhere
        WHEN c.name = 'staff nowhere' THEN e.nowhere
        WHEN c.name = 'superuser' THEN e.superuser END AS code
    FROM caller c CROSS JOIN call k JOIN expected e ON e.call = k.name;

-- of a superuser of its own tenant staff is not told that it is no staff there
CREATE FUNCTION told(caller text, target text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text;
BEGIN
    PERFORM account.act_as(who(caller));
    PERFORM account.delete_user(who(target));
    RETURN 'nothing';
EXCEPTION WHEN SQLSTATE 'PT403' THEN
    GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
    RETURN said;
END $$;

SELECT plan((SELECT count(*)::int FROM cell) + 5);
SELECT is((SELECT count(*) FROM cell), (SELECT count(*) FROM caller) * (SELECT count(*) FROM call), 'every call of every caller has its cell');
SELECT is((SELECT count(*) FROM cell WHERE code IS NULL), 0::bigint, 'and each says what must come of it');
SELECT is(attempt(caller, call), code, format('%s: %s', (caller).name, (call).name)) FROM cell ORDER BY (call).name, (caller).name;
SELECT is((SELECT count(*) FROM tt.users WHERE deleted_at IS NULL), (SELECT count(*) + 2 FROM caller), 'what was tried was undone');

SELECT is(told('staff', 'root'), 'Staff does not act on superusers.', 'staff is told why');
SELECT is(told('staff elsewhere', 'root'), 'Only staff of the user''s tenant, or a superuser, may do this.', 'and staff of another tenant nothing of who is one');
SELECT * FROM finish();
DROP OWNED BY regress_tt_app;
DROP ROLE regress_tt_app;
