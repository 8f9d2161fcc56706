-- A deleted row is gone for every query, and only for queries.
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE ROLE regress_sd_reader;
CREATE SCHEMA sd_hide AUTHORIZATION regress_sd_owner;
SET ROLE regress_sd_owner;
SET search_path = sd_hide;
GRANT USAGE ON SCHEMA sd_hide TO regress_sd_reader;
RESET client_min_messages;
\set QUIET off
-- plans shall not depend on sizes
SET enable_hashjoin = off;
SET enable_mergejoin = off;

CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, team int, score int);
CREATE TABLE teams (id int PRIMARY KEY, name text);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users, body text);
INSERT INTO teams VALUES (1, 'one'), (2, 'two'), (3, 'three');
INSERT INTO users SELECT i, 'u' || i || '@x', 1 + i % 2, i * 10 FROM generate_series(1, 6) i;
INSERT INTO posts SELECT i, 1 + i % 6, 'p' || i FROM generate_series(1, 12) i;
SELECT account.enable_soft_delete('users') \gset
SELECT account.enable_soft_delete('teams') \gset
DELETE FROM users WHERE id IN (1, 6);
DELETE FROM teams WHERE id = 2;

-- deleted_row_is_gone: lists, lookups, aggregates -----------------------------------------------------------
SELECT id FROM users ORDER BY id;
SELECT * FROM users WHERE id = 1;
SELECT id FROM users WHERE email = 'u1@x' OR id = 6;
SELECT count(*), min(id), max(id), sum(score), array_agg(id ORDER BY id) FROM users;
SELECT min(id) FROM users;
SELECT max(id) FROM users;
SELECT team, count(*) FROM users GROUP BY team ORDER BY team;
SELECT team, count(*) FROM users GROUP BY ROLLUP (team) HAVING count(*) > 1 ORDER BY team;
SELECT id, row_number() OVER (ORDER BY id) FROM users ORDER BY id;
SELECT DISTINCT team FROM users ORDER BY team;
SELECT DISTINCT ON (team) team, id FROM users ORDER BY team, id;
SELECT id FROM users ORDER BY id LIMIT 1;
SELECT id FROM users ORDER BY id DESC FETCH FIRST 1 ROWS WITH TIES;
SELECT id FROM ONLY users ORDER BY id DESC LIMIT 1;
SELECT u FROM users u WHERE u.id = 2;
TABLE teams;
-- the columns may be named all the same
SELECT count(*) FROM users WHERE deleted_at IS NOT NULL;
SELECT count(*) FROM users WHERE deleted_at IS NULL;

-- joins of every kind ------------------------------------------------------------------------------------------
SELECT p.id, u.id FROM posts p JOIN users u ON u.id = p.author ORDER BY p.id;
SELECT p.id, u.id FROM posts p LEFT JOIN users u ON u.id = p.author ORDER BY p.id;
SELECT u.id, p.id FROM users u LEFT JOIN posts p ON u.id = p.author ORDER BY 1, 2;
SELECT p.id, u.id FROM users u RIGHT JOIN posts p ON u.id = p.author WHERE p.id < 4 ORDER BY p.id;
SET enable_hashjoin = on;
SELECT t.id AS team, u.id AS "user" FROM teams t FULL JOIN users u ON u.team = t.id ORDER BY 1, 2;
SELECT coalesce(v.a, 0) AS a, u.id FROM (VALUES (1), (2), (6), (7)) v(a) FULL JOIN users u ON u.id = v.a ORDER BY 1, 2;
SET enable_hashjoin = off;
SELECT t.id AS team, u.id AS "user" FROM teams t CROSS JOIN users u WHERE u.id < 4 ORDER BY 1, 2;
SELECT id FROM users NATURAL JOIN (VALUES (1), (2)) v(id);
SELECT id, a.team, b.team FROM users a JOIN users b USING (id) WHERE id < 3;
SELECT p.id FROM posts p LEFT JOIN (users u JOIN teams t ON t.id = u.team) ON u.id = p.author WHERE u.id IS NULL ORDER BY p.id;
SELECT p.id, u.id AS "user", t.id AS team FROM posts p LEFT JOIN users u ON u.id = p.author LEFT JOIN teams t ON t.id = u.team WHERE p.id < 7 ORDER BY p.id;
SELECT p.id, u.id, t.id FROM posts p LEFT JOIN LATERAL (SELECT * FROM users WHERE id = p.author OFFSET 0) u ON true LEFT JOIN teams t ON t.id = u.team WHERE p.id < 7 ORDER BY p.id;
SELECT p.id, u.id, u.email IS NULL AS no_email FROM posts p LEFT JOIN users u ON u.id = p.author AND u.score > 20 WHERE p.id < 7 ORDER BY p.id;
SELECT j.id FROM (posts p JOIN users u ON u.id = p.author) AS j(id, author, body, uid) WHERE j.id < 5 ORDER BY 1;
-- anti joins: a deleted author counts as none
SELECT p.id FROM posts p LEFT JOIN users u ON u.id = p.author WHERE u.id IS NULL ORDER BY p.id;

-- EXISTS, IN, NOT IN, ANY, ALL, scalar subqueries ----------------------------------------------------------------
SELECT id FROM posts p WHERE EXISTS (SELECT FROM users u WHERE u.id = p.author) ORDER BY id;
SELECT id FROM posts p WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = p.author) ORDER BY id;
SELECT id FROM posts WHERE author IN (SELECT id FROM users) ORDER BY id;
SELECT id FROM posts WHERE author NOT IN (SELECT id FROM users) ORDER BY id;
SELECT id FROM posts WHERE author = ANY (SELECT id FROM users WHERE score < 30);
SELECT 60 > ALL (SELECT score FROM users) AS above_all;
SELECT id, (SELECT email FROM users u WHERE u.id = p.author) FROM posts p WHERE id <= 6 ORDER BY id;
SELECT ARRAY(SELECT id FROM users ORDER BY id);
SELECT (SELECT count(*) FROM users), EXISTS (SELECT FROM users WHERE id = 1);
SELECT id FROM teams t WHERE (SELECT count(*) FROM users u WHERE u.team = t.id) > 1 ORDER BY id;
SELECT t.id, (SELECT max(u.id) FROM users u WHERE u.team = t.id AND u.id IN (SELECT author FROM posts)) FROM teams t ORDER BY id;
SELECT id FROM users WHERE id + 0 = 1 OR score IN (SELECT score FROM users WHERE id IN (1, 2));
VALUES ((SELECT count(*) FROM users));
SELECT CASE WHEN EXISTS (SELECT FROM users WHERE id = 6) THEN 'there' ELSE 'gone' END;

-- CTEs, set operations, recursion ------------------------------------------------------------------------------------
WITH u AS (SELECT * FROM users) SELECT count(*) FROM u;
WITH u AS MATERIALIZED (SELECT * FROM users) SELECT count(*) FROM u a, u b;
WITH u AS NOT MATERIALIZED (SELECT * FROM users) SELECT id FROM u WHERE id IN (1, 2);
WITH a AS (SELECT id FROM users), b AS (SELECT id FROM a WHERE id IN (SELECT id FROM users WHERE score > 30)) SELECT * FROM b ORDER BY id;
WITH RECURSIVE r AS (SELECT id FROM users WHERE id = 2 UNION ALL SELECT u.id FROM r JOIN users u ON u.id = r.id + 1) SELECT id FROM r ORDER BY id;
SELECT id FROM users UNION SELECT id FROM teams ORDER BY 1;
SELECT id FROM users UNION ALL SELECT id FROM users ORDER BY 1;
SELECT generate_series(1, 6) AS id EXCEPT SELECT id FROM users ORDER BY 1;
SELECT id FROM teams INTERSECT SELECT id FROM users ORDER BY 1;
(SELECT id FROM users ORDER BY id LIMIT 1) UNION ALL (SELECT id FROM users ORDER BY id DESC LIMIT 1);
SELECT * FROM (SELECT * FROM (SELECT id FROM users) a) b WHERE id IN (5, 6);
SELECT x.id FROM teams t, LATERAL (SELECT id FROM users u WHERE u.team = t.id ORDER BY id LIMIT 1) x ORDER BY 1;

-- views ------------------------------------------------------------------------------------------------------------------
CREATE VIEW v AS SELECT id, email, team FROM users;
CREATE VIEW v2 AS SELECT v.id, t.name FROM v LEFT JOIN teams t ON t.id = v.team;
CREATE VIEW vb WITH (security_barrier) AS SELECT * FROM users WHERE score > 0;
CREATE VIEW vi WITH (security_invoker) AS SELECT * FROM users;
CREATE MATERIALIZED VIEW mv AS SELECT id FROM users;
GRANT SELECT ON v, vb, vi, users TO regress_sd_reader;
SELECT id FROM v ORDER BY id;
SELECT * FROM v2 ORDER BY id;
SELECT id FROM vb ORDER BY id;
SELECT id FROM vi ORDER BY id;
SELECT id FROM mv ORDER BY id;
DELETE FROM users WHERE id = 5;
SELECT id FROM mv ORDER BY id;
REFRESH MATERIALIZED VIEW mv;
SELECT id FROM mv ORDER BY id;
UPDATE v SET email = 'changed' WHERE id IN (1, 2);
-- for every role
SET ROLE regress_sd_reader;
SELECT id FROM users ORDER BY id;
SELECT id FROM v ORDER BY id;
SELECT id FROM vi ORDER BY id;
SET pgaccount.show_deleted = on;
SELECT count(*) FROM users;
RESET pgaccount.show_deleted;
SET ROLE regress_sd_owner;

-- INSERT … SELECT, UPDATE, CREATE TABLE AS -------------------------------------------------------------------------------------
CREATE TABLE copied AS SELECT id FROM users;
INSERT INTO copied SELECT id + 100 FROM users;
SELECT id FROM copied ORDER BY id;
UPDATE users SET score = -1 WHERE id = 1;
UPDATE users SET score = score + 1 RETURNING id;
UPDATE posts SET body = u.email FROM users u WHERE u.id = author AND posts.id <= 6 RETURNING posts.id;
UPDATE posts SET body = (SELECT email FROM users u WHERE u.id = author) WHERE id = 12 RETURNING id, author, body;
UPDATE users u SET score = 0 FROM users v WHERE v.id = u.id - 1 RETURNING u.id;
SELECT u.* FROM users u, copied c WHERE u.id = c.id AND u.id = 2 FOR UPDATE \gset
-- FOR UPDATE and FOR SHARE lock, and give, live rows only
SELECT id FROM users ORDER BY id FOR UPDATE;
SELECT id FROM users WHERE id = 1 FOR NO KEY UPDATE;
SELECT p.id, u.id FROM posts p JOIN users u ON u.id = p.author WHERE p.id < 4 ORDER BY p.id FOR SHARE OF u;
SELECT p.id FROM posts p LEFT JOIN users u ON u.id = p.author WHERE p.id < 4 ORDER BY p.id FOR UPDATE OF p;
SELECT id FROM v ORDER BY id FOR KEY SHARE;
SELECT id FROM users ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED;

-- ON CONFLICT and getting or creating -----------------------------------------------------------------------------------------------
-- email_of_deleted_row_registers_again; on_conflict_infers_live_index
CREATE UNIQUE INDEX users_email ON users (email) WHERE deleted_at IS NULL;
INSERT INTO users (id, email) VALUES (11, 'u1@x');
\set VERBOSITY terse
INSERT INTO users (id, email) VALUES (12, 'u1@x'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
INSERT INTO users (id, email) VALUES (12, 'u1@x') ON CONFLICT (email) DO NOTHING;
INSERT INTO users (id, email, score) VALUES (12, 'u1@x', 99) ON CONFLICT (email) DO UPDATE SET score = excluded.score RETURNING id, score;
INSERT INTO users (id, email, score) VALUES (13, 'u6@x', 99) ON CONFLICT (email) DO UPDATE SET score = excluded.score RETURNING id, score;
INSERT INTO users (id, email) VALUES (14, 'u6@x') ON CONFLICT DO NOTHING;
INSERT INTO users (id, email) VALUES (15, 'u3@x') ON CONFLICT (email) WHERE deleted_at IS NULL DO NOTHING;
INSERT INTO users (id, email, score) SELECT 20 + id, email, 7 FROM users WHERE id = 3 ON CONFLICT (email) DO UPDATE SET score = excluded.score WHERE users.score <> 7 RETURNING id, score;
-- the primary key is no partial index: it is inferred as ever
INSERT INTO users (id, email) VALUES (3, 'x@x') ON CONFLICT (id) DO UPDATE SET score = 8 RETURNING id, score;
INSERT INTO users (id, email) VALUES (3, 'x@x') ON CONFLICT ON CONSTRAINT users_pkey DO NOTHING;
CREATE TABLE exprs (id int PRIMARY KEY, email text, deleted_at timestamptz);
CREATE UNIQUE INDEX ON exprs (lower(email)) WHERE deleted_at IS NULL;
SELECT account.enable_soft_delete('exprs') \gset
INSERT INTO exprs VALUES (1, 'A') ON CONFLICT (lower(email)) DO NOTHING;
INSERT INTO exprs VALUES (2, 'a') ON CONFLICT (lower(email)) DO UPDATE SET id = 3 RETURNING id;
DELETE FROM exprs;
INSERT INTO exprs VALUES (4, 'a') ON CONFLICT (lower(email)) DO NOTHING;
\set VERBOSITY terse
INSERT INTO exprs VALUES (4, 'a') ON CONFLICT (email) DO NOTHING; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
MERGE INTO users u USING (VALUES (50, 'u5@x'), (51, 'u4@x')) v(id, email) ON u.email = v.email
    WHEN MATCHED THEN UPDATE SET score = 1000 WHEN NOT MATCHED THEN INSERT (id, email, score) VALUES (v.id, v.email, 2000);
SELECT id, email, score FROM users ORDER BY id;

-- plans -----------------------------------------------------------------------------------------------------------------------------
-- where_email_uses_the_partial_index; not_leakproof_operators_use_theirs
CREATE TABLE many (id int PRIMARY KEY, email text NOT NULL, parent int, deleted_at timestamptz);
INSERT INTO many SELECT i, 'u' || i || '@x', i / 10, CASE WHEN i % 10 = 0 THEN now() END FROM generate_series(1, 5000) i;
CREATE UNIQUE INDEX many_email ON many (email text_pattern_ops) WHERE deleted_at IS NULL;
CREATE INDEX many_lower ON many (lower(email)) WHERE deleted_at IS NULL;
CREATE INDEX many_parent ON many (parent);
SELECT account.enable_soft_delete('many') \gset
VACUUM ANALYZE many;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM many WHERE email = 'u77@x';
EXPLAIN (COSTS OFF) SELECT * FROM many WHERE email LIKE 'u77%';
EXPLAIN (COSTS OFF) SELECT * FROM many WHERE lower(email) = 'u77@x';
EXPLAIN (COSTS OFF) DELETE FROM many WHERE email = 'u77@x';
EXPLAIN (COSTS OFF) UPDATE many SET parent = 1 WHERE email = 'u77@x';
EXPLAIN (COSTS OFF) SELECT * FROM many WHERE id = 77;
EXPLAIN (COSTS OFF) SELECT email FROM many WHERE email ~~ 'u77%';
EXPLAIN (COSTS OFF) SELECT a.id, b.email FROM many a LEFT JOIN many b ON b.email = a.email WHERE a.parent = 7;
-- the same as with the condition written out
CREATE TABLE plain (LIKE many INCLUDING ALL);
SET pgaccount.show_deleted = on;
INSERT INTO plain SELECT * FROM many;
RESET pgaccount.show_deleted;
VACUUM ANALYZE plain;
CREATE FUNCTION plan_of(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || $1 LOOP
        plan := plan || regexp_replace(regexp_replace(line, '(many|plain)_\w+', 'index', 'g'), 'many|plain', 'table', 'g') || E'\n';
    END LOOP;
    RETURN plan;
END $$;
RESET enable_seqscan; RESET enable_bitmapscan; RESET enable_hashjoin; RESET enable_mergejoin;
SELECT q, CASE WHEN a = b THEN 'same plan' ELSE a || b END AS plans
FROM (VALUES ('SELECT * FROM %t m WHERE email LIKE ''u77%%'' AND %l'),
    ('SELECT * FROM %t m WHERE id = 3 AND %l'),
    ('SELECT count(*) FROM %t m WHERE parent < 300 AND %l'),
    ('SELECT * FROM %t m WHERE (parent = 300 OR email = ''u3'') AND %l'),
    ('SELECT * FROM %t m WHERE lower(email) = ''x'' AND %l'),
    ('SELECT max(id) FROM %t m WHERE %l'),
    ('SELECT * FROM %t m JOIN copied c ON c.id = m.parent WHERE %l'),
    ('SELECT parent, count(*) FROM %t m WHERE %l GROUP BY 1 ORDER BY 1 LIMIT 3')) q(q),
    plan_of(replace(replace(q, '%t', 'many'), '%l', 'true')) a,
    plan_of(replace(replace(q, '%t', 'plain'), '%l', 'm.deleted_at IS NULL')) b;

-- COPY: the table is copied whole, a query is a query ------------------------------------------------------------------------------------
CREATE TABLE small (id int PRIMARY KEY);
INSERT INTO small VALUES (1), (2), (3);
SELECT account.enable_soft_delete('small') \gset
DELETE FROM small WHERE id = 2;
COPY small (id) TO stdout;
COPY (SELECT id FROM small ORDER BY id) TO stdout;
COPY (TABLE small) TO stdout (FORMAT csv, FORCE_QUOTE *, NULL 'none');
COPY (DELETE FROM small WHERE id = 3 RETURNING id, deleted_at = now()) TO stdout;
COPY small (id) TO stdout;
-- the query after it is one again
SELECT id FROM small;
-- under row security too
ALTER TABLE small ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON small USING (id < 3);
INSERT INTO small VALUES (0);
COPY small (id) TO stdout;
COPY (SELECT id FROM small ORDER BY id) TO stdout;
SELECT id FROM small ORDER BY id;
-- an error in a COPY changes nothing for the next query
\set VERBOSITY terse
COPY small (nothing) TO stdout; -- fails
\set VERBOSITY default
SELECT id FROM small ORDER BY id;

-- pgaccount.show_deleted within a session: prepared plans, functions, cursors -----------------------------------------------------------------
PREPARE q AS SELECT count(*) FROM many;
PREPARE q1(text) AS SELECT id, deleted_at IS NOT NULL AS dead FROM many WHERE email = $1;
CREATE FUNCTION how_many() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM sd_hide.many); END';
CREATE FUNCTION how_many_sql() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM sd_hide.many';
EXECUTE q;
EXECUTE q1('u10@x');
SELECT how_many(), how_many_sql();
SET pgaccount.show_deleted = on;
EXECUTE q;
EXECUTE q1('u10@x');
SELECT how_many(), how_many_sql();
SET pgaccount.show_deleted = off;
EXECUTE q;
EXECUTE q1('u10@x');
SELECT how_many(), how_many_sql();
BEGIN;
SET LOCAL pgaccount.show_deleted = on;
EXECUTE q;
COMMIT;
EXECUTE q;
BEGIN;
SAVEPOINT s;
SET LOCAL pgaccount.show_deleted = on;
EXECUTE q;
ROLLBACK TO s;
EXECUTE q;
COMMIT;
SET plan_cache_mode = force_generic_plan;
EXECUTE q1('u10@x');
SET pgaccount.show_deleted = on;
EXECUTE q1('u10@x');
RESET pgaccount.show_deleted;
EXECUTE q1('u10@x');
RESET plan_cache_mode;
ALTER FUNCTION how_many() SET pgaccount.show_deleted = on;
SELECT how_many(), how_many_sql(), how_many();
-- a cursor goes on as it was opened
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM users ORDER BY id;
DECLARE h CURSOR WITH HOLD FOR SELECT id FROM users WHERE id < 4 ORDER BY id;
FETCH 1 FROM c;
SET pgaccount.show_deleted = on;
FETCH 2 FROM c;
DELETE FROM users WHERE id = 3;
RESET pgaccount.show_deleted;
COMMIT;
FETCH ALL FROM h;
CLOSE h;
DEALLOCATE ALL;
-- SET by any role
SET ROLE regress_sd_reader;
SET pgaccount.show_deleted = on;
SELECT count(*) FILTER (WHERE deleted_at IS NOT NULL) > 0 AS sees_dead FROM users;
RESET pgaccount.show_deleted;
SET ROLE regress_sd_owner;

-- functions ---------------------------------------------------------------------------------------------------------------------------------------
CREATE FUNCTION f_inline() RETURNS SETOF users LANGUAGE sql STABLE AS 'SELECT * FROM sd_hide.users';
CREATE FUNCTION f_inline_arg(int) RETURNS TABLE (id int, email text) LANGUAGE sql STABLE AS 'SELECT id, email FROM sd_hide.users WHERE id >= $1';
CREATE FUNCTION f_volatile() RETURNS SETOF users LANGUAGE sql VOLATILE AS 'SELECT * FROM sd_hide.users';
CREATE FUNCTION f_definer() RETURNS SETOF users LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT * FROM sd_hide.users';
CREATE FUNCTION f_plpgsql() RETURNS SETOF users LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT * FROM sd_hide.users; END';
CREATE FUNCTION f_dynamic() RETURNS SETOF users LANGUAGE plpgsql AS $$BEGIN RETURN QUERY EXECUTE 'SELECT * FROM sd_hide.users'; END$$;
CREATE FUNCTION f_atomic() RETURNS SETOF users LANGUAGE sql STABLE BEGIN ATOMIC SELECT * FROM users; END;
CREATE FUNCTION f_scalar(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM sd_hide.users WHERE id = $1';
CREATE FUNCTION f_nested() RETURNS SETOF users LANGUAGE sql STABLE AS 'SELECT * FROM sd_hide.f_inline()';
SELECT array_agg(id ORDER BY id) FROM f_inline();
SELECT array_agg(id ORDER BY id) FROM f_inline_arg(1);
SELECT array_agg(id ORDER BY id) FROM f_volatile();
SELECT array_agg(id ORDER BY id) FROM f_definer();
SELECT array_agg(id ORDER BY id) FROM f_plpgsql();
SELECT array_agg(id ORDER BY id) FROM f_dynamic();
SELECT array_agg(id ORDER BY id) FROM f_atomic();
SELECT array_agg(id ORDER BY id) FROM f_nested();
SELECT i, f_scalar(i) FROM generate_series(1, 4) i ORDER BY i;
SELECT t.i, f.id FROM generate_series(1, 4) t(i) LEFT JOIN LATERAL f_inline_arg(t.i) f ON f.id = t.i ORDER BY 1;
SELECT * FROM ROWS FROM (f_inline_arg(2), generate_series(1, 2)) WITH ORDINALITY ORDER BY ordinality LIMIT 2;
SELECT (f_inline_arg(2)).id ORDER BY 1;
SELECT array_agg(f.id ORDER BY f.id) FROM f_inline() f JOIN f_nested() g ON f.id = g.id;
CREATE VIEW vf AS SELECT * FROM f_inline();
SELECT array_agg(id ORDER BY id) FROM vf;
PREPARE qf AS SELECT array_agg(id ORDER BY id) FROM f_inline();
EXECUTE qf;
SET pgaccount.show_deleted = on;
EXECUTE qf;
SELECT cardinality(array_agg(id)) FROM f_inline();
RESET pgaccount.show_deleted;
EXECUTE qf;
-- replacing an expanded function makes the plan anew
CREATE OR REPLACE FUNCTION f_inline() RETURNS SETOF users LANGUAGE sql STABLE AS 'SELECT * FROM sd_hide.users WHERE id = 2';
EXECUTE qf;
DEALLOCATE qf;

-- tablesample, parallel plans, partial sorts --------------------------------------------------------------------------------------------------------
SELECT count(*) FROM many TABLESAMPLE SYSTEM (100);
SELECT count(*) FROM many TABLESAMPLE BERNOULLI (100) WHERE deleted_at IS NOT NULL;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT count(*) FROM many;
SELECT count(*) FROM many;
SELECT count(*) FROM many a JOIN many b ON a.id = b.id;
CREATE FUNCTION safe_count() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT count(*) FROM sd_hide.teams';
SELECT DISTINCT safe_count() FROM many;
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT safe_count();
SELECT id FROM teams ORDER BY id;
SET pgaccount.show_deleted = on;
SELECT count(*) FROM many;
SELECT safe_count();
RESET pgaccount.show_deleted;
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- referential checks see all ----------------------------------------------------------------------------------------------------------------------------
INSERT INTO posts VALUES (100, 1, 'by a deleted one');
UPDATE posts SET author = 6 WHERE id = 100 RETURNING author;
\set VERBOSITY terse
INSERT INTO posts VALUES (101, 999, 'by nobody'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
CREATE TABLE badges (id int, owner int);
INSERT INTO badges VALUES (1, 1), (2, 2);
ALTER TABLE badges ADD FOREIGN KEY (owner) REFERENCES users;
ALTER TABLE badges ADD CONSTRAINT later FOREIGN KEY (owner) REFERENCES users (id) NOT VALID;
ALTER TABLE badges VALIDATE CONSTRAINT later;
-- a hidden child is checked as well
CREATE TABLE owners (id int PRIMARY KEY);
INSERT INTO owners VALUES (1);
CREATE TABLE things (id int PRIMARY KEY, owner int);
INSERT INTO things VALUES (1, 1), (2, 2);
SELECT account.enable_soft_delete('things') \gset
DELETE FROM things;
\set VERBOSITY terse
ALTER TABLE things ADD FOREIGN KEY (owner) REFERENCES owners; -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO owners VALUES (2);
ALTER TABLE things ADD FOREIGN KEY (owner) REFERENCES owners;
DELETE FROM owners WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
UPDATE owners SET id = 3 WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
-- other DDL that reads the table sees all rows
\set VERBOSITY terse
ALTER TABLE things ADD CHECK (id > 1); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO things VALUES (3, 1, NULL), (4, 1, now());
CREATE UNIQUE INDEX ON things (owner); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default

-- hide => false leaves reading alone; taking it off and putting it on reaches prepared statements -----------------------------------------------------------
PREPARE q AS SELECT array_agg(id ORDER BY id) FROM small;
ALTER TABLE small DISABLE ROW LEVEL SECURITY;
EXECUTE q;
SELECT account.enable_soft_delete('small', hide => false) \gset
EXECUTE q;
SELECT account.enable_soft_delete('small', hide => true) \gset
EXECUTE q;
SELECT account.disable_soft_delete('small') \gset
EXECUTE q;
DEALLOCATE q;

-- temporary tables and search_path tricks ---------------------------------------------------------------------------------------------------------------------
CREATE TEMP TABLE users (id int, deleted_at timestamptz);
INSERT INTO users VALUES (1, NULL), (2, now());
SET search_path = pg_temp, sd_hide;
SELECT id FROM users ORDER BY id;
DELETE FROM users WHERE id = 2;
SELECT count(*) FROM pg_temp.users;
DELETE FROM sd_hide.users WHERE id = 2;
SELECT id FROM sd_hide.users WHERE id = 2;
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT '1999-01-01'::timestamptz$$;
SET search_path = pg_temp, pg_catalog, sd_hide;
DELETE FROM sd_hide.users WHERE id = 4 RETURNING id, deleted_at > '2020-01-01' AS real_time;
SET search_path = '';
DELETE FROM sd_hide.users WHERE id = 11 RETURNING id;
SELECT id FROM sd_hide.users ORDER BY id;

-- nobody_has_his_statement_taken_for_ours: whatever it begins with, prepared, kept, planned anew, or given to a function of ours
CREATE TABLE sd_hide.ours (id int PRIMARY KEY);
INSERT INTO sd_hide.ours SELECT generate_series(1, 4);
SELECT account.enable_soft_delete('sd_hide.ours') \gset
CREATE FUNCTION sd_hide.run(sql text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; BEGIN EXECUTE sql; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
SELECT sd_hide.run('/* pgaccount */ DELETE FROM sd_hide.ours WHERE id < 3'), sd_hide.run('/* pgaccount */ SELECT FROM sd_hide.ours'), sd_hide.run('/* pgaccount */ UPDATE sd_hide.ours SET id = id'),
    sd_hide.run('/* pgaccount */ DELETE FROM sd_hide.ours WHERE id < 4'), sd_hide.run('/* pgaccount */ SELECT FROM ONLY sd_hide.ours x WHERE id = 1 FOR KEY SHARE OF x');
SET pgaccount.show_deleted = on;
SELECT id, deleted_at IS NULL AS live FROM sd_hide.ours ORDER BY id;
RESET pgaccount.show_deleted;
DO $$BEGIN EXECUTE 'PREPARE kept AS /* pgaccount */ SELECT count(*) FROM sd_hide.ours'; END$$;
EXECUTE kept;
ALTER TABLE sd_hide.ours ADD note text;
EXECUTE kept;
DEALLOCATE kept;
-- nor, in a string with it, for what pg_dump --inserts reads
\set dump 'DECLARE _pg_dump_cursor CURSOR FOR SELECT id FROM sd_hide.ours ORDER BY id'
BEGIN;
:dump \; SELECT id AS hidden FROM sd_hide.ours \; FETCH ALL FROM _pg_dump_cursor;
COMMIT;

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_hide CASCADE;
DROP OWNED BY regress_sd_owner, regress_sd_reader;
DROP ROLE regress_sd_owner, regress_sd_reader;
