-- After any prefix of batches nothing dangles, and at their end is what account.cleanup leaves in one transaction: over random
-- data in tables that reference one another in every way.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE ROLE regress_cbp;
CREATE SCHEMA cbp;
CREATE FUNCTION cbp.make(schema name) RETURNS void LANGUAGE plpgsql SET client_min_messages = error AS $make$
BEGIN
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', schema);
    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION regress_cbp', schema);
    SET LOCAL ROLE regress_cbp;
    PERFORM set_config('search_path', quote_ident(schema), true);
    CREATE TABLE tenants (id int PRIMARY KEY, code text UNIQUE NOT NULL, parent int REFERENCES tenants ON DELETE CASCADE);
    CREATE TABLE users (id bigint PRIMARY KEY, tenant int REFERENCES tenants ON DELETE CASCADE, boss bigint REFERENCES users ON DELETE SET NULL, home uuid, team int);
    -- circles of tables: by a key that stands in the way, and by two that cascade
    CREATE TABLE homes (id uuid PRIMARY KEY, who bigint NOT NULL REFERENCES users ON DELETE CASCADE);
    ALTER TABLE users ADD FOREIGN KEY (home) REFERENCES homes;
    CREATE TABLE teams (id int PRIMARY KEY, lead bigint NOT NULL REFERENCES users ON DELETE CASCADE);
    ALTER TABLE users ADD FOREIGN KEY (team) REFERENCES teams ON DELETE CASCADE;
    -- trees, rings, and rows that cannot do without the key that would be set null
    CREATE TABLE posts (id int PRIMARY KEY, who bigint REFERENCES users ON DELETE CASCADE, parent int REFERENCES posts ON DELETE CASCADE, next int REFERENCES posts);
    CREATE TABLE pins (id int PRIMARY KEY, who bigint NOT NULL REFERENCES users ON DELETE CASCADE, post int NOT NULL REFERENCES posts ON DELETE SET NULL);
    CREATE TABLE likes (id int PRIMARY KEY, who bigint REFERENCES users ON DELETE CASCADE, post int REFERENCES posts ON DELETE SET NULL, CHECK (who IS NULL OR post IS NOT NULL));
    -- composite keys of text, to a unique constraint, with columns in another order
    CREATE TABLE "Odd docs" ("The no" int, tenant text REFERENCES tenants (code) ON DELETE CASCADE ON UPDATE CASCADE, PRIMARY KEY (tenant, "The no"));
    CREATE TABLE pages (n int, tenant text, doc int, was int, FOREIGN KEY (tenant, doc) REFERENCES "Odd docs" (tenant, "The no") ON DELETE CASCADE,
        FOREIGN KEY (tenant, was) REFERENCES "Odd docs" (tenant, "The no") ON DELETE SET NULL (was));
    -- partitions, and a table with soft delete
    CREATE TABLE lines (id int, who bigint REFERENCES users ON DELETE CASCADE, post int REFERENCES posts ON DELETE SET DEFAULT, PRIMARY KEY (id)) PARTITION BY HASH (id);
    CREATE TABLE lines_0 PARTITION OF lines FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE lines_1 (post int, id int NOT NULL, who bigint);
    ALTER TABLE lines ATTACH PARTITION lines_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE tags (id int PRIMARY KEY, line int REFERENCES lines ON DELETE CASCADE);
    PERFORM account.enable_soft_delete('tags', on_parent_delete => 'delete');
    RESET ROLE;
END $make$;

-- a random thing of the first n, or nothing
CREATE FUNCTION cbp.any_of(n int, nothing float8) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT CASE WHEN random() >= nothing THEN 1 + floor(random() * n)::int END';
CREATE FUNCTION cbp.fill(n int) RETURNS void LANGUAGE plpgsql SET search_path = cbp_one AS $fill$
BEGIN
    INSERT INTO tenants SELECT i, 'T' || i, CASE WHEN i > 4 THEN cbp.any_of(i - 1, 0.5) END FROM generate_series(1, 6) i;
    INSERT INTO users SELECT i, cbp.any_of(6, 0.2), cbp.any_of(i, 0.6) FROM generate_series(1, n) i;
    INSERT INTO homes SELECT md5(i::text)::uuid, cbp.any_of(n, 0) FROM generate_series(1, n) i;
    UPDATE users SET home = (SELECT h.id FROM homes h WHERE h.who = users.id LIMIT 1) WHERE random() < 0.7;
    INSERT INTO teams SELECT i, cbp.any_of(n, 0) FROM generate_series(1, greatest(n / 8, 1)) i;
    UPDATE users SET team = cbp.any_of(greatest(n / 8, 1), 0.3) WHERE random() < 0.8;
    INSERT INTO posts SELECT i, cbp.any_of(n, 0.1), cbp.any_of(i, 0.4) FROM generate_series(1, n * 3) i;
    -- rings of posts that cannot go one by one
    UPDATE posts SET next = 1 + (id + 2) % (n * 3), parent = 1 + (id + 2) % (n * 3), who = 1 WHERE id <= least(n * 3, 12);
    INSERT INTO pins SELECT i, p.who, p.id FROM generate_series(1, n) i JOIN posts p ON p.id = 1 + i * 2 % (n * 3) WHERE p.who IS NOT NULL;
    INSERT INTO likes SELECT i, p.who, p.id FROM generate_series(1, n) i JOIN posts p ON p.id = 1 + i * 5 % (n * 3);
    INSERT INTO "Odd docs" SELECT i, 'T' || 1 + i % 6 FROM generate_series(1, n) i;
    INSERT INTO pages SELECT i, d.tenant, d."The no", CASE WHEN random() < 0.5 THEN d."The no" END FROM generate_series(1, n) i JOIN "Odd docs" d ON d."The no" = 1 + i % n;
    INSERT INTO lines SELECT i, cbp.any_of(n, 0.2), cbp.any_of(n * 3, 0.5) FROM generate_series(1, n * 2) i;
    INSERT INTO tags SELECT i, cbp.any_of(n * 2, 0.1) FROM generate_series(1, n) i;
    DELETE FROM tags WHERE id % 3 = 0;
END $fill$;
-- what stands outside in the way of tenant 1 is taken out of it first, until the cleanup is possible
CREATE FUNCTION cbp.clear_way() RETURNS void LANGUAGE plpgsql SET search_path = cbp_one AS $clear$
DECLARE step record;
BEGIN
    FOR i IN 1 .. 50 LOOP
        SELECT * INTO step FROM account.cleanup_plan('cbp_one.tenants', 1) WHERE action = 'protected' LIMIT 1;
        EXIT WHEN NOT FOUND;
        EXECUTE format('UPDATE %s SET %I = NULL', step.relation, CASE step.via WHEN 'users_home_fkey' THEN 'home' ELSE 'next' END);
    END LOOP;
    -- nor what cannot do without the key that it would lose
    FOR step IN SELECT * FROM account.cleanup_plan('cbp_one.tenants', 1) WHERE action = 'set null' LOOP
        IF step.via = 'pins_post_fkey' THEN DELETE FROM pins; END IF;
        IF step.via = 'likes_post_fkey' THEN UPDATE likes SET who = NULL WHERE id % 2 = 0; DELETE FROM likes WHERE id % 2 = 1; END IF;
    END LOOP;
END $clear$;
CREATE FUNCTION cbp.tables() RETURNS SETOF text LANGUAGE sql AS $$VALUES ('tenants'), ('users'), ('homes'), ('teams'), ('posts'), ('pins'), ('likes'), ('"Odd docs"'), ('pages'), ('lines'), ('tags')$$;
-- keys without what they reference
CREATE FUNCTION cbp.dangling() RETURNS bigint LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $dangling$
DECLARE
    fk record;
    n bigint;
    total bigint := 0;
BEGIN
    FOR fk IN SELECT conrelid::regclass AS child, confrelid::regclass AS parent,
        (SELECT string_agg(format('p.%I = c.%I', pa.attname, ca.attname), ' AND ') FROM unnest(conkey, confkey) AS k (c, p) JOIN pg_attribute ca ON ca.attrelid = conrelid AND ca.attnum = k.c
            JOIN pg_attribute pa ON pa.attrelid = confrelid AND pa.attnum = k.p) AS matches,
        (SELECT string_agg(format('c.%I IS NOT NULL', ca.attname), ' AND ') FROM unnest(conkey) k JOIN pg_attribute ca ON ca.attrelid = conrelid AND ca.attnum = k) AS given
        FROM pg_constraint WHERE contype = 'f' AND connamespace = 'cbp_many'::regnamespace AND conparentid = 0
    LOOP
        EXECUTE format('SELECT count(*) FROM %s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)', fk.child, fk.given, fk.parent, fk.matches) INTO n;
        total := total + n;
    END LOOP;
    RETURN total;
END $dangling$;
CREATE PROCEDURE cbp.try(seed float8, n int, size int) LANGUAGE plpgsql AS $try$
DECLARE
    name text;
    planned bigint;
    removed bigint;
    differ bigint := 0;
    k bigint;
    wrong bigint := 0;
    calls int := 0;
    ended text;
BEGIN
    PERFORM cbp.make('cbp_one'), cbp.make('cbp_many');
    PERFORM setseed(seed);
    PERFORM cbp.fill(n), cbp.clear_way();
    SET LOCAL pgaccount.show_deleted = on;
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT cbp.tables() LOOP
        EXECUTE format('INSERT INTO cbp_many.%s SELECT * FROM cbp_one.%s', name, name);
    END LOOP;
    SET LOCAL session_replication_role = origin;
    SELECT sum(rows) FILTER (WHERE action = 'delete') INTO planned FROM account.cleanup('cbp_one.tenants', 1);
    COMMIT;
    LOOP
        CALL account.cleanup_batches('cbp_many.tenants', '1', batch_size => size, max_runtime => '0');
        calls := calls + 1;
        wrong := wrong + cbp.dangling();
        SELECT state, done INTO ended, removed FROM account.removal ORDER BY id DESC LIMIT 1;
        EXIT WHEN ended <> 'paused' OR calls > 10000;
    END LOOP;
    SET LOCAL pgaccount.show_deleted = on;
    FOR name IN SELECT cbp.tables() LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT to_jsonb(a) - ''deleted_at'' FROM cbp_one.%1$s a EXCEPT ALL SELECT to_jsonb(b) - ''deleted_at'' FROM cbp_many.%1$s b) x', name) INTO k;
        differ := differ + k;
        EXECUTE format('SELECT count(*) FROM (SELECT to_jsonb(a) - ''deleted_at'' FROM cbp_many.%1$s a EXCEPT ALL SELECT to_jsonb(b) - ''deleted_at'' FROM cbp_one.%1$s b) x', name) INTO k;
        differ := differ + k;
    END LOOP;
    RAISE WARNING 'seed %, % rows in batches of %: %, % dangling, % rows differ, % rows counted otherwise%', seed, n, size, ended, wrong, differ, removed - planned,
        CASE WHEN calls < planned / size THEN ', in too few transactions' ELSE '' END;
END $try$;
CALL cbp.try(0.1, 4, 1);
CALL cbp.try(0.2, 10, 5);
CALL cbp.try(0.3, 20, 7);
CALL cbp.try(0.4, 20, 20);
CALL cbp.try(0.5, 60, 40);
CALL cbp.try(-0.6, 12, 3);
CALL cbp.try(-0.7, 16, 2);
SET client_min_messages = warning;
DELETE FROM account.removal_task;
DROP SCHEMA cbp, cbp_one, cbp_many CASCADE;
DROP ROLE regress_cbp;
