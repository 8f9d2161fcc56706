-- How far an identity reaches, and when it ends: savepoints, errors, prepared transactions and statements,
-- parallel plans, SECURITY DEFINER, DISCARD ALL. Users, tokens and the live check are real.
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
SELECT account.create_key('EdDSA') \g /dev/null
SELECT account.create_starter('app') \g /dev/null
INSERT INTO app.tenants (slug, modules) VALUES ('acme', '["crm"]'), ('other', '[]');
INSERT INTO app.users (email, username, tenant_id, is_staff) SELECT slug || '@x.org', slug, id, slug = 'acme' FROM app.tenants;
SELECT id AS ann, account.issue_access_token(id::text) AS ann_token FROM app.users WHERE username = 'acme' \gset
SELECT id AS bob, account.issue_access_token(id::text) AS bob_token FROM app.users WHERE username = 'other' \gset
CREATE ROLE tap_reader LOGIN;
CREATE ROLE tap_owner;
CREATE TABLE deals AS SELECT i AS id, t.id AS tenant_id FROM app.tenants t, generate_series(1, 10000) i;
GRANT SELECT ON deals TO tap_reader;
ALTER TABLE deals OWNER TO tap_owner;
SELECT account.enable_tenant_isolation('deals');
ANALYZE deals;
-- what was seen where no assertion can stand; asserted at the end
CREATE TABLE seen (what text, uid text);
GRANT ALL ON seen TO tap_reader;

-- DISCARD ALL, which would take pgTAP's own tables along
SELECT account.authenticate(:'ann_token', false) \g /dev/null
INSERT INTO seen VALUES ('before DISCARD ALL', account.uid());
DISCARD ALL;
INSERT INTO seen SELECT 'after DISCARD ALL', account.uid() WHERE NOT account.is_authenticated() AND account.claims() IS NULL;
-- PREPARE TRANSACTION
BEGIN;
SELECT account.authenticate(:'ann_token') \g /dev/null
INSERT INTO seen VALUES ('in the prepared transaction', account.uid());
PREPARE TRANSACTION 'identity_scope';
INSERT INTO seen VALUES ('after PREPARE TRANSACTION', account.uid());
BEGIN;
SELECT account.authenticate(:'bob_token') \g /dev/null
INSERT INTO seen VALUES ('in the next transaction', account.uid());
COMMIT;
COMMIT PREPARED 'identity_scope';
INSERT INTO seen VALUES ('after COMMIT PREPARED', account.uid());
SELECT account.authenticate(:'bob_token', false) \g /dev/null
BEGIN;
SELECT account.authenticate(:'ann_token') \g /dev/null
PREPARE TRANSACTION 'identity_scope';
INSERT INTO seen VALUES ('the session''s, after PREPARE TRANSACTION', account.uid());
ROLLBACK PREPARED 'identity_scope';
INSERT INTO seen VALUES ('the session''s, after ROLLBACK PREPARED', account.uid());
SELECT account.sign_out();

SET client_min_messages = warning;
SELECT no_plan();
SELECT results_eq('SELECT what, uid FROM seen ORDER BY ctid', format($$VALUES
	('before DISCARD ALL', %1$L), ('after DISCARD ALL', NULL),
	('in the prepared transaction', %1$L), ('after PREPARE TRANSACTION', NULL),
	('in the next transaction', %2$L), ('after COMMIT PREPARED', NULL),
	('the session''s, after PREPARE TRANSACTION', %2$L), ('the session''s, after ROLLBACK PREPARED', %2$L)$$,
	:'ann', :'bob'), 'DISCARD ALL and PREPARE TRANSACTION end the identity');

-- savepoints --------------------------------------------------------------------------------------------
BEGIN;
SELECT is(account.authenticate(:'ann_token'), :'ann', 'ann is ann');
SAVEPOINT a;
SELECT is(account.authenticate(:'bob_token'), :'bob', 'within a savepoint ann is bob');
SAVEPOINT b;
SELECT account.sign_out();
SELECT is(account.uid(), NULL, 'within the next one nobody');
SELECT is(account.has_module('crm') OR account.is_staff() OR account.is_authenticated(), false, 'in every helper');
ROLLBACK TO b;
SELECT is(account.uid(), :'bob', 'rolled back to the inner one: bob');
RELEASE b;
SELECT is(account.uid(), :'bob', 'a released one keeps its identity');
ROLLBACK TO a;
SELECT is(account.uid(), :'ann', 'rolled back to the outer one: ann');
SELECT is(current_setting('request.jwt.claims')::jsonb ->> 'sub', :'ann', 'and request.jwt.claims beside it');
SELECT is(account.tenant_id(), account.claim('tenant_id'), 'each part of it');
COMMIT;
SELECT is(account.uid(), NULL, 'after the transaction: nobody');
BEGIN;
SAVEPOINT a;
SELECT account.authenticate(:'ann_token') \g /dev/null
RELEASE a;
SELECT is(account.uid(), :'ann', 'authenticated within a savepoint that was released');
ROLLBACK;
SELECT is(account.uid(), NULL, 'and gone with the rollback');

-- errors ------------------------------------------------------------------------------------------------
BEGIN;
SELECT account.authenticate(:'ann_token') \g /dev/null
SELECT throws_ok(format('SELECT account.authenticate(%L)', :'bob_token' || 'x'), 'PT401', NULL, 'a bad token is refused');
SELECT is(account.uid(), :'ann', 'and leaves who was there');
SELECT throws_ok(format('SELECT account.authenticate(%L), 1 / 0', :'bob_token'), '22012', NULL, 'an error after it');
SELECT is(account.uid(), :'ann', 'takes the new identity back');
DO $$ BEGIN PERFORM account.sign_out(); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT is(account.uid(), :'ann', 'and a sign_out too');
COMMIT;
SELECT account.authenticate(:'ann_token', false) \g /dev/null
SELECT throws_ok(format('SELECT account.authenticate(%L, false), 1 / 0', :'bob_token'), '22012', NULL, 'the session''s likewise');
SELECT is(account.uid(), :'ann', 'the session''s stays');
-- a token whose user went: refused, and nobody else comes in
UPDATE app.users SET is_active = false WHERE id = :'bob';
SELECT throws_ok(format('SELECT account.authenticate(%L, false)', :'bob_token'), 'PT401', NULL, 'a user who is not active any more');
SELECT is(account.uid(), :'ann', 'leaves who was there, again');
UPDATE app.users SET is_active = true WHERE id = :'bob';
SELECT account.sign_out();

-- prepared statements and cached plans ------------------------------------------------------------------
SET plan_cache_mode = force_generic_plan;
PREPARE who AS SELECT account.uid();
CREATE FUNCTION my_deals() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM deals); END $$;
CREATE FUNCTION become_and_count(token text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN PERFORM account.authenticate(token); RETURN my_deals(); END $$;
BEGIN;
SELECT account.authenticate(:'ann_token') \g /dev/null
EXECUTE who \gset
SELECT is(:'uid'::text, :'ann', 'a generic plan keeps no identity: ann');
SELECT account.authenticate(:'bob_token') \g /dev/null
EXECUTE who \gset
SELECT is(:'uid'::text, :'bob', 'a generic plan keeps no identity: bob');
COMMIT;
RESET plan_cache_mode;
SET ROLE tap_owner;
BEGIN;
SELECT is(become_and_count(:'ann_token'), 10000::bigint, 'a policy in a cached plan of PL/pgSQL: ann');
SELECT is(become_and_count(:'bob_token'), 10000::bigint, 'bob');
SELECT account.sign_out();
SELECT is(my_deals(), 0::bigint, 'nobody');
COMMIT;
RESET ROLE;

-- parallel plans ----------------------------------------------------------------------------------------
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
CREATE FUNCTION workers(sql text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE line text; n int := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ' || sql LOOP
		IF line ~ 'Workers Launched' THEN n := n + substring(line FROM '\d+')::int; END IF;
	END LOOP;
	RETURN n;
END $$;
SET ROLE tap_reader;
\set counts 'SELECT count(*) FROM deals WHERE account.is_authenticated() AND account.uid_uuid() IS NOT NULL AND account.claim(''sub'') = account.uid()'
BEGIN;
SELECT account.authenticate(:'ann_token') \g /dev/null
SELECT cmp_ok(workers(:'counts'), '>', 0, 'parallel workers are at work');
SELECT is(count(*), 10000::bigint, 'and know the identity, all of it')
	FROM deals WHERE account.is_authenticated() AND account.uid_uuid() = :'ann' AND account.claim('sub') = account.uid() AND account.has_module('crm') AND account.is_staff();
SAVEPOINT a;
SELECT account.authenticate(:'bob_token') \g /dev/null
SELECT is(count(*), 10000::bigint, 'that of the savepoint') FROM deals WHERE account.uid_uuid() = :'bob' AND NOT account.has_module('crm');
ROLLBACK TO a;
SELECT is(count(*), 10000::bigint, 'and after it') FROM deals WHERE account.uid_uuid() = :'ann';
COMMIT;
SELECT is(count(*), 0::bigint, 'nobody is nobody in a worker') FROM deals;
SELECT account.authenticate(:'ann_token', false) \g /dev/null
SELECT is(count(*), 10000::bigint, 'the session''s identity too') FROM deals WHERE account.uid_uuid() = :'ann';
SELECT account.sign_out();
RESET ROLE;

-- SECURITY DEFINER --------------------------------------------------------------------------------------
CREATE FUNCTION enter(token text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '1MB'
	AS 'SELECT account.authenticate(token)';
CREATE FUNCTION ask() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT account.uid()';
CREATE FUNCTION leave() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT account.sign_out()';
ALTER FUNCTION enter OWNER TO tap_owner;
SET ROLE tap_reader;
BEGIN;
SELECT is(enter(:'ann_token'), :'ann', 'authenticate in a SECURITY DEFINER function');
SELECT is(account.uid(), :'ann', 'holds after it, though it has SET clauses');
SELECT is(ask(), :'ann', 'is seen in another one');
SELECT is(current_user::text, 'tap_reader', 'and is no database role');
SELECT is((SELECT count(*) FROM deals), 10000::bigint, 'policies go by it, whoever the role is');
SELECT leave();
SELECT is(account.uid(), NULL, 'sign_out in one holds after it');
COMMIT;
RESET ROLE;

-- SET ROLE and SET SESSION AUTHORIZATION change the role, not who asks
BEGIN;
SELECT account.authenticate(:'ann_token') \g /dev/null
SET LOCAL SESSION AUTHORIZATION tap_reader;
SELECT is(account.uid(), :'ann', 'another role, the same person');
COMMIT;

SELECT * FROM finish();
DROP OWNED BY tap_reader, tap_owner CASCADE;
DROP ROLE tap_reader, tap_owner;
