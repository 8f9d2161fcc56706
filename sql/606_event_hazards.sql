-- What once kept an event from being recorded, or a statement from being run.
SET client_min_messages = warning;
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

DROP SCHEMA eh CASCADE;
