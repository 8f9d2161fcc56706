-- Health in each state, and what the doctor says of keys, tenants and events; each remedy mends its finding.
SET client_min_messages = error;
SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(account.health()) AS k;
DELETE FROM account.signing_key;
SELECT account.health() - 'timestamp' - 'version' - 'queue' - 'database' AS health, account.health() ->> 'database' = current_database() AS database;
SELECT account.health() -> 'queue' ->> 'capacity' AS capacity, (account.health() ->> 'timestamp')::timestamptz - clock_timestamp() < '1 min' AS now,
    account.health() ->> 'version' = extversion AS version FROM pg_extension WHERE extname = 'pgaccount';
CREATE SCHEMA hd;
SELECT account.create_starter('hd');
SELECT account.health() ->> 'status' AS status, account.health() ->> 'model' AS model, account.health() -> 'keys' AS keys;
SELECT account.create_key(kid => 'health');
SELECT account.health() ->> 'status' AS status, account.health() -> 'keys' AS keys;
-- never raises, and leaves the transaction as it was: a library of another version, a model that lost its column
\c -
BEGIN;
SAVEPOINT s;
UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pgaccount';
SELECT account.health() ->> 'status' AS status, account.health() ->> 'error' AS error;
CREATE TABLE hd.kept (id int);
ROLLBACK TO s;
SELECT account.health() ->> 'status' AS status;
ROLLBACK;
BEGIN READ ONLY;
SELECT account.health() ->> 'status' AS status;
COMMIT;
SET client_min_messages = error;
CREATE TABLE hd.plain (id int PRIMARY KEY, mail text);
BEGIN;
SELECT count(*) FROM account.use_tables('hd.plain', columns => '{"users": {"email": "mail"}}');
ALTER TABLE hd.plain DROP COLUMN mail;
SELECT account.health() ->> 'status' AS status, account.health() ->> 'model' AS model;
SELECT code, object FROM account.doctor() WHERE code = 'model_incomplete' AND severity = 'error';
DROP TABLE hd.plain CASCADE;
SELECT account.health() ->> 'status' AS status, account.health() ->> 'model' AS model;
SELECT object, message FROM account.doctor() WHERE code = 'model_incomplete' AND severity = 'error';
SELECT account.forget_tables();
SELECT account.health() ->> 'status' AS status, account.health() ->> 'model' AS model;
ROLLBACK;

-- each finding, and its remedy
CREATE TABLE hd.notes (id int PRIMARY KEY, tenant_id uuid REFERENCES hd.tenants);
CREATE INDEX ON hd.notes (tenant_id);
CREATE TABLE hd.secured (id int PRIMARY KEY, tenant_id uuid REFERENCES hd.tenants);
CREATE INDEX ON hd.secured (tenant_id);
-- partitions and children that came to isolated tables, with a key or without one, before these were followed; row
-- security that somebody has turned off
CREATE TABLE hd.filed (id int PRIMARY KEY, tenant_id uuid REFERENCES hd.tenants) PARTITION BY RANGE (id);
CREATE INDEX ON hd.filed (tenant_id);
CREATE TABLE hd.filed_1 PARTITION OF hd.filed FOR VALUES FROM (0) TO (10);
CREATE TABLE hd.noted ("The tenant" uuid);
CREATE TABLE hd.noted_own (LIKE hd.noted);
ALTER TABLE hd.noted_own ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON hd.noted_own USING (true);
CREATE TABLE hd.unforced (tenant_id uuid);
SELECT account.enable_tenant_isolation('hd.filed'), account.enable_tenant_isolation('hd.noted', 'The tenant'), account.enable_tenant_isolation('hd.unforced');
ALTER TABLE hd.unforced DISABLE ROW LEVEL SECURITY;
ALTER EVENT TRIGGER pgaccount_parts_attached DISABLE;
CREATE TABLE hd.filed_2 PARTITION OF hd.filed FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE hd.filed_2a PARTITION OF hd.filed_2 FOR VALUES FROM (10) TO (15);
CREATE TABLE hd.noted_child () INHERITS (hd.noted);
CREATE TABLE hd."noted's child" () INHERITS (hd.noted_child);
ALTER TABLE hd.noted_own INHERIT hd.noted;
ALTER EVENT TRIGGER pgaccount_parts_attached ENABLE;
-- these are
CREATE TABLE hd.filed_3 PARTITION OF hd.filed FOR VALUES FROM (20) TO (30);
CREATE TABLE hd.noted_late () INHERITS (hd.noted_child);
-- who owns one of them, and nothing of the model, sees what is about that
CREATE ROLE regress_hd_owner;
GRANT USAGE ON SCHEMA hd TO regress_hd_owner;
ALTER TABLE hd.noted_child OWNER TO regress_hd_owner;
SET ROLE regress_hd_owner;
SELECT severity, code, object, message, remedy FROM account.doctor();
RESET ROLE;
ALTER TABLE hd.secured ENABLE ROW LEVEL SECURITY;
UPDATE account.signing_key SET activated_at = now() - interval '2 years' WHERE kid = 'health';
UPDATE account.event SET at = at - interval '2 years' WHERE id = (SELECT min(id) FROM account.event);
SELECT severity, code, object, message, remedy FROM account.doctor() WHERE code IN ('key_old', 'tenant_not_isolated', 'events_expired') ORDER BY code, object COLLATE "C";
\set QUIET on
\o /dev/null
SELECT remedy FROM account.doctor() WHERE code IN ('key_old', 'tenant_not_isolated', 'events_expired') ORDER BY code, object COLLATE "C" \gexec
\o
\set QUIET off
SELECT code, object FROM account.doctor() WHERE code IN ('key_old', 'tenant_not_isolated', 'events_expired');
SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'hd' AND policyname LIKE 'pgaccount%' ORDER BY 1, 2;
SELECT relname FROM pg_class WHERE relnamespace = 'hd'::regnamespace AND relname ~ '^(filed|noted|unforced)' AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity);
DROP OWNED BY regress_hd_owner CASCADE;
DROP ROLE regress_hd_owner;
SELECT count(*) FROM account.doctor() WHERE code IN ('not_preloaded', 'events_unattended', 'events_dropped');

-- where users have no tenant, isolation would hide every row: none is proposed
CREATE TABLE hd.memos (id int PRIMARY KEY, tenant_id uuid REFERENCES hd.tenants);
SELECT code, object FROM account.doctor() WHERE code = 'tenant_not_isolated';
SELECT count(*) > 0 AS mapped FROM account.use_tables('hd.users', tenants => 'hd.tenants', columns => '{"users": {"tenant": null}}');
SELECT code, object FROM account.doctor() WHERE code = 'tenant_not_isolated';

-- what everybody might call, and may not any more; who needs it fails
CREATE ROLE hd_reader;
GRANT USAGE ON SCHEMA hd TO hd_reader;
CREATE TABLE hd.own (tenant_id uuid);
SELECT account.enable_tenant_isolation('hd.own');
GRANT SELECT ON hd.own TO hd_reader;
REVOKE EXECUTE ON FUNCTION account.tenant_uuid(), account.jwks() FROM PUBLIC;
SET ROLE hd_reader;
\set VERBOSITY sqlstate
SELECT * FROM hd.own; -- fails
\set VERBOSITY default
RESET ROLE;
SELECT severity, code, object, message, remedy FROM account.doctor() WHERE code = 'public_execute_revoked';
\set QUIET on
\o /dev/null
SELECT remedy FROM account.doctor() WHERE code = 'public_execute_revoked' \gexec
\o
\set QUIET off
SET ROLE hd_reader;
SELECT * FROM hd.own;
SELECT count(*) FROM account.doctor() WHERE code = 'public_execute_revoked';
RESET ROLE;
SELECT count(*) FROM account.doctor() WHERE code = 'public_execute_revoked';

SELECT account.forget_tables();
DROP SCHEMA hd CASCADE;
DROP ROLE hd_reader;
DELETE FROM account.signing_key WHERE kid = 'health' OR signs;
