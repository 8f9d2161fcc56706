-- Identity: who is asking. The token alone is looked at here (no users table is mapped).
\set SHOW_CONTEXT never
CREATE ROLE regress_identity_user;
GRANT SET ON PARAMETER pgaccount.live_check TO regress_identity_user;
SELECT account.create_key('HS256', 'k1', repeat('k', 32)::bytea);
CREATE FUNCTION make_token(claims jsonb, lifetime float8 DEFAULT 100) RETURNS text LANGUAGE sql AS $$
	SELECT account.jwt_sign(claims || jsonb_build_object('exp', extract(epoch FROM clock_timestamp()) + lifetime), repeat('k', 32)::bytea, 'HS256', 'k1') $$;
-- SQLSTATE of a statement
CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT make_token('{"sub": "42", "tenant_id": "7", "tenant": "acme", "modules": ["crm", "é"], "user_role": "teacher", "is_staff": true, "sid": null, "x": {"a": [1, 2.50]}, "n": 1.50, "b": false}') AS t42 \gset
SELECT make_token('{"sub": "0190d5a2-7b1c-7e2a-9c3d-1234567890AB", "tenant_id": "0190d5a2-7b1c-7e2a-9c3d-1234567890ac"}') AS tuuid \gset

SET ROLE regress_identity_user;
-- without a mapped table the live check cannot be made
SELECT account.authenticate(:'t42');	-- fails
SET pgaccount.live_check = off;

-- nobody
SELECT account.uid(), account.tenant_id(), account.user_role(), account.claims(), account.claim('sub'), account.uid_bigint(), account.uid_uuid(), account.tenant_bigint(), account.tenant_uuid();
SELECT account.has_module('crm'), account.is_staff(), account.is_authenticated();

-- somebody, for a transaction
BEGIN;
SELECT account.authenticate(:'t42');
SELECT account.uid(), account.tenant_id(), account.user_role(), account.uid_bigint(), account.uid_uuid(), account.tenant_bigint(), account.tenant_uuid();
SELECT account.has_module('crm'), account.has_module('é'), account.has_module('cr'), account.has_module(''), account.has_module(NULL), account.is_staff(), account.is_authenticated();
SELECT account.claims() - 'exp';
SELECT name, account.claim(name) FROM unnest(ARRAY['sub', 'x', 'n', 'b', 'sid', 'modules', 'nothing', '', NULL]) name;
SELECT current_setting('request.jwt.claims')::jsonb - 'exp' = account.claims() - 'exp' AS beside;
COMMIT;
SELECT account.uid(), account.is_authenticated(), current_setting('request.jwt.claims');
SELECT account.authenticate(:'tuuid'), account.uid_uuid(), account.uid_bigint(), account.tenant_uuid();	-- one statement is one transaction
SELECT account.uid();

-- tokens that are none
SELECT state_of(format('SELECT account.authenticate(%L)', t)) FROM (VALUES (NULL), (''), ('a.b.c'), (make_token('{}')), (make_token('{"sub": ""}')), (make_token('{"sub": 42}')), (make_token('{"sub": "42"}', -100)), (:'t42' || 'A')) x (t);
SELECT state_of('SELECT account.authenticate(''a.b.c'', NULL)');
SELECT account.is_authenticated();

-- keys that are no number and no uuid
CREATE FUNCTION pg_temp.keys_of(sub text, tenant jsonb) RETURNS record LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	PERFORM account.authenticate(make_token(jsonb_build_object('sub', sub, 'tenant_id', tenant)));
	SELECT account.uid(), account.uid_bigint(), account.uid_uuid(), account.tenant_id(), account.tenant_bigint(), account.tenant_uuid() INTO r;
	RETURN r;
END $$;
SELECT pg_temp.keys_of(sub, tenant) FROM (VALUES ('9223372036854775807', '"-9223372036854775808"'::jsonb), ('9223372036854775808', '"9223372036854775808"'), ('-9223372036854775809', '"007"'), ('-0', '""'), ('-', 'null'), (' 1', '"[1]"'), ('1 ', '"1.0"'), ('+1', '"{}"'), ('é', '"true"'),
	('0190d5a27b1c7e2a9c3d1234567890ab', '"{0190d5a2-7b1c-7e2a-9c3d-1234567890ab}"'), ('0190d5a2-7b1c-7e2a-9c3d-1234567890ag', '"0190d5a2-7b1c-7e2a-9c3d-1234567890ab"')) x (sub, tenant);

-- modules that are no list
BEGIN;
SELECT m, account.authenticate(make_token(jsonb_build_object('sub', '1', 'modules', m))) AS uid, account.has_module('crm') FROM unnest(ARRAY['null', '{}', '"crm"', '[]', '["crm"]', '[1, "crm"]', '["a", "crm"]', '[["crm"]]']::jsonb[]) m;
COMMIT;

-- has_module keeps the answer of a constant: not over a change, and never that of a variable
DO $$
DECLARE
	seen text := '';
	m text;
BEGIN
	FOREACH m IN ARRAY ARRAY['["crm"]', '["hr"]', '[]', '["crm"]'] LOOP
		PERFORM account.authenticate(make_token(jsonb_build_object('sub', '1', 'modules', m::jsonb)));
		seen := seen || CASE WHEN account.has_module('crm') THEN ' crm' ELSE ' -' END;
	END LOOP;
	FOREACH m IN ARRAY ARRAY['crm', 'hr', 'crm', NULL, 'crm'] LOOP
		seen := seen || CASE WHEN account.has_module(m) THEN ' ' || m ELSE ' -' END;
	END LOOP;
	RAISE NOTICE '%', seen;
END $$;
BEGIN;
SELECT i, account.authenticate(make_token(jsonb_build_object('sub', i, 'modules', CASE WHEN i::int % 2 = 0 THEN '["crm"]' ELSE '[]' END::jsonb))) AS uid, account.has_module('crm') FROM unnest(ARRAY['1', '2', '3', '4']) i;
SELECT m, account.has_module(m) FROM unnest(ARRAY['crm', 'hr', NULL, 'crm']) m;
COMMIT;

-- savepoints, errors
BEGIN;
SELECT account.authenticate(:'t42');
SAVEPOINT s;
SELECT account.authenticate(:'tuuid');
SELECT account.uid();
ROLLBACK TO s;
SELECT account.uid(), current_setting('request.jwt.claims')::jsonb ->> 'sub';
SELECT account.sign_out();
SELECT account.uid();
ROLLBACK TO s;
SELECT account.uid();
SELECT state_of('DO $d$ BEGIN PERFORM account.sign_out(); RAISE EXCEPTION ''x''; END $d$'), account.uid();
RELEASE s;
SELECT account.uid();
ROLLBACK;
SELECT account.uid();

-- the session's: until sign_out, DISCARD ALL, or exp
SELECT account.authenticate(:'t42', false);
BEGIN;
SELECT account.uid();
SELECT account.authenticate(:'tuuid');
COMMIT;
SELECT account.uid();
BEGIN;
SELECT account.sign_out();
ROLLBACK;
SELECT account.uid();
SELECT account.sign_out();
SELECT account.uid(), current_setting('request.jwt.claims');
SELECT account.sign_out();
SELECT account.authenticate(:'t42', false);
DISCARD ALL;
SELECT account.uid(), account.is_authenticated();
SET ROLE regress_identity_user;
SET pgaccount.live_check = off;
SELECT account.authenticate(:'t42', false);
RESET ALL;
SELECT account.uid();
SET pgaccount.live_check = off;
RESET ROLE;
SELECT account.authenticate(make_token('{"sub": "brief"}', 0.3), false);
PREPARE who AS SELECT account.uid(), account.is_authenticated(), account.is_staff(), account.claims(), account.uid_bigint();
SELECT account.uid();
SELECT pg_sleep(0.4);
EXECUTE who;
-- a transaction's lasts to its end
BEGIN;
SELECT account.authenticate(make_token('{"sub": "brief"}', 0.3));
SELECT pg_sleep(0.4);
SELECT account.uid();
COMMIT;
-- leeway lets a token in, but makes none last longer
SELECT account.authenticate(make_token('{"sub": "late"}', -1), false);
SELECT account.uid();
SELECT account.sign_out();

-- nobody sets it but authenticate, not even a superuser
SET pgaccount.identity = 'S999999999999999999 {"sub": "42"}';	-- fails
SET LOCAL pgaccount.identity = '';	-- fails
SELECT state_of(s) FROM unnest(ARRAY[
	$$SET pgaccount.identity = 'L0 {"sub": "1"}'$$,
	$$SELECT set_config('pgaccount.identity', 'L0 {"sub": "1"}', true)$$,
	$$UPDATE pg_settings SET setting = 'L0 {"sub": "1"}' WHERE name = 'pgaccount.identity'$$,
	$$ALTER ROLE regress_identity_user SET pgaccount.identity = 'L0 {"sub": "1"}'$$,
	format($$ALTER DATABASE %I SET pgaccount.identity = 'L0 {"sub": "1"}'$$, current_database()),
	$$CREATE FUNCTION forge() RETURNS text LANGUAGE sql SET pgaccount.identity = 'L0 {"sub": "1"}' AS 'SELECT account.uid()'$$,
	$$SET "PGACCOUNT.Identity" = 'L0 {"sub": "1"}'$$]) s;
SELECT account.uid();
BEGIN;
SELECT account.authenticate(:'t42');
SELECT state_of($$CREATE FUNCTION forge() RETURNS text LANGUAGE sql SET pgaccount.identity FROM CURRENT AS 'SELECT account.uid()'$$);
COMMIT;
SET ROLE regress_identity_user;
SELECT state_of(s) FROM unnest(ARRAY[$$SET pgaccount.identity = 'L0 {"sub": "1"}'$$, $$SELECT set_config('pgaccount.identity', 'L0 {"sub": "1"}', false)$$, $$SHOW pgaccount.identity$$]) s;
SET request.jwt.claims = '{"sub": "1"}';
SELECT account.uid();
RESET request.jwt.claims;
-- nor does a caller's SET clause undo it
CREATE FUNCTION pg_temp.enter(token text) RETURNS text LANGUAGE sql SET search_path = pg_catalog SET work_mem = '1MB' SECURITY DEFINER AS 'SELECT account.authenticate(token)';
BEGIN;
SELECT pg_temp.enter(:'t42');
SELECT account.uid();
COMMIT;
-- an expression that lives on sees the new one, and keeps what it gave
BEGIN;
DO $$
DECLARE
	seen text[];
BEGIN
	FOR i IN 1 .. 4 LOOP
		PERFORM account.authenticate(make_token(jsonb_build_object('sub', 'user' || i)));
		seen := seen || account.uid();
	END LOOP;
	RAISE NOTICE '%', seen;
END $$;
COMMIT;
SELECT array_agg(u) FROM (SELECT account.authenticate(make_token(jsonb_build_object('sub', repeat('u', i)))) || '=' || account.uid() AS u FROM generate_series(1, 4) i) x;
RESET ROLE;

-- parallel workers
CREATE TABLE many AS SELECT i FROM generate_series(1, 20000) i;
GRANT SELECT ON many TO regress_identity_user;
ANALYZE many;
SET ROLE regress_identity_user;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
BEGIN;
SELECT account.authenticate(:'t42');
DO $$
DECLARE
	line text;
BEGIN
	FOR line IN EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT count(*) FROM many WHERE account.uid_bigint() + 0 * i = 42 LOOP
		IF line ~ 'Workers Launched' THEN RAISE NOTICE '%', trim(line); END IF;
	END LOOP;
END $$;
SELECT count(*) FROM many WHERE account.uid_bigint() + 0 * i = 42;
SELECT count(*) FROM many WHERE account.uid_bigint() = 42 AND account.has_module('é') AND i % 2 = 0;
SELECT count(*) FROM many WHERE account.uid() = '42' AND account.tenant_id() = '7';
COMMIT;
SELECT count(*) FROM many WHERE account.is_authenticated();
SELECT count(*) FROM many WHERE account.verify_access_token(:'t42') IS NOT NULL AND i < 100;
RESET ALL;
RESET ROLE;

-- the setting of request.jwt.claims can be left out
SET pgaccount.live_check = off;
SET pgaccount.set_request_claims = off;
BEGIN;
SET LOCAL request.jwt.claims = 'mine';
SELECT account.authenticate(:'t42'), current_setting('request.jwt.claims');
ROLLBACK;
RESET pgaccount.set_request_claims;

-- what the planner may think of them
SELECT proname, provolatile, proparallel, proisstrict, prosecdef, has_function_privilege('public', oid, 'EXECUTE') AS public FROM pg_proc WHERE pronamespace = 'account'::regnamespace
	AND proname IN ('authenticate', 'sign_out', 'uid', 'tenant_id', 'user_role', 'claims', 'claim', 'uid_bigint', 'uid_uuid', 'tenant_bigint', 'tenant_uuid', 'has_module', 'is_staff', 'is_authenticated') ORDER BY 1;

DROP TABLE many;
DROP FUNCTION make_token, state_of;
DELETE FROM account.signing_key;
DROP OWNED BY regress_identity_user;
DROP ROLE regress_identity_user;
