-- Who may do what in a tenant: a truth table of callers x calls, each cell asserted by its SQLSTATE. Callers have their
-- identity first, and become what they are afterwards: what decides is the live row, not the token.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SELECT account.create_starter('ma', members => true) \gset ignore_
CREATE ROLE regress_ma_app;
SELECT account.grant_api('regress_ma_app') \gset ignore_
INSERT INTO ma.tenants (slug) VALUES ('a'), ('b');
CREATE FUNCTION tenant(slug text) RETURNS uuid LANGUAGE sql AS 'SELECT id FROM ma.tenants t WHERE t.slug = $1';

-- name, roles in the tenants, the one of the identity, and what becomes of the caller between its token and its call.
-- expected: one letter for each call: . it succeeds, 0 1 3 4 9: PT400, PT401, PT403, PT404, PT409
CREATE TABLE caller (name text PRIMARY KEY, role_a text, role_b text, active text, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false, becomes text, expected text);
INSERT INTO caller (name, role_a, role_b, active, expected) VALUES
    --                                  memberships, roles         leave     invitations         lists      transfer, §9
    ('anonymous', NULL, NULL, NULL,    '11111111 11 11 1 111111 111 111 11 111'),
    ('owner', 'owner', NULL, 'a',      '......44 3. .. . ...3.3 .3. ... .4 333'),
    ('admin', 'admin', NULL, 'a',      '....3344 3. 3. . ..33.3 .3. .3. 34 333'),
    ('member', 'member', NULL, 'a',    '.3333334 33 3. 3 333333 333 333 33 333'),
    ('owner elsewhere', NULL, 'owner', 'b', '.3333334 43 34 3 333..3 3.. 33. 33 333'),
    ('stranger', NULL, NULL, NULL,     '.3333334 33 34 3 333333 333 333 33 333'),
    ('without role', '', NULL, 'a',    '.3333334 33 3. 3 333333 333 333 33 333'),
    ('owner here, in the other', 'owner', 'owner', 'b', '......44 4. .. . .....3 ... ... .4 333');
INSERT INTO caller (name, role_a, role_b, active, is_staff, is_superuser, expected) VALUES
    ('staff', 'member', NULL, 'a', true, false, '......44 3. .. . ...3.. .3. ... 94 ...'),
    ('staff elsewhere', NULL, 'member', 'b', true, false, '.3333334 43 34 3 333..3 3.. 33. 33 333'),
    ('staff nowhere', NULL, NULL, NULL, true, false, '.3333334 33 34 3 3333.3 33. 33. 33 333'),
    ('superuser', NULL, NULL, NULL, false, true, '......44 4. .4 . ...... ... ... 94 ...');
INSERT INTO caller (name, role_a, active, becomes, expected) VALUES
    ('owner removed', 'owner', 'a', 'DELETE FROM ma.memberships WHERE user_id = $1', repeat('1', 30)),
    ('owner not active there', 'owner', 'a', 'UPDATE ma.memberships SET is_active = false WHERE user_id = $1', repeat('1', 30)),
    ('owner of a closed tenant', 'owner', 'a', 'UPDATE ma.tenants SET is_active = false WHERE slug = ''a'' AND $1 IS NOT NULL', repeat('1', 30)),
    ('deleted owner', 'owner', 'a', 'DELETE FROM ma.users WHERE id = $1', repeat('1', 30)),
    ('inactive owner', 'owner', 'a', 'UPDATE ma.users SET is_active = false WHERE id = $1', repeat('1', 30)),
    ('owner no more', 'owner', 'a', 'UPDATE ma.memberships SET role = ''member'' WHERE user_id = $1', '.3333334 33 3. 3 333333 333 333 33 333'),
    ('owner by now', 'member', 'a', 'UPDATE ma.memberships SET role = ''owner'' WHERE user_id = $1', '......44 3. .. . ...3.3 .3. ... .4 333');
ALTER TABLE ma.memberships ALTER role DROP NOT NULL;
INSERT INTO ma.users (email, username, is_staff, is_superuser) SELECT replace(replace(name, ' ', '.'), ',', '') || '@x.org', name, is_staff, is_superuser FROM caller WHERE name <> 'anonymous';
INSERT INTO ma.users (email, username, is_superuser) VALUES ('target@x.org', 'target', false), ('second@x.org', 'second owner', false), ('none@x.org', 'nobody''s member', false), ('maker@x.org', 'maker', true);
INSERT INTO ma.memberships (user_id, tenant_id, role)
    SELECT u.id, tenant(m.slug), nullif(m.role, '') FROM caller c JOIN ma.users u ON u.username = c.name, LATERAL (VALUES ('a', c.role_a), ('b', c.role_b)) m (slug, role) WHERE m.role IS NOT NULL
    UNION ALL SELECT u.id, tenant('a'), CASE u.username WHEN 'target' THEN 'member' ELSE 'owner' END FROM ma.users u WHERE u.username IN ('target', 'second owner');
CREATE FUNCTION who(name text) RETURNS text LANGUAGE sql AS 'SELECT id::text FROM ma.users WHERE username = $1';

-- the calls, in the order of the letters; $1 the target, $2 what came before made, $3 the caller
CREATE TABLE call (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, before text, statement text);
INSERT INTO call (name, before, statement) VALUES
    ('the own memberships', NULL, 'SELECT FROM account.memberships()'),
    ('those of the target', NULL, 'SELECT FROM account.memberships($1)'),
    ('the target a member', NULL, 'SELECT account.set_member_role($1, ''a'', ''member'')'),
    ('the target an admin', NULL, 'SELECT account.set_member_role($1, ''a'', ''admin'')'),
    ('the target an owner', NULL, 'SELECT account.set_member_role($1, ''a'', ''owner'')'),
    ('an owner a member', 'SELECT who(''second owner'')', 'SELECT account.set_member_role($2, ''a'', ''member'')'),
    ('a role for no member', 'SELECT who(''nobody''''s member'')', 'SELECT account.set_member_role($2, ''a'', ''member'')'),
    ('a role in no tenant', NULL, 'SELECT account.set_member_role($1, ''zz'', ''member'')'),
    ('a role in the other tenant', NULL, 'SELECT account.set_member_role($1, ''b'', ''member'')'),
    ('remove the target', NULL, 'SELECT account.remove_member($1, ''a'')'),
    ('remove an owner', 'SELECT who(''second owner'')', 'SELECT account.remove_member($2, ''a'')'),
    ('leave', NULL, 'SELECT account.remove_member($3, ''a'')'),
    ('remove the target by the tenant''s id', 'SELECT tenant(''a'')', 'SELECT account.remove_member($1, $2)'),
    ('invite a member', NULL, 'SELECT account.invite(''new@x.org'', ''member'', ''a'')'),
    ('invite an admin', NULL, 'SELECT account.invite(''new@x.org'', ''admin'', ''a'')'),
    ('invite an owner', NULL, 'SELECT account.invite(''new@x.org'', ''owner'', ''a'')'),
    ('invite into the other', NULL, 'SELECT account.invite(''new@x.org'', ''member'', ''b'')'),
    ('invite into the own', NULL, 'SELECT account.invite(''new@x.org'', ''member'')'),
    ('invite with grants', NULL, 'SELECT account.invite(''new@x.org'', ''member'', ''a'', grants => ''{"bio": "x"}'')'),
    ('list its invitations', NULL, 'SELECT FROM account.invitations(''a'')'),
    ('list those of the other', NULL, 'SELECT FROM account.invitations(''b'')'),
    ('list all invitations', NULL, 'SELECT FROM account.invitations()'),
    ('take back one of a member', 'SELECT account.act_as(who(''maker'')), account.invite(''new@x.org'', ''member'', ''a''); SELECT max(id) FROM account.invitation', 'SELECT account.revoke_invitation($2::bigint)'),
    ('take back one of an owner', 'SELECT account.act_as(who(''maker'')), account.invite(''new@x.org'', ''owner'', ''a''); SELECT max(id) FROM account.invitation', 'SELECT account.revoke_invitation($2::bigint)'),
    ('take back an unknown one', NULL, 'SELECT account.revoke_invitation(-1)'),
    ('transfer to the target', NULL, 'SELECT account.transfer_ownership(''a'', $1)'),
    ('transfer to no member', 'SELECT who(''nobody''''s member'')', 'SELECT account.transfer_ownership(''a'', $2)'),
    ('delete the target', NULL, 'SELECT account.delete_user($1)'),
    ('set its password', NULL, 'SELECT account.set_password($1, ''another secret'')'),
    ('export it', NULL, 'SELECT account.export_user($1)');

-- one cell: all that it does is undone
CREATE TABLE result (caller text, call int, expected text, actual text, message text);
CREATE FUNCTION try_cell(c caller, k call) RETURNS void LANGUAGE plpgsql AS $$
DECLARE made text; state text := '00000'; msg text; part text;
BEGIN
    BEGIN
        FOREACH part IN ARRAY coalesce(string_to_array(k.before, '; '), '{}') LOOP
            EXECUTE part INTO made;
        END LOOP;
        PERFORM account.sign_out();
        IF c.name <> 'anonymous' THEN
            PERFORM account.act_as(who(c.name));
            IF c.active IS DISTINCT FROM (SELECT slug FROM ma.tenants WHERE id::text = account.tenant_id()) THEN
                -- several: that of the last session
                INSERT INTO account.session (id, user_id, tenant_id, token_hash, created_at, refreshed_at, expires_at) VALUES (gen_random_uuid(), who(c.name), tenant(c.active)::text, '', now(), now(), now());
                PERFORM account.act_as(who(c.name));
            END IF;
            IF c.active IS DISTINCT FROM (SELECT slug FROM ma.tenants WHERE id::text = account.tenant_id()) THEN
                RAISE 'not in tenant %', c.active;
            END IF;
            IF c.becomes IS NOT NULL THEN
                EXECUTE c.becomes USING who(c.name)::uuid;
            END IF;
        END IF;
        DECLARE target text := who('target'); me text := who(c.name);
        BEGIN
            SET LOCAL ROLE regress_ma_app;
            EXECUTE k.statement USING target, made, me;
        EXCEPTION WHEN OTHERS THEN
            state := SQLSTATE;
            msg := SQLERRM;
        END;
        RAISE 'undo' USING ERRCODE = 'TT000';
    EXCEPTION WHEN SQLSTATE 'TT000' THEN
        NULL;
    END;
    INSERT INTO result VALUES (c.name, k.n, substr(replace(c.expected, ' ', ''), k.n, 1), CASE WHEN state = '00000' THEN '.' ELSE replace(state, 'PT40', '') END, msg);
END $$;
DO $$
DECLARE x record;
BEGIN
    FOR x IN SELECT c, k FROM caller c, call k LOOP
        PERFORM try_cell(x.c, x.k);
    END LOOP;
END $$;
SELECT plan((SELECT count(*)::int FROM caller) * (SELECT count(*)::int FROM call));
SELECT is(r.actual, r.expected, format('%s: %s%s', r.caller, k.name, CASE WHEN r.actual <> r.expected THEN ' ' || coalesce(r.message, '') END)) FROM result r JOIN call k ON k.n = r.call ORDER BY r.caller, r.call;
SELECT * FROM finish();
