-- Events: recorded by the transaction that did it, for whoever did it by whatever statement.
SET client_min_messages = warning;
CREATE ROLE regress_ev_app;
CREATE ROLE regress_ev_writer;
GRANT pg_write_all_data, pg_read_all_data TO regress_ev_writer;
SELECT account.grant_api('regress_ev_app');
CREATE SCHEMA ev;
SELECT account.create_starter('ev');
ALTER TABLE ev.users DISABLE ROW LEVEL SECURITY; -- roles write it themselves
GRANT USAGE ON SCHEMA ev TO regress_ev_app;
GRANT SELECT, UPDATE, DELETE ON ev.users TO regress_ev_app;
SELECT account.create_key(kid => 'events') AS kid;
-- what the files before have left in the queue comes first
DO $$ BEGIN FOR i IN 1 .. 700 LOOP EXIT WHEN (SELECT waiting = 0 FROM account.event_queue()); PERFORM pg_sleep(0.1); END LOOP; END $$;
SELECT max(id) AS start FROM account.event \gset
CREATE VIEW ev.events AS SELECT row_number() OVER (ORDER BY e.id) AS n, e.type, e.outcome, e.actor = session_user AS by_role, u.email AS subject, nullif(e.ip, inet_client_addr()) AS ip, e.error_code,
    e.detail FROM account.event AS e LEFT JOIN ev.users AS u ON u.id::text = e.subject WHERE e.id > current_setting('ev.start')::bigint;
SET ev.start = :start;
SET pgaccount.show_deleted = on;

-- registration, login, refresh, logout: as an application's role
INSERT INTO ev.tenants (slug, modules) VALUES ('acme', '[]');
SET ROLE regress_ev_app;
SELECT email FROM account.register('ann@x.org', 'a-right-secret', 'ann', 'acme');
BEGIN;
SELECT email FROM account.register('gone@x.org', 'a-right-secret');
ROLLBACK;
SELECT status, error FROM account.login('ann', 'a-wrong-secret', '10.0.0.7', 'agent/1');
SELECT status, error FROM account.login('nobody', 'a-wrong-secret');
SELECT status, error, refresh_token AS token FROM account.login('ann', 'a-right-secret', '10.0.0.7', 'agent/1') \gset
SELECT status, error, refresh_token AS token2 FROM account.refresh(:'token', '2001:db8::1') \gset
RESET ROLE;
SET pgaccount.refresh_grace = 0;
SELECT status, error FROM account.refresh(:'token');
SELECT status, error FROM account.refresh('no token');
RESET pgaccount.refresh_grace;
SELECT refresh_token AS token FROM account.login('ann', 'a-right-secret') \gset
SELECT account.logout(:'token'), account.logout(:'token');
SELECT id AS ann FROM ev.users WHERE email = 'ann@x.org' \gset
BEGIN;
SELECT account.act_as(:'ann') = :'ann' AS acting;
SELECT account.revoke_sessions(:'ann');
SELECT account.set_password(:'ann', 'another-secret');
COMMIT;
SELECT * FROM ev.events ORDER BY n;
SELECT count(*) FILTER (WHERE tenant_id = (SELECT id::text FROM ev.tenants)) AS of_tenant, count(*) FILTER (WHERE duration_ms >= 0) AS timed, count(*)
    FROM account.event WHERE id > :start;

-- keys
SELECT max(id) AS start FROM account.event \gset
SET ev.start = :start;
SELECT account.create_key(kid => 'events-2', activate => false);
SELECT account.activate_key('events-2'), account.activate_key('events-2');
SELECT account.retire_key('events');
SELECT account.retire_key('events');
SELECT type, outcome, e.subject, detail FROM account.event AS e WHERE id > :start ORDER BY id;

-- deletion by a plain statement: soft, restored, hard, purged; who, from where, why
SELECT max(id) AS start FROM account.event \gset
SET ev.start = :start;
SET ROLE regress_ev_app;
BEGIN;
SELECT account.set_client_ip('192.0.2.1');
DELETE FROM ev.users WHERE email = 'ann@x.org';
COMMIT;
RESET ROLE;
BEGIN;
SET LOCAL request.headers = '{"x-forwarded-for": "198.51.100.4, 10.0.0.1", "user-agent": "agent/2"}';
SET LOCAL request.jwt.claims = '{"sub": "somebody"}';
UPDATE ev.users SET deleted_at = NULL, is_deleted = false WHERE email = 'ann@x.org';
COMMIT;
BEGIN;
SET LOCAL request.headers = 'no json';
SET LOCAL pghistory.context_metadata = '{"user": 42}';
UPDATE ev.users SET is_deleted = true WHERE email = 'ann@x.org';
COMMIT;
UPDATE ev.users SET is_active = is_active;
SELECT account.purge('ev.users', '0');
INSERT INTO ev.users (email) VALUES ('bob@x.org'), ('cleo@x.org'), ('dan@x.org');
BEGIN;
SELECT account.act_as(id::text) = id::text AS acting FROM ev.users WHERE email = 'bob@x.org';
SELECT count(account.cleanup('ev.users', id)) FROM ev.users WHERE email = 'cleo@x.org';
COMMIT;
SELECT n, type, outcome, by_role, ip, detail - 'key' AS detail FROM ev.events ORDER BY n;
SELECT count(*) FROM account.event WHERE id > :start AND actor IN ('somebody', '42') AND detail ? 'unverified_actor';

-- an address that a login was given is its caller's word; one from the headers is anybody's
SELECT max(id) AS start FROM account.event \gset
BEGIN;
SET LOCAL request.headers = '{"x-forwarded-for": "198.51.100.4"}';
SELECT (account.login('nobody', 'a-wrong-secret')).status, (account.login('nobody', 'a-wrong-secret', '192.0.2.2')).status;
SELECT account.set_client_ip('192.0.2.1');
SELECT (account.login('nobody', 'a-wrong-secret')).status;
COMMIT;
SELECT ip, detail ->> 'unverified_ip' AS unverified FROM account.event WHERE id > :start ORDER BY id;

-- one row each, whatever the statement; what rolls back was not
SELECT max(id) AS start FROM account.event \gset
SET ev.start = :start;
INSERT INTO ev.users (email) SELECT 'u' || i FROM generate_series(1, 2500) AS i;
BEGIN;
SAVEPOINT a;
DELETE FROM ev.users WHERE email LIKE 'u1%';
SELECT count(*) AS inside FROM ev.events;
ROLLBACK TO a;
DELETE FROM ev.users WHERE email LIKE 'u2%';
SAVEPOINT b;
UPDATE ev.users SET deleted_at = NULL, is_deleted = false WHERE email = 'u2';
RELEASE b;
DELETE FROM ev.users WHERE email LIKE 'u2%';
COMMIT;
WITH gone AS (DELETE FROM ev.users WHERE email LIKE 'u3%' RETURNING email) SELECT count(*) FROM gone;
DELETE FROM ev.users WHERE email LIKE 'u%';
SELECT type, count(*), count(DISTINCT e.subject) AS subjects FROM account.event AS e WHERE id > :start GROUP BY type ORDER BY type;
SELECT count(*) AS deleted FROM ev.users WHERE email LIKE 'u%' AND deleted_at IS NOT NULL;

-- off
SET pgaccount.log_events = off;
SELECT max(id) AS start FROM account.event \gset
DELETE FROM ev.users WHERE email = 'dan@x.org';
SELECT status FROM account.login('bob@x.org', 'a-wrong-secret');
RESET pgaccount.log_events;
SELECT count(*) FROM account.event WHERE id > :start;

-- append-only: no grant and no membership lets anybody change events
GRANT ALL ON account.event TO regress_ev_app;
\set VERBOSITY terse
SET ROLE regress_ev_writer;
UPDATE account.event SET outcome = 'success'; -- fails
DELETE FROM account.event; -- fails
INSERT INTO account.event (at, type, outcome) VALUES (now(), 'user_deleted', 'success'); -- fails
SET ROLE regress_ev_app;
UPDATE account.event SET outcome = 'success' WHERE false; -- fails
DELETE FROM account.event; -- fails
TRUNCATE account.event; -- fails
COPY account.event (at, type, outcome) FROM stdin; -- fails
\.
SET session_replication_role = replica; -- fails
SELECT account.prune_events(); -- fails
SELECT nextval('account.event_id_seq'); -- fails
RESET ROLE;
REVOKE ALL ON account.event FROM regress_ev_app;
SET ROLE regress_ev_app;
SELECT count(*) FROM account.event; -- fails
SET pgaccount.client_ip = '1.2.3.4'; -- fails
SET pgaccount.log_events = off; -- fails
RESET ROLE;
\set VERBOSITY default

-- an administrator's own column, index and row trigger see the events
ALTER TABLE account.event ADD COLUMN noted text DEFAULT 'x';
CREATE INDEX event_email ON account.event ((detail ->> 'email')) WHERE type = 'user_deleted';
CREATE TABLE ev.copy (type text, email text, who name);
CREATE FUNCTION ev.copy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ev.copy VALUES (NEW.type, NEW.detail ->> 'email', current_user); RETURN NULL; END $$;
CREATE TRIGGER copy AFTER INSERT ON account.event FOR EACH ROW EXECUTE FUNCTION ev.copy();
UPDATE ev.users SET deleted_at = NULL, is_deleted = false WHERE email = 'dan@x.org';
SET ROLE regress_ev_app;
DELETE FROM ev.users WHERE email = 'dan@x.org';
RESET ROLE;
SELECT noted FROM account.event ORDER BY id DESC LIMIT 1;
SELECT type, email, who = (SELECT tableowner FROM pg_tables WHERE schemaname = 'account' AND tablename = 'event') AS as_owner FROM ev.copy;
SET enable_seqscan = off;
SELECT count(*) FROM account.event WHERE type = 'user_deleted' AND detail ->> 'email' = 'dan@x.org' AND id > :start;
RESET enable_seqscan;
DROP TRIGGER copy ON account.event;
DROP INDEX account.event_email;
ALTER TABLE account.event DROP COLUMN noted;
-- with a column gone before the end, rows are still right
UPDATE ev.users SET deleted_at = NULL, is_deleted = false WHERE email = 'dan@x.org';
SELECT type, detail ->> 'email' AS email FROM account.event ORDER BY id DESC LIMIT 1;

-- retention
BEGIN;
UPDATE account.event SET at = at - interval '400 days' WHERE id <= :start;
SELECT count(*) AS old FROM account.event WHERE id <= :start \gset
SELECT code, remedy FROM account.doctor() WHERE code = 'events_expired';
SELECT account.prune_events() = :old AS pruned_all;
SELECT code FROM account.doctor() WHERE code = 'events_expired';
SELECT count(*) > 0 AS some_stay FROM account.event;
ROLLBACK;

-- a partitioned users table: rows that move are not deleted; a statement on a partition counts
CREATE TABLE ev.members (id int, region text, email text, deleted_at timestamptz, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE ev.members_a PARTITION OF ev.members FOR VALUES IN ('a');
CREATE TABLE ev.members_b PARTITION OF ev.members FOR VALUES IN ('b');
SELECT account.enable_soft_delete('ev.members');
SELECT count(*) FROM account.use_tables('ev.members', columns => '{"users": {"id": "id"}}');
INSERT INTO ev.members SELECT i, 'a', 'm' || i FROM generate_series(1, 4) AS i;
SELECT max(id) AS start FROM account.event \gset
UPDATE ev.members SET region = 'b' WHERE id = 1;
DELETE FROM ev.members WHERE id = 1;
DELETE FROM ev.members_a WHERE id = 2;
SELECT type, e.subject, detail FROM account.event AS e WHERE id > :start ORDER BY id;

SELECT account.forget_tables();
SET client_min_messages = error;
DROP SCHEMA ev CASCADE;
DELETE FROM account.signing_key WHERE kid LIKE 'events%';
DROP OWNED BY regress_ev_app, regress_ev_writer;
DROP ROLE regress_ev_app, regress_ev_writer;
