-- Bad input, and tables that are not as they were: each has its SQLSTATE, none is a surprise.
SET client_min_messages = error;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
\set VERBOSITY sqlstate
CREATE FUNCTION pg_temp.state(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
    EXECUTE 'SELECT (x)::text FROM ' || call || ' x' INTO r;
    RETURN CASE WHEN r ~ '^\(4\d\d,' THEN substr(r, 2, 3) ELSE 'done' END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT account.create_key() IS NOT NULL AS key;
SELECT account.create_starter('bi');
INSERT INTO bi.tenants (slug) VALUES ('acme');

-- emails
SELECT left(e, 20) AS email, pg_temp.state(format('account.register(%L, ''secret123'')', e)) FROM unnest(ARRAY['', ' ', 'x', '@', 'a@', '@b', 'a@b@c', 'a b@c', E'a\tb@c', E'a@b\n', E'\x01@b', 'a..b@c',
    '.a@b', 'a.@b', 'a@.b', 'a@b.', '"a"@b', 'a,b@c', repeat('x', 1000000) || '@b', repeat('x', 253) || '@b', NULL, 'ok@b']) WITH ORDINALITY u(e, n) ORDER BY n;
SELECT pg_temp.state(format('account.register(%L, ''secret123'')', repeat('x', 252) || '@b')) AS longest;
-- usernames
SELECT left(u, 20) AS username, pg_temp.state(format('account.register(%L, ''secret123'', %L)', 'u' || n || '@x', u)) FROM unnest(ARRAY['', ' a', 'a ', E'a\x01', E'a\x7f', repeat('x', 1000000), repeat('x', 255), 'a b', NULL]) WITH ORDINALITY u(u, n) ORDER BY n;
-- passwords, tenants, profiles
SELECT left(p, 10) AS password, pg_temp.state(format('account.register(%L, %L)', 'p' || n || '@x', p)) FROM unnest(ARRAY['', 'short', repeat('x', 4097), repeat('x', 1000000), NULL, E'\x01\x02\x03\x04\x05\x06\x07\x08', repeat('x', 4096)]) WITH ORDINALITY u(p, n) ORDER BY n;
SELECT left(t, 10) AS tenant, pg_temp.state(format('account.register(%L, ''secret123'', tenant => %L)', 't' || n || '@x', t)) FROM unnest(ARRAY['', 'nope', E'\x01', repeat('x', 1000000), '0190d5a2-7b1c-7e2a-9c3d-1234567890ab', 'acme']) WITH ORDINALITY u(t, n) ORDER BY n;
SELECT left(p, 20) AS profile, pg_temp.state(format('account.register(%L, ''secret123'', profile => %L)', 'f' || n || '@x', p)) FROM unnest(ARRAY['[]', '1', '"x"', 'null', '{"role": "admin"}', '{"role": null}', '{"role": {}}', '{"user_id": "x"}',
    '{"metadata": null}', '{"bio": {"a": 1}}', '{"no such": 1}', '{"": 1}', '{}']) WITH ORDINALITY u(p, n) ORDER BY n;
-- logins and refreshes: refusals, never an error
SELECT left(l, 10) AS login, pg_temp.state(format('account.login(%L, %L)', l, l)) FROM unnest(ARRAY['', ' ', E'\x01', repeat('x', 1000000), NULL, '%', '_', 'ok@b''--']) l;
SELECT left(t, 10) AS token, pg_temp.state(format('account.refresh(%L)', t)) FROM unnest(ARRAY['', ' ', E'\x01', repeat('x', 1000000), repeat('A', 75), NULL]) t;
SELECT left(t, 10) AS tenant, pg_temp.state(format('account.login(''ok@b'', ''secret123'', tenant => %L)', t)) FROM unnest(ARRAY['', E'\x01', repeat('x', 1000000), 'nope']) t;
SELECT pg_temp.state(format('account.login(''ok@b'', ''secret123'', user_agent => %L)', repeat('z', 1000000))) AS long_agent;
SELECT max(length(user_agent)) AS kept FROM account.session WHERE user_agent LIKE 'zzz%';
SELECT account.forget_tables();

-- a users table whose owner may not write it, or read what belongs to it
CREATE ROLE regress_bi_owner;
CREATE SCHEMA bj AUTHORIZATION regress_bi_owner;
CREATE TABLE bj.users (id int PRIMARY KEY, email text, password text, is_active boolean, tenant_id int, last_login timestamptz);
CREATE TABLE bj.tenants (id int PRIMARY KEY, slug text, is_active boolean);
CREATE SEQUENCE bj.s;
ALTER TABLE bj.users ALTER id SET DEFAULT nextval('bj.s');
ALTER TABLE bj.users OWNER TO regress_bi_owner;
SELECT account.use_tables('bj.users', tenants => 'bj.tenants');	-- fails
GRANT SELECT ON bj.tenants TO regress_bi_owner;
SELECT count(*) FROM account.use_tables('bj.users', tenants => 'bj.tenants');
SELECT pg_temp.state('account.register(''a@x'', ''secret123'')') AS no_sequence;
GRANT USAGE ON SEQUENCE bj.s TO regress_bi_owner;
SELECT pg_temp.state('account.register(''a@x'', ''secret123'')'), pg_temp.state('account.login(''a@x'', ''secret123'')') AS login;
UPDATE bj.users SET is_active = true, tenant_id = 1;
INSERT INTO bj.tenants VALUES (1, 'one', true);
SELECT access_token AS token FROM account.login('a@x', 'secret123') \gset
REVOKE ALL ON bj.users FROM regress_bi_owner;
SELECT pg_temp.state('account.register(''b@x'', ''secret123'')'), pg_temp.state('account.login(''a@x'', ''secret123'')'), pg_temp.state(format('account.authenticate(%L)', :'token'));
GRANT ALL ON bj.users TO regress_bi_owner;
REVOKE ALL ON bj.tenants FROM regress_bi_owner;
SELECT pg_temp.state('account.login(''a@x'', ''secret123'')'), pg_temp.state(format('account.authenticate(%L)', :'token'));
GRANT SELECT ON bj.tenants TO regress_bi_owner;
SELECT pg_temp.state('account.login(''a@x'', ''secret123'')'), pg_temp.state(format('account.authenticate(%L)', :'token'));

-- columns dropped, renamed, retyped afterwards; each alone
CREATE FUNCTION pg_temp.after(ddl text, OUT register text, OUT login text, OUT authenticate text, OUT issue text) LANGUAGE plpgsql AS $$
DECLARE t text := current_setting('bi.token');
BEGIN
    EXECUTE ddl;
    register := pg_temp.state('account.register(''n@x'', ''secret123'')');
    login := pg_temp.state('account.login(''a@x'', ''secret123'')');
    authenticate := pg_temp.state(format('account.authenticate(%L)', t));
    issue := pg_temp.state('account.issue_tokens(''1'')');
    RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZ000';
EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE <> 'ZZ000' THEN
        register := 'DDL: ' || SQLERRM;
    END IF;
END $$;
SELECT set_config('bi.token', account.issue_access_token('1'), false) IS NOT NULL AS set;
SELECT ddl, a.* FROM unnest(ARRAY['SELECT', 'ALTER TABLE bj.users DROP email', 'ALTER TABLE bj.users DROP password', 'ALTER TABLE bj.users DROP is_active', 'ALTER TABLE bj.users DROP tenant_id',
    'ALTER TABLE bj.users DROP last_login', 'ALTER TABLE bj.users RENAME id TO key', 'ALTER TABLE bj.users RENAME last_login TO seen', 'ALTER TABLE bj.tenants DROP slug', 'ALTER TABLE bj.tenants DROP is_active',
    'ALTER TABLE bj.users DROP CONSTRAINT users_pkey',
    'ALTER TABLE bj.users ALTER is_active TYPE text', 'ALTER TABLE bj.users ALTER is_active TYPE int USING is_active::int', 'ALTER TABLE bj.users ALTER id DROP DEFAULT, ALTER id TYPE text',
    'ALTER TABLE bj.users ALTER email TYPE varchar(3)', 'ALTER TABLE bj.users ALTER email TYPE varchar(2) USING ''''', 'ALTER TABLE bj.users ALTER last_login TYPE date', 'ALTER TABLE bj.users ALTER last_login TYPE text',
    'ALTER TABLE bj.users ALTER password TYPE bytea USING NULL', 'ALTER TABLE bj.users ALTER tenant_id TYPE uuid USING NULL', 'ALTER TABLE bj.tenants ALTER id TYPE text', 'ALTER TABLE bj.tenants ALTER is_active TYPE text',
    'DROP TABLE bj.tenants', 'ALTER TABLE bj.users ADD must point NOT NULL DEFAULT ''(0,0)''; ALTER TABLE bj.users ALTER must DROP DEFAULT', 'ALTER TABLE bj.users RENAME TO people', 'ALTER TABLE bj.users SET SCHEMA public',
    'CREATE RULE r AS ON INSERT TO bj.users DO INSTEAD NOTHING', 'ALTER TABLE bj.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', 'DROP TABLE bj.users']) WITH ORDINALITY d(ddl, n), pg_temp.after(ddl) a ORDER BY n;

-- relations that cannot hold users
CREATE VIEW bj.v AS SELECT * FROM bj.users;
CREATE MATERIALIZED VIEW bj.m AS SELECT * FROM bj.users;
SELECT r, pg_temp.state(format('account.use_tables(%L)', r)) FROM unnest(ARRAY['bj.v', 'bj.m', 'bj.s', 'bj.users_pkey', 'account.session', 'pg_class', 'information_schema.sql_features', '0']) r;
SELECT account.forget_tables();
DROP SCHEMA bi, bj CASCADE;
DROP OWNED BY regress_bi_owner;
DROP ROLE regress_bi_owner;
DELETE FROM account.login_failure;
DELETE FROM account.session;
