-- Users are read by key where that can be, else by a statement: the answers are the same. An empty child
-- of a table makes it the statement's.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
DO $$ BEGIN PERFORM account.create_key(); END $$;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SET pgaccount.login_max_failures = 0;
SELECT no_plan();

CREATE TABLE secret AS SELECT account.hash_password('secret123') AS hash;

-- the tables, with keys, names, modules and roles of these types
CREATE FUNCTION make(keys text, names text, modules text, roles text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    k text := CASE WHEN keys = 'uuid' THEN '(''00000000-0000-4000-8000-'' || lpad(%s::text, 12, ''0''))::uuid' ELSE '(%s)::text::' || keys END;
    key text := replace(k, '%s', 'i');
BEGIN
    DROP SCHEMA IF EXISTS x CASCADE;
    CREATE SCHEMA x;
    EXECUTE format('CREATE TABLE x.tenants (id %s PRIMARY KEY, slug %s, name %s, modules %s, is_active boolean, deleted_at timestamptz)', keys, names, names, modules);
    EXECUTE format('CREATE TABLE x.users (id %s PRIMARY KEY, email %s, username %s, password %s, is_active boolean, is_staff boolean, is_superuser boolean, tenant_id %s, last_login timestamptz, deleted_at timestamptz)',
        keys, names, names, names, keys);
    EXECUTE format('CREATE TABLE x.profiles (user_id %s UNIQUE, role %s)', keys, roles);
    EXECUTE format('INSERT INTO x.tenants SELECT %s, CASE i WHEN 4 THEN NULL WHEN 5 THEN '''' ELSE ''t'' || i END, CASE i WHEN 5 THEN NULL ELSE ''T'' || i END, %s, CASE i WHEN 2 THEN false WHEN 3 THEN NULL ELSE true END, CASE i WHEN 6 THEN now() END FROM generate_series(1, 7) i',
        key, CASE WHEN modules IN ('json', 'jsonb') THEN format('CASE i WHEN 7 THEN NULL ELSE ''["m"]''::%s END', modules) WHEN modules = 'text[]' THEN 'CASE i WHEN 7 THEN NULL ELSE ''{m}''::text[] END' ELSE '5' END);
    -- users 1 to 8 of tenants 1 to 8, of which the last is missing; then whatever else a user may be
    EXECUTE format('INSERT INTO x.users (id, email, username, password, is_active, is_staff, is_superuser, tenant_id, deleted_at)
        SELECT %s, CASE i WHEN 21 THEN U&''\00C9va@x.org'' ELSE ''U'' || i || ''@x.org'' END, CASE i WHEN 10 THEN ''u9@x.org'' WHEN 11 THEN NULL ELSE ''u'' || i END, CASE i WHEN 12 THEN NULL ELSE (SELECT hash FROM secret) END, CASE i WHEN 13 THEN false WHEN 14 THEN NULL ELSE true END,
               CASE i WHEN 15 THEN NULL ELSE i = 1 END, CASE i WHEN 15 THEN NULL ELSE i = 2 END, CASE WHEN i <= 8 THEN %s END, CASE WHEN i IN (16, 17) THEN now() END FROM generate_series(1, 21) i', key, key);
    UPDATE x.users SET email = 'u18@x.org' WHERE username = 'u17'; -- a deleted one has the name of a live one
    UPDATE x.users SET email = 'u19@x.org' WHERE username = 'u20'; -- two live ones have one name
    EXECUTE format('INSERT INTO x.profiles SELECT %s, CASE i WHEN 2 THEN NULL ELSE ''r'' || i %% 3 END FROM generate_series(1, 15, 2) i', key);
    EXECUTE format('INSERT INTO x.profiles SELECT %s, NULL FROM generate_series(2, 2) i', key);
    PERFORM account.use_tables('x.users', 'x.profiles', 'x.tenants');
END $$;

-- what becomes of logins, refreshes and tokens of all of them
CREATE FUNCTION answers() RETURNS TABLE (what text, answer jsonb) LANGUAGE plpgsql AS $$
DECLARE
    login text;
    id text;
    a account.token_pair;
    token text;
BEGIN
    FOR login IN SELECT l FROM x.users u, LATERAL (VALUES (u.email), (lower(u.email)), (u.username), (upper(u.username)), (u.username || ' ')) v(l) WHERE l IS NOT NULL UNION SELECT unnest(ARRAY['nobody', '', 'u', 'u1@', repeat('u', 2000)]) LOOP
        a := account.login(login, 'secret123');
        what := 'login ' || left(login, 30);
        answer := to_jsonb(a) - '{access_token,refresh_token}'::text[] || jsonb_build_object('claims', CASE WHEN a.access_token IS NOT NULL THEN account.verify_access_token(a.access_token) END - '{jti,sid,iat,exp,nbf}'::text[]);
        RETURN NEXT;
        IF a.refresh_token IS NOT NULL THEN
            a := account.refresh(a.refresh_token);
            what := 'refresh ' || login;
            answer := to_jsonb(a) - '{access_token,refresh_token}'::text[] || jsonb_build_object('claims', CASE WHEN a.access_token IS NOT NULL THEN account.verify_access_token(a.access_token) END - '{jti,sid,iat,exp,nbf}'::text[]);
            RETURN NEXT;
            what := 'authenticate ' || login;
            BEGIN
                answer := to_jsonb(account.authenticate(a.access_token));
            EXCEPTION WHEN OTHERS THEN
                answer := to_jsonb(SQLSTATE);
            END;
            RETURN NEXT;
        END IF;
    END LOOP;
    FOR id IN SELECT u.id::text FROM x.users u UNION SELECT unnest(ARRAY['999', '', '1.0', '99999999999999999999', '00000000-0000-4000-8000-000000000999', ' 1']) LOOP
        what := 'token of ' || id;
        BEGIN
            token := account.issue_access_token(id);
            answer := account.verify_access_token(token) - '{jti,iat,exp,nbf}'::text[];
        EXCEPTION WHEN OTHERS THEN
            answer := to_jsonb(SQLSTATE || ' ' || SQLERRM);
        END;
        RETURN NEXT;
    END LOOP;
END $$;

CREATE FUNCTION compare(keys text, names text, modules text, roles text, indexes text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    of text := concat_ws(', ', 'keys ' || keys, 'names ' || names, 'modules ' || modules, 'roles ' || roles, indexes);
    c text;
BEGIN
    PERFORM make(keys, names, modules, roles);
    EXECUTE indexes;
    CREATE TEMP TABLE by_key AS SELECT * FROM answers();
    RETURN NEXT cmp_ok((SELECT count(*)::int FROM by_key WHERE answer ->> 'status' = '200'), '>', 10, of || ': people come in');
    RETURN NEXT cmp_ok((SELECT count(*)::int FROM by_key WHERE answer ->> 'status' = '401'), '>', 10, of || ': others do not');
    FOREACH c IN ARRAY ARRAY['users', 'tenants', 'profiles'] LOOP
        EXECUTE format('CREATE TABLE x.child () INHERITS (x.%s)', c);
        CREATE TEMP TABLE by_statement AS SELECT * FROM answers();
        RETURN NEXT is((SELECT jsonb_agg(d) FROM (TABLE by_key EXCEPT ALL TABLE by_statement) d), NULL, of || ': the same with a child of ' || c);
        RETURN NEXT is((SELECT count(*) FROM by_key), (SELECT count(*) FROM by_statement), of || ': as many with a child of ' || c);
        DROP TABLE by_statement, x.child;
    END LOOP;
    DROP TABLE by_key;
END $$;

SELECT compare(k, n, m, r, i) FROM (VALUES
    ('bigint', 'text', 'jsonb', 'text', 'CREATE INDEX ON x.users (lower(email)); CREATE INDEX ON x.users (lower(username))'),
    ('integer', 'varchar(200)', 'json', 'varchar(20)', 'CREATE INDEX ON x.users (lower(email)); CREATE INDEX ON x.users (username)'),
    ('smallint', 'text', 'text[]', 'text', 'CREATE INDEX ON x.users (lower(email)) WHERE deleted_at IS NULL; CREATE INDEX ON x.users (lower(username))'),
    ('uuid', 'text', 'jsonb', 'text', 'SELECT account.enable_soft_delete(''x.users''); CREATE INDEX ON x.users (lower(email)) WHERE deleted_at IS NULL; CREATE INDEX ON x.users (lower(username)) WHERE deleted_at IS NULL'),
    ('text', 'text', 'jsonb', 'text', 'CREATE INDEX ON x.users (lower(email)); CREATE INDEX ON x.users (username)'),
    ('bigint', 'text', 'integer', 'char(4)', 'CREATE INDEX ON x.users (lower(email)); CREATE INDEX ON x.users (lower(username))'),
    ('bigint', 'text', 'jsonb', 'text', 'CREATE INDEX ON x.users (email); CREATE INDEX ON x.users (username)'),
    ('bigint', 'text', 'jsonb', 'text', 'CREATE INDEX ON x.users (lower(email), id); CREATE INDEX ON x.users (lower(username)) WHERE is_active'),
    ('bigint', 'text', 'jsonb', 'text', 'CREATE INDEX ON x.users (lower(email COLLATE "C") COLLATE "default"); CREATE INDEX ON x.users (lower(username COLLATE "C") COLLATE "default")'),
    ('varchar(40)', 'text', 'jsonb', 'text', 'CREATE INDEX ON x.users (lower(email)); CREATE INDEX ON x.users (lower(username) text_pattern_ops)')) v(k, n, m, r, i);

-- an index that comes and goes while a session knows it
SELECT make('bigint', 'text', 'jsonb', 'text');
CREATE INDEX i ON x.users (lower(email));
CREATE INDEX j ON x.users (lower(username));
SELECT is((account.login('u1@x.org', 'secret123')).status, 200, 'with indexes');
DROP INDEX x.i;
SELECT is((account.login('u1@x.org', 'secret123')).status, 200, 'without one of them');
CREATE INDEX i ON x.users (lower(email));
ALTER TABLE x.users ALTER email TYPE varchar(100);
SELECT is((account.login('u1@x.org', 'secret123')).status, 200, 'of another type');
ALTER TABLE x.users RENAME TO people;
SELECT is((account.login('u1@x.org', 'secret123')).status, 200, 'of another name');
UPDATE x.people SET email = 'new@x.org' WHERE username = 'u1';
SELECT is((account.login('u1@x.org', 'secret123')).error, 'invalid_credentials', 'an email that was');
SELECT is((account.login('NEW@x.org', 'secret123')).status, 200, 'the email that is');
BEGIN;
UPDATE x.people SET email = 'newer@x.org' WHERE username = 'u1';
SELECT is((account.login('newer@x.org', 'secret123')).status, 200, 'the email of this transaction');
ROLLBACK;
SELECT is((account.login('newer@x.org', 'secret123')).error, 'invalid_credentials', 'which was rolled back');

SELECT * FROM finish();
