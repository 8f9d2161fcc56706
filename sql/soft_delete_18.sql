-- Soft delete with what PostgreSQL 18 brought: RETURNING OLD and NEW, virtual generated columns, joins of a table
-- with itself that the planner removes. Older servers pass it all over: soft_delete_18_1.out.
SELECT current_setting('server_version_num')::int >= 180000 AS has_it
\gset
\if :has_it
SET client_min_messages = warning;
CREATE ROLE regress_sd18_owner;
CREATE SCHEMA sd18 AUTHORIZATION regress_sd18_owner;
RESET client_min_messages;
SET ROLE regress_sd18_owner;
SET search_path = sd18;
CREATE TABLE users (id int PRIMARY KEY, tenant int, email text UNIQUE, note text);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE);
CREATE TABLE wanted (id int PRIMARY KEY, email text);
CREATE VIEW members AS SELECT id, email FROM users WHERE tenant = 1;
SELECT account.enable_soft_delete('users', children => true);
SELECT account.unique_among_live('users', 'email');
INSERT INTO users SELECT i, 1 + (i - 1) / 4, 'u' || i FROM generate_series(1, 8) i;
INSERT INTO posts SELECT i, i FROM generate_series(1, 8) i;
INSERT INTO wanted VALUES (1, 'u1'), (2, 'two'), (9, 'u9');

-- OLD is the row as it was, NEW as it now is; plain names mean NEW
BEGIN;
DELETE FROM users WHERE id = 1 RETURNING old.id, old.deleted_at IS NULL AS lived, new.id, new.deleted_at = now() AS deleted, deleted_at = now() AS plain;
DELETE FROM users WHERE id = 1 RETURNING old.id, new.id;
DELETE FROM users u USING wanted w WHERE u.id = w.id RETURNING WITH (OLD AS o, NEW AS n) o IS NULL, n IS NULL, o.email, n.email, w.email;
DELETE FROM members WHERE id = 3 RETURNING old.*, new.*;
WITH d AS (DELETE FROM users WHERE id = 4 RETURNING old.email AS was, new.deleted_at AS at) SELECT was, at = now() FROM d;
PREPARE leave(int) AS DELETE FROM users WHERE id = $1 RETURNING old.deleted_at IS NULL AS lived, new.deleted_at IS NOT NULL AS deleted;
EXECUTE leave(5);
EXECUTE leave(5);
ROLLBACK;
BEGIN;
WITH m AS (
    MERGE INTO users u USING wanted w ON u.id = w.id
    WHEN MATCHED AND u.email = w.email THEN DELETE
    WHEN MATCHED THEN UPDATE SET email = w.email
    WHEN NOT MATCHED BY SOURCE AND tenant = 2 THEN DELETE
    WHEN NOT MATCHED THEN INSERT (id, email) VALUES (w.id, w.email)
    RETURNING old.id AS old_id, new.id AS new_id, old.email AS old_email, new.email AS new_email, old.deleted_at = now() AS was_deleted, new.deleted_at = now() AS is_deleted)
SELECT * FROM m ORDER BY new_id;
ROLLBACK;
-- a deleted row's email: inserted; a live one's: updated
BEGIN;
DELETE FROM users WHERE id = 1;
INSERT INTO users (id, email) VALUES (10, 'u1'), (11, 'u2') ON CONFLICT (email) DO UPDATE SET note = 'again' RETURNING old.id, new.id, new.note;
ROLLBACK;
-- not soft: there is no NEW
BEGIN;
SELECT account.disable_soft_delete('posts');
DELETE FROM posts WHERE id = 1 RETURNING old.id, new.id;
ROLLBACK;

-- joins with itself: hiding holds whichever of the two is left
BEGIN;
DELETE FROM users WHERE id = 1;
EXPLAIN (COSTS OFF) SELECT a.id FROM users a JOIN users b ON a.id = b.id;
SELECT count(*) FROM users a JOIN users b ON a.id = b.id;
SELECT count(*) FROM users a JOIN users b USING (id) LEFT JOIN users c USING (id) WHERE a.email < 'u4';
SELECT count(*) FROM users a WHERE EXISTS (SELECT FROM users b WHERE a.id = b.id);
UPDATE users a SET note = b.email FROM users b WHERE a.id = b.id AND b.id < 4 RETURNING new.note;
DELETE FROM users a USING users b WHERE a.id = b.id AND b.id < 4 RETURNING a.id;
SET LOCAL pgaccount.show_deleted = on;
SELECT count(*) FROM users a JOIN users b ON a.id = b.id;
ROLLBACK;

-- generated columns over deleted_at, virtual and stored
CREATE TABLE notes (id int PRIMARY KEY, gone boolean GENERATED ALWAYS AS (deleted_at IS NOT NULL) VIRTUAL, deleted_at timestamptz,
    state text GENERATED ALWAYS AS (CASE WHEN deleted_at IS NULL THEN 'lives' ELSE 'is dead' END) STORED);
SELECT account.enable_soft_delete('notes');
INSERT INTO notes VALUES (1), (2);
DELETE FROM notes WHERE id = 1 RETURNING id, gone, state, old.gone, new.gone, old.state, new.state;
SELECT id, gone, state FROM notes;
SELECT id, gone FROM notes WHERE gone;
SELECT account.restore('notes', 1);
SELECT id, gone, state FROM notes ORDER BY id;
-- a virtual column called is_deleted is no flag; one called deleted_at is nothing to write to
CREATE TABLE flagged (id int PRIMARY KEY, deleted_at timestamptz, is_deleted boolean GENERATED ALWAYS AS (deleted_at IS NOT NULL) VIRTUAL);
SELECT account.enable_soft_delete('flagged');
INSERT INTO flagged VALUES (1);
DELETE FROM flagged RETURNING id, is_deleted;
CREATE TABLE computed (id int PRIMARY KEY, at timestamptz, deleted_at timestamptz GENERATED ALWAYS AS (at) VIRTUAL);
SELECT account.enable_soft_delete('computed');	-- fails

-- references that are not enforced are not followed; keys over periods
CREATE TABLE loose (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE NOT ENFORCED);
SELECT account.enable_soft_delete('loose');
INSERT INTO loose VALUES (1, 1), (2, 4711);
BEGIN;
DELETE FROM users WHERE id = 1;
SELECT id FROM loose ORDER BY id;
SELECT account.restore('users', 1);
SELECT id FROM loose ORDER BY id;
SELECT relation, action, rows FROM account.cleanup('users', 1);
SELECT id FROM loose ORDER BY id;
ROLLBACK;
CREATE TABLE rooms (id int4range, during tstzrange, note text, PRIMARY KEY (id, during WITHOUT OVERLAPS));
SELECT account.enable_soft_delete('rooms');
INSERT INTO rooms VALUES ('[1,1]', '[2020-01-01,2021-01-01)'), ('[1,1]', '[2021-01-01,2022-01-01)');
DELETE FROM rooms WHERE during @> '2020-06-01'::timestamptz;
SELECT count(*) FROM rooms;
SELECT account.restore('rooms', '{"id": "[1,2)", "during": "[2020-01-01,2021-01-01)"}');
SELECT count(*) FROM rooms;
-- the server's checks of a key over periods see deleted rows, on both sides
CREATE TABLE bookings (id int PRIMARY KEY, room int4range, during tstzrange, FOREIGN KEY (room, PERIOD during) REFERENCES rooms (id, PERIOD during));
SELECT account.enable_soft_delete('bookings');
DELETE FROM rooms WHERE during @> '2020-06-01'::timestamptz;
INSERT INTO bookings VALUES (1, '[1,1]', '[2020-11-01,2021-02-01)'), (2, '[1,1]', '[2020-02-01,2020-03-01)');
DELETE FROM bookings WHERE id = 2;
INSERT INTO bookings VALUES (3, '[1,1]', '[2019-11-01,2021-02-01)');	-- fails
SET pgaccount.show_deleted = on;
UPDATE rooms SET during = '[2020-04-01,2021-01-01)' WHERE during @> '2020-06-01'::timestamptz;	-- fails
RESET pgaccount.show_deleted;
ALTER TABLE bookings DROP CONSTRAINT bookings_room_during_fkey, ADD FOREIGN KEY (room, PERIOD during) REFERENCES rooms (id, PERIOD during);
CREATE TABLE slots (id int4range, during tstzrange, CONSTRAINT slots_once UNIQUE (id, during WITHOUT OVERLAPS));
SELECT account.enable_soft_delete('slots');
SELECT account.unique_among_live('slots', 'id', 'during');	-- fails
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd18 CASCADE;
DROP ROLE regress_sd18_owner;
\endif
