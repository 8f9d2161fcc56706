
CREATE FUNCTION account.noted_model(arguments bytea) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'noted_model' LANGUAGE C STABLE STRICT;
REVOKE ALL ON FUNCTION account.noted_model(bytea) FROM PUBLIC;
COMMENT ON FUNCTION account.noted_model(bytea) IS
'The call of account.use_tables that the trigger of a mapped table has noted, which a dump of the '
'schema alone has too. NULL: these arguments of a trigger are none.';

CREATE FUNCTION account.unreadable_table_remedy(relation regclass) RETURNS text
    AS 'MODULE_PATHNAME', 'unreadable_table_remedy' LANGUAGE C STABLE STRICT;
REVOKE ALL ON FUNCTION account.unreadable_table_remedy(regclass) FROM PUBLIC;
COMMENT ON FUNCTION account.unreadable_table_remedy(regclass) IS
'SQL that gives the owner of a table the privileges to read it, or the step an administrator '
'takes.';

CREATE OR REPLACE FUNCTION account.doctor_purge(relations regclass[])
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    WITH found AS MATERIALIZED (
        SELECT r.relation, o.*
        FROM unnest(doctor_purge.relations) AS r(relation),
        LATERAL account.overdue_rows(r.relation) AS o)
    SELECT 'warning', 'purge_overdue', f.relation::text,
           format('%s%s rows were deleted longer ago than pgaccount.grace_period, and purge cannot '
               'remove them, for they are referenced by %s',
               CASE WHEN f.more THEN 'at least ' ELSE '' END, f.deleted, f.held_by),
           format('Delete the rows that reference them and purge those, or say what becomes of '
               'them '
               'with account.set_reference_policy; SELECT account.purge(%L, force => true) removes '
               'both for good.', f.relation::text)
    FROM found AS f
    WHERE f.deleted > 0
    UNION ALL
    SELECT 'error', 'table_unreadable', f.relation::text, f.held_by,
           account.unreadable_table_remedy(f.relation)
    FROM found AS f
    WHERE f.deleted IS NULL;
END;
COMMENT ON FUNCTION account.overdue_rows(regclass) IS
'Rows of a soft-delete table that were deleted before the grace period and that account.purge '
'keeps, among those deleted longest ago; more: not all were looked at; held_by: what references '
'them. deleted NULL: the rows cannot be looked at; held_by: why.';

CREATE OR REPLACE FUNCTION account.doctor_model()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    -- a dump of the schema alone has the triggers, but not the mapping; one says what it was
    SELECT 'error', 'model_lost', t.tgrelid::regclass::text,
           'nobody can log in: the table''s triggers are there, but no table is mapped, as after '
           'the '
           'restore of a dump of the schema alone',
           CASE WHEN m.call IS NULL OR EXISTS (SELECT FROM jsonb_each_text(m.call -> 'tables') AS g
                    WHERE NOT EXISTS (SELECT FROM pg_class AS k
                        JOIN pg_namespace AS s ON s.oid = k.relnamespace
                        WHERE format('%I.%I', s.nspname, k.relname) = g.value))
                THEN format('Call account.use_tables again: %s holds the users.',
                    t.tgrelid::regclass)
                ELSE format('SELECT count(*) FROM account.use_tables(%L%s, columns => %L);',
                    t.tgrelid::regclass::text,
                    (SELECT string_agg(format(', %I => %L', g.key, g.value), '' ORDER BY g.key)
                     FROM jsonb_each_text(m.call -> 'tables') AS g), m.call -> 'columns') END
    FROM pg_trigger AS t
    JOIN pg_class AS r ON r.oid = t.tgrelid,
    LATERAL (SELECT CASE WHEN t.tgnargs = 1 THEN account.noted_model(t.tgargs) END AS call) AS m
    -- each statement's UPDATE and DELETE
    WHERE t.tgfoid = 'account.end_sessions'::regproc AND t.tgtype & (1 + 32) = 0
          AND NOT r.relispartition AND NOT EXISTS (SELECT FROM account.model_column)
          -- that of members, which says nothing, is none of users
          AND (t.tgnargs > 0 OR NOT EXISTS (SELECT FROM pg_trigger AS e
              WHERE e.tgrelid = t.tgrelid AND e.tgfoid = t.tgfoid AND e.tgtype & 32 <> 0))
          AND NOT EXISTS (SELECT FROM pg_inherits AS h JOIN pg_trigger AS above
              ON above.tgrelid = h.inhparent AND above.tgfoid = t.tgfoid
              WHERE h.inhrelid = t.tgrelid)
    UNION ALL
    SELECT 'error', 'no_signing_key', 'account.signing_key',
           'no key signs: nobody can log in',
           'SELECT account.create_key();'
    WHERE EXISTS (SELECT FROM account.model_column)
          AND NOT EXISTS (SELECT FROM account.signing_key AS k WHERE k.signs)
    UNION ALL
    SELECT 'info', 'key_old', k.kid,
           'the key that signs is older than a year',
           format('SELECT account.create_key(%L);', k.alg)
    FROM account.signing_key AS k
    WHERE k.signs AND coalesce(k.activated_at, k.created_at) < now() - interval '1 year'
    UNION ALL
    SELECT 'error', 'model_incomplete', c.relation::text,
           format('%s.%s is mapped to column %I, which is gone', c.part, c.attribute,
               c.column_name),
           'Call account.use_tables again, with the columns as they are now.'
    FROM account.model_column AS c
    JOIN pg_class AS r ON r.oid = c.relation
    WHERE c.column_name IS NOT NULL
          AND NOT EXISTS (SELECT FROM pg_attribute AS a
                          WHERE a.attrelid = c.relation AND a.attname = c.column_name
                              AND NOT a.attisdropped)
    UNION ALL
    -- regclass prints the oid of a table that is gone, which tells nobody anything
    SELECT 'error', 'model_incomplete', c.part, format('the table of %s is gone', c.part),
           'Call account.use_tables again, with the tables as they are now.'
    FROM account.model_column AS c
    WHERE NOT EXISTS (SELECT FROM pg_class AS r WHERE r.oid = c.relation)
    GROUP BY c.part
    UNION ALL
    SELECT 'warning', 'model_incomplete', c.relation::text,
           'no column is mapped to users.password: nobody can log in by password',
           'Call account.use_tables again, naming the column.'
    FROM account.model_column AS c
    JOIN pg_class AS r ON r.oid = c.relation
    WHERE c.part = 'users' AND c.attribute = 'password' AND c.column_name IS NULL
    UNION ALL
    -- a column by whose name it says who may come in; where is_active was named, somebody has
    -- looked
    SELECT 'warning', 'inactive_unmapped', m.relation::text,
           format('column %I looks as if it says which %s are active, and is not mapped: it keeps '
               'nobody from logging in',
               a.attname, m.part),
           CASE WHEN t.typcategory = 'B'
                THEN account.map_again(m.part, 'is_active', jsonb_build_object('column', a.attname,
                    'not_in', jsonb_build_array(true)))
                WHEN t.typcategory = 'D' AND a.attname !~* 'until$'
                THEN account.map_again(m.part, 'is_active', jsonb_build_object('column', a.attname,
                    'in', jsonb_build_array(NULL)))
                WHEN t.typcategory = 'D'
                THEN format('Map a boolean column that is kept by %I to %s.is_active with '
                    'account.use_tables.', a.attname, m.part)
                ELSE format('Call account.use_tables again, with {%s: {"is_active": {"column": %s, '
                    '"in": [...]}}} and the values of those who'
                    || ' may log in.', to_json(m.part), to_json(a.attname)) END
    FROM (SELECT DISTINCT c.part, c.relation FROM account.model_column AS c
        WHERE c.part IN ('users', 'tenants', 'members')) AS m
    JOIN pg_attribute AS a ON a.attrelid = m.relation AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE translate(lower(a.attname), '_', '') ~
        ('^(is)?(banned|blocked|suspended|disabled|locked|deactivated|inactive|frozen)'
            || '(at|on|until)?$|^(user|account|tenant|member|membership)?status$')
          AND t.typcategory IN ('B', 'D', 'E', 'N', 'S')
          AND NOT EXISTS (SELECT FROM account.model_column AS c
                          WHERE c.part = m.part AND (c.column_name = a.attname
                              OR c.attribute = 'is_active' AND c.source = 'given'))
    UNION ALL
    -- use_tables puts these triggers on the tables and on those that inherit from them; partitions
    -- get clones
    SELECT 'error', 'sessions_not_ended', m.relation::regclass::text,
           format('trigger %I is missing: sessions do not end, and no event is recorded, when rows '
               'of %s change', want.name,
               m.relation::regclass),
           format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION '
               'account.end_sessions();',
               want.name, want.events, m.relation::regclass, want.level)
    FROM (WITH RECURSIVE mapped AS (
              SELECT DISTINCT c.relation::oid AS relation, c.part, false AS cloned
              FROM account.model_column AS c
              WHERE c.part IN ('users', 'tenants', 'members')
              UNION
              SELECT h.inhrelid, p.part, p.cloned OR k.relispartition
              FROM mapped AS p
              JOIN pg_inherits AS h ON h.inhparent = p.relation
              JOIN pg_class AS k ON k.oid = h.inhrelid)
          SELECT * FROM mapped) AS m
    JOIN (VALUES ('zz_account_sessions', 'ROW', 'UPDATE OR DELETE'),
                 ('zz_account_statement', 'STATEMENT', 'UPDATE OR DELETE'),
                 ('zz_account_truncate', 'STATEMENT', 'TRUNCATE')) AS want (name, level, events)
         ON want.level = 'ROW' OR NOT m.cloned
             AND (m.part <> 'tenants' OR want.events = 'TRUNCATE')
    WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
                      WHERE t.tgrelid = m.relation AND t.tgname = want.name
                          AND t.tgfoid = 'account.end_sessions'::regproc)
          AND (SELECT k.relkind FROM pg_class AS k WHERE k.oid = m.relation) IN ('r', 'p')
    UNION ALL
    SELECT f.severity, f.code, f.object, f.message, f.remedy
    FROM account.model_findings() AS f;
END;

CREATE FUNCTION account.doctor_extension()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    -- what everybody may call by the script, and may not any more. A function that a trigger's WHEN
    -- clause or a policy calls is the caller's to EXECUTE in each statement on the table.
    SELECT CASE WHEN r.is_used THEN 'warning' ELSE 'info' END, 'public_execute_revoked', 'account',
           CASE WHEN r.is_used
                THEN format('PUBLIC may not EXECUTE %s: statements of roles to which it is not '
                    'granted fail on tables whose triggers or policies call it', r.functions)
                ELSE format('PUBLIC may not EXECUTE %s, as it may by the installation',
                    r.functions) END,
           format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC;', r.functions)
    FROM (SELECT f.is_used,
                 string_agg(f.function, ', ' ORDER BY f.function COLLATE "C") AS functions
          FROM (SELECT p.oid::regprocedure::text AS function,
                       EXISTS (SELECT FROM pg_depend AS d
                           WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
                               AND d.deptype = 'n'
                               AND d.classid IN ('pg_trigger'::regclass, 'pg_policy'::regclass,
                                   'pg_rewrite'::regclass, 'pg_attrdef'::regclass,
                                   'pg_constraint'::regclass)) AS is_used
                FROM pg_depend AS e
                JOIN pg_extension AS x ON x.oid = e.refobjid AND x.extname = 'pgaccount'
                JOIN pg_proc AS p ON p.oid = e.objid
                JOIN pg_init_privs AS i ON i.objoid = p.oid AND i.classoid = 'pg_proc'::regclass
                    AND i.privtype = 'e'
                WHERE e.classid = 'pg_proc'::regclass AND e.refclassid = 'pg_extension'::regclass
                    AND e.deptype = 'e'
                    AND EXISTS (SELECT FROM aclexplode(i.initprivs) AS a
                        WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')
                    AND NOT EXISTS (
                        SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
                        WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')) AS f
          GROUP BY f.is_used) AS r;
END;
COMMENT ON FUNCTION account.doctor_extension() IS
'The findings of account.doctor about the extension itself.';
REVOKE ALL ON FUNCTION account.doctor_extension() FROM PUBLIC;

CREATE FUNCTION account.doctor_isolation()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    -- what references tenants. Users are looked up before there is an identity: they are no table
    -- to isolate
    SELECT DISTINCT 'info', 'tenant_not_isolated', f.conrelid::regclass::text,
           format('rows of every tenant are seen by all who may read the table: nothing compares '
               '%I with account.tenant_id()', a.attname),
           format('SELECT account.enable_tenant_isolation(%L, %L);', f.conrelid::regclass::text,
               a.attname)
    FROM pg_constraint AS f
    JOIN pg_class AS r ON r.oid = f.conrelid
    JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
    WHERE f.contype = 'f' AND cardinality(f.conkey) = 1 AND NOT r.relrowsecurity
          AND NOT r.relispartition
          AND f.confrelid IN (SELECT c.relation FROM account.model_column AS c
              WHERE c.part = 'tenants')
          AND f.conrelid NOT IN (SELECT c.relation FROM account.model_column AS c)
          AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype,
              'text'::regtype, 'varchar'::regtype)
          -- where users have no tenant there is no account.tenant_id() to compare with: nobody
          -- would see a row
          AND EXISTS (SELECT FROM account.model_column AS c
                      WHERE (c.part, c.attribute) IN (('users', 'tenant'), ('members', 'tenant'))
                          AND c.column_name IS NOT NULL)
          AND NOT EXISTS (SELECT FROM pg_policy AS p
              WHERE p.polrelid = f.conrelid AND p.polname = 'pgaccount_tenant')
    UNION ALL
    -- parts of isolated tables, which hold rows of these and are read by name; and isolated tables
    -- whose row security somebody has turned off
    SELECT 'warning', 'tenant_not_isolated', m.relation::regclass::text,
           CASE WHEN m.above = m.relation
                THEN 'rows of every tenant are seen by all who may read the table: its policies '
                    'are there, but row security is off'
                ELSE format('rows of %s, which is isolated by %I, are here, and who reads this '
                    'table by its own name sees those of every tenant: it is not isolated itself',
                    m.above::regclass, m.column_name) END,
           format('SELECT account.enable_tenant_isolation(%L, %L);', m.relation::regclass::text,
               m.column_name)
    FROM (WITH RECURSIVE isolated AS (
              SELECT p.polrelid AS above, p.polrelid AS relation, 0 AS depth,
                     (SELECT a.attname FROM pg_depend AS d
                      JOIN pg_attribute AS a ON a.attrelid = d.refobjid
                          AND a.attnum = d.refobjsubid
                      WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                          AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.polrelid
                          AND d.refobjsubid > 0
                      ORDER BY d.refobjsubid LIMIT 1) AS column_name
              FROM pg_policy AS p
              WHERE p.polname = 'pgaccount_tenant'
              UNION
              SELECT i.above, h.inhrelid, i.depth + 1, i.column_name
              FROM isolated AS i
              JOIN pg_inherits AS h ON h.inhparent = i.relation)
          SELECT DISTINCT ON (i.relation) i.*
          FROM isolated AS i
          WHERE i.column_name IS NOT NULL
          ORDER BY i.relation, i.depth, i.above) AS m
    JOIN pg_class AS r ON r.oid = m.relation
    WHERE (m.above <> m.relation OR NOT r.relrowsecurity)
          AND r.relkind IN ('r', 'p') AND r.relpersistence <> 't';
END;
COMMENT ON FUNCTION account.doctor_isolation() IS
'The findings of account.doctor about rows that other tenants see.';
REVOKE ALL ON FUNCTION account.doctor_isolation() FROM PUBLIC;
