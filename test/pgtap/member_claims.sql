-- In which tenant a login is, and what its token says: users with no, one, several memberships, inactive ones, those of
-- deleted and inactive tenants, of others; for every kind of members table, each looked at without a statement or by
-- one; for keys of each type. A refresh, an identity and the helpers say the same as the login.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
DO $$ BEGIN PERFORM account.create_key(); END $$;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SET pgaccount.truncate = allow;

-- the tables: members with more or less of what a members table may have; statement: rows cannot be looked at without
CREATE TABLE layout (name text PRIMARY KEY, members text, mapped jsonb DEFAULT '{}', unlike text);
INSERT INTO layout VALUES
    ('plain', 'CREATE TABLE x.members (user_id @ NOT NULL REFERENCES x.users, tenant_id @ NOT NULL REFERENCES x.tenants, role text, is_active boolean, PRIMARY KEY (user_id, tenant_id))'),
    ('tenant first', 'CREATE TABLE x.members (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id @, user_id @, role varchar(20), is_active boolean, UNIQUE (tenant_id, user_id))'),
    ('soft delete', 'CREATE TABLE x.members (user_id @, tenant_id @, role text, is_active boolean, deleted_at timestamptz, PRIMARY KEY (user_id, tenant_id)); SELECT account.enable_soft_delete(''x.members'')'),
    ('unique among live', 'CREATE TABLE x.members (user_id @, tenant_id @, role text, is_active boolean, deleted_at timestamptz); SELECT account.enable_soft_delete(''x.members'');
        CREATE UNIQUE INDEX ON x.members (user_id, tenant_id) WHERE deleted_at IS NULL'),
    ('partitions', 'CREATE TABLE x.members (user_id @, tenant_id @, role text, is_active boolean, PRIMARY KEY (user_id, tenant_id)) PARTITION BY HASH (user_id);
        CREATE TABLE x.members_0 PARTITION OF x.members FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE x.members_1 PARTITION OF x.members FOR VALUES WITH (MODULUS 2, REMAINDER 1)'),
    ('enum role', 'CREATE TYPE x.role AS ENUM (''owner'', ''member''); CREATE TABLE x.members (user_id @, tenant_id @, role x.role, is_active boolean, UNIQUE (user_id, tenant_id))'),
    ('Basejump', 'CREATE TABLE x.members (user_id @ REFERENCES x.users, account_id @ REFERENCES x.tenants, account_role text, active boolean, UNIQUE (user_id, account_id))'),
    ('TypeORM', 'CREATE TABLE x.members ("userId" @, "organizationId" @, "orgRole" text, "isActive" boolean, UNIQUE ("organizationId", "userId"))');
INSERT INTO layout VALUES
    ('rule', 'CREATE TABLE x.members (user_id @, tenant_id @, role text, status text DEFAULT ''on'', is_active boolean, UNIQUE (user_id, tenant_id))', '{"members": {"is_active": {"column": "status", "in": ["on"]}}}', NULL),
    ('no role', 'CREATE TABLE x.members (user_id @, tenant_id @, role text, is_active boolean, UNIQUE (user_id, tenant_id))', '{"members": {"role": null}}', 'role'),
    ('no is_active', 'CREATE TABLE x.members (user_id @, tenant_id @, role text, is_active boolean, UNIQUE (user_id, tenant_id))', '{"members": {"is_active": null}}', 'active'),
    ('no tenants', 'CREATE TABLE x.members (user_id @, tenant_id @, role text, is_active boolean, UNIQUE (user_id, tenant_id))', '{}', 'tenants');
CREATE TABLE key_type (name text PRIMARY KEY, make text);
INSERT INTO key_type VALUES ('bigint', '$1'), ('integer', '$1'), ('uuid', '''00000000-0000-0000-0000-00000000000'' || $1'), ('text', '''k'' || $1');

-- the users; memberships of tenants 1 to 5: 4 is not active, 5 is deleted. chosen: by a login without tenant
CREATE TABLE test_case (name text PRIMARY KEY, active int[], inactive int[], chosen int, last int);
INSERT INTO test_case (name, active, inactive, chosen) VALUES
    ('none', '{}', '{}', NULL), ('one', '{1}', '{}', 1), ('two', '{1,2}', '{}', NULL), 
    ('an inactive one', '{}', '{1}', NULL), ('one of two', '{2}', '{1}', 2), ('one of an inactive tenant', '{4}', '{}', NULL),
    ('one of a deleted tenant', '{5}', '{}', NULL), ('one that counts among all', '{3,4,5}', '{1,2}', 3);
INSERT INTO test_case VALUES ('two, and a last session', '{1,2}', '{}', 2, 2), ('the last one is inactive now', '{1,2}', '{3}', NULL, 3);
CREATE TABLE result (layout text, key text, test_case text, what text, ok boolean, seen text);

CREATE FUNCTION key_of(type text, n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE k text;
BEGIN
    IF n IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT (%s)::text', replace((SELECT make FROM key_type WHERE name = type), '$1', n::text)) INTO k;
    RETURN k;
END $$;

CREATE PROCEDURE try_case(l layout, k key_type, c test_case) LANGUAGE plpgsql AS $$
DECLARE
    columns text[] := ARRAY(SELECT column_name::text FROM account.model WHERE part = 'members' AND attribute IN ('user', 'tenant') ORDER BY attribute DESC);
    tenants int[]; n int; t int; expected int; answer account.token_pair; again account.token_pair; claims jsonb; ok boolean; role text; saw text;
BEGIN
    -- what the layout knows: without is_active all are active, without tenants none is deleted or not active
    TRUNCATE x.members;
    DELETE FROM account.session;
    FOREACH n IN ARRAY c.active || c.inactive LOOP
        EXECUTE format('INSERT INTO x.members (%I, %I, %s%s) VALUES (%L, %L, %L%s)', columns[1], columns[2],
            (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = 'x.members'::regclass AND attname IN ('role', 'account_role', 'orgRole')),
            CASE WHEN l.name = 'rule' THEN ', status' ELSE ', ' || (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = 'x.members'::regclass AND attname IN ('is_active', 'active', 'isActive')) END,
            key_of(k.name, 1), key_of(k.name, n), CASE n WHEN 1 THEN 'owner' ELSE 'member' END,
            CASE WHEN l.name = 'rule' THEN CASE WHEN n = ANY (c.active) THEN ', ''on''' ELSE ', NULL' END WHEN n = ANY (c.active) THEN ', true' ELSE ', NULL' END);
    END LOOP;
    -- what counts nowhere: a membership of somebody else in tenant 3
    EXECUTE format('INSERT INTO x.members (%I, %I) VALUES (%L, %L)', columns[1], columns[2], key_of(k.name, 2), key_of(k.name, 3));
    tenants := c.active || CASE WHEN l.unlike = 'active' THEN c.inactive END;
    tenants := ARRAY(SELECT u FROM unnest(tenants) u WHERE l.unlike IS NOT DISTINCT FROM 'tenants' OR u < 4);
    expected := CASE WHEN cardinality(tenants) = 1 THEN tenants[1] WHEN c.last = ANY (tenants) THEN c.last END;
    IF l.unlike IS NULL THEN
        INSERT INTO result VALUES (l.name, k.name, c.name, 'the table says what is expected', expected IS NOT DISTINCT FROM c.chosen);
    END IF;
    IF c.last IS NOT NULL THEN
        INSERT INTO account.session (id, user_id, tenant_id, token_hash, created_at, refreshed_at, expires_at, ended_at)
            VALUES (gen_random_uuid(), key_of(k.name, 1), key_of(k.name, 1), '', now() - interval '2 hours', now(), now(), now()),
                   (gen_random_uuid(), key_of(k.name, 1), key_of(k.name, c.last), '', now() - interval '1 hour', now(), now(), now());
    END IF;
    -- 0: no tenant is named; 6: there is no such tenant
    FOR t IN 0..6 LOOP
        IF t = 0 THEN
            answer := account.login('a@x.org', 'secret123');
        ELSE
            answer := account.login('a@x.org', 'secret123', tenant => CASE WHEN l.unlike = 'tenants' OR t % 2 = 0 THEN key_of(k.name, t) ELSE 'slug-' || t END);
        END IF;
        IF t > 0 AND NOT t = ANY (tenants) THEN
            ok := answer.status = 403 AND answer.error = 'not_a_member' AND answer.access_token IS NULL;
            INSERT INTO result VALUES (l.name, k.name, c.name, 'tenant ' || t || ' is refused', ok, answer::text);
            CONTINUE;
        END IF;
        n := CASE WHEN t = 0 THEN expected ELSE t END;
        role := CASE WHEN l.unlike = 'role' OR n IS NULL THEN NULL WHEN n = 1 THEN 'owner' ELSE 'member' END;
        claims := account.verify_access_token(answer.access_token);
        ok := answer.status = 200 AND answer.tenant_id IS NOT DISTINCT FROM key_of(k.name, n)
            AND claims ->> 'tenant_id' IS NOT DISTINCT FROM key_of(k.name, n) AND claims ? 'tenant_role' AND claims ->> 'tenant_role' IS NOT DISTINCT FROM role
            AND claims ->> 'tenant' IS NOT DISTINCT FROM CASE WHEN l.unlike IS DISTINCT FROM 'tenants' THEN 'slug-' || n END
            AND claims -> 'modules' = CASE WHEN n IS NULL OR l.unlike = 'tenants' THEN '[]' ELSE jsonb_build_array('m' || n) END;
        INSERT INTO result VALUES (l.name, k.name, c.name, CASE t WHEN 0 THEN 'a login is there' ELSE 'tenant ' || t || ' is named' END, ok, claims::text);
        PERFORM account.authenticate(answer.access_token);
        saw := concat_ws(' ', account.uid(), account.tenant_id(), account.tenant_role(), account.has_tenant_role('owner'), account.has_tenant_role('member', NULL));
        again := account.refresh(answer.refresh_token);
        ok := saw = concat_ws(' ', key_of(k.name, 1), key_of(k.name, n), role, coalesce(role = 'owner', false), coalesce(role = 'member', false))
            AND again.status = 200 AND (account.verify_access_token(again.access_token) - '{iat,nbf,exp,jti}'::text[]) = (claims - '{iat,nbf,exp,jti}'::text[]);
        INSERT INTO result VALUES (l.name, k.name, c.name, 'identity and refresh say the same of ' || coalesce(n::text, 'none'), ok, saw || ' ' || again::text);
    END LOOP;
    PERFORM account.sign_out();
EXCEPTION WHEN OTHERS THEN
    INSERT INTO public.result VALUES (l.name, k.name, c.name, 'no error', false, SQLSTATE || ' ' || SQLERRM);
END $$;

CREATE PROCEDURE try_layout(l layout, k key_type) LANGUAGE plpgsql AS $$
DECLARE c test_case;
BEGIN
    CREATE SCHEMA x;
    EXECUTE replace('CREATE TABLE x.tenants (id @ PRIMARY KEY, slug text, modules jsonb, is_active boolean, deleted_at timestamptz)', '@', k.name);
    EXECUTE replace('CREATE TABLE x.users (id @ PRIMARY KEY, email text UNIQUE, password text)', '@', k.name);
    EXECUTE replace(l.members, '@', k.name);
    EXECUTE format('INSERT INTO x.tenants SELECT t.k, ''slug-'' || n, jsonb_build_array(''m'' || n), n <> 4 FROM generate_series(1, 5) n, LATERAL (SELECT (%s)::%s AS k) t', replace(k.make, '$1', 'n'), k.name);
    EXECUTE format('INSERT INTO x.users VALUES (%L, ''a@x.org'', account.hash_password(''secret123'')), (%L, ''b@x.org'', NULL)', key_of(k.name, 1), key_of(k.name, 2));
    PERFORM account.enable_soft_delete('x.tenants');
    DELETE FROM x.tenants WHERE slug = 'slug-5';
    PERFORM account.use_tables('x.users', tenants => CASE WHEN l.unlike IS DISTINCT FROM 'tenants' THEN 'x.tenants'::regclass END, columns => l.mapped, members => 'x.members');
    FOR c IN TABLE test_case LOOP
        CALL try_case(l, k, c);
    END LOOP;
    PERFORM account.forget_tables();
    DROP SCHEMA x CASCADE;
EXCEPTION WHEN OTHERS THEN
    INSERT INTO public.result VALUES (l.name, k.name, 'all', 'no error', false, SQLSTATE || ' ' || SQLERRM);
END $$;
DO $$
DECLARE c record;
BEGIN
    FOR c IN SELECT l, k FROM layout l, key_type k LOOP
        CALL try_layout(c.l, c.k);
        COMMIT;
    END LOOP;
END $$;

SELECT plan((SELECT count(*)::int FROM layout) * (SELECT count(*)::int FROM key_type) + 1);
SELECT ok(x.good, x.what) FROM (SELECT bool_and(r.ok IS TRUE) AND count(*) > 70 AS good, format('%s, %s: %s', l.name, k.name, coalesce(string_agg(format('%s: %s: %s', r.test_case, r.what, r.seen), '; ') FILTER (WHERE r.ok IS NOT TRUE), 'all as expected')) AS what
    FROM layout l CROSS JOIN key_type k LEFT JOIN result r ON r.layout = l.name AND r.key = k.name GROUP BY l.name, k.name ORDER BY l.name, k.name) x;
SELECT cmp_ok(count(*), '>', 4000::bigint, 'so many logins were tried') FROM result;
SELECT * FROM finish();
