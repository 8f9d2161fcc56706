-- What once kept an event from being recorded, or a statement from being run.
SET client_min_messages = warning;
-- a key, so that it is told what tokens are good for
SELECT account.create_key() \g /dev/null
CREATE SCHEMA eh;

-- a client's address, and a statement that parallel workers run
CREATE TABLE eh.many AS SELECT i FROM generate_series(1, 20000) AS i;
ANALYZE eh.many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
BEGIN;
SELECT account.set_client_ip('192.0.2.7');
DO $$
DECLARE line text;
BEGIN
    FOR line IN EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT count(*) FROM eh.many WHERE i % 2 = 0 LOOP
        IF line ~ 'Workers Launched: [12]' THEN RAISE WARNING 'there were workers'; END IF;
    END LOOP;
END $$;
SELECT count(*) FROM eh.many WHERE i % 2 = 0;
COMMIT;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- a partitioned users table: who is removed is told from who moves, by root and by partition
CREATE TABLE eh.member (id int, region text, email text, is_active boolean DEFAULT true, gone boolean DEFAULT false, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE eh.member_a PARTITION OF eh.member FOR VALUES IN ('a');
CREATE TABLE eh.member_b (gone boolean DEFAULT false, email text, id int NOT NULL, region text NOT NULL, is_active boolean);
ALTER TABLE eh.member ATTACH PARTITION eh.member_b FOR VALUES IN ('b');
SELECT count(*) > 0 AS mapped FROM account.use_tables('eh.member', columns => '{"users": {"flag": "gone"}}');
INSERT INTO eh.member SELECT i, CASE WHEN i < 5 THEN 'a' ELSE 'b' END, 'm' || i || '@example.org' FROM generate_series(1, 8) AS i;
SELECT coalesce(max(id), 0) AS start FROM account.event \gset
DELETE FROM eh.member WHERE id = 1;
DELETE FROM eh.member_a WHERE id = 2;
DELETE FROM eh.member_b WHERE id = 5;
UPDATE eh.member SET region = 'b' WHERE id = 3;
UPDATE eh.member SET region = 'a', gone = true WHERE id = 3;
UPDATE eh.member SET region = 'b', gone = false WHERE id = 3;
UPDATE eh.member SET gone = true WHERE id = 4;
DELETE FROM eh.member WHERE id = 4;
BEGIN;
DELETE FROM eh.member_b WHERE id = 6;
SAVEPOINT s;
DELETE FROM eh.member_b WHERE id = 7;
ROLLBACK TO s;
UPDATE eh.member SET region = 'a' WHERE id = 8;
DELETE FROM eh.member WHERE id = 8;
COMMIT;
SELECT type, e.subject, detail ->> 'email' AS email, detail ->> 'deletion' AS deletion FROM account.event AS e WHERE id > :start ORDER BY id;
SELECT id, region FROM eh.member ORDER BY id;
-- the same of a purge
SELECT account.enable_soft_delete('eh.member', flag => 'gone');
SELECT count(*) > 0 AS mapped FROM account.use_tables('eh.member');
SELECT coalesce(max(id), 0) AS start FROM account.event \gset
DELETE FROM eh.member;
SELECT account.purge('eh.member', '0');
SELECT type, string_agg(e.subject, ',' ORDER BY e.subject) AS subjects FROM account.event AS e WHERE id > :start GROUP BY type ORDER BY type;

-- operations that were not counted
SELECT account.stats_reset();
SELECT account.export_user('7'); -- fails
CALL account.purge_batches('eh.member', '0');
DO $$ BEGIN CALL account.purge_batches('eh.many'); END $$; -- fails
SELECT operation, calls, failures FROM account.stats WHERE operation IN ('export_user', 'purge_batches') ORDER BY 1;

-- a sequence that was renamed
ALTER SEQUENCE account.event_id_seq RENAME TO another_name;
SELECT coalesce(max(id), 0) AS start FROM account.event \gset
INSERT INTO eh.member VALUES (9, 'a', 'm9@example.org');
DELETE FROM eh.member WHERE id = 9;
SELECT type, subject FROM account.event WHERE id > :start AND type LIKE 'user\_%';
ALTER SEQUENCE account.another_name RENAME TO event_id_seq;

SELECT account.forget_tables();
DROP SCHEMA eh CASCADE;
