-- An application of its own role "app", all its tables attached, whose own code is written as most is: its
-- functions name no operator's schema and, where "careless", set no search_path.
--
-- By a superuser. careless: 0 or 1; key: the type of keys; key_default: an expression that makes one; shape: plain,
-- partitioned or inherited. Leaves users "ann" (who asks), "bob" (to whom things are done), "staff", "boss".
SET client_min_messages = warning;
CREATE SCHEMA app AUTHORIZATION app;
SET ROLE app;
SET search_path = app, public;
CREATE SEQUENCE ids;
CREATE FUNCTION look(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    seen text := lower(what);
BEGIN
    RETURN seen = seen AND length(seen) >= 0 AND seen || 'x' LIKE '%x' AND seen IS NOT DISTINCT FROM lower(what);
END $$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- types that a function declares are looked up when a session compiles it, whoever calls then: see doc/security.md
    t pg_catalog.timestamptz := now();
    n pg_catalog.int4 := 1;
BEGIN
    IF app.look(TG_TABLE_NAME::text) AND t <= now() AND n + 1 = 2 AND EXISTS (SELECT FROM pg_namespace WHERE nspname = 'app') THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END IF;
    RETURN NULL;
END $$;
-- The same, for constraint triggers that are deferred. Those that a plain statement leads to are as in the server's
-- own cascades: from 18 on they run at COMMIT as who queued them, under the search_path that is there then.
SELECT replace(pg_get_functiondef('touch'::regproc), 'touch()', 'touch_later()') \gexec
SELECT 'ALTER FUNCTION touch_later SET search_path = app, pg_catalog, pg_temp' WHERE :careless = 0 OR current_setting('server_version_num')::int >= 180000 \gexec
SELECT 'ALTER FUNCTION look SET search_path = app, pg_catalog, pg_temp', 'ALTER FUNCTION touch SET search_path = app, pg_catalog, pg_temp' WHERE :careless = 0 \gexec
CREATE DOMAIN key_domain AS int CHECK (look(VALUE::text));
CREATE DOMAIN short AS text CHECK (look(VALUE));

CREATE TABLE tenants (id :key PRIMARY KEY DEFAULT (:key_default), slug text UNIQUE, name short, modules jsonb DEFAULT '[]', is_active boolean DEFAULT true);
SELECT CASE :'shape' WHEN 'partitioned' THEN 'PARTITION BY HASH (id)' ELSE '' END AS partitioning \gset
CREATE TABLE users (id :key PRIMARY KEY DEFAULT (:key_default), tenant_id :key REFERENCES tenants, email text NOT NULL CHECK (look(email)), username text, password text,
    is_active boolean DEFAULT true, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false, last_login timestamptz,
    is_deleted boolean DEFAULT false, deleted_at timestamptz, deleted_by text, shown text GENERATED ALWAYS AS (CASE WHEN look(email) THEN lower(email) END) STORED) :partitioning;
SELECT 'CREATE TABLE users_0 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 0)', 'CREATE TABLE users_1 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 1)'
    WHERE :'shape' = 'partitioned' \gexec
SELECT 'CREATE TABLE teachers (room text CHECK (look(room)), PRIMARY KEY (id)) INHERITS (users)' WHERE :'shape' = 'inherited' \gexec
CREATE INDEX ON users (lower(email)) WHERE look(email);
CREATE TABLE profiles (user_id :key PRIMARY KEY REFERENCES users ON DELETE CASCADE, role short DEFAULT 'none', bio text DEFAULT upper('b') CHECK (look(bio)), is_open boolean);
CREATE TABLE notes (id bigint PRIMARY KEY DEFAULT nextval('ids'), user_id :key REFERENCES users ON DELETE CASCADE, body short, deleted_at timestamptz);
CREATE TABLE orders (id :key PRIMARY KEY DEFAULT (:key_default), user_id :key REFERENCES users DEFERRABLE INITIALLY DEFERRED, what text);
CREATE TABLE logs (id bigint PRIMARY KEY DEFAULT nextval('ids'), user_id :key REFERENCES users ON DELETE SET NULL, what text DEFAULT lower('L'));
SELECT format('CREATE TRIGGER touch BEFORE INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW WHEN (pg_trigger_depth() < 3) EXECUTE FUNCTION touch()', t),
    format('CREATE CONSTRAINT TRIGGER touch_later AFTER INSERT OR UPDATE OR DELETE ON %I DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION touch_later()', t)
    FROM unnest('{tenants,users,profiles,notes,orders,logs}'::text[]) t \gexec
-- an application's own profile takes the place of the automatic one, which is removed because of us
CREATE TRIGGER touch_after AFTER INSERT OR UPDATE OR DELETE ON profiles FOR EACH ROW EXECUTE FUNCTION touch();
GRANT USAGE ON SCHEMA app TO web;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO web;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA app TO web;
INSERT INTO tenants (slug, name) VALUES ('acme', 'Acme'), ('other', 'Other');
SELECT account.enable_soft_delete('users', guard_references => true) \g /dev/null
SELECT account.enable_soft_delete('notes') \g /dev/null
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "new"}') \g /dev/null
RESET ROLE;
SELECT account.use_tables('users', 'profiles', 'tenants') \g /dev/null
RESET search_path;
SELECT account.create_key() \g /dev/null
SELECT account.grant_api('web'), account.grant_api('app') \g /dev/null
SELECT account.register(u || '@x.org', 'a-right-secret', u, 'acme') FROM unnest('{ann,bob,staff,boss}'::text[]) u \g /dev/null
UPDATE app.users SET is_staff = username = 'staff', is_superuser = username = 'boss';

-- what the caller owns itself
CREATE SCHEMA web AUTHORIZATION web;
SET ROLE web;
CREATE TABLE web.things (id int PRIMARY KEY, parent int REFERENCES web.things ON DELETE CASCADE, name text UNIQUE, deleted_at timestamptz);
CREATE TABLE web.users (id int PRIMARY KEY, email text UNIQUE, deleted_at timestamptz);
CREATE TABLE web.profiles (user_id int PRIMARY KEY REFERENCES web.users, role text);
INSERT INTO web.things SELECT i, nullif(i / 2, 0), i FROM generate_series(1, 9) i;
RESET ROLE;
