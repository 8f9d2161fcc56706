-- Legal holds: every door by which a row could be removed for good, for each kind of table and each part of what is
-- under a hold, as data. Refused is what would remove the row, or anything that would go with it; nothing else.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SELECT no_plan();

-- a parent, a child and a grandchild by ON DELETE CASCADE, and one more child by a reference that no key declares
CREATE FUNCTION make_kind(kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	partition text := CASE WHEN kind = 'partitioned' THEN ' PARTITION BY RANGE (id)' ELSE '' END;
	key text := CASE WHEN kind = 'text keys' THEN 'text' WHEN kind = 'numeric keys' THEN 'numeric' ELSE 'int' END;
	rel text;
BEGIN
	EXECUTE format('CREATE SCHEMA %I', kind);
	EXECUTE format('SET LOCAL search_path = %I, public, pg_catalog', kind);
	EXECUTE format('CREATE TABLE t (id %s PRIMARY KEY, extra text, deleted_at timestamptz)%s', key, partition);
	EXECUTE format('CREATE TABLE c (extra text, t %s REFERENCES t ON DELETE CASCADE, id %s PRIMARY KEY, deleted_at timestamptz)%s', key, key, partition);
	EXECUTE format('CREATE TABLE g (id %s PRIMARY KEY, c %s REFERENCES c ON DELETE CASCADE)', key, key);
	EXECUTE format('CREATE TABLE d (id %s PRIMARY KEY, c %s)', key, key);
	IF kind = 'partitioned' THEN
		EXECUTE 'CREATE TABLE t_b (deleted_at timestamptz, extra text, id int NOT NULL)';
		EXECUTE 'CREATE TABLE c_b (deleted_at timestamptz, id int NOT NULL, t int, extra text)';
		FOREACH rel IN ARRAY '{t,c}'::text[] LOOP
			EXECUTE format('ALTER TABLE %1$s ATTACH PARTITION %1$s_b FOR VALUES FROM (0) TO (100)', rel);
			EXECUTE format('CREATE TABLE %1$s_z PARTITION OF %1$s FOR VALUES FROM (100) TO (200)', rel);
		END LOOP;
	END IF;
	IF kind IN ('soft', 'removed with') THEN
		PERFORM account.enable_soft_delete('t');
	END IF;
	IF kind = 'removed with' THEN
		PERFORM account.set_reference_policy('c', 't', 'cascade', 'remove');
	ELSIF kind = 'soft' THEN
		PERFORM account.enable_soft_delete('c', on_parent_delete => 'delete');
	END IF;
	PERFORM account.set_reference('d', '{c}', 'c', 'cascade');
	INSERT INTO t (id) VALUES (1), (2);
	INSERT INTO c (id, t) VALUES (1, 1), (2, 2);
	INSERT INTO g VALUES (1, 1), (2, 2);
	INSERT INTO d VALUES (1, 1), (2, 2);
END $$;

-- which rows a door removes for good, by kind: NULL for all. Tables as a whole, and keys, are parts of their own.
CREATE TEMP TABLE door (name text, statement text, removes text[], kinds text[]);
INSERT INTO door VALUES
	('DELETE of the parent', 'DELETE FROM t WHERE id = %s', '{t,c,g}', '{hard,partitioned,text keys,numeric keys}'),
	('DELETE of the parent, softly', 'DELETE FROM t WHERE id = %s', '{}', '{soft}'),
	('DELETE of the parent, which removes', 'DELETE FROM t WHERE id = %s', '{c,g,d}', '{removed with}'),
	('DELETE of the child', 'DELETE FROM c WHERE id = %s', '{c,g}', '{hard,partitioned,text keys,numeric keys,removed with}'),
	('DELETE of the child, softly', 'DELETE FROM c WHERE id = %s', '{}', '{soft}'),
	('DELETE of the grandchild', 'DELETE FROM g WHERE id = %s', '{g}', NULL),
	('DELETE of what is declared', 'DELETE FROM d WHERE id = %s', '{d}', NULL),
	('DELETE in a CTE', 'WITH x AS (DELETE FROM g WHERE id = %s RETURNING 1) SELECT * FROM x', '{g}', NULL),
	('DELETE USING', 'DELETE FROM g USING c WHERE c.id = g.c AND c.id = %s', '{g}', NULL),
	('MERGE on the parent', 'MERGE INTO t USING (VALUES (%s)) v(i) ON t.id = v.i WHEN MATCHED THEN DELETE', '{t,c,g}', '{hard,partitioned,numeric keys}'),
	('MERGE on the grandchild', 'MERGE INTO g USING (SELECT %s) v(i) ON g.id = v.i WHEN MATCHED THEN DELETE', '{g}', '{hard,partitioned,soft,numeric keys}'),
	('cleanup of the parent', 'SELECT * FROM account.cleanup(''t'', %s)', '{t,c,g,d}', NULL),
	('cleanup with force', 'SELECT * FROM account.cleanup(''t'', %s, true)', '{t,c,g,d}', NULL),
	('cleanup of the child', 'SELECT * FROM account.cleanup(''c'', %s)', '{c,g,d}', NULL),
	('cleanup of the grandchild', 'SELECT * FROM account.cleanup(''g'', %s)', '{g}', NULL),
	('a partition', 'DELETE FROM t_b WHERE id = %s', '{t,c,g}', '{partitioned}'),
	('a cleanup of a partition', 'SELECT * FROM account.cleanup(''t_b'', %s)', '{t,c,g,d}', '{partitioned}'),
	('an UPDATE that moves to another partition', 'UPDATE t SET id = 100 + %s WHERE id = 50', '{}', '{partitioned}'),
	('an UPDATE of the key', 'UPDATE d SET id = 100 + %s WHERE id = %1$s', '{d key}', '{hard,partitioned,soft}'),
	('an UPDATE of the rest', 'UPDATE c SET extra = ''x'' WHERE id = %s', '{}', NULL),
	('TRUNCATE of the grandchild', 'TRUNCATE g', '{g table}', NULL),
	('TRUNCATE of what is declared', 'TRUNCATE d', '{d table}', NULL),
	('TRUNCATE CASCADE of the parent', 'TRUNCATE t CASCADE', '{t table,c table,g table}', '{hard,partitioned,text keys,numeric keys}'),
	('TRUNCATE CASCADE of a partition', 'TRUNCATE c_z CASCADE', '{c table,g table}', '{partitioned}');

-- which rows must stay for a hold on one
CREATE TEMP TABLE part (name text, keeps text[]);
INSERT INTO part VALUES ('t', '{t,c,g,d}'), ('c', '{c,g,d}'), ('g', '{g}'), ('d', '{d}');

-- the SQLSTATE of a statement that is undone
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION 'undone' USING ERRCODE = 'ZZ000';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'ZZ000' THEN 'done' ELSE SQLSTATE END;
END $$;
-- what is expected of a door: of row 1, which is under the hold, and of row 2; a table as a whole has both
CREATE FUNCTION expected(door door, part part, row_id int) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN row_id = 1 AND door.removes && part.keeps OR row_id = 1 AND door.removes && ARRAY[part.name || ' key']
		OR door.removes && ARRAY(SELECT k || ' table' FROM unnest(part.keeps) k) THEN 'PT423' ELSE 'done' END
$$;
CREATE FUNCTION try_kind(kind text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	one part;
	door door;
	hold bigint;
	row_id int;
BEGIN
	PERFORM make_kind(kind);
	FOR one IN SELECT * FROM part LOOP
		EXECUTE format('SELECT account.place_hold(%L, ''1'', ''case'')', one.name) INTO hold;
		FOR door IN SELECT * FROM door WHERE kinds IS NULL OR kind = ANY (kinds) LOOP
			FOR row_id IN 1 .. 2 LOOP
				RETURN NEXT is(attempt(format(door.statement, CASE WHEN kind = 'text keys' THEN quote_literal(row_id::text) ELSE row_id::text END)),
					expected(door, one, row_id), format('%s, hold on %s: %s, row %s', kind, one.name, door.name, row_id));
			END LOOP;
		END LOOP;
		PERFORM account.release_hold(hold, 'over');
	END LOOP;
	FOR door IN SELECT * FROM door WHERE kinds IS NULL OR kind = ANY (kinds) LOOP
		RETURN NEXT is(attempt(format(door.statement, CASE WHEN kind = 'text keys' THEN quote_literal('1') ELSE '1' END)), 'done', format('%s, no hold any more: %s', kind, door.name));
	END LOOP;
END $$;
SELECT try_kind('hard');
SELECT try_kind('soft');
SELECT try_kind('removed with');
SELECT try_kind('partitioned');
SELECT try_kind('text keys');
SELECT try_kind('numeric keys');

-- a row under a hold moves between partitions where that leaves its key
CREATE TABLE moving (id int, place int, PRIMARY KEY (id, place)) PARTITION BY LIST (place);
CREATE TABLE moving_1 PARTITION OF moving FOR VALUES IN (1);
CREATE TABLE moving_2 PARTITION OF moving FOR VALUES IN (2);
CREATE TABLE owner_of (id int PRIMARY KEY);
ALTER TABLE moving ADD owner_of int REFERENCES owner_of ON DELETE CASCADE;
INSERT INTO owner_of VALUES (1);
INSERT INTO moving VALUES (1, 1, 1);
SELECT account.place_hold('owner_of', 1, 'a') AS a \gset
SELECT is(attempt('DELETE FROM moving'), 'PT423', 'would go with the row under the hold');
SELECT lives_ok('UPDATE moving SET place = 2', 'moves to another partition');
SELECT is((SELECT tableoid::regclass::text FROM moving), 'moving_2', 'and is there');
SELECT account.release_hold(:a, 'over') \g /dev/null
SELECT account.place_hold('moving', '{"id": 1, "place": 2}'::jsonb, 'a') \g /dev/null
SELECT is(attempt('UPDATE moving SET place = 1'), 'PT423', 'but not where that changes the key of the row under the hold');

-- with soft delete and a hold somewhere in the table, both keep note of a row that moves; the other row of the statement, too
CREATE TABLE passing (id int, place int, deleted_at timestamptz, PRIMARY KEY (id, place)) PARTITION BY LIST (place);
CREATE TABLE passing_1 PARTITION OF passing FOR VALUES IN (1);
CREATE TABLE passing_2 PARTITION OF passing FOR VALUES IN (2);
INSERT INTO passing SELECT g, 1 FROM generate_series(1, 3) g;
SELECT account.enable_soft_delete('passing');
SELECT account.place_hold('passing', '{"id": 3, "place": 1}'::jsonb, 'a') \g /dev/null
SELECT lives_ok('UPDATE passing SET place = 2 WHERE id < 3', 'rows move beside one under a hold, under soft delete');
SELECT results_eq('SELECT id, tableoid::regclass::text FROM passing ORDER BY id',
	$$VALUES (1, 'passing_2'), (2, 'passing_2'), (3, 'passing_1')$$, 'and are there, live');

-- purge goes round what is under a hold, and what would go with it, and says so
CREATE TABLE org (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE member (id int PRIMARY KEY, org int REFERENCES org ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete('org'), account.enable_soft_delete('member');
INSERT INTO org SELECT g FROM generate_series(1, 5) g;
INSERT INTO member SELECT g, g FROM generate_series(1, 5) g;
DELETE FROM org;
SELECT account.place_hold('org', 1, 'a') AS a, account.place_hold('member', 2, 'b') AS b \gset
SELECT is(account.purge('member', '-1 s'), 3::bigint, 'purge of the children keeps the one under a hold and the one that would go with its parent');
SELECT is(account.purge('org', '-1 s', force => true), 3::bigint, 'purge of the parents keeps the one under a hold and the one whose child is, with force, too');
SELECT is((SELECT array_agg(id ORDER BY id) FROM account.deleted(NULL::org)), ARRAY[1, 2], 'both are there');
CALL account.purge_batches('org', '-1 s', 1);
SELECT is((SELECT array_agg(id ORDER BY id) FROM account.deleted(NULL::org)), ARRAY[1, 2], 'in batches, too');
SELECT account.release_hold(:a, 'over'), account.release_hold(:b, 'over');
SELECT is(account.purge('org', '-1 s'), 2::bigint, 'and then they go');
CREATE TABLE alone (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('alone');
INSERT INTO alone VALUES (1), (2);
DELETE FROM alone;
SELECT account.place_hold('alone', 1, 'a') AS a \gset
SELECT is(account.purge('alone', '-1 s'), 1::bigint, 'of a table that nothing references, too');
SELECT is((SELECT array_agg(id) FROM account.deleted(NULL::alone)), ARRAY[1], 'it stays');

-- a row whose key comes again
CREATE TABLE seat (room int, name text, deleted_at timestamptz, PRIMARY KEY (room, name));
SELECT account.enable_soft_delete('seat', on_reinsert => 'replace');
INSERT INTO seat VALUES (1, 'a, "b"');
SELECT account.place_hold('seat', '{"room": 1, "name": "a, \"b\""}'::jsonb, 'a') AS a \gset
DELETE FROM seat;
SELECT throws_ok($$INSERT INTO seat VALUES (1, 'a, "b"')$$, 'PT423', NULL, 'is not replaced');
SELECT throws_ok($$INSERT INTO seat VALUES (1, 'a, "b"') ON CONFLICT DO NOTHING$$, 'PT423', NULL, 'whatever is said of conflicts');
SELECT is((SELECT key FROM account.hold WHERE id = :a)::jsonb, '{"room": "1", "name": "a, \"b\""}', 'the view shows a composite key as it is given');
SELECT account.release_hold(:a, 'over') \g /dev/null
SELECT lives_ok($$INSERT INTO seat VALUES (1, 'a, "b"')$$, 'and is once the hold is over');

-- what is said first
CREATE TABLE guarded (id int PRIMARY KEY);
CREATE TABLE guards (id int PRIMARY KEY, guarded int REFERENCES guarded ON DELETE RESTRICT);
CREATE FUNCTION says_no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'PT403'; END $$;
CREATE TRIGGER "0" BEFORE DELETE ON guarded FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger();
DROP TRIGGER "0" ON guarded;
CREATE TRIGGER "1" BEFORE DELETE ON guarded FOR EACH ROW EXECUTE FUNCTION says_no();
INSERT INTO guarded VALUES (1);
INSERT INTO guards VALUES (1, 1);
SELECT account.place_hold('guarded', 1, 'a') \g /dev/null
SELECT throws_ok('DELETE FROM guarded', 'PT423', NULL, 'a hold is judged before triggers of the application and references');
SELECT throws_ok($$SELECT * FROM account.cleanup('guarded', 1)$$, 'PT423', NULL, 'and before what stands in the way of a cleanup');
CREATE TABLE child_of (id int PRIMARY KEY, guarded int REFERENCES owner_of ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete('child_of', on_parent_delete => 'refuse');
INSERT INTO owner_of VALUES (7);
INSERT INTO child_of VALUES (7, 7);
SELECT account.place_hold('child_of', 7, 'a') \g /dev/null
SELECT throws_ok('DELETE FROM owner_of WHERE id = 7', 'PT423', NULL, 'and before on_parent_delete');
SELECT throws_ok('TRUNCATE child_of', 'PT423', NULL, 'and before the TRUNCATE of a soft-delete table');

-- what commands do to the tables
CREATE ROLE hold_owner;
GRANT CREATE ON SCHEMA public TO hold_owner;
SET ROLE hold_owner;
CREATE TABLE book (id int PRIMARY KEY, title text);
CREATE TABLE page (id int PRIMARY KEY, book int REFERENCES book ON DELETE CASCADE) PARTITION BY RANGE (id);
CREATE TABLE page_a PARTITION OF page FOR VALUES FROM (0) TO (10);
INSERT INTO book VALUES (1), (2);
INSERT INTO page VALUES (1, 1), (2, 2);
RESET ROLE;
SELECT account.place_hold('book', 1, 'a') AS a, account.place_hold('page', 2, 'b') AS b \gset
SET ROLE hold_owner;
SELECT throws_ok($$DROP TABLE page$$, 'PT423', NULL, 'an owner does not drop a table with rows under a hold');
SELECT throws_ok($$DROP TABLE book CASCADE$$, 'PT423', NULL, 'nor with CASCADE');
SELECT throws_ok($$DROP TABLE page_a$$, 'PT423', NULL, 'nor a partition');
SELECT throws_ok($$ALTER TABLE page DETACH PARTITION page_a$$, 'PT423', NULL, 'nor detaches it');
\set ON_ERROR_STOP off
ALTER TABLE page DETACH PARTITION page_a CONCURRENTLY;
\set ON_ERROR_STOP on
SELECT is(:'SQLSTATE'::text, 'PT423', 'nor while others use it');
SELECT is((SELECT count(*) FROM page WHERE id = 2), 1::bigint, 'which leaves it where it is');
SELECT throws_ok($$DROP TRIGGER "00_account_hold" ON book$$, 'PT423', NULL, 'nor drops the trigger');
SELECT throws_ok($$ALTER TABLE page_a DISABLE TRIGGER USER$$, 'PT423', NULL, 'nor disables it');
SELECT throws_ok($$ALTER TABLE book ENABLE REPLICA TRIGGER "00_account_hold"$$, 'PT423', NULL, 'in any way');
SELECT throws_ok($$ALTER TABLE book DROP CONSTRAINT book_pkey CASCADE, DROP COLUMN id CASCADE$$, 'PT423', NULL, 'nor drops the key');
SELECT throws_ok($$DROP OWNED BY hold_owner CASCADE$$, 'PT423', NULL, 'nor all it has');
CREATE TYPE spine AS (color text, width int);
CREATE DOMAIN isbn AS text;
CREATE COLLATION shelf FROM "C";
CREATE TABLE folio (id spine, code isbn, place text COLLATE shelf, PRIMARY KEY (id, code, place));
CREATE TABLE quarto (id int PRIMARY KEY);
CREATE TABLE octavo (PRIMARY KEY (id)) INHERITS (quarto);
CREATE TABLE loose (id int PRIMARY KEY, code isbn);
INSERT INTO folio VALUES ('(red,3)', 'x', 'y');
INSERT INTO octavo VALUES (1);
INSERT INTO loose VALUES (1, 'x');
RESET ROLE;
SELECT account.place_hold('folio', '{"id": "(red,3)", "code": "x", "place": "y"}'::jsonb, 'c') AS c, account.place_hold('octavo', 1, 'c') AS d, account.place_hold('loose', 1, 'c') AS e \gset
SET ROLE hold_owner;
SELECT throws_ok($$DROP TYPE spine CASCADE$$, 'PT423', NULL, 'nor the type of a key, with its column');
SELECT throws_ok($$DROP DOMAIN isbn CASCADE$$, 'PT423', NULL, 'nor its domain');
SELECT throws_ok($$DROP COLLATION shelf CASCADE$$, 'PT423', NULL, 'nor its collation');
SELECT throws_ok($$ALTER TABLE quarto DROP COLUMN id CASCADE$$, 'PT423', NULL, 'nor the column that it inherits');
RESET ROLE;
SELECT account.release_hold(:c, 'x'), account.release_hold(:d, 'x') \g /dev/null
SET ROLE hold_owner;
SELECT lives_ok($$DROP DOMAIN isbn CASCADE$$, 'the type of another column may go');
SELECT throws_ok($$DELETE FROM loose$$, 'PT423', NULL, 'and the row stays');
RESET ROLE;
SELECT account.release_hold(:e, 'x') \g /dev/null
SET ROLE hold_owner;
DROP TABLE folio, octavo, quarto, loose;
SELECT lives_ok($$ALTER TABLE book RENAME id TO number$$, 'another name of the key is fine');
SELECT lives_ok($$CREATE TABLE page_z PARTITION OF page FOR VALUES FROM (10) TO (20)$$, 'and another partition');
INSERT INTO page VALUES (11, 1), (12, 2);
SELECT throws_ok($$DELETE FROM page_z WHERE id = 11$$, 'PT423', NULL, 'whose rows go with the one under the hold');
SELECT lives_ok($$DELETE FROM page_z WHERE id = 12$$, 'or not');
SELECT throws_ok($$DELETE FROM book WHERE number = 1$$, 'PT423', NULL, 'the hold follows the name');
CREATE TABLE note (id int PRIMARY KEY, book int REFERENCES book (number));
INSERT INTO note VALUES (1, 1);
SELECT is(attempt('DELETE FROM note'), 'done', 'what does not go with it is free');
SELECT account.set_reference_policy('note', 'book', 'cascade') \g /dev/null
SELECT throws_ok('DELETE FROM note', 'PT423', NULL, 'a policy makes it go with it');
SELECT account.set_reference_policy('note', 'book', NULL) \g /dev/null
SELECT is(attempt('DELETE FROM note'), 'done', 'and takes that back');
CREATE TABLE margin (id int PRIMARY KEY, page int REFERENCES page ON DELETE CASCADE);
INSERT INTO margin VALUES (1, 2);
SELECT throws_ok('DELETE FROM margin', 'PT423', NULL, 'a table that comes later has triggers, too');
-- an owner has triggers renamed, replaced, and others in their place
CREATE FUNCTION lets_go() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
CREATE FUNCTION makes_tables(t text) RETURNS text LANGUAGE plpgsql AS 'BEGIN CREATE TABLE IF NOT EXISTS made (); RETURN t; END';
SELECT throws_ok($$CREATE OR REPLACE TRIGGER "00_account_hold" BEFORE DELETE ON book FOR EACH ROW EXECUTE FUNCTION lets_go()$$, 'PT423', NULL, 'an owner does not replace the trigger');
SELECT throws_ok($$CREATE OR REPLACE TRIGGER "00_account_hold" BEFORE DELETE ON book FOR EACH ROW WHEN (false) EXECUTE FUNCTION account.hold_delete()$$, 'PT423', NULL,
    'nor makes it fire now and then');
SELECT throws_ok($$CREATE OR REPLACE TRIGGER "00_account_hold" AFTER INSERT ON book FOR EACH ROW EXECUTE FUNCTION account.hold_delete()$$, 'PT423', NULL, 'nor at another time');
SELECT throws_ok($$ALTER TABLE book DISABLE TRIGGER USER, ALTER title TYPE varchar USING makes_tables(title)$$, 'PT423', NULL, 'nor disables it beside a command in the command');
ALTER TRIGGER "00_account_hold" ON book RENAME TO hold;
SELECT throws_ok($$DELETE FROM book WHERE number = 1$$, 'PT423', NULL, 'under another name it keeps rows');
SELECT throws_ok($$DROP TRIGGER hold ON book$$, 'PT423', NULL, 'and is not dropped');
CREATE TRIGGER x BEFORE DELETE ON book FOR EACH ROW WHEN (false) EXECUTE FUNCTION account.hold_delete();
SELECT throws_ok($$DROP TRIGGER hold ON book$$, 'PT423', NULL, 'nor where another looks like it');
CREATE TRIGGER y BEFORE DELETE ON book FOR EACH ROW EXECUTE FUNCTION account.hold_delete();
ALTER TABLE book DISABLE TRIGGER y;
SELECT throws_ok($$DROP TRIGGER hold ON book$$, 'PT423', NULL, 'or does not fire');
CREATE TRIGGER z BEFORE UPDATE OF title ON book FOR EACH ROW EXECUTE FUNCTION account.hold_update();
SELECT throws_ok($$DROP TRIGGER "00_account_hold_update" ON book$$, 'PT423', NULL, 'or looks elsewhere');
ALTER TABLE book ENABLE TRIGGER y;
SELECT lives_ok($$DROP TRIGGER hold ON book$$, 'where another does the same it may go');
SELECT throws_ok($$DELETE FROM book WHERE number = 1$$, 'PT423', NULL, 'the other keeps rows');
SELECT lives_ok($$CREATE OR REPLACE TRIGGER own BEFORE DELETE ON book FOR EACH ROW EXECUTE FUNCTION lets_go()$$, 'triggers of their own are the owner''s');
SELECT lives_ok($$ALTER TABLE book DISABLE TRIGGER own$$, 'to disable');
SELECT lives_ok($$DROP TRIGGER own ON book$$, 'and drop');
CREATE TABLE loose (id int PRIMARY KEY, page int);
INSERT INTO loose VALUES (1, 2);
CREATE TRIGGER own BEFORE DELETE ON loose FOR EACH ROW EXECUTE FUNCTION lets_go();
ALTER TABLE loose DISABLE TRIGGER own, ADD FOREIGN KEY (page) REFERENCES page ON DELETE CASCADE;
SELECT throws_ok('DELETE FROM loose', 'PT423', NULL, 'a table that comes below others has triggers whatever else its command does');
CREATE TABLE taken (id int PRIMARY KEY);
INSERT INTO taken VALUES (1), (2);
CREATE CONSTRAINT TRIGGER "00_account_hold" AFTER DELETE ON taken FOR EACH ROW EXECUTE FUNCTION lets_go();
CREATE TABLE elder (id int PRIMARY KEY);
CREATE TABLE heir () INHERITS (elder);
INSERT INTO elder VALUES (1);
INSERT INTO heir VALUES (1), (2);
RESET ROLE;
SELECT account.place_hold('taken', 1, 'a') \g /dev/null
SELECT throws_ok('DELETE FROM taken WHERE id = 1', 'PT423', NULL, 'an owner''s trigger of that name is in nobody''s way');
SELECT lives_ok('DELETE FROM taken WHERE id = 2', 'and fires');
SELECT isnt(account.place_hold('elder', ARRAY[2, 2], 'a'), NULL, 'a key may be named twice');
SELECT throws_ok($$SELECT account.place_hold('elder', ARRAY[2, 3], 'a')$$, 'PT404', NULL, 'but each has a row');
SELECT throws_ok('DELETE FROM elder WHERE id = 2', 'PT423', NULL, 'a row of a table that inherits');
SELECT lives_ok('DELETE FROM elder WHERE id = 1', 'and no other');
SET ROLE hold_owner;
SELECT throws_ok('ALTER TABLE elder ALTER id TYPE bigint USING id + 10', '0A000', NULL, 'whose key does not change with that of the other');
RESET ROLE;
SELECT lives_ok($$ALTER TABLE margin DISABLE TRIGGER USER$$, 'a superuser disables them');
SELECT is(attempt('DELETE FROM margin'), 'done', 'and passes');
SELECT is((SELECT code || ': ' || remedy FROM account.doctor() WHERE object = 'public.margin' AND code LIKE 'hold%'), 'hold_not_enforced: SELECT account.enforce_holds();', 'which the doctor sees');
SELECT is(account.enforce_holds(), 1::bigint, 'until they are enforced');
SELECT throws_ok('DELETE FROM margin', 'PT423', NULL, 'again');
SET session_replication_role = replica;
SELECT is(attempt('DELETE FROM margin'), 'done', 'a replica applies what comes');
SELECT is(attempt('TRUNCATE margin'), 'done', 'a TRUNCATE, too');
CREATE TABLE lost (id int PRIMARY KEY);
INSERT INTO lost VALUES (1);
SELECT account.place_hold('lost', 1, 'a') \g /dev/null
DELETE FROM lost;
RESET session_replication_role;
SELECT is((SELECT count(*) FROM account.doctor() WHERE object = 'public.lost' AND code = 'hold_without_row'), 1::bigint, 'the doctor sees a hold whose row was removed so');
SELECT is_empty($$SELECT * FROM account.doctor() WHERE code = 'hold_not_enforced'$$, 'and that all are enforced');

-- keys whose text depends on settings, or is not all there is to them
CREATE TABLE at (id timestamptz PRIMARY KEY);
INSERT INTO at VALUES ('2020-01-02 03:04:05+00'), ('2021-01-02 03:04:05+00');
SET datestyle = 'SQL, DMY';
SET timezone = 'America/New_York';
SELECT account.place_hold('at', '2020-01-02 03:04:05+00'::timestamptz, 'a') \g /dev/null
RESET datestyle;
SET timezone = 'Asia/Tokyo';
SELECT throws_ok($$DELETE FROM at WHERE id < '2020-06-01'$$, 'PT423', NULL, 'a time is a time in every zone');
SELECT lives_ok($$DELETE FROM at WHERE id > '2020-06-01'$$, 'and another is another');
CREATE TABLE price (id numeric PRIMARY KEY);
INSERT INTO price VALUES (1.0);
SELECT account.place_hold('price', 1, 'a') \g /dev/null
SELECT throws_ok($$UPDATE price SET id = 2$$, 'PT423', NULL, 'a key does not change');
SELECT throws_ok($$DELETE FROM price$$, 'PT423', NULL, 'whatever its digits');
SELECT throws_ok($$ALTER TABLE price ALTER id TYPE int USING id + 10$$, '0A000', NULL, 'nor by its type');
CREATE TYPE color AS ENUM ('red', 'blue');
CREATE TABLE paint (id color PRIMARY KEY);
INSERT INTO paint VALUES ('red'), ('blue');
SELECT account.place_hold('paint', 'red', 'a') AS a \gset
SELECT lives_ok($$DELETE FROM paint WHERE id = 'blue'$$, 'a label');
ALTER TYPE color RENAME VALUE 'red' TO 'rouge';
INSERT INTO paint VALUES ('blue');
SELECT account.place_hold('paint', 'blue', 'b') \g /dev/null
SELECT throws_ok($$DELETE FROM paint WHERE id = 'rouge'$$, 'PT423', NULL, 'of another name: the row is kept');
SELECT account.release_hold(:a, 'x') \g /dev/null
SELECT lives_ok($$DELETE FROM paint WHERE id = 'rouge'$$, 'until the hold is over');

-- keys that are none of their type any more: all rows of that table are kept, and nobody else's statement fails
CREATE TYPE crate AS (shelf int, name text);
CREATE TABLE crates (id crate PRIMARY KEY);
CREATE TYPE hue AS RANGE (subtype = color);
CREATE TABLE hues (id hue PRIMARY KEY);
CREATE TABLE names (id regclass PRIMARY KEY);
CREATE DOMAIN small AS int;
CREATE TYPE measure AS (inches small);
CREATE TABLE sizes (id measure PRIMARY KEY);
INSERT INTO crates VALUES ('(1,a)'), ('(2,b)');
INSERT INTO hues VALUES ('[blue,blue]'), ('[rouge,rouge]');
INSERT INTO names VALUES ('crates'), ('hues');
INSERT INTO sizes VALUES ('(1)'), ('(2)');
SELECT account.place_hold('crates', (1, 'a')::crate, 'a'), account.place_hold('hues', hue('blue', 'blue', '[]'), 'a'), account.place_hold('names', 'crates'::regclass, 'a'), account.place_hold('sizes', ROW(1)::measure, 'a') \g /dev/null
ALTER TYPE crate ADD ATTRIBUTE weight int;
ALTER TYPE color RENAME VALUE 'blue' TO 'bleu';
ALTER TABLE crates RENAME TO boxes;
ALTER DOMAIN small ADD CHECK (VALUE < 0) NOT VALID;
SELECT throws_ok($$DELETE FROM boxes$$, 'PT423', NULL, 'a composite type with another attribute');
SELECT throws_ok($$DELETE FROM hues$$, 'PT423', NULL, 'a range of a label that has another name');
SELECT throws_ok($$DELETE FROM names$$, 'PT423', NULL, 'a table that has another name');
SELECT throws_ok($$DELETE FROM sizes$$, 'PT423', NULL, 'a row of a domain that does not take it');
SELECT lives_ok($$CREATE TABLE another (id int)$$, 'somebody else makes a table');
SELECT lives_ok($$DELETE FROM price WHERE id < 0$$, 'and deletes where another hold is');
SELECT lives_ok($$SELECT * FROM account.doctor()$$, 'and asks the doctor');
SELECT account.release_hold(id, 'x') FROM account.hold WHERE target IN ('boxes'::regclass, 'hues'::regclass, 'names'::regclass, 'sizes'::regclass) \g /dev/null
SELECT lives_ok($$DELETE FROM boxes; DELETE FROM hues; DELETE FROM names; DELETE FROM sizes$$, 'they go when the holds are over');

-- rows that reference one another
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree ON DELETE CASCADE);
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, NULL), (5, 4);
UPDATE tree SET up = 5 WHERE id = 4;
SELECT account.place_hold('tree', 1, 'a') \g /dev/null
SELECT throws_ok($$DELETE FROM tree WHERE id = 3$$, 'PT423', NULL, 'far below');
SELECT lives_ok($$DELETE FROM tree WHERE id = 5$$, 'a circle that has none');

-- arguments
SELECT throws_ok($$SELECT account.place_hold('tree', 99, 'a')$$, 'PT404', NULL, 'no such row');
SELECT throws_ok($$SELECT account.place_hold('tree', ARRAY[1, 99], 'a')$$, 'PT404', NULL, 'nor one of several');
CREATE TYPE place AS (shelf int, name text);
CREATE TABLE placed (at place, room int, PRIMARY KEY (at, room));
INSERT INTO placed VALUES ('(1,a)', 1);
SELECT throws_ok($$SELECT account.place_hold('placed', '[{"at": "(1,a)", "room": 1}, {"at": "(2,b)", "room": 1}]'::jsonb, 'a')$$,
	'PT404', NULL, 'nor one whose key has a composite value');
SELECT lives_ok($$SELECT account.place_hold('placed', '{"at": "(1,a)", "room": 1}'::jsonb, 'a')$$, 'one that is there takes it');
SELECT is(attempt('DELETE FROM placed'), 'PT423', 'and is under the hold');
SELECT throws_ok($$SELECT account.place_hold('tree', 'x', 'a')$$, '22023', NULL, 'no key');
SELECT throws_ok($$SELECT account.place_hold('tree', 1, ' ')$$, '22023', NULL, 'no reason');
SELECT throws_ok($$SELECT account.place_hold('tree', 1, NULL)$$, '22023', NULL, 'NULL');
SELECT throws_ok($$SELECT account.place_hold(NULL, 1, 'a')$$, '22023', NULL, 'no table');
SELECT throws_ok($$SELECT account.place_hold('account.event', 1, 'a')$$, '22023', NULL, 'a table of the extension');
SELECT throws_ok($$SELECT account.release_hold(0, 'a')$$, 'PT404', NULL, 'no such hold');
SELECT account.place_hold('tree', ARRAY[1, 2], 'both') AS a \gset
SELECT is((SELECT count(*) FROM account.hold WHERE id = :a), 2::bigint, 'one hold on two rows');
SELECT account.release_hold(:a, 'over') \g /dev/null
SELECT throws_ok(format($$SELECT account.release_hold(%s, 'a')$$, :a), 'PT400', NULL, 'released already');
SELECT is((SELECT array_agg(DISTINCT release_reason) FROM account.hold WHERE id = :a), ARRAY['over'], 'what it was for, and why it is over, stays');
SET pgaccount.error_detail = 'generic';
CREATE FUNCTION detail_of(statement text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE said text; BEGIN EXECUTE statement; RETURN 'done'; EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL; RETURN said; END $$;
SELECT matches(detail_of('DELETE FROM tree WHERE id = 2'), '^It is hold \d+ on a row of public\.tree\.$', 'DETAIL names the hold, and no data of the row where that is not wanted');
RESET pgaccount.error_detail;
SELECT matches(detail_of('DELETE FROM tree WHERE id = 2'), '^It would go with key \(id\)=\(1\) of public\.tree, which is under hold \d+\.$', 'and else says with what it would go');

-- of a table that nobody holds any more
DROP TABLE tree;
SELECT is((SELECT count(*) FROM account.hold WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = target)), 0::bigint, 'the records of a table go with it');
SELECT is((SELECT detail->>'reason' FROM account.event WHERE type = 'hold_released' ORDER BY id DESC LIMIT 1), 'its table was dropped', 'and an event tells of a hold that a superuser has ended so');

-- a chain of rows, each of which goes with the one before: none is walked up to its end for each row
CREATE TABLE chain (id int PRIMARY KEY, before int REFERENCES chain ON DELETE CASCADE, deleted_at timestamptz);
CREATE INDEX ON chain (before);
SELECT account.enable_soft_delete('chain') \g /dev/null
INSERT INTO chain SELECT i, nullif(i - 1, 0) FROM generate_series(1, 400) i;
SELECT account.place_hold('chain', 1, 'the first') \g /dev/null
DELETE FROM chain WHERE id = 1;
BEGIN;
SELECT is(account.purge('chain', '0'), 0::bigint, 'a purge keeps a chain that begins under a hold');
SELECT cmp_ok((SELECT seq_scan + idx_scan FROM pg_stat_xact_user_tables WHERE relid = 'chain'::regclass), '<', 4000::bigint, 'and looks at each row of it a few times');
COMMIT;
SELECT matches(detail_of('SELECT account.cleanup(''chain'', 400)'), 'would go with key \(id\)=\(1\) of public\.chain', 'the end of it would go with its begin');
DROP TABLE chain;

-- a trigger of the owner's that changes the key, which the UPDATE does not set, or does once our trigger has looked
CREATE FUNCTION other_key() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := OLD.id + 100; RETURN NEW; END $$;
CREATE TABLE renamed (id int PRIMARY KEY, v int);
CREATE TABLE moved (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE moved_a PARTITION OF moved FOR VALUES FROM (0) TO (100);
CREATE TABLE moved_b PARTITION OF moved FOR VALUES FROM (100) TO (200);
CREATE TRIGGER zz BEFORE UPDATE ON renamed FOR EACH ROW WHEN (NEW.v = 9) EXECUTE FUNCTION other_key();
CREATE TRIGGER zz BEFORE UPDATE ON moved_a FOR EACH ROW WHEN (NEW.v = 9) EXECUTE FUNCTION other_key();
INSERT INTO renamed VALUES (1, 1), (2, 2);
INSERT INTO moved VALUES (1, 1), (2, 2), (150, 1);
SELECT account.place_hold('renamed', 1, 'a'), account.place_hold('moved', 1, 'b') \g /dev/null
SELECT throws_ok('UPDATE renamed SET v = 9', 'PT423', NULL, 'a row under a hold gets no other key by a trigger');
SELECT throws_ok('UPDATE renamed SET id = id, v = 9', 'PT423', NULL, 'whatever the statement sets');
SELECT throws_ok('UPDATE moved SET v = 9', 'PT423', NULL, 'nor is it moved to another partition with another key');
SELECT lives_ok('UPDATE renamed SET v = 9 WHERE id = 2', 'other rows do as their triggers say');
SELECT lives_ok('UPDATE moved SET v = 9 WHERE id = 2', 'and are moved');
SELECT lives_ok('UPDATE renamed SET v = 3 WHERE id = 1', 'a row under a hold may change otherwise');
ALTER TABLE renamed OWNER TO hold_owner;
SET ROLE hold_owner;
SELECT throws_ok('DROP TRIGGER "00_account_hold_updated" ON renamed', 'PT423', NULL, 'its owner does not drop the trigger that looks');
RESET ROLE;
DROP TABLE renamed, moved;
DROP OWNED BY hold_owner CASCADE;
DROP ROLE hold_owner;
SELECT * FROM finish();
