-- What failures tell, and what they must not: whom a registration or login was about; SQLSTATEs without end; words
-- to a client that asked for none.
SET client_min_messages = error;
CREATE ROLE regress_fb_owner;
CREATE SCHEMA fb;
SELECT account.create_starter('fb');
SELECT account.create_key(kid => 'bounds') AS kid;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
CREATE FUNCTION fb.recorded(start bigint, n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE found int;
BEGIN
    FOR i IN 1 .. 1000 LOOP
        SELECT count(*) INTO found FROM account.event WHERE id > start AND outcome = 'failure';
        EXIT WHEN found >= n AND (SELECT waiting = 0 FROM account.event_queue());
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN found;
END $$;
SELECT fb.recorded(0, 0) >= 0 AS quiet;
SELECT account.stats_reset();
\set VERBOSITY terse

-- the subject of a registration that fails is its email, of a login the login; of a known user, its id
SELECT coalesce(max(id), 0) AS start FROM account.event \gset
SELECT email FROM account.register('ann@x.org', 'a-long-secret', 'ann');
SELECT max(id) AS start FROM account.event \gset
SELECT account.register('ANN@x.org', 'a-long-secret-2', 'other'); -- fails
SELECT account.register('new@x.org', 'a-long-secret-3', 'ann'); -- fails
SELECT account.register('no email', 'a-long-secret-4'); -- fails
SELECT account.register('short@x.org', 'short'); -- fails
SELECT account.register('lost@x.org', 'a-long-secret-5', tenant => 'nowhere'); -- fails
SELECT account.register(NULL, 'a-long-secret-6'); -- fails
SELECT status, error FROM account.login('Nobody@x.org', 'a-long-secret-7');
SELECT status, error FROM account.login('ann', 'a-long-secret-8');
BEGIN;
DELETE FROM account.signing_key;
SAVEPOINT s;
SELECT account.login('ann', 'a-long-secret'); -- fails
ROLLBACK;
SELECT fb.recorded(:start, 9);
SELECT type, error_code, coalesce(detail ->> 'operation', 'login') AS operation,
    CASE WHEN e.subject = u.id::text THEN 'the user ' || u.email ELSE e.subject END AS subject
FROM account.event AS e LEFT JOIN fb.users AS u ON u.id::text = e.subject WHERE e.id > :start AND outcome = 'failure' ORDER BY 3, 4, 2;
SELECT count(*) AS secrets FROM account.event AS e WHERE e::text LIKE '%long-secret%';

-- a table's owner invents SQLSTATEs: his operation has 16 of its own, and a row for all others; nobody else loses one
SELECT account.stats_reset();
DO $$ BEGIN PERFORM account.activate_key('none'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
GRANT USAGE, CREATE ON SCHEMA fb TO regress_fb_owner;
GRANT USAGE ON SCHEMA account TO regress_fb_owner;
SET ROLE regress_fb_owner;
CREATE TABLE fb.filler (id int PRIMARY KEY, deleted_at timestamptz);
INSERT INTO fb.filler VALUES (1);
SELECT account.enable_soft_delete('fb.filler');
CREATE FUNCTION fb.invent() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = current_setting('fb.state'), MESSAGE = 'm'; END $$;
CREATE TRIGGER invent BEFORE UPDATE ON fb.filler FOR EACH ROW EXECUTE FUNCTION fb.invent();
DO $$ BEGIN
    FOR i IN 1 .. 6000 LOOP
        PERFORM set_config('fb.state', 'Y' || lpad(i::text, 4, '0'), true);
        BEGIN DELETE FROM fb.filler; EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP;
END $$;
RESET ROLE;
SELECT operation, count(*), count(error_code) AS named, sum(calls) AS calls, sum(calls) FILTER (WHERE error_code IS NULL) AS others
FROM account.failures WHERE operation IN ('activate_key', 'soft_delete') GROUP BY operation ORDER BY operation;
SELECT failures FROM account.stats WHERE operation = 'soft_delete';
SELECT error_code, calls FROM account.failures WHERE operation = 'soft_delete' ORDER BY error_code NULLS LAST OFFSET 14;
SELECT account.stats_reset();
SELECT count(*) FROM account.failures WHERE operation = 'soft_delete';

-- what is slow is logged; the client of a plain statement hears nothing of it, nor does a caller
SET client_min_messages = notice;
SET fb.state = 'Y0000';
SET pgaccount.slow_threshold = 0;
INSERT INTO fb.users (email) VALUES ('slow@x.org');
DELETE FROM fb.users WHERE email = 'slow@x.org';
DELETE FROM fb.filler; -- fails
SELECT status FROM account.login('nobody', 'a-long-secret');
SHOW client_min_messages;
RESET pgaccount.slow_threshold;
SET client_min_messages = error;
SELECT operation, slow FROM account.stats WHERE operation IN ('login', 'soft_delete') ORDER BY operation;

SELECT account.forget_tables();
DROP SCHEMA fb CASCADE;
DELETE FROM account.signing_key WHERE kid = 'bounds';
DROP OWNED BY regress_fb_owner;
DROP ROLE regress_fb_owner;
