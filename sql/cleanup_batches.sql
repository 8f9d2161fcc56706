-- Removal in batches: what it refuses, what it does in which transactions, and what it leaves.
SET client_min_messages = warning;
CREATE ROLE regress_cb_owner;
CREATE ROLE regress_cb_clerk;
CREATE ROLE regress_cb_nobody;
GRANT EXECUTE ON PROCEDURE account.cleanup_batches TO regress_cb_owner, regress_cb_clerk;
GRANT EXECUTE ON FUNCTION account.cancel_removal TO regress_cb_owner;
GRANT SELECT ON account.removal TO regress_cb_owner;
CREATE SCHEMA cb AUTHORIZATION regress_cb_owner;
GRANT USAGE ON SCHEMA cb TO regress_cb_clerk, regress_cb_nobody;
SET ROLE regress_cb_owner;
SET search_path = cb;
\set SHOW_CONTEXT never
CREATE TABLE tenants (id int PRIMARY KEY, name text UNIQUE);
CREATE TABLE users (id int PRIMARY KEY, tenant int NOT NULL REFERENCES tenants ON DELETE CASCADE, boss int REFERENCES users ON DELETE SET NULL, home int);
CREATE TABLE homes (id int PRIMARY KEY, who int NOT NULL REFERENCES users ON DELETE CASCADE);
ALTER TABLE users ADD FOREIGN KEY (home) REFERENCES homes;
CREATE TABLE posts (id int PRIMARY KEY, who int REFERENCES users ON DELETE CASCADE, parent int REFERENCES posts ON DELETE CASCADE);
CREATE TABLE notes (id int PRIMARY KEY, post int REFERENCES posts ON DELETE SET NULL);
CREATE TABLE bills (id int PRIMARY KEY, who int REFERENCES users);
-- the transactions that removed rows
CREATE TABLE removed (xid bigint, tab text, id int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    'BEGIN INSERT INTO cb.removed VALUES (pg_catalog.pg_current_xact_id()::text::bigint, TG_TABLE_NAME, OLD.id); RETURN NULL; END';
CREATE TRIGGER note AFTER DELETE ON tenants FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER note AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER note AFTER DELETE ON homes FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER note AFTER DELETE ON posts FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION refill() RETURNS void LANGUAGE sql AS $$
    SET LOCAL pgaccount.show_deleted = on;
    TRUNCATE removed, bills, notes, posts, homes, users;
    DELETE FROM tenants;
    INSERT INTO tenants SELECT i, 'tenant ' || i FROM generate_series(1, 3) i;
    INSERT INTO users SELECT i, i % 3 + 1, CASE WHEN i > 6 THEN i - 6 END FROM generate_series(1, 60) i;
    INSERT INTO homes SELECT i, i % 60 + 1 FROM generate_series(1, 120) i;
    UPDATE users SET home = (SELECT min(h.id) FROM homes h WHERE h.who = users.id);
    INSERT INTO posts SELECT i, i % 60 + 1, CASE WHEN i > 90 THEN i - 90 END FROM generate_series(1, 300) i;
    INSERT INTO notes SELECT i, i FROM generate_series(1, 300) i;
$$;
CREATE VIEW transactions AS
    SELECT count(*) AS transactions, max(n) AS rows_of_one, sum(n) AS all_rows FROM (SELECT xid, count(*) AS n FROM removed GROUP BY xid) x;
CREATE VIEW left_over AS
    SELECT (SELECT count(*) FROM tenants) AS tenants, (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM homes) AS homes,
        (SELECT count(*) FROM posts) AS posts, (SELECT count(*) FROM notes WHERE post IS NULL) AS notes_set_null;
SELECT refill();

-- goes_in_batches_as_a_cleanup_would_in_one ----------------------------------------------------------------------
SELECT * FROM account.cleanup_plan('tenants', 1);
BEGIN;
SELECT sum(rows) FROM account.cleanup('tenants', 1);
SELECT * FROM left_over;
ROLLBACK;
CALL account.cleanup_batches('tenants', '1', batch_size => 10);
SELECT * FROM left_over;
-- how many fit into one depends on the order in which rows are found
SELECT transactions BETWEEN 17 AND 40 AS several, rows_of_one <= 10 AS none_larger, all_rows FROM transactions;
SELECT target, key, state, done, remaining, last_batch_at >= started_at AS has_batch, finished_at >= last_batch_at AS has_end, rows_per_second > 0 AS has_rate
FROM account.removal WHERE target = 'tenants'::regclass ORDER BY id DESC LIMIT 1;
-- what fits into one batch goes in one, by any key
TRUNCATE removed;
CALL account.cleanup_batches('tenants', '{"name": "tenant 2"}');
SELECT * FROM left_over;
SELECT * FROM transactions;
-- nothing
RESET client_min_messages;
CALL account.cleanup_batches('tenants', '2');
SET client_min_messages = warning;
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'account.refuse_sealed'::regproc;

-- refuses_before_anything_is_changed -----------------------------------------------------------------------------
SELECT refill();
-- what cannot lose its key
CREATE TABLE pins (id int PRIMARY KEY, post int NOT NULL REFERENCES posts ON DELETE SET NULL);
INSERT INTO pins SELECT 1, min(p.id) FROM posts p JOIN users u ON u.id = p.who WHERE u.tenant = 1;
CALL account.cleanup_batches('tenants', '1', batch_size => 10); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM left_over;
SELECT count(*) FROM account.removal WHERE state <> 'finished';
DROP TABLE pins;
-- and what is protected
INSERT INTO bills VALUES (1, 3);
CALL account.cleanup_batches('tenants', '1', batch_size => 10); -- fails
SELECT * FROM left_over;
SELECT count(*) FROM account.removal WHERE state <> 'finished';
CALL account.cleanup_batches('tenants', '1', force => true, batch_size => 10);
SELECT * FROM left_over;
SELECT count(*) FROM bills;

-- what is no argument --------------------------------------------------------------------------------------------
CALL account.cleanup_batches(NULL, '1'); -- fails
CALL account.cleanup_batches('tenants', NULL); -- fails
CALL account.cleanup_batches('tenants', 'one'); -- fails
CALL account.cleanup_batches('tenants', '1', NULL); -- fails
CALL account.cleanup_batches('tenants', '1', batch_size => 0); -- fails
CALL account.cleanup_batches('tenants', '1', max_lag => '-1 s'); -- fails
CALL account.cleanup_batches('tenants', '1', max_wal_per_second => 0); -- fails
CALL account.cleanup_batches('tenants', '1', max_runtime => '-1 day'); -- fails
CALL account.cleanup_batches('transactions', '1'); -- fails
BEGIN;
CALL account.cleanup_batches('tenants', '1'); -- fails
ROLLBACK;
DO $$ BEGIN CALL account.cleanup_batches('cb.tenants', '2', batch_size => 50); END $$;
SELECT * FROM left_over;

-- pauses, and the same CALL goes on ------------------------------------------------------------------------------
SELECT refill();
SET client_min_messages = error;
SELECT account.enable_soft_delete('tenants');
SET client_min_messages = warning;
CALL account.cleanup_batches('tenants', '3', batch_size => 20, max_runtime => '0');
SELECT state, done, remaining, finished_at FROM account.removal ORDER BY id DESC LIMIT 1;
-- the row is deleted softly, alone; what is left of it is seen, and nothing new may reference it
SELECT id FROM tenants ORDER BY id;
SELECT account.is_deleted('tenants', 3);
INSERT INTO users VALUES (100, 3); -- fails
\set VERBOSITY sqlstate
INSERT INTO users VALUES (100, 3); -- fails
UPDATE users SET tenant = 3 WHERE tenant = 2; -- fails
\set VERBOSITY default
UPDATE users SET boss = NULL WHERE tenant = 3;
INSERT INTO users VALUES (100, 2);
INSERT INTO posts SELECT 1000 + u.id, u.id FROM users u WHERE u.tenant = 3;
CALL account.cleanup_batches('tenants', '3', batch_size => 1000, max_runtime => '0');
SELECT state, remaining FROM account.removal ORDER BY id DESC LIMIT 1;
SELECT * FROM left_over;
SELECT count(*) FROM posts WHERE id > 1000;
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'account.refuse_sealed'::regproc;

-- cancelled, what is left can be restored -------------------------------------------------------------------------
CALL account.cleanup_batches('tenants', '2', batch_size => 20, max_runtime => '0');
SELECT id AS removal FROM account.removal ORDER BY id DESC LIMIT 1 \gset
SELECT account.cancel_removal(:removal);
SELECT state, finished_at IS NOT NULL AS ended FROM account.removal WHERE id = :removal;
\set VERBOSITY terse
\set VERBOSITY sqlstate
SELECT account.cancel_removal(:removal); -- fails
SELECT account.cancel_removal(0); -- fails
\set VERBOSITY default
INSERT INTO users VALUES (101, 2);
SELECT account.restore('tenants', 2);
SELECT count(*) FROM tenants;
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'account.refuse_sealed'::regproc;
-- and removed again
CALL account.cleanup_batches('tenants', '2', batch_size => 20);
SELECT * FROM left_over;

-- keys that are set default are set by batch, too, those of a circle as well ---------------------------------------
CREATE TABLE authors (id int PRIMARY KEY, best int DEFAULT 0);
CREATE TABLE essays (id int PRIMARY KEY, author int DEFAULT 0 REFERENCES authors ON DELETE SET DEFAULT);
CREATE TABLE songs (id int PRIMARY KEY, author int REFERENCES authors ON DELETE CASCADE);
ALTER TABLE authors ADD FOREIGN KEY (best) REFERENCES songs ON DELETE SET DEFAULT;
CREATE TABLE written (xid bigint, id int);
CREATE FUNCTION written() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO cb.written VALUES (pg_catalog.pg_current_xact_id()::text::bigint, NEW.id); RETURN NULL; END';
CREATE TRIGGER written AFTER UPDATE ON essays FOR EACH ROW EXECUTE FUNCTION written();
INSERT INTO authors SELECT i, NULL FROM generate_series(0, 3) i;
INSERT INTO songs SELECT i, i % 4 FROM generate_series(0, 99) i;
UPDATE authors SET best = id;
INSERT INTO essays SELECT i, 1 FROM generate_series(1, 100) i;
CALL account.cleanup_batches('authors', '1', batch_size => 10);
SELECT count(*) AS essays, count(*) FILTER (WHERE author = 0) AS by_nobody, (SELECT count(*) FROM songs) AS songs, (SELECT count(*) FROM authors) AS authors FROM essays;
SELECT max(n) AS set_at_once, sum(n) AS set FROM (SELECT count(*) AS n FROM written GROUP BY xid) x;
-- a default that goes as well, as a cleanup in one transaction answers
ALTER TABLE essays ALTER author SET DEFAULT 2;
UPDATE essays SET author = 2;
\set VERBOSITY terse
SELECT * FROM account.cleanup('authors', 2); -- fails
CALL account.cleanup_batches('authors', '2', batch_size => 10); -- fails
\set VERBOSITY default
SELECT count(*) FROM essays WHERE author = 2;
SELECT count(*) FROM account.removal WHERE target = 'authors'::regclass AND state <> 'finished';
-- nor does one begin that cannot set a key of a row that stays
CREATE TABLE prizes (id int PRIMARY KEY, song int NOT NULL REFERENCES songs ON DELETE SET NULL);
INSERT INTO prizes SELECT min(id), min(id) FROM songs WHERE author = 2;
ALTER TABLE essays ALTER author SET DEFAULT 0;
\set VERBOSITY terse
CALL account.cleanup_batches('authors', '2', batch_size => 10); -- fails
\set VERBOSITY default
SELECT (SELECT count(*) FROM songs) AS songs, (SELECT count(*) FROM account.removal WHERE target = 'authors'::regclass AND state <> 'finished') AS begun;
DROP TABLE prizes;
-- in what goes anyhow it does no harm
ALTER TABLE authors ALTER best SET DEFAULT 2;
ALTER TABLE essays ALTER author SET DEFAULT 0;
UPDATE authors SET best = CASE WHEN id > 0 THEN 2 END;
CALL account.cleanup_batches('authors', '[2, 3]', batch_size => 3);
SELECT (SELECT count(*) FROM songs) AS songs, (SELECT array_agg(id) FROM authors) AS authors, (SELECT count(*) FROM essays WHERE author = 0) AS by_nobody;

-- rows that triggers add while it goes are found, too ---------------------------------------------------------------
CREATE TABLE labels (id int PRIMARY KEY);
ALTER TABLE authors ADD label int REFERENCES labels ON DELETE CASCADE;
CREATE TABLE covers (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, author int REFERENCES authors ON DELETE CASCADE);
CREATE FUNCTION add_cover() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO cb.covers (author) SELECT id FROM cb.authors WHERE id = OLD.author; RETURN NULL; END';
CREATE TRIGGER add_cover AFTER DELETE ON songs FOR EACH ROW EXECUTE FUNCTION add_cover();
INSERT INTO labels VALUES (1), (2);
INSERT INTO authors SELECT i, NULL, i % 2 + 1 FROM generate_series(10, 29) i;
INSERT INTO songs SELECT 200 + i, 10 + i % 20 FROM generate_series(0, 99) i;
CALL account.cleanup_batches('labels', '1', batch_size => 10);
SELECT (SELECT count(*) FROM authors WHERE label = 1) AS authors, count(*) AS covers, count(*) FILTER (WHERE NOT EXISTS (SELECT FROM authors a WHERE a.id = c.author)) AS dangling FROM covers c;
SELECT remaining FROM account.removal ORDER BY id DESC LIMIT 1;
DROP TABLE covers;
DROP TRIGGER add_cover ON songs;

-- what ended long ago is forgotten when another begins ---------------------------------------------------------------
RESET ROLE;
UPDATE account.removal_task SET finished_at = now() - interval '366 days' WHERE state = 'finished';
UPDATE account.removal_task SET finished_at = now() - interval '364 days' WHERE state = 'cancelled';
SET ROLE regress_cb_owner;
CALL account.cleanup_batches('essays', '1');
SELECT state, count(*) FROM account.removal GROUP BY state ORDER BY state;
DROP TABLE essays, songs, authors, labels CASCADE;

-- references by types that are cast to the key's, by a function or by their text: none is let in, none crashes
-- (19's own check takes no key that is cast by its text.)
CREATE TYPE by_text AS ENUM ('1', '2');
CREATE TYPE by_function AS ENUM ('1', '2');
CREATE TABLE cast_as (who name PRIMARY KEY);
CREATE FUNCTION as_number(by_function) RETURNS int LANGUAGE plpgsql AS
    'BEGIN INSERT INTO cb.cast_as VALUES (current_user) ON CONFLICT DO NOTHING; RETURN enum_out($1)::text::int; END';
CREATE CAST (by_text AS int) WITH INOUT AS IMPLICIT;
CREATE CAST (by_function AS int) WITH FUNCTION as_number(by_function) AS IMPLICIT;
CREATE TABLE codes (code int PRIMARY KEY);
SELECT CASE WHEN current_setting('server_version_num')::int < 190000 THEN 'by_text' ELSE 'by_function' END AS type_of_t \gset
CREATE TABLE of_codes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t :type_of_t REFERENCES codes ON DELETE CASCADE, f by_function REFERENCES codes ON DELETE CASCADE, n smallint REFERENCES codes ON DELETE CASCADE);
INSERT INTO codes VALUES (1), (2);
INSERT INTO of_codes (t, f, n) SELECT '1', '1', 1 FROM generate_series(1, 10);
CALL account.cleanup_batches('codes', '1', batch_size => 3, max_runtime => '0');
INSERT INTO of_codes (t) VALUES ('1'); -- fails
INSERT INTO of_codes (f) VALUES ('1'); -- fails
INSERT INTO of_codes (n) VALUES (1); -- fails
-- the cast runs as the owner of what is referenced, as in the server's check, and not as whoever writes
GRANT INSERT ON cast_as, of_codes TO regress_cb_clerk;
GRANT SELECT ON cast_as TO regress_cb_clerk;
DELETE FROM cast_as;
SET ROLE regress_cb_clerk;
INSERT INTO of_codes (t, f, n) VALUES ('2', '2', 2);
SET ROLE regress_cb_owner;
TABLE cast_as;
CALL account.cleanup_batches('codes', '1', batch_size => 3);
SELECT t, f, n FROM of_codes;
DROP TABLE of_codes, codes, cast_as;

-- the row is the one that was named when it began, though another has that name now, or a session reads the text otherwise
CREATE TABLE firms (day date PRIMARY KEY, name text UNIQUE);
CREATE TABLE staff (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, firm date REFERENCES firms ON DELETE CASCADE);
INSERT INTO firms VALUES ('2026-02-01', 'one'), ('2026-12-25', 'two'), ('2026-01-02', 'three');
INSERT INTO staff (firm) SELECT day FROM firms, generate_series(1, 10);
SELECT account.plan_hash('firms', '{"name": "two"}') AS hash \gset
CALL account.cleanup_batches('firms', '{"name": "two"}', batch_size => 3, max_runtime => '0', approve => :'hash');
UPDATE firms SET name = 'old two' WHERE name = 'two';
INSERT INTO firms VALUES ('2026-03-03', 'two');
CALL account.cleanup_batches('firms', '{"name": "two"}', batch_size => 3, approve => :'hash'); -- fails
SET datestyle = 'SQL, DMY';
CALL account.cleanup_batches('firms', '25/12/2026', batch_size => 3, approve => :'hash');
CALL account.cleanup_batches('firms', '01/02/2026', batch_size => 3, max_runtime => '0');
RESET datestyle;
INSERT INTO staff (firm) VALUES ('2026-01-02');
INSERT INTO staff (firm) VALUES ('2026-02-01'); -- fails
CALL account.cleanup_batches('firms', '2026-02-01', batch_size => 3);
SELECT day, name, count(id) FROM firms LEFT JOIN staff ON firm = day GROUP BY day ORDER BY day;
SELECT key, state FROM account.removal WHERE target = 'firms'::regclass ORDER BY id;
DROP TABLE staff, firms;
-- until the end it keeps its key, and no other row has it; and there is one removal, however its key is given
CREATE TABLE firms (id int PRIMARY KEY, name text UNIQUE);
CREATE TABLE staff (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, firm int REFERENCES firms ON UPDATE CASCADE ON DELETE CASCADE);
INSERT INTO firms VALUES (1, 'one'), (2, 'two');
INSERT INTO staff (firm) SELECT id FROM firms, generate_series(1, 30);
CALL account.cleanup_batches('firms', '1', batch_size => 3, max_runtime => '0');
UPDATE firms SET id = 10 WHERE id = 1; -- fails
\set VERBOSITY sqlstate
UPDATE firms SET id = 10 WHERE id = 1; -- fails
\set VERBOSITY default
UPDATE firms SET name = name || '!';
UPDATE firms SET id = 20 WHERE id = 2;
CALL account.cleanup_batches('firms', '{"id": 1}', batch_size => 3, max_runtime => '0');
CALL account.cleanup_batches('firms', '[1]', batch_size => 3, max_runtime => '0');
CALL account.cleanup_batches('firms', '{"name": "one!"}', batch_size => 3, max_runtime => '0');
DELETE FROM firms WHERE id = 1;
INSERT INTO firms VALUES (1, 'another'); -- fails
UPDATE firms SET id = 1 WHERE id = 20; -- fails
CALL account.cleanup_batches('firms', '01');
INSERT INTO firms VALUES (1, 'another');
SELECT f.id, name, count(s.id) FROM firms f LEFT JOIN staff s ON firm = f.id GROUP BY f.id ORDER BY f.id;
SELECT key, state FROM account.removal WHERE target = 'firms'::regclass ORDER BY id;
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'account.refuse_sealed'::regproc;
DROP TABLE staff, firms;

-- what others may -------------------------------------------------------------------------------------------------
GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA cb TO regress_cb_clerk;
RESET ROLE;
SET ROLE regress_cb_clerk;
\set VERBOSITY terse
CALL account.cleanup_batches('tenants', '1', batch_size => 10); -- fails: a soft-delete table of another
SELECT account.cancel_removal(1); -- fails
SELECT * FROM account.removal; -- fails
SELECT * FROM account.removal_task; -- fails
RESET ROLE;
GRANT EXECUTE ON FUNCTION account.purge TO regress_cb_clerk;
SET ROLE regress_cb_clerk;
CALL account.cleanup_batches('tenants', '1', batch_size => 10); -- fails: keys of notes are set
RESET ROLE;
GRANT UPDATE (post) ON notes TO regress_cb_clerk;
SET ROLE regress_cb_clerk;
-- keys within what goes are set as well, for which no right is asked
CALL account.cleanup_batches('tenants', '1', batch_size => 10);
SELECT * FROM left_over;
RESET ROLE;
SET ROLE regress_cb_nobody;
CALL account.cleanup_batches('tenants', '2'); -- fails
\set VERBOSITY default
RESET ROLE;
DROP SCHEMA cb CASCADE;
DELETE FROM account.removal_task;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA account FROM regress_cb_owner, regress_cb_clerk, regress_cb_nobody;
DROP OWNED BY regress_cb_owner, regress_cb_clerk, regress_cb_nobody;
DROP ROLE regress_cb_owner, regress_cb_clerk, regress_cb_nobody;
