-- TRUNCATE of soft-delete tables: refused, unless a superuser allows it.
SET client_min_messages = warning;
CREATE ROLE regress_tr_owner;
CREATE SCHEMA tr AUTHORIZATION regress_tr_owner;
SET ROLE regress_tr_owner;
SET search_path = tr;
\set QUIET off
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE);
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
SELECT account.enable_soft_delete('users', children => true), account.enable_soft_delete('parts') \gset
INSERT INTO users VALUES (1), (2);
INSERT INTO posts VALUES (1, 1), (2, 2);
INSERT INTO parts VALUES (1);
DELETE FROM users WHERE id = 1;
TRUNCATE users CASCADE; -- fails
\echo :LAST_ERROR_SQLSTATE
-- nobody else can allow it
SET pgaccount.truncate = allow; -- fails
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SHOW pgaccount.truncate;
SET pgaccount.truncate = sometimes; -- fails
\echo :LAST_ERROR_SQLSTATE
-- truncate_of_a_test_database_works, for its tables' owner
SET pgaccount.truncate = allow;
SET ROLE regress_tr_owner;
TRUNCATE users; -- fails: the server's own rule stays
\echo :LAST_ERROR_SQLSTATE
TRUNCATE users CASCADE;
TRUNCATE parts_1;
INSERT INTO parts VALUES (1);
TRUNCATE posts, parts;
SET pgaccount.show_deleted = on;
SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM posts) AS posts, (SELECT count(*) FROM parts) AS parts;
RESET pgaccount.show_deleted;
RESET ROLE;
RESET pgaccount.truncate;
SET ROLE regress_tr_owner;
\set VERBOSITY terse
TRUNCATE parts_1; -- fails
\echo :LAST_ERROR_SQLSTATE

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA tr CASCADE;
DROP ROLE regress_tr_owner;
