-- restore and is_deleted: keys of every kind, children, what stands in the way, privileges.
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE ROLE regress_sd_clerk;
CREATE SCHEMA sd_restore AUTHORIZATION regress_sd_owner;
GRANT USAGE ON SCHEMA sd_restore TO regress_sd_clerk;
SET ROLE regress_sd_owner;
SET search_path = sd_restore;
RESET client_min_messages;
\set QUIET off
CREATE FUNCTION all_of(t regclass, cols text DEFAULT 'id') RETURNS TABLE (r text, dead boolean) LANGUAGE plpgsql SET pgaccount.show_deleted = on AS $$
BEGIN RETURN QUERY EXECUTE format('SELECT concat_ws('','', %s), deleted_at IS NOT NULL FROM %s ORDER BY %s', cols, t, cols); END $$;

-- keys of every type -----------------------------------------------------------------------------------------------
CREATE TABLE users (id bigint PRIMARY KEY, email text UNIQUE, name text, is_deleted boolean NOT NULL DEFAULT false, deleted_by text, deleted_at timestamptz);
INSERT INTO users SELECT i, 'u' || i, 'n' || i FROM generate_series(1, 12) i;
SELECT account.enable_soft_delete('users') \gset
SELECT account.is_deleted('users', 1) AS live, account.is_deleted('users', 99) AS unknown;
DELETE FROM users;
SELECT account.is_deleted('users', 1), account.is_deleted('users', '1'), account.is_deleted('users', 1::smallint), account.is_deleted('users', 1::numeric), account.is_deleted('users', '{"id": 1}'::jsonb), account.is_deleted('users', '{"email": "u1"}'::jsonb);
SELECT account.restore('users', 1);
SELECT account.restore('users', 1) AS not_deleted, account.restore('users', 99) AS unknown, account.is_deleted('users', 1);
SELECT id, name, is_deleted, deleted_by, deleted_at FROM users;
SELECT account.restore('users', '2') AS literal, account.restore('users', 3::bigint) AS exact, account.restore('users', 4::smallint) AS small;
SELECT account.restore('users', ARRAY[4, 5, 5, 99]) AS arrayed, account.restore('users', '{6,7}'::bigint[]) AS bigints, account.restore('users', '{}'::int[]) AS none;
SELECT account.restore('users', '{"email": "u8"}'::jsonb) AS by_email, account.restore('users', '[{"id": 9}, {"id": 10}]'::jsonb) AS several;
PREPARE r AS SELECT account.restore('users', $1);
EXECUTE r('11');
PREPARE d AS SELECT account.is_deleted('users', $1);
EXECUTE d('11');
PREPARE r2(bigint) AS SELECT account.restore('users', $1);
EXECUTE r2(12);
DEALLOCATE ALL;
SELECT count(*) FROM users;
-- no keys of that type
\set VERBOSITY terse
SELECT account.restore('users', 'abc'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', true); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', 99999999999999999999); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', ''); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', ARRAY['1', 'x']); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', '{"nothing": 1}'::jsonb); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', '{"name": "n1"}'::jsonb); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', '{"id": {"a": 1}}'::jsonb); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', '{}'::jsonb); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', '[1, "x", null]'::jsonb); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', NULL::bigint); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('users', NULL); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore(NULL, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.is_deleted('users', 'abc'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.is_deleted('users', NULL) AS nothing, account.is_deleted('users', NULL::bigint) AS nothing;
-- wrong tables
CREATE TABLE no_key (a int, deleted_at timestamptz);
INSERT INTO no_key VALUES (1);
SELECT account.enable_soft_delete('no_key') \gset
DELETE FROM no_key;
SELECT account.restore('no_key', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.is_deleted('no_key', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE never (id int PRIMARY KEY);
SELECT account.restore('never', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.is_deleted('never', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
CREATE VIEW v AS SELECT * FROM users;
SELECT account.restore('v', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('pg_class', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore(0, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default

CREATE TABLE uuids (id uuid PRIMARY KEY, n int UNIQUE);
INSERT INTO uuids VALUES ('00000000-0000-0000-0000-000000000001', 1), ('00000000-0000-0000-0000-00000000000A', 2);
CREATE TABLE texts (id text PRIMARY KEY);
INSERT INTO texts VALUES ('a'), ('{x}'), ('null'), (''), ('it''s "q"'), ('1');
CREATE TABLE comps (x int, "Y z" text, d date, PRIMARY KEY ("Y z", x));
INSERT INTO comps VALUES (1, 'a', '2020-01-01'), (1, 'b', NULL), (2, 'a', NULL);
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE TABLE doms (id posint PRIMARY KEY);
INSERT INTO doms VALUES (1), (2);
CREATE TABLE stamps (at timestamptz PRIMARY KEY);
INSERT INTO stamps VALUES ('2020-01-01 00:00:00+00'), ('2021-01-01 00:00:00+00');
CREATE TABLE chars (id char(5) PRIMARY KEY, n numeric(10, 2) UNIQUE);
INSERT INTO chars VALUES ('ab', 1.5), ('cd', 2);
SELECT account.enable_soft_delete(t::regclass) FROM unnest('{uuids,texts,comps,doms,stamps,chars}'::text[]) t \g /dev/null
DELETE FROM uuids; DELETE FROM texts; DELETE FROM comps; DELETE FROM doms; DELETE FROM stamps; DELETE FROM chars;
SELECT account.restore('uuids', '00000000-0000-0000-0000-000000000001') AS literal, account.restore('uuids', '00000000-0000-0000-0000-00000000000a'::uuid) AS uuid, account.restore('uuids', ARRAY['00000000-0000-0000-0000-000000000001'::uuid]) AS again;
SELECT account.restore('texts', 'a'), account.restore('texts', ''), account.restore('texts', 'null'), account.restore('texts', 'it''s "q"'::varchar), account.restore('texts', '{x}'), account.restore('texts', 1);
SELECT id FROM texts ORDER BY id COLLATE "C";
SELECT account.restore('comps', '{"x": 1, "Y z": "a"}'::jsonb) AS one, account.restore('comps', '[{"x": 1, "Y z": "b"}, {"Y z": "a", "x": 2}]'::jsonb) AS two, account.restore('comps', '{"x": 1, "Y z": "a"}') AS text_again;
\set VERBOSITY terse
SELECT account.restore('comps', '{"x": 1}'::jsonb); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('comps', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('comps', '{"x": 1, "Y z": "a", "d": "2020-01-01"}'::jsonb); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('comps', '{"x": "x", "Y z": "a"}'::jsonb); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('uuids', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT account.restore('doms', 1), account.restore('doms', 2::posint), account.restore('doms', -1) AS unknown;
SELECT account.restore('stamps', '2020-01-01 00:00:00+00'), account.restore('stamps', '2021-01-01 00:00:00+00'::timestamptz);
SELECT account.restore('chars', 'ab'), account.restore('chars', '{"n": 2.00}'::jsonb);

-- what an earlier transaction had deleted on its own stays deleted -----------------------------------------------------------
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE, flagged boolean NOT NULL DEFAULT false, who text);
CREATE TABLE c (id int PRIMARY KEY, b int REFERENCES b ON DELETE CASCADE);
INSERT INTO a VALUES (1), (2);
INSERT INTO b SELECT i, 1 + i % 2 FROM generate_series(1, 4) i;
INSERT INTO c SELECT i, 1 + i % 4 FROM generate_series(1, 8) i;
SELECT account.enable_soft_delete('a'), account.enable_soft_delete('b', flag => 'flagged', deleted_by => 'who'), account.enable_soft_delete('c') \gset
DELETE FROM c WHERE id = 1;
DELETE FROM b WHERE id = 2;
DELETE FROM a;
SELECT count(*) FROM c;
SELECT account.restore('a', 1) AS rows;
SELECT * FROM all_of('a');
SELECT * FROM all_of('b', 'id,a,flagged,who = session_user');
SELECT * FROM all_of('c', 'id,b');
SELECT account.restore('a', ARRAY[1, 2]) AS rows;
SELECT * FROM all_of('c') WHERE dead;
-- a child alone, under a dead parent (unguarded); a row deleted in the same transaction
SELECT account.restore('c', 1);
BEGIN;
DELETE FROM a WHERE id = 1;
SELECT account.restore('a', 1) AS rows;
SAVEPOINT s;
DELETE FROM a WHERE id = 2;
ROLLBACK TO s;
SELECT account.restore('a', 2) AS not_deleted;
COMMIT;
SELECT (SELECT count(*) FROM a) AS a, (SELECT count(*) FROM b) AS b, (SELECT count(*) FROM c) AS c;
-- deleted, restored, deleted again: a new stamp
DELETE FROM a WHERE id = 1;
SELECT account.restore('a', 1) AS rows;
DELETE FROM a WHERE id = 1;
SELECT account.restore('a', 1) AS rows;
-- trees, deep ones too
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree ON DELETE CASCADE);
INSERT INTO tree SELECT i, nullif(i - 1, 0) FROM generate_series(1, 2000) i;
CREATE INDEX ON tree (parent);
ANALYZE tree;
SELECT account.enable_soft_delete('tree') \gset
DELETE FROM tree WHERE id = 1990;
DELETE FROM tree WHERE id = 2;
SELECT account.restore('tree', 2);
SELECT count(*) FROM tree;
-- several roots of one cascade at once
DELETE FROM tree WHERE id = 5;
SELECT account.restore('tree', ARRAY[5, 6, 7]);
CREATE TABLE knot (id int PRIMARY KEY, p int REFERENCES knot ON DELETE CASCADE);
INSERT INTO knot VALUES (1, 1), (2, NULL), (3, 2);
UPDATE knot SET p = 3 WHERE id = 2;
SELECT account.enable_soft_delete('knot') \gset
DELETE FROM knot;
SELECT account.restore('knot', 1) AS self, account.restore('knot', 3) AS cycle;

-- restore_names_all_that_stands_in_the_way ------------------------------------------------------------------------------------------
CREATE TABLE people (id int PRIMARY KEY, email text, name text);
SELECT account.enable_soft_delete('people') \gset
CREATE UNIQUE INDEX people_email ON people (email) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX people_name ON people (lower(name)) WHERE deleted_at IS NULL;
INSERT INTO people VALUES (1, 'a@x', 'A'), (2, 'b@x', 'B'), (3, 'c@x', 'C'), (4, NULL, NULL);
CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES people ON DELETE CASCADE, tag text);
SELECT account.enable_soft_delete('pets') \gset
CREATE UNIQUE INDEX pets_tag ON pets (tag) WHERE deleted_at IS NULL;
INSERT INTO pets VALUES (1, 1, 't1'), (2, 2, 't2'), (3, 3, 't3');
DELETE FROM people;
INSERT INTO people VALUES (11, 'a@x', 'X'), (12, 'y@x', 'b'), (13, NULL, NULL);
SELECT account.restore('people', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('people', ARRAY[1, 2, 3, 4]); -- fails
\echo :LAST_ERROR_SQLSTATE
DO $$
DECLARE s text; t text; c text;
BEGIN
    PERFORM account.restore('sd_restore.people', 2);
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS s = SCHEMA_NAME, t = TABLE_NAME, c = CONSTRAINT_NAME;
    RAISE NOTICE 'schema %, table %, constraint %', s, t, c;
END $$;
-- nothing was restored
SELECT * FROM all_of('people');
-- a child's collision
INSERT INTO pets VALUES (21, NULL, 't3');
SELECT account.restore('people', 3); -- fails
\echo :LAST_ERROR_SQLSTATE
DELETE FROM pets WHERE id = 21;
SELECT account.restore('people', ARRAY[3, 4]);
-- two deleted rows that were one another's successor: both cannot come back
DELETE FROM people WHERE id = 11;
INSERT INTO people VALUES (21, 'a@x', 'Z');
DELETE FROM people WHERE id = 21;
SELECT account.restore('people', ARRAY[1, 21]); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.restore('people', 21);
SELECT account.restore('people', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
-- the values of a row that the caller may not read are not told (superuser setting hides them all)
RESET ROLE;
SET pgaccount.error_detail = 'generic';
SELECT account.restore('people', 1); -- fails
RESET pgaccount.error_detail;
SET ROLE regress_sd_owner;

-- unique keys that say themselves whether a row is deleted
CREATE TABLE flagged (id int PRIMARY KEY, email text, deleted_at timestamptz, is_deleted boolean NOT NULL DEFAULT false, UNIQUE (email, is_deleted));
CREATE TABLE stamped (id int PRIMARY KEY, email text, parent int REFERENCES flagged ON DELETE CASCADE, deleted_at timestamptz, UNIQUE NULLS NOT DISTINCT (email, deleted_at));
CREATE TABLE until (id int PRIMARY KEY, email text, deleted_at timestamptz);
CREATE UNIQUE INDEX until_email ON until (email, coalesce(deleted_at, 'infinity'));
CREATE TABLE computed (id int PRIMARY KEY, email text, deleted_at timestamptz, "Live email" text GENERATED ALWAYS AS (CASE WHEN deleted_at IS NULL THEN email END) STORED UNIQUE);
CREATE TABLE cased (id int PRIMARY KEY, email text, deleted_at timestamptz);
CREATE UNIQUE INDEX cased_email ON cased ((CASE WHEN deleted_at IS NULL THEN email END));
CREATE TABLE split (id int PRIMARY KEY, email text, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE split_1 PARTITION OF split FOR VALUES IN (1, 2);
CREATE TABLE split_3 (deleted_at timestamptz, junk int, email text, id int NOT NULL);
ALTER TABLE split_3 DROP COLUMN junk;
ALTER TABLE split ATTACH PARTITION split_3 FOR VALUES IN (3, 4);
CREATE UNIQUE INDEX split_email ON split_3 (email) WHERE deleted_at IS NULL;
SELECT count(account.enable_soft_delete(t)) FROM unnest('{stamped,flagged,until,computed,cased,split}'::regclass[]) t;
INSERT INTO flagged VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO stamped VALUES (1, 'a', 3), (2, NULL, 3), (3, 'c', 3);
INSERT INTO until VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO computed VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO cased VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO split VALUES (1, 'a'), (3, 'a');
DELETE FROM flagged;
DELETE FROM until;
DELETE FROM computed;
DELETE FROM cased;
DELETE FROM split;
INSERT INTO flagged VALUES (11, 'a'), (12, 'b');
INSERT INTO stamped VALUES (11, 'a'), (12, NULL);
INSERT INTO until VALUES (11, 'a'), (12, 'b');
INSERT INTO computed VALUES (11, 'a'), (12, 'b');
INSERT INTO cased VALUES (11, 'a'), (12, 'b');
INSERT INTO split VALUES (2, 'a'), (4, 'a');
SELECT account.restore('flagged', 1); -- fails
SELECT account.restore('flagged', ARRAY[1, 2]); -- fails
SELECT account.restore('flagged', 3); -- fails: for rows that follow
SELECT account.restore('until', ARRAY[1, 2, 3]); -- fails
SELECT account.restore('computed', ARRAY[1, 2, 3]); -- fails
SELECT account.restore('cased', ARRAY[1, 2, 3]); -- fails
SELECT account.restore('split', ARRAY[1, 3]); -- fails
SELECT account.restore('until', 3), account.restore('computed', 3), account.restore('cased', 3), account.restore('split', 1);
-- both would come back under one key
DELETE FROM until WHERE id = 11;
SELECT account.restore('until', ARRAY[1, 11]); -- fails
SELECT account.restore('until', 11);
DELETE FROM until WHERE id = 11;
-- a trigger gives a row that comes back another key
CREATE FUNCTION to_c() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := 'c'; RETURN NEW; END $$;
CREATE TRIGGER to_c BEFORE UPDATE ON until FOR EACH ROW EXECUTE FUNCTION to_c();
SELECT account.restore('until', 1); -- fails

-- guarded: no child under a dead parent -------------------------------------------------------------------------------------------------
SELECT account.enable_soft_delete('people', guard_references => true) \gset
DELETE FROM people WHERE id = 3;
\set VERBOSITY terse
SELECT account.restore('pets', 3); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT account.restore('people', 3) AS rows;
DELETE FROM pets WHERE id = 3;
SELECT account.restore('pets', 3) AS rows;

-- partitions and inheritance -----------------------------------------------------------------------------------------------------------------
CREATE TABLE parts (id int, t int, email text, deleted_at timestamptz, PRIMARY KEY (t, id)) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (deleted_at timestamptz, email text, t int NOT NULL, id int NOT NULL);
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
CREATE UNIQUE INDEX parts_email ON parts (email, t) WHERE deleted_at IS NULL;
INSERT INTO parts SELECT i, t, 'e' || i FROM generate_series(1, 3) i, generate_series(1, 2) t;
SELECT account.enable_soft_delete('parts') \gset
DELETE FROM parts WHERE id < 3;
SELECT account.restore('parts', '[{"t": 2, "id": 1}, {"t": 1, "id": 2}]'::jsonb);
SELECT account.is_deleted('parts', '{"t": 2, "id": 1}'::jsonb), account.is_deleted('parts', '{"t": 1, "id": 1}'::jsonb), account.is_deleted('parts', '{"t": 9, "id": 1}'::jsonb);
INSERT INTO parts VALUES (9, 2, 'e2');
SELECT account.restore('parts', '{"t": 2, "id": 2}'::jsonb); -- fails
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE base (id int PRIMARY KEY);
CREATE TABLE derived (x int, PRIMARY KEY (id)) INHERITS (base);
INSERT INTO base VALUES (1);
INSERT INTO derived VALUES (2, 2);
SELECT account.enable_soft_delete('base') \gset
DELETE FROM base;
SELECT account.restore('base', ARRAY[1, 2]);
DELETE FROM derived;
SELECT account.restore('derived', 2);

-- privileges and row security ---------------------------------------------------------------------------------------------------------------------
CREATE TABLE guarded (id int PRIMARY KEY, owner name, deleted_by text);
CREATE TABLE kids (id int PRIMARY KEY, g int REFERENCES guarded ON DELETE CASCADE);
INSERT INTO guarded SELECT i, CASE WHEN i < 4 THEN 'regress_sd_clerk' ELSE 'x' END FROM generate_series(1, 6) i;
INSERT INTO kids SELECT i, i FROM generate_series(1, 6) i;
SELECT account.enable_soft_delete('guarded') \gset
SELECT account.enable_soft_delete('kids') \gset
DELETE FROM guarded;
\set VERBOSITY terse
SET ROLE regress_sd_clerk;
SELECT account.restore('guarded', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.is_deleted('guarded', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_sd_owner;
GRANT SELECT, DELETE ON guarded TO regress_sd_clerk;
SET ROLE regress_sd_clerk;
SELECT account.is_deleted('guarded', 1);
SELECT account.restore('guarded', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_sd_owner;
GRANT UPDATE ON guarded TO regress_sd_clerk;
SET ROLE regress_sd_clerk;
SELECT account.restore('guarded', 1); -- fails: the children's
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_sd_owner;
SELECT * FROM all_of('guarded') WHERE NOT dead;
GRANT SELECT, UPDATE ON kids TO regress_sd_clerk;
SET ROLE regress_sd_clerk;
SELECT account.restore('guarded', 1);
SET ROLE regress_sd_owner;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY u ON guarded USING (owner = current_user);
SET ROLE regress_sd_clerk;
SELECT account.restore('guarded', 2) AS own, account.restore('guarded', 5) AS others, account.is_deleted('guarded', 5) AS others_are_none;
SELECT account.restore('guarded', ARRAY[3, 6]) AS own_only;
SET ROLE regress_sd_owner;
SELECT * FROM all_of('guarded');
SELECT * FROM all_of('kids');
\set VERBOSITY default

-- a constraint that excludes is met as one that is unique, with the hint for rows that come back
CREATE TABLE stays (id int PRIMARY KEY, nights int4range, deleted_at timestamptz, EXCLUDE USING gist (nights WITH &&) WHERE (deleted_at IS NULL));
SELECT account.enable_soft_delete('stays') \gset
INSERT INTO stays VALUES (1, '[1,5)');
DELETE FROM stays;
INSERT INTO stays VALUES (2, '[2,3)');
SELECT account.restore('stays', 1); -- fails

-- triggers fire as on any UPDATE; one that keeps a row back keeps it deleted ------------------------------------------------------------------------
CREATE TABLE watched (id int PRIMARY KEY);
INSERT INTO watched VALUES (1), (2);
SELECT account.enable_soft_delete('watched') \gset
DELETE FROM watched;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE '% %', TG_OP, OLD.id; RETURN CASE WHEN OLD.id = 2 THEN NULL ELSE NEW END; END$$;
CREATE TRIGGER t BEFORE UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION tell();
SELECT account.restore('watched', ARRAY[1, 2]);
SELECT id FROM watched;
-- renamed columns, odd names
CREATE TABLE "Odd ""t""" ("I d" int PRIMARY KEY, "K ""y" text UNIQUE);
INSERT INTO "Odd ""t""" VALUES (1, 'a'), (2, 'b');
SELECT account.enable_soft_delete('"Odd ""t"""', deleted_at => 'Gone at', flag => 'Is gone') \gset
DELETE FROM "Odd ""t""";
ALTER TABLE "Odd ""t""" RENAME "Gone at" TO "gone ""at";
ALTER TABLE "Odd ""t""" RENAME "I d" TO "I ""d";
SELECT account.restore('"Odd ""t"""', 1), account.restore('"Odd ""t"""', '{"K \"y": "b"}'::jsonb);
SELECT "I ""d", "Is gone" FROM "Odd ""t""" ORDER BY 1;
-- in a read-only transaction
DELETE FROM users WHERE id = 1;
BEGIN READ ONLY;
SELECT account.is_deleted('users', 1);
SELECT account.restore('users', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_restore CASCADE;
DROP OWNED BY regress_sd_owner, regress_sd_clerk;
DROP ROLE regress_sd_owner, regress_sd_clerk;
