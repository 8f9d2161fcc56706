-- Keys that deleted rows hold, in indexes of every kind, against one new row and against many.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT no_plan();
-- the SQLSTATE and the hint of a statement, or how many rows it made
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
	n bigint;
BEGIN
	EXECUTE statement;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || CASE WHEN hint LIKE '%account.restore%' THEN ' with the ways out' ELSE '' END;
END $$;

-- what may not overlap is a key as well
CREATE TABLE booking (id int PRIMARY KEY, room int, during int4range, deleted_at timestamptz, EXCLUDE USING gist (room WITH =, during WITH &&));
SELECT account.enable_soft_delete('booking') \g /dev/null
INSERT INTO booking VALUES (1, 1, '[1,5)'), (2, 1, '[5,9)'), (3, 2, NULL);
DELETE FROM booking WHERE id <> 2;
SELECT is(attempt($$INSERT INTO booking VALUES (4, 1, '[3,4)') ON CONFLICT DO NOTHING$$), '23505 with the ways out', 'ON CONFLICT DO NOTHING loses no row to a deleted one that overlaps');
SELECT is(attempt($$INSERT INTO booking VALUES (4, 1, '[3,4)')$$), '23P01 with the ways out', 'a plain INSERT is told the ways out');
SELECT is(attempt($$INSERT INTO booking VALUES (4, 1, '[6,7)') ON CONFLICT DO NOTHING$$), '0', 'a live row that overlaps is a reason to do nothing');
SELECT is(attempt($$INSERT INTO booking VALUES (4, 1, '[4,7)') ON CONFLICT DO NOTHING$$), '23505 with the ways out', 'of a live and a deleted one the deleted one is told of');
SELECT is(attempt($$INSERT INTO booking VALUES (4, 2, '[1,2)') ON CONFLICT DO NOTHING$$), '1', 'NULL overlaps nothing');
CREATE TABLE free (id int PRIMARY KEY, room int, during int4range, deleted_at timestamptz, EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (deleted_at IS NULL));
SELECT account.enable_soft_delete('free') \g /dev/null
INSERT INTO free VALUES (1, 1, '[1,5)');
DELETE FROM free;
SELECT is(attempt($$INSERT INTO free VALUES (2, 1, '[3,4)') ON CONFLICT DO NOTHING$$), '1', 'an exclusion of live rows alone keeps none out');

-- and so is a key of some time alone (18)
SELECT current_setting('server_version_num')::int >= 180000 AS is_18 \gset
\if :is_18
    CREATE TABLE term (id int, valid int4range, deleted_at timestamptz, PRIMARY KEY (id, valid WITHOUT OVERLAPS));
    SELECT account.enable_soft_delete('term') \g /dev/null
    INSERT INTO term VALUES (1, '[1,5)'), (2, '[1,5)');
    DELETE FROM term WHERE id = 1;
    SELECT is(attempt($$INSERT INTO term VALUES (1, '[3,4)') ON CONFLICT DO NOTHING$$), '23505 with the ways out', 'a deleted row has the key at that time');
    SELECT is(attempt($$INSERT INTO term VALUES (1, '[3,4)')$$), '23P01 with the ways out', 'a plain INSERT is told the ways out');
    SELECT is(attempt($$INSERT INTO term VALUES (1, '[7,8)') ON CONFLICT DO NOTHING$$), '1', 'nobody has it later');
    SELECT is(attempt($$INSERT INTO term VALUES (2, '[4,8)') ON CONFLICT DO NOTHING$$), '0', 'a live row that has it is a reason to do nothing');
\endif

-- NULLs that are not distinct
CREATE TABLE nulls (id int PRIMARY KEY, a int, b int, deleted_at timestamptz, UNIQUE NULLS NOT DISTINCT (a, b));
SELECT account.enable_soft_delete('nulls') \g /dev/null
INSERT INTO nulls VALUES (1, 1, NULL);
DELETE FROM nulls;
SELECT is(attempt($$INSERT INTO nulls VALUES (2, 1, NULL) ON CONFLICT DO NOTHING$$), '23505 with the ways out', 'NULLS NOT DISTINCT: DO NOTHING');
SELECT is(attempt($$INSERT INTO nulls VALUES (2, 1, NULL) ON CONFLICT (a, b) DO UPDATE SET b = 3$$), '23505 with the ways out', 'NULLS NOT DISTINCT: DO UPDATE');

-- many rows at once replace those they should, and no other: each key is looked up as long as that costs little, and
-- then only where a deleted row may have it
CREATE TABLE many (a bigint, b text COLLATE nocase, c citext UNIQUE, d numeric, e int[], live int, note text, deleted_at timestamptz, PRIMARY KEY (a, b));
CREATE UNIQUE INDEX ON many (d, e) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX ON many (live) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX ON many ((note || 'x')) WHERE a % 2 = 0;
SELECT account.enable_soft_delete('many', on_reinsert => 'replace') \g /dev/null
INSERT INTO many SELECT i, 'key' || i, 'c' || i, CASE WHEN i % 10 > 0 THEN i END, ARRAY[i], i, 'n' || i FROM generate_series(1, 9000) i;
DELETE FROM many WHERE a % 3 = 0;
SELECT is(attempt($$INSERT INTO many SELECT i + CASE WHEN i % 3 = 0 THEN 0 ELSE 100000 END, CASE WHEN i % 3 = 0 THEN 'KEY' ELSE 'new' END || i, CASE WHEN i % 3 = 0 THEN 'C' ELSE 'D' END || i,
    CASE WHEN i % 10 > 0 THEN i + CASE WHEN i % 3 = 0 THEN 0.00 ELSE 200000 END END, ARRAY[i + CASE WHEN i % 3 = 0 THEN 0 ELSE 100000 END], i + CASE WHEN i % 3 = 0 THEN 0 ELSE 100000 END, 'n' || i + CASE WHEN i % 3 = 0 THEN 0 ELSE 100000 END
    FROM generate_series(1, 9000) i$$), '9000', 'nine thousand rows go in, a third of which replaces deleted ones');
SELECT is((SELECT count(*) FROM account.deleted(NULL::many)), 0::bigint, 'all of which are gone');
SELECT is((SELECT count(*) FROM many), 15000::bigint, 'and no other');
-- by one of its keys alone
DELETE FROM many WHERE a <= 100;
SELECT is(attempt($$INSERT INTO many SELECT 300000 + i, 'other' || i, CASE WHEN i = 5000 THEN 'c50' ELSE 'e' || i END, 300000 + i, ARRAY[300000 + i], 300000 + i, 'o' || i FROM generate_series(1, 6000) i$$), '6000', 'the last but a thousand by a key of its own');
SELECT is((SELECT array_agg(a) FROM (SELECT generate_series(1, 100)::bigint AS a EXCEPT SELECT a FROM account.deleted(NULL::many) EXCEPT SELECT a FROM many) x), ARRAY[50]::bigint[], 'removes the row that had it');
SELECT is(attempt($$INSERT INTO many SELECT 400000 + i, 'third' || i, 'g' || i, 400000 + i, ARRAY[400000 + i], CASE WHEN i = 5500 THEN 300001 ELSE 400000 + i END, 'p' || i FROM generate_series(1, 6000) i$$), '23505', 'a live row that has a key is met, however many came before');
-- rows that the statement itself has deleted meanwhile, and those of its own
CREATE TABLE seat (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('seat', on_reinsert => 'replace') \g /dev/null
INSERT INTO seat SELECT generate_series(1, 5000);
SELECT is(attempt('WITH gone AS (DELETE FROM seat WHERE id > 4000 RETURNING id) INSERT INTO seat SELECT id + 10000 FROM gone UNION ALL SELECT generate_series(20001, 26000)'), '7000', 'beside a deletion');
SELECT is((SELECT count(*) FROM account.deleted(NULL::seat)), 1000::bigint, 'what that deleted is there');
SELECT is(attempt('INSERT INTO seat SELECT generate_series(4001, 10000)'), '6000', 'and comes again by the next statement');
SELECT is((SELECT count(*) FROM account.deleted(NULL::seat)), 0::bigint, 'for good');
BEGIN ISOLATION LEVEL SERIALIZABLE;
DELETE FROM seat WHERE id <= 10000;
SELECT is(attempt('INSERT INTO seat SELECT generate_series(1, 10000)'), '10000', 'and where all may be serialized');
COMMIT;

SELECT * FROM finish();
