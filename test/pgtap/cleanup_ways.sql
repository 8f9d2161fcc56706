-- However the rows of a cleanup are found, it is the same rows: by few keys, by index, by reading tables, by
-- joins; keys that are near each other and far from each other, of every integer type, more than one to a table.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SELECT plan(24);
CREATE SCHEMA ways;
SET search_path = ways, public;

-- The integers of one type in a chain of tables: top, near and far, each below it, and a table below both.
CREATE FUNCTION make_tables(type text, other text, factor bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP SCHEMA IF EXISTS w CASCADE;
    CREATE SCHEMA w;
    EXECUTE format('CREATE TABLE w.top (id %s PRIMARY KEY, kind int)', type);
    EXECUTE format('CREATE TABLE w.near (id %s PRIMARY KEY, top %s REFERENCES w.top ON DELETE CASCADE)', type, other);
    EXECUTE format('CREATE TABLE w.far (id %s PRIMARY KEY, top %s REFERENCES w.top ON DELETE RESTRICT)', other, type);
    EXECUTE format('CREATE TABLE w.both (near %s REFERENCES w.near ON DELETE CASCADE, far %s REFERENCES w.far ON DELETE CASCADE,
        loose %s REFERENCES w.near ON DELETE SET NULL)', other, type, type);
    EXECUTE format('INSERT INTO w.top SELECT i * %s::bigint, i %% 2 FROM generate_series(-1500, 1500) i', factor);
    EXECUTE format('INSERT INTO w.near SELECT i * %1$s::bigint, i / 2 * %1$s::bigint FROM generate_series(-3000, 3000) i', factor);
    EXECUTE format('INSERT INTO w.far SELECT i * %1$s::bigint, CASE WHEN i %% 7 > 0 THEN i / 2 * %1$s::bigint END FROM generate_series(-3000, 3000) i', factor);
    EXECUTE format('INSERT INTO w.both SELECT (i %% 3000) * %1$s::bigint, NULLIF((i / 7) %% 3000, 5) * %1$s::bigint, NULLIF((i / 3) %% 3000, 7) * %1$s::bigint
        FROM generate_series(-15000, 15000) i', factor);
    CREATE INDEX ON w.near (top);
    CREATE INDEX ON w.far (top);
    CREATE INDEX ON w.both (near);
    CREATE INDEX ON w.both (far);
    CREATE INDEX ON w.both (loose);
    ANALYZE w.top, w.near, w.far, w.both;
END $$;

-- What a cleanup of some rows of top tells, leaves, and lets dangle; undone again.
CREATE FUNCTION outcome(keys text, told OUT text, planned OUT text, left_behind OUT text) LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
BEGIN
    EXECUTE format('SELECT array_agg(id) FROM w.top WHERE %s', keys) INTO ids;
    SELECT string_agg(p::text, ' ') INTO planned FROM account.cleanup_plan('w.top', ids, true) p;
    BEGIN
        SELECT string_agg(c::text, ' ') INTO told FROM account.cleanup('w.top', ids, true) c;
        SELECT concat_ws(' ', (SELECT count(*) FROM w.top), (SELECT sum(id::numeric) FROM w.near), (SELECT sum(id::numeric) FROM w.far),
            (SELECT count(*) FROM w.both), (SELECT sum(loose::numeric) FROM w.both),
            (SELECT count(*) FROM w.near n WHERE NOT EXISTS (SELECT FROM w.top t WHERE t.id = n.top))) INTO left_behind;
        RAISE EXCEPTION USING ERRCODE = 'P9999';
    EXCEPTION WHEN SQLSTATE 'P9999' THEN NULL;
    END;
END $$;

-- The same, as the server's own DELETE leaves it where every key follows.
CREATE FUNCTION oracle(keys text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    left_behind text;
BEGIN
    BEGIN
        ALTER TABLE w.far DROP CONSTRAINT far_top_fkey, ADD FOREIGN KEY (top) REFERENCES w.top ON DELETE CASCADE;
        EXECUTE format('DELETE FROM w.top WHERE %s', keys);
        SELECT concat_ws(' ', (SELECT count(*) FROM w.top), (SELECT sum(id::numeric) FROM w.near), (SELECT sum(id::numeric) FROM w.far),
            (SELECT count(*) FROM w.both), (SELECT sum(loose::numeric) FROM w.both), 0) INTO left_behind;
        RAISE EXCEPTION USING ERRCODE = 'P9999';
    EXCEPTION WHEN SQLSTATE 'P9999' THEN NULL;
    END;
    RETURN left_behind;
END $$;

CREATE FUNCTION compare(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    keys text;
    way text;
    r record;
    said text[];
BEGIN
    FOREACH keys IN ARRAY ARRAY['id = 0', 'kind = 1'] LOOP
        said := '{}';
        FOREACH way IN ARRAY ARRAY['enable_tidscan', 'enable_seqscan', 'enable_nestloop', 'enable_indexscan'] LOOP
            -- without one of them the planner finds another
            PERFORM set_config(way, 'off', true), set_config('enable_bitmapscan', CASE WHEN way = 'enable_indexscan' THEN 'off' ELSE 'on' END, true);
            SELECT * INTO r FROM outcome(keys);
            PERFORM set_config(way, 'on', true);
            said := said || r.told || r.planned;
            RETURN NEXT is(r.left_behind, oracle(keys), format('%s, %s, without %s', what, keys, way));
        END LOOP;
        RETURN NEXT is((SELECT count(DISTINCT s) FROM unnest(said) s), 1::bigint, format('%s, %s: told and planned alike', what, keys));
    END LOOP;
END $$;

SELECT make_tables('bigint', 'bigint', 1000003);
SELECT compare('far from each other');
SELECT make_tables('int', 'bigint', 1);
SELECT compare('near each other');
SELECT make_tables('smallint', 'int', 3);
SELECT is(told, planned, 'smallint: ' || keys) FROM unnest(ARRAY['id = 0', 'kind = 1']) keys, outcome(keys);
SELECT is(left_behind, oracle(keys), 'smallint: leaves what the server leaves: ' || keys) FROM unnest(ARRAY['id = 0', 'kind = 1']) keys, outcome(keys);
SELECT * FROM finish();
