-- How the oracle looks at a random schema, named s: from the catalog and the rows alone, with nothing of the extension's
-- but the trigger that declares soft delete.
CREATE SCHEMA observe;
GRANT USAGE ON SCHEMA observe TO oracle_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA observe GRANT SELECT ON TABLES TO oracle_owner;

-- Of every table with rows of its own: the tree it is in, and what soft delete is declared as.
CREATE VIEW observe.tables AS
SELECT c.oid AS leaf, coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)::regclass AS root, d.arguments,
       d.marks[1] AS stamp, d.marks[2] AS flag, d.marks[3] AS by_whom
FROM pg_class c
LEFT JOIN LATERAL (
    SELECT string_to_array(encode(t.tgargs, 'escape'), '\000') AS arguments,
           (SELECT array_agg(CASE WHEN m LIKE '%old.%' THEN substring(m FROM 'old\.("(?:[^"]|"")+"|[a-z0-9_]+)') END ORDER BY n)
            FROM unnest(string_to_array(substring(pg_get_triggerdef(t.oid) FROM 'account\.marks\((.*)\)\) EXECUTE'), ', '))
                 WITH ORDINALITY AS u(m, n)) AS marks
    FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = '00_account_soft_delete' AND t.tgenabled <> 'D') d ON true
WHERE c.relnamespace = to_regnamespace('s') AND c.relkind = 'r';

-- Foreign keys, by what catalog and policy say.
CREATE VIEW observe.keys AS
SELECT k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.condeferrable, k.condeferred, k.confdeltype AS by_catalog,
       coalesce(CASE p.policy WHEN 'cascade' THEN 'c' WHEN 'protect' THEN 'a' WHEN 'set null' THEN 'n' END, k.confdeltype::text) AS action,
       to_jsonb(p) ->> 'on_soft_delete' AS on_soft_delete, k.confmatchtype
FROM pg_constraint k LEFT JOIN account.reference_policy p ON p.child = k.conrelid AND p.constraint_name = k.conname
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.connamespace = to_regnamespace('s')
UNION ALL
-- and those that owners have declared, of which the server knows nothing
SELECT NULL, r.name, r.child, r.parent, (SELECT array_agg(a.attnum ORDER BY u.n) FROM unnest(r.columns) WITH ORDINALITY AS u(name, n) JOIN pg_attribute a ON a.attrelid = r.child AND a.attname = u.name),
       (SELECT p.conkey FROM pg_constraint p WHERE p.conrelid = r.parent AND p.contype = 'p'), false, false, '-',
       CASE r.policy WHEN 'cascade' THEN 'c' WHEN 'protect' THEN 'a' WHEN 'set null' THEN 'n' END, r.on_soft_delete, 's'
FROM account.declared_reference r JOIN pg_class c ON c.oid = r.child WHERE c.relnamespace = to_regnamespace('s');

-- The three that follow give statements, to be run after this: the rows need a setting that shows all.
--
-- Every row there is: table, row, tree, declaration, stamp, flag, and its columns as name=value.
CREATE FUNCTION observe.rows() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('SELECT %L, rid, %s, %s, (SELECT string_agg(key || ''='' || coalesce(value, E''\x1e''), E''\x1f'') FROM jsonb_each_text(to_jsonb(x) - %L::text[])) FROM ONLY %s x',
                             t.leaf::regclass, coalesce(t.stamp || '::timestamptz::text', 'NULL'), coalesce(t.flag || '::text', 'NULL'),
                             array_remove(ARRAY['rid', replace(t.stamp, '"', ''), replace(t.flag, '"', ''), replace(t.by_whom, '"', '')], NULL), t.leaf::regclass), ' UNION ALL ')
        FROM observe.tables t
$$;

-- Which row references which by what key; parent NULL: it dangles.
CREATE FUNCTION observe.edges() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('SELECT %L, c.rid, p.rid FROM %s%s c LEFT JOIN %s%s p ON %s WHERE %s', k.conname,
                             CASE WHEN cc.relkind = 'r' THEN 'ONLY ' END, k.conrelid::regclass, CASE WHEN pc.relkind = 'r' THEN 'ONLY ' END,
                             k.confrelid::regclass, m.matches, m.complete), ' UNION ALL ')
        FROM observe.keys k JOIN pg_class cc ON cc.oid = k.conrelid JOIN pg_class pc ON pc.oid = k.confrelid
            CROSS JOIN LATERAL (
                SELECT string_agg(format('p.%I = c.%I', pa.attname, ca.attname), ' AND ') AS matches,
                       string_agg(format('c.%I IS NOT NULL', ca.attname), CASE WHEN k.confmatchtype = 'f' THEN ' OR ' ELSE ' AND ' END) AS complete
                FROM unnest(k.conkey, k.confkey) AS u(c, p)
                     JOIN pg_attribute ca ON ca.attrelid = k.conrelid AND ca.attnum = u.c
                     JOIN pg_attribute pa ON pa.attrelid = k.confrelid AND pa.attnum = u.p) m
$$;

-- What a query sees, asked by the root of each tree and by each of its leaves.
CREATE FUNCTION observe.visible() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT format('SELECT ''root'', rid FROM %s%s', CASE WHEN c.relkind = 'r' THEN 'ONLY ' END, t.root), ' UNION ALL ')
        || ' UNION ALL ' || string_agg(format('SELECT ''leaf'', rid FROM ONLY %s', t.leaf::regclass), ' UNION ALL ')
        FROM observe.tables t JOIN pg_class c ON c.oid = t.root
$$;

-- What the keys do: name, child's tree, parent's, action by catalog and with policies, deferrable, deferred, columns that SET NULL and
-- SET DEFAULT change, whether one of them must not be NULL, their defaults, guarded, declared by no foreign key.
CREATE FUNCTION observe.key_list() RETURNS TABLE (key text, child text, parent text, by_catalog text, action text, on_soft_delete text, may_wait boolean,
    waits boolean, columns text, must text, defaults text, guarded boolean, declared boolean) LANGUAGE sql AS $$
    SELECT k.conname, k.conrelid::regclass, k.confrelid::regclass, k.by_catalog, k.action, k.on_soft_delete, k.condeferrable, k.condeferred,
           s.names, s.must, s.defaults,
           EXISTS (SELECT FROM pg_trigger g WHERE g.tgconstrrelid = k.confrelid AND g.tgname LIKE 'zz_account_guard%'
               AND (g.tgrelid = k.conrelid OR g.tgrelid IN (SELECT relid FROM pg_partition_tree(k.conrelid)))), k.oid IS NULL
    FROM observe.keys k LEFT JOIN pg_constraint o ON o.oid = k.oid
        CROSS JOIN LATERAL (SELECT string_agg(attname, ',') AS names, string_agg(attnotnull::text, ',') AS must,
                                   string_agg(coalesce(pg_get_expr(adbin, adrelid), ''), ',') AS defaults
                            FROM pg_attribute a LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum AND a.attgenerated = ''
                            WHERE a.attrelid = k.conrelid AND a.attnum = ANY (CASE WHEN cardinality(o.confdelsetcols) > 0 THEN o.confdelsetcols ELSE k.conkey END)) s
$$;
CREATE FUNCTION observe.table_list() RETURNS TABLE (leaf text, root text, soft boolean, hidden boolean, on_parent text, has_flag boolean,
    digits int, replaces boolean, mail_of_all boolean, stamp text, heir_of text) LANGUAGE sql AS $$
    SELECT leaf::regclass::text, root::text, stamp IS NOT NULL, NOT 'hide=false' = ANY (arguments),
           coalesce((SELECT substring(a FROM '=(.*)') FROM unnest(arguments) a WHERE a LIKE 'on_parent_delete=%'), 'refuse'), flag IS NOT NULL,
           (SELECT CASE WHEN coalesce(nullif(a.atttypmod, -1), nullif(t.typtypmod, -1)) IS NULL THEN 6 ELSE coalesce(nullif(a.atttypmod, -1), t.typtypmod) END
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = leaf AND quote_ident(a.attname) = stamp),
           'on_reinsert=replace' = ANY (arguments),
           EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = leaf AND a.attname = 'mail' WHERE i.indrelid = leaf AND i.indisunique AND i.indpred IS NULL
                   AND i.indkey[0] = a.attnum AND i.indnkeyatts = 1), stamp,
           (SELECT p.relname FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent AND p.relkind = 'r' WHERE h.inhrelid = leaf)
    FROM observe.tables
$$;
