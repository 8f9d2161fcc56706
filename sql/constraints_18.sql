-- Constraints as PostgreSQL 18 has them: not enforced, and NOT NULL that is not valid. Older servers pass it all over:
-- constraints_18_1.out.
SELECT current_setting('server_version_num')::int >= 180000 AS has_it
\gset
\if :has_it
SET client_min_messages = warning;
CREATE ROLE regress_c18_owner;
CREATE SCHEMA c18 AUTHORIZATION regress_c18_owner;
RESET client_min_messages;
SET ROLE regress_c18_owner;
SET search_path = c18;
CREATE TABLE users (id int PRIMARY KEY, email text);
CREATE TABLE posts (id int PRIMARY KEY, author int, CONSTRAINT author_fkey FOREIGN KEY (author) REFERENCES users ON DELETE CASCADE NOT ENFORCED);
CREATE TABLE notes (id int PRIMARY KEY, author int, CONSTRAINT notes_fkey FOREIGN KEY (author) REFERENCES users NOT ENFORCED);
SELECT account.enable_soft_delete('users', guard_references => true), account.enable_soft_delete('posts');
INSERT INTO users SELECT i FROM generate_series(1, 4) i;
INSERT INTO posts SELECT i, i FROM generate_series(1, 4) i;
INSERT INTO notes SELECT i, i FROM generate_series(1, 2) i;
-- a key that is not enforced is none: rows do not follow, do not stand in the way, and are not guarded
DELETE FROM users WHERE id = 1;
SELECT count(*) FROM posts;
INSERT INTO posts VALUES (9, 1);
SELECT relation, action, rows FROM account.cleanup_plan('users', 2);
SELECT code, object FROM account.doctor() WHERE object ~ '^c18';
-- until it is: as a key that is added later, after enabling again, but for cleanups, which look each time
SELECT account.restore('users', 1);
ALTER TABLE posts ALTER CONSTRAINT author_fkey ENFORCED;
SELECT relation, action, rows FROM account.cleanup_plan('users', 2);
SELECT code, object FROM account.doctor() WHERE object ~ '^c18' ORDER BY 1;
SELECT account.enable_soft_delete('users', guard_references => true);
DELETE FROM users WHERE id = 1;
SELECT id FROM posts ORDER BY id;
INSERT INTO posts VALUES (10, 1);	-- fails
-- and no more
ALTER TABLE posts ALTER CONSTRAINT author_fkey NOT ENFORCED;
SELECT account.restore('users', 1);
SELECT id FROM posts ORDER BY id;
INSERT INTO posts VALUES (11, 4711);
DELETE FROM users WHERE id = 2;
SELECT id FROM posts ORDER BY id;
SELECT relation, action, rows FROM account.cleanup('users', 3);
SELECT account.restore('users', 2);
-- NO ACTION, enforced behind a cleanup's back
ALTER TABLE notes ALTER CONSTRAINT notes_fkey ENFORCED;
SELECT account.cleanup('users', 1);	-- fails

-- NOT NULL that old rows do not fulfil is one for new rows
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE cards (person int UNIQUE REFERENCES people, title text);
INSERT INTO people VALUES (1);
INSERT INTO cards VALUES (1, NULL);
ALTER TABLE cards ADD CONSTRAINT has_title NOT NULL title NOT VALID;
SELECT account.enable_profile('people', 'cards', 'person');	-- fails
SELECT account.enable_profile('people', 'cards', 'person', '{"title": "none"}');
INSERT INTO people VALUES (2);
SELECT * FROM cards ORDER BY 1;
-- an automatic row still is one
INSERT INTO cards VALUES (2, 'mine');
SELECT * FROM cards ORDER BY 1;
CREATE TABLE dated (id int PRIMARY KEY, deleted_at timestamptz);
INSERT INTO dated VALUES (1);
ALTER TABLE dated ADD CONSTRAINT always NOT NULL deleted_at NOT VALID;
SELECT account.enable_soft_delete('dated');	-- fails
-- a CHECK that is not enforced does not keep a deletion back
CREATE TABLE checked (id int PRIMARY KEY, deleted_at timestamptz, CONSTRAINT forever CHECK (deleted_at IS NULL) NOT ENFORCED);
SELECT account.enable_soft_delete('checked');
INSERT INTO checked VALUES (1);
DELETE FROM checked RETURNING id;
SELECT account.restore('checked', 1);
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA c18 CASCADE;
DROP ROLE regress_c18_owner;
\endif
