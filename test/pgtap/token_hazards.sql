-- HAZARDS.md, "Tokens", "Passwords" and "Secrets, access, logs", row by row; each assertion is named for
-- what would break. (Before the library loads: test/tap/token_identity.pl. Logs, dumps, master keys:
-- token_keys.pl. Memory, encodings, what an unknown user costs: password_server.pl, password_cost.pl.)
\set QUIET 1
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
BEGIN;
SELECT no_plan();
CREATE ROLE tap_caller;
SELECT set_config('tap.key', repeat('k', 32), false) \g /dev/null
SELECT account.create_key('HS256', 'k1', repeat('k', 32)::bytea) \g /dev/null
SET pgaccount.live_check = off;

-- an oracle of its own: HMAC by RFC 2104 over PostgreSQL's sha256, base64url by encode
CREATE FUNCTION b64(bytes bytea) RETURNS text LANGUAGE sql AS $$ SELECT translate(encode(bytes, 'base64'), E'+/=\n', '-_') $$;
CREATE FUNCTION hmac_sha256(message bytea, key bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	inner_pad bytea := decode(repeat('36', 64), 'hex');
	outer_pad bytea := decode(repeat('5c', 64), 'hex');
BEGIN
	FOR i IN 0 .. length(key) - 1 LOOP
		inner_pad := set_byte(inner_pad, i, get_byte(inner_pad, i) # get_byte(key, i));
		outer_pad := set_byte(outer_pad, i, get_byte(outer_pad, i) # get_byte(key, i));
	END LOOP;
	RETURN sha256(outer_pad || sha256(inner_pad || message));
END $$;
-- a token of any header and payload, well signed
CREATE FUNCTION raw(header text, payload bytea, key bytea DEFAULT repeat('k', 32)::bytea) RETURNS text LANGUAGE sql AS $$
	SELECT signed || '.' || b64(hmac_sha256(signed::bytea, key)) FROM (SELECT b64(convert_to(header, 'UTF8')) || '.' || b64(payload)) x (signed) $$;
CREATE FUNCTION raw(header text, payload text) RETURNS text LANGUAGE sql AS $$ SELECT raw(header, convert_to(payload, 'UTF8')) $$;
-- all that look at a token: PT401, or what they say
CREATE FUNCTION looked_at(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text := '';
	call text;
BEGIN
	FOREACH call IN ARRAY ARRAY['account.jwt_verify($1, repeat(''k'', 32)::bytea)', 'account.verify_access_token($1)', 'account.authenticate($1)'] LOOP
		BEGIN
			EXECUTE 'SELECT ' || call USING token;
			said := said || ' accepted by ' || split_part(call, '(', 1);
		EXCEPTION WHEN SQLSTATE 'PT401' THEN NULL;
		END;
	END LOOP;
	IF (SELECT valid FROM account.verify(token, repeat('k', 32))) THEN said := said || ' accepted by account.verify'; END IF;
	RETURN CASE said WHEN '' THEN 'PT401' ELSE said END;
END $$;
\set hs '{"alg":"HS256","kid":"k1"}'
\set good '{"sub":"1","exp":4000000000}'
\set accepted ' accepted by account.jwt_verify accepted by account.verify_access_token accepted by account.authenticate accepted by account.verify'

-- Tokens 1: the shape -------------------------------------------------------------------------------------
SELECT is(looked_at(raw(:'hs', :'good')), :'accepted', 'the oracle''s good token is good');
SELECT is(looked_at(raw(header, :'good')), 'PT401', 'header_is_never_obeyed: ' || header) FROM unnest(ARRAY[
	'{"alg":"none"}', '{"alg":"None"}', '{"alg":"NONE"}', '{"alg":""}', '{"alg":null}', '{"alg":["HS256"]}', '{"alg":"hs256"}', '{"alg":"HS256 "}', '{}', '[]', '"HS256"', 'null', '',
	'{"alg":"HS384"}', '{"alg":"HS512"}', '{"alg":"EdDSA"}', '{"alg":"RS256"}', '{"alg":"ES256"}', '{"alg":"HS256","alg":"none"}', '{"alg":"none","alg":"HS256"}', '{"alg":"HS256","\u0061lg":"none"}',
	'{"alg":"HS256","crit":["exp"]}', '{"alg":"HS256","crit":[]}', '{"alg":"HS256","crit":null}', '{"alg":"HS256","b64":false}', '{"alg":"HS256","b64":false,"crit":["b64"]}', '{"alg":"HS256","b64":1}',
	'{"alg":"HS256","typ":1}', '{"alg":"HS256","typ":null}', '{"alg":"HS256","typ":["JWT"]}', '{"alg":"HS256","kid":1}', '{"alg":"HS256","kid":null}', '{"alg":"HS256","x":{"a":1,"a":2}}', '{"alg":"HS256"} x', '{"alg":"HS256",}']) header;
SELECT is(looked_at(split_part(raw('{"alg":"none"}', :'good'), '.', 1) || '.' || split_part(raw(:'hs', :'good'), '.', 2) || '.'), 'PT401', 'alg_none_without_signature');
SELECT is(looked_at(token), 'PT401', 'only_compact_and_canonical: ' || what) FROM (SELECT split_part(t, '.', 1) AS h, split_part(t, '.', 2) AS p, split_part(t, '.', 3) AS s, t FROM (SELECT raw(:'hs', :'good')) x (t)) y,
	LATERAL (VALUES ('one segment', h), ('two segments', h || '.' || p), ('empty signature', h || '.' || p || '.'), ('four segments', t || '.' || s), ('a dot behind', t || '.'), ('a dot before', '.' || t), ('five, as JWE', t || '.a.b'),
		('padding', t || '='), ('padding of the payload', h || '.' || p || '=.' || s), ('a space behind', t || ' '), ('a newline behind', t || E'\n'), ('a space inside', h || '. ' || p || '.' || s), ('a tab', E'\t' || t),
		('standard alphabet', replace(replace(t, '-', '+'), '_', '/') || CASE WHEN t ~ '[-_]' THEN '' ELSE '+' END), ('a letter beyond ASCII', h || '.' || p || 'é.' || s), ('quoted', '"' || t || '"'), ('Bearer', 'Bearer ' || t),
		('JSON serialization', format('{"protected":"%s","payload":"%s","signature":"%s"}', h, p, s)), ('empty', ''), ('dots', '..'), ('signature cut', left(t, -1)), ('signature longer', t || 'A'), ('NULL', NULL)) z (what, token);
-- 32 bytes end in a character of which two bits are unused: of its four spellings one is canonical
SELECT is((SELECT string_agg(looked_at(left(t, -1) || substr(alphabet, (strpos(alphabet, right(t, 1)) - 1) / 4 * 4 + i, 1)), ';' ORDER BY i) FROM generate_series(1, 4) i),
	:'accepted' || ';PT401;PT401;PT401', 'unused_bits_are_zero') FROM (SELECT raw(:'hs', :'good'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') x (t, alphabet);
SELECT is(looked_at(raw(:'hs', convert_to(:'good', 'UTF8'), repeat('x', 32)::bytea)), 'PT401', 'another key''s signature');
SELECT account.create_key('EdDSA', 'ed', activate => false) \g /dev/null
SELECT is(looked_at(raw('{"alg":"HS256","kid":"ed"}', convert_to(:'good', 'UTF8'), public_key)), 'PT401', 'public_key_is_no_hmac_secret') FROM account.signing_key WHERE kid = 'ed';
SELECT throws_ok(format('SELECT account.jwt_verify(%L, %L, %L)', raw(:'hs', :'good'), repeat('k', 32)::bytea, 'EdDSA'), sqlstate, NULL, 'algorithm_comes_from_the_key: EdDSA asked, HS256 given')
	FROM (SELECT CASE WHEN account.jws_valid('a.b.c', (SELECT public_key FROM account.signing_key WHERE kid = 'ed'), 'EdDSA') THEN NULL ELSE '22023' END) x (sqlstate);

-- Tokens 2: the claims ------------------------------------------------------------------------------------
SELECT is(looked_at(raw(:'hs', claims)), 'PT401', 'claims_are_strict: ' || left(claims, 50)) FROM unnest(ARRAY[
	'{"sub":"1","exp":4000000000,"exp":1}', '{"sub":"1","exp":1,"exp":4000000000}', '{"sub":"1","sub":"2","exp":4000000000}', '{"sub":"1","exp":4000000000,"\u0065xp":4000000000}', '{"sub":"1","exp":4000000000,"x":{"a":1,"a":1}}', '{"sub":"1","exp":4000000000,"x":[[{"a":{"b":1,"b":1}}]]}',
	'{"sub":"1","exp":"4000000000"}', '{"sub":"1","exp":true}', '{"sub":"1","exp":null}', '{"sub":"1","exp":[4000000000]}', '{"sub":"1","exp":{"a":1}}', '{"sub":"1","exp":1e400}', '{"sub":"1","exp":1e999999999999}', '{"sub":"1","exp":9223372036854775808}', '{"sub":"1","exp":9007199254740992}',
	'{"sub":"1","exp":-1}', '{"sub":"1","exp":-4000000000}', '{"sub":"1","exp":0}', '{"sub":"1","exp":NaN}', '{"sub":"1","exp":Infinity}', '{"sub":"1","exp":+4000000000}', '{"sub":"1","exp":04000000000}', '{"sub":"1","exp":0xEE6B2800}', '{"sub":"1","exp":4000000000.}', '{"sub":"1","exp":4e9e}',
	'{"sub":"1","nbf":4000000001,"exp":4000000000}', '{"sub":"1","nbf":4000000000,"exp":4000000001}', '{"sub":"1","nbf":"0","exp":4000000000}', '{"sub":"1","iat":"0","exp":4000000000}', '{"sub":"1","iss":1,"exp":4000000000}', '{"sub":1,"exp":4000000000}', '{"sub":"1","jti":1,"exp":4000000000}', '{"sub":"1","aud":1,"exp":4000000000}', '{"sub":"1","aud":["a",1],"exp":4000000000}',
	'{"sub":"\u0000","exp":4000000000}', '{"sub":"\ud800","exp":4000000000}', '{"sub":"\udc00\ud800","exp":4000000000}', '{"sub":"\ud800\u0041","exp":4000000000}', '{"sub":"\x","exp":4000000000}', E'{"sub":"\t","exp":4000000000}', '{"sub":"1","exp":4000000000}}', '{"sub":"1","exp":4000000000} {}', '{"sub":"1","exp":4000000000,}', '{"sub":"1" "exp":4000000000}',
	'{''sub'':"1","exp":4000000000}', '/**/{"sub":"1","exp":4000000000}', '[{"sub":"1","exp":4000000000}]', '"sub"', 'null', '', ' ']) claims;
SELECT is(looked_at(raw(:'hs', '\x7b22737562223a22'::bytea || bytes || convert_to('","exp":4000000000}', 'UTF8'))), 'PT401', 'claims_are_utf8: ' || encode(bytes, 'hex'))
	FROM unnest(ARRAY['\xff', '\x80', '\xc080', '\xc1bf', '\xe08080', '\xeda080', '\xf4908080', '\xf8', '\xc3', '\xe282', '\x00', '\xefbfbf'::bytea || '\xff']) bytes;
SELECT is(looked_at(raw(:'hs', '\xefbbbf'::bytea || convert_to(:'good', 'UTF8'))), 'PT401', 'claims_are_utf8: a byte order mark');
SET LOCAL statement_timeout = '20s';	-- at once: a second would be a lot; the limit ends a hang
SELECT is(looked_at(raw(:'hs', '{"sub":"1","exp":4000000000,"x":' || repeat('[', 20000) || repeat(']', 20000) || '}')), 'PT401', 'nesting_is_bounded: 20,000');
SELECT is(looked_at(b64('{"alg":"HS256"}') || '.' || b64(convert_to('{"x":' || repeat('[', 100000), 'UTF8')) || '.AAAA'), 'PT401', 'nesting_is_bounded: 100,000');
SELECT is(looked_at(raw(:'hs', '{"sub":"1","exp":4000000000,"x":' || repeat('[', 63) || repeat(']', 63) || '}')), :'accepted', 'nesting_is_bounded: 64 will do');
SELECT is(looked_at(raw(:'hs', '{"sub":"1","exp":4000000000,"x":' || repeat('[', 64) || repeat(']', 64) || '}')), 'PT401', 'nesting_is_bounded: 65 will not');
SELECT is(looked_at(raw(:'hs', '{"sub":"1","exp":4000000000,"x":"' || repeat('x', 1000000) || '"}')), 'PT401', 'size_is_bounded: 1 MB');
SELECT is(looked_at(repeat(t, 100000000 / length(t))), 'PT401', 'size_is_bounded: 100 MB') FROM (SELECT raw(:'hs', :'good')) x (t);
SELECT is(looked_at(raw(:'hs', '{"sub":"1","exp":4000000000,' || (SELECT string_agg('"k' || i || '":0', ',') FROM generate_series(1, 4000) i) || '}')), :'accepted', 'many_members: 4,000 that differ');
SELECT is(looked_at(raw(:'hs', '{"sub":"1","exp":4000000000,' || (SELECT string_agg('"k' || i % 3999 || '":0', ',') FROM generate_series(1, 4000) i) || '}')), 'PT401', 'many_members: 4,000 of which two are one');
RESET statement_timeout;

-- who asks for iss and aud: the functions of this database's tokens and jwt_verify, not pgjwt's
SET LOCAL pgaccount.issuer = 'https://auth.example.com';
SELECT is(looked_at(raw(:'hs', :'good')), ' accepted by account.verify', 'issuer_is_asked_for: and pgjwt''s verify goes on as before');
SELECT is(looked_at(raw(:'hs', '{"sub":"1","exp":4000000000,"iss":"https://auth.example.com"}')), :'accepted', 'issuer_is_asked_for: the right one');
SELECT is(looked_at(raw(:'hs', '{"sub":"1","exp":4000000000,"iss":["https://auth.example.com"]}')), 'PT401', 'issuer_is_asked_for: a list is none');
SET LOCAL pgaccount.issuer = '';
SET LOCAL pgaccount.audience = 'api';
SELECT is(looked_at(raw(:'hs', claims)), CASE WHEN good THEN :'accepted' ELSE ' accepted by account.verify' END, 'audience_is_asked_for: ' || claims)
	FROM (VALUES ('{"sub":"1","exp":4000000000}', false), ('{"sub":"1","exp":4000000000,"aud":"api"}', true), ('{"sub":"1","exp":4000000000,"aud":["a","\u0061pi"]}', true), ('{"sub":"1","exp":4000000000,"aud":["apis"]}', false), ('{"sub":"1","exp":4000000000,"aud":[]}', false)) x (claims, good);
SET LOCAL pgaccount.audience = '';

-- Tokens 3: Ed25519 points that verify anything -------------------------------------------------------------
SELECT throws_ok(format('SELECT account.%s(''a.b.c'', %L, ''EdDSA'')', f, point::bytea), '22023', NULL, 'small_order_point: ' || f || ' ' || left(point, 10)) FROM unnest(ARRAY['jwt_verify', 'jws_valid']) f, unnest(ARRAY[
	'\x0000000000000000000000000000000000000000000000000000000000000000', '\x0100000000000000000000000000000000000000000000000000000000000000', '\xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
	'\x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', '\xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', '\xedffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f']) point;

-- Tokens 4 and 6: no answer outlives the token ------------------------------------------------------------
SELECT set_eq($$SELECT proname FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND proname IN ('verify', 'jwt_verify', 'verify_access_token', 'authenticate') AND provolatile = 'v' AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')$$,
	ARRAY['verify', 'jwt_verify', 'verify_access_token', 'authenticate']::name[], 'verify_is_not_folded: volatile, and C');
SET LOCAL pgaccount.leeway = 0;
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT raw(:'hs', format('{"sub":"1","exp":%s}', extract(epoch FROM clock_timestamp()) + 1)) AS brief \gset
PREPARE again AS SELECT looked_at(:'brief');
CREATE FUNCTION kept() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN looked_at(current_setting('tap.brief')); END $$;
SELECT set_config('tap.brief', :'brief', true), kept() \g /dev/null
EXECUTE again \gset first_
SELECT is(:'first_looked_at'::text, :'accepted', 'expiry_is_rechecked: valid at first');
SELECT pg_sleep(1.1) \g /dev/null
EXECUTE again \gset second_
SELECT is(:'second_looked_at'::text, 'PT401', 'expiry_is_rechecked: by a prepared statement, in the same transaction');
SELECT is(kept(), 'PT401', 'expiry_is_rechecked: by a function''s kept expression');
RESET plan_cache_mode;
RESET pgaccount.leeway;

-- Tokens 5: NULL passes no IF NOT -------------------------------------------------------------------------
SELECT is((SELECT count(*) FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND proname IN ('verify', 'jwt_verify', 'jws_valid', 'verify_access_token', 'authenticate', 'verify_password') AND proisstrict), 0::bigint, 'null_token_is_no_token: none is STRICT');
SELECT is(looked_at(NULL), 'PT401', 'null_token_is_no_token: refused');
SELECT is(ARRAY[account.jws_valid(NULL, repeat('k', 32)::bytea), account.jws_valid('a.b.c', NULL), account.verify_password(NULL, 'x'), account.verify_password('x', NULL)], ARRAY[false, false, false, false], 'null_token_is_no_token: false');
SELECT is((SELECT valid FROM account.verify(NULL, 'x')), false, 'null_token_is_no_token: one row, false');

-- Tokens 7: nobody sets the identity but authenticate (before the library is there: token_identity.pl) ----------
SELECT account.sign_out();
GRANT SET ON PARAMETER pgaccount.identity TO tap_caller;
SELECT throws_ok(statement, sqlstate, NULL, role || ': identity_cannot_be_set: ' || left(statement, 60)) FROM (VALUES ('superuser', '42501'), ('tap_caller', '42501')) r (role, sqlstate),
	LATERAL (SELECT set_config('role', CASE role WHEN 'superuser' THEN 'none' ELSE role END, true)) s,
	unnest(ARRAY[$$SET pgaccount.identity = 'L0 {"sub": "1"}'$$, $$SET LOCAL pgaccount.identity = 'L0 {"sub": "1"}'$$, $$SET SESSION pgaccount.identity = 'S9223372036854775807 {"sub": "1"}'$$, $$SELECT set_config('pgaccount.identity', 'L0 {"sub": "1"}', true)$$, $$SELECT set_config('pgaccount.identity', '', false)$$,
		$$UPDATE pg_settings SET setting = 'L0 {"sub": "1"}' WHERE name = 'pgaccount.identity' RETURNING 1 / 0$$]) statement WHERE statement !~ '^UPDATE';
SELECT set_config('role', 'none', true) \g /dev/null
SELECT throws_ok(statement, '42501', NULL, 'identity_cannot_be_set: ' || statement) FROM unnest(ARRAY[
	$$ALTER ROLE tap_caller SET pgaccount.identity = 'L0 {"sub": "1"}'$$, $$ALTER ROLE ALL SET pgaccount.identity = 'L0 {"sub": "1"}'$$, format($$ALTER ROLE tap_caller IN DATABASE %I SET pgaccount.identity = 'L0 {"sub": "1"}'$$, current_database()),
	format($$ALTER DATABASE %I SET pgaccount.identity = 'L0 {"sub": "1"}'$$, current_database()), $$CREATE FUNCTION forge() RETURNS text LANGUAGE sql SET pgaccount.identity = 'L0 {"sub": "1"}' AS 'SELECT account.uid()'$$,
	$$CREATE PROCEDURE forge() LANGUAGE sql SET pgaccount.identity TO 'L0 {"sub": "1"}' AS 'SELECT account.uid()'$$]) statement;
SET LOCAL pgaccount.set_request_claims = on;
SET LOCAL request.jwt.claims = '{"sub": "1", "role": "admin"}';
SELECT is(account.uid(), NULL, 'identity_is_not_read_from_request_claims');
SELECT is(ARRAY[account.is_authenticated(), account.is_staff()], ARRAY[false, false], 'after all that nobody is somebody');
REVOKE SET ON PARAMETER pgaccount.identity FROM tap_caller;

-- Passwords 1: costs come from the stored hash ----------------------------------------------------------------
SET LOCAL statement_timeout = '2s';
SELECT is(account.verify_password('x', hash), false, 'cost_is_bounded: ' || left(hash, 45)) FROM unnest(ARRAY['$argon2id$v=19$m=4194304,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs', '$argon2id$v=19$m=8,t=4294967295,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs',
	'argon2$argon2i$v=19$m=4294967295,t=4294967295,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs', 'pbkdf2_sha256$4294967295$salt$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=', '$2b$31$abcdefghijklmnopqrstuuanVo7Xut1CH8VGIGlz1JovQh9GJbbtG']) hash;
RESET statement_timeout;

-- Secrets 1: EXECUTE, definers' functions and their search_path ---------------------------------------------
SELECT set_eq($$SELECT DISTINCT proname::text FROM pg_proc p WHERE pronamespace = 'account'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')
		AND proname IN ('create_key', 'activate_key', 'retire_key', 'export_key', 'issue_access_token', 'issue_tokens', 'act_as', 'login', 'refresh', 'logout', 'register', 'set_password', 'revoke_sessions', 'grant_api', 'purge', 'use_tables', 'create_starter', 'forget_tables',
			'hash_password', 'verify_password', 'password_needs_rehash', 'sign', 'verify', 'jwt_sign', 'jwt_verify', 'jws_valid', 'verify_access_token', 'authenticate', 'jwks', 'sign_out', 'uid', 'http_status')$$,
	ARRAY['hash_password', 'verify_password', 'password_needs_rehash', 'sign', 'verify', 'jwt_sign', 'jwt_verify', 'jws_valid', 'verify_access_token', 'authenticate', 'jwks', 'sign_out', 'uid', 'http_status'], 'execute_is_revoked: PUBLIC has what CONTRACT section 12 names');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND prosecdef AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)$$, 'search_path_is_pinned: of every definer''s function');
CREATE SCHEMA trap;
CREATE TABLE trap.hit (what text);
CREATE FUNCTION trap.spring(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.hit VALUES ('operator'); RETURN true; END $$;
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.spring);
CREATE OPERATOR trap.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.spring);
CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.hit VALUES ('now'); RETURN 'infinity'; END $$;
CREATE FUNCTION trap.crypt(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.hit VALUES ('crypt'); RETURN $2; END $$;
CREATE FUNCTION trap.uid() RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.hit VALUES ('uid'); RETURN '1'; END $$;
CREATE TEMP TABLE signing_key (LIKE account.signing_key);
SET LOCAL search_path = pg_temp, trap, pg_catalog, public;
SELECT account.create_key('HS256', 'trapped', repeat('t', 32)::bytea) \g /dev/null
SELECT account.activate_key('k1') \g /dev/null
SELECT account.retire_key('trapped') \g /dev/null
SELECT account.verify_password('x', '$2b$10$abcdefghijklmnopqrstuuanVo7Xut1CH8VGIGlz1JovQh9GJbbtG') \g /dev/null
SELECT account.authenticate(public.raw(:'hs', :'good')) \g /dev/null
RESET search_path;
SELECT is((SELECT count(*) FROM trap.hit) + (SELECT count(*) FROM pg_temp.signing_key), 0::bigint, 'search_path_hijacks_nothing: no operator, function or table of a trap was used');
SELECT is((SELECT signs FROM account.signing_key WHERE kid = 'k1'), true, 'search_path_hijacks_nothing: and the calls did what they do');
DROP TABLE pg_temp.signing_key;

-- Secrets 2: no key in a setting ----------------------------------------------------------------------------
SELECT is((SELECT string_agg(name, ' ' ORDER BY name) FROM pg_settings WHERE name LIKE 'pgaccount.%' AND vartype = 'string'), 'pgaccount.audience pgaccount.db_role pgaccount.issuer pgaccount.master_key_file pgaccount.registration_roles pgaccount.show_deleted pgaccount.tenant_admin_roles', 'no_secret_in_a_setting: a new text setting must be listed here');

-- Secrets 3: what an error tells (the log, statistics and dumps: token_keys.pl) ----------------------------------
CREATE FUNCTION told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; h text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(' ', m, d, h);
END $$;
SELECT unalike(told(format(call, raw(:'hs', '{"sub":"telltale","exp":1}'), 'telltale-secret-of-32-bytes-here')), '%telltale%', 'error_tells_no_secret: ' || call)
	FROM unnest(ARRAY['SELECT account.jwt_verify(%L, %L)', 'SELECT account.jwt_verify(%1$L, %2$L, ''HS512'')', 'SELECT account.jwt_verify(%1$L, %2$L, %2$L)', 'SELECT account.verify_access_token(%1$L || %2$L)', 'SELECT account.authenticate(%1$L)',
		'SELECT account.create_key(''HS512'', ''x'', %2$L)', 'SELECT account.create_key(%2$L)', 'SELECT account.hash_password(repeat(%2$L, 1000))', 'SELECT account.sign(''{}'', %2$L, %2$L)', 'SELECT account.jwt_sign(''[]'', %2$L)']) call;
SELECT unalike(told(format('SELECT account.verify_access_token(%L)', split_part(raw(:'hs', :'good'), '.', 1) || '.e30.AAAA')), '%e30%', 'error_tells_no_secret: nor a part of the token');

-- Secrets 4: NULL is no ---------------------------------------------------------------------------------------
SELECT account.authenticate(raw(:'hs', '{"sub":"1","exp":4000000000,"is_staff":null,"modules":null,"tenant_id":null}')) \g /dev/null
SELECT is(ARRAY[account.is_staff(), account.has_module('crm'), account.has_module(NULL)], ARRAY[false, false, false], 'null_is_no: claims that are null');
CREATE TABLE rows_of (tenant_id text);
INSERT INTO rows_of VALUES (NULL), ('1');
GRANT SELECT ON rows_of TO tap_caller;
SELECT account.enable_tenant_isolation('rows_of');
SET LOCAL ROLE tap_caller;
SELECT is((SELECT count(*) FROM rows_of), 0::bigint, 'null_is_no: nobody''s rows are not those of a user without tenant');
SELECT account.sign_out();
SELECT is((SELECT count(*) FROM rows_of), 0::bigint, 'null_is_no: nor of nobody');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
