-- pgaccount.show_deleted: on, off, or a list of tables.
SET client_min_messages = warning;
CREATE ROLE regress_show_owner;
CREATE SCHEMA show_deleted AUTHORIZATION regress_show_owner;
CREATE SCHEMA "Show ""it"", all" AUTHORIZATION regress_show_owner;
SET ROLE regress_show_owner;
SET search_path = show_deleted;
\set QUIET off
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE posts (id int PRIMARY KEY);
CREATE TABLE "Show ""it"", all"."Odd.""t""" (id int PRIMARY KEY);
CREATE TABLE parts (id int, kind text) PARTITION BY LIST (kind);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a') PARTITION BY LIST (id);
CREATE TABLE parts_a_1 PARTITION OF parts_a FOR VALUES IN (1);
CREATE TABLE base (id int);
CREATE TABLE derived (more int) INHERITS (base);
CREATE FUNCTION enable(VARIADIC tables regclass[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    target regclass;
BEGIN
    FOREACH target IN ARRAY tables LOOP
        PERFORM account.enable_soft_delete(target);
    END LOOP;
END $$;
SELECT enable('users', 'posts', '"Show ""it"", all"."Odd.""t"""', 'parts', 'base');
INSERT INTO users VALUES (1); INSERT INTO posts VALUES (1); INSERT INTO "Show ""it"", all"."Odd.""t""" VALUES (1);
INSERT INTO parts VALUES (1, 'a'); INSERT INTO base VALUES (1); INSERT INTO derived VALUES (2);
DELETE FROM users; DELETE FROM posts; DELETE FROM "Show ""it"", all"."Odd.""t"""; DELETE FROM parts; DELETE FROM base;
CREATE VIEW shown AS
SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM posts) AS posts, (SELECT count(*) FROM "Show ""it"", all"."Odd.""t""") AS odd,
    (SELECT count(*) FROM parts) AS parts, (SELECT count(*) FROM parts_a) AS parts_a, (SELECT count(*) FROM parts_a_1) AS parts_a_1,
    (SELECT count(*) FROM base) AS base, (SELECT count(*) FROM derived) AS derived;
PREPARE look AS SELECT * FROM shown;

-- a boolean, as ever ----------------------------------------------------------------------------------------
EXECUTE look;
SET pgaccount.show_deleted = on;
EXECUTE look;
SHOW pgaccount.show_deleted;
SET pgaccount.show_deleted = false;
EXECUTE look;
SHOW pgaccount.show_deleted;
SET pgaccount.show_deleted TO 1;
SHOW pgaccount.show_deleted;
SET pgaccount.show_deleted = DEFAULT;
SHOW pgaccount.show_deleted;

-- a list, kept plans too ---------------------------------------------------------------------------------------
SET pgaccount.show_deleted = 'show_deleted.users';
EXECUTE look;
SHOW pgaccount.show_deleted;
SET pgaccount.show_deleted = 'Show_Deleted.POSTS , show_deleted.users';
EXECUTE look;
SET pgaccount.show_deleted = 'show_deleted.posts', 'show_deleted."users"';
EXECUTE look;
SET pgaccount.show_deleted = '"Show ""it"", all"."Odd.""t""", show_deleted.nothing, nowhere.users';
EXECUTE look;
-- a table includes its partitions and those that inherit from it; not the other way round
SET pgaccount.show_deleted = 'show_deleted.parts, show_deleted.base';
EXECUTE look;
SET pgaccount.show_deleted = 'show_deleted.parts_a, show_deleted.derived';
EXECUTE look;
SET pgaccount.show_deleted = 'show_deleted."Users", show_deleted."POSTS"';
EXECUTE look;
-- it is of the transaction, and what a name means is looked up when a statement is planned
RESET pgaccount.show_deleted;
BEGIN;
SET LOCAL pgaccount.show_deleted = 'show_deleted.people';
EXECUTE look;
ALTER TABLE users RENAME TO people;
EXECUTE look;
ROLLBACK;
EXECUTE look;
CREATE FUNCTION count_users() RETURNS bigint LANGUAGE sql SET pgaccount.show_deleted = 'show_deleted.users' AS 'SELECT count(*) FROM users';
SELECT count_users(), (SELECT count(*) FROM users);
-- ON CONFLICT and DELETE go by it
SET pgaccount.show_deleted = 'show_deleted.users';
INSERT INTO users VALUES (1) ON CONFLICT DO NOTHING;
DELETE FROM users;
SET pgaccount.show_deleted = 'show_deleted.posts';
INSERT INTO users VALUES (1) ON CONFLICT DO NOTHING; -- fails

-- what is no list of qualified names is refused, and changes nothing ------------------------------------------
\set VERBOSITY sqlstate
SET pgaccount.show_deleted = ''; -- fails
SET pgaccount.show_deleted = 'users'; -- fails
SET pgaccount.show_deleted = 'on, off'; -- fails
SET pgaccount.show_deleted = 'show_deleted.users,'; -- fails
SET pgaccount.show_deleted = ',show_deleted.users'; -- fails
SET pgaccount.show_deleted = 'show_deleted.users show_deleted.posts'; -- fails
SET pgaccount.show_deleted = 'db.show_deleted.users'; -- fails
SET pgaccount.show_deleted = 'show_deleted.'; -- fails
SET pgaccount.show_deleted = '.users'; -- fails
SET pgaccount.show_deleted = 'show_deleted."users'; -- fails
SET pgaccount.show_deleted = 'show_deleted."users"x'; -- fails
SET pgaccount.show_deleted = 'show_deleted.""'; -- fails
SET pgaccount.show_deleted = 'show_deleted.1users'; -- fails
SET pgaccount.show_deleted = 'show-deleted.users'; -- fails
SET pgaccount.show_deleted = 'on', 'show_deleted.users'; -- fails
SELECT set_config('pgaccount.show_deleted', 'show_deleted.us ers', false); -- fails
\set VERBOSITY default
SET pgaccount.show_deleted = 'users'; -- fails
SHOW pgaccount.show_deleted;
-- a name that is too long is cut, as the server cuts it; any number of tables
SELECT length(set_config('pgaccount.show_deleted', 'show_deleted.' || repeat('x', 100) || repeat(', show_deleted.users', 10000), false)) > 200000 AS long;
EXECUTE look;
RESET pgaccount.show_deleted;
EXECUTE look;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA show_deleted, "Show ""it"", all" CASCADE;
DROP ROLE regress_show_owner;
