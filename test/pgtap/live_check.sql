-- What authenticate() sees of the live row, for every kind of table that it may look at in another way:
-- each change ends the token, and each change back (but of what ends sessions) lets it in again.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
DO $$ BEGIN PERFORM account.create_key(); END $$;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;

-- kinds of tables, and keys of them: of the user, its tenant, another tenant; and one that no user has
CREATE TABLE kind (kind text, users text, tenants text, id text, tenant text, other text, unknown text);
INSERT INTO kind VALUES
    ('int4', 'id int PRIMARY KEY, tenant_id int', 'id int PRIMARY KEY', '1', '7', '8', '99999999999'),
    ('int2', 'id smallint PRIMARY KEY, tenant_id smallint', 'id smallint PRIMARY KEY', '-1', '7', '8', '40000'),
    ('int8, int4 tenants', 'id bigint PRIMARY KEY, tenant_id bigint', 'id int PRIMARY KEY', '9007199254740993', '7', '8', '1e3'),
    ('uuid', 'id uuid PRIMARY KEY, tenant_id uuid', 'id uuid PRIMARY KEY', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab', '0190d5a2-7b1c-7e2a-9c3d-000000000007',
        '0190d5a2-7b1c-7e2a-9c3d-000000000008', '0190d5a2'),
    ('text', 'id text PRIMARY KEY, tenant_id text', 'id text PRIMARY KEY', 'ann', 'acme', 'other', 'ann '),
    ('varchar', 'id varchar(20) PRIMARY KEY, tenant_id varchar(20)', 'id varchar(20) PRIMARY KEY', 'ann', 'acme', 'other', 'Ann'),
    ('text, C', 'id text COLLATE "C" PRIMARY KEY, tenant_id text COLLATE "C"', 'id text COLLATE "C" PRIMARY KEY', 'ann', 'acme', 'other', 'x'),
    ('name', 'id name PRIMARY KEY, tenant_id name', 'id name PRIMARY KEY', 'ann', 'acme', 'other', 'x'),
    ('numeric', 'id numeric PRIMARY KEY, tenant_id numeric', 'id numeric PRIMARY KEY', '1', '7', '8', '2'),
    ('char', 'id char(5) PRIMARY KEY, tenant_id char(5)', 'id char(5) PRIMARY KEY', 'ann', 'acme', 'other', 'x'),
    ('domain', 'id whole PRIMARY KEY, tenant_id whole', 'id whole PRIMARY KEY', '1', '7', '8', '2'),
    ('int4, text tenants', 'id int PRIMARY KEY, tenant_id text', 'id text PRIMARY KEY', '1', '7', '8', '2'),
    ('mixed tenants', 'id int PRIMARY KEY, tenant_id text', 'id int PRIMARY KEY', '1', '7', '8', '2'),
    ('unique, no primary key', 'id int UNIQUE, tenant_id int', 'id int UNIQUE', '1', '7', '8', '2'),
    ('no index', 'id int, tenant_id int', 'id int', '1', '7', '8', '2'),
    ('deferrable', 'id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, tenant_id int', 'id int PRIMARY KEY DEFERRABLE', '1', '7', '8', '2'),
    ('hash index', 'id int, tenant_id int, EXCLUDE USING hash (id WITH =)', 'id int PRIMARY KEY', '1', '7', '8', '2'),
    ('no tenants', 'id int PRIMARY KEY, tenant_id uuid', NULL, '1', '0190d5a2-7b1c-7e2a-9c3d-000000000007', '0190d5a2-7b1c-7e2a-9c3d-000000000008', '2'),
    ('no tenants, text', 'id int PRIMARY KEY, tenant_id name', NULL, '1', 'acme', 'other', '2'),
    ('partitioned', 'id int PRIMARY KEY, tenant_id int', 'id int PRIMARY KEY', '1', '7', '8', '2'),
    ('inherited', 'id int PRIMARY KEY, tenant_id int', 'id int PRIMARY KEY', '1', '7', '8', '2');
CREATE DOMAIN whole AS bigint CHECK (VALUE > 0);

-- what is done to the rows, and how it is undone (%2$L: its tenant)
CREATE TABLE change (n int, change text, do_it text, undo text, needs_tenants boolean);
INSERT INTO change VALUES
    (1, 'nothing', 'SELECT', 'SELECT', false),
    (2, 'inactive', 'UPDATE x.users SET is_active = false', 'UPDATE x.users SET is_active = true', false),
    (3, 'is_active null', 'UPDATE x.users SET is_active = NULL', 'UPDATE x.users SET is_active = true', false),
    (4, 'mapped deleted_at', 'UPDATE x.users SET deleted_at = now()', 'UPDATE x.users SET deleted_at = NULL', false),
    (5, 'mapped flag', 'UPDATE x.users SET deleted = true', 'UPDATE x.users SET deleted = false', false),
    (6, 'flag null', 'UPDATE x.users SET deleted = NULL', 'UPDATE x.users SET deleted = false', false),
    (7, 'another tenant', 'UPDATE x.users SET tenant_id = %L', 'UPDATE x.users SET tenant_id = %L', false),
    (8, 'no tenant', 'UPDATE x.users SET tenant_id = NULL', 'UPDATE x.users SET tenant_id = %2$L', false),
    (9, 'tenant inactive', 'UPDATE x.tenants SET is_active = false', 'UPDATE x.tenants SET is_active = true', true),
    (10, 'tenant is_active null', 'UPDATE x.tenants SET is_active = NULL', 'UPDATE x.tenants SET is_active = true', true),
    (11, 'tenant missing', 'DELETE FROM x.tenants', 'INSERT INTO x.tenants SELECT * FROM kept_tenants', true),
    (12, 'another tenant inactive', 'UPDATE x.tenants SET is_active = false WHERE id::text = %L', 'UPDATE x.tenants SET is_active = true', true),
    (13, 'user missing', 'DELETE FROM x.users', 'INSERT INTO x.users SELECT * FROM kept_users', false);

CREATE TABLE result (n serial, what text, ok boolean);
CREATE FUNCTION accepted(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM account.authenticate(token);
    PERFORM account.sign_out();
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

CREATE FUNCTION try_kind(k kind) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c change;
    token text;
    session_token text;
    said text;
BEGIN
    CREATE SCHEMA x;
    EXECUTE format('CREATE TABLE x.users (%s, email text, password text, is_active boolean, deleted_at timestamptz, deleted boolean) %s', k.users,
        CASE WHEN k.kind = 'partitioned' THEN 'PARTITION BY RANGE (id)' END);
    IF k.kind = 'partitioned' THEN
        CREATE TABLE x.users_1 PARTITION OF x.users DEFAULT;
    ELSIF k.kind = 'inherited' THEN
        CREATE TABLE x.more_users () INHERITS (x.users);
    END IF;
    IF k.tenants IS NOT NULL THEN
        EXECUTE format('CREATE TABLE x.tenants (%s, slug text, is_active boolean)', k.tenants);
        EXECUTE format('INSERT INTO x.tenants VALUES (%L, %L, true), (%L, %L, true)', k.tenant, 'own', k.other, 'other');
        CREATE TEMP TABLE kept_tenants AS TABLE x.tenants;
    END IF;
    EXECUTE format('INSERT INTO x.%s VALUES (%L, %L, %L, NULL, true)', CASE k.kind WHEN 'inherited' THEN 'more_users' ELSE 'users' END, k.id, k.tenant, 'a@b.c');
    CREATE TEMP TABLE kept_users AS TABLE x.users;
    PERFORM account.use_tables('x.users', tenants => to_regclass('x.tenants'));
    token := account.issue_access_token(k.id);
    FOR c IN SELECT * FROM change ORDER BY n LOOP
        CONTINUE WHEN c.needs_tenants AND k.tenants IS NULL;
        session_token := (account.issue_tokens(k.id)).access_token;
        EXECUTE format(c.do_it, k.other);
        said := concat_ws(' ', accepted(token), accepted(session_token));
        INSERT INTO result (what, ok) VALUES (concat_ws(' / ', k.kind, c.change, said),
            CASE WHEN c.n IN (1, 12) THEN said = 'accepted accepted'
                 WHEN c.n = 6 THEN said = 'accepted PT401' -- not deleted; but the row changed, which ends sessions
                 ELSE said = 'PT401 PT401' END);
        EXECUTE format(c.undo, k.tenant, k.tenant);
        said := concat_ws(' ', accepted(token), accepted(session_token));
        INSERT INTO result (what, ok) VALUES (concat_ws(' / ', k.kind, c.change, 'undone', said),
            said = CASE WHEN c.n IN (1, 12) THEN 'accepted accepted' ELSE 'accepted PT401' END);
    END LOOP;
    session_token := account.jwt_sign(account.verify_access_token(token) || jsonb_build_object('sub', k.unknown),
        account.export_key((SELECT kid FROM account.signing_key LIMIT 1)), 'HS256', (SELECT kid FROM account.signing_key LIMIT 1));
    said := accepted(session_token);
    INSERT INTO result (what, ok) VALUES (concat_ws(' / ', k.kind, 'no such key', said), said = 'PT401');
    DROP TABLE IF EXISTS kept_tenants, kept_users;
    PERFORM account.forget_tables();
    DROP SCHEMA x CASCADE;
END $$;
DO $$
DECLARE k kind;
BEGIN
    FOR k IN SELECT * FROM kind LOOP
        PERFORM try_kind(k);
    END LOOP;
END $$;

SELECT plan((SELECT count(*) FROM result)::int + 9);
SELECT cmp_ok((SELECT count(DISTINCT split_part(what, ' / ', 1)) FROM result), '=', (SELECT count(*) FROM kind), 'every kind was tried');
SELECT ok(ok IS TRUE, what) FROM result ORDER BY n;

-- the look follows the tables: soft delete, hiding, indexes, columns
CREATE SCHEMA x;
CREATE TABLE x.users (id int PRIMARY KEY, email text, is_active boolean DEFAULT true, gone timestamptz);
INSERT INTO x.users VALUES (1, 'a@b.c');
SELECT count(*) FROM account.use_tables('x.users');
CREATE TEMP TABLE token AS SELECT account.issue_access_token('1') AS token;
SELECT is(accepted(token), 'accepted', 'before') FROM token;
SELECT account.enable_soft_delete('x.users', 'gone');
DELETE FROM x.users;
SELECT is(accepted(token), 'PT401', 'a row that soft delete has hidden since is seen as deleted') FROM token;
UPDATE x.users SET gone = NULL;
SELECT account.restore('x.users', 1);
SELECT is(accepted(token), 'accepted', 'and as live again') FROM token;
ALTER TABLE x.users DROP CONSTRAINT users_pkey;
SELECT is(accepted(token), 'accepted', 'the index may go') FROM token;
CREATE UNIQUE INDEX again ON x.users (id) WHERE is_active;
SELECT is(accepted(token), 'accepted', 'one of some rows is not used') FROM token;
ALTER TABLE x.users ADD PRIMARY KEY (id);
ALTER TABLE x.users ALTER id TYPE bigint;
SELECT is(accepted(token), 'accepted', 'the type may change') FROM token;
ALTER TABLE x.users RENAME is_active TO enabled;
SELECT is(accepted(token), '55000', 'who may come in is not guessed') FROM token;
ALTER TABLE x.users RENAME enabled TO is_active;
BEGIN;
UPDATE x.users SET is_active = false;
SELECT accepted(token) AS changed FROM token \gset
ROLLBACK;
SELECT is(:'changed'::text, 'PT401', 'what this transaction has changed counts');

SELECT * FROM finish();
