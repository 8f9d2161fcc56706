-- When a membership ends, by whatever statement and whoever runs it, the user's sessions in that tenant have ended at
-- once; those elsewhere go on. Each way is a row of data, tried on each kind of members table.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SET pgaccount.truncate = allow;
DO $$ BEGIN PERFORM account.create_key(); END $$;
CREATE ROLE regress_ms_clerk;

CREATE TABLE layout (name text PRIMARY KEY, make text);
INSERT INTO layout VALUES
    ('plain', 'CREATE TABLE x.members (user_id int REFERENCES x.users ON DELETE CASCADE, tenant_id int REFERENCES x.tenants ON DELETE CASCADE, role text, is_active boolean DEFAULT true, PRIMARY KEY (user_id, tenant_id))'),
    ('soft delete', 'CREATE TABLE x.members (user_id int REFERENCES x.users ON DELETE CASCADE, tenant_id int REFERENCES x.tenants ON DELETE CASCADE, role text, is_active boolean DEFAULT true, deleted_at timestamptz, PRIMARY KEY (user_id, tenant_id));
        SELECT account.enable_soft_delete(''x.members'', on_parent_delete => ''delete'')'),
    ('partitions', 'CREATE TABLE x.members (user_id int REFERENCES x.users ON DELETE CASCADE, tenant_id int REFERENCES x.tenants ON DELETE CASCADE, role text, is_active boolean DEFAULT true, PRIMARY KEY (user_id, tenant_id)) PARTITION BY LIST (tenant_id);
        CREATE TABLE x.members_1 PARTITION OF x.members FOR VALUES IN (1); CREATE TABLE x.members_2 PARTITION OF x.members DEFAULT'),
    ('partition of later', 'CREATE TABLE x.members (user_id int REFERENCES x.users ON DELETE CASCADE, tenant_id int REFERENCES x.tenants ON DELETE CASCADE, role text, is_active boolean DEFAULT true, PRIMARY KEY (user_id, tenant_id)) PARTITION BY LIST (tenant_id);
        CREATE TABLE x.members_2 PARTITION OF x.members DEFAULT');

-- leaf: a statement that names a partition. ends: which sessions, of user 1 in tenants 1 and 2, and of user 2 in tenant 1
CREATE TABLE way (name text PRIMARY KEY, statement text, ends text, only_in text[]);
INSERT INTO way VALUES
    ('DELETE', 'DELETE FROM x.members WHERE user_id = 1 AND tenant_id = 1', '1.1', NULL),
    ('DELETE of all', 'DELETE FROM x.members', '1.1 1.2 2.1', NULL),
    ('DELETE of a tenant''s', 'DELETE FROM x.members WHERE tenant_id = 1', '1.1 2.1', NULL),
    ('UPDATE of is_active', 'UPDATE x.members SET is_active = false WHERE user_id = 1 AND tenant_id = 1', '1.1', NULL),
    ('UPDATE of is_active to NULL', 'UPDATE x.members SET is_active = NULL WHERE tenant_id = 1', '1.1 2.1', NULL),
    ('UPDATE of the tenant', 'UPDATE x.members SET tenant_id = 3 WHERE user_id = 1 AND tenant_id = 1', '1.1', NULL),
    ('UPDATE of the user', 'UPDATE x.members SET user_id = 3 WHERE user_id = 1 AND tenant_id = 1', '1.1', NULL),
    ('UPDATE of the role', 'UPDATE x.members SET role = ''other''', '', NULL),
    ('UPDATE of nothing', 'UPDATE x.members SET is_active = true, user_id = user_id, tenant_id = tenant_id', '', NULL),
    ('TRUNCATE', 'TRUNCATE x.members', '1.1 1.2 2.1', NULL),
    ('MERGE', 'MERGE INTO x.members m USING (VALUES (1, 1)) v (u, t) ON m.user_id = v.u AND m.tenant_id = v.t WHEN MATCHED THEN DELETE', '1.1', NULL),
    ('MERGE that updates', 'MERGE INTO x.members m USING (VALUES (1, 1)) v (u, t) ON m.user_id = v.u AND m.tenant_id = v.t WHEN MATCHED THEN UPDATE SET is_active = false', '1.1', NULL),
    ('ON CONFLICT', 'INSERT INTO x.members VALUES (1, 1, ''x'', true) ON CONFLICT (user_id, tenant_id) DO UPDATE SET is_active = false', '1.1', NULL),
    ('in a WITH', 'WITH gone AS (DELETE FROM x.members WHERE tenant_id = 2 RETURNING user_id) SELECT count(*) FROM gone', '1.2', NULL),
    ('a tenant that goes', 'DELETE FROM x.tenants WHERE id = 1', '1.1 2.1', NULL),
    ('a tenant that closes', 'UPDATE x.tenants SET is_active = false WHERE id = 1', '1.1 2.1', NULL),
    ('a user that goes', 'DELETE FROM x.users WHERE id = 1', '1.1 1.2', NULL),
    ('a user that is not active', 'UPDATE x.users SET is_active = false WHERE id = 1', '1.1 1.2', NULL),
    ('remove_member', 'SELECT account.remove_member(1, ''1'') FROM (SELECT account.act_as(9) OFFSET 0) a', '1.1', NULL),
    ('set_member_role', 'SELECT account.set_member_role(1, ''1'', ''owner'') FROM (SELECT account.act_as(9) OFFSET 0) a', '', NULL),
    ('out and in again', 'WITH gone AS (DELETE FROM x.members WHERE user_id = 1 AND tenant_id = 1 RETURNING *) UPDATE x.members m SET role = ''x'' FROM gone g WHERE m.tenant_id = 2', '1.1', NULL),
    ('a savepoint that is undone', 'DO $u$ BEGIN BEGIN DELETE FROM x.members; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END; END $u$', '', NULL),
    ('DELETE of a partition', 'DELETE FROM x.members_1 WHERE user_id = 1', '1.1', '{partitions,partition of later}'),
    ('UPDATE of a partition', 'UPDATE x.members_1 SET is_active = false WHERE user_id = 1', '1.1', '{partitions,partition of later}'),
    ('TRUNCATE of a partition', 'TRUNCATE x.members_1', '1.1 1.2 2.1', '{partitions,partition of later}'),
    ('purged', 'SELECT account.purge(''x.members'', ''0'')', '', '{soft delete}'),
    ('deleted by its column', 'UPDATE x.members SET deleted_at = now() WHERE tenant_id = 1', '1.1 2.1', '{soft delete}');
CREATE TABLE result (layout text, way text, expected text, actual text);

CREATE FUNCTION try_way(l layout, w way) RETURNS void LANGUAGE plpgsql AS $$
DECLARE gone text;
BEGIN
    BEGIN
        CREATE SCHEMA x;
        CREATE TABLE x.tenants (id int PRIMARY KEY, slug text, is_active boolean DEFAULT true);
        CREATE TABLE x.users (id int PRIMARY KEY, email text, is_active boolean DEFAULT true, is_superuser boolean DEFAULT false);
        EXECUTE l.make;
        INSERT INTO x.tenants SELECT n, n FROM generate_series(1, 3) n;
        INSERT INTO x.users SELECT n, n || '@x.org', true, n = 9 FROM generate_series(1, 9) n;
        PERFORM account.use_tables('x.users', tenants => 'x.tenants', members => 'x.members');
        IF l.name = 'partition of later' THEN
            CREATE TABLE x.members_1 PARTITION OF x.members FOR VALUES IN (1);
        END IF;
        INSERT INTO x.members VALUES (1, 1, 'owner', true), (1, 2, 'member', true), (2, 1, 'member', true);
        INSERT INTO account.session (id, user_id, tenant_id, token_hash, created_at, refreshed_at, expires_at)
            SELECT gen_random_uuid(), user_id, tenant_id, '', now(), now(), now() + interval '1 day' FROM x.members;
        -- who has rights on the tables and none of ours
        GRANT USAGE ON SCHEMA x TO regress_ms_clerk;
        GRANT ALL ON ALL TABLES IN SCHEMA x TO regress_ms_clerk;
        IF w.statement !~ 'account\.' THEN
            SET LOCAL ROLE regress_ms_clerk;
        END IF;
        EXECUTE w.statement;
        RESET ROLE;
        gone := (SELECT string_agg(user_id || '.' || tenant_id, ' ' ORDER BY user_id, tenant_id) FROM account.session WHERE ended_at IS NOT NULL);
        RAISE 'undo' USING ERRCODE = 'TT000';
    EXCEPTION WHEN SQLSTATE 'TT000' THEN NULL;
        WHEN OTHERS THEN gone := SQLSTATE || ' ' || SQLERRM;
    END;
    INSERT INTO result VALUES (l.name, w.name, w.ends, coalesce(gone, ''));
END $$;
DO $$
DECLARE c record;
BEGIN
    FOR c IN SELECT l, w FROM layout l, way w WHERE w.only_in IS NULL OR l.name = ANY (w.only_in) LOOP
        PERFORM try_way(c.l, c.w);
        COMMIT;
    END LOOP;
END $$;
-- a tenant of more users than there are sessions to look through; by members, and by the users' own rows
CREATE SCHEMA y;
CREATE TABLE y.tenants (id int PRIMARY KEY, slug text, is_active boolean DEFAULT true);
CREATE TABLE y.users (id int PRIMARY KEY, email text, tenant_id int);
CREATE TABLE y.members (user_id int, tenant_id int, PRIMARY KEY (user_id, tenant_id));
INSERT INTO y.tenants VALUES (1, 'one'), (2, 'two');
INSERT INTO y.users SELECT n, n || '@x.org', 1 FROM generate_series(1, 1500) n;
INSERT INTO y.members SELECT n, 1 FROM generate_series(1, 1500) n;
CREATE FUNCTION close_large(members regclass) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM account.use_tables('y.users', tenants => 'y.tenants', members => members);
    INSERT INTO account.session (id, user_id, tenant_id, token_hash, created_at, refreshed_at, expires_at)
        SELECT gen_random_uuid(), n, t, '', now(), now(), now() + interval '1 day' FROM (VALUES (3, 1), (3, 2), (1500, 1)) v (n, t);
    UPDATE y.tenants SET is_active = false WHERE id = 1;
    UPDATE y.tenants SET is_active = true WHERE id = 1;
    RETURN (SELECT string_agg(user_id || '.' || tenant_id, ' ' ORDER BY user_id, tenant_id) FROM account.session WHERE end_reason = 'tenant_changed');
END $$;
INSERT INTO result SELECT 'large', 'members', '1500.1 3.1', close_large('y.members');
TRUNCATE account.session;
INSERT INTO result SELECT 'large', 'users', '1500.1 3.1', close_large(NULL);
SELECT plan((SELECT count(*)::int FROM result));
SELECT is(actual, expected, format('%s: %s ends %s', layout, way, coalesce(nullif(expected, ''), 'none'))) FROM result ORDER BY layout, way;
SELECT * FROM finish();
