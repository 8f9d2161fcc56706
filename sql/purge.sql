-- Purge: which dead rows go, which are held, and by what; the graph of a cleanup.
SET client_min_messages = warning;
CREATE ROLE regress_pg_owner;
GRANT EXECUTE ON FUNCTION account.purge TO regress_pg_owner;
CREATE ROLE regress_pg_other;
CREATE SCHEMA pu AUTHORIZATION regress_pg_owner;
GRANT USAGE ON SCHEMA pu TO regress_pg_other;
SET ROLE regress_pg_owner;
SET search_path = pu;
CREATE TABLE users (id int PRIMARY KEY, boss int REFERENCES users ON DELETE RESTRICT);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE);
CREATE TABLE files (id int PRIMARY KEY, owner int REFERENCES users ON DELETE CASCADE);
CREATE TABLE bills (id int PRIMARY KEY, who int REFERENCES users ON DELETE RESTRICT);
INSERT INTO users SELECT i, CASE i WHEN 8 THEN 9 WHEN 11 THEN 12 END FROM generate_series(1, 12) i;
INSERT INTO posts SELECT i, i FROM generate_series(1, 12) i;
INSERT INTO files SELECT i, i FROM generate_series(1, 12) i;
INSERT INTO bills VALUES (1, 3), (2, 3);
SELECT account.enable_soft_delete('files'), account.enable_soft_delete('users');
DELETE FROM users WHERE id <= 9;
INSERT INTO files VALUES (100, 5); -- a live row of a soft-delete table
RESET client_min_messages;

-- grace_period_is_over_first ------------------------------------------------------------------------------------
SELECT account.purge('users');
SELECT account.purge('users', '1 hour');
SELECT account.purge('users', '1000000 years');
SELECT account.purge('users', '0', 0);
SELECT account.purge('users', '0', -1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.purge('bills', '0'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_pg_other;
SELECT account.purge('pu.users', '0'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_pg_owner;

-- held_rows_do_not_stop_the_others ------------------------------------------------------------------------------
SELECT account.purge('users', '0', 2);
SELECT account.purge('users', '0');
SELECT account.purge('users', '0');
SET pgaccount.show_deleted = on;
SELECT id FROM users ORDER BY id;
SELECT id FROM posts ORDER BY id;
SELECT id FROM files ORDER BY id;
-- a dead row that a live one is under stays; once that is gone it goes
DELETE FROM bills WHERE id = 1;
DELETE FROM files WHERE id = 100;
SELECT account.purge('users', '0');
SELECT account.purge('users', '0', force => true);
SELECT id FROM users ORDER BY id;
SELECT count(*) AS bills FROM bills;

-- what_a_held_row_references_stays_with_it ----------------------------------------------------------------------
DELETE FROM users;
INSERT INTO bills VALUES (5, 11); -- holds 11, which holds 12
SELECT account.purge('users', '0');
SELECT id FROM users ORDER BY id;
SELECT account.purge('users', '0', force => true);
RESET pgaccount.show_deleted;

-- graph_shows_what_goes_where -----------------------------------------------------------------------------------
INSERT INTO users VALUES (1, NULL), (2, 1);
INSERT INTO posts VALUES (1, 1), (2, 1);
INSERT INTO bills VALUES (9, 1);
SELECT account.cleanup_graph('users', 1);
SELECT account.cleanup_graph('users');
SELECT account.cleanup_graph('users', 'x'); -- fails
\echo :LAST_ERROR_SQLSTATE
-- rows of the target are counted, whichever of its tables they go from: the dog goes with its owner
CREATE TABLE animals (id int PRIMARY KEY, owner int REFERENCES animals ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE dogs (PRIMARY KEY (id), FOREIGN KEY (owner) REFERENCES animals ON DELETE CASCADE) INHERITS (animals);
INSERT INTO animals VALUES (1, NULL), (2, 1);
INSERT INTO dogs VALUES (3, 2), (4, NULL);
SELECT account.enable_soft_delete('animals') \g /dev/null
DELETE FROM animals WHERE id <= 3;
SELECT account.purge('animals', '0');
SET pgaccount.show_deleted = on;
SELECT id FROM animals;
RESET pgaccount.show_deleted;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA pu CASCADE;
REVOKE EXECUTE ON FUNCTION account.purge FROM regress_pg_owner;
DROP ROLE regress_pg_owner, regress_pg_other;
