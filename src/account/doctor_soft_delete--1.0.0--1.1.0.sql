-- That of 1.0.0, but for foreign keys that are not enforced, or over periods: nothing follows over
-- them, and nothing guards them (majors before 18 have no such columns in pg_constraint); for
-- indexes that the flag keeps free of deleted rows; for what tables have noted of references; for
-- new rows that are deleted by default; and for triggers after the one that replaces.
CREATE OR REPLACE FUNCTION account.doctor_soft_delete()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    WITH RECURSIVE soft AS (
        -- what is not given stays as it is
        SELECT s.*, format('SELECT account.enable_soft_delete(%L);', s.whole::text) AS again
        FROM account.soft_delete_tables() AS s),
    -- tables whose rows are soft-deleted: the declared ones and their partitions
    covered AS (
        SELECT s.relation, s.relation AS declared FROM soft AS s
        UNION
        SELECT t.relid, s.relation FROM soft AS s, LATERAL pg_partition_tree(s.relation) AS t),
    whole AS (
        SELECT h.inhrelid AS relation, h.inhparent AS top, 1 AS depth FROM pg_inherits AS h
        UNION ALL
        SELECT w.relation, h.inhparent, w.depth + 1
        FROM whole AS w JOIN pg_inherits AS h ON h.inhrelid = w.top),
    -- what was said of a reference once, and is not any more: the table has noted it
    lost AS (
        SELECT n.parent, n.child,
               CASE WHEN n.columns IS NULL
                    THEN format('SELECT account.set_reference_policy(%L, %L, %L, %L);',
                        n.child::text, n.constraint_name, n.policy, n.on_soft_delete)
                    ELSE format('SELECT account.set_reference(%L, %L, %L, %L, %L);',
                        n.child::text, n.columns, n.parent::text, n.policy,
                        n.on_soft_delete) END AS call
        FROM account.noted_policies() AS n
        WHERE CASE WHEN n.columns IS NULL
                   THEN EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = n.child
                            AND c.conname = n.constraint_name AND c.contype = 'f'
                            AND c.confrelid = n.parent)
                        AND NOT EXISTS (SELECT FROM account.reference_policy AS r
                            WHERE r.child = n.child AND r.constraint_name = n.constraint_name)
                   ELSE NOT EXISTS (SELECT FROM unnest(n.columns) AS k(name)
                            WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                                WHERE a.attrelid = n.child AND a.attname = k.name
                                    AND a.attnum > 0 AND NOT a.attisdropped))
                        AND NOT EXISTS (SELECT FROM account.declared_reference AS d
                            WHERE d.child = n.child AND d.parent = n.parent
                                AND d.columns = n.columns) END),
    foreign_key AS (
        -- cascades: rows that are deleted softly take those along that reference them
        SELECT 'foreign key' AS kind, c.conname, c.conrelid, c.confrelid, c.conkey, c.confdeltype,
               coalesce(r.on_soft_delete = 'follow', r.policy = 'cascade', c.confdeltype = 'c')
                   AS cascades,
               r.on_soft_delete,
               (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n)
                FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, n)
                JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum)
                    AS columns
        FROM pg_constraint AS c
        LEFT JOIN account.reference_policy AS r ON r.child = c.conrelid
            AND r.constraint_name = c.conname
        WHERE c.contype = 'f' AND c.conparentid = 0
              AND coalesce(to_jsonb(c) ->> 'conenforced', 'true') = 'true'
              AND coalesce(to_jsonb(c) ->> 'conperiod', 'false') = 'false'
        UNION ALL
        SELECT 'declared reference', d.name, d.child, d.parent, k.attnums, 'a',
               coalesce(d.on_soft_delete = 'follow', d.policy = 'cascade'), d.on_soft_delete,
               k.columns
        FROM account.declared_reference AS d,
        LATERAL (SELECT array_agg(a.attnum ORDER BY c.n), string_agg(quote_ident(c.name), ', '
            ORDER BY c.n)
                 FROM unnest(d.columns) WITH ORDINALITY AS c(name, n)
                 JOIN pg_attribute AS a ON a.attrelid = d.child
                     AND a.attname = c.name) AS k(attnums, columns)
        WHERE k.attnums IS NOT NULL)
    SELECT 'warning', 'not_preloaded', 'pgaccount',
           'the library is not preloaded: DELETE on soft-delete tables reports 0 rows, and deleted '
           'rows are not hidden',
           'Add pgaccount to shared_preload_libraries in postgresql.conf and restart the server.'
    WHERE NOT account.is_preloaded()
    UNION ALL
    SELECT 'warning', 'hide_inactive', s.relation::text,
           'deleted rows are to be hidden, but are seen by every query of this session',
           CASE WHEN account.is_preloaded()
                THEN format('ALTER TABLE %s ENABLE TRIGGER "00_account_soft_delete";', s.relation)
                ELSE 'Add pgaccount to shared_preload_libraries in postgresql.conf and restart the '
                    'server.' END
    FROM soft AS s
    WHERE s.hide AND NOT (account.is_preloaded() AND s.active)
    UNION ALL
    SELECT 'error', 'trigger_disabled', t.tgrelid::regclass::text,
           format('trigger %I is disabled: its rule is not enforced', t.tgname),
           format('ALTER TABLE %s ENABLE TRIGGER %I;', t.tgrelid::regclass, t.tgname)
    FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'account')
          AND t.tgenabled IN ('D', 'R')
    UNION ALL
    SELECT 'warning', 'detached_partition', t.tgrelid::regclass::text,
           'the table was a partition of a soft-delete table and has lost its trigger: a DELETE '
           'removes rows for good',
           format('SELECT account.enable_soft_delete(%L);', t.tgrelid::regclass::text)
    FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'account')
          AND p.proname = 'soft_delete_truncate'
          AND NOT EXISTS (SELECT FROM covered AS c WHERE c.relation = t.tgrelid)
    UNION ALL
    SELECT 'warning', 'unique_blocks_reuse', i.indexrelid::regclass::text,
           format('deleted rows of %s keep their (%s): it cannot be used again', s.relation,
               (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n)
                FROM generate_series(1, i.indnkeyatts) AS n)),
           format('SELECT account.unique_among_live(%L);', i.indexrelid::regclass::text)
    FROM soft AS s
    JOIN pg_index AS i ON i.indrelid = s.relation
    JOIN pg_attribute AS a ON a.attrelid = s.relation AND a.attname = s.deleted_at,
    LATERAL (SELECT pg_get_expr(i.indpred, i.indrelid) AS condition,
                    quote_ident(s.flag) AS flag) AS p
    WHERE i.indisunique AND NOT i.indisprimary AND i.indisvalid AND NOT i.indisreplident
          AND (i.indpred IS NULL
               OR p.condition NOT LIKE
                  '%(' || replace(quote_ident(a.attname), '_', E'\\_') || ' IS NULL)%')
          -- nor one that the flag keeps free of deleted rows
          AND NOT coalesce(strpos(p.condition, '(NOT ' || p.flag || ')')
              + strpos(p.condition, '(' || p.flag || ' = false)')
              + strpos(p.condition, '(' || p.flag || ' IS FALSE)')
              + strpos(p.condition, '(' || p.flag || ' IS NOT TRUE)') > 0, false)
          AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.contype = 'f'
              AND c.conindid = i.indexrelid)
    UNION ALL
    -- one row a referenced table, of the keys over which rows follow theirs
    SELECT 'info', 'foreign_key_without_index', f.confrelid::regclass::text,
           format('what follows deletions of rows of %s scans whole tables: no index leads with %s',
               f.confrelid::regclass,
               string_agg(format('(%s) of %s', f.columns, f.conrelid::regclass), ', '
                   ORDER BY f.conrelid::regclass::text, f.columns)),
           string_agg(DISTINCT format('CREATE INDEX ON %s (%s);', f.conrelid::regclass, f.columns),
               ' ')
    FROM foreign_key AS f
    WHERE f.cascades AND EXISTS (SELECT FROM covered AS c WHERE c.relation = f.confrelid)
          AND EXISTS (SELECT FROM covered AS c WHERE c.relation = f.conrelid)
          AND NOT EXISTS (
              SELECT FROM pg_index AS i
              WHERE i.indrelid = f.conrelid AND i.indisvalid AND i.indpred IS NULL
                    AND cardinality(f.conkey) <= i.indnkeyatts
                    AND (SELECT array_agg(k ORDER BY k) FROM unnest(f.conkey) AS k)
                      = (SELECT array_agg(k ORDER BY k)
                         FROM unnest((i.indkey::int2[])[0:cardinality(f.conkey) - 1]) AS k))
    GROUP BY f.confrelid
    UNION ALL
    SELECT DISTINCT 'warning', 'unguarded_reference', f.conrelid::regclass::text,
           format('%s %I may come to reference deleted rows of %s: no trigger guards it',
               f.kind, f.conname, f.confrelid::regclass),
           s.again
    FROM soft AS s
    JOIN covered AS c ON c.declared = s.relation
    JOIN foreign_key AS f ON f.confrelid = c.relation
    WHERE s.guard_references
          AND EXISTS (
              SELECT FROM (SELECT f.conrelid AS relation
                           UNION SELECT t.relid FROM pg_partition_tree(f.conrelid) AS t) AS part
              JOIN pg_class AS k ON k.oid = part.relation
              WHERE k.relkind = 'r' AND NOT EXISTS (
                  SELECT FROM pg_trigger AS t
                  JOIN pg_proc AS p ON p.oid = t.tgfoid
                  WHERE t.tgrelid = part.relation AND t.tgconstrrelid = f.confrelid
                      AND p.proname = 'guard_reference'
                        AND p.pronamespace = (SELECT oid FROM pg_namespace
                            WHERE nspname = 'account')))
    UNION ALL
    -- told when soft delete is enabled, and from then on
    SELECT CASE f.confdeltype WHEN 'c' THEN 'warning' ELSE 'info' END, 'cascade_stopped',
        f.conrelid::regclass::text,
           format('%s of foreign key %I does not act when rows of %s are deleted: the rows that '
               'reference them are kept',
               CASE f.confdeltype WHEN 'c' THEN 'ON DELETE CASCADE' WHEN 'n' THEN
                   'ON DELETE SET NULL' ELSE 'ON DELETE SET DEFAULT' END,
               f.conname, f.confrelid::regclass),
           CASE WHEN f.cascades
                -- of the whole that the table is a part of, or inherits from
                THEN format('SELECT account.enable_soft_delete(%L);',
                    coalesce((SELECT w.top::regclass::text FROM whole AS w
                              WHERE w.relation = f.conrelid ORDER BY w.depth DESC LIMIT 1),
                        f.conrelid::regclass::text))
                ELSE 'Say what becomes of the rows, with account.set_reference_policy and its '
                    'on_soft_delete.' END
    FROM foreign_key AS f
    WHERE f.confdeltype IN ('c', 'n', 'd') AND f.on_soft_delete IS NULL
          AND EXISTS (SELECT FROM covered AS c JOIN soft AS s ON s.relation = c.declared
                      WHERE c.relation = f.confrelid AND NOT (s.children AND f.cascades))
          AND NOT (f.cascades AND EXISTS (SELECT FROM covered AS c WHERE c.relation = f.conrelid))
          -- a profile stays with its user
          AND NOT EXISTS (SELECT FROM account.profile_rule AS r WHERE r.users = f.confrelid
              AND r.profiles = f.conrelid)
    UNION ALL
    SELECT DISTINCT 'info', 'cascade_stopped', f.conrelid::regclass::text,
           format('ON DELETE CASCADE of foreign key %I does not act when rows of %s are deleted: '
               'that is refused while rows reference them, deleted ones as well',
               f.conname, f.confrelid::regclass),
           format('SELECT account.enable_soft_delete(%L, on_parent_delete => ''delete'');',
               s.whole::text)
    FROM soft AS s
    JOIN covered AS c ON c.declared = s.relation
    JOIN foreign_key AS f ON f.conrelid = c.relation
    WHERE f.confdeltype = 'c' AND s.on_parent_delete = 'refuse'
          AND NOT EXISTS (SELECT FROM covered AS c WHERE c.relation = f.confrelid)
    UNION ALL
    -- refused when soft delete is enabled, and nothing tells of it afterwards: the rows go unseen
    SELECT 'error', 'born_deleted', c.relation::regclass::text,
           format('column %I is %s by default: every new row is a deleted one', a.attname,
               value.expression),
           format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s;', c.relation::regclass,
               a.attname, CASE WHEN a.attname = s.deleted_at THEN 'NULL' ELSE 'false' END)
    FROM soft AS s
    JOIN covered AS c ON c.declared = s.relation
    JOIN pg_attribute AS a ON a.attrelid = c.relation AND a.attname IN (s.deleted_at, s.flag)
    JOIN pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum,
    LATERAL (SELECT coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault) AS expression) AS value
    WHERE a.attgenerated = ''
          AND CASE WHEN a.attname = s.deleted_at
                   THEN value.expression !~ E'^\\(*NULL\\M'
                   ELSE value.expression ~ E'^\\(*true\\M' END
    UNION ALL
    SELECT 'warning', 'delete_trigger_silent', t.tgrelid::regclass::text,
           format('trigger %I does not fire on DELETE, which is an UPDATE of the table', t.tgname),
           format('Let %s fire on UPDATE too, where a row comes to be deleted; or drop the '
               'trigger, if it is of no use any more.',
               t.tgfoid::regprocedure)
    FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE t.tgtype & 8 <> 0 AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled <> 'D'
          AND EXISTS (SELECT FROM covered AS c WHERE c.relation = t.tgrelid)
          AND p.pronamespace <> (SELECT oid FROM pg_namespace WHERE nspname = 'account')
          AND NOT EXISTS (SELECT FROM pg_trigger AS u
                          WHERE u.tgrelid = t.tgrelid AND u.tgfoid = t.tgfoid AND u.tgtype & 16 <> 0
                              AND u.tgenabled <> 'D')
    UNION ALL
    -- refused when soft delete is enabled, and by each INSERT from then on
    SELECT 'error', 'trigger_after_replace', t.tgrelid::regclass::text,
           format('trigger %I fires after %I, which removes deleted rows for the new row as it is '
               'then: every INSERT is refused',
               t.tgname, r.tgname),
           format('ALTER TRIGGER %I ON %s RENAME TO %I;', t.tgname, t.tgrelid::regclass,
               'zz_' || ltrim(t.tgname::text, '~'))
    FROM pg_trigger AS r
    JOIN pg_proc AS p ON p.oid = r.tgfoid
    JOIN pg_trigger AS t ON t.tgrelid = r.tgrelid AND t.tgfoid <> r.tgfoid
        AND t.tgname::text COLLATE "C" > r.tgname::text COLLATE "C"
    WHERE p.proname = 'replace_deleted'
          AND p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'account')
          -- BEFORE, INSERT, for each row
          AND t.tgtype & 71 = 7 AND t.tgparentid = 0
          AND t.tgenabled IN ('O', 'A') AND r.tgenabled IN ('O', 'A')
          AND EXISTS (SELECT FROM covered AS c JOIN soft AS s ON s.relation = c.declared
                      WHERE c.relation = t.tgrelid AND s.on_reinsert = 'replace')
    UNION ALL
    SELECT 'warning', 'delete_rule_first', w.ev_class::regclass::text,
           format('rule %I takes the place of a DELETE of the table, which comes to no soft delete',
               w.rulename),
           format('DROP RULE %I ON %s;', w.rulename, w.ev_class::regclass)
    FROM pg_rewrite AS w
    WHERE w.ev_type = '4' AND w.is_instead AND w.ev_enabled <> 'D'
          AND EXISTS (SELECT FROM covered AS c WHERE c.relation = w.ev_class)
    UNION ALL
    -- keys that say something: what nothing makes, and is no mere number, uuid or id, or references
    -- a row
    SELECT 'info', 'primary_key_blocks_reuse', i.indexrelid::regclass::text,
           format('deleted rows of %s keep their primary key (%s): it cannot be inserted again',
               s.relation,
               (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n)
                FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
                JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum)),
           'Restore such a row in place of inserting it, or give the table a key that is generated;'
           || ' for a table of memberships, account.enable_soft_delete has on_reinsert.'
    FROM soft AS s
    JOIN pg_index AS i ON i.indrelid = s.relation
    WHERE i.indisprimary AND s.on_reinsert <> 'replace'
          AND NOT EXISTS (SELECT FROM pg_attribute AS a
                          WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
                                AND (a.atthasdef OR a.attidentity <> ''))
          AND EXISTS (SELECT FROM pg_attribute AS a
                      WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
                            AND (a.atttypid NOT IN ('int2'::regtype, 'int4'::regtype,
                                'int8'::regtype, 'uuid'::regtype)
                                 AND NOT (i.indnkeyatts = 1 AND translate(lower(a.attname), '_', '')
                                     IN ('id', 'uid', 'uuid', 'guid', 'objectid'))
                                 OR EXISTS (SELECT FROM foreign_key AS f
                                            WHERE f.conrelid = a.attrelid
                                                AND a.attnum = ANY (f.conkey))))
    UNION ALL
    -- soft-delete children that do not follow, because their foreign key is newer than the trigger
    SELECT 'warning', 'uncovered_child', f.conrelid::regclass::text,
           format('rows of %s do not follow those of %s: %s %I is newer than soft delete there',
               f.conrelid::regclass, s.relation, f.kind, f.conname),
           s.again
    FROM soft AS s
    JOIN foreign_key AS f ON f.confrelid = s.relation AND f.cascades
    JOIN soft AS child ON child.relation = f.conrelid
    WHERE NOT EXISTS (
              SELECT FROM pg_trigger AS t
              JOIN pg_proc AS p ON p.oid = t.tgfoid
              WHERE t.tgrelid = s.relation AND p.proname = 'soft_delete_changed'
                    AND p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'account'))
    UNION ALL
    SELECT 'warning', 'uncovered_child', f.conrelid::regclass::text,
           format('rows of %s stay live when those of %s are deleted: the table came after soft '
               'delete there',
               f.conrelid::regclass, f.confrelid::regclass),
           s.again
    FROM soft AS s
    JOIN covered AS whole ON whole.declared = s.relation
    JOIN foreign_key AS f ON f.confrelid = whole.relation AND f.cascades
    WHERE s.children AND NOT EXISTS (SELECT FROM covered AS c WHERE c.relation = f.conrelid)
    UNION ALL
    SELECT 'warning', 'uncovered_child', h.inhrelid::regclass::text,
           format('the table inherits from %s and came after soft delete there: a DELETE of it '
               'removes rows for good',
               h.inhparent::regclass),
           s.again
    FROM soft AS s
    JOIN pg_inherits AS h ON h.inhparent = s.relation
    WHERE NOT EXISTS (SELECT FROM covered AS c WHERE c.relation = h.inhrelid)
    UNION ALL
    SELECT 'warning', 'reference_incomplete', d.child::text,
           format('declared reference %I to %s is followed by nothing: its columns do not fit a '
               'primary key there',
               d.name, d.parent),
           format('SELECT account.set_reference(%L, %L, %L, NULL);', d.child::text, d.columns,
               d.parent::text)
    FROM account.declared_reference AS d
    WHERE NOT EXISTS (
              SELECT FROM pg_index AS i
              WHERE i.indrelid = d.parent AND i.indisprimary
                  AND i.indnkeyatts = cardinality(d.columns))
          OR EXISTS (
              SELECT FROM unnest(d.columns) AS c(name)
              WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = d.child
                  AND a.attname = c.name))
    UNION ALL
    -- a column and an index that soft delete leaves behind where a schema is written down without
    -- triggers, as Rails' schema.rb is
    SELECT 'warning', 'soft_delete_lost', r.oid::regclass::text,
           format('column %I and an index over live rows (%s) are those of soft delete, which the '
               'table has not: a DELETE removes rows for good',
               a.attname, string_agg(i.indexrelid::regclass::text, ', '
                   ORDER BY i.indexrelid::regclass::text)),
           format('SELECT account.enable_soft_delete(%L, deleted_at => %L);',
               r.oid::regclass::text, a.attname)
    FROM pg_class AS r
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    JOIN pg_index AS i ON i.indrelid = r.oid
    WHERE r.relkind IN ('r', 'p') AND NOT r.relispartition AND r.relpersistence <> 't'
          AND translate(lower(a.attname), '_', '') = 'deletedat'
          AND (t.oid IN ('timestamptz'::regtype, 'timestamp'::regtype)
               OR t.typtype = 'd' AND t.typcategory = 'D')
          AND pg_get_expr(i.indpred, i.indrelid) LIKE
              '%(' || replace(quote_ident(a.attname), '_', E'\\_') || ' IS NULL)%'
          AND r.relnamespace <> (SELECT oid FROM pg_namespace WHERE nspname = 'account')
          AND NOT EXISTS (SELECT FROM covered AS c WHERE c.relation = r.oid)
          -- a partition that lost it is told of as such
          AND NOT EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = r.oid
              AND g.tgname = '00_account_soft_delete_truncate')
    GROUP BY r.oid, a.attname
    UNION ALL
    -- a dump of the schema alone has the triggers, but no rows of account.reference_policy
    SELECT 'warning', 'policies_lost', l.parent::text,
           format('what was said of references to the table is not there any more, as after the '
               'restore of a dump of the schema alone: of %s',
               string_agg(DISTINCT l.child::text, ', ')),
           string_agg(l.call, ' ' ORDER BY l.call COLLATE "C")
    FROM lost AS l
    GROUP BY l.parent
    UNION ALL
    -- nor rows of account.erasure and account.purge_action
    SELECT 'warning', 'erasure_lost', e.target::text,
           format('what was said of erasing columns of the table is not there any more, as after '
               'the restore of a dump of the schema alone: of %s',
               string_agg(quote_ident(e.column_name), ', ' ORDER BY e.column_name COLLATE "C")),
           string_agg(format('SELECT account.set_erasure(%L, %L, %L);', e.target::text,
                   e.column_name, e.method), ' ' ORDER BY e.column_name COLLATE "C")
               || CASE WHEN bool_or(e.by_purge)
                       THEN format(' SELECT account.set_purge(%L, %L);', e.target::text, 'erase')
                       ELSE '' END
    FROM account.noted_erasure() AS e
    JOIN pg_attribute AS a ON a.attrelid = e.target AND a.attname = e.column_name
        AND NOT a.attisdropped
    WHERE NOT EXISTS (SELECT FROM account.erasure AS r WHERE r.target = e.target
        AND r.column_name = e.column_name)
    GROUP BY e.target
    UNION ALL
    -- where nothing was noted, or of tables that have other names now
    SELECT 'info', 'policies_lost', s.relation::text,
           'no rows follow when rows of the table are deleted, though a trigger is there that lets '
           'them: their tables are gone, or a dump of the schema alone left the policies of '
           'their references behind',
           format('Call account.set_reference_policy and account.set_reference again, as the '
               'migrations did; where nothing is to follow any more: %s', s.again)
    FROM soft AS s
    WHERE NOT EXISTS (SELECT FROM account.reference_policy)
          AND NOT EXISTS (SELECT FROM account.declared_reference)
          AND NOT EXISTS (SELECT FROM lost AS l WHERE l.parent = s.relation)
          AND EXISTS (
              SELECT FROM pg_trigger AS t
              JOIN pg_proc AS p ON p.oid = t.tgfoid
              WHERE t.tgrelid = s.relation AND p.proname = 'soft_delete_changed'
                    AND p.pronamespace = (SELECT oid FROM pg_namespace
                        WHERE nspname = 'account'))
          AND NOT EXISTS (
              SELECT FROM foreign_key AS f
              JOIN covered AS parent ON parent.relation = f.confrelid
              JOIN covered AS child ON child.relation = f.conrelid
              WHERE f.cascades AND (parent.declared = s.relation
                  OR EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = s.relation
                      OR h.inhparent = s.relation)))
    UNION ALL
    SELECT 'warning', 'truncate_granted', c.relation::text,
           format('role %s may TRUNCATE the table, which soft delete refuses: the grant is of no '
               'use but under replica',
               CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END),
           format('REVOKE TRUNCATE ON %s FROM %s;', c.relation,
               CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END)
    FROM covered AS c
    JOIN pg_class AS r ON r.oid = c.relation,
    LATERAL aclexplode(r.relacl) AS g
    WHERE g.privilege_type = 'TRUNCATE' AND g.grantee <> r.relowner;
END;
