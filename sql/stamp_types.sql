-- deleted_at of every type and precision: what a stamp is, and what the planner knows of it.
SET client_min_messages = warning;
-- a key, so that it is told what tokens are good for
SELECT account.create_key() \g /dev/null
CREATE ROLE regress_stamp_owner;
CREATE SCHEMA stamp_types AUTHORIZATION regress_stamp_owner;
SET ROLE regress_stamp_owner;
SET search_path = stamp_types;
\set QUIET off

CREATE DOMAIN instant AS timestamptz(3);
CREATE DOMAIN utc AS timestamp(0);
CREATE DOMAIN utc_again AS utc CHECK (VALUE IS NULL OR VALUE > '2000-01-01');
CREATE DOMAIN truth AS boolean CHECK (VALUE IS NOT NULL);
CREATE DOMAIN who AS varchar(5);

-- every type is taken, and a DELETE stamps with the transaction's time, whatever the TimeZone is ----
CREATE TABLE kinds (kind text PRIMARY KEY);
INSERT INTO kinds VALUES ('timestamptz'), ('timestamptz(0)'), ('timestamptz(3)'), ('timestamptz(6)'),
    ('timestamp'), ('timestamp(0)'), ('timestamp(6)'), ('instant'), ('utc'), ('utc_again');
CREATE FUNCTION stamped_now(stamp timestamptz) RETURNS boolean LANGUAGE sql STABLE
RETURN abs(extract(epoch FROM stamp - now())) < 1;
CREATE FUNCTION stamped_now(stamp timestamp) RETURNS boolean LANGUAGE sql STABLE
RETURN stamped_now(stamp AT TIME ZONE 'UTC');
CREATE FUNCTION try_kind(kind text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text := '';
    ok boolean;
    n bigint;
BEGIN
    EXECUTE format('CREATE TABLE t (id int PRIMARY KEY, email text UNIQUE, deleted_at %s, is_deleted truth DEFAULT false,'
        || ' deleted_by who)', kind);
    PERFORM account.enable_soft_delete('t', flag => 'is_deleted');
    PERFORM account.unique_among_live('t', 'email');
    INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');
    -- by a statement, and by the flag alone
    DELETE FROM t WHERE id = 1 RETURNING stamped_now(deleted_at) AND is_deleted AND deleted_by = left(session_user, 5) INTO ok;
    result := result || ok::text;
    UPDATE t SET is_deleted = true WHERE id = 2;
    SET LOCAL pgaccount.show_deleted = on;
    SELECT stamped_now(deleted_at) FROM t WHERE id = 2 INTO ok;
    result := result || ' ' || ok::text;
    SET LOCAL pgaccount.show_deleted = off;
    -- the index over live rows is inferred
    INSERT INTO t VALUES (4, 'a') ON CONFLICT (email) DO NOTHING;
    GET DIAGNOSTICS n = ROW_COUNT;
    INSERT INTO t VALUES (5, 'c') ON CONFLICT (email) DO UPDATE SET id = 6;
    result := result || ' ' || n || ' ' || (SELECT string_agg(id::text || email, ',' ORDER BY id) FROM t);
    result := result || ' ' || account.is_deleted('t', 1) || ' ' || account.restore('t', 2);
    RETURN result;
END $$;
CREATE FUNCTION try_kinds() RETURNS TABLE (kind text, result text) LANGUAGE plpgsql AS $$
BEGIN
    FOR kind IN SELECT k.kind FROM kinds k LOOP
        BEGIN
            result := try_kind(kind);
            RAISE EXCEPTION USING ERRCODE = 'ROLBK';
        EXCEPTION WHEN SQLSTATE 'ROLBK' THEN
            RETURN NEXT;
        END;
    END LOOP;
END $$;
SET TimeZone = 'Pacific/Kiritimati';
SELECT * FROM try_kinds();
SET TimeZone = 'America/Adak';
SET DateStyle = 'SQL, DMY';
SELECT * FROM try_kinds();
RESET DateStyle;

-- the row trigger, which a MERGE under row security leaves the deletion to --------------------------------
CREATE TABLE merged (id int PRIMARY KEY, at timestamp(0), gone truth DEFAULT false, who who);
SELECT account.enable_soft_delete('merged', deleted_at => 'at', flag => 'gone', deleted_by => 'who');
INSERT INTO merged VALUES (1), (2);
ALTER TABLE merged ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY everything ON merged USING (true);
MERGE INTO merged m USING (VALUES (1)) AS v(id) ON m.id = v.id WHEN MATCHED THEN DELETE;
SET pgaccount.show_deleted = on;
SELECT id, stamped_now(at), gone, who = left(session_user, 5) AS by_me FROM merged ORDER BY id;
RESET pgaccount.show_deleted;

-- the planner knows the live index, and how many rows are live ---------------------------------------------
CREATE TABLE many (id int PRIMARY KEY, email text, deleted_at timestamptz(6));
CREATE UNIQUE INDEX many_email ON many (email) WHERE deleted_at IS NULL;
SELECT account.enable_soft_delete('many');
INSERT INTO many SELECT i, 'e' || i FROM generate_series(1, 2000) i;
ANALYZE many;
EXPLAIN (COSTS OFF) SELECT id FROM many WHERE email = 'e77';

-- parent and child are stamped alike at the coarser precision, and come back together ------------------------
CREATE FUNCTION try_pair(parent text, child text, grandchild text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text := '';
    ok boolean;
BEGIN
    EXECUTE format('CREATE TABLE p (id int PRIMARY KEY, deleted_at %s)', parent);
    EXECUTE format('CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE, deleted_at %s)', child);
    EXECUTE format('CREATE TABLE g (id int PRIMARY KEY, c int REFERENCES c ON DELETE CASCADE, deleted_at %s)', grandchild);
    PERFORM account.enable_soft_delete('p', children => true);
    INSERT INTO p VALUES (1);
    INSERT INTO c VALUES (1, 1), (2, 1);
    INSERT INTO g VALUES (1, 1), (2, 2);
    -- one that was deleted on its own, long ago, stays so
    UPDATE c SET deleted_at = '2020-02-02 02:02:02.123456' WHERE id = 2;
    DELETE FROM p;
    SET LOCAL pgaccount.show_deleted = on;
    SELECT count(*) FILTER (WHERE stamped_now(deleted_at)) = 1 FROM c INTO ok;
    result := result || ok::text;
    SELECT count(*) FILTER (WHERE stamped_now(deleted_at)) = 1 FROM g INTO ok;
    result := result || ' ' || ok::text;
    SET LOCAL pgaccount.show_deleted = off;
    result := result || ' ' || account.restore('p', 1);
    RETURN result || format(' %s %s %s', (SELECT count(*) FROM p), (SELECT count(*) FROM c), (SELECT count(*) FROM g));
END $$;
CREATE FUNCTION try_pairs(some_kinds text[]) RETURNS TABLE (result text, pairs bigint) LANGUAGE plpgsql AS $$
DECLARE
    results text[] := '{}';
    result text;
    parent text;
    child text;
BEGIN
    FOR parent, child IN SELECT p.kind, c.kind FROM kinds p, kinds c
                         WHERE p.kind = ANY (some_kinds) AND c.kind = ANY (some_kinds) LOOP
        BEGIN
            result := try_pair(parent, child, parent);
            RAISE EXCEPTION USING ERRCODE = 'ROLBK';
        EXCEPTION WHEN SQLSTATE 'ROLBK' THEN
            results := results || result;
        END;
    END LOOP;
    RETURN QUERY SELECT r, count(*) FROM unnest(results) AS r GROUP BY r ORDER BY r;
END $$;
SELECT * FROM try_pairs('{timestamptz,timestamptz(0),timestamp,instant,utc_again}');
SET TimeZone = 'Pacific/Kiritimati';
SELECT * FROM try_pairs('{timestamptz,timestamp(0)}');
RESET TimeZone;

-- renames are followed, and a column's type cannot be changed beneath the declaration -------------------------
ALTER TABLE merged RENAME COLUMN at TO removed_at;
DELETE FROM merged WHERE id = 2 RETURNING removed_at IS NOT NULL AS kept;
\set VERBOSITY sqlstate
ALTER TABLE merged ALTER COLUMN removed_at TYPE timestamptz; -- fails
\set VERBOSITY default
ALTER TABLE merged DROP COLUMN removed_at; -- fails
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'merged'::regclass AND tgname LIKE '00\_%delete';
-- a dump writes the declaration as it is read back
CREATE TABLE dumped (LIKE merged);
SELECT replace(pg_get_triggerdef(oid), 'merged', 'dumped') AS declaration FROM pg_trigger
WHERE tgrelid = 'merged'::regclass AND tgname LIKE '00\_%delete' \gset
:declaration;
SELECT deleted_at, flag, deleted_by FROM account.soft_delete_tables() WHERE relation = 'dumped'::regclass;

-- what cannot be NULL, or true, is refused at enabling -------------------------------------------------------
CREATE DOMAIN never_null AS timestamptz NOT NULL;
CREATE DOMAIN checked AS timestamp CHECK (VALUE IS NOT NULL);
CREATE DOMAIN defaulted AS timestamptz DEFAULT now();
CREATE DOMAIN only_false AS boolean CHECK (NOT VALUE);
CREATE DOMAIN named AS text CHECK (VALUE <> '' AND VALUE IS NOT NULL);
CREATE TABLE refused (id int PRIMARY KEY, a never_null, b checked, c defaulted, d only_false, e named, f date, g timetz);
SELECT account.enable_soft_delete('refused', deleted_at => 'a'); -- fails
SELECT account.enable_soft_delete('refused', deleted_at => 'b'); -- fails
SELECT account.enable_soft_delete('refused', deleted_at => 'c'); -- fails
SELECT account.enable_soft_delete('refused', deleted_at => 'f'); -- fails
SELECT account.enable_soft_delete('refused', deleted_at => 'g'); -- fails
SELECT account.enable_soft_delete('refused', flag => 'd'); -- fails
SELECT account.enable_soft_delete('refused', deleted_by => 'e'); -- fails
\echo :LAST_ERROR_SQLSTATE

-- a check of the domain holds for what is written on behalf of a statement ---------------------------------------
CREATE DOMAIN before_1999 AS timestamptz CHECK (VALUE < '1999-01-01');
CREATE TABLE held (id int PRIMARY KEY, deleted_at before_1999, is_deleted boolean);
SELECT account.enable_soft_delete('held');
INSERT INTO held VALUES (1);
\set VERBOSITY sqlstate
DELETE FROM held; -- fails
UPDATE held SET is_deleted = true; -- fails
\set VERBOSITY default
UPDATE held SET deleted_at = '1998-01-01' RETURNING is_deleted;

-- purge knows how long a row is deleted, in any TimeZone ----------------------------------------------------------
CREATE TABLE purged (id int PRIMARY KEY, deleted_at timestamp);
SELECT account.enable_soft_delete('purged');
INSERT INTO purged SELECT i, (now() AT TIME ZONE 'UTC') - i * interval '1 hour' FROM generate_series(0, 5) i;
RESET ROLE;
SET search_path = stamp_types;
SET TimeZone = 'Pacific/Kiritimati';
SELECT account.purge('purged', '4 hours');
SET TimeZone = 'America/Adak';
SELECT account.purge('purged', '2 hours');
SELECT account.purge('purged', '0');
RESET TimeZone;

-- a stamp that was rounded up is no reason to keep the row
CREATE TABLE rounded (id int PRIMARY KEY, deleted_at timestamptz(0));
SELECT account.enable_soft_delete('rounded');
INSERT INTO rounded SELECT generate_series(1, 6);
DO $$
DECLARE purged bigint := 0;
BEGIN
    FOR i IN 1 .. 6 LOOP
        DELETE FROM rounded WHERE id = i;
        purged := purged + account.purge('rounded', '0');
        PERFORM pg_sleep(0.17);
        COMMIT;
    END LOOP;
    IF purged <> 6 THEN
        RAISE EXCEPTION '% of 6 rows were purged', purged;
    END IF;
END $$;

-- users: who is deleted by a flag of a domain is told of, and purged when the time has come -----------------------
CREATE TABLE users (id int PRIMARY KEY, email text, deleted_at timestamp(0), is_deleted truth DEFAULT false);
SELECT account.enable_soft_delete('users');
SELECT count(*) > 0 AS mapped FROM account.use_tables('users');
INSERT INTO users VALUES (1, 'a@x.org'), (2, 'b@x.org');
UPDATE users SET is_deleted = true WHERE id = 1;
SELECT type, subject FROM account.event WHERE type = 'user_deleted' ORDER BY id DESC LIMIT 1;
SET pgaccount.show_deleted = on;
UPDATE users SET deleted_at = (now() AT TIME ZONE 'UTC') - interval '29 days 23 hours' WHERE id = 1;
SET TimeZone = 'Pacific/Kiritimati';
SELECT account.purge_users();
SET TimeZone = 'America/Adak';
SELECT account.purge_users();
UPDATE users SET deleted_at = (now() AT TIME ZONE 'UTC') - interval '30 days 1 hour' WHERE id = 1;
SELECT account.purge_users();
RESET TimeZone;
RESET pgaccount.show_deleted;
SELECT account.forget_tables();
DROP SCHEMA stamp_types CASCADE;
DROP ROLE regress_stamp_owner;
