-- guard_references: no new reference to a deleted row. (Concurrent sessions: test/isolation.)
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE ROLE regress_sd_clerk;
CREATE SCHEMA sd_guard AUTHORIZATION regress_sd_owner;
SET ROLE regress_sd_owner;
SET search_path = sd_guard;
GRANT USAGE ON SCHEMA sd_guard TO regress_sd_clerk;
RESET client_min_messages;
\set QUIET off

CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users, editor int REFERENCES users, email text REFERENCES users (email), title text);
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 6) i;
INSERT INTO posts VALUES (1, 1, NULL, 'u1'), (2, 2, 2, NULL), (3, 3, NULL, NULL);
-- without the guard a deleted row may be referenced
SELECT account.enable_soft_delete('users') \gset
DELETE FROM users WHERE id = 1;
INSERT INTO posts VALUES (4, 1);
SELECT account.enable_soft_delete('users', guard_references => true) \gset
-- with it not; the names of the constraint are given
INSERT INTO posts VALUES (5, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
DO $$
DECLARE s text; t text; c text;
BEGIN
    INSERT INTO sd_guard.posts VALUES (5, 2, 1);
EXCEPTION WHEN foreign_key_violation THEN
    GET STACKED DIAGNOSTICS s = SCHEMA_NAME, t = TABLE_NAME, c = CONSTRAINT_NAME;
    RAISE NOTICE 'schema %, table %, constraint %', s, t, c;
END $$;
\set VERBOSITY terse
INSERT INTO posts (id, email) VALUES (5, 'u1'); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO posts VALUES (6, 3), (7, 1), (8, 3); -- fails
COPY posts (id, author) FROM stdin; -- fails
9	3
10	1
\.
\echo :LAST_ERROR_SQLSTATE
INSERT INTO posts SELECT 10 + i, i FROM generate_series(1, 3) i; -- fails
INSERT INTO posts VALUES (3, 1) ON CONFLICT (id) DO UPDATE SET author = excluded.author; -- fails
MERGE INTO posts USING (VALUES (1)) v(id) ON posts.id = 99 WHEN NOT MATCHED THEN INSERT (id, author) VALUES (99, v.id); -- fails
UPDATE posts SET author = 1 WHERE id = 3; -- fails
\echo :LAST_ERROR_SQLSTATE
UPDATE posts SET editor = author WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
-- a row that is not there at all is the foreign key's own affair
INSERT INTO posts VALUES (5, 999); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
-- what does not touch the key passes; so do NULL and live rows
UPDATE posts SET title = 'still editable', id = 100 WHERE id = 1;
UPDATE posts SET author = author WHERE id = 100;
UPDATE posts SET author = NULL WHERE id = 100;
INSERT INTO posts VALUES (5, NULL, NULL, NULL), (6, 2, 3, 'u4');
INSERT INTO posts VALUES (6, 1) ON CONFLICT DO NOTHING;
SELECT id, author, editor, email FROM posts ORDER BY id;
-- deleted and referenced in one transaction, in one statement
\set VERBOSITY terse
BEGIN;
DELETE FROM users WHERE id = 2;
INSERT INTO posts VALUES (20, 2); -- fails
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
WITH gone AS (DELETE FROM users WHERE id = 2 RETURNING id) INSERT INTO posts SELECT 20, id FROM gone; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
BEGIN;
SAVEPOINT s;
DELETE FROM users WHERE id = 2;
ROLLBACK TO s;
INSERT INTO posts VALUES (20, 2);
DELETE FROM users WHERE id = 2;
COMMIT;
-- the child was first: it stays
SELECT author FROM posts WHERE id = 20;
-- in every isolation level
\set VERBOSITY terse
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO posts VALUES (21, 2); -- fails
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO posts VALUES (21, 2); -- fails
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
DELETE FROM users WHERE id = 4;
INSERT INTO posts VALUES (21, 3);
COMMIT;
SET pgaccount.show_deleted = on;
INSERT INTO posts VALUES (22, 2); -- fails
\echo :LAST_ERROR_SQLSTATE
RESET pgaccount.show_deleted;
-- with generic details, nothing of the row is said (superuser setting)
\set VERBOSITY default
RESET ROLE;
SET pgaccount.error_detail = 'generic';
INSERT INTO posts VALUES (22, 2); -- fails
-- nor of the row that a rewritten DELETE writes
CREATE TABLE kept (id int PRIMARY KEY, note text, deleted_at timestamptz CHECK (deleted_at IS NULL));
SELECT account.enable_soft_delete('kept') \gset
INSERT INTO kept VALUES (1, 'secret');
DELETE FROM kept; -- fails
DROP TABLE kept;
RESET pgaccount.error_detail;
SET ROLE regress_sd_owner;
-- restored, it may be referenced again
SET pgaccount.show_deleted = on;
UPDATE users SET deleted_at = NULL WHERE id = 1;
RESET pgaccount.show_deleted;
INSERT INTO posts VALUES (22, 1);

-- a caller who may insert children, and nothing else
GRANT INSERT, SELECT ON posts TO regress_sd_clerk;
SET ROLE regress_sd_clerk;
INSERT INTO posts VALUES (30, 1);
\set VERBOSITY terse
INSERT INTO posts VALUES (31, 2); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SET ROLE regress_sd_owner;

-- a child with soft delete: it may be brought back only under a live parent; deleted, it may reference what it likes
CREATE TABLE comments (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE);
INSERT INTO comments VALUES (1, 5), (2, 5), (3, 6);
SELECT account.enable_soft_delete('comments', hide => false) \gset
SELECT account.enable_soft_delete('users', guard_references => true) \gset
DELETE FROM comments WHERE id = 1;
DELETE FROM users WHERE id = 5;
SELECT id, deleted_at IS NOT NULL AS dead FROM comments ORDER BY id;
\set VERBOSITY terse
UPDATE comments SET deleted_at = NULL WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
UPDATE comments SET author = 2 WHERE id = 2;
INSERT INTO comments VALUES (9, 5, now());
-- back with its parent
SET pgaccount.show_deleted = on;
UPDATE users SET deleted_at = NULL WHERE id = 5;
RESET pgaccount.show_deleted;
SELECT id, author, deleted_at IS NOT NULL AS dead FROM comments ORDER BY id;

-- referential actions pass, of dead rows too; keys that change by ON UPDATE CASCADE ---------------------------------------
CREATE TABLE orgs (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE staff (id int PRIMARY KEY, org int DEFAULT 1 REFERENCES orgs ON UPDATE CASCADE ON DELETE SET NULL);
INSERT INTO orgs VALUES (1), (2), (3);
INSERT INTO staff VALUES (1, 1), (2, 2), (3, 3);
SELECT account.enable_soft_delete('orgs', guard_references => true), account.enable_soft_delete('staff', guard_references => true) \gset
DELETE FROM orgs WHERE id = 2;
DELETE FROM staff WHERE id = 3;
SET pgaccount.show_deleted = on;
UPDATE orgs SET id = 20 WHERE id = 2;
UPDATE orgs SET id = 30 WHERE id = 3;
SELECT id, org FROM staff ORDER BY id;
RESET pgaccount.show_deleted;
-- removed for good: SET NULL reaches them all
SELECT account.disable_soft_delete('orgs') \gset
DELETE FROM orgs WHERE id IN (20, 30);
SET pgaccount.show_deleted = on;
SELECT id, org FROM staff ORDER BY id;
RESET pgaccount.show_deleted;

-- deferrable keys: the guard waits as long as the key does ---------------------------------------------------------------------
CREATE TABLE heads (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE tails (id int PRIMARY KEY, head int REFERENCES heads DEFERRABLE INITIALLY DEFERRED);
SELECT account.enable_soft_delete('heads', guard_references => true) \gset
BEGIN;
INSERT INTO tails VALUES (1, 1);
INSERT INTO heads VALUES (1);
COMMIT;
DELETE FROM heads WHERE id = 1;
\set VERBOSITY terse
BEGIN;
INSERT INTO tails VALUES (2, 1);
COMMIT; -- fails
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO tails VALUES (2, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
\set VERBOSITY default
BEGIN;
INSERT INTO tails VALUES (2, 1);
SET LOCAL pgaccount.show_deleted = on;
UPDATE heads SET deleted_at = NULL;
COMMIT;
BEGIN;
INSERT INTO heads VALUES (7), (8);
INSERT INTO tails VALUES (3, 7), (4, 7), (5, 7);
DELETE FROM tails WHERE id IN (3, 5);
UPDATE tails SET head = 8 WHERE id = 4;
DELETE FROM heads WHERE id = 7;
COMMIT;
SELECT id, head FROM tails ORDER BY id;

-- composite keys, partitions on both sides, self references -----------------------------------------------------------------------
CREATE TABLE pp (id int, t int, deleted_at timestamptz, PRIMARY KEY (t, id)) PARTITION BY LIST (t);
CREATE TABLE pp_1 PARTITION OF pp FOR VALUES IN (1);
CREATE TABLE pp_2 (deleted_at timestamptz, t int NOT NULL, id int NOT NULL);
ALTER TABLE pp ATTACH PARTITION pp_2 FOR VALUES IN (2);
CREATE TABLE pc (id int, pt int, pid bigint, FOREIGN KEY (pt, pid) REFERENCES pp (t, id)) PARTITION BY HASH (id);
CREATE TABLE pc_0 PARTITION OF pc FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE pc_1 (pid bigint, id int, pt int);
ALTER TABLE pc ATTACH PARTITION pc_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO pp VALUES (1, 1), (2, 1), (1, 2), (2, 2);
SELECT account.enable_soft_delete('pp', guard_references => true) \gset
DELETE FROM pp WHERE id = 1;
\set VERBOSITY terse
INSERT INTO pc VALUES (1, 1, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO pc VALUES (2, 1, 1); -- fails
INSERT INTO pc_1 (id, pt, pid) SELECT i, 2, 1 FROM generate_series(1, 20) i WHERE satisfies_hash_partition('pc'::regclass, 2, 1, i) LIMIT 1; -- fails
INSERT INTO pc SELECT i, 2, 1 FROM generate_series(1, 5) i; -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO pc SELECT i, 2, 2 FROM generate_series(1, 5) i;
UPDATE pc SET pid = 1 WHERE id = 3; -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO pc VALUES (7, 1, NULL), (8, NULL, 1);
-- one that is attached later is guarded too
CREATE TABLE late_part (LIKE pc);
CREATE TABLE pc2 (id int, pt int, pid bigint, FOREIGN KEY (pt, pid) REFERENCES pp (t, id)) PARTITION BY LIST (id);
SELECT account.enable_soft_delete('pp', guard_references => true) \gset
ALTER TABLE pc2 ATTACH PARTITION late_part DEFAULT;
INSERT INTO late_part VALUES (1, 1, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree);
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 3);
SELECT account.enable_soft_delete('tree', guard_references => true) \gset
INSERT INTO tree VALUES (4, 4);
DELETE FROM tree WHERE id IN (1, 3);
INSERT INTO tree VALUES (5, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO tree VALUES (6, 2);
\set VERBOSITY default

-- it covers the foreign keys there are at enabling; again takes in new ones; without it they go ---------------------------------------
CREATE TABLE later (id int PRIMARY KEY, author int REFERENCES users);
SET pgaccount.show_deleted = on;
SELECT id FROM users WHERE deleted_at IS NOT NULL ORDER BY id;
RESET pgaccount.show_deleted;
INSERT INTO later VALUES (1, 2);
SELECT account.enable_soft_delete('users', guard_references => true) \gset
\set VERBOSITY terse
INSERT INTO later VALUES (2, 2); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO posts VALUES (40, 2); -- fails
\set VERBOSITY default
SELECT account.enable_soft_delete('users', guard_references => false) \gset
INSERT INTO later VALUES (2, 2);
INSERT INTO posts VALUES (40, 2);
SELECT tgrelid::regclass, count(*) FROM pg_trigger WHERE tgfoid = 'account.guard_reference'::regproc AND tgrelid IN ('later'::regclass, 'posts'::regclass, 'comments'::regclass) GROUP BY 1;
-- the foreign key dropped: its guard is idle; the child dropped: nothing left
SELECT account.enable_soft_delete('users', guard_references => true) \gset
ALTER TABLE later DROP CONSTRAINT later_author_fkey;
INSERT INTO later VALUES (3, 2);
DROP TABLE later;
DELETE FROM users WHERE id = 6;
-- names with quotes and capitals
CREATE TABLE "Par ""ent" ("Id " int PRIMARY KEY, "Gone At" timestamptz);
CREATE TABLE "Chi ""ld" ("Id " int PRIMARY KEY, "Par "" ref" int REFERENCES "Par ""ent");
INSERT INTO "Par ""ent" VALUES (1), (2);
SELECT account.enable_soft_delete('"Par ""ent"', deleted_at => 'Gone At', guard_references => true) \gset
DELETE FROM "Par ""ent" WHERE "Id " = 1;
INSERT INTO "Chi ""ld" VALUES (1, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO "Chi ""ld" VALUES (2, 2);
-- columns renamed
ALTER TABLE "Chi ""ld" RENAME "Par "" ref" TO ref;
ALTER TABLE "Par ""ent" RENAME "Gone At" TO gone;
ALTER TABLE "Par ""ent" RENAME "Id " TO id;
\set VERBOSITY terse
INSERT INTO "Chi ""ld" VALUES (1, 1); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
-- a child that somebody else owns
GRANT REFERENCES ON users TO regress_sd_clerk;
RESET ROLE;
CREATE SCHEMA sd_guard_clerk AUTHORIZATION regress_sd_clerk;
SET ROLE regress_sd_clerk;
GRANT USAGE ON SCHEMA sd_guard_clerk TO regress_sd_owner;
CREATE TABLE sd_guard_clerk.own (id int PRIMARY KEY, author int REFERENCES sd_guard.users);
SET ROLE regress_sd_owner;
\set VERBOSITY terse
SELECT account.enable_soft_delete('users', guard_references => true); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
-- a row that its transaction changes once more, its key left alone, before the guard judges it
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE later (id int PRIMARY KEY, parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED, n int);
CREATE TABLE sooner (id int PRIMARY KEY, parent int REFERENCES parents, n int);
CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sd_guard.sooner SET n = NEW.id WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER a_first AFTER INSERT ON sooner FOR EACH ROW EXECUTE FUNCTION count_up();
INSERT INTO parents VALUES (1), (2), (3);
SELECT account.enable_soft_delete('parents', guard_references => true) \gset
DELETE FROM parents WHERE id = 1;
\set VERBOSITY terse
INSERT INTO sooner VALUES (1, 1); -- fails
INSERT INTO sooner VALUES (2, 2);
UPDATE sooner SET parent = 1 WHERE id = 2; -- fails
BEGIN;
INSERT INTO later VALUES (1, 1);
UPDATE later SET n = 1;
COMMIT; -- fails
BEGIN;
INSERT INTO later VALUES (1, 2);
UPDATE later SET parent = 1;
UPDATE later SET n = 1;
SAVEPOINT a;
UPDATE later SET n = 2;
ROLLBACK TO a;
COMMIT; -- fails
BEGIN;
INSERT INTO later VALUES (1, 1), (2, 1), (3, 3);
UPDATE later SET parent = 2 WHERE id = 1;
DELETE FROM later WHERE id = 2;
COMMIT;
-- what was judged before its parent was deleted stays
BEGIN;
INSERT INTO sooner VALUES (3, 3);
DELETE FROM parents WHERE id = 3;
UPDATE sooner SET n = 4 WHERE id = 3;
COMMIT;
SELECT * FROM later ORDER BY id;
SELECT * FROM sooner ORDER BY id;
-- a deferred guard and one that is not have names of their own: what is deferred can be fired
ALTER TABLE sooner DISABLE TRIGGER a_first;
BEGIN;
INSERT INTO later VALUES (9, 2);
SELECT account.enable_soft_delete('later') \gset
COMMIT;
SELECT tgrelid::regclass, tgname, tgdeferrable FROM pg_trigger WHERE tgconstrrelid = 'parents'::regclass AND tgname LIKE 'zz_account_guard%' ORDER BY tgrelid::regclass::text COLLATE "C";

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_guard, sd_guard_clerk CASCADE;
DROP OWNED BY regress_sd_owner, regress_sd_clerk;
DROP ROLE regress_sd_owner, regress_sd_clerk;
