-- Signed tokens with a key of the caller's, as an unprivileged role.
CREATE ROLE regress_jwt_user;
SET ROLE regress_jwt_user;
\set SHOW_CONTEXT never
\set key '''\\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'''

-- the answer of jwt_verify, or its SQLSTATE and DETAIL
CREATE FUNCTION pg_temp.try(token text, key bytea, alg text DEFAULT 'HS256', at timestamptz DEFAULT NULL, leeway interval DEFAULT '0')
	RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
	RETURN account.jwt_verify(token, key, alg, at, leeway)::text;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || coalesce(nullif(d, ''), SQLERRM);
END $$;

-- pgjwt: the tokens of its own test suite
SELECT account.sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret');
SELECT account.sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret', 'HS384');
SELECT account.sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret', 'HS512');
SELECT header::text, payload::text, valid FROM account.verify(
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9.TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ', 'secret');
-- wrong secret, expired, not yet valid, in time, other algorithm
SELECT valid FROM account.verify(account.sign('{"a":1}', 'secret'), 'other');
SELECT payload::text, valid FROM account.verify(account.sign('{"exp":1}', 'secret'), 'secret');
SELECT valid FROM account.verify(account.sign(json_build_object('nbf', extract(epoch FROM now()) + 100), 'secret'), 'secret');
SELECT valid FROM account.verify(account.sign(json_build_object('nbf', extract(epoch FROM now()) - 1, 'exp', extract(epoch FROM now()) + 100), 'secret'), 'secret');
SELECT valid FROM account.verify(account.sign('{"a":1}', 'secret', 'HS512'), 'secret');
-- one row, not valid, whatever comes
SELECT t, v.* FROM (VALUES (NULL), (''), ('a'), ('a.b'), ('..'), ('e30.e30.'), ('eyJhbGciOiJIUzI1NiJ9.aGVsbG8.AAAA')) AS x (t), account.verify(t, 'secret') v;
SELECT account.sign('{}', '');			-- fails
SELECT account.sign('{}', NULL);		-- fails
SELECT account.sign(NULL, 'secret');	-- fails
SELECT account.verify('a.b.c', '');		-- fails
SELECT account.verify('a.b.c', NULL);	-- fails
SELECT account.sign('{}', 'secret', 'none');	-- fails
SELECT account.sign('{}', 'secret', 'hs256');	-- fails

-- round trips
SELECT alg, account.jwt_verify(account.jwt_sign('{"sub": "42", "n": [1, 2.50, -3e2, {"a": null}], "é": "漢\"\n"}', repeat('k', 64)::bytea, alg, 'key "1"'), repeat('k', 64)::bytea, alg)
FROM unnest(ARRAY['HS256', 'HS384', 'HS512']) alg;
-- an HMAC key longer than a block, both libraries
SELECT alg, account.jws_valid(account.jwt_sign('{}', repeat('k', 200)::bytea, alg), repeat('k', 200)::bytea, alg)
FROM unnest(ARRAY['HS256', 'HS384', 'HS512']) alg;
-- RFC 7515 A.1, its key as RFC 7517 A.3 encodes it (kty oct, member k)
\set oct 'decode(translate(''AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow'', ''-_'', ''+/'') || ''=='', ''base64'')'
\set a1 '''eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'''
SELECT length(:oct), account.jwt_verify(:a1, :oct, at => to_timestamp(1300819379));
-- RFC 8037 A.1 to A.4: seed, public key, signature
SELECT account.jws_valid('eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
	'\xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'EdDSA');
SELECT account.jwt_verify(account.jwt_sign('{"sub": "ed"}', '\x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'EdDSA'),
	'\xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'EdDSA');
SELECT split_part(account.jwt_sign('{}', :key, 'HS256', 'k1'), '.', 1);
-- two keys in one statement, and a key that changes from row to row
SELECT k, account.jws_valid(account.jwt_sign('{}', k::bytea), repeat('a', 32)::bytea) FROM (VALUES (repeat('a', 32)), (repeat('b', 32)), (repeat('a', 32))) x (k);

-- keys that do not suit
SELECT pg_temp.try('a.b.c', '\x00');
SELECT pg_temp.try('a.b.c', substr(:key::bytea, 1, 31));
SELECT pg_temp.try('a.b.c', :key, 'HS384');
SELECT pg_temp.try('a.b.c', :key, 'HS512');
SELECT pg_temp.try('a.b.c', :key::bytea || '\x00', 'EdDSA');
SELECT pg_temp.try('a.b.c', :key, 'RS256');
SELECT pg_temp.try('a.b.c', :key, NULL);
SELECT pg_temp.try('a.b.c', NULL);
SELECT pg_temp.try(NULL, :key);
SELECT account.jwt_sign('{}', '\x00');				-- fails
SELECT account.jwt_sign('{}', '', 'HS256');			-- fails
SELECT account.jwt_sign('[]', :key);				-- fails
SELECT account.jwt_sign(NULL, :key);				-- fails
SELECT account.jwt_sign('{}', NULL);				-- fails
SELECT account.jws_valid('a.b.c', '\x00');			-- fails
-- small-order and all-zero Ed25519 points; one not on the curve
SELECT point, pg_temp.try('a.b.c', point, 'EdDSA') FROM unnest(ARRAY[
	'\x0000000000000000000000000000000000000000000000000000000000000000',
	'\x0100000000000000000000000000000000000000000000000000000000000000',
	'\x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
	'\xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
	'\xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
	'\xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f']::bytea[]) point;

-- NULL is not true
SELECT account.jws_valid(NULL, :key), account.jws_valid('a.b.c', NULL), account.jws_valid('a.b.c', :key, NULL), account.jws_valid('', :key);

-- times: on or after exp it is refused; leeway; nbf
SELECT at, leeway, pg_temp.try(account.jwt_sign('{"nbf": 1000, "exp": 2000}', :key), :key, 'HS256', to_timestamp(at), make_interval(secs => leeway))
FROM (VALUES (999, 0), (999, 1), (1000, 0), (1999.999999, 0), (2000, 0), (2000, 0.000001), (2029, 30), (2030, 30)) x (at, leeway);
SELECT pg_temp.try(account.jwt_sign('{"exp": 1999.5}', :key), :key, 'HS256', to_timestamp(at)) FROM unnest(ARRAY[1999.499999, 1999.5]) at;
SELECT pg_temp.try(account.jwt_sign('{"nbf": 2001, "exp": 2000}', :key), :key, 'HS256', to_timestamp(2000), '1 hour');
SELECT pg_temp.try(account.jwt_sign('{}', :key), :key, 'HS256', 'infinity');
SELECT pg_temp.try(account.jwt_sign('{"exp": 9007199254740991}', :key), :key, 'HS256', '294276-12-31');
SELECT pg_temp.try(account.jwt_sign('{"exp": 1}', :key), :key, 'HS256', '4713-01-01 BC');
SELECT pg_temp.try(account.jwt_sign('{}', :key), :key, 'HS256', now(), '-1 second');
SELECT pg_temp.try(account.jwt_sign('{}', :key), :key, 'HS256', now(), '178000000 years');
SELECT pg_temp.try(account.jwt_sign('{}', :key), :key, 'HS256', now(), NULL);

-- a prepared plan does not remember that a token was valid
PREPARE check_token(text) AS SELECT pg_temp.try($1, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
SET plan_cache_mode = force_generic_plan;
SELECT account.jwt_sign(jsonb_build_object('exp', extract(epoch FROM clock_timestamp()) + 0.5), :key) AS soon \gset
BEGIN;
SELECT pg_temp.try(:'soon', :key) LIKE '{%' AS valid;
SELECT pg_sleep(0.6);
EXECUTE check_token(:'soon');	-- the clock's time, not the transaction's
COMMIT;

-- claims: registered ones have their types
SELECT claims, pg_temp.try(account.jwt_sign(claims, :key), :key) FROM unnest(ARRAY[
	'{"exp": "1"}', '{"exp": null}', '{"exp": true}', '{"exp": []}', '{"exp": {}}', '{"nbf": "x"}', '{"iat": "1"}', '{"iat": -1}', '{"iat": 4000000000}',
	'{"iss": 1}', '{"sub": 42}', '{"sub": null}', '{"jti": 1}', '{"aud": 1}', '{"aud": []}', '{"aud": ["a", 1]}', '{"aud": ["a", ["b"]]}', '{"aud": {"a": 1}}', '{"aud": ["a", "b"]}', '{"aud": "a"}',
	'{"exp": 9007199254740991}', '{"exp": 9007199254740992}', '{"nbf": -9007199254740992}', '{"exp": 9223372036854775808}']::jsonb[]) claims;

-- texts that jsonb cannot say
SELECT payload, pg_temp.try(account.sign(payload::json, repeat('k', 32)), repeat('k', 32)::bytea) FROM unnest(ARRAY[
	'{"a": 1, "a": 2}', '{"a": 1, "\u0061": 2}', '{"x": {"a": 1, "a": 2}}', '{"x": [{"a": 1}, {"a": 2}]}', '{"exp": 1e400}', '{"x": 1e40}', '{"x": 1e1001}', '{"x": 1e-1001}', '{"x": 1e-40}', '{"x": -0}',
	'{"x": "\u0000"}', '{"x": "\ud800"}', '{"x": "\udc00"}', '{"x": "\ud83d\ude00"}', '[]', '"x"', '1', 'null', '{"x": "\/\b\f\n\r\t"}']) payload;
-- more members than are compared one by one
SELECT left(pg_temp.try(account.sign(('{' || string_agg('"k' || i || '":' || i, ',') || ',"k7":0}')::json, repeat('k', 32)), repeat('k', 32)::bytea), 60) FROM generate_series(1, 100) i;
SELECT left(pg_temp.try(account.sign(('{' || string_agg('"k' || i || '":' || i, ',') || '}')::json, repeat('k', 32)), repeat('k', 32)::bytea), 60) FROM generate_series(1, 100) i;

-- bounds: depth 64, 64 kB, and what is far beyond, at once
SELECT n, left(pg_temp.try(account.sign(('{"a":' || repeat('[', n) || repeat(']', n) || '}')::json, repeat('k', 32)), repeat('k', 32)::bytea), 60) FROM unnest(ARRAY[63, 64, 3000]) n;
SELECT n, length(t) > 65536 AS over, left(pg_temp.try(t, repeat('k', 32)::bytea), 60) FROM unnest(ARRAY[49000, 49200]) n, account.sign(json_build_object('a', repeat('x', n)), repeat('k', 32)) t;
SELECT pg_temp.try(repeat('a', 1000000), :key);
SELECT pg_temp.try(repeat('.', 1000000), :key);
SELECT pg_temp.try(repeat('e30.', 16000), :key);

-- the token's text: segments, alphabet, padding, unused bits
SELECT account.jwt_sign('{}', :key) AS good \gset
SELECT what, pg_temp.try(token, :key) FROM (VALUES
	('as it is', :'good'), ('dot behind', :'good' || '.'), ('space behind', :'good' || ' '), ('newline', :'good' || E'\n'), ('quoted', '"' || :'good' || '"'), ('Bearer', 'Bearer ' || :'good'),
	('padding', :'good' || '='), ('last character', left(:'good', -1)), ('no signature', regexp_replace(:'good', '[^.]*$', '')), ('unused bits', regexp_replace(:'good', '\.e30\.', '.e31.'))) x (what, token);

-- settings: issuer and audience
RESET ROLE;
SET pgaccount.issuer = 'https://auth.example.com';
SELECT pg_temp.try(account.jwt_sign(claims, :key), :key) FROM unnest(ARRAY['{"iss": "https://auth.example.com"}', '{"iss": "https://auth.example.com.evil.com"}', '{}']::jsonb[]) claims;
RESET pgaccount.issuer;
SET pgaccount.audience = 'api';
SELECT pg_temp.try(account.jwt_sign(claims, :key), :key) FROM unnest(ARRAY['{"aud": "api"}', '{"aud": ["web", "api"]}', '{"aud": ["web"]}', '{"aud": []}', '{"aud": "apis"}', '{}']::jsonb[]) claims;
RESET pgaccount.audience;
-- the reason goes to the log only
SET pgaccount.error_detail = 'generic';
SELECT account.jwt_verify('a.b.c', :key);	-- fails
RESET pgaccount.error_detail;

-- neither planner nor view inlines the clock
SELECT proname, provolatile, proparallel, proisstrict, prosecdef FROM pg_proc WHERE pronamespace = 'account'::regnamespace AND proname IN ('sign', 'verify', 'jwt_sign', 'jwt_verify', 'jws_valid') ORDER BY 1;
DROP OWNED BY regress_jwt_user;
DROP ROLE regress_jwt_user;
