-- Partitions that CREATE SCHEMA makes are as those of CREATE TABLE: they are not to be truncated where soft delete is, new
-- references to deleted rows are refused there, the last member is kept, and sessions end.
\set ON_ERROR_STOP true
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
CREATE FUNCTION pg_temp.triggers(relid regclass) RETURNS text LANGUAGE sql AS $$
SELECT string_agg(tgfoid::regproc || ' ' || tgtype, ', ' ORDER BY tgfoid::regproc::text, tgtype) FROM pg_trigger
WHERE tgrelid = relid AND tgfoid::regproc::text LIKE 'account.%' $$;

CREATE SCHEMA s;
CREATE TABLE s.parents (id int PRIMARY KEY);
CREATE TABLE s.items (id int, region int, parent int REFERENCES s.parents, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
SELECT account.enable_soft_delete('s.items') \g /dev/null
SELECT account.enable_soft_delete('s.parents', guard_references => true) \g /dev/null
CREATE TABLE s.plain PARTITION OF s.items FOR VALUES IN (0);
CREATE SCHEMA s_new
    CREATE VIEW none AS SELECT 1 AS x
    CREATE TABLE one PARTITION OF s.items FOR VALUES IN (1)
    CREATE TABLE other (id int PRIMARY KEY)
    CREATE TABLE two PARTITION OF s.items FOR VALUES IN (2);
SELECT is(pg_temp.triggers('s_new.one'), pg_temp.triggers('s.plain'), 'the triggers of a partition');
SELECT is(pg_temp.triggers('s_new.two'), pg_temp.triggers('s.plain'), 'and of another');
INSERT INTO s.parents VALUES (1), (2);
INSERT INTO s.items VALUES (1, 1, 1), (2, 2, 1);
SELECT throws_ok('TRUNCATE s_new.one', '0A000', NULL, 'no rows go by TRUNCATE');
SELECT throws_ok('TRUNCATE s_new.two', '0A000', NULL, 'nor those of another');
DELETE FROM s.parents WHERE id = 2;
SELECT throws_ok('INSERT INTO s_new.one VALUES (3, 1, 2)', '23503', NULL, 'no new reference to a deleted row');

CREATE TABLE s.orgs (id int PRIMARY KEY);
CREATE TABLE s.users (id int PRIMARY KEY, email text) PARTITION BY RANGE (id);
CREATE TABLE s.users_0 PARTITION OF s.users FOR VALUES FROM (0) TO (100);
CREATE TABLE s.members (user_id int REFERENCES s.users ON DELETE CASCADE, org_id int REFERENCES s.orgs ON DELETE CASCADE, role text, PRIMARY KEY (user_id, org_id)) PARTITION BY LIST (org_id);
CREATE TABLE s.members_0 PARTITION OF s.members FOR VALUES IN (0);
SELECT account.use_tables('s.users', tenants => 's.orgs', members => 's.members', columns => '{"members": {"tenant": "org_id"}}') \g /dev/null
SELECT account.protect_last_member('s.members', 'org_id', 'role') \g /dev/null
CREATE SCHEMA s_more
    CREATE TABLE users_1 PARTITION OF s.users FOR VALUES FROM (100) TO (200)
    CREATE TABLE members_1 PARTITION OF s.members FOR VALUES IN (1);
SELECT is(pg_temp.triggers('s_more.users_1'), pg_temp.triggers('s.users_0'), 'the triggers of a partition of users');
SELECT is(pg_temp.triggers('s_more.members_1'), pg_temp.triggers('s.members_0'), 'and of members');
INSERT INTO s.orgs VALUES (1);
INSERT INTO s.users VALUES (101);
INSERT INTO s.members VALUES (101, 1, 'owner');
SELECT throws_ok('DELETE FROM s_more.members_1', '23514', NULL, 'the last member is kept');
SELECT throws_ok('TRUNCATE s_more.members_1', '23514', NULL, 'from TRUNCATE, too');
SELECT throws_ok('DELETE FROM s_more.users_1', '23514', NULL, 'and where its user goes');
SELECT * FROM finish();
ROLLBACK;
