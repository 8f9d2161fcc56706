-- What is exported of a tenant: it is loaded, row by row and every key checked at once, into an empty schema, which
-- then holds what a schema that never had another tenant holds; for types of keys x actions of foreign keys,
-- users in partitions, quoted names, rows that reference one another.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SELECT no_plan();

CREATE FUNCTION key(type text, n int) RETURNS text LANGUAGE sql AS $$
    SELECT CASE type WHEN 'uuid' THEN '00000000-0000-0000-0000-' || lpad(n::text, 12, '0') WHEN 'text' THEN 'key ' || n ELSE n::text END $$;

CREATE FUNCTION build(s name, type text, action text, partitioned boolean) RETURNS void LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', s);
    EXECUTE format('SET LOCAL search_path = %I', s);
    EXECUTE format($f$
        CREATE TABLE "Tenants" ("Id" %1$s PRIMARY KEY, slug text UNIQUE, parent %1$s REFERENCES "Tenants", api_key text);
        CREATE TABLE "Users" (id %1$s, email text, password text NOT NULL DEFAULT '!', tenant_id %1$s REFERENCES "Tenants" ON DELETE %2$s, "Invited" %1$s, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false,
            secret text, PRIMARY KEY (id)) %3$s;
        CREATE TABLE profiles (user_id %1$s PRIMARY KEY, bio text);
        CREATE TABLE projects (id int PRIMARY KEY, tenant %1$s NOT NULL REFERENCES "Tenants" ON DELETE %2$s, lead %1$s REFERENCES "Users", UNIQUE (tenant, id));
        CREATE TABLE tasks (id int PRIMARY KEY, project int NOT NULL REFERENCES projects ON DELETE %2$s, parent int REFERENCES tasks, next int REFERENCES tasks);
        CREATE TABLE "Time Sheets" (n int, tenant %1$s, project int, task int REFERENCES tasks, FOREIGN KEY (tenant, project) REFERENCES projects (tenant, id), PRIMARY KEY (n));
        CREATE TABLE messages (id int PRIMARY KEY, sender %1$s REFERENCES "Users", receiver %1$s REFERENCES "Users", tenant %1$s REFERENCES "Tenants");
        CREATE TABLE reads (message int REFERENCES messages ON DELETE CASCADE, who %1$s);
        CREATE TABLE chicken (id int PRIMARY KEY, tenant %1$s REFERENCES "Tenants", egg int);
        CREATE TABLE egg (id int PRIMARY KEY, chicken int NOT NULL REFERENCES chicken);
        ALTER TABLE chicken ADD FOREIGN KEY (egg) REFERENCES egg;
        CREATE TABLE token (id int PRIMARY KEY, who %1$s REFERENCES "Users" ON DELETE CASCADE, key text, label text);
        CREATE TABLE untouched (id int PRIMARY KEY);
        $f$, type, action, CASE WHEN partitioned THEN 'PARTITION BY HASH (id)' ELSE '' END);
    IF partitioned THEN
        CREATE TABLE "Part 0" PARTITION OF "Users" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        EXECUTE format('CREATE TABLE "Part 1" (secret text, "Invited" %1$s, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false, gone int, tenant_id %1$s, id %1$s NOT NULL, password text NOT NULL DEFAULT ''!'', email text)', type);
        ALTER TABLE "Part 1" DROP COLUMN gone;
        ALTER TABLE "Users" ATTACH PARTITION "Part 1" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    END IF;
    ALTER TABLE "Users" ADD FOREIGN KEY ("Invited") REFERENCES "Users";
END $$;

-- the rows of one tenant, t: its numbers begin with t
CREATE FUNCTION fill(s name, type text, t int, other int) RETURNS void LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    EXECUTE format('SET LOCAL search_path = %I, public', s);
    EXECUTE format('INSERT INTO "Tenants" VALUES (%L, ''tenant %s'')', key(type, t), t);
    EXECUTE format('INSERT INTO "Users" (id, email, tenant_id) SELECT key(%1$L, %2$s * 100 + n)::%1$s, ''u'' || n, %3$L FROM generate_series(0, 9) n', type, t, key(type, t));
    -- each by the next one, so that the last comes first
    EXECUTE format('UPDATE "Users" SET "Invited" = key(%1$L, %2$s * 100 + substr(email, 2)::int + 1)::%1$s WHERE tenant_id = %3$L AND email <> ''u9''', type, t, key(type, t));
    EXECUTE format('INSERT INTO profiles SELECT id, ''bio of '' || email FROM "Users" WHERE tenant_id = %L', key(type, t));
    EXECUTE format('INSERT INTO projects SELECT %2$s * 100 + n, %3$L, key(%1$L, %2$s * 100 + n)::%1$s FROM generate_series(0, 4) n', type, t, key(type, t));
    EXECUTE format('INSERT INTO tasks SELECT %1$s * 100 + n, %1$s * 100 + n %% 5 FROM generate_series(0, 30) n', t);
    UPDATE tasks SET parent = id + 1 WHERE id / 100 = t AND id % 7 <> 0 AND id % 100 < 30;
    UPDATE tasks SET next = id WHERE id / 100 = t AND id % 3 = 0;
    EXECUTE format('INSERT INTO "Time Sheets" SELECT %1$s * 100 + n, %2$L, %1$s * 100 + n %% 5, %1$s * 100 + n FROM generate_series(0, 20) n', t, key(type, t));
    EXECUTE format('INSERT INTO messages SELECT %1$s * 100 + n, key(%3$L, %1$s * 100 + n)::%3$s, key(%3$L, %1$s * 100 + 9)::%3$s, CASE WHEN n < 3 THEN %2$L END::%3$s FROM generate_series(0, 5) n', t, key(type, t), type);
    EXECUTE format('INSERT INTO reads SELECT id, sender FROM messages WHERE id / 100 = %s', t);
    EXECUTE format('INSERT INTO chicken SELECT %s * 100 + n, %L FROM generate_series(0, 3) n', t, key(type, t));
    INSERT INTO egg SELECT id, id FROM chicken WHERE id / 100 = t;
    UPDATE chicken SET egg = CASE id % 100 WHEN 0 THEN id + 1 WHEN 1 THEN id - 1 WHEN 2 THEN id + 1 END WHERE id / 100 = t;
    EXECUTE format('INSERT INTO token SELECT %1$s * 100 + n, key(%2$L, %1$s * 100 + n)::%2$s, NULL, ''label'' FROM generate_series(0, 3) n', t, type);
    IF other IS NOT NULL THEN
        -- what is between the two is the other's
        EXECUTE format('UPDATE "Tenants" SET parent = %L WHERE "Id" = %L', key(type, other), key(type, t));
        EXECUTE format('UPDATE "Users" SET "Invited" = %L WHERE id = %L', key(type, other * 100), key(type, t * 100 + 9));
        EXECUTE format('UPDATE projects SET lead = %L WHERE id = %s', key(type, other * 100), t * 100);
        EXECUTE format('UPDATE messages SET receiver = %L WHERE id / 100 = %s AND tenant IS NOT NULL', key(type, other * 100), t);
        INSERT INTO untouched VALUES (1);
    END IF;
END $$;

CREATE FUNCTION contents(s name) RETURNS TABLE (t name, r jsonb) LANGUAGE plpgsql AS $$
BEGIN
    FOR t IN SELECT relname FROM pg_class WHERE relnamespace = quote_ident(s)::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition LOOP
        RETURN QUERY EXECUTE format('SELECT %L::name, to_jsonb(t) FROM %I.%I t', t, s, t);
    END LOOP;
END $$;

-- into the table of the same name in another schema, one row a statement; a column that closes a circle is filled in
-- when all are there
CREATE FUNCTION load(s name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    row record;
    columns text;
    later jsonb[] := '{}';
BEGIN
    FOR row IN SELECT c.relname, e.row_data FROM exported e JOIN pg_class c ON c.oid = e.relation ORDER BY e.n LOOP
        IF row.relname = 'chicken' THEN
            later := later || row.row_data;
            row.row_data := jsonb_set(row.row_data, '{egg}', 'null');
        END IF;
        SELECT string_agg(quote_ident(k), ', ') INTO columns FROM jsonb_object_keys(row.row_data) k;
        EXECUTE format('INSERT INTO %1$I.%2$I (%3$s) SELECT %3$s FROM jsonb_populate_record(NULL::%1$I.%2$I, $1)', s, row.relname, columns) USING row.row_data;
    END LOOP;
    FOR i IN 1 .. cardinality(later) LOOP
        EXECUTE format('UPDATE %I.chicken SET egg = $1 WHERE id = $2', s) USING (later[i] ->> 'egg')::int, (later[i] ->> 'id')::int;
    END LOOP;
    RETURN 'loaded';
EXCEPTION WHEN OTHERS THEN
    RETURN format('%s %s: %s %s', SQLSTATE, SQLERRM, row.relname, row.row_data);
END $$;

CREATE TABLE exported (n int GENERATED ALWAYS AS IDENTITY, relation regclass, row_data jsonb);
CREATE TABLE answers (n int GENERATED ALWAYS AS IDENTITY, answer text);
CREATE PROCEDURE try(type text, action text, partitioned boolean) LANGUAGE plpgsql AS $$
DECLARE
    name text := format('%s, %s%s', type, action, CASE WHEN partitioned THEN ', partitions' ELSE '' END);
BEGIN
    PERFORM build('Here', type, action, partitioned), build('Empty', type, action, partitioned), build('Alone', type, action, partitioned);
    PERFORM fill('Alone', type, 1, NULL), fill('Here', type, 1, NULL), fill('Here', type, 2, 1);
    UPDATE "Here"."Users" SET password = 'hash', secret = 'secret';
    UPDATE "Here"."Tenants" SET api_key = 'secret';
    UPDATE "Here".token SET key = 'secret';
    EXECUTE format('INSERT INTO "Here"."Users" (id, email, is_superuser) VALUES (%L, ''root'', true)', key(type, 999));
    COMMIT;
    PERFORM count(*) FROM account.use_tables('"Here"."Users"', '"Here".profiles', '"Here"."Tenants"');
    PERFORM account.act_as(key(type, 999), false);
    TRUNCATE exported RESTART IDENTITY;
    INSERT INTO exported (relation, row_data) SELECT * FROM account.export_tenant('tenant 1');
    INSERT INTO answers (answer) SELECT is((SELECT count(*) FROM (SELECT DISTINCT relation, row_data FROM exported) e), (SELECT count(*) FROM exported), name || ': each row once');
    INSERT INTO answers (answer) SELECT is((SELECT relation::text FROM exported WHERE n = 1), '"Here"."Tenants"', name || ': the tenant comes first');
    INSERT INTO answers (answer) SELECT is((SELECT count(*) FROM exported WHERE row_data::text ~ 'hash|secret"'), 0::bigint, name || ': no secret');
    INSERT INTO answers (answer) SELECT is(load('Empty'), 'loaded', name || ': loaded, each row after what it references');
    INSERT INTO answers (answer) SELECT set_eq($q$SELECT * FROM contents('Empty')$q$, $q$SELECT * FROM contents('Alone')$q$, name || ': that is what the tenant has');
    PERFORM account.sign_out();
    PERFORM account.forget_tables();
    DROP SCHEMA "Here", "Empty", "Alone" CASCADE;
    COMMIT;
END $$;
SELECT format('CALL try(%L, %L, %L)', type, action, partitioned)
FROM unnest('{bigint,uuid,text}'::text[]) type, unnest('{NO ACTION,CASCADE}'::text[]) action, unnest('{f,t}'::boolean[]) partitioned WHERE NOT partitioned OR type <> 'text' ORDER BY 1 \gexec
SELECT answer FROM answers ORDER BY n;

-- who may
SELECT account.create_starter('te') \gset ignore_
SELECT account.enable_soft_delete('te.tenants') \gset ignore_
CREATE ROLE regress_te_app;
SELECT account.grant_api('regress_te_app') \gset ignore_
INSERT INTO te.tenants (slug) VALUES ('acme'), ('home');
INSERT INTO te.users (email, username, tenant_id, is_staff, is_superuser)
    SELECT name || '@x.org', name, (SELECT id FROM te.tenants WHERE slug = tenant), name ~ 'staff', name = 'root'
    FROM (VALUES ('user', 'acme'), ('staff', 'acme'), ('staffelsewhere', 'home'), ('staffnowhere', NULL), ('root', NULL)) c(name, tenant);
CREATE FUNCTION attempt(who text, tenant text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    PERFORM account.sign_out();
    PERFORM account.act_as(id::text) FROM te.users WHERE username = who;
    SET LOCAL ROLE regress_te_app;
    SELECT count(*) INTO n FROM account.export_tenant(tenant);
    RESET ROLE;
    RETURN n;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT is(attempt(who, tenant), answer, format('%s exports %s', who, tenant)) FROM (VALUES
    ('nobody', 'acme', 'PT401'), ('nobody', 'none', 'PT401'), ('user', 'acme', 'PT403'), ('user', 'none', 'PT403'), ('staff', 'acme', '5'), ('staff', 'home', 'PT403'), ('staff', 'none', 'PT404'),
    ('staffelsewhere', 'acme', 'PT403'), ('staffelsewhere', 'home', '3'), ('staffnowhere', 'acme', 'PT403'), ('root', 'acme', '5'), ('root', 'none', 'PT404'), ('root', NULL, 'PT404'),
    ('root', repeat('a', 1025), '22023')) c(who, tenant, answer);
-- a deleted tenant is exported with its deleted rows
SELECT account.act_as(id::text, false) FROM te.users WHERE username = 'root' \gset ignore_
SELECT account.delete_tenant('acme') ->> 'message' AS gone \gset ignore_
SELECT is(count(*), 5::bigint, 'deleted rows too') FROM account.export_tenant('acme');
SELECT is((SELECT count(*) FROM (SELECT account.export_tenant('acme')) e), 5::bigint, 'called in a list of columns');
-- tables that name the tenant by types that are cast to its key's, by a function or by their text: the server crashed
CREATE TYPE te.by_function AS ENUM ('1', '2');
CREATE TYPE te.by_text AS ENUM ('1', '2');
CREATE FUNCTION te.number(te.by_function) RETURNS numeric IMMUTABLE LANGUAGE sql AS 'SELECT pg_catalog.enum_out($1)::text::numeric';
CREATE CAST (te.by_function AS numeric) WITH FUNCTION te.number(te.by_function) AS IMPLICIT;
CREATE CAST (te.by_text AS numeric) WITH INOUT AS IMPLICIT;
CREATE SCHEMA tk;
CREATE TABLE tk.tenants (id numeric PRIMARY KEY, slug text UNIQUE);
CREATE TABLE tk.users (id int PRIMARY KEY, tenant_id numeric REFERENCES tk.tenants, email text UNIQUE, is_superuser boolean);
CREATE TABLE tk.function_docs (id int PRIMARY KEY, tenant te.by_function REFERENCES tk.tenants ON DELETE CASCADE, author int REFERENCES tk.users ON DELETE CASCADE);
CREATE TABLE tk.text_docs (id int PRIMARY KEY, tenant te.by_text, author int REFERENCES tk.users ON DELETE CASCADE);
-- 19's own check takes no key that is cast by its text
SELECT account.set_reference('tk.text_docs', '{tenant}', 'tk.tenants', 'cascade') \gset ignore_
INSERT INTO tk.tenants VALUES (1, 'one'), (2, 'two');
INSERT INTO tk.users VALUES (1, 1, 'a@x.org', true), (2, 2, 'b@x.org', false);
INSERT INTO tk.function_docs VALUES (1, '1', 1), (2, '2', 1), (3, NULL, 1), (4, '1', 2);
INSERT INTO tk.text_docs VALUES (1, '1', 1), (2, '2', 1), (3, NULL, 1), (4, '1', 2);
SELECT count(*) FROM account.use_tables('tk.users', tenants => 'tk.tenants') \gset ignore_
SELECT account.sign_out() \gset ignore_
SELECT account.act_as('1', false) \gset ignore_
SELECT is((SELECT string_agg(relation || ' ' || (row_data ->> 'id'), ', ' ORDER BY relation::text, row_data ->> 'id') FROM account.export_tenant('one') WHERE relation::text ~ 'docs'),
    'tk.function_docs 1, tk.function_docs 3, tk.function_docs 4, tk.text_docs 1, tk.text_docs 3, tk.text_docs 4', 'rows that name the tenant by a cast, and none that name another');
-- rows that name another tenant in the column by which their table is isolated, where no foreign key says so: of a
-- user in both tenants they would come along
CREATE SCHEMA ti;
CREATE DOMAIN ti.org AS bigint;
CREATE DOMAIN ti.label AS varchar(40);
CREATE PROCEDURE ti.try(id_type text, one text, two text, types text[]) LANGUAGE plpgsql AS $$
DECLARE
    type text;
BEGIN
    EXECUTE format($f$
        CREATE SCHEMA tj;
        CREATE TABLE tj.tenants (id %1$s PRIMARY KEY, slug text UNIQUE);
        CREATE TABLE tj.users (id int PRIMARY KEY, email text UNIQUE, is_superuser boolean);
        CREATE TABLE tj.members (user_id int REFERENCES tj.users, tenant_id %1$s REFERENCES tj.tenants, role text, PRIMARY KEY (user_id, tenant_id));
        INSERT INTO tj.tenants VALUES (%2$L, 'one'), (%3$L, 'two');
        INSERT INTO tj.users VALUES (1, 'a@x.org', true), (2, 'b@x.org', false);
        INSERT INTO tj.members VALUES (1, %2$L, 'owner'), (2, %2$L, 'owner'), (2, %3$L, 'owner');
        $f$, id_type, one, two);
    FOREACH type IN ARRAY types LOOP
        EXECUTE format($f$
            CREATE TABLE tj.%1$I (id int PRIMARY KEY, gone int, author int REFERENCES tj.users ON DELETE CASCADE, "The Tenant" %1$s);
            ALTER TABLE tj.%1$I DROP COLUMN gone;
            SELECT account.enable_tenant_isolation('tj.%1$I', 'The Tenant');
            ALTER TABLE tj.%1$I RENAME COLUMN "The Tenant" TO "Org";
            CREATE TABLE tj.%2$I (id int PRIMARY KEY, doc int REFERENCES tj.%1$I ON DELETE CASCADE);
            INSERT INTO tj.%1$I (id, author, "Org") VALUES (1, 2, %3$L), (2, 2, %4$L), (3, 2, NULL), (4, NULL, %3$L), (5, NULL, %4$L), (6, NULL, NULL);
            INSERT INTO tj.%2$I SELECT i, i FROM generate_series(1, 6) i;
            $f$, type, type || ' below', one, two);
    END LOOP;
    COMMIT;
    PERFORM count(*) FROM account.use_tables('tj.users', tenants => 'tj.tenants', members => 'tj.members');
    PERFORM account.act_as('1', false);
    FOREACH type IN ARRAY types LOOP
        INSERT INTO answers (answer) SELECT is((SELECT string_agg(c.relname || ' ' || (row_data ->> 'id'), ', ' ORDER BY c.relname, row_data ->> 'id') FROM account.export_tenant('one') e JOIN pg_class c ON c.oid = e.relation WHERE c.relname IN (type, type || ' below')),
            format('%1$s 1, %1$s 3, %1$s 4, %1$s below 1, %1$s below 3, %1$s below 4', type), format('%s, of tenants by %s: what names the tenant, or none', type, id_type));
    END LOOP;
    INSERT INTO answers (answer) SELECT is((SELECT count(*) FROM jsonb_each(account.export_user('2')) e, jsonb_array_elements(e.value) WHERE e.key !~ 'below|users|members'), 3::bigint * cardinality(types), id_type || ': a user''s own export has them all');
    PERFORM account.sign_out();
    PERFORM account.forget_tables();
    DROP SCHEMA tj CASCADE;
    COMMIT;
END $$;
TRUNCATE answers;
SELECT account.sign_out(), account.forget_tables() \gset ignore_
SET search_path = public, pg_catalog, ti;
CALL ti.try('bigint', '1', '2', '{smallint,int,bigint,text,varchar,org,label}');
CALL ti.try('numeric', '-7', '70', '{int,text}');
CALL ti.try('text', 'ACME', 'Öl', '{text,varchar}');
CALL ti.try('uuid', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab', '0190d5a2-7b1c-7e2a-9c3d-1234567890ac', '{uuid,text}');
SELECT answer FROM answers ORDER BY n;
-- a column whose type cannot hold the tenant's id: its policy shows nobody a row, and no row is the tenant's
CREATE TABLE ti.tenants (id uuid PRIMARY KEY, slug text UNIQUE);
CREATE TABLE ti.users (id int PRIMARY KEY, email text UNIQUE, is_superuser boolean);
CREATE TABLE ti.members (user_id int REFERENCES ti.users ON DELETE CASCADE, tenant_id uuid REFERENCES ti.tenants, role text, deleted_at timestamptz, PRIMARY KEY (user_id, tenant_id));
CREATE TABLE ti.profiles (user_id int PRIMARY KEY, org uuid);
INSERT INTO ti.tenants VALUES ('00000000-0000-0000-0000-000000000001', 'one'), ('00000000-0000-0000-0000-000000000002', 'two');
INSERT INTO ti.users VALUES (1, 'a@x.org', true), (2, 'b@x.org', false);
INSERT INTO ti.members SELECT u.id, t.id, 'owner' FROM ti.users u, ti.tenants t;
INSERT INTO ti.profiles SELECT id, '00000000-0000-0000-0000-000000000002' FROM ti.users;
CREATE TABLE ti.numbers (id int, author int REFERENCES ti.users ON DELETE CASCADE, tenant_id int);
-- in partitions of other numbers, one of them isolated alone; a child that came later; by a slug, which a key says
CREATE TABLE ti.parts (id int, author int REFERENCES ti.users ON DELETE CASCADE, tenant_id uuid) PARTITION BY LIST (id);
CREATE TABLE ti.part_1 (tenant_id uuid, gone int, author int, id int);
ALTER TABLE ti.part_1 DROP COLUMN gone;
CREATE TABLE ti.alone (id int, author int REFERENCES ti.users ON DELETE CASCADE, org uuid) PARTITION BY LIST (id);
CREATE TABLE ti.alone_1 PARTITION OF ti.alone FOR VALUES IN (1, 2);
CREATE TABLE ti.above (id int, tenant_id uuid);
CREATE TABLE ti.by_slug (id int, author int REFERENCES ti.users ON DELETE CASCADE, tenant text REFERENCES ti.tenants (slug));
SELECT account.enable_tenant_isolation(t::regclass, c) FROM (VALUES ('ti.numbers', 'tenant_id'), ('ti.parts', 'tenant_id'), ('ti.alone_1', 'org'), ('ti.above', 'tenant_id'), ('ti.by_slug', 'tenant'), ('ti.profiles', 'org')) v(t, c) \g /dev/null
ALTER TABLE ti.parts ATTACH PARTITION ti.part_1 FOR VALUES IN (1, 2);
CREATE TABLE ti.child (author int REFERENCES ti.users ON DELETE CASCADE) INHERITS (ti.above);
INSERT INTO ti.numbers VALUES (1, 2, 1), (2, 2, NULL);
INSERT INTO ti.parts SELECT n, 2, format('00000000-0000-0000-0000-00000000000%s', n)::uuid FROM generate_series(1, 2) n;
INSERT INTO ti.alone SELECT n, 2, format('00000000-0000-0000-0000-00000000000%s', n)::uuid FROM generate_series(1, 2) n;
INSERT INTO ti.child SELECT n, format('00000000-0000-0000-0000-00000000000%s', n)::uuid, 2 FROM generate_series(1, 2) n;
INSERT INTO ti.by_slug VALUES (1, 2, 'one'), (2, 2, 'two');
SELECT account.use_tables('ti.users', 'ti.profiles', 'ti.tenants', members => 'ti.members') \g /dev/null
SELECT account.act_as('1', false) \gset ignore_
SELECT is((SELECT string_agg(c.relname || ' ' || (row_data ->> 'id'), ', ' ORDER BY c.relname, row_data ->> 'id') FROM account.export_tenant('one') e JOIN pg_class c ON c.oid = e.relation WHERE c.relname NOT IN ('members', 'tenants', 'users')),
    'alone 1, by_slug 1, child 1, numbers 2, parts 1', 'partitions, one that is isolated alone, a child of an isolated table, a profile');
-- a policy that the owner has widened names them still
ALTER POLICY pgaccount_tenant ON ti.parts USING (author = 7 OR tenant_id = (SELECT account.tenant_uuid()));
SELECT is((SELECT string_agg(row_data ->> 'id', ', ') FROM account.export_tenant('one') WHERE relation = 'ti.parts'::regclass), '1', 'a policy that was widened');
SELECT account.disable_tenant_isolation('ti.parts') \gset ignore_
SELECT is((SELECT count(*) FROM account.export_tenant('one') WHERE relation = 'ti.parts'::regclass), 2::bigint, 'a table that is isolated no more');
SELECT account.sign_out() \gset ignore_
-- rows that name the tenant in the column by which they are isolated are its own, without a key to anything: in an order
-- in which they can be loaded, each once, with what must reference them and what may; in partitions, of a child, in a cycle
SELECT account.sign_out(), account.forget_tables() \gset ignore_
DROP SCHEMA ti CASCADE;
CREATE SCHEMA tp;
CREATE TABLE tp.tenants (id int PRIMARY KEY, slug text UNIQUE);
CREATE TABLE tp.users (id int PRIMARY KEY, email text, is_superuser boolean, tenant_id int REFERENCES tp.tenants);
CREATE TABLE tp.pure (id int PRIMARY KEY, tenant_id bigint, up int REFERENCES tp.pure, secret text);
CREATE TABLE tp.a_line (id int PRIMARY KEY, pure int NOT NULL REFERENCES tp.pure, other int);
CREATE TABLE tp.a_mark (id int PRIMARY KEY, pure int REFERENCES tp.pure, tenant_id text);
CREATE TABLE tp.parts (id int, tenant_id bigint) PARTITION BY LIST (id);
CREATE TABLE tp.part_1 (tenant_id bigint, gone int, id int);
ALTER TABLE tp.part_1 DROP COLUMN gone;
ALTER TABLE tp.parts ATTACH PARTITION tp.part_1 FOR VALUES IN (1, 2);
CREATE TABLE tp.above (id int, tenant_id bigint);
CREATE TABLE tp.child () INHERITS (tp.above);
CREATE TABLE tp.odd (id int, "The ""Tenant" bigint, author int REFERENCES tp.users ON DELETE CASCADE);
CREATE TABLE tp.own (id int, tenant_id int REFERENCES tp.tenants);
CREATE TABLE tp.open (id int, tenant_id int);
INSERT INTO tp.tenants VALUES (1, 'one'), (2, 'two');
INSERT INTO tp.users VALUES (1, 'a@x.org', true, 1), (2, 'b@x.org', false, 2);
SELECT account.enable_tenant_isolation(t::regclass) FROM unnest('{tp.users,tp.pure,tp.a_mark,tp.parts,tp.above,tp.own}'::text[]) t \g /dev/null
SELECT account.enable_tenant_isolation('tp.odd', 'The "Tenant') \g /dev/null
INSERT INTO tp.pure VALUES (1, 1, 2, 'x'), (2, 1, 1, 'x'), (3, 1, NULL, 'x'), (4, 2, NULL, 'x'), (5, NULL, NULL, 'x'), (6, 2, 3, 'x');
INSERT INTO tp.a_line SELECT i, i FROM generate_series(1, 6) i;
INSERT INTO tp.a_mark VALUES (1, 3, '1'), (2, 3, '2'), (3, 3, NULL), (4, NULL, '1'), (5, 4, '1'), (6, NULL, '01');
INSERT INTO tp.parts VALUES (1, 1), (2, 2);
INSERT INTO tp.above VALUES (1, 1), (2, 2);
INSERT INTO tp.child VALUES (3, 1), (4, 2);
INSERT INTO tp.odd VALUES (1, 1, 1), (2, 1, 2), (3, 1, NULL), (4, 2, 1), (5, NULL, 1), (6, NULL, NULL);
INSERT INTO tp.own VALUES (1, 1), (2, 2);
INSERT INTO tp.open VALUES (1, 1);
SELECT account.use_tables('tp.users', tenants => 'tp.tenants') \g /dev/null
SELECT account.act_as('1', false) \gset ignore_
CREATE TEMP TABLE pure AS SELECT row_number() OVER () AS n, c.relname::text AS name, (row_data ->> 'id')::int AS id, row_data FROM account.export_tenant('one') e JOIN pg_class c ON c.oid = e.relation;
SELECT is(string_agg(name || ' ' || id, ', ' ORDER BY name, id),
    'a_line 1, a_line 2, a_line 3, a_mark 1, a_mark 3, a_mark 4, a_mark 5, above 1, child 3, odd 1, odd 2, odd 3, odd 5, own 1, parts 1, pure 1, pure 2, pure 3, tenants 1, users 1', 'what names the tenant by isolation is its own') FROM pure;
SELECT is((SELECT min(n) FROM pure WHERE name ~ 'a_') > (SELECT max(n) FROM pure WHERE name = 'pure'), true, 'it comes before what references it');
SELECT is(count(*), 0::bigint, 'and without its secrets') FROM pure WHERE row_data ? 'secret';
-- whose owner may not reference the tenants is passed over, and what has a foreign table; it is told
CREATE FUNCTION tp.exported(relation regclass) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM account.export_tenant(''one'') e WHERE e.relation = $1';
ALTER TABLE tp.odd OWNER TO regress_te_app;
GRANT USAGE ON SCHEMA tp TO regress_te_app;
SELECT is(tp.exported('tp.odd'), 2::bigint, 'of another owner what references the tenant''s users');
GRANT REFERENCES (id) ON tp.tenants TO regress_te_app;
SELECT is(tp.exported('tp.odd'), 4::bigint, 'all, where the owner may reference the tenants');
ALTER TABLE tp.odd OWNER TO CURRENT_USER;
CREATE FOREIGN DATA WRAPPER te_nowhere;
CREATE SERVER te_nowhere FOREIGN DATA WRAPPER te_nowhere;
CREATE FOREIGN TABLE tp.part_3 PARTITION OF tp.parts FOR VALUES IN (3) SERVER te_nowhere;
SELECT is(tp.exported('tp.parts'), 0::bigint, 'a table with a foreign partition is passed over');
DROP FOREIGN DATA WRAPPER te_nowhere CASCADE;
CREATE TEMP TABLE temporary (id int, tenant_id int);
ALTER TABLE temporary ENABLE ROW LEVEL SECURITY;
CREATE POLICY pgaccount_tenant ON temporary AS RESTRICTIVE USING (tenant_id = (SELECT account.tenant_bigint()));
INSERT INTO temporary VALUES (1, 1);
SELECT is(count(*), 20::bigint, 'no temporary table') FROM account.export_tenant('one');
SELECT account.sign_out(), account.forget_tables() \gset ignore_
DROP SCHEMA tp CASCADE;
-- who has left a tenant is not its user any more, whether the membership is removed or deleted; who was deleted is
CREATE SCHEMA tl;
CREATE TABLE tl.tenants (id int PRIMARY KEY, slug text UNIQUE, deleted_at timestamp(0));
CREATE TABLE tl.users (id int PRIMARY KEY, email text UNIQUE, is_superuser boolean, deleted_at timestamptz);
CREATE TABLE tl.members (user_id int REFERENCES tl.users ON DELETE CASCADE, tenant_id int REFERENCES tl.tenants ON DELETE CASCADE, role text, deleted_at timestamptz(1), PRIMARY KEY (user_id, tenant_id));
CREATE TABLE tl.notes (id int PRIMARY KEY, author int REFERENCES tl.users ON DELETE CASCADE, tenant int REFERENCES tl.tenants);
INSERT INTO tl.tenants VALUES (1, 'one'), (2, 'two');
INSERT INTO tl.users SELECT i, name || '@x.org', i = 9 FROM (VALUES (1, 'here'), (2, 'left'), (3, 'removed'), (4, 'deleted'), (5, 'left and deleted'), (9, 'root')) v(i, name);
INSERT INTO tl.members SELECT u.id, t.id, 'owner' FROM tl.users u, tl.tenants t WHERE u.id < 9;
INSERT INTO tl.notes SELECT id, id, NULL FROM tl.users UNION ALL SELECT 100 + id, id, 1 FROM tl.users;
DELETE FROM tl.members WHERE (user_id, tenant_id) = (3, 1);
SELECT account.enable_soft_delete(t::regclass) FROM unnest('{tl.tenants,tl.users,tl.members}'::text[]) t \g /dev/null
SELECT account.use_tables('tl.users', tenants => 'tl.tenants', members => 'tl.members') \g /dev/null
DELETE FROM tl.members WHERE user_id IN (2, 5) AND tenant_id = 1;
SELECT pg_sleep(0.2) \gset ignore_
DELETE FROM tl.users WHERE id IN (4, 5);
SELECT account.act_as('9', false) \gset ignore_
CREATE FUNCTION tl.exported(tenant text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(c.relname || ' ' || coalesce(row_data ->> 'id', row_data ->> 'user_id'), ', ' ORDER BY c.relname, coalesce(row_data ->> 'id', row_data ->> 'user_id')) FROM account.export_tenant(tenant) e JOIN pg_class c ON c.oid = e.relation WHERE c.relname <> 'tenants' $$;
SELECT is(tl.exported('one'), 'members 1, members 2, members 4, members 5, notes 1, notes 101, notes 102, notes 103, notes 104, notes 105, notes 109, notes 4, users 1, users 4',
    'of who has left what names the tenant, and no more');
SELECT is((SELECT string_agg(user_id::text, ' ' ORDER BY user_id) FROM account.deleted(NULL::tl.members) WHERE tenant_id = 2), '4 5', 'those who were deleted are members no more');
SELECT is((SELECT string_agg(row_data ->> 'id', ' ' ORDER BY row_data ->> 'id') FROM account.export_tenant('two') WHERE relation = 'tl.users'::regclass), '1 2 3 4 5', 'but are the tenant''s');
DELETE FROM tl.tenants WHERE id = 2;
SELECT is((SELECT count(*) FROM tl.members WHERE tenant_id = 2), 0::bigint, 'a deleted tenant has no live memberships');
SELECT is((SELECT string_agg(row_data ->> 'id', ' ' ORDER BY row_data ->> 'id') FROM account.export_tenant('two') WHERE relation = 'tl.users'::regclass), '1 2 3 4 5', 'it is exported with those it had');
SELECT account.sign_out() \gset ignore_
DROP OWNED BY regress_te_app;
DROP ROLE regress_te_app;
SELECT * FROM finish();
