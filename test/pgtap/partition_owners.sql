-- Partitions of another owner than their table's: whatever runs because of a call runs as who made it, or the call is refused.
\set ON_ERROR_STOP true
BEGIN;
SELECT no_plan();
CREATE ROLE tap_owner;
CREATE ROLE tap_other;
CREATE ROLE tap_caller;
CREATE SCHEMA s;
GRANT USAGE, CREATE ON SCHEMA s TO tap_owner, tap_other;
GRANT USAGE ON SCHEMA s TO tap_caller;
CREATE TABLE s.ran (who name, what text);
GRANT INSERT ON s.ran TO PUBLIC;
CREATE FUNCTION s.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO s.ran VALUES (current_user, TG_NAME || ' ' || TG_OP); RETURN NEW; END $$;
CREATE FUNCTION s.note(what text) RETURNS boolean LANGUAGE sql AS $$ INSERT INTO s.ran VALUES (current_user, what) RETURNING true $$;
CREATE FUNCTION s.fold(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM s.note('index'); RETURN $1; END $$;
CREATE FUNCTION ran() RETURNS text LANGUAGE sql AS $$
    WITH d AS (DELETE FROM s.ran RETURNING who, what) SELECT coalesce(string_agg(DISTINCT what || ': ' || who, ', '), '') FROM d $$;
CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

-- a partition that rows come into when they are restored
SET LOCAL ROLE tap_owner;
CREATE TABLE s.t (id int, is_deleted boolean NOT NULL DEFAULT false, deleted_at timestamptz, UNIQUE (id, is_deleted)) PARTITION BY LIST (is_deleted);
CREATE TABLE s.t_live PARTITION OF s.t FOR VALUES IN (false);
CREATE TABLE s.t_dead PARTITION OF s.t FOR VALUES IN (true);
SELECT account.enable_soft_delete('s.t') \g /dev/null
INSERT INTO s.t VALUES (1, true, now()), (2, true, now());
GRANT SELECT, UPDATE ON s.t TO tap_caller;
RESET ROLE;
ALTER TABLE s.t_live OWNER TO tap_other;
SET LOCAL ROLE tap_caller;
SELECT is(account.restore('s.t', '{"id": 1, "is_deleted": true}'::jsonb), 1::bigint, 'a row moves into the partition of another owner that has no code');
SET LOCAL ROLE tap_other;
CREATE TRIGGER mine BEFORE INSERT ON s.t_live FOR EACH ROW EXECUTE FUNCTION s.note();
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.restore('s.t', '{"id": 2, "is_deleted": true}'::jsonb)$$), '55000', 'not where a trigger of that owner would run as the owner of the table');
RESET ROLE;
SELECT is(ran(), '', 'which does not run');

-- a table between, whose triggers its partitions have
SET LOCAL ROLE tap_owner;
CREATE TABLE s.m (id int PRIMARY KEY, v int, deleted_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE s.m_1 PARTITION OF s.m FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
CREATE TABLE s.m_11 PARTITION OF s.m_1 DEFAULT;
CREATE TABLE s.m_2 PARTITION OF s.m DEFAULT;
SELECT account.enable_soft_delete('s.m') \g /dev/null
INSERT INTO s.m VALUES (1, 1, now()), (2, 2, now()), (3, 3, now()), (101, 101, now());
GRANT SELECT, UPDATE, DELETE ON s.m TO tap_caller;
GRANT TRIGGER ON s.m_11 TO tap_other;
RESET ROLE;
ALTER TABLE s.m_1 OWNER TO tap_other;
SET LOCAL ROLE tap_other;
CREATE TRIGGER mine BEFORE UPDATE ON s.m_1 FOR EACH ROW EXECUTE FUNCTION s.note();
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.restore('s.m', 1)$$), '55000', 'a row is not restored where the trigger of a table between would run as the owner of the whole');
SELECT is(account.restore('s.m', 101), 1::bigint, 'rows elsewhere are');
RESET ROLE;
SELECT is(ran(), '', 'and the trigger does not run');
ALTER TABLE s.m_11 OWNER TO tap_other;
SET LOCAL ROLE tap_caller;
SELECT is(account.restore('s.m', ARRAY[1]), 1::bigint, 'where the owner of that table has its partitions, too, rows are');
RESET ROLE;
SELECT is(ran(), 'mine UPDATE: tap_other', 'and its trigger runs as that owner');
-- and whose indexes they have
SET LOCAL ROLE tap_other;
DROP TRIGGER mine ON s.m_1;
CREATE INDEX ON s.m_1 (s.fold(v), deleted_at);
RESET ROLE;
ALTER TABLE s.m_11 OWNER TO tap_owner;
SELECT ran() \g /dev/null
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.restore('s.m', 2)$$), '55000', 'an index of a table between runs no function as the owner of the whole');
RESET ROLE;
SELECT is(ran(), '', 'it runs none');
ALTER TABLE s.m_11 OWNER TO tap_other;
SET LOCAL ROLE tap_caller;
SELECT is(account.restore('s.m', 2), 1::bigint, 'where the partitions are of one owner with it, a row is restored');
RESET ROLE;
SELECT is(ran(), 'index: tap_other', 'and it runs as that owner');

-- what columns are set to is the default of the whole
SET LOCAL ROLE tap_owner;
CREATE FUNCTION s.value() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM s.note('default'); RETURN 0; END $$;
CREATE TABLE s.parent (id int PRIMARY KEY);
CREATE TABLE s.child (id int PRIMARY KEY, parent int DEFAULT 0 REFERENCES s.parent ON DELETE SET DEFAULT) PARTITION BY RANGE (id);
CREATE TABLE s.child_1 PARTITION OF s.child DEFAULT;
INSERT INTO s.parent VALUES (0), (1), (2);
INSERT INTO s.child VALUES (1, 1), (2, 2);
GRANT SELECT, DELETE ON s.parent TO tap_caller;
GRANT SELECT, UPDATE ON s.child TO tap_caller;
RESET ROLE;
ALTER TABLE s.child_1 OWNER TO tap_other;
SET LOCAL ROLE tap_other;
CREATE TRIGGER mine BEFORE UPDATE ON s.child_1 FOR EACH ROW EXECUTE FUNCTION s.note();
SET LOCAL ROLE tap_caller;
SELECT is((SELECT sum(rows) FROM account.cleanup('s.parent', 1)), 2::numeric, 'a value is the default of a partition of another owner');
RESET ROLE;
SELECT is(ran(), 'mine UPDATE: tap_other', 'whose trigger runs as that owner');
SET LOCAL ROLE tap_owner;
ALTER TABLE ONLY s.child ALTER parent SET DEFAULT s.value();
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.cleanup('s.parent', 2)$$), '55000', 'a function of the owner of the whole is none');
SET LOCAL ROLE tap_owner;
ALTER TABLE ONLY s.child ALTER parent SET DEFAULT lo_unlink(1);
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.cleanup('s.parent', 2)$$), '55000', 'nor is one of the server''s that does what that owner says');
RESET ROLE;
SELECT is(ran(), '', 'and does not run');

-- a partition that has the key for itself
SET LOCAL ROLE tap_owner;
CREATE TABLE s.above (id int PRIMARY KEY);
CREATE TABLE s.below (id int PRIMARY KEY, above int) PARTITION BY RANGE (id);
CREATE TABLE s.below_1 PARTITION OF s.below DEFAULT;
INSERT INTO s.above VALUES (0), (1), (2);
INSERT INTO s.below VALUES (1, 1), (2, 2);
GRANT REFERENCES ON s.above TO tap_other;
GRANT SELECT, DELETE ON s.above TO tap_caller;
RESET ROLE;
ALTER TABLE s.below_1 OWNER TO tap_other;
SET LOCAL ROLE tap_other;
CREATE FUNCTION s.of_other() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM s.note('default'); RETURN 0; END $$;
ALTER TABLE s.below_1 ALTER above SET DEFAULT s.of_other();
ALTER TABLE s.below_1 ADD FOREIGN KEY (above) REFERENCES s.above ON DELETE SET DEFAULT;
GRANT SELECT, UPDATE ON s.below_1 TO tap_caller;
SET LOCAL ROLE tap_caller;
SELECT is((SELECT sum(rows) FROM account.cleanup('s.above', 1)), 2::numeric, 'a reference of a partition alone is set default');
RESET ROLE;
SELECT is(ran(), 'default: tap_other', 'as the owner of the partition, whether that of the whole may write it or not');
SET LOCAL ROLE tap_other;
GRANT ALL ON s.below_1 TO tap_owner;
SET LOCAL ROLE tap_caller;
SELECT is((SELECT sum(rows) FROM account.cleanup('s.above', 2)), 2::numeric, 'another');
RESET ROLE;
SELECT is(ran(), 'default: tap_other', 'and where it may');

-- what is generated, too
SET LOCAL ROLE tap_owner;
CREATE TABLE s.g (id int, v int GENERATED ALWAYS AS (s.fold(id)) STORED, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE s.g_1 PARTITION OF s.g DEFAULT;
SELECT account.enable_soft_delete('s.g') \g /dev/null
ALTER TABLE s.g ADD PRIMARY KEY (id);
INSERT INTO s.g VALUES (1, DEFAULT, now());
GRANT SELECT, UPDATE ON s.g TO tap_caller;
RESET ROLE;
ALTER TABLE s.g_1 OWNER TO tap_other;
SET LOCAL ROLE tap_other;
CREATE TRIGGER mine BEFORE UPDATE ON s.g_1 FOR EACH ROW EXECUTE FUNCTION s.note();
RESET ROLE;
SELECT ran() \g /dev/null
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.restore('s.g', 1)$$), '55000', 'a column that a function of the owner of the whole generates is not computed as another');
RESET ROLE;
SELECT is(ran(), '', 'which does not run');

SELECT * FROM finish();
ROLLBACK;
