-- DELETE on a soft-delete table is no leave to lose its rows: a cleanup removes them for good for the table's owner and
-- for roles that may EXECUTE account.purge, nobody else, wherever they are in the set. And it is for heap tables.
\set ON_ERROR_STOP true
BEGIN;
SELECT no_plan();
CREATE ROLE tap_owner;
CREATE ROLE tap_member;
CREATE ROLE tap_heir NOINHERIT;
CREATE ROLE tap_app;
CREATE ROLE tap_purger;
CREATE ROLE tap_operator;
CREATE ROLE tap_root SUPERUSER;
GRANT tap_owner TO tap_member, tap_heir;
GRANT tap_purger TO tap_operator;
GRANT EXECUTE ON FUNCTION account.purge(regclass, interval, bigint, boolean) TO tap_purger;
CREATE SCHEMA s AUTHORIZATION tap_owner;
SET LOCAL ROLE tap_owner;
-- hard p; below it soft c (and a soft partitioned d that protects, a hard e); soft q, with nothing below
CREATE TABLE s.p (id int PRIMARY KEY);
CREATE TABLE s.c (id int PRIMARY KEY, p int REFERENCES s.p ON DELETE CASCADE);
CREATE TABLE s.d (id int PRIMARY KEY, p int REFERENCES s.p) PARTITION BY RANGE (id);
CREATE TABLE s.d1 PARTITION OF s.d DEFAULT;
CREATE TABLE s.e (id int PRIMARY KEY, p int REFERENCES s.p);
CREATE TABLE s.q (id int PRIMARY KEY);
SELECT account.enable_soft_delete(t) FROM unnest('{s.c,s.d,s.q}'::regclass[]) t \g /dev/null
INSERT INTO s.p SELECT generate_series(1, 9);
INSERT INTO s.c VALUES (1, 1), (2, 2), (5, 5);
INSERT INTO s.d VALUES (3, 3);
INSERT INTO s.e VALUES (4, 4);
INSERT INTO s.q VALUES (1), (2);
DELETE FROM s.c WHERE id = 2;
GRANT USAGE ON SCHEMA s TO PUBLIC;
GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA s TO PUBLIC;
RESET ROLE;

-- what comes of a cleanup by a role: the number of rows, or the SQLSTATE and the table of the error; undone
CREATE FUNCTION removes(who name, target regclass, key int, force boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    code text;
    of_table text;
BEGIN
    PERFORM set_config('role', who, true);
    SELECT sum(rows) INTO result FROM account.cleanup(target, key, force);
    RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = result;
EXCEPTION
    WHEN SQLSTATE 'ZZ000' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, of_table = TABLE_NAME;
        RETURN code || ' ' || of_table;
END $$;

SELECT is(removes('tap_app', 's.q', 1), '42501 q', 'the target');
SELECT is(removes('tap_app', 's.p', 1), '42501 c', 'what follows, by cascade');
SELECT is(removes('tap_app', 's.p', 2), '42501 c', 'a deleted row is as good as a live one');
SELECT is(removes('tap_app', 's.p', 3), '23001 d', 'what stands in the way is told first');
SELECT is(removes('tap_app', 's.p', 3, true), '42501 d', 'what force takes along, a partition''s');
SELECT is(removes('tap_app', 's.d', 3), '42501 d', 'a partitioned target');
SELECT is(removes('tap_app', 's.d1', 3), '42501 d', 'a partition of it');
SELECT is(removes('tap_app', 's.p', 4, true), '2', 'DELETE suffices on tables without soft delete');
SELECT is(removes('tap_app', 's.p', 9), '1', 'and where no row of a soft-delete table goes');
SELECT is(removes(r, 's.p', 1), '2', r || ' may') FROM unnest('{tap_owner,tap_member,tap_purger,tap_operator,tap_root}'::text[]) r;
SELECT is(removes(r, 's.p', 3, true), '2', r || ' may, by force') FROM unnest('{tap_owner,tap_member,tap_purger,tap_operator,tap_root}'::text[]) r;
SELECT is(removes('tap_heir', 's.p', 1), '42501 c', 'a member that has the owner''s rights only by SET ROLE has none until then');
REVOKE DELETE ON s.c FROM PUBLIC;
SELECT is(removes('tap_purger', 's.p', 1), '42501 ', 'who may purge needs DELETE all the same');
GRANT DELETE ON s.c TO PUBLIC;
ALTER TABLE s.c OWNER TO tap_root;
SELECT is(removes('tap_owner', 's.p', 1), '42501 c', 'the target''s owner is not the owner of what follows');
ALTER TABLE s.c OWNER TO tap_owner;
-- a trigger that the owner has disabled says still that rows are not for the taking
ALTER TABLE s.q DISABLE TRIGGER USER;
SELECT is(removes('tap_app', 's.q', 1), '42501 q', 'soft delete that is disabled');
ALTER TABLE s.q ENABLE TRIGGER USER;
-- a partition alone, where no event trigger refuses it
CREATE TABLE s.r (id int PRIMARY KEY, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE s.r1 (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE s.r2 PARTITION OF s.r DEFAULT;
SELECT account.enable_soft_delete('s.r1') \g /dev/null
SET LOCAL session_replication_role = replica;
ALTER TABLE s.r ATTACH PARTITION s.r1 FOR VALUES IN (1);
SET LOCAL session_replication_role = origin;
INSERT INTO s.r VALUES (1), (2);
GRANT SELECT, DELETE ON s.r, s.r1 TO tap_app;
SELECT is(removes('tap_app', 's.r', 1), '42501 r1', 'a partition that has soft delete for itself');
SELECT is(removes('tap_app', 's.r', 2), '1', 'its neighbour');

-- a row that comes while the cleanup goes on is no way around: a trigger adds one
CREATE FUNCTION add_one() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO s.c VALUES (OLD.id, OLD.p); RETURN OLD; END $$;
CREATE TRIGGER add_one BEFORE DELETE ON s.e FOR EACH ROW EXECUTE FUNCTION add_one();
SELECT is(removes('tap_app', 's.p', 4, true), '42501 c', 'a row that joins meanwhile');
DROP TRIGGER add_one ON s.e;

-- the error; nothing has changed; the plan needs no leave, for it removes nothing
SET LOCAL ROLE tap_app;
SELECT throws_ok($$SELECT * FROM account.cleanup('s.p', 1)$$, '42501', 'rows of "c" cannot be removed for good', 'the table is named');
SELECT results_eq($$SELECT relation::text, action, rows FROM account.cleanup_plan('s.p', 1)$$, $$VALUES ('s.c', 'delete', 1::bigint), ('s.p', 'delete', 1)$$, 'a plan needs SELECT alone');
DELETE FROM s.c WHERE p = 5;
RESET ROLE;
SELECT is((SELECT count(*)::int FROM account.cleanup_plan('s.c', ARRAY[1, 2, 5]) WHERE rows = 3), 1, 'DELETE is soft as ever');

-- users that are deleted for good take along what a DELETE of their row would: rows of a soft-delete table only where its owner says so
CREATE TABLE s.users (id int PRIMARY KEY, email text);
CREATE TABLE s.posts (id int PRIMARY KEY, author int REFERENCES s.users ON DELETE CASCADE);
CREATE TABLE s.likes (author int REFERENCES s.users ON DELETE CASCADE);
SELECT account.enable_soft_delete('s.posts') \g /dev/null
SELECT count(*) FROM account.use_tables('s.users') \g /dev/null
SELECT account.grant_api('tap_app') \g /dev/null
INSERT INTO s.users VALUES (1, 'a@x.org'), (2, 'b@x.org'), (3, 'c@x.org'), (4, 'd@x.org');
INSERT INTO s.posts VALUES (1, 1), (2, 2), (4, 4);
INSERT INTO s.likes VALUES (1), (3);
SELECT account.act_as('1') \g /dev/null
SET LOCAL ROLE tap_app;
SELECT throws_ok($$SELECT account.delete_user('1')$$, '42501', 'rows of "posts" cannot be removed for good', 'delete_user is not a way to lose posts');
SELECT account.sign_out() \g /dev/null
RESET ROLE;
SELECT is((SELECT count(*)::int FROM s.users JOIN s.posts ON author = users.id JOIN s.likes l ON l.author = users.id), 1, 'nothing has changed');
SELECT account.act_as('3') \g /dev/null
SET LOCAL ROLE tap_app;
SELECT is(account.delete_user('3') ->> 'status', 'true', 'a user without posts goes');
RESET ROLE;
SELECT account.act_as('2') \g /dev/null
SELECT is(account.delete_user('2') ->> 'status', 'true', 'the owner of the posts may');
SELECT account.enable_soft_delete('s.posts', on_parent_delete => 'delete') \g /dev/null
SELECT account.act_as('1') \g /dev/null
SET LOCAL ROLE tap_app;
SELECT is(account.delete_user('1') ->> 'status', 'true', 'so may anybody once posts go with their authors');
RESET ROLE;
SELECT is((SELECT array_agg(id ORDER BY id) FROM s.users), ARRAY[4], 'those are gone');

-- tables that are no heaps
CREATE ACCESS METHOD other_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE s.t (id int PRIMARY KEY) USING other_heap;
CREATE TABLE s.u (id int PRIMARY KEY);
CREATE TABLE s.v (id int PRIMARY KEY, u int REFERENCES s.u ON DELETE CASCADE) PARTITION BY RANGE (id);
CREATE TABLE s.v1 PARTITION OF s.v FOR VALUES FROM (1) TO (9);
CREATE TABLE s.v2 PARTITION OF s.v DEFAULT USING other_heap;
CREATE TABLE s.w (u int REFERENCES s.u ON DELETE SET NULL) USING other_heap;
INSERT INTO s.t VALUES (1);
INSERT INTO s.u VALUES (1);
SELECT throws_ok(format('SELECT * FROM account.%s(%L, 1)', f, t), '0A000', format('table "%s" is not a heap table', n), f || ': ' || w)
FROM unnest('{cleanup,cleanup_plan,cleanup_graph}'::text[]) f, (VALUES ('s.t', 't', 'the target'), ('s.u', 'v2', 'a partition of what follows')) v(t, n, w);
DROP TABLE s.v2;
SELECT is(removes(session_user, 's.u', 1), '1', 'where none of its rows go, it does not matter');
SELECT throws_ok($$SELECT account.enable_soft_delete('s.t')$$, '0A000', 'table "t" is not a heap table', 'soft delete');
SELECT throws_ok($$SELECT account.enable_profile('s.u', 's.w', 'u')$$, '0A000', 'table "w" is not a heap table', 'profiles');
CREATE TABLE s.accounts (id int PRIMARY KEY, email text, password text) USING other_heap;
SELECT throws_ok($$SELECT account.use_tables('s.accounts')$$, '0A000', 'table "accounts" is not a heap table', 'accounts');
CREATE TABLE s.members (id int, deleted_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE s.members_1 PARTITION OF s.members DEFAULT USING other_heap;
SELECT throws_ok($$SELECT account.enable_soft_delete('s.members')$$, '0A000', 'table "members_1" is not a heap table', 'a partition of it');
ALTER TABLE s.t SET ACCESS METHOD heap;
SELECT account.enable_soft_delete('s.t') \g /dev/null
ALTER TABLE s.t SET ACCESS METHOD other_heap;
DELETE FROM s.t;
SELECT throws_ok($$SELECT account.purge('s.t', '0')$$, '0A000', 'table "t" is not a heap table', 'a purge');
SELECT * FROM finish();
ROLLBACK;
