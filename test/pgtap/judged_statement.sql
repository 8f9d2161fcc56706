-- Where row security applies to a caller, its policies judge as the caller; what columns are set to runs as the owner of their table.
\set ON_ERROR_STOP true
BEGIN;
SELECT no_plan();
CREATE ROLE tap_owner;
CREATE ROLE tap_other;
CREATE ROLE tap_caller;
CREATE SCHEMA s;
GRANT USAGE, CREATE ON SCHEMA s TO tap_owner, tap_other;
GRANT USAGE ON SCHEMA s TO tap_caller;
CREATE SEQUENCE s.calls;
CREATE TABLE s.ran (n bigint DEFAULT nextval('s.calls'), who name, what text);
GRANT INSERT, SELECT ON s.ran TO PUBLIC;
GRANT USAGE ON SEQUENCE s.calls TO PUBLIC;
CREATE FUNCTION s.note(what text) RETURNS boolean LANGUAGE sql AS $$ INSERT INTO s.ran (who, what) VALUES (current_user, what) RETURNING true $$;
CREATE FUNCTION s.fold(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN s.note(what); END $$;
CREATE FUNCTION ran() RETURNS text LANGUAGE sql AS $$
    WITH d AS (DELETE FROM s.ran RETURNING who, what) SELECT coalesce(string_agg(DISTINCT what || ': ' || who, ', ' ORDER BY what || ': ' || who), '') FROM d $$;
CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

-- domains of the columns that a restore sets
SET LOCAL ROLE tap_owner;
CREATE DOMAIN s.stamp AS timestamptz CHECK (s.note('stamp'));
CREATE DOMAIN s.flag AS boolean CHECK (s.note('flag'));
CREATE TABLE s.t (id int PRIMARY KEY, is_deleted s.flag, deleted_at s.stamp);
SELECT account.enable_soft_delete('s.t') \g /dev/null
INSERT INTO s.t VALUES (1, true, now());
ALTER TABLE s.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON s.t USING (s.note('policy'));
GRANT SELECT, UPDATE ON s.t TO tap_caller;
RESET ROLE;
SELECT ran() \g /dev/null
SET LOCAL ROLE tap_caller;
SELECT is(account.restore('s.t', 1), 1::bigint, 'a row is restored');
RESET ROLE;
SELECT is(ran(), 'flag: tap_owner, policy: tap_caller, stamp: tap_owner', 'the checks of its domains run as the owner of the table, the policy as the caller');

-- defaults that a removal sets
SET LOCAL ROLE tap_owner;
CREATE TABLE s.p (id int PRIMARY KEY);
INSERT INTO s.p VALUES (0), (1);
CREATE FUNCTION s.value() RETURNS int LANGUAGE sql AS $$ SELECT s.note('default')::int - 1 $$;
CREATE FUNCTION s.constant(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM s.note('constant'); RETURN 0; END $$;
CREATE TABLE s.c (id int PRIMARY KEY, p int DEFAULT s.value() REFERENCES s.p ON DELETE SET DEFAULT, q int DEFAULT s.constant(1) REFERENCES s.p ON DELETE SET DEFAULT);
INSERT INTO s.c VALUES (1, 1, 1);
ALTER TABLE s.c ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON s.c USING (true);
GRANT SELECT, UPDATE, DELETE ON s.c, s.p TO tap_caller;
RESET ROLE;
SELECT ran() \g /dev/null
SET LOCAL ROLE tap_caller;
SELECT is((SELECT sum(rows) FROM account.cleanup('s.p', 1)), 3::numeric, 'a row is removed, and references to it are set default');
RESET ROLE;
SELECT is((SELECT p || ' ' || q FROM s.c), '0 0', 'as they are declared');
SELECT is(ran(), 'constant: tap_owner, default: tap_owner', 'defaults are evaluated as the owner of the table, also while the statement is planned');

-- a policy's check of a row that moves to another partition
SET LOCAL ROLE tap_owner;
CREATE TABLE s.moving (id int, deleted_at timestamptz, UNIQUE (id, deleted_at)) PARTITION BY LIST (deleted_at);
CREATE TABLE s.moving_live PARTITION OF s.moving FOR VALUES IN (NULL);
CREATE TABLE s.moving_dead PARTITION OF s.moving DEFAULT;
SELECT account.enable_soft_delete('s.moving') \g /dev/null
INSERT INTO s.moving VALUES (1, now());
ALTER TABLE s.moving ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner_brings_back ON s.moving USING (true) WITH CHECK (current_user = 'tap_owner');
GRANT SELECT, UPDATE ON s.moving TO tap_caller;
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.restore('s.moving', jsonb_build_object('id', 1, 'deleted_at', now()))$$), '42501', 'is asked as the caller');
RESET ROLE;
SET pgaccount.show_deleted = on;
SELECT is((SELECT tableoid::regclass::text FROM s.moving_dead), 's.moving_dead', 'and the row stays where it is');

-- partitions are not left out by what a policy says of somebody else
SET LOCAL ROLE tap_owner;
CREATE TABLE s.parts (id int, who name, deleted_at timestamptz, PRIMARY KEY (id, who)) PARTITION BY LIST (who);
CREATE TABLE s.parts_caller PARTITION OF s.parts FOR VALUES IN ('tap_caller');
CREATE TABLE s.parts_owner PARTITION OF s.parts FOR VALUES IN ('tap_owner');
SELECT account.enable_soft_delete('s.parts') \g /dev/null
INSERT INTO s.parts VALUES (1, 'tap_caller', now()), (1, 'tap_owner', now());
ALTER TABLE s.parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON s.parts USING (who = current_user);
GRANT SELECT, UPDATE, DELETE ON s.parts TO tap_caller;
SET LOCAL ROLE tap_caller;
SELECT is(account.restore('s.parts', '[{"id": 1, "who": "tap_caller"}, {"id": 1, "who": "tap_owner"}]'::jsonb), 1::bigint, 'a caller restores its row, in the partition of its name');
RESET ROLE;
SELECT is((SELECT string_agg(who, ',') FROM s.parts WHERE deleted_at IS NULL), 'tap_caller', 'and no other');
RESET pgaccount.show_deleted;

-- what a policy reads of another owner's: its policies, and its views
SET LOCAL ROLE tap_other;
CREATE TABLE s.allowed (id int PRIMARY KEY);
INSERT INTO s.allowed VALUES (1);
ALTER TABLE s.allowed ENABLE ROW LEVEL SECURITY;
CREATE POLICY folded ON s.allowed USING (s.fold('policy'));
CREATE VIEW s.also_allowed AS SELECT 1 AS id WHERE s.fold('view');
GRANT SELECT ON s.allowed, s.also_allowed TO PUBLIC;
SET LOCAL ROLE tap_owner;
CREATE TABLE s.guarded (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('s.guarded') \g /dev/null
INSERT INTO s.guarded VALUES (1, now());
ALTER TABLE s.guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY allowed ON s.guarded USING (id IN (SELECT id FROM s.allowed) AND id IN (SELECT id FROM s.also_allowed));
GRANT SELECT, UPDATE ON s.guarded TO tap_caller;
RESET ROLE;
SELECT ran() \g /dev/null
SET LOCAL ROLE tap_caller;
SELECT is(account.restore('s.guarded', 1), 1::bigint, 'a row is restored that policies of several owners let pass');
RESET ROLE;
SELECT is(ran(), 'policy: tap_caller, view: tap_caller', 'what is constant in them is evaluated as the caller, not as the owner of the table');

SELECT * FROM finish();
ROLLBACK;
