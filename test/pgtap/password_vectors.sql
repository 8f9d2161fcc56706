-- Known hashes, from the makers' own tests and libraries: test/vectors holds them (the directory VECTORS
-- says where; else the working directory is the repository's root, or what test/run works in). No vector is decided otherwise by the contract; the ones below that
-- another library would accept say why they are refused.
\set ON_ERROR_STOP 1
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS pgaccount;
SELECT count(*) > 0 AS have_pgcrypto FROM pg_available_extensions WHERE name = 'pgcrypto' \gset
\set vectors `cat "${VECTORS:-$(ls -d test/vectors tree/test/vectors 2>/dev/null | head -n 1)}/passwords.json"`
\set foreign `cat "${VECTORS:-$(ls -d test/vectors tree/test/vectors 2>/dev/null | head -n 1)}/passwords_foreign.json"`
CREATE TEMP TABLE vector AS
SELECT v->>'name' AS name, v->>'password' AS password, v->>'hash' AS hash, v->>'expect' AS expect, v->>'reason' AS reason
FROM jsonb_array_elements(:'vectors'::jsonb) AS v;
CREATE TEMP TABLE foreign_hash AS
SELECT v->>'name' AS name, v->>'password' AS password, v->>'hash' AS hash
FROM jsonb_array_elements(:'foreign'::jsonb) AS v;

SELECT no_plan();
SELECT is(count(*), 54::bigint, 'all vectors are here') FROM vector;

-- without pgcrypto bcrypt is false, everything else as with it
DROP EXTENSION IF EXISTS pgcrypto;
SELECT is(account.verify_password(password, hash), expect = 'match' AND hash !~ '^(bcrypt|\$2)',
    'without pgcrypto: ' || name || ' (' || reason || ')') FROM vector;
SELECT is(account.verify_password(password, hash), hash !~ '^(bcrypt|\$2)',
    'without pgcrypto: ' || name) FROM foreign_hash;

-- an impostor called crypt, first in the search_path, is asked nothing
CREATE SCHEMA impostor;
CREATE FUNCTION impostor.crypt(text, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
SET LOCAL search_path = impostor, public;
SELECT ok(NOT account.verify_password('anything', '$2b$04$abcdefghijklmnopqrstuuanVo7Xut1CH8VGIGlz1JovQh9GJbbtG'),
    'a function that is called crypt is not pgcrypto''s');
\if :have_pgcrypto
CREATE SCHEMA elsewhere;
CREATE EXTENSION pgcrypto SCHEMA elsewhere;
SELECT ok(NOT account.verify_password('anything', '$2b$04$abcdefghijklmnopqrstuuanVo7Xut1CH8VGIGlz1JovQh9GJbbtG'),
    'nor beside pgcrypto''s');
SELECT is(account.verify_password(password, hash), expect = 'match', 'with pgcrypto: ' || name || ' (' || reason || ')') FROM vector;
SELECT ok(account.verify_password(password, hash), 'with pgcrypto: ' || name) FROM foreign_hash;
SELECT ok(NOT account.verify_password(password || 'x', hash), 'with pgcrypto, wrong password: ' || name) FROM foreign_hash;
SELECT ok(NOT account.verify_password('l' || right(password, -1) || 'X', replace(hash, 'abcdef', 'abcdeg')), 'other salt: ' || name) FROM foreign_hash WHERE hash ~ 'abcdef';
REVOKE EXECUTE ON FUNCTION elsewhere.crypt(text, text) FROM PUBLIC;
CREATE ROLE regress_password_user;
SET LOCAL SESSION AUTHORIZATION regress_password_user;
SELECT ok(account.verify_password('lètmein', '$2y$04$abcdefghijklmnopqrstuuanVo7Xut1CH8VGIGlz1JovQh9GJbbtG'),
    'whoever may verify needs no right on pgcrypto');
RESET SESSION AUTHORIZATION;
\else
SELECT skip('pgcrypto is not available', 4);
\endif
RESET search_path;

-- spellings no maker writes are refused, though other readers take them
SELECT ok(account.verify_password('secret', '$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N'), 'the hash as it is');
SELECT ok(NOT account.verify_password('secret', hash), why) FROM (VALUES
    ('$argon2id$v=19$t=2,m=1024,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', 'other order of parameters'),
    ('$argon2id$v=16$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', 'version 16'),
    ('$argon2id$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', 'no version'),
    ('$argon2id$v=19$m=+1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', 'a sign'),
    ('$argon2id$v=19$m=1024,t=02,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', 'a leading zero'),
    ('$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg==$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', 'padding'),
    ('$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZh$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', 'trailing bits'),
    ('$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N$', 'a further $'),
    ('$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N ', 'a space behind'),
    (' $argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', 'a space before'),
    ('$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg', 'no digest'),
    ('$argon2id$v=19$m=15,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N', 'less than 8 KiB a lane')) AS t (hash, why);
SELECT ok(NOT account.verify_password('lètmein', hash), why) FROM (VALUES
    ('pbkdf2_sha256$01000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=', 'PBKDF2: a leading zero'),
    ('pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI', 'PBKDF2: no padding'),
    ('pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwJ=', 'PBKDF2: trailing bits'),
    ('pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylw', 'PBKDF2: a cut digest'),
    ('pbkdf2_sha1$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=', 'PBKDF2: the other hash')) AS t (hash, why);
SELECT ok(account.verify_password('lètmein', 'pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI='), 'PBKDF2 as it is');

-- the functions are what the contract says
SELECT ok(has_function_privilege('public', f, 'EXECUTE'), f || ' is for everybody')
FROM unnest(ARRAY['account.hash_password(text)', 'account.verify_password(text, text)', 'account.password_needs_rehash(text)']) AS f;
SELECT is((proisstrict, proparallel, prosecdef), (false, 's'::"char", false), proname || ': NULLs reach it, parallel safe, the caller''s rights')
FROM pg_proc WHERE proname IN ('hash_password', 'verify_password', 'password_needs_rehash') AND pronamespace = 'account'::regnamespace;
SELECT isnt(obj_description(oid, 'pg_proc'), NULL, proname || ' says what it does')
FROM pg_proc WHERE proname IN ('hash_password', 'verify_password', 'password_needs_rehash') AND pronamespace = 'account'::regnamespace;

-- in parallel workers
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
CREATE TABLE many AS SELECT n, account.hash_password(n::text) AS hash FROM generate_series(1, 200) AS n;
ALTER TABLE many SET (parallel_workers = 2);
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
PREPARE in_parallel AS SELECT count(*) FROM many WHERE account.verify_password(n::text, hash) AND NOT account.password_needs_rehash(hash)
    AND length(account.hash_password(hash)) > 0;
CREATE FUNCTION pg_temp.plan() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) EXECUTE in_parallel'; END $$;
SELECT matches(string_agg(p, ' '), 'Parallel Seq Scan', 'the plan is parallel') FROM pg_temp.plan() AS p;
SELECT results_eq('in_parallel', 'VALUES (200::bigint)', 'every hash verifies in parallel workers');

SELECT * FROM finish();
ROLLBACK;
