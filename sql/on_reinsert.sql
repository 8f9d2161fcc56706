-- on_reinsert => 'replace': a new row takes the place of the deleted ones that hold its keys.
SET client_min_messages = warning;
CREATE ROLE regress_reinsert_owner;
CREATE ROLE regress_reinsert_writer;
CREATE ROLE regress_reinsert_child;
CREATE SCHEMA on_reinsert AUTHORIZATION regress_reinsert_owner;
SET ROLE regress_reinsert_owner;
SET search_path = on_reinsert;
GRANT USAGE ON SCHEMA on_reinsert TO regress_reinsert_writer, regress_reinsert_child;
GRANT CREATE ON SCHEMA on_reinsert TO regress_reinsert_child;
\set QUIET off

-- a natural key comes again, by every way to insert --------------------------------------------------------
CREATE TABLE member (u int, g int, note text, n int GENERATED ALWAYS AS IDENTITY UNIQUE, deleted_at timestamp(0), PRIMARY KEY (u, g));
SELECT account.enable_soft_delete('member', on_reinsert => 'replace');
GRANT INSERT, DELETE ON member TO regress_reinsert_writer;
CREATE FUNCTION trash() RETURNS TABLE (u int, g int, note text) LANGUAGE sql AS
'SELECT u, g, note FROM account.deleted(NULL::on_reinsert.member) ORDER BY 1, 2';
INSERT INTO member VALUES (1, 1, 'first'), (1, 2, 'second');
DELETE FROM member;
-- who inserts needs no right to read or delete
SET ROLE regress_reinsert_writer;
INSERT INTO on_reinsert.member VALUES (1, 1, 'plain');
SET ROLE regress_reinsert_owner;
SELECT u, g, note FROM member;
SELECT * FROM trash();
INSERT INTO member VALUES (1, 1, 'again'); -- fails
DELETE FROM member;
INSERT INTO member VALUES (1, 1, 'nothing') ON CONFLICT DO NOTHING RETURNING note;
INSERT INTO member VALUES (1, 1, 'more nothing') ON CONFLICT DO NOTHING RETURNING note;
DELETE FROM member;
INSERT INTO member VALUES (1, 1, 'update') ON CONFLICT (u, g) DO UPDATE SET note = 'updated' RETURNING note;
INSERT INTO member VALUES (1, 1, 'update') ON CONFLICT (u, g) DO UPDATE SET note = 'updated' RETURNING note;
DELETE FROM member;
INSERT INTO member SELECT 1, i, 'select' FROM generate_series(1, 3) i;
DELETE FROM member;
MERGE INTO member m USING (VALUES (1, 1), (1, 2)) AS v(u, g) ON m.u = v.u AND m.g = v.g
WHEN MATCHED THEN UPDATE SET note = 'merge matched' WHEN NOT MATCHED THEN INSERT (u, g, note) VALUES (v.u, v.g, 'merge');
SELECT u, g, note FROM member ORDER BY 1, 2;
DELETE FROM member;
COPY member (u, g, note) FROM stdin;
1	1	copy
1	3	copy
\.
SELECT u, g, note FROM member ORDER BY 1, 2;
SELECT * FROM trash();
-- in the transaction that deletes it, and again
BEGIN;
DELETE FROM member WHERE g = 3;
INSERT INTO member VALUES (1, 3, 'once');
DELETE FROM member WHERE g = 3;
INSERT INTO member VALUES (1, 3, 'twice');
SAVEPOINT s;
DELETE FROM member WHERE g = 3;
INSERT INTO member VALUES (1, 3, 'thrice');
ROLLBACK TO s;
COMMIT;
SELECT note FROM member WHERE g = 3;
SELECT * FROM trash();
-- two keys of one statement are one too many
DELETE FROM member;
INSERT INTO member VALUES (1, 1, 'one'), (1, 1, 'two'); -- fails
INSERT INTO member VALUES (1, 1, 'one'), (1, 1, 'two') ON CONFLICT DO NOTHING;
SELECT note FROM member;
-- a row that is deleted itself replaces none
INSERT INTO member (u, g, deleted_at) VALUES (1, 2, now()); -- fails

-- two keys: of two deleted rows, which both go; of a deleted and a live one, which both stay ----------------
CREATE TABLE two (a int PRIMARY KEY, b text, c int, deleted_at timestamptz);
CREATE UNIQUE INDEX two_b ON two (lower(b));
CREATE UNIQUE INDEX two_c ON two (c) WHERE deleted_at IS NULL;
SELECT account.enable_soft_delete('two', on_reinsert => 'replace');
INSERT INTO two VALUES (1, 'X', 1), (2, 'Y', 2), (3, 'Z', 3);
DELETE FROM two WHERE a < 3;
INSERT INTO two VALUES (1, 'z', 1) ON CONFLICT (lower(b)) DO NOTHING; -- fails
INSERT INTO two VALUES (1, 'new', 3); -- fails
INSERT INTO two VALUES (1, 'new', 3) ON CONFLICT (c) DO UPDATE SET c = 4;
SELECT a, b FROM account.deleted(NULL::two) ORDER BY a;
INSERT INTO two VALUES (1, 'y', 1);
SELECT a, b FROM account.deleted(NULL::two) ORDER BY a;
SELECT a, b, c FROM two ORDER BY a;

-- what followed goes with it; what else references it keeps it -------------------------------------------------
CREATE TABLE tag (name text PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE use (id int PRIMARY KEY, tag text REFERENCES tag ON DELETE CASCADE, deleted_at timestamp(0));
CREATE TABLE place (id int PRIMARY KEY, use int REFERENCES use ON DELETE CASCADE, deleted_at timestamptz(3));
CREATE TABLE hard (id int PRIMARY KEY, tag text REFERENCES tag ON DELETE CASCADE);
CREATE TABLE loose (id int PRIMARY KEY, tag text REFERENCES tag ON DELETE SET NULL);
SELECT account.enable_soft_delete('tag', children => false, on_reinsert => 'replace'), account.enable_soft_delete('use'), account.enable_soft_delete('place');
INSERT INTO tag VALUES ('a'), ('b'), ('c'), ('d'), ('e');
INSERT INTO use VALUES (1, 'a'), (2, 'a'), (3, 'b'), (4, 'b');
INSERT INTO place VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO hard VALUES (1, 'c');
INSERT INTO loose VALUES (1, 'd');
DELETE FROM tag WHERE name IN ('a', 'c', 'd');
INSERT INTO tag VALUES ('a');
SELECT (SELECT count(*) FROM account.deleted(NULL::tag)) AS tags, (SELECT count(*) FROM account.deleted(NULL::use)) AS uses, (SELECT count(*) FROM account.deleted(NULL::place)) AS places;
INSERT INTO tag VALUES ('c'); -- fails
INSERT INTO tag VALUES ('d') ON CONFLICT DO NOTHING; -- fails
SELECT tag FROM hard UNION ALL SELECT tag FROM loose;
-- a child that was deleted on its own, long before
UPDATE use SET deleted_at = '2020-02-02' WHERE id = 4;
DELETE FROM tag WHERE name = 'b';
INSERT INTO tag VALUES ('b'); -- fails
SELECT count(*) FROM account.deleted(NULL::use);
-- a live child, which came after
DELETE FROM tag WHERE name = 'e';
INSERT INTO use VALUES (5, 'e');
INSERT INTO tag VALUES ('e'); -- fails
SELECT id FROM use;

-- the owner of the rows that follow is another: they go as theirs, whoever inserts ------------------------------
GRANT REFERENCES, SELECT ON member TO regress_reinsert_child;
SET ROLE regress_reinsert_child;
CREATE TABLE on_reinsert.theirs (u int, g int, who name, deleted_at timestamptz, FOREIGN KEY (u, g) REFERENCES on_reinsert.member ON DELETE CASCADE);
CREATE FUNCTION on_reinsert.see() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'removed as %', current_user; RETURN OLD; END$$;
CREATE TRIGGER see BEFORE DELETE ON on_reinsert.theirs FOR EACH ROW EXECUTE FUNCTION on_reinsert.see();
SELECT account.enable_soft_delete('on_reinsert.theirs');
SET ROLE regress_reinsert_owner;
DELETE FROM member;
INSERT INTO member VALUES (7, 7, 'parent');
RESET ROLE;
INSERT INTO on_reinsert.theirs VALUES (7, 7);
SET ROLE regress_reinsert_owner;
DELETE FROM member;
SET ROLE regress_reinsert_writer;
INSERT INTO on_reinsert.member VALUES (7, 7, 'again');
RESET ROLE;
SELECT count(*) FROM account.deleted(NULL::on_reinsert.theirs);
DROP TABLE on_reinsert.theirs;
SET ROLE regress_reinsert_owner;

-- row security: who could not see the row does not take it away --------------------------------------------------
ALTER TABLE member ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON member TO regress_reinsert_writer USING (u < 10);
CREATE POLICY anything ON member FOR INSERT TO regress_reinsert_writer WITH CHECK (true);
INSERT INTO member VALUES (1, 5, 'seen'), (20, 5, 'not seen');
DELETE FROM member;
SET ROLE regress_reinsert_writer;
INSERT INTO on_reinsert.member VALUES (1, 5, 'mine');
INSERT INTO on_reinsert.member VALUES (20, 5, 'mine'); -- fails
INSERT INTO on_reinsert.member VALUES (20, 5, 'mine') ON CONFLICT DO NOTHING; -- fails
SET ROLE regress_reinsert_owner;
SELECT u, g, note FROM member ORDER BY 1, 2;
INSERT INTO member VALUES (20, 5, 'the owner''s');

-- partitions, and a table that is written to by a view ------------------------------------------------------------
CREATE TABLE parts (id int, kind text, deleted_at timestamptz, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b (deleted_at timestamptz, gone int, kind text NOT NULL, id int NOT NULL);
ALTER TABLE parts_b DROP COLUMN gone;
SELECT account.enable_soft_delete('parts', on_reinsert => 'replace');
ALTER TABLE parts ATTACH PARTITION parts_b FOR VALUES IN ('b');
CREATE VIEW seen AS SELECT id, kind FROM parts;
INSERT INTO parts VALUES (1, 'a'), (1, 'b'), (2, 'b');
DELETE FROM parts;
INSERT INTO seen VALUES (1, 'a'), (1, 'b') ON CONFLICT DO NOTHING;
INSERT INTO parts_b (id, kind) VALUES (2, 'b');
SELECT count(*) FROM account.deleted(NULL::parts);
SELECT tableoid::regclass, id FROM parts ORDER BY 1, 2;

-- a row that an UPDATE moves to another partition replaces none, as one that stays in its own; rows beside it do ----
CREATE TABLE moves (k int, r text, v int, deleted_at timestamptz, PRIMARY KEY (k, r)) PARTITION BY LIST (r);
CREATE TABLE moves_a PARTITION OF moves FOR VALUES IN ('a');
CREATE TABLE moves_b (v int, r text NOT NULL, k int NOT NULL, deleted_at timestamptz);
ALTER TABLE moves ATTACH PARTITION moves_b FOR VALUES IN ('b');
SELECT account.enable_soft_delete('moves', on_reinsert => 'replace');
INSERT INTO moves VALUES (1, 'b', 1), (2, 'b', 2), (3, 'b', 3);
DELETE FROM moves WHERE k = 1;
INSERT INTO moves VALUES (1, 'a', 4);
UPDATE moves SET k = 1 WHERE k = 2; -- fails
UPDATE moves SET r = 'b' WHERE k = 1; -- fails
WITH moved AS (UPDATE moves SET r = 'a' WHERE k = 2 RETURNING k) INSERT INTO moves SELECT 1, 'b', k FROM moved ON CONFLICT DO NOTHING;
DELETE FROM moves WHERE k = 1 AND r = 'b';
MERGE INTO moves m USING (VALUES (2, 'b'), (1, 'b'), (3, 'a')) AS s(k, r) ON m.k = s.k AND s.k <> 1
WHEN MATCHED THEN UPDATE SET r = s.r WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.r, 5);
DELETE FROM moves WHERE k = 1 AND r = 'b';
MERGE INTO moves m USING (VALUES (4, 'a'), (1, 'b')) AS s(k, r) ON m.k = s.k
WHEN MATCHED THEN UPDATE SET r = s.r WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.r, 6); -- fails
SELECT tableoid::regclass, k, v FROM moves ORDER BY k, r;
SELECT k, r, v FROM account.deleted(NULL::moves);
DROP TABLE moves;

-- a deleted row is not removed for a new one that does not go in, wherever in the statement it stands ----------------
CREATE TABLE booking (id int PRIMARY KEY, at int4range, deleted_at timestamptz, EXCLUDE USING gist (at WITH &&) WHERE (deleted_at IS NULL));
SELECT account.enable_soft_delete('booking', on_reinsert => 'replace');
INSERT INTO booking VALUES (1, '[1,5]'), (2, '[10,15]'), (3, '[20,25]');
DELETE FROM booking WHERE id <> 2;
INSERT INTO booking VALUES (1, '[12,13]') ON CONFLICT DO NOTHING; -- fails
\echo :LAST_ERROR_SQLSTATE
INSERT INTO booking VALUES (1, '[12,13]'), (3, '[1,5]') ON CONFLICT DO NOTHING; -- fails
INSERT INTO booking VALUES (3, '[1,5]'), (1, '[12,13]') ON CONFLICT DO NOTHING RETURNING id; -- fails
WITH made AS (INSERT INTO booking VALUES (3, '[1,5]'), (1, '[12,13]') ON CONFLICT DO NOTHING) SELECT 1; -- fails
WITH made AS (INSERT INTO booking VALUES (3, '[1,5]'), (1, '[12,13]') ON CONFLICT DO NOTHING RETURNING id) SELECT * FROM made LIMIT 1; -- fails
INSERT INTO booking VALUES (1, '[12,13]'); -- fails
SET pgaccount.show_deleted = on;
INSERT INTO booking VALUES (1, '[12,13]') ON CONFLICT DO NOTHING; -- fails
RESET pgaccount.show_deleted;
SELECT id FROM account.deleted(NULL::booking) ORDER BY 1;
INSERT INTO booking VALUES (3, '[1,5]'), (1, '[7,8]'), (4, '[7,8]') ON CONFLICT DO NOTHING;
SELECT id, at FROM booking ORDER BY 1;
-- what becomes of a row that went in is another matter
DELETE FROM booking;
CREATE FUNCTION rebook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        DELETE FROM on_reinsert.booking WHERE id = NEW.id;
        INSERT INTO on_reinsert.booking VALUES (NEW.id, NEW.at) ON CONFLICT DO NOTHING;
        DELETE FROM on_reinsert.booking WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rebook AFTER INSERT ON booking FOR EACH ROW EXECUTE FUNCTION rebook();
WITH made AS (INSERT INTO booking SELECT i, int4range(i * 10, i * 10 + 1) FROM generate_series(1, 3) i ON CONFLICT DO NOTHING) SELECT 1;
DROP TRIGGER rebook ON booking;
CREATE FUNCTION cancel_before(i int) RETURNS int LANGUAGE plpgsql AS $$BEGIN DELETE FROM on_reinsert.booking WHERE id < i; RETURN i; END$$;
INSERT INTO booking SELECT cancel_before(i), int4range(i * 10, i * 10 + 1) FROM generate_series(1, 3) i ON CONFLICT DO NOTHING;
SELECT (SELECT count(*) FROM booking) AS live, (SELECT count(*) FROM account.deleted(NULL::booking)) AS deleted;
DROP TABLE booking;

-- keys of generated columns, which are computed after the triggers: in an index, its expression, its condition -----
CREATE TABLE folded (id int PRIMARY KEY, email text, el text GENERATED ALWAYS AS (lower(email)) STORED, UNIQUE NULLS NOT DISTINCT (el));
SELECT account.enable_soft_delete('folded', on_reinsert => 'replace');
INSERT INTO folded VALUES (1, NULL), (2, 'A');
DELETE FROM folded;
INSERT INTO folded VALUES (3, 'b');
SELECT id FROM account.deleted(NULL::folded) ORDER BY 1;
INSERT INTO folded VALUES (4, 'a'), (5, NULL);
SELECT id FROM account.deleted(NULL::folded) ORDER BY 1;
DELETE FROM folded;
COPY folded (id, email) FROM stdin;
6	B
7	A
\.
SELECT id, email FROM account.deleted(NULL::folded) ORDER BY 1;
INSERT INTO folded SELECT i, 'x' || i FROM generate_series(100, 3000) i UNION ALL SELECT 8, NULL;
SELECT count(*) FROM account.deleted(NULL::folded);
-- each partition computes its own, and has them elsewhere
CREATE TABLE gparts (id int, kind text, email text, el text GENERATED ALWAYS AS (lower(email)) STORED, alive boolean GENERATED ALWAYS AS (email <> '') STORED, deleted_at timestamptz) PARTITION BY LIST (kind);
CREATE TABLE gparts_a PARTITION OF gparts FOR VALUES IN ('a');
CREATE TABLE gparts_b (alive boolean GENERATED ALWAYS AS (email <> '') STORED, gone int, el text GENERATED ALWAYS AS (lower(email)) STORED, kind text, email text, deleted_at timestamptz, id int);
ALTER TABLE gparts_b DROP COLUMN gone;
ALTER TABLE gparts ATTACH PARTITION gparts_b FOR VALUES IN ('b');
CREATE UNIQUE INDEX gparts_el ON gparts (left(el, 2), kind);
CREATE UNIQUE INDEX gparts_id ON gparts (id, kind) WHERE alive;
SELECT account.enable_soft_delete('gparts', on_reinsert => 'replace');
INSERT INTO gparts VALUES (1, 'a', 'ABC'), (2, 'b', 'ABC'), (3, 'b', 'DEF'), (4, 'b', 'XY');
DELETE FROM gparts;
INSERT INTO gparts VALUES (5, 'a', 'abd'), (3, 'b', 'abe');
SELECT id, kind FROM account.deleted(NULL::gparts);
SELECT tableoid::regclass, id, el FROM gparts ORDER BY 2;
DROP TABLE folded, gparts;

-- no trigger changes the new row, or leaves it out, after the deleted one is removed --------------------------------
CREATE FUNCTION other_key() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := NEW.id + 10; RETURN NEW; END$$;
CREATE TABLE late (id int PRIMARY KEY, deleted_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE late_1 PARTITION OF late FOR VALUES FROM (0) TO (100);
CREATE TRIGGER "~b" BEFORE INSERT ON late_1 FOR EACH ROW EXECUTE FUNCTION other_key();
CREATE TRIGGER "~c" BEFORE UPDATE ON late FOR EACH ROW EXECUTE FUNCTION other_key();
SELECT account.enable_soft_delete('late', on_reinsert => 'replace'); -- fails
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE late_1 DISABLE TRIGGER "~b";
SELECT account.enable_soft_delete('late', on_reinsert => 'replace');
INSERT INTO late VALUES (1);
DELETE FROM late;
ALTER TABLE late_1 ENABLE TRIGGER "~b";
INSERT INTO late VALUES (1); -- fails
\echo :LAST_ERROR_SQLSTATE
COPY late (id) FROM stdin; -- fails
1
\.
RESET ROLE;
SELECT severity, object, message, remedy FROM account.doctor() WHERE code = 'trigger_after_replace';
SELECT remedy FROM account.doctor() WHERE code = 'trigger_after_replace' \gexec
SELECT count(*) FROM account.doctor() WHERE code = 'trigger_after_replace';
SET ROLE regress_reinsert_owner;
INSERT INTO late VALUES (2);
SELECT id FROM account.deleted(NULL::late);
DROP TABLE late;

-- the option is kept, and taken back --------------------------------------------------------------------------------
SELECT account.enable_soft_delete('parts');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgfoid = 'account.replace_deleted'::regproc ORDER BY tgrelid::regclass::text;
SELECT account.enable_soft_delete('parts', on_reinsert => 'refuse'), account.enable_soft_delete('member', on_reinsert => 'refuse');
SELECT account.disable_soft_delete('two');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgfoid = 'account.replace_deleted'::regproc ORDER BY tgrelid::regclass::text;
DELETE FROM parts WHERE kind = 'a';
INSERT INTO parts VALUES (1, 'a') ON CONFLICT DO NOTHING; -- fails
-- a trigger that somebody writes without the option does nothing
CREATE TRIGGER mine BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION account.replace_deleted();
INSERT INTO parts VALUES (1, 'a'); -- fails

RESET ROLE;
DROP SCHEMA on_reinsert CASCADE;
DROP ROLE regress_reinsert_owner, regress_reinsert_writer, regress_reinsert_child;
