-- The graph of foreign keys, as cleanup_graph and the order of plans show it, on a catalog made for it: 100 tables,
-- cycles, several keys between two tables, self references, composite keys, partitioned tables on both sides, keys
-- of and to single partitions, inheritance, policies, keys that are no edges. Compared with pg_constraint by SQL.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SELECT no_plan();
CREATE SCHEMA g;
SET search_path = g, public;

CREATE FUNCTION chance(p float8) RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT random() < p $$;
CREATE FUNCTION make_catalog() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    child int;
    parent int;
    composite boolean;
    cols text;
BEGIN
    PERFORM setseed(0.5);
    FOR i IN 1 .. 100 LOOP
        IF i % 9 = 0 THEN
            EXECUTE format('CREATE TABLE t%s (id int, a int, PRIMARY KEY (id), UNIQUE (id, a)) PARTITION BY HASH (id)', i);
            EXECUTE format('CREATE TABLE t%1$s_0 PARTITION OF t%1$s FOR VALUES WITH (MODULUS 2, REMAINDER 0)', i);
            -- a partition of a partition, with its columns in another order
            EXECUTE format('CREATE TABLE t%1$s_1 (a int, id int NOT NULL) PARTITION BY RANGE (id)', i);
            EXECUTE format('CREATE TABLE t%1$s_1_all PARTITION OF t%1$s_1 FOR VALUES FROM (MINVALUE) TO (MAXVALUE)', i);
            EXECUTE format('ALTER TABLE t%1$s ATTACH PARTITION t%1$s_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1)', i);
        ELSE
            EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a int, UNIQUE (id, a))', i);
        END IF;
        EXECUTE format('INSERT INTO t%s SELECT i, i FROM generate_series(1, 8) i', i);
    END LOOP;
    FOR fk IN 1 .. 220 LOOP
        -- in clusters of ten, mostly towards lower numbers: large and small components, chains and islands
        child := CASE WHEN fk % 12 = 0 THEN child ELSE 1 + floor(random() * 100) END;
        parent := CASE WHEN fk % 12 = 0 THEN parent -- a second key of the same pair
                       WHEN chance(0.08) THEN child
                       WHEN chance(0.75) THEN 1 + floor(random() * child)
                       ELSE 10 * ((child - 1) / 10) + 1 + floor(random() * 10) END;
        composite := chance(0.2);
        cols := CASE WHEN composite THEN format('f%1$s, g%1$s', fk) ELSE format('f%s', fk) END;
        EXECUTE format('ALTER TABLE t%1$s ADD f%2$s int, ADD g%2$s int', child, fk);
        EXECUTE format('UPDATE t%1$s SET f%2$s = 1 + (id * %2$s) %% 8, g%2$s = 1 + (id * %2$s) %% 8 WHERE id %% 3 = %2$s %% 3', child, fk);
        EXECUTE format('ALTER TABLE t%s ADD CONSTRAINT k%s FOREIGN KEY (%s) REFERENCES t%s %s ON DELETE %s %s', child, fk, cols, parent,
            CASE WHEN composite THEN '(id, a)' ELSE '(id)' END,
            (ARRAY['CASCADE', 'CASCADE', 'CASCADE', 'NO ACTION', 'RESTRICT', 'SET NULL', 'SET DEFAULT'])[1 + floor(random() * 7)],
            CASE WHEN chance(0.2) AND child % 9 <> 0 THEN 'NOT VALID' ELSE '' END);
        IF chance(0.2) THEN
            PERFORM account.set_reference_policy(format('t%s', child)::regclass, format('k%s', fk), (ARRAY['cascade', 'protect', 'set null'])[1 + floor(random() * 3)]);
        END IF;
    END LOOP;
    -- keys of one partition, and to one
    ALTER TABLE t9_0 ADD CONSTRAINT of_part FOREIGN KEY (a) REFERENCES t1 ON DELETE CASCADE;
    CREATE TABLE to_part (id int PRIMARY KEY, p int CONSTRAINT to_part REFERENCES t18_1_all ON DELETE CASCADE);
    -- who inherits has no key of its parent's
    CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (t1);
    CREATE TABLE of_heir (id int REFERENCES heir ON DELETE CASCADE);
END $$;
SELECT make_catalog();
SET client_min_messages = warning;

-- The keys that somebody declared, the topmost tables of both sides, and what they do; from the catalog.
CREATE FUNCTION top(t oid) RETURNS oid LANGUAGE sql STABLE AS $$ SELECT coalesce(pg_partition_root(t), t)::oid $$;
CREATE VIEW edges AS
    SELECT top(c.conrelid) AS child, top(c.confrelid) AS parent, c.conname AS name,
           CASE coalesce(p.policy, CASE c.confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' ELSE 'protect' END)
               WHEN 'cascade' THEN 'delete' WHEN 'protect' THEN 'protected' WHEN 'set null' THEN 'set null' ELSE 'set default' END AS action
    FROM pg_constraint c LEFT JOIN account.reference_policy p ON p.child = c.conrelid AND p.constraint_name = c.conname
    WHERE c.contype = 'f' AND c.conparentid = 0;
CREATE VIEW tables AS
    SELECT oid, oid::regclass AS name FROM pg_class WHERE relnamespace = 'g'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition;

SELECT ok((SELECT count(*) FROM tables) > 100, 'over 100 tables');
SELECT ok((SELECT count(*) FROM pg_constraint WHERE contype = 'f') > 1.5 * (SELECT count(*) FROM edges), 'that have many keys for each declared one');
SELECT ok((SELECT count(*) FROM edges WHERE child = parent) > 5, 'self references');
SELECT ok((SELECT count(*) FROM (SELECT FROM edges WHERE child <> parent GROUP BY child, parent HAVING count(*) > 1) x) > 5, 'several keys between two tables');
SELECT ok((SELECT count(DISTINCT action) FROM edges) = 4, 'every action');

-- what rows of a table reach: its edges, and those of the tables from which rows follow
CREATE FUNCTION reached(target oid) RETURNS TABLE (child oid, parent oid, name name, action text) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE node (t) AS (SELECT target UNION SELECT e.child FROM node JOIN edges e ON e.parent = node.t AND e.action = 'delete')
    SELECT e.* FROM node JOIN edges e ON e.parent = node.t
$$;
-- a chart, read
CREATE FUNCTION drawn(chart text) RETURNS TABLE (child oid, parent oid, name name, action text) LANGUAGE sql STABLE AS $$
    WITH line AS (SELECT l FROM regexp_split_to_table(chart, E'\n') l),
    node AS (SELECT m[1] AS id, m[2]::regclass::oid AS t FROM line, regexp_match(l, '^ *(t\d+)\["([^"<]+)') m),
    arrow AS (SELECT m[1] AS child, m[2] AS sign, m[3] AS name, m[4] AS action, m[6] AS parent
              FROM line, regexp_match(l, '^ *(t\d+) (\S+)\|"(.*): (delete|set null|set default|protected)( \d+)?"\| (t\d+)$') m)
    SELECT c.t, p.t, a.name::name, CASE a.sign WHEN '-->' THEN 'delete' WHEN '--x' THEN 'protected' WHEN '-.->' THEN a.action END
    FROM arrow a JOIN node c ON c.id = a.child JOIN node p ON p.id = a.parent
$$;
SELECT is_empty(format('(SELECT * FROM reached(%1$s) EXCEPT ALL SELECT * FROM drawn(account.cleanup_graph(%1$s::regclass)))
    UNION ALL (SELECT * FROM drawn(account.cleanup_graph(%1$s::regclass)) EXCEPT ALL SELECT * FROM reached(%1$s))', oid), name || ': its graph has each key once')
FROM tables WHERE name::text ~ '^t\d+$' ORDER BY oid;
SELECT is((SELECT count(*) FROM drawn(account.cleanup_graph('t1')) WHERE name = 'of_part'), 1::bigint, 'a key of one partition is the table''s');
SELECT is((SELECT parent FROM drawn(account.cleanup_graph('t18')) WHERE name = 'to_part'), 't18'::regclass::oid, 'a key to one partition is the table''s');
SELECT is((SELECT array_agg(name::text) FROM drawn(account.cleanup_graph('heir'))), ARRAY['of_heir_id_fkey'], 'who inherits has keys of its own');

-- The order of plans: children first, whatever the plan; cycles together, the target's own rows last.
CREATE FUNCTION follows(force boolean) RETURNS TABLE (child oid, parent oid) LANGUAGE sql STABLE AS $$
    SELECT DISTINCT child, parent FROM edges WHERE action = 'delete' OR force AND action = 'protected'
$$;
CREATE FUNCTION disorder(target regclass, force boolean) RETURNS TABLE (what text) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE plan ON COMMIT DROP AS SELECT * FROM account.cleanup_plan(target, ARRAY[1, 2, 3], force);
    -- from parent to child, over all keys between the tables that rows of the target may reach
    CREATE TEMP TABLE reach ON COMMIT DROP AS
        WITH RECURSIVE node (t) AS (SELECT target::oid UNION SELECT f.child FROM node JOIN follows(force) f ON f.parent = node.t),
        r (a, b) AS (SELECT parent, child FROM edges WHERE parent IN (SELECT t FROM node) AND child IN (SELECT t FROM node)
                     UNION SELECT r.a, e.child FROM r JOIN edges e ON e.parent = r.b WHERE e.child IN (SELECT t FROM node))
        SELECT * FROM r;
    RETURN QUERY
        SELECT format('%s at %s before its child %s at %s', p.relation, p.step, c.relation, c.step)
        FROM plan p JOIN plan c ON p.action = 'delete' AND c.action = 'delete' AND p.step < c.step AND p.relation <> c.relation
        JOIN reach ON reach.a = p.relation AND reach.b = c.relation
        WHERE NOT EXISTS (SELECT FROM reach x WHERE x.a = c.relation AND x.b = p.relation)
        UNION ALL
        SELECT format('keys of %s are set at %s, after %s at %s went', s.relation, s.step, p.relation, p.step)
        FROM plan s JOIN edges e ON s.action IN ('set null', 'set default') AND e.child = s.relation AND e.name = s.via
        JOIN plan p ON p.relation = e.parent AND p.action = 'delete' AND p.step < s.step
        UNION ALL
        SELECT 'the target''s own rows are not last' FROM plan WHERE via IS NULL AND step <> (SELECT max(step) FROM plan)
        UNION ALL
        SELECT format('%s: %s of %s rows', relation, sum(rows), 8) FROM plan WHERE action = 'delete' GROUP BY relation HAVING sum(rows) > 8
        UNION ALL
        SELECT format('step %s', step) FROM plan WHERE step <> (SELECT count(*) FROM plan x WHERE x.step <= plan.step) OR rows < 1;
    DROP TABLE plan, reach;
END $$;
SELECT is_empty(format('SELECT disorder(%L, %L)', name, force), format('%s: children go first%s', name, CASE WHEN force THEN ', forced' ELSE '' END))
FROM tables, unnest(ARRAY[false, true]) AS force WHERE name::text ~ '^t\d+$' ORDER BY oid, force;
SELECT ok((SELECT max(n) FROM (SELECT count(*) AS n FROM tables t, account.cleanup_plan(t.name, ARRAY[1, 2, 3, 4, 5, 6, 7, 8], true) WHERE name::text ~ '^t\d+$' GROUP BY t.name) x) > 20, 'some plans are long');

SELECT is((SELECT string_agg(p::text, ' ') FROM account.cleanup_plan('t1', 1, true) p), (SELECT string_agg(p::text, ' ') FROM account.cleanup_plan('t1', '1', true) p), 'the same twice');

-- Keys that the server does not enforce, or that compare no equality, are no edges (18)
SELECT current_setting('server_version_num')::int >= 180000 AS is_18 \gset
\if :is_18
    CREATE TABLE lax (t int CONSTRAINT lax REFERENCES t1 ON DELETE CASCADE NOT ENFORCED);
    SELECT is((SELECT count(*) FROM drawn(account.cleanup_graph('t1')) WHERE name = 'lax'), 0::bigint, 'not enforced: no edge');
\endif
-- a reference that cannot be set null
CREATE TABLE target (id int PRIMARY KEY);
CREATE TABLE refers (id int PRIMARY KEY, raw int, target int GENERATED ALWAYS AS (raw) STORED REFERENCES target);
SELECT throws_ok($$SELECT account.set_reference_policy('refers', 'target', 'set null')$$, '22023', 'column "target" of "refers" cannot be set null', 'a generated column takes no policy that sets it null');
SELECT throws_ok($$SELECT account.set_reference('refers', ARRAY['target'], 'target', 'set null')$$, '22023', 'column "target" of "refers" cannot be set null', 'declared or not');

-- a value of a composite type is one column of a key, not as many as it has
CREATE TYPE place AS (x int, y text);
CREATE TABLE site (at place, region int, deleted_at timestamptz, PRIMARY KEY (at, region));
CREATE TABLE visit (id int PRIMARY KEY, at place, region int, FOREIGN KEY (at, region) REFERENCES site ON DELETE CASCADE);
SELECT account.enable_soft_delete('site') \g /dev/null
INSERT INTO site VALUES ('(1,a)', 1), ('(1,a)', 2), ('(2,b)', 1);
INSERT INTO visit VALUES (1, '(1,a)', 1), (2, '(1,a)', 2);
SELECT is((SELECT string_agg(relation || ' ' || rows, ', ' ORDER BY step) FROM account.cleanup_plan('site', '{"at": "(1,a)", "region": 1}'::jsonb)), 'visit 1, site 1', 'a plan of one row by a key with a composite value');
DELETE FROM site WHERE region = 1;
SELECT is(account.restore('site', '[{"at": "(1,a)", "region": 1}, {"at": "(2,b)", "region": 1}, {"at": "(3,c)", "region": 1}]'::jsonb), 2::bigint, 'two come back');
SELECT is((SELECT sum(rows) FROM account.cleanup('site', '{"at": "(1,a)", "region": 2}'::jsonb)), 2::numeric, 'one goes, with its child');
SELECT is((SELECT count(*) FROM site) * 10 + (SELECT count(*) FROM visit), 21::bigint, 'and no other');

SELECT * FROM finish();
