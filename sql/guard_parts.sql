-- The guard and the parts of a hierarchy, on both sides of a foreign key.
SET client_min_messages = warning;
CREATE ROLE regress_gp_owner;
CREATE ROLE regress_gp_child;
CREATE SCHEMA gp AUTHORIZATION regress_gp_owner;
GRANT ALL ON SCHEMA gp TO regress_gp_child;
SET ROLE regress_gp_owner;
SET search_path = gp;
\set VERBOSITY terse
\set QUIET off
CREATE FUNCTION guards(OUT child regclass, OUT parent regclass, OUT cloned boolean) RETURNS SETOF record LANGUAGE sql AS
    $$SELECT tgrelid, tgconstrrelid, tgparentid <> 0 FROM pg_trigger WHERE tgfoid = 'account.guard_reference'::regproc ORDER BY tgrelid::regclass::text, 2$$;

-- guard_survives_detach_and_attach: of the referencing table ------------------------------------------------
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE posts (id int, k int, author int REFERENCES users, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE posts_0 PARTITION OF posts FOR VALUES IN (0);
CREATE TABLE posts_1 PARTITION OF posts FOR VALUES IN (1) PARTITION BY LIST (id);
CREATE TABLE posts_1_1 PARTITION OF posts_1 FOR VALUES IN (1);
SELECT account.enable_soft_delete('users', guard_references => true) \gset
INSERT INTO users VALUES (1), (2);
DELETE FROM users WHERE id = 1;
SELECT * FROM guards();
INSERT INTO posts VALUES (1, 0, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO posts_1 VALUES (1, 1, 1); -- fails
ALTER TABLE posts DETACH PARTITION posts_0;
INSERT INTO posts_0 VALUES (1, 0, 1); -- fails
INSERT INTO posts_0 VALUES (1, 0, 2);
ALTER TABLE posts ATTACH PARTITION posts_0 FOR VALUES IN (0);
SELECT * FROM guards();
UPDATE posts SET author = 1; -- fails
-- a row that moves is checked where it comes to
UPDATE posts SET k = 1, author = 1; -- fails
UPDATE posts SET k = 1;
-- new partitions are guarded, also those that were made before, and those of others
CREATE TABLE posts_2 PARTITION OF posts FOR VALUES IN (2);
CREATE TABLE posts_3 (id int NOT NULL, k int NOT NULL, author int, PRIMARY KEY (id, k));
ALTER TABLE posts ATTACH PARTITION posts_3 FOR VALUES IN (3);
SELECT * FROM guards();
INSERT INTO posts VALUES (1, 2, 1); -- fails
INSERT INTO posts VALUES (1, 3, 1); -- fails
-- what was detached can be dropped, and its guard be taken off
ALTER TABLE posts DETACH PARTITION posts_2;
DROP TABLE posts_2;
ALTER TABLE posts DETACH PARTITION posts_3;
SELECT account.enable_soft_delete('users', guard_references => false) \gset
SELECT * FROM guards();
INSERT INTO posts_3 VALUES (1, 3, 1);

-- keys_that_name_a_part_are_guarded -------------------------------------------------------------------------
CREATE TABLE teams (id int PRIMARY KEY) PARTITION BY LIST (id);
CREATE TABLE teams_0 PARTITION OF teams FOR VALUES IN (0, 2);
CREATE TABLE of_leaf (id int PRIMARY KEY, team int REFERENCES teams_0 ON DELETE CASCADE);
CREATE TABLE of_all (id int PRIMARY KEY, team int REFERENCES teams);
INSERT INTO teams VALUES (0), (2);
SELECT account.enable_soft_delete('teams', guard_references => true) \gset
DELETE FROM teams WHERE id = 0;
INSERT INTO of_leaf VALUES (1, 0); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO of_all VALUES (1, 0); -- fails
INSERT INTO of_leaf VALUES (1, 2);
SELECT * FROM guards();
-- it comes and goes with its leaf
DROP TABLE of_all;
ALTER TABLE teams DETACH PARTITION teams_0;
INSERT INTO of_leaf VALUES (2, 0);
DELETE FROM of_leaf WHERE id = 2;
ALTER TABLE teams ATTACH PARTITION teams_0 FOR VALUES IN (0, 2);
INSERT INTO of_leaf VALUES (2, 0); -- fails
CREATE TABLE teams_1 (id int PRIMARY KEY);
CREATE TABLE of_new (id int PRIMARY KEY, team int REFERENCES teams_1);
ALTER TABLE teams ADD note text;
ALTER TABLE teams_1 ADD deleted_at timestamptz, ADD note text;
INSERT INTO teams_1 VALUES (1, now());
ALTER TABLE teams ATTACH PARTITION teams_1 FOR VALUES IN (1);
INSERT INTO of_new VALUES (1, 1); -- fails
SELECT account.disable_soft_delete('teams') \gset
SELECT * FROM guards();

-- inheritance children, and the rows of the very table
CREATE TABLE base (id int PRIMARY KEY);
CREATE TABLE kid (PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE of_kid (id int PRIMARY KEY, k int REFERENCES kid);
CREATE TABLE of_base (id int PRIMARY KEY, k int REFERENCES base);
INSERT INTO kid VALUES (1), (2);
INSERT INTO base VALUES (2);
SELECT account.enable_soft_delete('base', guard_references => true) \gset
SELECT * FROM guards();
DELETE FROM kid;
INSERT INTO of_kid VALUES (1, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
-- base has a live row 2 of its own
INSERT INTO of_base VALUES (1, 2);
SELECT account.disable_soft_delete('base') \gset
SELECT * FROM guards();

-- tables of another owner: TRIGGER on the referencing table is what it takes, partitions that come later are guarded too
RESET ROLE;
SET ROLE regress_gp_child;
CREATE TABLE theirs (id int, k int, author int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE theirs_0 PARTITION OF theirs FOR VALUES IN (0);
RESET ROLE;
ALTER TABLE theirs ADD FOREIGN KEY (author) REFERENCES users;
SET ROLE regress_gp_owner;
SELECT account.enable_soft_delete('users', guard_references => true); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_gp_child;
GRANT TRIGGER ON theirs TO regress_gp_owner;
SET ROLE regress_gp_owner;
SELECT account.enable_soft_delete('users', guard_references => true) \gset
SET ROLE regress_gp_child;
CREATE TABLE theirs_1 PARTITION OF theirs FOR VALUES IN (1);
INSERT INTO theirs VALUES (1, 0, 1); -- fails
INSERT INTO theirs VALUES (1, 1, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_gp_owner;
SELECT account.disable_soft_delete('users') \gset
SELECT * FROM guards();

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA gp CASCADE;
DROP ROLE regress_gp_owner;
DROP ROLE regress_gp_child;
