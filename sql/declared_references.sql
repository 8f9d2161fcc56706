-- References that no foreign key declares: cleanups, exports, soft deletions and guards follow them as they
-- follow foreign keys, and they follow whatever is renamed.
SET client_min_messages = warning;
CREATE ROLE regress_dr_owner;
CREATE ROLE regress_dr_other;
CREATE SCHEMA dr AUTHORIZATION regress_dr_owner;
GRANT USAGE ON SCHEMA dr TO regress_dr_other;
CREATE VIEW dr.declared AS SELECT child::text, name, columns, parent::text, policy, on_soft_delete FROM account.declared_reference ORDER BY 1, 2;
GRANT SELECT ON dr.declared TO regress_dr_owner;
SET ROLE regress_dr_owner;
SET search_path = dr;
\set SHOW_CONTEXT never
-- a plan and a cleanup that say the same, and leave nothing that references what went
CREATE FUNCTION planned(target regclass, key text, force boolean DEFAULT false) RETURNS TABLE (step int, relation regclass, via name, action text, rows bigint, same boolean) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE plan ON COMMIT DROP AS SELECT * FROM account.cleanup_plan(target, key, force);
    RETURN QUERY SELECT p.*, p = c FROM plan p FULL JOIN account.cleanup(target, key, force) c USING (step) ORDER BY step;
    DROP TABLE plan;
END $$;

-- a schema as Rails makes it, without foreign keys ------------------------------------------------------------------
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE TABLE posts (id bigint PRIMARY KEY, user_id bigint, editor_id int, title text);
CREATE TABLE comments (id bigint PRIMARY KEY, post_id bigint, user_id numeric);
CREATE TABLE bills (id bigint PRIMARY KEY, user_id bigint NOT NULL);
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 5) i;
INSERT INTO posts SELECT i, i % 5 + 1, (i + 1) % 5 + 1, 't' FROM generate_series(1, 20) i;
INSERT INTO comments SELECT i, i % 20 + 1, i % 5 + 1 FROM generate_series(1, 40) i;
INSERT INTO bills VALUES (1, 3), (2, 77);
SELECT * FROM account.cleanup_plan('users', 1);
SELECT account.set_reference('posts', '{user_id}', 'users', 'cascade'), account.set_reference('posts', '{editor_id}', 'users', 'set null'),
    account.set_reference('comments', '{post_id}', 'posts', 'cascade'), account.set_reference('bills', '{user_id}', 'users', 'restrict');
SELECT account.set_reference('comments', '{user_id}', 'users', 'protect'); -- fails: numeric
\echo :LAST_ERROR_SQLSTATE
TABLE declared;
SELECT account.cleanup_graph('users');
SELECT * FROM planned('users', '1');
SELECT count(*), count(editor_id), min(user_id) FROM posts;
SELECT * FROM account.cleanup_plan('users', 3);
SELECT * FROM account.cleanup('users', 3); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM planned('users', '3', true);
SELECT * FROM bills;
-- said again: otherwise
SELECT account.set_reference('posts', '{user_id}', 'users', 'protect');
SELECT child, columns, policy FROM declared WHERE child = 'posts';
SELECT * FROM account.cleanup_plan('users', 2);
SELECT account.set_reference('posts', '{user_id}', 'users', NULL), account.set_reference('posts', '{editor_id}', 'users', NULL);
SELECT account.set_reference('posts', '{title}', 'users', NULL); -- nothing to take back
SELECT * FROM planned('users', '2');
SELECT count(*) AS left_behind FROM posts WHERE user_id = 2;

-- what is no reference ----------------------------------------------------------------------------------------------
CREATE TABLE no_key (id int);
CREATE TABLE pair (a int, b text, PRIMARY KEY (a, b));
CREATE TABLE of_pair (id int PRIMARY KEY, x int, y varchar(10), p bigint REFERENCES posts);
CREATE VIEW a_view AS SELECT * FROM posts;
SELECT account.set_reference('posts', '{nope}', 'users', 'cascade'); -- fails
SELECT account.set_reference('posts', '{ctid}', 'users', 'cascade'); -- fails
SELECT account.set_reference('posts', '{}', 'users', 'cascade'); -- fails
SELECT account.set_reference('posts', '{{user_id},{id}}', 'users', 'cascade'); -- fails
SELECT account.set_reference('posts', ARRAY[NULL::name], 'users', 'cascade'); -- fails
SELECT account.set_reference('of_pair', '{x,x}', 'pair', 'cascade'); -- fails
SELECT account.set_reference('of_pair', '{x}', 'pair', 'cascade'); -- fails
SELECT account.set_reference('of_pair', '{y,x}', 'pair', 'cascade'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference('posts', '{user_id}', 'no_key', 'cascade'); -- fails
SELECT account.set_reference('a_view', '{user_id}', 'users', 'cascade'); -- fails
SELECT account.set_reference('posts', '{user_id}', 'a_view', 'cascade'); -- fails
SELECT account.set_reference('posts', '{user_id}', 'pg_class', 'cascade'); -- fails
SELECT account.set_reference('posts', '{user_id}', 'users', 'set default'); -- fails
SELECT account.set_reference('posts', '{user_id}', 'users', 'cascade', 'sometimes'); -- fails
SELECT account.set_reference('posts', '{user_id}', 'users', NULL, 'keep'); -- fails
SELECT account.set_reference('posts', '{user_id}', 'users', 'cascade', 'follow'); -- fails: no soft delete
SELECT account.set_reference('bills', '{user_id}', 'users', 'set null'); -- fails: NOT NULL
SELECT account.set_reference('of_pair', '{p}', 'posts', 'cascade'); -- fails: a foreign key
SELECT account.set_reference(NULL, '{p}', 'posts', 'cascade'); -- fails
SELECT account.set_reference('of_pair', NULL, 'posts', 'cascade'); -- fails
SELECT account.set_reference('of_pair', '{p}', NULL, 'cascade'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('bills', 'user_id', 'cascade'); -- fails: it is declared, but no foreign key
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('of_pair', 'p', 'cascade'), account.set_reference_policy('of_pair', 'p', 'restrict');

-- keys of other types, composite, quoted, partitioned ---------------------------------------------------------------
CREATE DOMAIN code AS varchar(8);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE "By Text" ("Key" text COLLATE "C" PRIMARY KEY);
CREATE TABLE by_uuid (id uuid PRIMARY KEY);
CREATE TABLE by_domain (id code PRIMARY KEY);
CREATE TABLE by_enum (id mood PRIMARY KEY);
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE parts_0 (id int NOT NULL);
ALTER TABLE parts ATTACH PARTITION parts_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE "Many ""refs""" (id int, "The Text" varchar, u uuid, d text, e mood, "A" int, "B" varchar(3), part bigint) PARTITION BY RANGE (id);
CREATE TABLE many_0 (part bigint, "B" varchar(3), "A" int, e mood, d text, u uuid, "The Text" varchar, id int);
ALTER TABLE "Many ""refs""" ATTACH PARTITION many_0 FOR VALUES FROM (0) TO (3);
CREATE TABLE many_1 PARTITION OF "Many ""refs""" FOR VALUES FROM (3) TO (100);
INSERT INTO "By Text" VALUES ('a'), ('A'), (''); INSERT INTO by_uuid VALUES ('00000000-0000-0000-0000-000000000002');
INSERT INTO by_domain VALUES ('x'); INSERT INTO by_enum VALUES ('sad'), ('ok'); INSERT INTO pair VALUES (1, 'b'), (1, 'c'); INSERT INTO parts SELECT generate_series(1, 9);
INSERT INTO "Many ""refs""" SELECT i, (ARRAY['a', 'A', '', NULL])[i % 4 + 1], ('00000000-0000-0000-0000-00000000000' || i)::uuid, 'x', 'ok', CASE WHEN i < 5 THEN 1 END, (ARRAY['b', 'c'])[i % 2 + 1], i FROM generate_series(0, 8) i;
SELECT account.set_reference('"Many ""refs"""', ARRAY['The Text']::name[], '"By Text"', 'cascade'), account.set_reference('"Many ""refs"""', '{u}', 'by_uuid', 'cascade'),
    account.set_reference('"Many ""refs"""', '{d}', 'by_domain', 'protect'), account.set_reference('"Many ""refs"""', '{e}', 'by_enum', 'set null'),
    account.set_reference('"Many ""refs"""', '{A,B}', 'pair', 'set null'), account.set_reference('"Many ""refs"""', '{part}', 'parts', 'cascade');
SELECT name, columns, parent FROM declared WHERE child ~ 'Many';
SELECT * FROM planned('"By Text"', 'A');
SELECT * FROM planned('by_uuid', '00000000-0000-0000-0000-000000000002');
SELECT * FROM account.cleanup('by_domain', 'x'); -- fails
SELECT * FROM planned('by_enum', 'ok');
SELECT * FROM planned('pair', '{"a": 1, "b": "c"}');
SELECT * FROM planned('parts', '8');
SELECT id, "The Text", "A", "B", e, part FROM "Many ""refs""" ORDER BY id;

-- a reference of one partition alone, and to one
SELECT account.set_reference('many_1', '{id}', 'parts_1', 'cascade');
SELECT * FROM account.cleanup_plan('parts', ARRAY[3, 4]);
SELECT account.set_reference('many_1', '{id}', 'parts_1', NULL);

-- cycles: half of it a foreign key ----------------------------------------------------------------------------------
CREATE TABLE team (id int PRIMARY KEY, boss int);
CREATE TABLE member (id int PRIMARY KEY, team int REFERENCES team, friend int);
INSERT INTO team VALUES (1, 1), (2, 2), (3, 6), (4, 4);
INSERT INTO member VALUES (1, 2, 5), (2, 3, 4), (3, 3, 1), (4, 4, 2), (5, 4, NULL), (6, 1, 6);
SELECT account.set_reference('team', '{boss}', 'member', 'cascade'), account.set_reference('member', '{friend}', 'member', 'set null'), account.set_reference_policy('member', 'team', 'cascade');
SELECT * FROM planned('team', '1');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM planned('team', '4');
COMMIT;
SELECT count(*) FROM team; SELECT * FROM member ORDER BY id;
-- a trigger that makes a row while rows go: it joins, though no foreign key checks it
CREATE TABLE log (id serial, member int);
SELECT account.set_reference('log', '{member}', 'member', 'cascade');
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO dr.log (member) VALUES (OLD.id); RETURN OLD; END $$;
CREATE TRIGGER note BEFORE DELETE ON member FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO team VALUES (7, NULL); INSERT INTO member VALUES (70, 7, NULL);
SELECT * FROM account.cleanup('team', 7);
TABLE log;

-- soft deletions, and what comes back -------------------------------------------------------------------------------
CREATE TABLE acc (id int PRIMARY KEY);
CREATE TABLE note_of (id int PRIMARY KEY, acc int, hint int);
CREATE TABLE line_of (id int PRIMARY KEY, note int);
INSERT INTO acc SELECT generate_series(1, 4); INSERT INTO note_of SELECT i, i % 4 + 1, i % 2 + 1 FROM generate_series(1, 8) i; INSERT INTO line_of SELECT i, i % 8 + 1 FROM generate_series(1, 16) i;
SELECT account.enable_soft_delete('acc'), account.enable_soft_delete('note_of'), account.enable_soft_delete('line_of');
SELECT account.set_reference('note_of', '{acc}', 'acc', 'cascade'), account.set_reference('note_of', '{hint}', 'acc', 'cascade', 'keep'), account.set_reference('line_of', '{note}', 'note_of', 'protect', 'follow');
DELETE FROM acc WHERE id = 1;
SELECT (SELECT count(*) FROM acc) AS acc, (SELECT count(*) FROM note_of) AS note_of, (SELECT count(*) FROM line_of) AS line_of;
SELECT account.restore('acc', 1);
SELECT (SELECT count(*) FROM acc) AS acc, (SELECT count(*) FROM note_of) AS note_of, (SELECT count(*) FROM line_of) AS line_of;
UPDATE acc SET deleted_at = now() WHERE id IN (2, 3);
SELECT (SELECT count(*) FROM acc) AS acc, (SELECT count(*) FROM note_of) AS note_of, (SELECT count(*) FROM line_of) AS line_of;
SELECT account.set_reference('line_of', '{note}', 'note_of', 'cascade', 'keep');
DELETE FROM acc WHERE id = 4;
SELECT (SELECT count(*) FROM acc) AS acc, (SELECT count(*) FROM note_of) AS note_of, (SELECT count(*) FROM line_of) AS line_of;
SELECT account.restore('acc', 4);
SELECT account.set_reference('note_of', '{acc}', 'acc', NULL);
DELETE FROM acc WHERE id = 4;
SELECT (SELECT count(*) FROM acc) AS acc, (SELECT count(*) FROM note_of) AS note_of;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid IN ('acc'::regclass, 'note_of'::regclass) AND tgname ~ '(changed|flush)' ORDER BY 1, 2;
-- guarded, once the guard is enabled again
SELECT account.set_reference('note_of', '{acc}', 'acc', 'cascade');
SELECT account.enable_soft_delete('acc', guard_references => true);
INSERT INTO note_of VALUES (50, 4); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO note_of VALUES (51, 99), (52, 1);
UPDATE note_of SET acc = 4 WHERE id = 51; -- fails
RESET ROLE;
SELECT account.purge('dr.acc', '0s', force => true);
SET ROLE regress_dr_owner;
SELECT count(*) FROM note_of n WHERE NOT EXISTS (SELECT FROM acc WHERE id = n.acc) AND acc < 10;
-- a foreign key that cascades, and whose rows are kept when its parent is deleted softly
CREATE TABLE by_key (id int PRIMARY KEY, acc int REFERENCES acc ON DELETE CASCADE);
INSERT INTO by_key VALUES (1, 1);
SELECT account.enable_soft_delete('by_key');
SELECT account.set_reference_policy('by_key', 'acc', NULL, 'keep');
DELETE FROM acc WHERE id = 1;
SELECT account.is_deleted('by_key', 1);
SELECT account.restore('acc', 1), account.set_reference_policy('by_key', 'acc', NULL);
DELETE FROM acc WHERE id = 1;
SELECT account.is_deleted('by_key', 1);

-- other owners ------------------------------------------------------------------------------------------------------
RESET ROLE;
CREATE TABLE dr.theirs (id int PRIMARY KEY, acc int, u bigint);
ALTER TABLE dr.theirs OWNER TO regress_dr_other;
SET ROLE regress_dr_owner;
SELECT account.set_reference('theirs', '{acc}', 'acc', 'cascade'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_dr_other;
SELECT account.set_reference('theirs', '{acc}', 'acc', 'cascade'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_dr_owner;
GRANT REFERENCES (id) ON acc TO regress_dr_other;
SET ROLE regress_dr_other;
INSERT INTO theirs VALUES (1, 2);
SELECT account.set_reference('theirs', '{acc}', 'acc', 'restrict');
SET ROLE regress_dr_owner;
INSERT INTO acc VALUES (5);
SELECT account.disable_soft_delete('acc'), account.disable_soft_delete('note_of'), account.disable_soft_delete('by_key'), account.disable_soft_delete('line_of');
INSERT INTO acc VALUES (2) ON CONFLICT DO NOTHING;
SELECT * FROM account.cleanup('acc', 2); -- fails: what its caller cannot read stands in the way
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM account.cleanup('acc', 2, true); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_dr_other;
GRANT SELECT, DELETE ON theirs TO regress_dr_owner;
SET ROLE regress_dr_owner;
SELECT * FROM account.cleanup('acc', 2, true);

-- renamed, and dropped ----------------------------------------------------------------------------------------------
RESET ROLE;
DELETE FROM account.declared_reference;
SET ROLE regress_dr_owner;
CREATE TYPE row_type AS (id int, acc int);
CREATE TABLE typed OF row_type (PRIMARY KEY (id));
CREATE TABLE base (id int PRIMARY KEY, acc int, other int);
CREATE TABLE heir (x int) INHERITS (base);
CREATE TABLE acc2 (id int PRIMARY KEY);
SELECT account.set_reference('typed', '{acc}', 'acc', 'cascade'), account.set_reference('base', '{acc}', 'acc', 'cascade'), account.set_reference('heir', '{acc}', 'acc', 'protect'),
    account.set_reference('base', '{acc}', 'acc2', 'cascade'), account.set_reference('base', '{other}', 'acc', 'cascade');
ALTER TYPE row_type RENAME ATTRIBUTE acc TO "New acc" CASCADE;
ALTER TABLE base RENAME acc TO "A c";
ALTER TABLE heir RENAME TO "Heir";
ALTER TABLE acc RENAME id TO key;
ALTER TABLE acc RENAME TO accounts;
TABLE declared;
INSERT INTO accounts VALUES (100); INSERT INTO base VALUES (1, 100, 5); INSERT INTO "Heir" VALUES (2, 100); INSERT INTO typed VALUES (1, 100);
SELECT * FROM account.cleanup_plan('accounts', 100);
DROP TABLE by_key;
BEGIN;
ALTER TABLE accounts DROP CONSTRAINT acc_pkey;
RESET ROLE;
SELECT object, message, remedy FROM account.doctor() WHERE code = 'reference_incomplete' ORDER BY remedy;
SET ROLE regress_dr_owner;
ALTER TABLE accounts ADD UNIQUE (key);
SELECT account.cleanup_graph('accounts');
ROLLBACK;
ALTER TABLE base DROP COLUMN other;
DROP TABLE acc2;
TABLE declared;
DROP TABLE accounts CASCADE;
TABLE declared;

-- the doctor goes by them -------------------------------------------------------------------------------------------
CREATE TABLE doc (id int PRIMARY KEY);
CREATE TABLE of_doc (id int PRIMARY KEY, doc int);
SELECT account.enable_soft_delete('doc', guard_references => true, children => true);
SELECT account.set_reference('of_doc', '{doc}', 'doc', 'cascade');
RESET ROLE;
SELECT code, object, message FROM account.doctor() WHERE object ~ 'of_doc' ORDER BY 1, 3;
SET ROLE regress_dr_owner;
SELECT account.set_reference('of_doc', '{doc}', 'doc', 'cascade', 'keep');
RESET ROLE;
SELECT code, object, message FROM account.doctor() WHERE object ~ 'of_doc' ORDER BY 1, 3;

-- a type whose cast is somebody else's code, which would run as the owner of what is referenced
CREATE TABLE dr.whole (id int PRIMARY KEY);
CREATE TABLE dr.owned (id int PRIMARY KEY);
ALTER TABLE dr.whole OWNER TO regress_dr_owner;
ALTER TABLE dr.owned OWNER TO regress_dr_other;
GRANT CREATE ON SCHEMA dr TO regress_dr_other;
GRANT REFERENCES ON dr.whole TO regress_dr_other;
SET ROLE regress_dr_other;
CREATE TYPE dr.label AS ENUM ('1', '2');
CREATE FUNCTION dr.number(dr.label) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN enum_out($1)::text::int; END $$;
CREATE CAST (dr.label AS int) WITH FUNCTION dr.number(dr.label) AS IMPLICIT;
CREATE TABLE dr.labelled (l dr.label);
INSERT INTO dr.labelled VALUES ('1'), ('2');
SELECT account.set_reference('dr.labelled', '{l}', 'dr.whole', 'cascade'); -- fails
SELECT account.set_reference('dr.labelled', '{l}', 'dr.owned', 'cascade');
INSERT INTO dr.owned VALUES (1), (2);
CREATE TABLE dr.keyed (l dr.label REFERENCES dr.owned ON DELETE CASCADE);
INSERT INTO dr.keyed VALUES ('1'), ('2');
SELECT * FROM account.cleanup('dr.owned', 1);
SELECT * FROM dr.labelled;
SELECT * FROM dr.keyed;
RESET ROLE;
DROP SCHEMA dr CASCADE;
SELECT count(*) AS declared_left FROM account.declared_reference;
DROP ROLE regress_dr_owner, regress_dr_other;
