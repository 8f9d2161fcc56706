-- Tokens and identity against named floors, in loops inside one backend; prints ratios. Run it as a
-- superuser in a database that it may fill, with -v floor=path/to/floor.so; see run.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgaccount;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
CREATE FUNCTION floor_empty() RETURNS bigint AS :'floor', 'floor_empty' LANGUAGE C VOLATILE;
CREATE FUNCTION floor_sign(claims text, key text) RETURNS text AS :'floor', 'floor_sign' LANGUAGE C VOLATILE;
CREATE FUNCTION floor_verify(token text, key text) RETURNS text AS :'floor', 'floor_verify' LANGUAGE C VOLATILE;

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

CREATE TABLE sample AS SELECT repeat('k', 32) AS key, '{"iss":"https://auth.example.com","aud":"api","sub":"0190d5a2-7b1c-7e2a-9c3d-1234567890ab","iat":1700000000,"nbf":1700000000,"exp":4000000000,"jti":"c2b1d0e9f8a7","sid":"51","tenant_id":"7","tenant":"acme","modules":["crm","billing","reports"],"user_role":"teacher","is_staff":false,"name":"Some User of Acme"}' AS claims;
SELECT count(account.create_key('HS256', 'bench', repeat('k', 32)::bytea)) FROM sample \g /dev/null
CREATE TABLE token AS SELECT account.jwt_sign(claims::jsonb, key::bytea, 'HS256', 'bench') AS token, key, key::bytea AS bytes, claims, claims::json AS json, claims::jsonb AS jsonb FROM sample;
CREATE TABLE big AS SELECT i AS id, i % 2 + 41 AS owner, (i % 2 + 41)::text AS owner_text, md5(i::text) AS pad FROM generate_series(1::bigint, 1000000) i;
VACUUM ANALYZE big;
CREATE TABLE measured (name text, us float8);

-- microseconds of one evaluation, n in one statement
CREATE PROCEDURE measure(name text, expression text, n int, source text DEFAULT 'token') LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
BEGIN
	EXECUTE format('SELECT count(%s) FROM %s, generate_series(1, %s) g', expression, source, n);
	INSERT INTO measured VALUES (name, extract(epoch FROM clock_timestamp() - began) * 1e6 / n);
END $$;
CREATE PROCEDURE measure_scan(name text, condition text) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
BEGIN
	EXECUTE 'SELECT count(*) FROM big WHERE ' || condition;
	INSERT INTO measured VALUES (name, extract(epoch FROM clock_timestamp() - began) * 1e6);
END $$;
SET pgaccount.live_check = off;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SELECT account.authenticate(account.jwt_sign('{"sub": "42", "exp": 4000000000}', repeat('k', 32)::bytea, 'HS256', 'bench'), false) \g /dev/null
DO $$
BEGIN
	FOR round IN 1 .. 15 LOOP
		CALL measure('loop', 'g', 20000);
		CALL measure('floor_empty', 'floor_empty()', 200000, '(SELECT) x');
		CALL measure('uid', 'account.uid()', 200000, '(SELECT) x');
		CALL measure('uid_bigint', 'account.uid_bigint()', 200000, '(SELECT) x');
		CALL measure('floor_sign', 'floor_sign(claims, key)', 5000);
		CALL measure('sign', 'account.sign(json, key)', 5000);
		CALL measure('jwt_sign', 'account.jwt_sign(jsonb, bytes)', 5000);
		CALL measure('pgjwt_sign', 'pgjwt_sign(json, key)', 500);
		CALL measure('floor_verify', 'floor_verify(token, key)', 5000);
		CALL measure('jws_valid', 'account.jws_valid(token, bytes)', 5000);
		CALL measure('jwt_verify', 'account.jwt_verify(token, bytes)', 5000);
		CALL measure('verify_access_token', 'account.verify_access_token(token)', 5000);
		CALL measure('pgjwt_verify', '(SELECT v FROM pgjwt_verify(token || left(g::text, 0), key) v)', 500);
		CALL measure_scan('constant bigint', 'owner = 42');
		CALL measure_scan('policy uid_bigint', 'owner = account.uid_bigint()');
		CALL measure_scan('constant text', 'owner_text = ''42''');
		CALL measure_scan('policy uid', 'owner_text = account.uid()');
	END LOOP;
END $$;

-- each against its floor; bars are upper bounds, except those of "times faster"
WITH m AS (SELECT name, percentile_cont(0.5) WITHIN GROUP (ORDER BY us) AS us FROM measured GROUP BY name)
SELECT b.name, round(m.us::numeric, 2) AS us, b.floor, round((CASE WHEN b.faster THEN f.us / m.us ELSE m.us / f.us END)::numeric, 2) AS ratio,
	CASE WHEN b.faster THEN 'at least ' ELSE 'at most ' END || b.bar AS bar
FROM (VALUES ('sign', 'floor_sign', 1.0, false), ('sign', 'pgjwt_sign', 20, true), ('jwt_sign', 'floor_sign', NULL, false), ('jws_valid', 'floor_verify', 1.2, false),
	('jwt_verify', 'floor_verify', 2.0, false), ('verify_access_token', 'floor_verify', 2.0, false), ('verify_access_token', 'pgjwt_verify', 10, true),
	('uid', 'floor_empty', 2.0, false), ('uid_bigint', 'floor_empty', 2.0, false),
	('policy uid_bigint', 'constant bigint', 1.15, false), ('policy uid', 'constant text', 1.15, false)) b (name, floor, bar, faster)
JOIN m USING (name) JOIN m f ON f.name = b.floor;
