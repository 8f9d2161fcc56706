-- What the doctor says of soft delete that was lost with a schema written down without triggers, and of deleted rows
-- that no purge removes.
SET client_min_messages = warning;
CREATE ROLE regress_dl_owner;
CREATE SCHEMA dl AUTHORIZATION regress_dl_owner;
SET ROLE regress_dl_owner;
SET search_path = dl;
CREATE VIEW says AS SELECT severity, code, object, message, remedy FROM account.doctor()
    WHERE code IN ('soft_delete_lost', 'purge_overdue', 'detached_partition') ORDER BY code, object COLLATE "C";
RESET client_min_messages;
\set QUIET off

-- schema_rb_loses_soft_delete ------------------------------------------------------------------------------
CREATE DOMAIN moment AS timestamptz(3);
CREATE TABLE users (id int PRIMARY KEY, email text, deleted_at timestamp);
CREATE UNIQUE INDEX index_users_on_email ON users (email) WHERE deleted_at IS NULL;
CREATE INDEX index_users_on_id ON users (id) WHERE deleted_at IS NULL AND id > 0;
CREATE TABLE "It's" (id int PRIMARY KEY, "deletedAt" moment);
CREATE INDEX "I q" ON "It's" (id) WHERE "deletedAt" IS NULL;
CREATE TABLE parts (id int, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE INDEX parts_live ON parts (id) WHERE deleted_at IS NULL;
-- nothing_is_lost where there is no such column, no such index, or soft delete
CREATE TABLE no_index (id int PRIMARY KEY, deleted_at timestamptz);
CREATE INDEX ON no_index (id) WHERE id > 3;
CREATE TABLE no_stamp (id int PRIMARY KEY, deleted_at boolean, archived_at timestamptz);
CREATE INDEX ON no_stamp (id) WHERE deleted_at IS NULL;
CREATE INDEX ON no_stamp (id) WHERE archived_at IS NULL;
CREATE TABLE has_it (id int PRIMARY KEY, deleted_at timestamptz);
CREATE INDEX ON has_it (id) WHERE deleted_at IS NULL;
SELECT account.enable_soft_delete('has_it') \gset
TABLE says;
SELECT remedy FROM says \gexec
TABLE says;

-- what_no_purge_removes_is_named ---------------------------------------------------------------------------
CREATE TABLE members (id int PRIMARY KEY, email text);
CREATE TABLE orders (id int PRIMARY KEY, member int CONSTRAINT orders_member REFERENCES members, seller int REFERENCES members);
CREATE TABLE notes (id int PRIMARY KEY, member int REFERENCES members ON DELETE CASCADE);
CREATE TABLE pins (id int PRIMARY KEY, note int REFERENCES notes ON DELETE SET NULL);
SET client_min_messages = warning;
SELECT account.enable_soft_delete('members'), account.enable_soft_delete('notes') \gset
RESET client_min_messages;
INSERT INTO members SELECT i FROM generate_series(1, 6) i;
INSERT INTO orders VALUES (1, 1, 2), (2, 1, NULL), (3, 6, NULL);
INSERT INTO notes VALUES (1, 3), (2, 4);
INSERT INTO pins VALUES (1, 2);
DELETE FROM members WHERE id <= 5;
-- within the grace period nothing is overdue
TABLE says;
UPDATE members SET deleted_at = deleted_at - interval '90 days' WHERE deleted_at IS NOT NULL; -- none: hidden
SET pgaccount.show_deleted = on;
UPDATE members SET deleted_at = deleted_at - interval '90 days' WHERE deleted_at IS NOT NULL;
UPDATE notes SET deleted_at = deleted_at - interval '90 days' WHERE deleted_at IS NOT NULL;
-- a live row of a soft-delete table holds its deleted parent, too
UPDATE notes SET deleted_at = NULL WHERE id = 1;
RESET pgaccount.show_deleted;
TABLE says;
RESET ROLE;
-- it is what a purge says
SELECT account.purge('dl.members');
SELECT code, object, message FROM account.doctor() WHERE object = 'dl.members' AND code = 'purge_overdue';
SELECT account.purge('dl.members', force => true);
SELECT code, object, message FROM account.doctor() WHERE object = 'dl.members' AND code = 'purge_overdue';
\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA dl CASCADE;
DROP ROLE regress_dl_owner;
