-- What is exported of a user: compared with a walk over the catalog that shares nothing with the extension.
SET client_min_messages = warning;
-- a key, so that it is told what tokens are good for
SELECT account.create_key() \g /dev/null
CREATE ROLE regress_ex_owner;
CREATE ROLE regress_ex_other;
CREATE ROLE regress_ex_app;
CREATE SCHEMA ex AUTHORIZATION regress_ex_owner;
CREATE SCHEMA "Ex 2" AUTHORIZATION regress_ex_other;
GRANT USAGE ON SCHEMA ex TO regress_ex_other;
SELECT account.grant_api('regress_ex_app');
\set SHOW_CONTEXT never
SET ROLE regress_ex_owner;
SET search_path = ex;
CREATE TABLE tenants (id int PRIMARY KEY, slug text);
CREATE TABLE users (id bigint PRIMARY KEY, email text UNIQUE, encrypted_password text, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false,
    is_active boolean DEFAULT true, tenant_id int REFERENCES tenants ON DELETE SET NULL, invited_by bigint REFERENCES users ON DELETE SET NULL, deleted_at timestamptz, reset_password_token text);
GRANT REFERENCES ON users TO regress_ex_other;
CREATE TABLE profiles (user_id bigint PRIMARY KEY, role text, bio text); -- no foreign key: known by the mapping alone
CREATE TABLE posts (id int PRIMARY KEY, author bigint REFERENCES users ON DELETE RESTRICT, editor bigint REFERENCES users, title text);
CREATE TABLE comments (post int REFERENCES posts ON DELETE CASCADE, n int, says text, PRIMARY KEY (post, n));
CREATE TABLE votes (post int, n int, up boolean, FOREIGN KEY (post, n) REFERENCES comments ON DELETE CASCADE); -- no key
CREATE TABLE shares (id int PRIMARY KEY, post int REFERENCES posts); -- does not follow
CREATE TABLE pins (id int PRIMARY KEY, post int REFERENCES posts DEFERRABLE INITIALLY DEFERRED); -- follows by policy
CREATE TABLE marks (id int PRIMARY KEY, post int REFERENCES posts ON DELETE CASCADE); -- does not, by policy
CREATE TABLE visits (id int, at date, who bigint REFERENCES users ON DELETE CASCADE, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE visits_old PARTITION OF visits FOR VALUES FROM ('2020-01-01') TO ('2026-01-01');
CREATE TABLE visits_new (at date NOT NULL, who bigint, id int NOT NULL);
ALTER TABLE visits ATTACH PARTITION visits_new FOR VALUES FROM ('2026-01-01') TO ('2030-01-01');
CREATE TABLE clicks (id int PRIMARY KEY, visit int, at date, FOREIGN KEY (visit, at) REFERENCES visits ON DELETE CASCADE);
CREATE TABLE bio_lines (id int PRIMARY KEY, profile bigint REFERENCES profiles ON DELETE CASCADE);
CREATE TABLE loop_a (id int PRIMARY KEY, who bigint REFERENCES users, b int);
CREATE TABLE loop_b (id int PRIMARY KEY, a int REFERENCES loop_a ON DELETE CASCADE);
ALTER TABLE loop_a ADD FOREIGN KEY (b) REFERENCES loop_b ON DELETE CASCADE;
CREATE TABLE authtoken_token (key text PRIMARY KEY, user_id bigint REFERENCES users ON DELETE CASCADE, created date);
CREATE TABLE devices (id int PRIMARY KEY, who bigint REFERENCES users ON DELETE CASCADE, "pushToken" varchar(20), otp_secret bytea, "tokenCount" text, token int, recovery_codes text[],
    "passwordOld" text, password2 text, pin_hash bytea, secret_access_key text, spin text, passwords_seen text);
CREATE TABLE mentions (id int PRIMARY KEY, by_whom bigint); -- no foreign key: declared
CREATE TABLE replies (id int PRIMARY KEY, mention bigint, first_of int); -- the same; one follows, one does not
SELECT account.set_reference('mentions', '{by_whom}', 'users', 'protect'), account.set_reference('replies', '{mention}', 'mentions', 'cascade'),
    account.set_reference('replies', '{first_of}', 'mentions', 'protect');
SELECT account.set_reference_policy('pins', 'pins_post_fkey', 'cascade'), account.set_reference_policy('marks', 'marks_post_fkey', 'protect');
SET ROLE regress_ex_other;
-- nobody but its owner may read it, not even the owner of users
CREATE TABLE "Ex 2"."My ""Notes""" ("Id" int PRIMARY KEY, "User" bigint REFERENCES ex.users, says text);
ALTER TABLE "Ex 2"."My ""Notes""" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE regress_ex_owner;
INSERT INTO tenants VALUES (1, 'one'), (2, 'two');
INSERT INTO users (id, email, encrypted_password, tenant_id, is_staff, is_superuser, reset_password_token)
    SELECT i, 'u' || i || '@x.example', 'hash', CASE WHEN i <> 2 THEN 1 + i % 2 END, i IN (3, 4), i = 5, 't' FROM generate_series(1, 8) i;
UPDATE users SET invited_by = 1 WHERE id IN (2, 3);
INSERT INTO profiles SELECT id, 'member', 'bio ' || id FROM users;
INSERT INTO posts SELECT i, 1 + i % 8, nullif(1 + i % 5, 5), 'post ' || i FROM generate_series(1, 40) i;
INSERT INTO comments SELECT p, n, 'c' FROM generate_series(1, 40) p, generate_series(1, 2) n;
INSERT INTO votes SELECT post, n, post % 2 = 0 FROM comments, generate_series(1, 2);
INSERT INTO shares SELECT i, i FROM generate_series(1, 40) i;
INSERT INTO pins SELECT i, i FROM generate_series(1, 40) i;
INSERT INTO marks SELECT i, i FROM generate_series(1, 40) i;
INSERT INTO visits SELECT i, CASE WHEN i % 2 = 0 THEN date '2025-05-05' ELSE date '2026-05-05' END, 1 + i % 8 FROM generate_series(1, 24) i;
INSERT INTO clicks SELECT id, id, at FROM visits;
INSERT INTO bio_lines SELECT i, 1 + i % 8 FROM generate_series(1, 16) i;
INSERT INTO loop_a SELECT i, i FROM generate_series(1, 6) i; INSERT INTO loop_b SELECT i, 1 + i % 6 FROM generate_series(1, 6) i; UPDATE loop_a SET b = id WHERE id < 5;
INSERT INTO mentions SELECT i, 1 + i % 8 FROM generate_series(1, 16) i;
INSERT INTO replies SELECT i, 1 + i % 16, 1 + (i + 1) % 16 FROM generate_series(1, 32) i;
INSERT INTO authtoken_token SELECT 'key' || id, id, date '2026-01-01' FROM users;
INSERT INTO devices SELECT id, id, 'push', 'secret', 'many', id, ARRAY['a', 'b'], 'secret', 'secret', 'secret', 'secret', 'up', 'none' FROM users;
RESET ROLE;
INSERT INTO "Ex 2"."My ""Notes""" SELECT i, 1 + i % 8, 'note ' || i FROM generate_series(1, 16) i;
SELECT part, attribute, column_name FROM account.use_tables('ex.users', 'ex.profiles', 'ex.tenants') WHERE column_name IS NOT NULL AND attribute ~ 'id|pass|user';
SELECT account.enable_soft_delete('ex.users', hide => true), account.enable_soft_delete('ex.pins');
DELETE FROM ex.pins WHERE id % 3 = 0;
DELETE FROM ex.users WHERE id = 8;

-- the walk again, in SQL, row by row: ctids over pg_constraint
CREATE FUNCTION ex.walk(user_id bigint) RETURNS TABLE (tab text, item jsonb) LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
DECLARE
    r record;
    added bigint;
    total bigint;
    level int := 0;
BEGIN
    CREATE TEMP TABLE found (top oid, tab oid, tid tid, level int, UNIQUE (tab, tid));
    EXECUTE 'INSERT INTO found SELECT ''ex.users''::regclass, tableoid, ctid, 0 FROM ex.users WHERE id = $1' USING user_id;
    EXECUTE 'INSERT INTO found SELECT ''ex.profiles''::regclass, tableoid, ctid, 1 FROM ex.profiles p WHERE p.user_id = $1' USING user_id;
    LOOP
        total := 0;
        FOR r IN SELECT c.conrelid::regclass AS child, c.confrelid::regclass AS parent, c.conrelid,
                        coalesce(CASE p.policy WHEN 'cascade' THEN 'c' ELSE left(p.policy, 0) || 'x' END, c.confdeltype::text) AS action,
                        (SELECT string_agg(format('c.%I = p.%I', a.attname, b.attname), ' AND ') FROM unnest(c.conkey, c.confkey) AS k(x, y)
                         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.x JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.y) AS cond
                 FROM pg_constraint c LEFT JOIN account.reference_policy p ON p.child = c.conrelid AND p.constraint_name = c.conname
                 WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid::regclass::text ~ '^(ex|"Ex 2")\.'
                 UNION ALL
                 SELECT d.child, d.parent, d.child, CASE d.policy WHEN 'cascade' THEN 'c' END, format('c.%I = p.id', d.columns[1])
                 FROM account.declared_reference d WHERE d.child::text ~ '^ex\.' LOOP
            EXECUTE format('INSERT INTO found SELECT DISTINCT %s, c.tableoid, c.ctid, %s FROM %s c JOIN %s p ON %s JOIN found f ON f.tab = p.tableoid AND f.tid = p.ctid
                WHERE f.level = 0 OR %L = ''c'' ON CONFLICT DO NOTHING', r.conrelid, level + 1, r.child, r.parent, r.cond, r.action);
            GET DIAGNOSTICS added = ROW_COUNT;
            total := total + added;
        END LOOP;
        EXIT WHEN total = 0;
        level := level + 1;
    END LOOP;
    FOR r IN SELECT DISTINCT top::regclass AS t FROM found LOOP
        RETURN QUERY EXECUTE format('SELECT %L, to_jsonb(c) FROM %s c JOIN found f ON f.tab = c.tableoid AND f.tid = c.ctid', r.t, r.t);
    END LOOP;
    DROP TABLE found;
END $$;
-- what one has and the other has not
CREATE FUNCTION ex.differences(user_id bigint) RETURNS TABLE (what text, tab text, item jsonb) LANGUAGE plpgsql AS $$
DECLARE
    walked jsonb;
    exported jsonb := account.export_user(user_id::text);
BEGIN
    SELECT jsonb_agg(jsonb_build_object('t', w.tab, 'r', w.item - 'encrypted_password' - 'reset_password_token' - 'key' - 'pushToken' - 'otp_secret' - 'recovery_codes' - 'passwordOld' - 'password2' - 'pin_hash' - 'secret_access_key'))
        INTO walked FROM ex.walk(user_id) w;
    CREATE TEMP TABLE ours ON COMMIT DROP AS SELECT jsonb_build_object('t', key, 'r', r) AS j FROM jsonb_each(exported), jsonb_array_elements(value) AS r;
    RETURN QUERY SELECT 'not exported', j ->> 't', j -> 'r' FROM (SELECT j FROM jsonb_array_elements(walked) AS j EXCEPT ALL SELECT j FROM ours) x
        UNION ALL SELECT 'not walked', j ->> 't', j -> 'r' FROM (SELECT j FROM ours EXCEPT ALL SELECT j FROM jsonb_array_elements(walked) AS j) x;
    DROP TABLE ours;
END $$;
SET ROLE regress_ex_app;
SELECT account.export_user('1'); -- fails
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT EXECUTE ON FUNCTION account.act_as(text, boolean, text) TO regress_ex_app;
SET ROLE regress_ex_app;
SET search_path = public;
-- itself
SELECT account.act_as('1', false);
SELECT key, jsonb_array_length(value) AS rows FROM jsonb_each(account.export_user('1')) ORDER BY key COLLATE "C";
SELECT jsonb_pretty(account.export_user('1') - 'ex.votes' - 'ex.comments' - 'ex.pins' - 'ex.clicks' - 'ex.visits');
SELECT account.export_user('1') = account.export_user('1') AS stable, account.export_user('1')::text ~ 'hash|secret|push"|key[0-9]' AS leaks;
SELECT account.export_user('3'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.export_user(NULL); -- fails
\echo :LAST_ERROR_SQLSTATE
-- staff of the tenant, and of another
SELECT account.act_as('4', false);
SELECT account.export_user('6') -> 'ex.users' -> 0 ->> 'email' AS of_its_tenant;
SELECT account.export_user('1'); -- fails
\echo :LAST_ERROR_SQLSTATE
-- a superuser
SELECT account.act_as('5', false);
SELECT (SELECT count(*) FROM jsonb_object_keys(account.export_user('7'))) AS tables;
-- by the same names in every session
SELECT account.export_user('7') AS exported \gset
SET quote_all_identifiers = on;
SELECT account.export_user('7') = :'exported' AS the_same;
RESET quote_all_identifiers;
SELECT account.export_user('8'); -- fails: deleted
\echo :LAST_ERROR_SQLSTATE
SELECT account.export_user('99'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.export_user('x'); -- fails
\echo :LAST_ERROR_SQLSTATE
-- every user against the walk; rows in the order of their keys
RESET ROLE;
SELECT i, d.* FROM generate_series(1, 7) i, ex.differences(i) d;
SELECT i, count(*) > 40 AS walked FROM generate_series(1, 7) i, ex.walk(i) GROUP BY i ORDER BY i;
SELECT i FROM generate_series(1, 7) i WHERE (SELECT array_agg((r ->> 'id')::int ORDER BY o) FROM jsonb_array_elements(account.export_user(i::text) -> 'ex.posts') WITH ORDINALITY AS x(r, o))
    IS DISTINCT FROM (SELECT array_agg(id ORDER BY id) FROM ex.posts WHERE i IN (author, editor));
-- read only, and in a snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT account.export_user('1') IS NOT NULL AS read_only;
COMMIT;
-- an application's own tables are read whatever the names they have to hand
CREATE TEMP TABLE posts (id int, author bigint);
CREATE FUNCTION pg_temp.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS $$ SELECT '"hijacked"'::jsonb $$;
SET search_path = pg_temp, ex;
SELECT account.export_user('1') -> 'ex.posts' -> 0 AS first_post;
RESET search_path;
SELECT account.sign_out();
SELECT account.forget_tables();
SET client_min_messages = warning;
DROP SCHEMA ex, "Ex 2" CASCADE;
DROP OWNED BY regress_ex_app;
DROP ROLE regress_ex_owner, regress_ex_other, regress_ex_app;
