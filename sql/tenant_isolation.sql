-- Row security that shows a tenant its own rows.
\set SHOW_CONTEXT never
CREATE ROLE regress_iso_owner;
CREATE ROLE regress_iso_app;
GRANT CREATE ON DATABASE :"DBNAME" TO regress_iso_owner;
SELECT account.create_key('HS256', 'k1', repeat('k', 32)::bytea);
CREATE FUNCTION become(tenant text) RETURNS text LANGUAGE sql AS $$
	SELECT account.authenticate(account.jwt_sign(jsonb_build_object('sub', 'u', 'tenant_id', tenant, 'exp', 4000000000), repeat('k', 32)::bytea, 'HS256', 'k1')) $$;
GRANT SET ON PARAMETER pgaccount.live_check TO regress_iso_owner, regress_iso_app;
SET ROLE regress_iso_owner;
CREATE SCHEMA "Iso S";
GRANT USAGE ON SCHEMA "Iso S" TO regress_iso_app;
SET search_path = "Iso S";
SET pgaccount.live_check = off;
CREATE TABLE "Deals" (id int PRIMARY KEY, "Tenant" int, what text);
CREATE INDEX ON "Deals" ("Tenant");
INSERT INTO "Deals" SELECT i, i % 3, 'deal ' || i FROM generate_series(1, 9) i;
INSERT INTO "Deals" VALUES (10, NULL, 'nobody''s');
GRANT ALL ON "Deals" TO regress_iso_app;
SELECT account.enable_tenant_isolation('"Deals"', 'Tenant');
SELECT account.enable_tenant_isolation('"Deals"', 'Tenant');
SELECT polname, polpermissive, polcmd, pg_get_expr(polqual, polrelid) AS reads, pg_get_expr(polwithcheck, polrelid) AS writes FROM pg_policy WHERE polrelid = '"Deals"'::regclass ORDER BY 1;

-- nobody: no rows, and none can be written, by the owner neither
SELECT count(*) FROM "Deals";
INSERT INTO "Deals" VALUES (11, 1, 'x');	-- fails
UPDATE "Deals" SET what = 'x';
SET ROLE regress_iso_app;
SELECT count(*) FROM "Deals";
DELETE FROM "Deals";
-- a tenant: its own
BEGIN;
SELECT public.become('1');
SELECT id FROM "Deals" ORDER BY id;
UPDATE "Deals" SET what = 'mine';
DELETE FROM "Deals" WHERE id IN (1, 2);
INSERT INTO "Deals" VALUES (11, 1, 'ours');
SAVEPOINT s;
INSERT INTO "Deals" VALUES (12, 2, 'theirs');	-- fails
ROLLBACK TO s;
UPDATE "Deals" SET "Tenant" = 2;	-- fails
ROLLBACK TO s;
UPDATE "Deals" SET "Tenant" = NULL;	-- fails
ROLLBACK TO s;
INSERT INTO "Deals" VALUES (5, 1, 'id of another tenant') ON CONFLICT (id) DO UPDATE SET what = 'taken';	-- fails
ROLLBACK TO s;
SELECT public.become('2');
SELECT id FROM "Deals" ORDER BY id;
SELECT public.become('not a number');
SELECT count(*) FROM "Deals";
SELECT account.sign_out();
SELECT count(*) FROM "Deals";
ROLLBACK;
-- an index serves
BEGIN;
SELECT public.become('1');
SET LOCAL enable_seqscan = off;
DO $$
DECLARE
	line text;
BEGIN
	FOR line IN EXPLAIN (COSTS OFF) SELECT * FROM "Deals" LOOP
		IF line ~ 'Index Cond' THEN RAISE NOTICE 'an index serves'; END IF;
	END LOOP;
END $$;
COMMIT;

-- a permissive policy of somebody else's does not open it; ours does not widen one that was there
SET ROLE regress_iso_owner;
CREATE POLICY all_of_it ON "Deals" USING (true);
BEGIN; SELECT public.become('1'); SELECT count(*) FROM "Deals"; COMMIT;
CREATE TABLE own (tenant_id text, who text);
INSERT INTO own VALUES ('1', 'u'), ('1', 'v'), ('2', 'u');
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON own USING (who = account.uid());
SELECT account.enable_tenant_isolation('own');
BEGIN; SELECT public.become('1'); SELECT * FROM own; COMMIT;
-- renames are followed
ALTER TABLE "Deals" RENAME COLUMN "Tenant" TO org;
ALTER TABLE "Deals" RENAME TO deals;
BEGIN; SELECT public.become('1'); SELECT count(*) FROM deals; COMMIT;
-- given back as it was
SELECT account.disable_tenant_isolation('own');
SELECT account.disable_tenant_isolation('deals');
SELECT account.disable_tenant_isolation('deals');
SELECT relname, relrowsecurity, relforcerowsecurity, (SELECT array_agg(polname) FROM pg_policy WHERE polrelid = c.oid) FROM pg_class c WHERE relname IN ('own', 'deals') ORDER BY 1;
DROP POLICY all_of_it ON deals;

-- types
CREATE DOMAIN org_id AS uuid;
CREATE TABLE types (a smallint, b bigint, c uuid, d text, e varchar(20), f org_id, g numeric, h jsonb);
SELECT column_name, account.enable_tenant_isolation('types', column_name::name) FROM information_schema.columns WHERE table_name = 'types' AND column_name < 'g' ORDER BY 1;
SELECT account.enable_tenant_isolation('types', 'g');	-- fails
SELECT account.enable_tenant_isolation('types', 'h');	-- fails
DROP TABLE types;
CREATE TABLE by_uuid (tenant_id org_id);
CREATE TABLE by_varchar (tenant_id varchar(40));
SELECT account.enable_tenant_isolation('by_uuid'), account.enable_tenant_isolation('by_varchar');
BEGIN;
SELECT public.become('0190d5a2-7b1c-7e2a-9c3d-1234567890ab');
INSERT INTO by_uuid VALUES ('0190d5a2-7b1c-7e2a-9c3d-1234567890ab');
INSERT INTO by_varchar VALUES ('0190d5a2-7b1c-7e2a-9c3d-1234567890ab');
SELECT * FROM by_uuid, by_varchar;
INSERT INTO by_uuid VALUES ('0190d5a2-7b1c-7e2a-9c3d-1234567890ac');	-- fails
ROLLBACK;

-- partitions and children, also by their own names
CREATE TABLE parts (tenant_id bigint, k int) PARTITION BY LIST (k);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts2 (k int, tenant_id bigint);
ALTER TABLE parts ATTACH PARTITION parts2 FOR VALUES IN (2);
INSERT INTO parts SELECT t, k FROM generate_series(1, 3) t, generate_series(1, 2) k;
SELECT account.enable_tenant_isolation('parts');
BEGIN; SELECT public.become('2'); SELECT (SELECT count(*) FROM parts), (SELECT count(*) FROM parts1), (SELECT count(*) FROM parts2); COMMIT;
-- and those that come later: by any way, with what is below them, whose they are
CREATE FUNCTION isolated(tables text) RETURNS TABLE (relation regclass, policy name, owner regrole, condition text, before text) LANGUAGE sql AS $$
	SELECT polrelid, polname, relowner, pg_get_expr(polqual, polrelid), obj_description(p.oid, 'pg_policy') FROM pg_policy p JOIN pg_class c ON c.oid = polrelid WHERE relname ~ tables ORDER BY relname, polname $$;
CREATE TABLE parts3 PARTITION OF parts FOR VALUES IN (3);
CREATE TABLE parts4 (k int, tenant_id bigint) PARTITION BY LIST (k);
CREATE TABLE parts4a (tenant_id bigint, k int);
ALTER TABLE parts4a ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON parts4a USING (k = 4);
ALTER TABLE parts4 ATTACH PARTITION parts4a FOR VALUES IN (4);
ALTER TABLE parts ATTACH PARTITION parts4 FOR VALUES IN (4);
CREATE TABLE parts4b PARTITION OF parts4 FOR VALUES IN (5);
CREATE TABLE plain (v int, "Org" int);
SELECT account.enable_tenant_isolation('plain', 'Org');
CREATE TABLE plain1 () INHERITS (plain);
CREATE TABLE plain2 (LIKE plain);
CREATE TABLE plain2a () INHERITS (plain2);
ALTER TABLE plain2 INHERIT plain;
CREATE SCHEMA iso_later CREATE TABLE plain3 () INHERITS ("Iso S".plain);
SELECT * FROM isolated('^(parts[34]|plain.)');
-- one that is isolated already stays as it is; one that leaves, too
CREATE TABLE plain4 (v int, "Org" int);
SELECT account.enable_tenant_isolation('plain4', 'v');
ALTER TABLE plain4 INHERIT plain;
ALTER TABLE plain4 NO INHERIT plain;
ALTER TABLE parts DETACH PARTITION parts3;
SELECT relation, condition FROM isolated('^(plain4|parts3)');
INSERT INTO parts3 VALUES (1, 3);	-- fails
SELECT account.disable_tenant_isolation('parts3');
INSERT INTO parts3 VALUES (1, 3);
-- IF NOT EXISTS brings nothing to a table that is there, whoever's it is
CREATE TABLE plain5 (v int, "Org" int);
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS plain5 () INHERITS (plain);
CREATE TABLE IF NOT EXISTS plain6 () INHERITS (plain);
RESET client_min_messages;
SELECT relation, policy FROM isolated('^plain[56]');
-- what is below a part, and another's, is that one's to isolate: the doctor tells
CREATE TABLE plain7 (v int, "Org" int);
CREATE TABLE plain7a () INHERITS (plain7);
RESET ROLE;
ALTER TABLE "Iso S".plain7a OWNER TO regress_iso_app;
SET ROLE regress_iso_owner;
ALTER TABLE plain7 INHERIT plain;
SELECT relation, policy FROM isolated('^plain7');
-- rows that came in this transaction, and whose keys are checked at its end
CREATE TABLE keys (v int PRIMARY KEY);
BEGIN;
CREATE TABLE parts6 (tenant_id bigint, k int REFERENCES keys DEFERRABLE INITIALLY DEFERRED);
INSERT INTO keys VALUES (6);
INSERT INTO parts6 VALUES (1, 6);
SAVEPOINT s;
ALTER TABLE parts ATTACH PARTITION parts6 FOR VALUES IN (6);	-- fails
ROLLBACK TO s;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE parts ATTACH PARTITION parts6 FOR VALUES IN (6);
SELECT relation, policy FROM isolated('^parts6');
ROLLBACK;
-- an owner that cannot name our functions
RESET ROLE;
REVOKE USAGE ON SCHEMA account FROM PUBLIC;
SET ROLE regress_iso_owner;
CREATE TABLE parts7 PARTITION OF parts FOR VALUES IN (7);
RESET ROLE;
GRANT USAGE ON SCHEMA account TO PUBLIC;
SET ROLE regress_iso_owner;
SELECT relation, policy FROM isolated('^parts7');
-- a policy of the name that is not ours says nothing of what comes below
CREATE TABLE other (v numeric, w int);
CREATE POLICY pgaccount_tenant ON other AS RESTRICTIVE USING (v = (SELECT 1) AND w = 1);
CREATE TABLE other1 () INHERITS (other);
SELECT relation, policy FROM isolated('^other1');
DROP FUNCTION isolated;
SELECT account.disable_tenant_isolation('parts');
SELECT count(*) FROM parts;

-- arguments
SELECT account.enable_tenant_isolation(NULL);	-- fails
SELECT account.enable_tenant_isolation('deals', NULL);	-- fails
SELECT account.enable_tenant_isolation('deals', 'nothing');	-- fails
SELECT account.enable_tenant_isolation('deals', 'ctid');	-- fails
SELECT account.enable_tenant_isolation('deals', 'what; DROP TABLE deals');	-- fails
CREATE VIEW v AS SELECT 1 AS tenant_id;
SELECT account.enable_tenant_isolation('v');	-- fails
SELECT account.disable_tenant_isolation('v');	-- fails
SELECT account.disable_tenant_isolation(NULL);	-- fails
SELECT account.enable_tenant_isolation(4294967295);	-- fails
SET ROLE regress_iso_app;
SELECT account.enable_tenant_isolation('"Iso S".deals', 'org');	-- fails
SELECT account.disable_tenant_isolation('"Iso S".deals');	-- fails
RESET ROLE;
RESET ALL;
DELETE FROM account.signing_key;
DROP FUNCTION become;
SET client_min_messages = warning;
DROP SCHEMA "Iso S", iso_later CASCADE;
DROP OWNED BY regress_iso_owner, regress_iso_app;
DROP ROLE regress_iso_owner, regress_iso_app;
