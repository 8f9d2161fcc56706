-- A token that says otherwise what the live check looks at: the user's key in another spelling is the user's key as
-- its row has it, to every helper, setting and event; a tenant or session of another type is refused.
\set QUIET 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
SELECT account.create_key('HS256', 'k1', repeat('k', 32)::bytea) \g /dev/null

CREATE FUNCTION token(claims jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT account.jwt_sign('{"exp": 4000000000}' || claims, repeat('k', 32)::bytea, 'HS256', 'k1') $$;
-- What account.authenticate() makes of claims: its result, or the SQLSTATE, and who the caller is for all that say so.
CREATE FUNCTION who(claims jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	token text := token(claims);
	answer text;
	said text[];
BEGIN
	PERFORM account.sign_out();
	BEGIN
		answer := account.authenticate(token);
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE || coalesce(account.uid(), '');
	END;
	said := ARRAY[account.uid(), account.claims() ->> 'sub', account.claim('sub'), current_setting('request.jwt.claims')::jsonb ->> 'sub', account.actor(),
		coalesce(account.uid_bigint()::text, account.uid_uuid()::text, account.uid())];
	RETURN CASE WHEN answer = ALL (said) THEN answer ELSE answer || ', but ' || said::text END;
END $$;
-- Map a users table whose key is of this type, with one user of this key.
CREATE FUNCTION map(type text, key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.forget_tables();
	DROP SCHEMA IF EXISTS x CASCADE;
	CREATE SCHEMA x;
	EXECUTE format('CREATE TABLE x.users (id %s PRIMARY KEY, email text, tenant_id int)', type);
	EXECUTE format('INSERT INTO x.users VALUES (%L, ''ann@x.org'', 7)', key);
	PERFORM account.use_tables('x.users');
END $$;
CREATE DOMAIN whole AS int CHECK (VALUE > 0);
CREATE DOMAIN ident AS uuid;
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE EXTENSION IF NOT EXISTS citext;

-- kinds of keys: as the row has it, and other spellings with what becomes of them
CREATE TABLE spelling (type text, key text, spelt text, becomes text);
INSERT INTO spelling VALUES
	('int', '8', '8', '8'), ('int', '8', '08', '8'), ('int', '8', '-08', 'PT401'), ('int', '0', '-0', '0'), ('int', '-8', '-008', '-8'), ('int', '8', '+8', 'PT401'),
	('int', '8', ' 8', 'PT401'), ('int', '8', '8.0', 'PT401'), ('int', '8', '0x8', 'PT401'), ('int', '8', '4294967304', 'PT401'),
	('smallint', '8', '008', '8'), ('bigint', '9007199254740993', '09007199254740993', '9007199254740993'), ('whole', '8', '08', '8'),
	('uuid', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab', '0190D5A2-7B1C-7E2A-9C3D-1234567890AB', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab'),
	('uuid', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab', '0190d5a27b1c7e2a9c3d1234567890ab', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab'),
	('uuid', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab', '{0190d5a2-7b1c7e2a9c3d-1234567890AB}', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab'),
	('ident', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab', '0190D5A27b1c7e2a9c3d1234567890ab', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab'),
	('text', '08', '08', '08'), ('text', '08', '8', 'PT401'), ('text', 'Ann', 'ann', 'PT401'), ('varchar(9)', 'Ann', 'Ann', 'Ann'), ('varchar(9)', 'Ann', 'Ann ', 'PT401'),
	('citext', 'Ann', 'Ann', 'Ann'), ('citext', 'Ann', 'ann', 'PT401'), ('char(5)', 'Ann', 'Ann', 'Ann'), ('char(5)', 'Ann', 'Ann  ', 'PT401'),
	('numeric', '8', '8', '8'), ('numeric', '8', '08', 'PT401'), ('name', 'Ann', 'ann', 'PT401'),
	('text COLLATE blind', 'Ann "x" é', 'ANN "x" É', 'Ann "x" é'), ('varchar(20) COLLATE blind', 'Ann', 'aNN', 'Ann');
CREATE FUNCTION spellings(setup text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	s spelling;
BEGIN
	FOR s IN SELECT * FROM spelling LOOP
		PERFORM map(s.type, s.key);
		EXECUTE setup;
		RETURN NEXT is(who(jsonb_build_object('sub', s.spelt, 'tenant_id', '7', 'extra', '{"é": [1.50]}'::jsonb)), s.becomes,
			format('uid_is_the_row''s_key: %s %s as %s%s', s.type, s.key, s.spelt, CASE WHEN setup <> 'SELECT' THEN ', by a statement' ELSE '' END));
	END LOOP;
END $$;
SELECT spellings('SELECT');
SELECT spellings('CREATE TABLE x.child () INHERITS (x.users)');

-- the rest of the claims stays as it was, an escape in sub too; events say who acts as the row does
SELECT map('int', '8') \g /dev/null
SELECT is(account.authenticate(account.jwt_sign('{"sub": "\u00308", "exp": 4000000000, "tenant_id": "7", "deep": {"n": 1.50, "s": "a\"b\\", "l": [null, true]}}', repeat('k', 32)::bytea, 'HS256', 'k1')), '8', 'another spelling');
SELECT is(account.claims(), '{"sub": "8", "exp": 4000000000, "tenant_id": "7", "deep": {"n": 1.50, "s": "a\"b\\", "l": [null, true]}}', 'claims_stay: all but sub');
SELECT is(account.tenant_bigint(), 7::bigint, 'the tenant too');
DELETE FROM x.users;
SELECT results_eq($$SELECT actor, subject FROM account.event WHERE type IN ('user_deleted', 'user_purged')$$, $$VALUES ('8', '8')$$, 'actor_is_the_row''s_key');

-- a session of the user is its session in any spelling; another's is not
SELECT map('uuid', '0190d5a2-7b1c-7e2a-9c3d-1234567890ab') \g /dev/null
SELECT account.verify_access_token((account.issue_tokens('0190d5a2-7b1c-7e2a-9c3d-1234567890ab')).access_token) ->> 'sid' AS sid \gset
SELECT is(who(jsonb_build_object('sub', '0190D5A2-7B1C-7E2A-9C3D-1234567890AB', 'tenant_id', '7', 'sid', :'sid')), '0190d5a2-7b1c-7e2a-9c3d-1234567890ab', 'a session of the user');
UPDATE account.session SET ended_at = now();
SELECT is(who(jsonb_build_object('sub', '0190D5A2-7B1C-7E2A-9C3D-1234567890AB', 'tenant_id', '7', 'sid', :'sid')), 'PT401', 'that has ended');

-- without a live check: as the type of keys writes it; what is no key of that type stays, as without tables
SELECT map('int', '8') \g /dev/null
SET LOCAL pgaccount.live_check = off;
SELECT is(who('{"sub": "008"}'), '8', 'no live check: as the type writes it');
SELECT is(who('{"sub": "service"}'), 'service', 'no live check: no key');
SELECT account.forget_tables() \g /dev/null
SELECT ok(account.authenticate(token('{"sub": "008"}')) = '008' AND account.uid() = '008', 'no tables: as it stands');
RESET pgaccount.live_check;

-- a tenant or a session of another type than a string says nothing to the live check, and something to who reads it
SELECT map('int', '8') \g /dev/null
CREATE FUNCTION refused(claims jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.verify_access_token(token(claims));
	RETURN 'verified, ' || who(claims);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ', ' || who(claims);
END $$;
CREATE TABLE value (v jsonb);
INSERT INTO value SELECT unnest(ARRAY['7', '7.5', '0', 'true', 'false', '[]', '["7"]', '{}', '{"id": "7"}', '1e400']::jsonb[]);
SELECT is(refused(jsonb_build_object('sub', '8', 'tenant_id', v)), 'PT401, PT401', 'tenant_id_is_text: ' || v::text) FROM value;
SELECT is(refused(jsonb_build_object('sub', '8', 'tenant_id', '7', 'sid', v)), 'PT401, PT401', 'sid_is_text: ' || v::text) FROM value;
SELECT is(refused(jsonb_build_object('sub', '8', 'tenant_id', '7', 'jti', v)), 'PT401, PT401', 'jti_is_text: ' || v::text) FROM value;
SELECT is(refused(jsonb_build_object('sub', v, 'tenant_id', '7')), 'PT401, PT401', 'sub_is_text: ' || v::text) FROM value;
SELECT is(refused('{"sub": "8", "tenant_id": "7", "sid": null}'), 'verified, 8', 'no session');
SELECT is(refused('{"sub": "8", "tenant_id": null}'), 'verified, PT401', 'no tenant is not the user''s');
SELECT is(refused('{"sub": "8"}'), 'verified, PT401', 'nor is a tenant that is not named');
UPDATE x.users SET tenant_id = NULL;
SELECT is(refused('{"sub": "8", "tenant_id": null}'), 'verified, 8', 'a user without tenant');
SELECT is(refused('{"sub": "8", "tenant_id": 7}'), 'PT401, PT401', 'tenant_id_is_text: a number is not none');
SELECT is(refused('{"sub": "8", "sid": ""}'), 'verified, PT401', 'an empty session is none of ours');
SET LOCAL pgaccount.live_check = off;
SELECT is(refused('{"sub": "8", "tenant_id": 7}'), 'PT401, PT401', 'tenant_id_is_text: without a live check, too');
RESET pgaccount.live_check;
-- what grants nothing unless it is what it should be
SELECT is(who(jsonb_build_object('sub', '8', 'is_staff', v, 'user_role', v, 'modules', v)), '8', 'no other type grants: ' || v::text) FROM value WHERE v <> 'true';
SELECT is(who('{"sub": "8", "is_staff": "true", "user_role": ["admin"], "modules": {"crm": true}}'), '8', 'nor do these');
SELECT ok(NOT account.is_staff() AND account.user_role() IS NULL AND NOT account.has_module('crm'), 'nothing is granted');
-- a slug is compared as its type compares: citext without case, by all who name a tenant
DROP SCHEMA x CASCADE;
CREATE SCHEMA x;
CREATE TABLE x.tenants (id int PRIMARY KEY, slug citext UNIQUE);
CREATE TABLE x.users (id int GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY, tenant_id int REFERENCES x.tenants, email text, password text, is_superuser boolean DEFAULT false);
SELECT account.enable_soft_delete('x.tenants'), account.enable_soft_delete('x.users') \g /dev/null
SELECT account.use_tables('x.users', tenants => 'x.tenants') \g /dev/null
INSERT INTO x.tenants VALUES (1, 'Acme');
INSERT INTO x.users (email, is_superuser) VALUES ('root@x.org', true);
SELECT is(tenant_id, '1', 'a registration names it') FROM account.register('bob@x.org', 'a long enough password', tenant => 'aCME');
SELECT is(status, 200, 'and a login') FROM account.login('bob@x.org', 'a long enough password', tenant => 'ACME');
SELECT account.act_as(100, false) \g /dev/null
SELECT is(account.delete_tenant('acme') ->> 'tenant_id', '1', 'who ends it');
SELECT is(account.restore_tenant('ACME') ->> 'tenant_id', '1', 'and who brings it back');
SELECT * FROM finish();
ROLLBACK;
