-- A new row whose key a deleted row holds: ON CONFLICT, and the error of a plain INSERT.
SET client_min_messages = warning;
CREATE ROLE regress_conflict_owner;
CREATE SCHEMA conflict AUTHORIZATION regress_conflict_owner;
SET ROLE regress_conflict_owner;
SET search_path = conflict;
\set QUIET off
\set VERBOSITY default

-- the index over live rows is inferred, whether deleted rows are hidden or not ------------------------------
CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, name text, deleted_at timestamptz(6));
SELECT account.enable_soft_delete('users');
SELECT account.unique_among_live('users', 'email');
INSERT INTO users VALUES (1, 'a', 'Ann'), (2, 'b', 'Ben');
DELETE FROM users WHERE id = 1;
INSERT INTO users VALUES (3, 'b', 'Bob') ON CONFLICT (email) DO NOTHING;
INSERT INTO users VALUES (3, 'b', 'Bob') ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING *;
INSERT INTO users VALUES (3, 'a', 'Abe') ON CONFLICT (email) DO NOTHING;
SET pgaccount.show_deleted = on;
INSERT INTO users VALUES (4, 'b', 'Bea') ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id, name;
INSERT INTO users VALUES (4, 'a', 'Ada') ON CONFLICT (email) DO NOTHING;
RESET pgaccount.show_deleted;
SELECT account.enable_soft_delete('users', hide => false);
INSERT INTO users VALUES (4, 'b', 'Bea') ON CONFLICT (email) DO UPDATE SET name = 'Bo' RETURNING id, name;
INSERT INTO users VALUES (4, 'a', 'Ada') ON CONFLICT (email) DO NOTHING;
-- there a deleted row is as any other
INSERT INTO users VALUES (1, 'x', 'Xan') ON CONFLICT DO NOTHING;
SELECT account.enable_soft_delete('users', hide => true);
-- the constraint is an index now, which ON CONSTRAINT does not take
INSERT INTO users VALUES (4, 'b', 'Bea') ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING; -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO users VALUES (2, 'y', 'Yan') ON CONFLICT ON CONSTRAINT users_pkey DO UPDATE SET name = excluded.name RETURNING id, email, name;

-- a key that a hidden row holds is refused: the new row would be lost, and nobody would see why -------------
SELECT id, email, name FROM users ORDER BY id;
INSERT INTO users VALUES (1, 'x', 'Xan') ON CONFLICT DO NOTHING; -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO users VALUES (1, 'x', 'Xan') ON CONFLICT (id) DO NOTHING; -- fails
INSERT INTO users VALUES (1, 'x', 'Xan') ON CONFLICT (id) DO UPDATE SET name = excluded.name; -- fails
-- anywhere among the rows, the last one too; not when it is live, or goes in
INSERT INTO users VALUES (10, 'j', 'Jo'), (2, 'k', 'Kim'), (1, 'x', 'Xan') ON CONFLICT (id) DO NOTHING; -- fails
INSERT INTO users SELECT i, 'm' || i, 'M' FROM generate_series(1, 3) i ON CONFLICT (id) DO NOTHING; -- fails
INSERT INTO users SELECT i, 'm' || i, 'M' FROM generate_series(2, 5) i ON CONFLICT (id) DO NOTHING;
INSERT INTO users VALUES (6, 'n', 'N'), (6, 'o', 'O'), (7, 'n', 'P') ON CONFLICT DO NOTHING RETURNING id, name;
WITH made AS (INSERT INTO users VALUES (1, 'x', 'Xan') ON CONFLICT DO NOTHING RETURNING id) SELECT * FROM made; -- fails
-- a live row has the one key, a deleted row the other
INSERT INTO users VALUES (1, 'b', 'Bea') ON CONFLICT (email) DO NOTHING; -- fails
-- unless the statement says what becomes of the deleted row
INSERT INTO users VALUES (1, 'x', 'Xan') ON CONFLICT (id) DO UPDATE SET deleted_at = NULL, email = excluded.email, name = excluded.name RETURNING id, email, name;
DELETE FROM users WHERE id = 1;
-- rows that are shown are seen
SET pgaccount.show_deleted = on;
INSERT INTO users VALUES (1, 'x', 'Xan') ON CONFLICT DO NOTHING;
RESET pgaccount.show_deleted;
-- kept plans obey
PREPARE add(int) AS INSERT INTO users VALUES ($1, 'p' || $1, 'P') ON CONFLICT DO NOTHING;
EXECUTE add(20);
EXECUTE add(1); -- fails
SET pgaccount.show_deleted = on;
EXECUTE add(1);
RESET pgaccount.show_deleted;
EXECUTE add(1); -- fails
\o /dev/null
EXPLAIN (COSTS OFF, VERBOSE) EXECUTE add(1);
\o
-- a row from a table of the same form is where it was, or is not
CREATE TABLE more (LIKE users);
INSERT INTO more VALUES (30, 'q', 'Q'), (31, 'r', 'R');
INSERT INTO users SELECT * FROM more ON CONFLICT DO NOTHING;
INSERT INTO users SELECT * FROM more ON CONFLICT DO NOTHING;
DELETE FROM users WHERE id = 31;
INSERT INTO users SELECT * FROM more ON CONFLICT DO NOTHING; -- fails
-- what a BEFORE trigger makes of the row counts
CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := NEW.id - 100; RETURN NEW; END$$;
CREATE TRIGGER shift BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION shift();
INSERT INTO users VALUES (101, 'x', 'Xan') ON CONFLICT DO NOTHING; -- fails
INSERT INTO users VALUES (102, 'x', 'Xan') ON CONFLICT DO NOTHING;
DROP TRIGGER shift ON users;
-- a row that a BEFORE trigger leaves out is not left out because of another
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.email = 'skip' THEN RETURN NULL; END IF;
    NEW.email := lower(NEW.email);
    RETURN NEW;
END $$;
CREATE TRIGGER skip BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION skip();
INSERT INTO users VALUES (1, 'skip', 'Sam') ON CONFLICT DO NOTHING;
INSERT INTO users VALUES (1, 'skip', 'Sam');
INSERT INTO users VALUES (2, 'T', 'Tom'), (1, 'skip', 'Sam'), (2, 'skip', 'Sam') ON CONFLICT DO NOTHING;
INSERT INTO users VALUES (1, 'skip', 'Sam'), (1, 'T', 'Tom') ON CONFLICT DO NOTHING; -- fails
INSERT INTO users VALUES (1, 'T', 'Tom'), (1, 'skip', 'Sam') ON CONFLICT DO NOTHING; -- fails
WITH a AS (INSERT INTO users VALUES (60, 'u', 'U'), (2, 'v', 'V'), (1, 'skip', 'S') ON CONFLICT DO NOTHING RETURNING id), b AS (INSERT INTO users SELECT 1, 'skip', 'S' FROM a ON CONFLICT DO NOTHING RETURNING id) SELECT (SELECT count(*) FROM a) AS a, (SELECT count(*) FROM b) AS b;
WITH a AS (INSERT INTO users VALUES (61, 'w', 'W'), (62, 'x', 'X') ON CONFLICT DO NOTHING RETURNING id), b AS (INSERT INTO users SELECT 1, 'y', 'Y' FROM a ON CONFLICT DO NOTHING RETURNING id) SELECT (SELECT count(*) FROM a) AS a, (SELECT count(*) FROM b) AS b; -- fails
INSERT INTO users SELECT id, 'skip', name FROM account.deleted(NULL::users) ON CONFLICT DO NOTHING;
INSERT INTO more VALUES (1, 'skip', 'S');
INSERT INTO users SELECT * FROM more WHERE id = 1 ON CONFLICT DO NOTHING;
DELETE FROM more WHERE id = 1;
DELETE FROM users WHERE id = 60;
DROP TRIGGER skip ON users;
-- a row that was deleted by the transaction itself
BEGIN;
DELETE FROM users WHERE id = 2;
INSERT INTO users VALUES (2, 'z', 'Zoe') ON CONFLICT DO NOTHING; -- fails
ROLLBACK;

-- partitions: leaves with their columns in the same order, and in another ---------------------------------
CREATE TABLE parts (id int, kind text, email text, deleted_at timestamp(3), PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b (deleted_at timestamp(3), gone int, email text, kind text NOT NULL, id int NOT NULL);
ALTER TABLE parts_b DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_b FOR VALUES IN ('b');
CREATE UNIQUE INDEX parts_email ON parts (lower(email), kind);
SELECT account.enable_soft_delete('parts');
INSERT INTO parts VALUES (1, 'a', 'X'), (1, 'b', 'Y'), (2, 'a', 'Z'), (2, 'b', 'V');
DELETE FROM parts WHERE id = 1;
INSERT INTO parts VALUES (2, 'a', 'W'), (2, 'b', 'W'), (1, 'a', 'W') ON CONFLICT DO NOTHING; -- fails
INSERT INTO parts VALUES (2, 'a', 'W'), (3, 'b', 'W'), (1, 'b', 'W') ON CONFLICT DO NOTHING; -- fails
INSERT INTO parts VALUES (4, 'a', 'A'), (4, 'b', 'y') ON CONFLICT DO NOTHING; -- fails
INSERT INTO parts VALUES (5, 'b', 'B'), (2, 'b', 'W'), (2, 'a', 'W'), (5, 'a', 'B') ON CONFLICT DO NOTHING;
INSERT INTO parts_b (id, kind, email) VALUES (1, 'b', 'W') ON CONFLICT DO NOTHING; -- fails
CREATE TRIGGER skip BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION skip();
INSERT INTO parts VALUES (1, 'a', 'skip'), (1, 'b', 'skip'), (2, 'b', 'W'), (6, 'b', 'C') ON CONFLICT DO NOTHING;
INSERT INTO parts VALUES (1, 'a', 'skip'), (1, 'b', 'S') ON CONFLICT DO NOTHING; -- fails
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER then_lose BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION lose();
INSERT INTO parts VALUES (2, 'a', 'P'), (1, 'a', 'P'), (1, 'b', 'P'), (1, 'a', 'Q') ON CONFLICT DO NOTHING;
DROP TRIGGER then_lose ON parts;
DROP TRIGGER skip ON parts;

-- NULLs are no key, unless the index says so; deferrable and partial indexes ---------------------------------
CREATE TABLE nulls (a int, b int, deleted_at timestamptz);
CREATE UNIQUE INDEX nulls_b ON nulls (b) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX nulls_a ON nulls (a);
SELECT account.enable_soft_delete('nulls');
INSERT INTO nulls VALUES (NULL, 1), (1, NULL);
DELETE FROM nulls;
INSERT INTO nulls VALUES (NULL, 2) ON CONFLICT DO NOTHING;
INSERT INTO nulls VALUES (3, NULL) ON CONFLICT DO NOTHING; -- fails

-- a plain INSERT fails with the server's error, and is told what may be the matter ---------------------------
INSERT INTO users VALUES (1, 'x', 'Xan'); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO users VALUES (50, 'b', 'Bea'); -- fails
UPDATE users SET id = 1 WHERE id = 2; -- fails
INSERT INTO parts VALUES (1, 'b', 'W'); -- fails
INSERT INTO more VALUES (30);
CREATE UNIQUE INDEX ON more (id); -- fails
DO $$
DECLARE
    hint text;
    found_constraint text;
BEGIN
    INSERT INTO conflict.users VALUES (1, 'x', 'Xan');
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT, found_constraint = CONSTRAINT_NAME;
    RAISE WARNING '% %', found_constraint, hint;
END $$;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA conflict CASCADE;
DROP ROLE regress_conflict_owner;
