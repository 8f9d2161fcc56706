-- Tokens that are mailed: each purpose, of users and tokens in each state, as data; how often they may be asked for, and
-- who takes a deletion back.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
SELECT no_plan();
SELECT account.create_starter('app') \g /dev/null
ALTER TABLE app.users ADD email_verified_at timestamptz;
SELECT account.use_tables('app.users', 'app.profiles', 'app.tenants') \g /dev/null
SELECT account.create_key('HS256', 'mt') \g /dev/null
INSERT INTO app.tenants (slug) VALUES ('north'), ('south');
CREATE SCHEMA mt;

-- a user of its own for each cell
CREATE FUNCTION mt.newcomer(tenant text DEFAULT 'north') RETURNS text LANGUAGE sql AS
$$ SELECT user_id FROM account.register(format('u%s@x.org', pg_catalog.gen_random_uuid()), 'secret123', 'n' || pg_catalog.gen_random_uuid(), tenant) $$;
CREATE FUNCTION mt.email(id text) RETURNS text LANGUAGE sql AS $$ SELECT email FROM account.deleted(NULL::app.users) u WHERE u.id::text = $1 UNION ALL SELECT email FROM app.users u WHERE u.id::text = $1 $$;
CREATE FUNCTION mt.ask(purpose text, id text, ttl interval DEFAULT '1 hour') RETURNS text LANGUAGE plpgsql AS $$
DECLARE token text;
BEGIN
    IF purpose = 'password_reset' THEN RETURN (SELECT r.token FROM account.request_password_reset(mt.email(id), ttl) r); END IF;
    PERFORM account.act_as(id);
    token := CASE purpose WHEN 'deletion' THEN account.request_deletion(id, ttl) WHEN 'verification' THEN account.request_email_change(id, mt.email(id), ttl)
        ELSE account.request_email_change(id, format('new%s@x.org', gen_random_uuid()), ttl) END;
    PERFORM account.sign_out();
    RETURN token;
END $$;
CREATE FUNCTION mt.use(purpose text, token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    CASE purpose WHEN 'password_reset' THEN PERFORM account.reset_password(token, 'another12'); WHEN 'deletion' THEN PERFORM account.confirm_deletion(token); ELSE PERFORM account.confirm_email(token); END CASE;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
CREATE FUNCTION mt.cell(purpose text, state text, token_state text) RETURNS text LANGUAGE plpgsql AS $$
<<cell>>
DECLARE
    id text := mt.newcomer();
    token text := mt.ask(purpose, id, CASE token_state WHEN 'expired' THEN interval '1 microsecond' ELSE interval '1 hour' END);
BEGIN
    CASE state
        WHEN 'live' THEN
        WHEN 'inactive' THEN UPDATE app.users u SET is_active = false WHERE u.id::text = cell.id;
        WHEN 'active again' THEN
            UPDATE app.users u SET is_active = false WHERE u.id::text = cell.id;
            UPDATE app.users u SET is_active = true WHERE u.id::text = cell.id;
        WHEN 'deleted' THEN DELETE FROM app.users u WHERE u.id::text = cell.id;
        WHEN 'restored' THEN
            DELETE FROM app.users u WHERE u.id::text = cell.id;
            PERFORM account.restore('app.users', cell.id);
        WHEN 'removed' THEN
            DELETE FROM app.users u WHERE u.id::text = cell.id;
            PERFORM account.purge('app.users', '0');
        WHEN 'tenant inactive' THEN UPDATE app.tenants SET is_active = false WHERE slug = 'north';
        WHEN 'moved' THEN UPDATE app.users u SET tenant_id = (SELECT t.id FROM app.tenants t WHERE slug = 'south') WHERE u.id::text = cell.id;
        WHEN 'other password' THEN UPDATE app.users u SET password = 'x' WHERE u.id::text = cell.id;
        WHEN 'other email' THEN UPDATE app.users u SET email = 'other' || email WHERE u.id::text = cell.id;
    END CASE;
    CASE token_state
        WHEN 'open', 'expired' THEN
        WHEN 'used' THEN PERFORM mt.use(purpose, token);
        WHEN 'renewed' THEN
            BEGIN PERFORM mt.ask(purpose, id); EXCEPTION WHEN OTHERS THEN DELETE FROM account.mailed_token t WHERE t.user_id = cell.id; END;
        WHEN 'other purpose' THEN purpose := CASE purpose WHEN 'password_reset' THEN 'deletion' ELSE 'password_reset' END;
        WHEN 'malformed' THEN token := left(token, 42) || '!';
        WHEN 'missing' THEN token := NULL;
    END CASE;
    token := mt.use(purpose, token);
    UPDATE app.tenants SET is_active = true WHERE slug = 'north';
    RETURN token;
END $$;
CREATE TEMP TABLE answer (state text, password_reset text, email text, verification text, deletion text);
INSERT INTO answer VALUES
    ('live', 'done', 'done', 'done', 'done'),
    ('inactive', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('active again', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('deleted', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('restored', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('removed', 'PT404', 'PT404', 'PT404', 'PT404'),
    ('tenant inactive', 'PT404', 'done', 'done', 'done'),
    ('moved', 'done', 'done', 'done', 'done'),
    ('other password', 'PT404', 'PT404', 'done', 'PT404'),
    ('other email', 'PT404', 'PT404', 'PT404', 'PT404');
SELECT is(mt.cell(p.purpose, a.state, t.state), CASE t.state WHEN 'open' THEN to_jsonb(a) ->> p.purpose ELSE 'PT404' END, format('%s of a user that is %s by a token that is %s', p.purpose, a.state, t.state))
FROM answer a, unnest('{password_reset,email,verification,deletion}'::text[]) AS p(purpose), unnest('{open,used,expired,renewed,other purpose,malformed,missing}'::text[]) AS t(state)
ORDER BY p.purpose, a.state, t.state;

-- what is done
SELECT mt.newcomer() AS id \gset
SELECT (account.issue_tokens(:'id')).status AS s1, (account.issue_tokens(:'id')).status AS s2 \gset
SELECT mt.ask('password_reset', :'id') AS token \gset
SELECT matches(:'token'::text, '^[A-Za-z0-9_-]{43}$', '32 random bytes');
SELECT is((SELECT token_hash FROM account.mailed_token WHERE user_id = :'id'), sha256(decode(translate(:'token', '-_', '+/') || '=', 'base64')), 'stored as a hash');
SELECT throws_ok(format('SELECT account.reset_password(%L, %L)', :'token', 'short'), '22023', NULL, 'a short password');
SELECT throws_ok(format('SELECT account.reset_password(%L, NULL)', :'token'), '22023', NULL, 'none');
SELECT lives_ok(format('SELECT account.reset_password(%L, %L)', :'token', 'another12'), 'leaves the token good');
SELECT is((SELECT count(*) FROM account.session WHERE user_id = :'id' AND ended_at IS NULL), 0::bigint, 'every session has ended');
SELECT is((account.login(mt.email(:'id'), 'another12')).status, 200, 'the new password is good');
SELECT is((account.login(mt.email(:'id'), 'secret123')).status, 401, 'the old one is not');
SELECT throws_ok($$SELECT account.request_password_reset('x', '0')$$, '22023', NULL, 'no time');
SELECT throws_ok($$SELECT account.request_password_reset('x', NULL)$$, '22023', NULL, 'no ttl');
SELECT is_empty($$SELECT account.request_password_reset(NULL)$$, 'no login names nobody');
SELECT is((SELECT array_agg(type || ' ' || outcome ORDER BY id) FROM account.event WHERE type LIKE 'password%' AND subject = :'id'),
    '{password_reset_requested success,password_changed success}'::text[], 'is recorded');
SELECT is_empty(format($$SELECT * FROM account.event e WHERE e::text LIKE '%%' || %L || '%%'$$, :'token'), 'without the token');

-- a login that failed too often is let in after a reset
SET LOCAL pgaccount.login_max_failures = 3;
SELECT mt.newcomer() AS id \gset
SELECT (account.login(mt.email(:'id'), 'wrong')).status FROM generate_series(1, 4) \g /dev/null
SELECT is((account.login(mt.email(:'id'), 'secret123')).status, 429, 'locked out');
SELECT is(mt.use('password_reset', mt.ask('password_reset', :'id')), 'done', 'a reset');
SELECT is((account.login(mt.email(:'id'), 'another12')).status, 200, 'let in');

-- how often: counted by what was asked for, whoever there is
CREATE FUNCTION mt.often(login text, n int) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE r text[];
BEGIN
    FOR i IN 1..n LOOP
        BEGIN
            r := r || (SELECT CASE count(*) WHEN 0 THEN 'nobody' ELSE 'mail' END FROM account.request_password_reset(login));
        EXCEPTION WHEN SQLSTATE 'PT429' THEN r := r || 'PT429'::text;
        END;
    END LOOP;
    RETURN r;
END $$;
SELECT mt.newcomer() AS id, mt.newcomer() AS gone, mt.newcomer() AS off \gset
SELECT mt.email(:'gone') AS gone_email, mt.email(:'off') AS off_email \gset
DELETE FROM app.users WHERE id = :'gone';
UPDATE app.users SET is_active = false WHERE id = :'off';
SELECT is(mt.often(upper(mt.email(:'id')), 5), '{mail,mail,mail,PT429,PT429}'::text[], 'a user');
SELECT is(mt.often('nobody@x.org', 5), '{nobody,nobody,nobody,PT429,PT429}'::text[], 'nobody');
SELECT is(mt.often(:'gone_email', 5), '{nobody,nobody,nobody,PT429,PT429}'::text[], 'a deleted user');
SELECT is(mt.often(:'off_email', 5), '{nobody,nobody,nobody,PT429,PT429}'::text[], 'one that is not active');
SELECT is(mt.often((SELECT username FROM app.users WHERE id = :'id'), 5), '{nobody,nobody,nobody,PT429,PT429}'::text[], 'the same user by its other name gets no more mails, and nobody is told why');
SELECT is((SELECT array_agg(outcome || ' ' || coalesce(error_code, '') ORDER BY id) FROM account.event WHERE type = 'password_reset_requested' AND subject = 'nobody@x.org'),
    '{failure PT404,failure PT404,failure PT404}'::text[], 'requests for nobody are recorded');
SELECT account.act_as(:'id') \g /dev/null
SELECT lives_ok(format('SELECT account.request_deletion(%L)', :'id'), 'other purposes have counts of their own') FROM generate_series(1, 3);
SELECT throws_ok(format('SELECT account.request_deletion(%L)', :'id'), 'PT429', NULL, 'the same number');
SELECT lives_ok(format('SELECT account.request_email_change(%L, %L)', :'id', 'a@x.org'), 'of each') FROM generate_series(1, 3);
SELECT throws_ok(format('SELECT account.request_email_change(%L, %L)', :'id', 'a@x.org'), 'PT429', NULL, 'too');
SELECT is((SELECT count(*) FROM account.mailed_token WHERE user_id = :'id'), 3::bigint, 'one token is open for each');
SELECT account.sign_out() \g /dev/null
SET LOCAL pgaccount.login_max_failures = 10;

-- the password, by who knows it
SELECT mt.newcomer() AS id \gset
SELECT throws_ok($$SELECT account.change_password('secret123', 'another12')$$, 'PT401', NULL, 'nobody changes a password');
SELECT access_token FROM account.login(mt.email(:'id'), 'secret123') \gset
SELECT (account.login(mt.email(:'id'), 'secret123')).status \g /dev/null
SELECT account.authenticate(:'access_token') \g /dev/null
SELECT throws_ok($$SELECT account.change_password('wrong1234', 'another12')$$, 'PT403', NULL, 'a wrong one');
SELECT throws_ok($$SELECT account.change_password(NULL, 'another12')$$, 'PT403', NULL, 'none');
SELECT throws_ok($$SELECT account.change_password('secret123', 'short')$$, '22023', NULL, 'a short new one');
SELECT throws_ok($$SELECT account.change_password('secret123', NULL)$$, '22023', 'argument "new" must not be NULL', 'no new one, by the name of the argument');
SELECT lives_ok($$SELECT account.change_password('secret123', 'another12')$$, 'the right one');
SELECT is((SELECT count(*) FROM account.session WHERE user_id = :'id' AND ended_at IS NULL), 1::bigint, 'other sessions have ended');
SELECT is(account.authenticate(:'access_token'), :'id', 'not the one that asks');
SELECT account.sign_out() \g /dev/null

-- emails
SELECT mt.newcomer() AS id, mt.newcomer() AS other \gset
SELECT mt.email(:'id') AS email, mt.email(:'other') AS taken \gset
SELECT account.act_as(:'id') \g /dev/null
SELECT throws_ok(format('SELECT account.request_email_change(%L, %L)', :'id', e), '22023', NULL, coalesce('malformed: ' || e, 'none')) FROM unnest(ARRAY['', 'a', 'a@b@c', 'a b@x.org', NULL]) AS e;
SELECT account.request_email_change(:'id', upper(:'taken')) AS token \gset
SELECT throws_ok(format('SELECT account.confirm_email(%L)', :'token'), '23505', NULL, 'another user has it');
SELECT account.request_email_change(:'id'::uuid, :'email') AS token \gset
SELECT is(account.confirm_email(:'token') - 'message', jsonb_build_object('status', true, 'user_id', :'id', 'email', :'email', 'changed', false), 'the present one');
SELECT ok(email_verified_at = now(), 'is verified') FROM app.users WHERE id = :'id';
UPDATE app.users SET email_verified_at = NULL, username = email WHERE id = :'id';
SELECT account.request_email_change(:'id', 'Fresh@x.org') AS token \gset
SELECT is(account.confirm_email(:'token') -> 'changed', 'true', 'another one');
SELECT is((SELECT (email, username, email_verified_at = now())::text FROM app.users WHERE id = :'id'), '(Fresh@x.org,Fresh@x.org,t)', 'is the user''s, a username that was the email follows');
SELECT is((SELECT array_agg(type ORDER BY id) FROM account.event WHERE subject = :'id' AND type LIKE 'email%'),
    '{email_change_requested,email_change_requested,email_verified,email_change_requested,email_changed}'::text[], 'and all is recorded');
SELECT throws_ok(format('SELECT account.request_email_change(%L, %L)', :'other', 'x@x.org'), 'PT403', NULL, 'nobody asks for another');
SELECT throws_ok(format('SELECT account.request_deletion(%L)', :'other'), 'PT403', NULL, 'for no deletion either');
SELECT account.sign_out() \g /dev/null
SELECT throws_ok(format('SELECT account.request_deletion(%L)', :'other'), 'PT401', NULL, 'who is nobody asks for none');
UPDATE app.users SET is_staff = true WHERE id = :'id';
SELECT account.act_as(:'id') \g /dev/null
SELECT lives_ok(format('SELECT account.request_deletion(%L::uuid)', :'other'), 'staff does');
SELECT account.sign_out() \g /dev/null

-- a username that is another's email
SELECT mt.newcomer() AS id, mt.newcomer() AS other \gset
UPDATE app.users SET username = 'both@x.org' WHERE id = :'other';
SELECT account.act_as(:'id') \g /dev/null
SELECT throws_ok(format('SELECT account.confirm_email(%L)', account.request_email_change(:'id', 'BOTH@x.org')), '23505', NULL, 'one space of names');
SELECT account.sign_out() \g /dev/null

-- a deletion that is taken back: by whom it was, when, and what has become of the user since
CREATE FUNCTION mt.cancel(deleted_by text, since text, given text) RETURNS text LANGUAGE plpgsql AS $$
<<cancel>>
DECLARE
    id text := mt.newcomer();
    email text := mt.email(id);
    staff text := mt.newcomer();
    answer account.token_pair;
BEGIN
    CASE deleted_by
        WHEN 'call' THEN PERFORM account.act_as(id), account.delete_user(id); PERFORM account.sign_out();
        WHEN 'token' THEN PERFORM account.confirm_deletion(mt.ask('deletion', id));
        WHEN 'DELETE' THEN PERFORM account.act_as(id); DELETE FROM app.users u WHERE u.id::text = cancel.id; PERFORM account.sign_out();
        WHEN 'UPDATE' THEN PERFORM account.act_as(id); UPDATE app.users u SET is_deleted = true WHERE u.id::text = cancel.id; PERFORM account.sign_out();
        WHEN 'staff' THEN UPDATE app.users u SET is_staff = true WHERE u.id::text = staff; PERFORM account.act_as(staff), account.delete_user(id); PERFORM account.sign_out();
        WHEN 'nobody' THEN DELETE FROM app.users u WHERE u.id::text = cancel.id;
        WHEN 'live' THEN
    END CASE;
    CASE since
        WHEN 'nothing' THEN
        WHEN 'too long' THEN UPDATE app.users u SET deleted_at = now() - interval '31 days' WHERE u.id::text = cancel.id AND deleted_at IS NOT NULL;
        WHEN 'restored, deleted by others' THEN PERFORM account.restore('app.users', id); DELETE FROM app.users u WHERE u.id::text = cancel.id;
        WHEN 'email taken' THEN PERFORM account.register(email, 'secret123');
        WHEN 'username taken' THEN UPDATE app.users u SET username = (SELECT d.username FROM account.deleted(NULL::app.users) d WHERE d.id::text = cancel.id) WHERE u.id::text = staff;
        WHEN 'deactivated' THEN UPDATE app.users u SET is_active = false WHERE u.id::text = cancel.id;
        WHEN 'switched off' THEN SET LOCAL pgaccount.login_cancels_deletion = off;
    END CASE;
    answer := account.cancel_deletion(upper(email), given);
    SET LOCAL pgaccount.login_cancels_deletion = on;
    RETURN concat_ws(' ', answer.status, answer.error, CASE WHEN answer.access_token IS NOT NULL AND answer.refresh_token IS NOT NULL AND EXISTS (SELECT FROM app.users u WHERE u.id::text = cancel.id) THEN 'back' END);
END $$;
SET LOCAL pgaccount.show_deleted = on;
SET LOCAL pgaccount.login_cancels_deletion = on;
CREATE TEMP TABLE cancelled (deleted_by text, since text, given text, answer text);
INSERT INTO cancelled VALUES
    ('call', 'nothing', 'secret123', '200 back'), ('token', 'nothing', 'secret123', '200 back'), ('DELETE', 'nothing', 'secret123', '200 back'), ('UPDATE', 'nothing', 'secret123', '200 back'),
    ('staff', 'nothing', 'secret123', '401 invalid_credentials'), ('nobody', 'nothing', 'secret123', '401 invalid_credentials'), ('live', 'nothing', 'secret123', '401 invalid_credentials'),
    ('call', 'nothing', 'wrong1234', '401 invalid_credentials'), ('call', 'nothing', NULL, '401 invalid_credentials'), ('call', 'too long', 'secret123', '401 invalid_credentials'),
    ('call', 'restored, deleted by others', 'secret123', '401 invalid_credentials'), ('call', 'email taken', 'secret123', '401 invalid_credentials'),
    ('call', 'username taken', 'secret123', '401 invalid_credentials'), ('token', 'deactivated', 'secret123', '403 account_inactive'), ('call', 'deactivated', 'wrong1234', '401 invalid_credentials'),
    ('call', 'switched off', 'secret123', '401 invalid_credentials');
SELECT is(mt.cancel(deleted_by, since, given), answer, format('deleted by %s, then %s, by %s', deleted_by, since, given)) FROM cancelled;
SELECT is((account.cancel_deletion(l, 'secret123')).error, 'invalid_credentials', coalesce(l, 'no login')) FROM unnest(ARRAY['nobody@x.org', '', NULL]) AS l;
SELECT is((SELECT array_agg(DISTINCT (type, outcome, detail ->> 'reason')::text ORDER BY (type, outcome, detail ->> 'reason')::text) FROM account.event WHERE type IN ('user_restored', 'login_succeeded') AND detail ->> 'reason' IS NOT NULL),
    '{"(user_restored,success,\"deletion cancelled\")"}'::text[], 'a return is recorded with its reason');

-- a password that a trigger of the application keeps back is none that was given
SELECT mt.newcomer() AS kept \gset
SELECT mt.ask('password_reset', :'kept') AS token \gset
CREATE FUNCTION mt.keep_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep_back BEFORE UPDATE OF password ON app.users FOR EACH ROW EXECUTE FUNCTION mt.keep_back();
SELECT account.act_as(:'kept') \g /dev/null
SELECT throws_ok(format('SELECT account.set_password(%L, %L)', :'kept', 'another12'), '55000', 'the password was not changed', 'set');
SELECT throws_ok($$SELECT account.change_password('secret123', 'another12')$$, '55000', 'the password was not changed', 'changed');
SELECT throws_ok(format('SELECT account.reset_password(%L, %L)', :'token', 'another12'), '55000', 'the password was not changed', 'reset');
DROP TRIGGER keep_back ON app.users;
SELECT account.sign_out() \g /dev/null
SELECT lives_ok(format('SELECT account.reset_password(%L, %L)', :'token', 'another12'), 'and the token is good still');

-- what is swept, and what goes with who is gone
UPDATE account.mailed_token SET expires_at = now() - interval '1 hour';
SELECT count((account.issue_tokens(:'id')).status) FROM generate_series(1, 200) \g /dev/null
SELECT is_empty('TABLE account.mailed_token', 'tokens that have expired are swept with sessions');
SELECT account.purge('app.users', '0') \g /dev/null
SELECT is_empty('TABLE account.own_deletion', 'who is gone is not remembered');
SELECT mt.ask('deletion', :'id') \g /dev/null
SELECT account.forget_tables() \g /dev/null
SELECT is_empty('TABLE account.mailed_token', 'tokens are of the tables that are mapped');
SELECT * FROM finish();
ROLLBACK;
