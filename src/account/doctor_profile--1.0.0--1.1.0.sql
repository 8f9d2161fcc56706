-- That of 1.0.0, and what a column that came or went does to profiles; users and profiles are
-- counted once.
CREATE OR REPLACE FUNCTION account.doctor_profile()
    RETURNS TABLE (severity text, code text, object text, message text, remedy text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    WITH found AS MATERIALIZED (SELECT * FROM account.profile_findings())
    SELECT 'error', 'profile_rule_broken', f.users::text,
           format('new rows get no profile in %s: its unique column of the user, or the key it '
               'refers to, is gone', f.profiles),
           'Make the column of the profiles table unique again, then call account.enable_profile '
           'for the two tables.'
    FROM found AS f
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
    FROM found AS f
    WHERE f.missing > 0
    UNION ALL
    SELECT 'warning', 'orphan_profiles', f.profiles::text,
           format('%s profiles have no user in %s', f.orphans, f.users),
           -- deleted users are users: they must be seen, or their profiles would go
           format('BEGIN; SET LOCAL pgaccount.show_deleted = on;'
               || ' DELETE FROM %s AS p WHERE NOT EXISTS (SELECT FROM %s AS u WHERE u.%s = p.%s); '
                   'COMMIT;',
               f.profiles, f.users, f.user_key, f.user_column)
    FROM found AS f
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
              AND r.profiles = d.refobjid)
    UNION ALL
    -- a column that came after the rule; a trigger of the application may fill it
    SELECT 'error', 'profile_needs_value', f.users::text,
           format('no row can be inserted: its profile in %s needs a value for %s, NOT NULL and '
               'without default',
               f.profiles, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)),
           'Give such a column a default, or call account.enable_profile again, with a value for '
           'it in "defaults".'
    FROM found AS f
    JOIN pg_attribute AS a ON a.attrelid = f.profiles AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE (a.attnotnull OR t.typnotnull) AND NOT a.atthasdef AND t.typdefault IS NULL
          AND a.attidentity = '' AND a.attname <> (parse_ident(f.user_column))[1]
          AND NOT EXISTS (SELECT FROM account.profile_default AS d WHERE d.users = f.users
              AND d.profiles = f.profiles AND d.column_name = a.attname)
          AND NOT EXISTS (SELECT FROM pg_trigger AS g JOIN pg_proc AS p ON p.oid = g.tgfoid
              WHERE g.tgrelid = f.profiles AND NOT g.tgisinternal AND g.tgenabled <> 'D'
                    AND g.tgtype & 7 = 7
                    AND p.pronamespace <> (SELECT n.oid FROM pg_namespace AS n
                                           WHERE n.nspname = 'account'))
    GROUP BY f.users, f.profiles
    UNION ALL
    SELECT 'warning', 'profile_default_gone', f.users::text,
           format('default %s of automatic profiles in %s is left out: there is no such column',
               string_agg(quote_ident(d.column_name), ', ' ORDER BY d.column_name), f.profiles),
           format('SELECT account.enable_profile(%L, %L, %L, %L, %L);', f.users::text,
               f.profiles::text, (parse_ident(f.user_column))[1],
               (SELECT coalesce(jsonb_object_agg(k.column_name, k.value), '{}')
                FROM account.profile_default AS k
                WHERE k.users = f.users AND k.profiles = f.profiles
                    AND EXISTS (SELECT FROM pg_attribute AS b WHERE b.attrelid = k.profiles
                        AND b.attname = k.column_name AND b.attnum > 0)),
               (SELECT r.adopt FROM account.profile_rule AS r
                WHERE r.users = f.users AND r.profiles = f.profiles))
    FROM found AS f
    JOIN account.profile_default AS d ON d.users = f.users AND d.profiles = f.profiles
    WHERE f.user_column IS NOT NULL
          AND NOT EXISTS (SELECT FROM pg_attribute AS b WHERE b.attrelid = d.profiles
              AND b.attname = d.column_name AND b.attnum > 0)
    GROUP BY f.users, f.profiles, f.user_column;
END;
