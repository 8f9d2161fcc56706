-- Failures outlive the rollback that belongs to them; statistics count them once.
SET client_min_messages = error;
CREATE ROLE regress_fa_app;
CREATE ROLE regress_fa_monitor;
GRANT pg_monitor TO regress_fa_monitor;
CREATE SCHEMA fa;
SELECT account.create_starter('fa');
SELECT account.create_key(kid => 'failures') AS kid;
SELECT account.grant_api('regress_fa_app');
-- waits until so many failures are recorded after an event, and then a little for one too many
CREATE FUNCTION fa.recorded(start bigint, n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE found int;
BEGIN
    FOR i IN 1 .. 500 LOOP
        SELECT count(*) INTO found FROM account.event WHERE id > start AND type = 'operation_failed';
        EXIT WHEN found >= n AND (SELECT waiting = 0 FROM account.event_queue());
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN found;
END $$;
SELECT fa.recorded(0, 0) >= 0 AS quiet;
SELECT account.stats_reset();
SELECT coalesce(max(id), 0) AS start FROM account.event \gset

\set VERBOSITY terse
SET ROLE regress_fa_app;
-- alone, in a block that is rolled back, after a savepoint, in an exception block, twice in one
SELECT account.set_password('17', 'a-new-secret'); -- fails
BEGIN;
SELECT account.set_password('18', 'a-new-secret'); -- fails
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT account.authenticate('no.token.here'); -- fails
ROLLBACK TO s;
COMMIT;
DO $$ BEGIN
    BEGIN PERFORM account.revoke_sessions('19'); EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN PERFORM account.register('no email', 'a-new-secret'); EXCEPTION WHEN OTHERS THEN NULL; END;
END $$;
RESET ROLE;
\set VERBOSITY default
SELECT fa.recorded(:start, 5);
SELECT outcome, actor = session_user AS by_role, e.subject, error_code, detail FROM account.event AS e WHERE id > :start ORDER BY id;
SELECT operation, calls, failures, slow, last_error, last_error_at IS NOT NULL AS timed FROM account.stats ORDER BY operation COLLATE "C";
SELECT operation, error_code, calls, account.http_status(error_code) FROM account.failures ORDER BY operation COLLATE "C", error_code;

-- an operation inside another: each counted, the failure remembered once
SELECT account.stats_reset();
SELECT max(id) AS start FROM account.event \gset
CREATE TABLE fa.odd (id int PRIMARY KEY, deleted_at text);
CREATE FUNCTION fa.inner_fails() RETURNS void LANGUAGE sql BEGIN ATOMIC SELECT account.enable_soft_delete('fa.odd'); END;
DO $$ BEGIN PERFORM fa.inner_fails(); EXCEPTION WHEN OTHERS THEN RAISE EXCEPTION 'wrapped: %', SQLERRM; END $$; -- fails
CREATE SCHEMA fa2;
CREATE TABLE fa2.profiles (id int);
DO $$ BEGIN PERFORM account.create_starter('fa2'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
SELECT fa.recorded(:start, 2);
SELECT error_code, detail FROM account.event WHERE id > :start ORDER BY id;
SELECT operation, calls, failures FROM account.stats WHERE operation IN ('enable_soft_delete', 'create_starter') ORDER BY 1;

-- an address that the caller says is marked as unverified; that of set_client_ip is not
SELECT max(id) AS start FROM account.event \gset
BEGIN;
SET LOCAL request.headers = '{"x-forwarded-for": "198.51.100.4, 10.0.0.1"}';
DO $$ BEGIN PERFORM account.activate_key('none'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
SELECT account.set_client_ip('192.0.2.1');
DO $$ BEGIN PERFORM account.retire_key('none'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
COMMIT;
SELECT fa.recorded(:start, 2);
SELECT ip, detail ->> 'operation' AS operation, detail ->> 'unverified_ip' AS unverified FROM account.event WHERE id > :start ORDER BY id;

-- refusals that are data count as failures, and are events of their transaction alone
SELECT account.stats_reset();
SELECT max(id) AS start FROM account.event \gset
SELECT (account.login('nobody', 'a-wrong-secret')).status, (account.refresh('nothing')).status;
SELECT fa.recorded(:start, 1);
SELECT type, error_code FROM account.event WHERE id > :start ORDER BY id;
SELECT operation, error_code, calls FROM account.failures ORDER BY 1;

-- a message that an application's trigger makes is not repeated: it might hold anything
SELECT max(id) AS start FROM account.event \gset
CREATE FUNCTION fa.leak() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'row %', NEW; END $$;
CREATE TRIGGER leak BEFORE INSERT ON fa.users FOR EACH ROW EXECUTE FUNCTION fa.leak();
DO $$ BEGIN PERFORM account.register('leak@x.org', 'a-new-secret'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
DROP TRIGGER leak ON fa.users;
SELECT fa.recorded(:start, 1);
SELECT error_code, detail FROM account.event WHERE id > :start;
SELECT last_error FROM account.stats WHERE operation = 'register';

-- DELETE statements are the operation soft_delete, whoever makes them; those that fail are failures
SELECT account.stats_reset();
SELECT max(id) AS start FROM account.event \gset
INSERT INTO fa.users (email) VALUES ('a'), ('b'), ('c');
DELETE FROM fa.users WHERE email = 'a';
PREPARE d AS DELETE FROM fa.users WHERE email = $1;
EXECUTE d('b');
DO $$ BEGIN DELETE FROM fa.users WHERE email = 'nobody'; END $$;
CREATE FUNCTION fa.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM fa.users WHERE email = 'nobody'; PERFORM 1 / 0; RETURN NEW; END $$;
CREATE TRIGGER keep AFTER UPDATE ON fa.users FOR EACH ROW EXECUTE FUNCTION fa.keep();
DELETE FROM fa.users WHERE email = 'c'; -- fails
DROP TRIGGER keep ON fa.users;
SELECT fa.recorded(:start, 1);
SELECT operation, calls, failures, last_error FROM account.stats WHERE operation = 'soft_delete';
SELECT error_code, detail FROM account.event WHERE id > :start AND outcome = 'failure';

-- slow
SELECT account.stats_reset();
SET pgaccount.slow_threshold = 0;
SELECT account.grant_api('regress_fa_app');
SET pgaccount.slow_threshold = -1;
SELECT account.grant_api('regress_fa_app');
RESET pgaccount.slow_threshold;
SELECT operation, calls, slow, failures, total_ms >= max_ms AS total, mean_ms <= max_ms AS mean, p95_ms <= max_ms AS p95, p95_ms > 0 AS some FROM account.stats;

-- not recorded with pgaccount.log_events off; counted all the same
SET pgaccount.log_events = off;
SELECT max(id) AS start FROM account.event \gset
DO $$ BEGIN PERFORM account.activate_key('none'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
RESET pgaccount.log_events;
DO $$ BEGIN PERFORM account.retire_key('none'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
SELECT fa.recorded(:start, 1);
SELECT e.subject, detail FROM account.event AS e WHERE id > :start;
SELECT operation, failures FROM account.stats WHERE operation LIKE '%\_key' ORDER BY 1;

-- who may look
\set VERBOSITY terse
SET ROLE regress_fa_monitor;
SELECT count(*) > 0 AS stats FROM account.stats;
SELECT count(*) > 0 AS failures FROM account.failures;
SELECT capacity > 0 AS capacity, attended FROM account.event_queue();
SELECT count(*) >= 0 AS doctor FROM account.doctor();
SELECT account.stats_reset(); -- fails
SELECT count(*) FROM account.event; -- fails
SET ROLE regress_fa_app;
SELECT count(*) FROM account.stats; -- fails
SELECT count(*) FROM account.failures; -- fails
SELECT account.stats_reset(); -- fails
SELECT account.health() ->> 'library' AS health;
RESET ROLE;
\set VERBOSITY default

SELECT account.forget_tables();
SET client_min_messages = error;
DROP SCHEMA fa, fa2 CASCADE;
DELETE FROM account.signing_key WHERE kid = 'failures';
DROP OWNED BY regress_fa_app, regress_fa_monitor;
DROP ROLE regress_fa_app, regress_fa_monitor;
