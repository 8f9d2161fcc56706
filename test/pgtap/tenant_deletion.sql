-- A tenant goes with its users and what follows them, and exactly that comes back, whatever its keys are and do:
-- types of keys x what the foreign key of users does, users in partitions, quoted names, rows with two parents.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SELECT no_plan();

-- what all tables of a schema hold, but for secrets; deleted rows too
CREATE FUNCTION contents(schema name) RETURNS jsonb LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
DECLARE
    result jsonb := '{}';
    t name;
    rows jsonb;
BEGIN
    FOR t IN SELECT relname FROM pg_class WHERE relnamespace = quote_ident(schema)::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1 LOOP
        EXECUTE format('SELECT jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)) FROM %I.%I t', schema, t) INTO rows;
        result := result || jsonb_build_object(t, rows);
    END LOOP;
    RETURN result;
END $$;

-- live rows, by table
CREATE FUNCTION live(schema name) RETURNS text LANGUAGE plpgsql SET pgaccount.show_deleted = off AS $$
DECLARE
    result text;
    n text;
    t name;
BEGIN
    FOR t IN SELECT relname FROM pg_class WHERE relnamespace = quote_ident(schema)::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1 LOOP
        EXECUTE format('SELECT count(*) FROM %I.%I', schema, t) INTO n;
        result := concat_ws(' ', result, t || ':' || n);
    END LOOP;
    RETURN result;
END $$;

-- a key of each type, by number
CREATE FUNCTION key(type text, n int) RETURNS text LANGUAGE sql AS $$
    SELECT CASE type WHEN 'uuid' THEN '00000000-0000-0000-0000-' || lpad(n::text, 12, '0') WHEN 'text' THEN 'key ' || n ELSE n::text END $$;

CREATE FUNCTION build(type text, action text, partitioned boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($f$
        CREATE SCHEMA "Mixed Case";
        CREATE TABLE "Mixed Case"."Tenants" ("Id" %1$s PRIMARY KEY, slug text UNIQUE, owner %1$s);
        CREATE TABLE "Mixed Case"."Users" (id %1$s %2$s, email text, "Tenant" %1$s %3$s, is_staff boolean DEFAULT false, is_superuser boolean DEFAULT false%4$s) %5$s;
        CREATE TABLE "Mixed Case"."Posts" (id int PRIMARY KEY, author %1$s REFERENCES "Mixed Case"."Users" ON DELETE CASCADE, tenant %1$s REFERENCES "Mixed Case"."Tenants" ON DELETE CASCADE);
        CREATE TABLE "Mixed Case".notes (id int PRIMARY KEY, post int REFERENCES "Mixed Case"."Posts" ON DELETE CASCADE, parent int REFERENCES "Mixed Case".notes ON DELETE CASCADE);
        CREATE TABLE "Mixed Case".kept (id int PRIMARY KEY, author %1$s REFERENCES "Mixed Case"."Users", tenant %1$s REFERENCES "Mixed Case"."Tenants");
        $f$, type, CASE WHEN partitioned THEN '' ELSE 'PRIMARY KEY' END,
        CASE WHEN action = 'none' THEN '' ELSE 'REFERENCES "Mixed Case"."Tenants" ON DELETE ' || action END,
        CASE WHEN partitioned THEN ', PRIMARY KEY (id)' ELSE '' END, CASE WHEN partitioned THEN 'PARTITION BY HASH (id)' ELSE '' END);
    IF partitioned THEN
        CREATE TABLE "Mixed Case"."Part 0" PARTITION OF "Mixed Case"."Users" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE "Mixed Case"."Part 1" PARTITION OF "Mixed Case"."Users" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    END IF;
    ALTER TABLE "Mixed Case"."Tenants" ADD FOREIGN KEY (owner) REFERENCES "Mixed Case"."Users" DEFERRABLE INITIALLY DEFERRED;
    PERFORM account.enable_soft_delete('"Mixed Case"."Tenants"', guard_references => true);
    PERFORM account.enable_soft_delete('"Mixed Case"."Users"', guard_references => true);
    PERFORM account.enable_soft_delete('"Mixed Case"."Posts"');
    PERFORM account.enable_soft_delete('"Mixed Case".notes');
    PERFORM account.use_tables('"Mixed Case"."Users"', tenants => '"Mixed Case"."Tenants"');
    -- tenants 1 and 2, users 10 to 14 of the one, and 20 to 24 of the other; root is of none
    FOR i IN 1..2 LOOP
        EXECUTE format('INSERT INTO "Mixed Case"."Tenants" VALUES (%L, %L, %L)', key(type, i), 'tenant ' || i, key(type, 10 * i));
        EXECUTE format('INSERT INTO "Mixed Case"."Users" SELECT k::%s, %L || n, %L FROM generate_series(%s, %s) n, LATERAL key(%L, n) k',
            type, 'user', key(type, i), 10 * i, 10 * i + 4, type);
    END LOOP;
    EXECUTE format('INSERT INTO "Mixed Case"."Users" VALUES (%L, ''root'', NULL, true, true)', key(type, 99));
    EXECUTE format('INSERT INTO "Mixed Case"."Posts" SELECT n, k::%1$s, t::%1$s FROM generate_series(10, 29) n, LATERAL key(%2$L, CASE WHEN n < 20 THEN 10 + n %% 5 ELSE 20 + n %% 5 END) k, LATERAL key(%2$L, n / 10) t', type, type);
    -- without tenant, and of a user of the other tenant
    EXECUTE format('INSERT INTO "Mixed Case"."Posts" VALUES (30, %L, NULL), (31, %L, %L)', key(type, 11), key(type, 21), key(type, 1));
    INSERT INTO "Mixed Case".notes SELECT id, id FROM "Mixed Case"."Posts";
    INSERT INTO "Mixed Case".notes SELECT id + 100, NULL, id FROM "Mixed Case".notes;
    EXECUTE format('INSERT INTO "Mixed Case".kept VALUES (1, %L, %L)', key(type, 10), key(type, 1));
    -- gone before, each on its own
    EXECUTE format('DELETE FROM "Mixed Case"."Users" WHERE id = %L', key(type, 13));
    DELETE FROM "Mixed Case"."Posts" WHERE id = 12;
    DELETE FROM "Mixed Case".notes WHERE id = 110;
END $$;

-- each step is a transaction, for all that one deletes has one stamp
CREATE TABLE seen (step text, contents jsonb);
CREATE FUNCTION see(what text) RETURNS void LANGUAGE sql AS $$ DELETE FROM seen WHERE step = what; INSERT INTO seen VALUES (what, contents('Mixed Case')) $$;
CREATE FUNCTION saw(what text) RETURNS jsonb LANGUAGE sql AS 'SELECT contents FROM seen WHERE step = what';
-- all stamps of now, as one value
CREATE FUNCTION stamps(since timestamptz) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(DISTINCT stamp) FROM jsonb_each(contents('Mixed Case')) t, LATERAL jsonb_array_elements(t.value) r, LATERAL (SELECT (r ->> 'deleted_at')::timestamptz) s(stamp) WHERE stamp >= since $$;

CREATE PROCEDURE try(type text, action text, partitioned boolean) LANGUAGE plpgsql AS $$
DECLARE
    name text := format('%s, %s%s', type, action, CASE WHEN partitioned THEN ', partitions' ELSE '' END);
    started timestamptz;
    rows bigint;
BEGIN
    PERFORM build(type, action, partitioned);
    COMMIT;
    PERFORM see('before');
    PERFORM account.act_as(key(type, 99), false);
    COMMIT;
    started := now();
    PERFORM account.delete_tenant('tenant 1', 'left');
    COMMIT;
    INSERT INTO answers (answer) SELECT is(live('Mixed Case'), 'Posts:10 Tenants:1 Users:6 kept:1 notes:20', name || ': all of the tenant is gone, and nothing else');
    INSERT INTO answers (answer) SELECT is(stamps(started), 1::bigint, name || ': with one stamp');
    INSERT INTO answers (answer) SELECT is((SELECT count(*) FROM account.event e WHERE e.type = 'user_deleted' AND detail ->> 'reason' = 'left' AND at >= started), 4::bigint, name || ': an event of each user');
    INSERT INTO answers (answer) SELECT is((SELECT (detail ->> 'users')::int FROM account.event e WHERE e.type = 'tenant_deleted' AND at >= started), 4, name || ': and one of the tenant');
    rows := account.restore_tenant('tenant 1', 'back') ->> 'rows';
    COMMIT;
    INSERT INTO answers (answer) SELECT is(contents('Mixed Case'), saw('before'), name || ': exactly that comes back');
    INSERT INTO answers (answer) SELECT is(rows, (1 + 4 + 9 + 17)::bigint, name || ': all rows are counted');
    -- a user that comes back alone and goes again has gone on its own
    PERFORM account.delete_tenant(key(type, 1));
    COMMIT;
    INSERT INTO answers (answer) SELECT throws_ok(format('SELECT account.restore_user(%L::text)', key(type, 11)), CASE action WHEN 'none' THEN NULL ELSE '23503' END, NULL, name || ': no user alone, where the key is guarded') WHERE action <> 'none';
    IF action = 'none' THEN
        PERFORM account.restore_user(key(type, 11));
        COMMIT;
        PERFORM account.delete_user(key(type, 11));
        COMMIT;
        PERFORM account.restore_tenant(key(type, 1));
        COMMIT;
        INSERT INTO answers (answer) SELECT is(live('Mixed Case'), 'Posts:16 Tenants:2 Users:9 kept:1 notes:31', name || ': a user that went on its own afterwards stays');
        PERFORM account.restore_user(key(type, 11));
        COMMIT;
        INSERT INTO answers (answer) SELECT is(contents('Mixed Case'), saw('before'), name || ': till it is restored');
    ELSE
        PERFORM account.restore_tenant(key(type, 1));
        COMMIT;
    END IF;
    PERFORM account.sign_out();
    PERFORM account.forget_tables();
    DROP SCHEMA "Mixed Case" CASCADE;
    COMMIT;
END $$;
CREATE TABLE answers (n int GENERATED ALWAYS AS IDENTITY, answer text);
SELECT format('CALL try(%L, %L, %L)', type, action, partitioned)
FROM unnest('{bigint,uuid,text}'::text[]) type, unnest('{none,NO ACTION,CASCADE,SET NULL,RESTRICT}'::text[]) action, unnest('{f,t}'::boolean[]) partitioned
WHERE NOT partitioned OR type = 'bigint' ORDER BY 1 \gexec
SELECT answer FROM answers ORDER BY n;
SELECT * FROM finish();
