-- Tokens and identity against named floors, in loops inside one backend. Prints the median of each
-- contender, in microseconds of CPU: name|median. For bench/run, with -v floor=, -v rounds=.
\set ON_ERROR_STOP on
\set QUIET 1
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE FUNCTION cpu_us() RETURNS float8 AS :'floor', 'cpu_us' LANGUAGE C VOLATILE;
CREATE FUNCTION floor_empty() RETURNS bigint AS :'floor', 'floor_empty' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION floor_sign(claims text, key text) RETURNS text AS :'floor', 'floor_sign' LANGUAGE C VOLATILE;
CREATE FUNCTION floor_verify(token text, key text) RETURNS text AS :'floor', 'floor_verify' LANGUAGE C VOLATILE;
CREATE FUNCTION check_token(token text) RETURNS boolean AS '$libdir/pgaccount', 'check_token' LANGUAGE C VOLATILE;

-- pgjwt 0.2, as it is installed, but for the names
CREATE FUNCTION pgjwt_encode(data bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.translate(pg_catalog.encode(data, 'base64'), E'+/=\n', '-_') $$;
CREATE FUNCTION pgjwt_decode(data text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	WITH t AS (SELECT translate(data, '-_', '+/') AS trans), rem AS (SELECT length(t.trans) % 4 AS remainder FROM t)
	SELECT decode(t.trans || CASE WHEN rem.remainder > 0 THEN repeat('=', 4 - rem.remainder) ELSE '' END, 'base64') FROM t, rem $$;
CREATE FUNCTION pgjwt_mac(signables text, secret text, algorithm text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	WITH alg AS (SELECT CASE WHEN algorithm = 'HS256' THEN 'sha256' WHEN algorithm = 'HS384' THEN 'sha384' WHEN algorithm = 'HS512' THEN 'sha512' ELSE '' END AS id)
	SELECT pgjwt_encode(hmac(signables, secret, alg.id)) FROM alg $$;
CREATE FUNCTION pgjwt_sign(payload json, secret text, algorithm text DEFAULT 'HS256') RETURNS text LANGUAGE sql IMMUTABLE AS $$
	WITH header AS (SELECT pgjwt_encode(convert_to('{"alg":"' || algorithm || '","typ":"JWT"}', 'utf8')) AS data),
		payload AS (SELECT pgjwt_encode(convert_to(payload::text, 'utf8')) AS data),
		signables AS (SELECT header.data || '.' || payload.data AS data FROM header, payload)
	SELECT signables.data || '.' || pgjwt_mac(signables.data, secret, algorithm) FROM signables $$;
CREATE FUNCTION pgjwt_double(inp text) RETURNS double precision LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN inp::double precision; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$;
CREATE FUNCTION pgjwt_verify(token text, secret text, algorithm text DEFAULT 'HS256') RETURNS TABLE (header json, payload json, valid boolean) LANGUAGE sql IMMUTABLE AS $$
	SELECT jwt.header, jwt.payload, jwt.signature_ok AND tstzrange(to_timestamp(pgjwt_double(jwt.payload ->> 'nbf')), to_timestamp(pgjwt_double(jwt.payload ->> 'exp'))) @> CURRENT_TIMESTAMP
	FROM (SELECT convert_from(pgjwt_decode(r[1]), 'utf8')::json AS header, convert_from(pgjwt_decode(r[2]), 'utf8')::json AS payload, r[3] = pgjwt_mac(r[1] || '.' || r[2], secret, algorithm) AS signature_ok
		FROM regexp_split_to_array(token, '\.') r) jwt $$;

-- the least that PL/pgSQL and pgcrypto can do for the same: one algorithm, header and key known
CREATE FUNCTION lean_sign(payload text, secret bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE signed text := 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.' || translate(encode(convert_to(payload, 'utf8'), 'base64'), E'+/=\n', '-_');
BEGIN
	RETURN signed || '.' || translate(encode(hmac(signed::bytea, secret, 'sha256'), 'base64'), E'+/=\n', '-_');
END $$;

CREATE TABLE sample AS SELECT repeat('k', 32) AS key, '{"iss":"https://auth.example.com","aud":"api","sub":"0190d5a2-7b1c-7e2a-9c3d-1234567890ab","iat":1700000000,"nbf":1700000000,"exp":4000000000,"jti":"c2b1d0e9f8a7","sid":"51","tenant_id":"7","tenant":"acme","modules":["crm","billing","reports"],"user_role":"teacher","is_staff":false,"name":"Some User of Acme"}' AS claims;
SELECT account.create_key('HS256', 'bench', repeat('k', 32)::bytea) \g /dev/null
CREATE TABLE token AS SELECT account.jwt_sign(claims::jsonb, key::bytea, 'HS256', 'bench') AS token, key, key::bytea AS bytes, claims, claims::json AS json, claims::jsonb AS jsonb FROM sample;
DO $$ BEGIN
	ASSERT (SELECT floor_sign(claims, key) = account.sign(json, key) AND pgjwt_sign(json, key) = account.sign(json, key) AND lean_sign(claims, bytes) = account.sign(json, key) FROM token), 'all sign alike';
	ASSERT (SELECT floor_verify(token, key)::jsonb = account.verify_access_token(token) AND (SELECT valid FROM pgjwt_verify(token, key)) FROM token), 'all verify alike';
END $$;

-- a million rows, which one role reads by a constant and the other by who is asking
CREATE TABLE big AS SELECT i AS id, i % 2 + 41 AS owner, (i % 2 + 41)::text AS owner_text, md5(i::text) AS pad FROM generate_series(1::bigint, 1000000) i;
VACUUM (FREEZE, ANALYZE) big;
ALTER TABLE big ENABLE ROW LEVEL SECURITY;
CREATE ROLE bench_bigint_constant;
CREATE ROLE bench_bigint_uid;
CREATE ROLE bench_text_constant;
CREATE ROLE bench_text_uid;
GRANT SELECT ON big TO bench_bigint_constant, bench_bigint_uid, bench_text_constant, bench_text_uid;
CREATE POLICY a ON big TO bench_bigint_constant USING (owner = 42);
CREATE POLICY b ON big TO bench_bigint_uid USING (owner = account.uid_bigint());
CREATE POLICY c ON big TO bench_text_constant USING (owner_text = '42');
CREATE POLICY d ON big TO bench_text_uid USING (owner_text = account.uid());

CREATE TABLE contender (n serial, name text, expression text, loops int, source text, is_local boolean DEFAULT true);
INSERT INTO contender (name, expression, loops, source) VALUES
	('floor_sign', 'floor_sign(claims, key)', 5000, 'token'),
	('sign', 'account.sign(json, key)', 5000, 'token'),
	('jwt_sign', 'account.jwt_sign(jsonb, bytes)', 5000, 'token'),
	('pgjwt_sign', 'pgjwt_sign(json, key)', 500, 'token'),
	('lean_sign', 'lean_sign(claims, bytes)', 2000, 'token'),
	('floor_verify', 'floor_verify(token, key)', 5000, 'token'),
	('jws_valid', 'account.jws_valid(token, bytes)', 5000, 'token'),
	('jwt_verify', 'account.jwt_verify(token, bytes)', 5000, 'token'),
	('verify_access_token', 'account.verify_access_token(token)', 5000, 'token'),
	('pgjwt_verify', '(SELECT v FROM pgjwt_verify(token || left(g::text, 0), key) v)', 500, 'token'),
	('bigint_constant', NULL, 1, NULL), ('bigint_uid', NULL, 1, NULL), ('text_constant', NULL, 1, NULL), ('text_uid', NULL, 1, NULL);
INSERT INTO contender (name, expression, loops, source) VALUES ('check_token', 'check_token(token)', 5000, 'token');
-- a helper costs some nanoseconds: a hundred calls for each turn of the loop, which is measured alone too
INSERT INTO contender (name, expression, loops, source, is_local)
	SELECT CASE WHEN is_local THEN '' ELSE 'session ' END || coalesce(helper, 'loop'), 'num_nulls(' || repeat(coalesce(helper, 'g') || ', ', 99) || coalesce(helper, 'g') || ')', 5000, '(SELECT) x', is_local
	FROM unnest(ARRAY[NULL, 'floor_empty()', 'account.uid()', 'account.uid_bigint()', 'account.tenant_id()', 'account.user_role()', 'account.is_staff()', 'account.is_authenticated()', 'account.has_module(''reports'')']) helper, unnest(ARRAY[true, false]) is_local;
CREATE TABLE measured (name text, us float8);

CREATE PROCEDURE measure(c contender) LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT count(%s) FROM %s, generate_series(1, %s) g', c.expression, c.source, c.loops);
	began float8;
	took float8;
BEGIN
	PERFORM account.authenticate(current_setting('bench.token'), c.is_local);
	IF c.expression IS NULL THEN
		PERFORM set_config('role', 'bench_' || c.name, true);
		statement := 'SELECT count(*) FROM big';
	END IF;
	began := cpu_us();
	EXECUTE statement;
	took := (cpu_us() - began) / c.loops;
	PERFORM set_config('role', 'none', true);
	INSERT INTO measured VALUES (c.name, took);
END $$;

SET pgaccount.live_check = off;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SELECT set_config('bench.token', account.jwt_sign('{"sub": "42", "tenant_id": "7", "user_role": "teacher", "modules": ["crm", "billing", "reports"], "exp": 4000000000}', repeat('k', 32)::bytea, 'HS256', 'bench'), false) \g /dev/null
SET bench.rounds = :rounds;
-- contenders take turns, each round beginning with another
DO $$
DECLARE
	contenders contender[] := (SELECT array_agg(c ORDER BY n) FROM contender c);
	n int := cardinality(contenders);
BEGIN
	FOR round IN 1 .. current_setting('bench.rounds')::int LOOP
		FOR i IN 1 .. n LOOP
			CALL measure(contenders[(i * 7 + round) % n + 1]);
		END LOOP;
	END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT name, percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FROM measured GROUP BY name;
DROP OWNED BY bench_bigint_constant, bench_bigint_uid, bench_text_constant, bench_text_uid;
DROP ROLE bench_bigint_constant, bench_bigint_uid, bench_text_constant, bench_text_uid;
