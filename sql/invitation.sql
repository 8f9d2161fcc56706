-- Invitations and applications for a role: what they give, to whom, and how often.
SET client_min_messages = warning;
-- a key, so that it is told what tokens are good for
SELECT account.create_key() \g /dev/null
DELETE FROM account.event;
CREATE SCHEMA iv;
CREATE FUNCTION iv.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, d);
END $$;
CREATE TYPE iv.level AS ENUM ('low', 'high');
CREATE TABLE iv.tenants (id serial PRIMARY KEY, slug text UNIQUE, is_active boolean DEFAULT true);
CREATE TABLE iv.users (id serial PRIMARY KEY, tenant_id int REFERENCES iv.tenants, email text, password text, is_staff boolean, is_superuser boolean, is_active boolean DEFAULT true);
CREATE TABLE iv.profiles (id serial PRIMARY KEY, user_id int UNIQUE REFERENCES iv.users, role varchar(20), can_invite boolean NOT NULL DEFAULT true,
    level iv.level, tags text[], school_id int REFERENCES iv.tenants, nick text UNIQUE, tenant_id int, is_admin boolean, "is_SuperUser" boolean,
    secret text, twice int GENERATED ALWAYS AS (2) STORED, deleted_at timestamptz);
SELECT account.enable_soft_delete('iv.profiles');
SELECT account.enable_soft_delete('iv.users');
SELECT account.enable_profile('iv.users', 'iv.profiles');
SELECT count(*) FROM account.use_tables('iv.users', 'iv.profiles', 'iv.tenants');
INSERT INTO iv.tenants (slug, is_active) VALUES ('acme', true), ('other', true), ('shut', false);
INSERT INTO iv.users (tenant_id, email, is_staff, is_superuser) VALUES (1, 'staff@x.org', true, false), (1, 'ann@x.org', NULL, NULL), (NULL, 'free@x.org', NULL, NULL),
    (2, 'far@x.org', NULL, NULL), (2, 'root@x.org', NULL, true), (1, 'chief@x.org', true, false), (NULL, 'loose@x.org', NULL, NULL);
CREATE FUNCTION iv.as(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
    PERFORM account.act_as((SELECT id::text FROM iv.users WHERE email = who || '@x.org'));
    EXECUTE statement INTO r;
    RETURN r;
END $$;
CREATE TABLE iv.token (name text PRIMARY KEY, token text);

-- a token is 32 random bytes; what is stored is a hash
INSERT INTO iv.token SELECT 'ann', iv.as('staff', $$SELECT account.invite('ANN@X.org', 'teacher', grants => '{"can_invite": false, "level": "high", "tags": ["a", "b"]}')$$);
INSERT INTO iv.token SELECT 'ann2', iv.as('staff', $$SELECT account.invite('ann@x.org', 'teacher')$$);
SELECT token ~ '^[A-Za-z0-9_-]{43}$' AS form, token <> (SELECT token FROM iv.token WHERE name = 'ann2') AS random,
    token_hash = sha256(decode(translate(token, '-_', '+/') || '=', 'base64')) AS hashed,
    email, role, i.tenant_id, grants, invited_by, expires_at - created_at BETWEEN '7 days' AND '7 days 1 minute' AS ttl, accepted_at, accepted_by
FROM iv.token, account.invitation i JOIN account.invitation_token ON invitation_id = i.id WHERE name = 'ann' ORDER BY i.id LIMIT 1;
-- used once, by who was invited
SELECT who, iv.attempt(format('SELECT iv.as(%L, %L)', who, format('SELECT account.accept_invitation(%L)', token)))
FROM iv.token, unnest('{staff,free,far,root,chief}'::text[]) AS who WHERE name = 'ann';
SELECT iv.as('ann', format('SELECT account.accept_invitation(%L)', token)) FROM iv.token WHERE name = 'ann';
SELECT iv.attempt(format('SELECT iv.as(%L, %L)', 'ann', format('SELECT account.accept_invitation(%L)', token))) FROM iv.token WHERE name = 'ann';
SELECT user_id, role, can_invite, level, tags FROM iv.profiles WHERE user_id = 2;
SELECT accepted_at IS NOT NULL AS used, accepted_by FROM account.invitation ORDER BY id;
-- who has no tenant joins, and its sessions end; who has another does not
INSERT INTO iv.token SELECT 'free', iv.as('staff', $$SELECT account.invite('free@x.org', 'student')$$);
INSERT INTO iv.token SELECT 'far', iv.as('staff', $$SELECT account.invite('far@x.org', 'student')$$);
INSERT INTO iv.token SELECT 'free2', iv.as('root', $$SELECT account.invite('free@x.org', 'pupil', 'other')$$);
SELECT iv.as('free', format('SELECT account.accept_invitation(%L)', token)) FROM iv.token WHERE name = 'free';
SELECT u.tenant_id, role FROM iv.users u JOIN iv.profiles ON user_id = u.id WHERE email = 'free@x.org';
SELECT name, iv.attempt(format('SELECT iv.as(%L, %L)', rtrim(name, '2'), format('SELECT account.accept_invitation(%L)', token))) FROM iv.token WHERE name LIKE 'f%' ORDER BY 1;
-- void once its maker could not make it; expired; taken back
UPDATE iv.users SET is_staff = false WHERE email = 'staff@x.org';
SELECT iv.attempt(format('SELECT iv.as(%L, %L)', 'ann', format('SELECT account.accept_invitation(%L)', token))) FROM iv.token WHERE name = 'ann2';
UPDATE iv.users SET is_staff = true WHERE email = 'staff@x.org';
UPDATE account.invitation SET expires_at = clock_timestamp() WHERE accepted_at IS NULL;
SELECT iv.attempt(format('SELECT iv.as(%L, %L)', 'ann', format('SELECT account.accept_invitation(%L)', token))) FROM iv.token WHERE name = 'ann2';
UPDATE account.invitation SET expires_at = clock_timestamp() + '1 day' WHERE accepted_at IS NULL;
INSERT INTO iv.token SELECT 'loose', iv.as('root', $$SELECT account.invite('loose@x.org', 'pupil', 'acme')$$);
UPDATE iv.tenants SET is_active = false WHERE slug = 'acme';
SELECT iv.attempt(format('SELECT iv.as(%L, %L)', 'loose', format('SELECT account.accept_invitation(%L)', token))) FROM iv.token WHERE name = 'loose';
DELETE FROM iv.token WHERE name = 'loose';
UPDATE iv.tenants SET is_active = true;
DELETE FROM account.invitation WHERE accepted_at IS NULL;
SELECT iv.attempt(format('SELECT iv.as(%L, %L)', 'ann', format('SELECT account.accept_invitation(%L)', token))) FROM iv.token WHERE name = 'ann2';
-- nobody raises itself
INSERT INTO iv.token SELECT 'own', iv.as('staff', $$SELECT account.invite('staff@x.org', 'principal')$$);
SELECT iv.attempt(format('SELECT iv.as(%L, %L)', 'staff', format('SELECT account.accept_invitation(%L)', token))) FROM iv.token WHERE name = 'own';
UPDATE iv.tenants SET is_active = false WHERE slug = 'shut';

-- what can be granted: columns of the profile, but for what makes the account
SELECT g.grants, iv.attempt(format('SELECT iv.as(%L, %L)', 'staff', format('SELECT account.invite(''n@x.org'', ''r'', grants => %L)', g.grants))) AS staff,
    iv.attempt(format('SELECT iv.as(%L, %L)', 'root', format('SELECT account.invite(''n@x.org'', ''r'', grants => %L)', g.grants))) AS superuser
FROM unnest(ARRAY['{"id": 1}', '{"user_id": 1}', '{"role": "x"}', '{"school_id": 2}', '{"nick": "x"}', '{"tenant_id": 2}', '{"is_admin": true}', '{"is_SuperUser": true}',
    '{"twice": 1}', '{"deleted_at": "2020-01-01"}', '{"can_invite": null}', '{"can_invite": "maybe"}', '{"can_invite": "yes"}', '{"level": "middle"}', '{"level": null}', '{"tags": "x"}',
    '{"secret": {"a": 1}}', '{"ctid": 1}', '{"tableoid": 1}', '{"xmin": 1}', '{"": 1}', '{"level\" = 1 --": 1}']::jsonb[]) AS g(grants);
CREATE POLICY p ON iv.profiles USING (EXISTS (SELECT FROM iv.tenants t WHERE t.id = 1 AND profiles.secret = 'x'));
ALTER TABLE iv.profiles ENABLE ROW LEVEL SECURITY;
SELECT who, iv.attempt(format('SELECT iv.as(%L, %L)', who, 'SELECT account.invite(''n@x.org'', ''r'', grants => ''{"secret": "x"}'')')) FROM unnest('{staff,root}'::text[]) AS who;
RESET client_min_messages;
\set VERBOSITY default
SELECT account.act_as('1', false);
SELECT account.invite('w@x.org', 'r', grants => '{"can_invite": false, "can_fly": true}') IS NOT NULL AS token;
SET client_min_messages = warning;
-- bad input
SELECT c, iv.attempt(format('SELECT account.%s', c)) FROM unnest(ARRAY[
    'invite(NULL, ''r'')', 'invite('''', ''r'')', 'invite(''x'', ''r'')', $$invite(E'a\n@x.org', 'r')$$, $$invite('a@x.org', NULL)$$, $$invite('a@x.org', '')$$, $$invite('a@x.org', ' r')$$,
    $$invite('a@x.org', E'r\x01')$$, $$invite('a@x.org', repeat('r', 21))$$, $$invite('a@x.org', 'r', '')$$, $$invite('a@x.org', 'r', 'shut')$$, $$invite('a@x.org', 'r', 'other')$$,
    $$invite('a@x.org', 'r', 'nowhere')$$, $$invite('a@x.org', 'r', '1')$$, $$invite('a@x.org', 'r', ttl => NULL)$$, $$invite('a@x.org', 'r', ttl => '0')$$, $$invite('a@x.org', 'r', ttl => '-1 s')$$,
    $$invite('a@x.org', 'r', ttl => '11 years')$$, $$invite('a@x.org', 'r', ttl => '178000000 years')$$, $$invite('a@x.org', 'r', grants => NULL)$$, $$invite('a@x.org', 'r', grants => '[]')$$,
    $$invite('a@x.org', 'r', grants => '1')$$, $$invite('a@x.org', 'r', grants => 'null')$$,
    'accept_invitation(NULL)', 'accept_invitation('''')', $$accept_invitation(repeat('A', 43))$$, $$accept_invitation(repeat('A', 42) || 'B')$$, $$accept_invitation(repeat('A', 43) || '=')$$,
    $$accept_invitation(E'\x01')$$, 'apply_for_role(NULL)', 'apply_for_role('''')', $$apply_for_role(E'a\tb')$$, $$apply_for_role('r', repeat('n', 2001))$$,
    'review_application(NULL, true)', 'review_application(0, true)', 'review_application(-9223372036854775808, true)', 'review_application(1, NULL)', $$review_application(1, true, repeat('n', 2001))$$,
    $$review_application(1, true, grants => NULL)$$, $$review_application(1, true, grants => '"x"')$$]) AS c;
SELECT iv.attempt($$SELECT account.invite(repeat('x', 1000000), 'r')$$), iv.attempt($$SELECT account.invite('a@x.org', repeat('x', 1000000))$$);
SELECT iv.attempt($$SELECT account.invite('a@x.org', 'r', repeat('x', 1000000))$$), iv.attempt($$SELECT account.invite('a@x.org', 'r', grants => jsonb_build_object('secret', repeat('x', 1000000)))$$);
SELECT iv.attempt($$SELECT account.accept_invitation(repeat('x', 1000000))$$), iv.attempt($$SELECT account.apply_for_role(repeat('x', 1000000))$$);
SELECT iv.attempt($$SELECT account.review_application(1, true, repeat('x', 1000000))$$);

-- applications: one open for a user and a role, reviewed once, never by who made it
SELECT iv.attempt($$SELECT iv.as('ann', 'SELECT account.apply_for_role(''principal'', ''please'')')$$) FROM generate_series(1, 2);
SELECT iv.attempt($$SELECT iv.as('ann', 'SELECT account.apply_for_role(''janitor'')')$$);
SELECT iv.attempt($$SELECT iv.as('staff', 'SELECT account.apply_for_role(''principal'')')$$);
SELECT iv.attempt($$SELECT iv.as('far', 'SELECT account.apply_for_role(''principal'')')$$);
SELECT user_id, a.tenant_id, role, note, applied_at IS NOT NULL AS applied, reviewed_at FROM account.role_application a ORDER BY user_id::int, role;
CREATE FUNCTION iv.application(u text, r text) RETURNS bigint LANGUAGE sql AS 'SELECT max(id) FROM account.role_application WHERE user_id = u AND role = r';
SELECT who, u, iv.attempt(format('SELECT iv.as(%L, %L)', who, format('SELECT account.review_application(iv.application(%L, ''principal''), true)', u)))
FROM unnest('{ann,staff,far,chief}'::text[]) AS who, unnest('{1,4}'::text[]) AS u ORDER BY u, who;
SELECT iv.as('staff', $$SELECT account.review_application(iv.application('2', 'principal'), true, 'welcome', '{"level": "low", "unknown": 1}')$$)::jsonb - 'application_id';
SELECT iv.as('staff', $$SELECT account.review_application(iv.application('2', 'janitor'), false, 'no', '{"level": "high"}')$$)::jsonb - 'application_id';
SELECT iv.attempt($$SELECT iv.as('chief', 'SELECT account.review_application(iv.application(''2'', ''principal''), false)')$$);
SELECT role, level FROM iv.profiles WHERE user_id = 2;
SELECT user_id, role, approved, review_note, reviewed_by, grants FROM account.role_application a WHERE reviewed_at IS NOT NULL ORDER BY user_id::int, role;
-- a reviewed one leaves room for another; the grants are checked
SELECT iv.attempt($$SELECT iv.as('ann', 'SELECT account.apply_for_role(''janitor'')')$$);
SELECT iv.attempt($$SELECT iv.as('staff', 'SELECT account.review_application(iv.application(''2'', ''janitor''), true, NULL, ''{"user_id": 1}'')')$$);
SELECT iv.attempt($$SELECT iv.as('staff', 'SELECT account.review_application(iv.application(''2'', ''janitor''), true, NULL, ''{"tenant_id": 1}'')')$$);
-- who is gone gets nothing
DELETE FROM iv.users WHERE id = 2;
SELECT iv.attempt($$SELECT iv.as('staff', 'SELECT account.review_application(iv.application(''2'', ''janitor''), true)')$$);
-- events, in the order of what happened; no token in any
SELECT type, outcome, actor, subject, tenant_id, detail - '{invitation_id,application_id,expires_at}'::text[] AS detail FROM account.event
WHERE type IN ('invitation_accepted', 'role_applied', 'role_approved', 'role_rejected') ORDER BY id;
SELECT type, detail - '{invitation_id,expires_at}'::text[] AS detail FROM account.event WHERE type = 'invitation_created' ORDER BY id LIMIT 1;
SELECT count(*) FROM account.event e JOIN iv.token t ON strpos(e::text, t.token) > 0 OR strpos(e::text, encode(decode(translate(t.token, '-_', '+/') || '=', 'base64'), 'hex')) > 0;

-- what the model lacks degrades: no role, no profile, no email, no tenant
SELECT account.act_as('1', false);
CREATE TABLE iv.bare (id int PRIMARY KEY, username text, is_staff boolean);
INSERT INTO iv.bare VALUES (1, 'boss@x.org', true), (2, 'Hand@x.org', false);
SELECT count(*) FROM account.use_tables('iv.bare');
SELECT account.invite('hand@X.org', 'r', grants => '{"x": 1}') AS token \gset
SELECT iv.attempt($$SELECT account.invite('hand@x.org', 'r', 'acme')$$);
SELECT account.act_as('2', false);
SELECT account.accept_invitation(:'token');
-- users and profiles in one table: the account is out of reach
CREATE TABLE iv.one (id int PRIMARY KEY, email text, is_staff boolean, is_superuser boolean, org_id int, role text, bio text, password text);
INSERT INTO iv.one VALUES (1, 'a@x.org', true, false), (2, 'b@x.org', false, false), (3, 'c@x.org', false, true);
SELECT count(*) FROM account.use_tables('iv.one', 'iv.one');
SELECT account.act_as('3', false);
SELECT g, iv.attempt(format('SELECT account.invite(''b@x.org'', ''r'', grants => %L)', g)) FROM unnest(ARRAY['{"is_staff": true}', '{"is_superuser": true}', '{"org_id": 1}', '{"password": "x"}',
    '{"email": "x"}', '{"id": 7}', '{"bio": "b"}']::jsonb[]) AS g;
SELECT account.invite('b@x.org', 'r', grants => '{"bio": "b"}') AS token \gset
SELECT account.act_as('2', false);
SELECT account.accept_invitation(:'token') ->> 'message';
SELECT * FROM iv.one ORDER BY 1;
-- the role in a column of the account
SELECT count(*) FROM account.use_tables('iv.one', 'iv.one', columns => '{"profiles": {"role": "email"}}');
SELECT account.act_as('1', false);
SELECT iv.attempt($$SELECT account.invite('b@x.org', 'r')$$);

-- an application role has the calls, and nothing of the tables
CREATE ROLE regress_iv_app;
SELECT account.grant_api('regress_iv_app');
GRANT USAGE ON SCHEMA iv TO regress_iv_app;
SET ROLE regress_iv_app;
SELECT iv.attempt('TABLE account.invitation'), iv.attempt('TABLE account.role_application'), iv.attempt('TABLE account.invitation_token');
SELECT iv.attempt($$DELETE FROM account.invitation$$), iv.attempt($$SELECT nextval('account.invitation_id_seq')$$);
SELECT account.apply_for_role('editor') IS NOT NULL AS applied;
RESET ROLE;
BEGIN READ ONLY;
SELECT iv.attempt($$SELECT account.invite('a@x.org', 'r')$$), iv.attempt($$SELECT account.accept_invitation('x')$$);
SELECT iv.attempt($$SELECT account.apply_for_role('r')$$), iv.attempt($$SELECT account.review_application(1, true)$$);
ROLLBACK;
SELECT account.forget_tables();
SELECT iv.attempt($$SELECT account.invite('a@x.org', 'r')$$);
SELECT account.sign_out();
DROP SCHEMA iv CASCADE;
DELETE FROM account.invitation;
DELETE FROM account.role_application;
DROP OWNED BY regress_iv_app;
DROP ROLE regress_iv_app;
