
-- doctor ------------------------------------------------------------------------------------------
-- Its statements read catalogs, with estimates that make them look dear: to compile one takes
-- seconds, to run it milliseconds.

CREATE FUNCTION account.is_preloaded() RETURNS boolean
    AS 'MODULE_PATHNAME', 'is_preloaded' LANGUAGE C STABLE PARALLEL RESTRICTED;
GRANT EXECUTE ON FUNCTION account.is_preloaded() TO PUBLIC;
COMMENT ON FUNCTION account.is_preloaded() IS
'Is the library preloaded, so that DELETE is rewritten and deleted rows are hidden in this '
'session?';

CREATE FUNCTION account.soft_delete_tables(OUT relation regclass, OUT deleted_at name,
        OUT flag name,
        OUT deleted_by name, OUT hide boolean, OUT guard_references boolean,
            OUT on_parent_delete text,
        OUT children boolean, OUT on_reinsert text, OUT active boolean, OUT whole regclass)
            RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'soft_delete_tables' LANGUAGE C STABLE;
GRANT EXECUTE ON FUNCTION account.soft_delete_tables() TO PUBLIC;
COMMENT ON FUNCTION account.soft_delete_tables() IS
'The tables with soft delete, their mapped columns and options; active: the trigger fires in this '
'session. Partitions have their table''s; whole: the table that an inheritance child is covered '
'by.';

CREATE FUNCTION account.doctor_soft_delete()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    WITH soft AS (
        -- what is not given stays as it is
        SELECT s.*, format('SELECT account.enable_soft_delete(%L);', s.whole::text) AS again
        FROM account.soft_delete_tables() AS s),
    -- tables whose rows are soft-deleted: the declared ones and their partitions
    covered AS (
        SELECT s.relation, s.relation AS declared FROM soft AS s
        UNION
        SELECT t.relid, s.relation FROM soft AS s, LATERAL pg_partition_tree(s.relation) AS t),
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
    JOIN pg_attribute AS a ON a.attrelid = s.relation AND a.attname = s.deleted_at
    WHERE i.indisunique AND NOT i.indisprimary AND i.indisvalid AND NOT i.indisreplident
          AND (i.indpred IS NULL
               OR pg_get_expr(i.indpred, i.indrelid) NOT LIKE
                  '%(' || replace(quote_ident(a.attname), '_', '\_') || ' IS NULL)%')
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
                THEN format('SELECT account.enable_soft_delete(%L);',
                    coalesce(pg_partition_root(f.conrelid), f.conrelid)::regclass::text)
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
              '%(' || replace(quote_ident(a.attname), '_', '\_') || ' IS NULL)%'
          AND r.relnamespace <> (SELECT oid FROM pg_namespace WHERE nspname = 'account')
          AND NOT EXISTS (SELECT FROM covered AS c WHERE c.relation = r.oid)
          -- a partition that lost it is told of as such
          AND NOT EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = r.oid
              AND g.tgname = '00_account_soft_delete_truncate')
    GROUP BY r.oid, a.attname
    UNION ALL
    -- a dump of the schema alone has the triggers, but no rows of account.reference_policy
    SELECT 'info', 'policies_lost', s.relation::text,
           'no rows follow when rows of the table are deleted, though a trigger is there that lets '
           'them: their tables are gone, or a dump of the schema alone left the policies of '
           'their references behind',
           format('Call account.set_reference_policy and account.set_reference again, as the '
               'migrations did; where nothing is to follow any more: %s', s.again)
    FROM soft AS s
    WHERE NOT EXISTS (SELECT FROM account.reference_policy)
          AND NOT EXISTS (SELECT FROM account.declared_reference)
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
COMMENT ON FUNCTION account.doctor_soft_delete() IS
'The findings of account.doctor about soft delete.';
REVOKE ALL ON FUNCTION account.doctor_soft_delete() FROM PUBLIC;

CREATE FUNCTION account.overdue_rows(relation regclass, OUT deleted bigint, OUT more boolean,
        OUT held_by text) RETURNS record
    AS 'MODULE_PATHNAME', 'overdue_rows' LANGUAGE C STABLE;
COMMENT ON FUNCTION account.overdue_rows(regclass) IS
'Rows of a soft-delete table that were deleted before the grace period and that account.purge '
'keeps, among those deleted longest ago; more: not all were looked at; held_by: what references '
'them.';
REVOKE ALL ON FUNCTION account.overdue_rows(regclass) FROM PUBLIC;

CREATE FUNCTION account.doctor_purge(relations regclass[])
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT 'warning', 'purge_overdue', r.relation::text,
           format('%s%s rows were deleted longer ago than pgaccount.grace_period, and purge cannot '
               'remove them, for they are referenced by %s',
               CASE WHEN o.more THEN 'at least ' ELSE '' END, o.deleted, o.held_by),
           format('Delete the rows that reference them and purge those, or say what becomes of '
               'them '
               'with account.set_reference_policy; SELECT account.purge(%L, force => true) removes '
               'both for good.', r.relation::text)
    FROM unnest(doctor_purge.relations) AS r(relation), LATERAL account.overdue_rows(r.relation)
        AS o
    WHERE o.deleted > 0;
END;
COMMENT ON FUNCTION account.doctor_purge(regclass[]) IS
'The findings of account.doctor about rows that should be gone, of these tables.';
REVOKE ALL ON FUNCTION account.doctor_purge(regclass[]) FROM PUBLIC;

CREATE FUNCTION account.profile_findings(OUT users regclass, OUT profiles regclass,
        OUT user_key text,
        OUT user_column text, OUT missing bigint, OUT orphans bigint) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'profile_findings' LANGUAGE C STABLE;
COMMENT ON FUNCTION account.profile_findings() IS
'For each pair of tables with automatic profiles: users without profile, and live profiles without '
'user. NULLs: the rule cannot work any more.';
REVOKE ALL ON FUNCTION account.profile_findings() FROM PUBLIC;

CREATE FUNCTION account.doctor_profile()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT 'error', 'profile_rule_broken', f.users::text,
           format('new rows get no profile in %s: its unique column of the user, or the key it '
               'refers to, is gone', f.profiles),
           'Make the column of the profiles table unique again, then call account.enable_profile '
           'for the two tables.'
    FROM account.profile_findings() AS f
    WHERE f.user_column IS NULL
    UNION ALL
    SELECT 'warning', 'users_without_profile', f.users::text,
           format('%s rows have no profile in %s: they came by ATTACH PARTITION or under replica, '
               'or their profiles were deleted', f.missing, f.profiles),
           format('SELECT account.enable_profile(%L, %L, %L, %L, %L);', f.users::text,
               f.profiles::text,
               (parse_ident(f.user_column))[1],
               (SELECT coalesce(jsonb_object_agg(d.column_name, d.value), '{}')
                FROM account.profile_default AS d
                WHERE d.users = f.users AND d.profiles = f.profiles),
               (SELECT r.adopt FROM account.profile_rule AS r
                WHERE r.users = f.users AND r.profiles = f.profiles))
    FROM account.profile_findings() AS f
    WHERE f.missing > 0
    UNION ALL
    SELECT 'warning', 'orphan_profiles', f.profiles::text,
           format('%s profiles have no user in %s', f.orphans, f.users),
           -- deleted users are users: they must be seen, or their profiles would go
           format('BEGIN; SET LOCAL pgaccount.show_deleted = on;'
               || ' DELETE FROM %s AS p WHERE NOT EXISTS (SELECT FROM %s AS u WHERE u.%s = p.%s); '
                   'COMMIT;',
               f.profiles, f.users, f.user_key, f.user_column)
    FROM account.profile_findings() AS f
    WHERE f.orphans > 0
    UNION ALL
    -- a dump of the schema alone has the triggers, but not the rule; they say what it was
    SELECT 'error', 'profile_rule_lost', m.tgrelid::regclass::text,
           format('new rows get no profile in %s: the triggers are there, but not the rule, as '
               'after the restore of a dump of the schema alone', d.refobjid::regclass),
           format('SELECT account.enable_profile(%L, %L, %L, %L, %L);', m.tgrelid::regclass::text,
               d.refobjid::regclass::text, a.attname,
               -- the bytes of one argument, and one that ends it
               convert_from(substring(m.tgargs FROM 1 FOR octet_length(m.tgargs) - 1),
                   current_setting('server_encoding')),
               EXISTS (SELECT FROM pg_trigger AS t
                       JOIN pg_depend AS u ON u.classid = 'pg_trigger'::regclass
                           AND u.objid = t.oid AND u.refclassid = 'pg_class'::regclass
                           AND u.refobjid = m.tgrelid
                       WHERE t.tgrelid = d.refobjid AND t.tgtype & 4 <> 0
                             AND t.tgfoid = 'account.adopt_profile'::regproc))
    FROM pg_trigger AS m
    JOIN pg_depend AS d ON d.classid = 'pg_trigger'::regclass AND d.objid = m.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> m.tgrelid
    JOIN pg_trigger AS k ON k.tgrelid = d.refobjid
        AND k.tgfoid = 'account.keep_profile'::regproc AND k.tgparentid = 0
    JOIN pg_depend AS u ON u.classid = 'pg_trigger'::regclass AND u.objid = k.oid
        AND u.refclassid = 'pg_class'::regclass AND u.refobjid = m.tgrelid
    JOIN pg_depend AS c ON c.classid = 'pg_trigger'::regclass AND c.objid = k.oid
        AND c.refclassid = 'pg_class'::regclass AND c.refobjid = d.refobjid AND c.refobjsubid > 0
    JOIN pg_attribute AS a ON a.attrelid = c.refobjid AND a.attnum = c.refobjsubid
    WHERE m.tgfoid = 'account.make_profile'::regproc AND m.tgparentid = 0 AND m.tgnargs = 1
          AND NOT EXISTS (SELECT FROM account.profile_rule AS r WHERE r.users = m.tgrelid
              AND r.profiles = d.refobjid);
END;
COMMENT ON FUNCTION account.doctor_profile() IS
'The findings of account.doctor about automatic profiles.';
REVOKE ALL ON FUNCTION account.doctor_profile() FROM PUBLIC;

CREATE FUNCTION account.model_findings()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    AS 'MODULE_PATHNAME', 'model_findings' LANGUAGE C STABLE;
COMMENT ON FUNCTION account.model_findings() IS
'What the rows of the mapped tables say about logins to come. Empty without a mapping that works.';
REVOKE ALL ON FUNCTION account.model_findings() FROM PUBLIC;

-- The call that maps the tables as they are, but for one attribute.
CREATE FUNCTION account.map_again(part text, attribute text, to_what jsonb) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH wanted AS (
        SELECT c.part, c.attribute,
               CASE WHEN c.part = map_again.part
                   AND c.attribute = map_again.attribute THEN map_again.to_what
                    ELSE c.given END AS value
        FROM account.model_column AS c
        WHERE c.given IS NOT NULL OR c.part = map_again.part AND c.attribute = map_again.attribute),
    parts AS (SELECT w.part, jsonb_object_agg(w.attribute, w.value) AS columns FROM wanted
        AS w GROUP BY w.part),
    tables AS (SELECT DISTINCT c.part, c.relation FROM account.model_column AS c)
    SELECT format('SELECT count(*) FROM account.use_tables(%s, columns => %L);',
               string_agg(format('%I => %L', t.part, t.relation::text), ', ' ORDER BY t.part DESC),
               (SELECT jsonb_object_agg(p.part, p.columns) FROM parts AS p))
    FROM tables AS t;
END;
COMMENT ON FUNCTION account.map_again(text, text, jsonb) IS
'SQL that calls account.use_tables for the tables mapped now, with one attribute mapped in another '
'way.';
REVOKE ALL ON FUNCTION account.map_again(text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION account.doctor_model()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    -- a dump of the schema alone has the triggers, but not the mapping; one says what it was
    SELECT 'error', 'model_lost', t.tgrelid::regclass::text,
           'nobody can log in: the table''s triggers are there, but no table is mapped, as after '
           'the '
           'restore of a dump of the schema alone',
           CASE WHEN m.call IS NULL OR EXISTS (SELECT FROM jsonb_each_text(m.call -> 'tables') AS g
                                               WHERE to_regclass(g.value) IS NULL)
                THEN format('Call account.use_tables again: %s holds the users.',
                    t.tgrelid::regclass)
                ELSE format('SELECT count(*) FROM account.use_tables(%L%s, columns => %L);',
                    t.tgrelid::regclass::text,
                    (SELECT string_agg(format(', %I => %L', g.key, g.value), '' ORDER BY g.key)
                     FROM jsonb_each_text(m.call -> 'tables') AS g), m.call -> 'columns') END
    FROM pg_trigger AS t
    JOIN pg_class AS r ON r.oid = t.tgrelid,
    LATERAL (SELECT CASE WHEN t.tgnargs = 1 THEN
                 convert_from(substring(t.tgargs FROM 1 FOR octet_length(t.tgargs) - 1),
                     current_setting('server_encoding'))::jsonb END AS call) AS m
    WHERE t.tgfoid = 'account.end_sessions'::regproc AND t.tgtype & 1 = 0
          AND NOT r.relispartition AND NOT EXISTS (SELECT FROM account.model_column)
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
    -- users are looked up before there is an identity: they are no table to isolate
    SELECT DISTINCT 'info', 'tenant_not_isolated', f.conrelid::regclass::text,
           format('rows of every tenant are seen by all who may read the table: nothing compares '
               '%I with account.tenant_id()', a.attname),
           format('SELECT account.enable_tenant_isolation(%L, %L);', f.conrelid::regclass::text,
               a.attname)
    FROM pg_constraint AS f
    JOIN pg_class AS r ON r.oid = f.conrelid
    JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
    WHERE f.contype = 'f' AND cardinality(f.conkey) = 1 AND NOT r.relispartition
        AND NOT r.relrowsecurity
          AND f.confrelid IN (SELECT c.relation FROM account.model_column AS c
              WHERE c.part = 'tenants')
          AND f.conrelid NOT IN (SELECT c.relation FROM account.model_column AS c)
          AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype,
              'text'::regtype, 'varchar'::regtype)
          -- where users have no tenant there is no account.tenant_id() to compare with: nobody
          -- would see a row
          AND EXISTS (SELECT FROM account.model_column AS c
                      WHERE c.part = 'users' AND c.attribute = 'tenant' AND c.column_name
                          IS NOT NULL)
    UNION ALL
    SELECT 'error', 'model_incomplete', c.relation::text,
           format('%s.%s is mapped to column %I, which is gone', c.part, c.attribute,
               c.column_name),
           'Call account.use_tables again, with the columns as they are now.'
    FROM account.model_column AS c
    WHERE c.column_name IS NOT NULL
          AND NOT EXISTS (SELECT FROM pg_attribute AS a
                          WHERE a.attrelid = c.relation AND a.attname = c.column_name
                              AND NOT a.attisdropped)
    UNION ALL
    SELECT 'warning', 'model_incomplete', c.relation::text,
           'no column is mapped to users.password: nobody can log in by password',
           'Call account.use_tables again, naming the column.'
    FROM account.model_column AS c
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
        WHERE c.part IN ('users', 'tenants')) AS m
    JOIN pg_attribute AS a ON a.attrelid = m.relation AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE translate(lower(a.attname), '_', '') ~
        ('^(is)?(banned|blocked|suspended|disabled|locked|deactivated|inactive|frozen)'
            || '(at|on|until)?$|^(user|account|tenant)?status$')
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
           format('CREATE TRIGGER %I AFTER UPDATE OR DELETE ON %s FOR EACH %s EXECUTE FUNCTION '
               'account.end_sessions();',
               want.name, m.relation::regclass, want.level)
    FROM (WITH RECURSIVE mapped AS (
              SELECT DISTINCT c.relation::oid AS relation, c.part, false AS cloned
              FROM account.model_column AS c WHERE c.part IN ('users', 'tenants')
              UNION
              SELECT h.inhrelid, p.part, p.cloned OR k.relispartition
              FROM mapped AS p
              JOIN pg_inherits AS h ON h.inhparent = p.relation
              JOIN pg_class AS k ON k.oid = h.inhrelid)
          SELECT * FROM mapped) AS m
    JOIN (VALUES ('zz_account_sessions', 'ROW'), ('zz_account_statement',
        'STATEMENT')) AS want (name, level)
         ON want.level = 'ROW' OR m.part = 'users' AND NOT m.cloned
    WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
                      WHERE t.tgrelid = m.relation AND t.tgname = want.name
                          AND t.tgfoid = 'account.end_sessions'::regproc)
          AND (SELECT k.relkind FROM pg_class AS k WHERE k.oid = m.relation) IN ('r', 'p')
    UNION ALL
    SELECT f.severity, f.code, f.object, f.message, f.remedy
    FROM account.model_findings() AS f;
END;
COMMENT ON FUNCTION account.doctor_model() IS
'The findings of account.doctor about the account model.';
REVOKE ALL ON FUNCTION account.doctor_model() FROM PUBLIC;

CREATE FUNCTION account.doctor_events()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    SELECT 'warning', 'not_preloaded', 'account.stats',
           'the library is not in shared_preload_libraries: failures are not recorded past a '
           'rollback, there are no statistics,'
           || ' and nothing limits logins that roll back, or passwords hashed at once',
           'Add pgaccount to shared_preload_libraries in postgresql.conf and restart the server.'
    FROM account.event_queue() AS q
    WHERE q.capacity = 0
    UNION ALL
    SELECT 'warning', 'events_dropped', 'account.event',
           format('%s failures were not recorded: the queue was full (pgaccount.event_queue_size), '
               'or a crash lost it;'
               || ' events of the operation event_queue tell when', q.dropped),
           'SELECT account.stats_reset();'
    FROM account.event_queue() AS q
    WHERE q.dropped > 0
    UNION ALL
    SELECT 'error', 'events_unattended', 'account.event',
           'there is no background worker that records failures',
           'Look in the server''s log for why "pgaccount launcher" does not run; it may need a '
           'higher max_worker_processes.'
    FROM account.event_queue() AS q
    WHERE q.capacity > 0 AND NOT q.attended AND NOT pg_is_in_recovery()
    UNION ALL
    SELECT 'info', 'events_expired', 'account.event',
           'there are events older than pgaccount.event_retention, and a day',
           'SELECT account.prune_events();'
    WHERE (SELECT e.at FROM account.event AS e ORDER BY e.id LIMIT 1)
          < now() - current_setting('pgaccount.event_retention')::interval - interval '1 day';
END;
COMMENT ON FUNCTION account.doctor_events() IS 'The findings of account.doctor about events.';
REVOKE ALL ON FUNCTION account.doctor_events() FROM PUBLIC;

CREATE FUNCTION account.doctor()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    AS 'MODULE_PATHNAME', 'doctor' LANGUAGE C STABLE;
GRANT EXECUTE ON FUNCTION account.doctor() TO PUBLIC;
COMMENT ON FUNCTION account.doctor() IS
'What is wrong, or will be, with the tables that pgaccount looks after: severity (error, warning, '
'info), code, object, message, and the remedy: SQL that mends it, or the step an administrator '
'takes. Who owns a table sees the findings of that; the extension''s owner and pg_monitor see all.';
