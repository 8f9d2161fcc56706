-- What cleanup leaves is what the server's own DELETE leaves, in random schemas with random rows.
--
-- Each seed makes two to six tables whose keys, actions, nullability, deferrability, partitions, cycles,
-- policies, declared references and soft deletes are random. The oracle is a copy of them where each foreign key says itself what
-- is to happen: what follows is ON DELETE CASCADE, what is protected is checked at the end. There the server
-- deletes. Compared: the rows that are left, the numbers that cleanup_plan and cleanup told, refusals, and
-- that no key dangles. psql -v schemas=N for another number than 200.
\set ON_ERROR_STOP 1
\if :{?schemas}
\else
\set schemas 200
\endif
SET client_min_messages = warning;
SELECT plan(4 * :schemas);
CREATE SCHEMA oracle_test;
SET search_path = oracle_test, public;

CREATE FUNCTION pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS
    $$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;
CREATE FUNCTION chance(p float8) RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT random() < p $$;

-- The schema of a seed, in schema g. Rows have the keys 1 to n, so any number up to n is a reference.
CREATE FUNCTION make_tables(seed int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tables int;
    n int;
    columns text;
    child int;
    parent int;
    fk int;
    action text;
    composite boolean;
    nullable boolean;
    cols text[];
    r record;
BEGIN
    PERFORM setseed(seed / 1000.0);
    tables := 2 + floor(random() * 5);
    n := 5 + floor(random() * 26);
    CREATE SCHEMA g;
    CREATE TABLE definition (child text, name text, sql text);
    TRUNCATE definition;
    FOR child IN 1 .. tables LOOP
        columns := 'id int PRIMARY KEY, a int, b text COLLATE "C", payload text';
        -- every table has a second, composite key: (id % 7, 'k' || id)
        IF chance(0.25) THEN
            EXECUTE format('CREATE TABLE g.t%s (%s) PARTITION BY HASH (id)', child, columns);
            EXECUTE format('CREATE TABLE g.t%s_0 (payload text, b text COLLATE "C", a int, id int NOT NULL)', child);
            EXECUTE format('ALTER TABLE g.t%1$s ATTACH PARTITION g.t%1$s_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0)', child);
            EXECUTE format('CREATE TABLE g.t%1$s_1 PARTITION OF g.t%1$s FOR VALUES WITH (MODULUS 2, REMAINDER 1)', child);
            EXECUTE format('ALTER TABLE g.t%s ADD UNIQUE (id, a, b)', child);
        ELSE
            EXECUTE format('CREATE TABLE g.t%s (%s, UNIQUE (id, a, b))', child, columns);
        END IF;
        EXECUTE format('INSERT INTO g.t%s SELECT i, i %% 7, ''k'' || i, md5(i::text) FROM generate_series(1, %s) i', child, n);
    END LOOP;
    FOR fk IN 1 .. tables + floor(random() * tables)::int LOOP
        child := 1 + floor(random() * tables);
        parent := CASE WHEN chance(0.6) THEN 1 + floor(random() * child) ELSE 1 + floor(random() * tables) END;
        action := pick('CASCADE', 'CASCADE', 'CASCADE', 'NO ACTION', 'RESTRICT', 'SET NULL', 'SET DEFAULT');
        composite := chance(0.25);
        nullable := chance(0.7) OR action IN ('SET NULL', 'SET DEFAULT');
        cols := CASE WHEN composite THEN ARRAY[format('f%sx', fk), format('f%sa', fk), format('f%sb', fk)]
                     ELSE ARRAY[format('f%s', fk)] END;
        EXECUTE format('ALTER TABLE g.t%s ADD COLUMN %I %s', child, cols[1], pick('int', 'bigint'));
        IF composite THEN
            EXECUTE format('ALTER TABLE g.t%s ADD COLUMN %I int, ADD COLUMN %I text COLLATE "C"', child, cols[2], cols[3]);
        END IF;
        -- sparse references make small sets, dense ones take everything along
        EXECUTE format('UPDATE g.t%s SET %I = CASE WHEN %L AND random() < %s THEN NULL ELSE 1 + floor(random() * %s) END',
                       child, cols[1], nullable::text, pick('0.2', '0.6', '0.9'), n);
        IF composite THEN
            EXECUTE format('UPDATE g.t%s SET %I = %I %% 7, %I = ''k'' || %I', child, cols[2], cols[1], cols[3], cols[1]);
        END IF;
        IF NOT nullable THEN
            EXECUTE format('ALTER TABLE g.t%s ALTER %I SET NOT NULL', child, cols[1]);
        END IF;
        IF action = 'SET DEFAULT' AND NOT composite AND chance(0.5) THEN
            EXECUTE format('ALTER TABLE g.t%s ALTER %I SET DEFAULT %s', child, cols[1], n);
        END IF;
        IF chance(0.5) THEN
            EXECUTE format('CREATE INDEX ON g.t%s (%s)', child, array_to_string(cols, ', '));
        END IF;
        INSERT INTO definition VALUES (format('t%s', child), format('fk%s', fk),
            format('FOREIGN KEY (%s) REFERENCES %%I.t%s %s %s ON DELETE ', array_to_string(cols, ', '), parent,
                   CASE WHEN composite THEN '(id, a, b)' ELSE '(id)' END,
                   CASE WHEN composite AND chance(0.3) THEN 'MATCH FULL' ELSE '' END)
            || action || CASE WHEN action <> 'RESTRICT' THEN pick('', ' DEFERRABLE', ' DEFERRABLE INITIALLY DEFERRED') ELSE '' END);
    END LOOP;
    FOR r IN SELECT * FROM definition LOOP
        EXECUTE format('ALTER TABLE g.%s ADD CONSTRAINT %s ', r.child, r.name) || format(r.sql, 'g');
    END LOOP;
END $$;

-- What the foreign keys of g do in the end, by catalog or policy.
CREATE FUNCTION effective_actions() RETURNS TABLE (child text, name name, action "char") LANGUAGE sql STABLE AS $$
    SELECT r.relname, c.conname,
           CASE p.policy WHEN 'cascade' THEN 'c' WHEN 'protect' THEN 'r' WHEN 'set null' THEN 'n' ELSE c.confdeltype END::"char"
    FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
    LEFT JOIN account.reference_policy p ON p.child = c.conrelid AND p.constraint_name = c.conname
    WHERE c.contype = 'f' AND c.conparentid = 0 AND r.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'g')
    UNION ALL
    SELECT r.relname, 'fk' || substr(d.columns[1], 2),
           CASE d.policy WHEN 'cascade' THEN 'c' WHEN 'protect' THEN 'r' WHEN 'set null' THEN 'n' END::"char"
    FROM account.declared_reference d JOIN pg_class r ON r.oid = d.child
    WHERE r.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'g')
$$;

-- The copy, in schema o, that the server deletes from.
CREATE FUNCTION make_oracle(force boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    CREATE SCHEMA o;
    FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'g'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition LOOP
        EXECUTE format('CREATE TABLE o.%1$I (LIKE g.%1$I INCLUDING ALL); INSERT INTO o.%1$I SELECT * FROM g.%1$I', r.relname);
    END LOOP;
    FOR r IN SELECT d.child, d.name, d.sql, e.action FROM definition d JOIN effective_actions() e USING (child, name) LOOP
        EXECUTE format('ALTER TABLE o.%I ADD CONSTRAINT %I ', r.child, r.name)
            || format(regexp_replace(r.sql, ' ON DELETE .*', ''), 'o') || ' ON DELETE '
            || CASE WHEN r.action = 'c' OR force AND r.action IN ('a', 'r') THEN 'CASCADE'
                    WHEN r.action = 'n' THEN 'SET NULL' WHEN r.action = 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END
            || ' DEFERRABLE INITIALLY DEFERRED';
    END LOOP;
END $$;

-- The rows of all tables of a schema, one a line.
CREATE FUNCTION contents(s text) RETURNS SETOF text LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT c.relname, (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute a
                                WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attname <> 'deleted_at') AS columns
             FROM pg_class c WHERE relnamespace = s::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition LOOP
        RETURN QUERY EXECUTE format('SELECT %L || '' '' || ROW(%s)::text FROM %I.%I', r.relname, r.columns, s, r.relname);
    END LOOP;
END $$;

-- Keys of a schema that reference nothing.
CREATE FUNCTION dangling(s text) RETURNS bigint LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
DECLARE
    r record;
    n bigint;
    total bigint := 0;
BEGIN
    FOR r IN SELECT conrelid::regclass AS child, confrelid::regclass AS parent,
                    (SELECT string_agg(format('p.%I = c.%I', pa.attname, ca.attname), ' AND ')
                     FROM unnest(conkey, confkey) AS k(c, p)
                     JOIN pg_attribute ca ON ca.attrelid = conrelid AND ca.attnum = k.c
                     JOIN pg_attribute pa ON pa.attrelid = confrelid AND pa.attnum = k.p) AS matches,
                    (SELECT string_agg(format('c.%I IS NOT NULL', ca.attname), ' AND ')
                     FROM unnest(conkey) AS k(c)
                     JOIN pg_attribute ca ON ca.attrelid = conrelid AND ca.attnum = k.c) AS complete
             FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND connamespace = s::regnamespace LOOP
        EXECUTE format('SELECT count(*) FROM %s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)',
                       r.child, r.complete, r.parent, r.matches) INTO n;
        total := total + n;
    END LOOP;
    RETURN total;
END $$;

CREATE FUNCTION compare(seed int) RETURNS SETOF text LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
DECLARE
    target text;
    keys int[];
    force boolean;
    server text := 'done';
    ours text := 'done';
    planned text;
    told text;
    before text[];
    gone bigint;
    what text;
    r record;
BEGIN
    PERFORM make_tables(seed);
    FOR r IN SELECT d.child, d.name FROM definition d WHERE chance(0.2) LOOP
        BEGIN
            PERFORM account.set_reference_policy(format('g.%I', r.child)::regclass, r.name, pick('cascade', 'protect', 'set null'));
        EXCEPTION WHEN invalid_parameter_value THEN NULL; -- NOT NULL
        END;
    END LOOP;
    -- some keys of one column are no foreign keys, but declared
    FOR r IN SELECT d.child, d.name, substring(d.sql FROM 'REFERENCES %I.(t[0-9]+) ') AS parent, substring(d.sql FROM 'ON DELETE (CASCADE|NO ACTION|RESTRICT|SET NULL)') AS action
             FROM definition d WHERE d.sql NOT LIKE '%(id, a, b)%' AND chance(0.25) LOOP
        CONTINUE WHEN r.action IS NULL;
        BEGIN
            EXECUTE format('ALTER TABLE g.%I DROP CONSTRAINT %I', r.child, r.name);
            PERFORM account.set_reference(format('g.%I', r.child)::regclass, ARRAY['f' || substr(r.name, 3)]::name[], format('g.%I', r.parent)::regclass,
                CASE r.action WHEN 'CASCADE' THEN 'cascade' WHEN 'SET NULL' THEN 'set null' ELSE 'restrict' END);
        EXCEPTION WHEN invalid_parameter_value THEN NULL; -- NOT NULL
        END;
    END LOOP;
    SELECT relname INTO target FROM pg_class WHERE relnamespace = 'g'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
        ORDER BY chance(0.4), relname LIMIT 1;
    EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM g.%I ORDER BY md5(id::text || %L) LIMIT %s) x',
                   target, seed, pick('1', '1', '2', '5')) INTO keys;
    force := chance(0.4);
    PERFORM make_oracle(force);
    what := format('seed %s: %s %s%s', seed, target, keys, CASE WHEN force THEN ' force' ELSE '' END);
    FOR r IN SELECT DISTINCT relname FROM pg_class WHERE relnamespace = 'g'::regnamespace AND relkind = 'r' AND NOT relispartition LOOP
        IF chance(0.3) THEN
            PERFORM account.enable_soft_delete(format('g.%I', r.relname)::regclass);
            EXECUTE format('UPDATE g.%I SET deleted_at = now() WHERE id %% 3 = 0', r.relname);
        END IF;
    END LOOP;
    SELECT array_agg(c) INTO before FROM contents('g') c;

    BEGIN
        EXECUTE format('DELETE FROM o.%I WHERE id = ANY ($1)', target) USING keys;
        SET CONSTRAINTS ALL IMMEDIATE;
    EXCEPTION WHEN foreign_key_violation THEN
        server := 'refused';
    END;
    SET CONSTRAINTS ALL DEFERRED;

    SELECT string_agg(p::text, ' ') INTO planned FROM account.cleanup_plan(format('g.%I', target)::regclass, keys, force) p;
    BEGIN
        SELECT string_agg(c::text, ' '), sum(rows) FILTER (WHERE action = 'delete') INTO told, gone
            FROM account.cleanup(format('g.%I', target)::regclass, keys, force) c;
        SET CONSTRAINTS ALL IMMEDIATE;
    EXCEPTION WHEN restrict_violation OR foreign_key_violation THEN
        ours := 'refused';
    END;
    RETURN NEXT is(ours, server, what || ': refused when the server refuses');
    RETURN NEXT is_empty('SELECT contents(''g'') EXCEPT ALL SELECT contents(''o'') UNION ALL (SELECT contents(''o'') EXCEPT ALL SELECT contents(''g''))',
                         what || ': leaves what the server leaves');
    IF ours = 'done' THEN
        RETURN NEXT is(told, planned, what || ': does what was planned');
        RETURN NEXT is(cardinality(before) - gone || ' left, 0 dangling',
                       (SELECT count(*) FROM contents('g')) || ' left, ' || dangling('g') || ' dangling', what || ': tells how many rows went');
    ELSE
        RETURN NEXT ok(planned LIKE '%protected%' OR planned LIKE '%set default%', what || ': planned as refused');
        RETURN NEXT is((SELECT array_agg(c) FROM contents('g') c), before, what || ': refusal changes nothing');
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE;
    DROP TABLE definition;
    DROP SCHEMA g CASCADE;
    DROP SCHEMA o CASCADE;
END $$;

-- half of them on the proven path, half with the server's ordinary checks
SELECT format('SELECT compare(%s)', s) FROM generate_series(1, :schemas / 2) s \gexec
SET default_transaction_isolation = 'repeatable read';
SELECT format('SELECT compare(%s)', s) FROM generate_series(:schemas / 2 + 1, :schemas) s \gexec
SELECT * FROM finish();
