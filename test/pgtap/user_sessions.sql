-- Sessions shown and ended, when they were used, and who acts as somebody else in them.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
SELECT no_plan();
SELECT account.create_starter('app') \g /dev/null
SELECT account.create_key('HS256', 'us') \g /dev/null
INSERT INTO app.tenants (slug) VALUES ('north'), ('south');
CREATE SCHEMA us;
CREATE TABLE us.person (name text PRIMARY KEY, id text, sid text, access text, refresh text);
INSERT INTO us.person SELECT n, r.user_id FROM unnest('{ann,ben,eve,staff,root}'::text[]) AS n, LATERAL account.register(n || '@x.org', 'secret123', n, CASE n WHEN 'eve' THEN 'south' ELSE 'north' END) r;
UPDATE app.users SET is_staff = username = 'staff', is_superuser = username = 'root';
UPDATE us.person SET (access, refresh) = (SELECT l.access_token, l.refresh_token FROM account.login(name, 'secret123', '10.0.0.1', 'agent of ' || name) l);
UPDATE us.person SET sid = account.verify_access_token(access) ->> 'sid';
CREATE FUNCTION us.as(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
    PERFORM account.authenticate(p.access) FROM us.person p WHERE p.name = who;
    EXECUTE statement INTO r;
    PERFORM account.sign_out();
    RETURN r;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT id AS ann, sid AS ann_sid FROM us.person WHERE name = 'ann' \gset
SELECT (account.issue_tokens(:'ann', '10.0.0.2')).refresh_token AS other \gset

-- what is shown
SELECT is(us.as('ann', $$SELECT string_agg(concat_ws(' ', session_id = (SELECT sid::uuid FROM us.person WHERE name = 'ann'), ip, user_agent, tenant_id = (SELECT id::text FROM app.tenants WHERE slug = 'north'), is_current,
    last_used_at >= created_at), ',' ORDER BY is_current) FROM account.sessions()$$), 'f 10.0.0.2 t f t,t 10.0.0.1 agent of ann t t t', 'a user sees its own');
SELECT is(us.as('ann', $$SELECT count(*) FROM account.sessions((SELECT id::uuid FROM us.person WHERE name = 'ann'))$$), '2', 'by its id, too');
SELECT is(account.logout(:'other'), true, 'one that has ended');
SELECT is(us.as('ann', $$SELECT count(*) FROM account.sessions()$$), '1', 'is not shown');
UPDATE account.session SET expires_at = now() - interval '1 second' WHERE id = (SELECT sid::uuid FROM us.person WHERE name = 'ben');
SELECT is(us.as('staff', $$SELECT count(*) FROM account.sessions((SELECT id FROM us.person WHERE name = 'ben'))$$), '0', 'nor one that has expired');

-- who may
CREATE TEMP TABLE may (actor text, target text, shown text, ended text);
INSERT INTO may VALUES ('ann', 'ann', '1', 'true'), ('ann', 'eve', 'PT403', 'PT403'), ('ann', 'nobody', 'PT403', 'PT404'), ('staff', 'ann', '1', 'true'), ('staff', 'eve', 'PT403', 'PT403'),
    ('staff', 'root', 'PT403', 'PT403'), ('staff', 'nobody', 'PT404', 'PT404'), ('root', 'eve', '1', 'true'), ('nobody', 'ann', 'PT401', 'PT401');
CREATE FUNCTION us.undone(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
    BEGIN
        r := us.as(who, statement);
        RAISE EXCEPTION USING ERRCODE = 'UNDON';
    EXCEPTION WHEN SQLSTATE 'UNDON' THEN
        RETURN r;
    END;
END $$;
SELECT is(us.undone(actor, format('SELECT count(*) FROM account.sessions(%L)', coalesce((SELECT id FROM us.person WHERE name = target), gen_random_uuid()::text))), shown, format('%s sees those of %s', actor, target)) FROM may;
SELECT is(us.undone(actor, format('SELECT account.revoke_session(%L)::text', coalesce((SELECT sid FROM us.person WHERE name = target), gen_random_uuid()::text))), ended, format('%s ends that of %s', actor, target)) FROM may;
SELECT is(us.as('ann', 'SELECT account.revoke_session(NULL)'), 'PT404', 'none');
SELECT is(us.as('root', format('SELECT account.revoke_session(%L)::text || account.revoke_session(%L)', :'ann_sid', :'ann_sid')), 'truefalse', 'once');
SELECT is(us.as('ann', 'SELECT 1'), 'PT401', 'its token is good for nothing');
SELECT is((SELECT (subject, actor, detail)::text FROM account.event WHERE type = 'sessions_revoked' ORDER BY id DESC LIMIT 1), (:'ann', (SELECT id FROM us.person WHERE name = 'root'), '{"reason": "revoked", "sessions": 1}'::jsonb)::text, 'and it is recorded');
SELECT refresh_token AS keep, access_token AS access FROM account.issue_tokens(:'ann') \gset
SELECT count((account.issue_tokens(:'ann')).status) FROM generate_series(1, 3) \g /dev/null
SELECT account.authenticate(:'access') \g /dev/null
SELECT is(account.revoke_sessions(:'ann', true), 3::bigint, 'all but the current one');
SELECT is((SELECT count(*) FROM account.sessions() WHERE is_current), 1::bigint, 'which stays');
SELECT account.sign_out() \g /dev/null

-- when it was used: once a minute, and not where nothing can be written
SELECT account.verify_access_token(:'access') ->> 'sid' AS sid \gset
CREATE FUNCTION us.used() RETURNS interval LANGUAGE sql AS $$ SELECT now() - max(used_at) FROM account.session_use u WHERE u.session_id::text = current_setting('us.sid') $$;
SELECT set_config('us.sid', :'sid', true) \g /dev/null
UPDATE account.session_use SET used_at = now() - interval '50 seconds' WHERE session_id = :'sid';
SET LOCAL pgaccount.known_tokens = 0;
SELECT account.authenticate(:'access') \g /dev/null
SELECT is(us.used(), '50 seconds'::interval, 'within a minute: no write');
UPDATE account.session_use SET used_at = now() - interval '61 seconds' WHERE session_id = :'sid';
SAVEPOINT s;
SET LOCAL transaction_read_only = on;
SELECT is(account.authenticate(:'access'), :'ann', 'a transaction that is read-only');
SELECT is(us.used(), '61 seconds'::interval, 'writes nothing');
ROLLBACK TO s;
SELECT account.authenticate(:'access') \g /dev/null
SELECT ok(us.used() < '1 second'::interval, 'after a minute it is written');
SELECT ok((SELECT last_used_at FROM account.sessions()) >= now(), 'and shown');
SELECT is((SELECT count(*) FROM account.session s LEFT JOIN account.session_use u ON u.session_id = s.id WHERE u IS NULL), 0::bigint, 'every session has its row');
DELETE FROM account.session_use WHERE session_id = :'sid';
SELECT is(account.authenticate(:'access'), :'ann', 'one from before');
SELECT is((SELECT last_used_at = refreshed_at FROM account.sessions(), account.session WHERE id = session_id), true, 'was used when it was refreshed');
SELECT account.sign_out() \g /dev/null
UPDATE account.session_use SET used_at = now() - interval '40 days';
SELECT count((account.issue_tokens(:'ann')).status) FROM generate_series(1, 200) \g /dev/null
SELECT is_empty($$SELECT FROM account.session_use WHERE used_at < now() - interval '31 days'$$, 'what was long ago is swept');

-- who acts as somebody else
SELECT access_token AS access, refresh_token AS refresh FROM account.issue_tokens(:'ann', actor => 'sue@desk') \gset
SELECT is(account.verify_access_token(:'access') -> 'act', '{"sub": "sue@desk"}', 'the claim act');
SELECT access_token AS access FROM account.refresh(:'refresh') \gset
SELECT is(account.verify_access_token(:'access') -> 'act', '{"sub": "sue@desk"}', 'after a refresh, too');
SELECT is((SELECT detail FROM account.event WHERE type = 'token_refreshed' AND subject = :'ann' ORDER BY id DESC LIMIT 1), '{"act": {"sub": "sue@desk"}}'::jsonb, 'and its event has both names');
SELECT is(account.verify_access_token((account.issue_tokens(:'ann')).access_token) ? 'act', false, 'no actor, no claim');
SELECT is(account.authenticate(:'access'), :'ann', 'the uid is the user''s');
SELECT account.revoke_sessions(:'ann', true) \g /dev/null
SELECT is((SELECT (actor, detail -> 'act')::text FROM account.event WHERE type = 'sessions_revoked' ORDER BY id DESC LIMIT 1), (:'ann', '{"sub": "sue@desk"}'::jsonb)::text, 'an event has both names');
SELECT account.sign_out() \g /dev/null
SELECT is(account.act_as(:'ann', actor => 'sue@desk'), :'ann', 'without a session');
SELECT is(account.claims() -> 'act', '{"sub": "sue@desk"}', 'the same claim');
DELETE FROM app.users WHERE id = :'ann';
SELECT is((SELECT (actor, detail -> 'act')::text FROM account.event WHERE type = 'user_deleted'), (:'ann', '{"sub": "sue@desk"}'::jsonb)::text, 'also of a plain statement');
SELECT is_empty('TABLE account.own_deletion', 'who acts as a user is not the user');
SELECT account.sign_out() \g /dev/null
SELECT throws_ok(format('SELECT account.act_as(%L, actor => %L)', id, 'sue'), 'PT403', NULL, 'nobody acts as a superuser') FROM us.person WHERE name = 'root';
SELECT throws_ok(format('SELECT account.issue_tokens(%L, actor => %L)', id, 'sue'), 'PT403', NULL, 'in no session either') FROM us.person WHERE name = 'root';
SELECT throws_ok(format('SELECT account.act_as(%L, actor => %L)', id, a), '22023', NULL, 'no name') FROM us.person, unnest(ARRAY['', ' x', E'x\ny', repeat('x', 129)]) AS a WHERE name = 'ben';
SELECT throws_ok(format('SELECT account.issue_access_token(%L, extra => %L)', id, '{"act": {"sub": "x"}}'), '22023', NULL, 'nobody makes the claim up') FROM us.person WHERE name = 'ben';
SELECT refresh_token AS refresh FROM us.person, account.issue_tokens(id, actor => 'sue') WHERE name = 'ben' \gset
SELECT ok(account.logout(:'refresh'), 'who acts logs out');
SELECT is((SELECT detail -> 'act' FROM account.event WHERE type = 'sessions_revoked' ORDER BY id DESC LIMIT 1), '{"sub": "sue"}'::jsonb, 'which is recorded with both names');
SELECT is((account.refresh(:'refresh')).error, 'session_ended', 'nothing more comes of it');
SELECT is((SELECT detail FROM account.event WHERE type = 'operation_failed' AND detail ->> 'operation' = 'refresh' ORDER BY id DESC LIMIT 1), '{"act": {"sub": "sue"}, "error": "session_ended", "operation": "refresh"}'::jsonb, 'and that, too');
SELECT refresh_token AS refresh FROM us.person, account.issue_tokens(id, actor => 'sue') WHERE name = 'ben' \gset
UPDATE app.users SET is_superuser = true WHERE username = 'ben';
SELECT is((account.refresh(:'refresh')).error, 'session_ended', 'nor goes on as one that has become a superuser');
-- an identity that was made before has none of the rights, nor does it act on the user itself
SELECT access_token AS access FROM us.person, account.issue_tokens(id, actor => 'sue') WHERE name = 'eve' \gset
CREATE TEMP TABLE acted AS SELECT * FROM unnest(ARRAY['account.delete_user((SELECT id FROM us.person WHERE name = ''ben''))', 'account.delete_user(account.uid())',
    'account.set_password(account.uid(), ''another secret'')', 'account.change_password(''secret123'', ''another secret'')', 'account.export_user(account.uid())',
    'account.invite(''new@x.org'', ''boss'')', 'account.apply_for_role(''boss'')', 'account.delete_tenant(''x'')', 'account.restore_tenant(''x'')', 'account.export_tenant(''x'')',
    'account.sessions()', 'account.revoke_sessions(account.uid())', 'account.request_email_change(account.uid(), ''new@x.org'')', 'account.request_deletion(account.uid())',
    'account.invitations()', 'account.review_application(1, true)']) AS call;
SELECT account.authenticate(:'access') \g /dev/null
SELECT lives_ok('SELECT account.sessions()', 'as a user that is none');
UPDATE app.users SET is_superuser = true WHERE username = 'eve';
SELECT throws_ok('SELECT ' || call, 'PT403', NULL, 'acting as one that has become a superuser: ' || call) FROM acted;
SELECT account.sign_out() \g /dev/null
UPDATE app.users SET is_superuser = false WHERE username = 'eve';
SELECT account.act_as(id, actor => 'sue') FROM us.person WHERE name = 'eve' \g /dev/null
UPDATE app.users SET is_superuser = true WHERE username = 'eve';
SELECT throws_ok('SELECT ' || call, 'PT403', NULL, 'acting as it without a token: ' || call) FROM acted;
SELECT account.sign_out() \g /dev/null
SELECT account.act_as(id) FROM us.person WHERE name = 'eve' \g /dev/null
SELECT lives_ok('SELECT account.sessions()', 'the user itself may');
SELECT account.sign_out() \g /dev/null
UPDATE app.users SET is_superuser = false WHERE username = 'eve';

-- an administrator's trigger changes sessions that are about to end
SELECT account.issue_tokens(id) FROM us.person, generate_series(1, 3) WHERE name = 'eve' \g /dev/null
CREATE FUNCTION us.touches_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE account.session SET user_agent = 'touched' WHERE user_id = NEW.user_id AND id <> NEW.id; RETURN NEW; END $$;
CREATE TRIGGER touches_others BEFORE UPDATE ON account.session FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION us.touches_others();
DELETE FROM app.users WHERE username = 'eve';
SELECT is(count(*), 0::bigint, 'all end, whatever changed them meanwhile') FROM account.session s, us.person p WHERE p.name = 'eve' AND s.user_id = p.id AND ended_at IS NULL;
SELECT account.issue_tokens(id) FROM us.person WHERE name = 'staff' \g /dev/null
DROP TRIGGER touches_others ON account.session;
CREATE FUNCTION us.touches_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE account.session SET user_agent = 'touched' WHERE id = NEW.id; RETURN NEW; END $$;
CREATE TRIGGER touches_it BEFORE UPDATE ON account.session FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION us.touches_it();
SELECT throws_ok($$DELETE FROM app.users WHERE username = 'staff'$$, '27000', NULL, 'a trigger that changes the session itself fails as it does with a statement');
SELECT * FROM finish();
ROLLBACK;
