-- Every claim of an access token, from the tables to verify_access_token and the helpers, by
-- issue_access_token and issue_tokens.
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
SELECT account.create_starter('app') \g /dev/null

INSERT INTO app.tenants (slug, name, modules) VALUES ('acme', 'Acme Inc.', '["crm", "hr"]'), (NULL, 'Nameless "GmbH" é', NULL);
INSERT INTO app.users (email, username, tenant_id, is_staff) SELECT 'ann@x.org', 'ann', id, true FROM app.tenants WHERE slug = 'acme';
INSERT INTO app.users (email, username, tenant_id) SELECT 'bob@x.org', 'bob', id FROM app.tenants WHERE slug IS NULL;
INSERT INTO app.users (email, username) VALUES ('cis@x.org', 'cis');
UPDATE app.profiles SET role = 'teacher' WHERE user_id = (SELECT id FROM app.users WHERE username = 'ann');
DELETE FROM app.profiles WHERE user_id = (SELECT id FROM app.users WHERE username = 'cis');
SELECT id AS ann, tenant_id AS acme FROM app.users WHERE username = 'ann' \gset
SELECT id AS bob, tenant_id AS nameless FROM app.users WHERE username = 'bob' \gset
SELECT id AS cis FROM app.users WHERE username = 'cis' \gset

SELECT throws_ok(format('SELECT account.issue_access_token(%L)', :'ann'), '55000', NULL, 'no signing key: 55000');
SELECT throws_ok(format('SELECT account.issue_tokens(%L)', :'ann'), '55000', NULL, 'for tokens of a session too');
SELECT account.create_key('HS256', 'k1') \g /dev/null

-- issue_access_token: all claims, and no other -------------------------------------------------------
SELECT account.issue_access_token(:'ann') AS token \gset
SELECT account.verify_access_token(:'token') AS claims \gset
SELECT is(convert_from(decode(rpad(translate(split_part(:'token', '.', 1), '-_', '+/'), 52, '='), 'base64'), 'UTF8')::jsonb,
	'{"alg": "HS256", "typ": "JWT", "kid": "k1"}', 'the header names the key');
SELECT is(:'claims'::jsonb - ARRAY['iat', 'nbf', 'exp', 'jti'], jsonb_build_object('sub', :'ann'::text, 'sid', NULL, 'tenant_id', :'acme'::text,
	'tenant', 'acme', 'modules', '["crm", "hr"]'::jsonb, 'user_role', 'teacher', 'is_staff', true), 'the claims of a user with everything, sid null');
SELECT ok(:'claims'::jsonb ?& ARRAY['iat', 'nbf', 'exp', 'jti'], 'and iat, nbf, exp, jti');
SELECT is((:'claims'::jsonb ->> 'exp')::bigint - (:'claims'::jsonb ->> 'iat')::bigint, 900::bigint, 'exp is pgaccount.access_token_ttl after iat');
SELECT is(:'claims'::jsonb -> 'nbf', :'claims'::jsonb -> 'iat', 'nbf is iat');
SELECT ok((:'claims'::jsonb ->> 'iat')::bigint BETWEEN floor(extract(epoch FROM now())) AND extract(epoch FROM clock_timestamp()), 'iat is now');
SELECT ok(:'claims'::jsonb ->> 'jti' ~ '^[A-Za-z0-9_-]{22}$', 'jti is 128 random bits');
SELECT isnt(account.verify_access_token(account.issue_access_token(:'ann')) ->> 'jti', :'claims'::jsonb ->> 'jti', 'another one each time');
-- the clock's time, not the transaction's: this transaction has begun before
SELECT pg_sleep(1.1) \g /dev/null
SELECT cmp_ok((account.verify_access_token(account.issue_access_token(:'ann')) ->> 'iat')::bigint, '>', (:'claims'::jsonb ->> 'iat')::bigint, 'a later token of one transaction is later');

-- what a user lacks -----------------------------------------------------------------------------------
SELECT is(account.verify_access_token(account.issue_access_token(:'bob')) - ARRAY['iat', 'nbf', 'exp', 'jti'],
	jsonb_build_object('sub', :'bob'::text, 'sid', NULL, 'tenant_id', :'nameless'::text, 'tenant', 'Nameless "GmbH" é', 'modules', '[]'::jsonb, 'user_role', NULL, 'is_staff', false),
	'a tenant without slug goes by its name; NULL modules are an empty list');
SELECT is(account.verify_access_token(account.issue_access_token(:'cis')) - ARRAY['iat', 'nbf', 'exp', 'jti'],
	jsonb_build_object('sub', :'cis'::text, 'sid', NULL, 'tenant_id', NULL, 'tenant', NULL, 'modules', '[]'::jsonb, 'user_role', NULL, 'is_staff', false),
	'a user without tenant and profile');

-- issue_tokens: the same, and the session -------------------------------------------------------------
SELECT *, error IS NULL AS no_error FROM account.issue_tokens(:'ann', '192.0.2.1') \gset p_
SELECT is(:p_status || ' ' || :'p_token_type' || ' ' || :p_expires_in, '200 Bearer 900', 'issue_tokens: 200, Bearer, and how long');
SELECT is(:'p_user_id' || ' ' || :'p_tenant_id', :'ann' || ' ' || :'acme', 'whose they are');
SELECT ok(:'p_no_error', 'no error');
SELECT account.verify_access_token(:'p_access_token') AS claims \gset
SELECT is(:'claims'::jsonb - ARRAY['iat', 'nbf', 'exp', 'jti', 'sid'], jsonb_build_object('sub', :'ann'::text, 'tenant_id', :'acme'::text,
	'tenant', 'acme', 'modules', '["crm", "hr"]'::jsonb, 'user_role', 'teacher', 'is_staff', true), 'the same claims');
SELECT isnt(:'claims'::jsonb ->> 'sid', NULL, 'and sid names a session');
SELECT is((account.verify_access_token(access_token)) ->> 'sid', :'claims'::jsonb ->> 'sid', 'which the next token keeps') FROM account.refresh(:'p_refresh_token');

-- iss, aud, role: only where set ----------------------------------------------------------------------
SET LOCAL pgaccount.issuer = 'https://auth.example.com';
SET LOCAL pgaccount.audience = 'api é';
SET LOCAL pgaccount.db_role = 'web "anon"';
SET LOCAL pgaccount.access_token_ttl = '1h';
SELECT account.verify_access_token(account.issue_access_token(:'ann')) AS claims \gset
SELECT is(:'claims'::jsonb ->> 'iss', 'https://auth.example.com', 'iss where pgaccount.issuer is set');
SELECT is(:'claims'::jsonb ->> 'aud', 'api é', 'aud where pgaccount.audience is set');
SELECT is(:'claims'::jsonb ->> 'role', 'web "anon"', 'role where pgaccount.db_role is set');
SELECT is((:'claims'::jsonb ->> 'exp')::bigint - (:'claims'::jsonb ->> 'iat')::bigint, 3600::bigint, 'pgaccount.access_token_ttl');
SELECT throws_ok(format('SELECT account.verify_access_token(%L)', :'token'), 'PT401', NULL, 'a token without iss is of another issuer now');
SELECT is(account.authenticate(account.issue_access_token(:'ann')), :'ann', 'authenticate asks for the same');
SET LOCAL pgaccount.issuer = '';
SET LOCAL pgaccount.audience = '';
SET LOCAL pgaccount.db_role = '';

-- ttl -------------------------------------------------------------------------------------------------
SELECT is((c ->> 'exp')::bigint - (c ->> 'iat')::bigint, 7200::bigint, 'ttl as given') FROM account.verify_access_token(account.issue_access_token(:'ann', '2 hours')) c;
SELECT is((c ->> 'exp')::bigint - (c ->> 'iat')::bigint, 30 * 86400::bigint, 'a month is 30 days') FROM account.verify_access_token(account.issue_access_token(:'ann', '1 month')) c;
SELECT lives_ok(format('SELECT account.verify_access_token(account.issue_access_token(%L, ''0''))', :'ann'), 'no lifetime at all: within the leeway');
SET LOCAL pgaccount.leeway = 0;
SELECT throws_ok(format('SELECT account.verify_access_token(account.issue_access_token(%L, ''0''))', :'ann'), 'PT401', NULL, 'and expired without one');
SELECT throws_ok(format('SELECT account.issue_access_token(%L, %L)', :'ann', ttl), '22023', NULL, 'no lifetime: ' || ttl)
	FROM unnest(ARRAY['-1 second', '-1 month', '1100 years', '178000000 years']) ttl;

-- extra -----------------------------------------------------------------------------------------------
SELECT is(account.verify_access_token(account.issue_access_token(:'ann', extra => '{"plan": "pro", "é": {"a": [1, 2.50, null]}}')) - ARRAY['iat', 'nbf', 'exp', 'jti'],
	jsonb_build_object('sub', :'ann'::text, 'sid', NULL, 'tenant_id', :'acme'::text, 'tenant', 'acme', 'modules', '["crm", "hr"]'::jsonb, 'user_role', 'teacher', 'is_staff', true,
		'plan', 'pro', 'é', '{"a": [1, 2.50, null]}'::jsonb), 'extra claims stand beside');
SELECT lives_ok(format('SELECT account.verify_access_token(account.issue_access_token(%L, extra => %L))', :'ann', extra), 'nothing extra: ' || coalesce(extra, 'NULL'))
	FROM unnest(ARRAY['{}', NULL]) extra;
SELECT throws_ok(format('SELECT account.issue_access_token(%L, extra => %L)', :'ann', jsonb_build_object(name, 1)), '22023', NULL, 'reserved: ' || name)
	FROM unnest(ARRAY['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti', 'sid', 'tenant_id', 'tenant', 'modules', 'user_role', 'is_staff', 'role']) name;
SELECT throws_ok(format('SELECT account.issue_access_token(%L, extra => %L)', :'ann', extra), '22023', NULL, 'no object: ' || extra) FROM unnest(ARRAY['[]', '"x"', 'null', '1']) extra;
-- what could not be read back is not made
SELECT throws_ok(format('SELECT account.issue_access_token(%L, extra => %L)', :'ann', extra), '22023', NULL, left(extra, 20) || ' would not verify')
	FROM unnest(ARRAY['{"a": ' || repeat('[', 64) || repeat(']', 64) || '}', '{"a": 1e1001}', '{"a": "' || repeat('x', 50000) || '"}']) extra;
SELECT lives_ok(format('SELECT account.verify_access_token(account.issue_access_token(%L, extra => %L))', :'ann', extra), left(extra, 20) || ' verifies')
	FROM unnest(ARRAY['{"a": ' || repeat('[', 63) || repeat(']', 63) || '}', '{"a": 1e900}', '{"a": "' || repeat('x', 48000) || '"}']) extra;

-- the helpers say what the claims say -----------------------------------------------------------------
SELECT account.issue_access_token(:'ann', extra => '{"plan": "pro"}') AS token \gset
SELECT is(account.authenticate(:'token'), :'ann', 'authenticate returns sub');
SELECT is(account.claims(), account.verify_access_token(:'token'), 'claims() are all claims');
SELECT is(ARRAY[account.uid(), account.uid_uuid()::text, account.tenant_id(), account.tenant_uuid()::text, account.user_role(), account.claim('plan'), account.claim('sid'), account.uid_bigint()::text],
	ARRAY[:'ann', :'ann', :'acme', :'acme', 'teacher', 'pro', NULL, NULL]::text[], 'each helper its own');
SELECT is(ARRAY[account.is_staff(), account.is_authenticated(), account.has_module('hr'), account.has_module('billing')], ARRAY[true, true, true, false], 'and those that are true or false');

-- who may not have one --------------------------------------------------------------------------------
UPDATE app.users SET is_active = false WHERE username = 'cis';
DELETE FROM app.users WHERE username = 'bob';
SELECT throws_ok(format('SELECT account.issue_access_token(%L)', id), state, NULL, why)
	FROM (VALUES (:'cis', 'PT403', 'not active'), (:'bob', 'PT404', 'deleted'), (gen_random_uuid()::text, 'PT404', 'unknown'), ('5', 'PT404', 'no id'), (NULL, 'PT404', 'NULL')) x (id, state, why);
UPDATE app.tenants SET is_active = false;
SELECT throws_ok(format('SELECT account.issue_access_token(%L)', :'ann'), 'PT403', NULL, 'of a tenant that is not active');
SELECT throws_ok(format('SELECT account.authenticate(%L)', :'token'), 'PT401', NULL, 'and the token it had is refused');

SELECT * FROM finish();
ROLLBACK;
