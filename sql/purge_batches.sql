-- Purges as they are run: in batches, by roles with few rights, under row security, within savepoints, over inheritance.
SET client_min_messages = warning;
CREATE ROLE regress_pb_owner;
CREATE ROLE regress_pb_clerk;
CREATE ROLE regress_pb_nobody;
GRANT EXECUTE ON FUNCTION account.purge TO regress_pb_owner, regress_pb_clerk;
GRANT EXECUTE ON PROCEDURE account.purge_batches TO regress_pb_owner, regress_pb_clerk;
CREATE SCHEMA pb AUTHORIZATION regress_pb_owner;
GRANT USAGE ON SCHEMA pb TO regress_pb_clerk, regress_pb_nobody;
SET ROLE regress_pb_owner;
SET search_path = pb;
\set SHOW_CONTEXT never
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE);
CREATE TABLE bills (id int PRIMARY KEY, who int REFERENCES users ON DELETE RESTRICT);
CREATE TABLE likes (id int PRIMARY KEY, who int REFERENCES users ON DELETE SET NULL);
-- the transactions that removed rows
CREATE TABLE removed (xid bigint, id int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    'BEGIN INSERT INTO pb.removed VALUES (pg_catalog.pg_current_xact_id()::text::bigint, OLD.id); RETURN NULL; END';
CREATE TRIGGER note AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION refill() RETURNS void LANGUAGE sql AS $$
    SET LOCAL pgaccount.show_deleted = on;
    TRUNCATE removed;
    DELETE FROM likes; DELETE FROM bills;
    SELECT account.purge('users', '-1 day'::interval);
    INSERT INTO users SELECT generate_series(1, 100);
    INSERT INTO posts SELECT i, i FROM generate_series(1, 100) i;
    INSERT INTO likes SELECT i, i FROM generate_series(1, 100) i;
    INSERT INTO bills SELECT i, i FROM unnest(ARRAY[2, 11, 50]) i;
    DELETE FROM users;
    TRUNCATE removed;
$$;
SELECT account.enable_soft_delete('users');
SELECT refill();
RESET client_min_messages;

-- commits_between_batches ---------------------------------------------------------------------------------------
CALL account.purge_batches('users', '0', 10);
SELECT count(DISTINCT xid) AS transactions, max(n) AS rows_of_one, sum(n) AS all_rows FROM (SELECT xid, count(*) AS n FROM removed GROUP BY xid) x;
CALL account.purge_batches('users', '0');
SELECT refill();
CALL account.purge_batches('users', '0', batch_size => 9223372036854775807);
SELECT count(DISTINCT xid) AS transactions, count(*) AS all_rows FROM removed;
SELECT count(*) AS posts FROM posts;
SELECT count(*) AS likes, count(who) AS still_referencing FROM likes;
-- from PL/pgSQL where that may commit
SELECT refill();
DO $$ BEGIN CALL account.purge_batches('users', '0', 40); END $$;
SELECT count(DISTINCT xid) AS transactions, count(*) AS all_rows FROM removed;

-- not_inside_a_transaction_block --------------------------------------------------------------------------------
SELECT refill();
BEGIN;
CALL account.purge_batches('users', '0'); -- fails
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
CREATE FUNCTION call_it() RETURNS void LANGUAGE plpgsql AS 'BEGIN CALL account.purge_batches(''users'', ''0''); END';
SELECT call_it(); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) AS removed FROM removed;

-- bad_arguments -------------------------------------------------------------------------------------------------
CALL account.purge_batches('users', '0', 0); -- fails
\echo :LAST_ERROR_SQLSTATE
CALL account.purge_batches('users', '0', -5); -- fails
\echo :LAST_ERROR_SQLSTATE
CALL account.purge_batches('users', '0', NULL); -- fails
\echo :LAST_ERROR_SQLSTATE
CALL account.purge_batches(NULL, '0', 10); -- fails
\echo :LAST_ERROR_SQLSTATE
CALL account.purge_batches('posts', '0'); -- fails
\echo :LAST_ERROR_SQLSTATE
CALL account.purge_batches('pg_class', '0'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.purge('users', '0', NULL, NULL); -- fails
\echo :LAST_ERROR_SQLSTATE

-- privileged_and_no_more_than_the_callers_rights ----------------------------------------------------------------
SET ROLE regress_pb_nobody;
CALL account.purge_batches('pb.users', '0'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_pb_clerk;
CALL account.purge_batches('users', '0'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_pb_owner;
GRANT SELECT, DELETE ON users TO regress_pb_clerk;
GRANT SELECT ON posts TO regress_pb_clerk;
SET ROLE regress_pb_clerk;
CALL account.purge_batches('users', '0'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_pb_owner;
GRANT DELETE ON posts TO regress_pb_clerk;
SET ROLE regress_pb_clerk;
CALL account.purge_batches('users', '0'); -- fails: likes are to be set null
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_pb_owner;
GRANT SELECT, UPDATE ON likes TO regress_pb_clerk;
SET ROLE regress_pb_clerk;
-- nothing was ever granted on bills, which hold three
CALL account.purge_batches('users', '0', 30);
SET ROLE regress_pb_owner;
SELECT count(*) AS removed FROM removed;

-- rows_hidden_by_row_security_hold ------------------------------------------------------------------------------
SELECT refill();
GRANT SELECT ON bills TO regress_pb_clerk;
ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
ALTER TABLE likes ENABLE ROW LEVEL SECURITY;
ALTER TABLE bills ENABLE ROW LEVEL SECURITY;
CREATE POLICY clerk ON posts TO regress_pb_clerk USING (id <> 20);
CREATE POLICY clerk ON likes TO regress_pb_clerk USING (id <> 30);
SET ROLE regress_pb_clerk;
SELECT account.purge('pb.users', '0');
SELECT account.purge('pb.users', '0', force => true);
SET ROLE regress_pb_owner;
SELECT count(*) AS removed FROM removed;
SELECT (SELECT array_agg(id) FROM posts) AS posts, (SELECT array_agg(id) FROM likes WHERE who IS NOT NULL) AS likes, (SELECT array_agg(id) FROM bills) AS bills;
ALTER TABLE posts DISABLE ROW LEVEL SECURITY;
ALTER TABLE likes DISABLE ROW LEVEL SECURITY;
ALTER TABLE bills DISABLE ROW LEVEL SECURITY;

-- max_rows_are_found_behind_held_ones ---------------------------------------------------------------------------
SELECT refill();
INSERT INTO bills SELECT i, i FROM generate_series(12, 49) i;
SELECT account.purge('users', '0', 1), account.purge('users', '0', 15);
SELECT account.purge('users', '0', 60);
SELECT count(*) AS removed FROM removed;

-- a_bypass_dies_with_its_subtransaction -------------------------------------------------------------------------
SELECT refill();
BEGIN;
SAVEPOINT one;
SELECT account.purge('users', '0', 10);
ROLLBACK TO one;
SELECT count(*) AS removed FROM removed;
INSERT INTO users VALUES (501), (502);
DELETE FROM users WHERE id = 501; -- soft again
SAVEPOINT two;
SELECT account.purge('users', '-1 day', 3, true);
RELEASE two;
DELETE FROM users WHERE id = 502; -- soft
SAVEPOINT three;
SELECT account.purge('users', 'x'); -- fails
ROLLBACK TO three;
DELETE FROM users;
COMMIT;
SET pgaccount.show_deleted = on;
SELECT count(*) AS there, count(deleted_at) AS dead, (SELECT count(*) FROM removed) AS removed FROM users;
-- an error within: half of it is nothing
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not %'', OLD.id; END';
CREATE TRIGGER fail BEFORE DELETE ON posts FOR EACH ROW WHEN (OLD.id = 60) EXECUTE FUNCTION fail();
BEGIN;
SAVEPOINT one;
SELECT account.purge('users', '0'); -- fails
ROLLBACK TO one;
SELECT account.purge('users', '0', 5);
DELETE FROM users; -- soft, and already done
COMMIT;
SELECT count(*) AS there, count(deleted_at) AS dead, (SELECT count(*) FROM removed) AS removed FROM users;
DROP TRIGGER fail ON posts;
-- nor does a user's trigger inside a purge get the bypass
CREATE TABLE badges (id int PRIMARY KEY, post int, deleted_at timestamptz);
INSERT INTO badges VALUES (1, 70), (2, 70);
SELECT account.enable_soft_delete('badges');
CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM pb.badges WHERE post = OLD.id; RETURN NULL; END';
CREATE TRIGGER take AFTER DELETE ON posts FOR EACH ROW EXECUTE FUNCTION take();
SELECT account.purge('users', '0', force => true);
SELECT id, deleted_at IS NOT NULL AS dead FROM badges ORDER BY id;

-- what_is_prepared_is_kept --------------------------------------------------------------------------------------
INSERT INTO users VALUES (600), (601);
DELETE FROM users WHERE id = 600;
BEGIN;
SELECT account.purge('users', '0');
SELECT count(*) FROM account.cleanup('users', 601);
PREPARE TRANSACTION 'regress_purge';
ROLLBACK PREPARED 'regress_purge';
SELECT count(*) FROM users;
BEGIN;
SELECT account.purge('users', '0');
SELECT count(*) FROM account.cleanup('users', 601);
PREPARE TRANSACTION 'regress_purge';
COMMIT PREPARED 'regress_purge';
SELECT count(*) FROM users;

-- tables_that_inherit_are_purged_with_their_parent --------------------------------------------------------------
CREATE TABLE people (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE staff (room int, PRIMARY KEY (id)) INHERITS (people);
CREATE TABLE desks (id int PRIMARY KEY, staff int REFERENCES staff ON DELETE CASCADE);
INSERT INTO people VALUES (1), (2);
INSERT INTO staff VALUES (3), (4);
INSERT INTO desks VALUES (1, 3);
SELECT account.enable_soft_delete('people');
DELETE FROM people;
SELECT account.purge('people', '0', 3);
SELECT account.purge('people', '0');
SELECT (SELECT count(*) FROM people) AS people, (SELECT count(*) FROM desks) AS desks;
INSERT INTO staff VALUES (5), (6), (7);
DELETE FROM people;
CALL account.purge_batches('people', '0', 2);
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA pb CASCADE;
REVOKE EXECUTE ON FUNCTION account.purge FROM regress_pb_owner, regress_pb_clerk;
REVOKE EXECUTE ON PROCEDURE account.purge_batches FROM regress_pb_owner, regress_pb_clerk;
DROP ROLE regress_pb_owner, regress_pb_clerk, regress_pb_nobody;
