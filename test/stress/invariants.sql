-- What must hold whatever happened; each row is a violation.
SET pgaccount.show_deleted = on;
SET row_security = off;
SELECT 'a user without exactly one profile: ' || u.id FROM app.users u WHERE (SELECT count(*) FROM app.profiles p WHERE p.user_id = u.id) <> 1
UNION ALL SELECT 'an email with several live users: ' || lower(email) FROM app.users WHERE deleted_at IS NULL GROUP BY email HAVING count(*) > 1
UNION ALL SELECT 'a username with several live users: ' || username FROM app.users WHERE deleted_at IS NULL AND username IS NOT NULL GROUP BY username HAVING count(*) > 1
UNION ALL SELECT 'flag and deleted_at differ: ' || id FROM app.users WHERE is_deleted <> (deleted_at IS NOT NULL)
UNION ALL SELECT 'a session of a user who may not come in: ' || s.user_id FROM account.session s LEFT JOIN app.users u ON u.id::text = s.user_id
    LEFT JOIN app.tenants t ON t.id = u.tenant_id
    WHERE s.ended_at IS NULL AND (u.id IS NULL OR u.deleted_at IS NOT NULL OR NOT u.is_active OR t.is_active IS FALSE);
-- Every foreign key, anew and without trusting its triggers.
DO $$
DECLARE
    key record;
    dangling bigint;
BEGIN
    FOR key IN SELECT c.conname, c.conrelid::regclass AS child, c.confrelid::regclass AS parent,
            (SELECT string_agg(format('c.%I = p.%I', a.attname, b.attname), ' AND ') FROM unnest(c.conkey, c.confkey) AS k(child, parent)
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.child JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.parent) AS match,
            (SELECT string_agg(format('c.%I IS NOT NULL', a.attname), ' AND ') FROM unnest(c.conkey) AS k(child)
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.child) AS given
        FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0
    LOOP
        EXECUTE format('SELECT count(*) FROM %s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)', key.child, key.given, key.parent, key.match) INTO dangling;
        IF dangling > 0 THEN
            RAISE EXCEPTION 'violated: % rows of % dangle by %', dangling, key.child, key.conname;
        END IF;
    END LOOP;
END $$;
