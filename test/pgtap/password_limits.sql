-- Who may not log users in has argon2 hashes of up to four times the configured cost verified, no more:
-- the answers. (What becomes of the slots: test/tap/password_slots.pl.)
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

CREATE ROLE regress_pw_anybody;
CREATE ROLE regress_pw_web;
CREATE ROLE regress_pw_member IN ROLE regress_pw_web;
CREATE ROLE regress_pw_noinherit NOINHERIT IN ROLE regress_pw_web;
SELECT account.grant_api('regress_pw_web') \g /dev/null

-- Hashes of the password "secret"; cost is passes times kB.
CREATE TEMP TABLE hash (name text, cost int, hash text);
GRANT SELECT ON hash TO PUBLIC;
CREATE FUNCTION pg_temp.make(name text, ops int, memory int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('pgaccount.password_ops', ops::text, true), set_config('pgaccount.password_memory', memory::text, true);
	INSERT INTO hash SELECT name, ops * memory, account.hash_password('secret');
END $$;
SELECT pg_temp.make('the configured cost', 1, 1024), pg_temp.make('four times the passes', 4, 1024), pg_temp.make('four times the memory', 1, 4096),
	pg_temp.make('one kB too much', 1, 4097), pg_temp.make('one pass too much', 5, 1024), pg_temp.make('many passes', 16, 1024) \g /dev/null
SET LOCAL pgaccount.password_ops = 1;
SET LOCAL pgaccount.password_memory = 1024;

-- Wrappers, as applications have them.
CREATE SCHEMA pw;
GRANT USAGE, CREATE ON SCHEMA pw TO PUBLIC;
SET LOCAL ROLE regress_pw_web;
CREATE FUNCTION pw.by_web(hash text) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT account.verify_password('secret', hash) $$;
SET LOCAL ROLE regress_pw_anybody;
CREATE FUNCTION pw.by_anybody(hash text) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT account.verify_password('secret', hash) $$;
RESET ROLE;

SELECT no_plan();

-- The role that calls decides.
CREATE FUNCTION pg_temp.is_limited(who text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT is(account.verify_password('secret', hash), cost <= 4096, who || ', ' || name || ': true up to four times the configured cost')
	FROM pg_temp.hash ORDER BY cost, name $$;
CREATE FUNCTION pg_temp.is_free(who text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT ok(account.verify_password('secret', hash), who || ', ' || name || ': true') FROM pg_temp.hash ORDER BY cost, name $$;
SELECT pg_temp.is_free('a superuser');
SET LOCAL ROLE regress_pw_web;
SELECT pg_temp.is_free('who may log users in');
SET LOCAL ROLE regress_pw_member;
SELECT pg_temp.is_free('a member of that role');
SET LOCAL ROLE regress_pw_noinherit;
SELECT pg_temp.is_limited('a member that does not inherit');
SET LOCAL ROLE regress_pw_anybody;
SELECT pg_temp.is_limited('anybody');
SELECT is(account.verify_password('wrong', hash), false, 'anybody, wrong password, ' || name) FROM hash;
SELECT ok(pw.by_web(hash), 'through a function of the application''s role, ' || name || ': true') FROM hash;
SET LOCAL ROLE regress_pw_web;
SELECT is(pw.by_anybody(hash), cost <= 4096, 'through a function of somebody else, ' || name || ': bounded') FROM hash;
RESET ROLE;

-- A revoked grant is seen at once, a granted one too.
REVOKE EXECUTE ON FUNCTION account.login(text, text, inet, text, text) FROM regress_pw_web;
SET LOCAL ROLE regress_pw_web;
SELECT pg_temp.is_limited('who may log users in no more');
RESET ROLE;
GRANT EXECUTE ON FUNCTION account.login(text, text, inet, text, text) TO regress_pw_anybody;
SET LOCAL ROLE regress_pw_anybody;
SELECT pg_temp.is_free('who may now');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION account.login(text, text, inet, text, text) FROM regress_pw_anybody;

-- The bound follows the settings, and never exceeds what nobody may ask for.
SET LOCAL pgaccount.password_ops = 16;
SET LOCAL ROLE regress_pw_anybody;
SELECT pg_temp.is_free('anybody, after the configured cost has risen');
RESET ROLE;
SET LOCAL pgaccount.password_max_memory = '1MB';
SET LOCAL ROLE regress_pw_anybody;
SELECT is(account.verify_password('secret', hash), false, 'password_max_memory bounds anybody, too') FROM hash WHERE name IN ('four times the memory', 'one kB too much');
RESET ROLE;
RESET pgaccount.password_max_memory;
SET LOCAL pgaccount.password_ops = 1;
SET LOCAL pgaccount.password_memory = 1024;

-- Both ways through libsodium and both variants: a salt of eight bytes, lanes, argon2i, Django's prefix.
\set vectors `cat "${VECTORS:-$(ls -d test/vectors tree/test/vectors 2>/dev/null | head -n 1)}/passwords_foreign.json"`
CREATE TEMP TABLE foreign_hash AS
SELECT v->>'name' AS name, v->>'password' AS password, v->>'hash' AS hash,
	substring(v->>'hash' FROM 'm=(\d+)')::int * substring(v->>'hash' FROM 't=(\d+)')::int AS cost
FROM jsonb_array_elements(:'vectors'::jsonb) AS v WHERE v->>'hash' ~ '^(\$|argon2\$)argon2';
GRANT SELECT ON foreign_hash TO PUBLIC;
SET LOCAL pgaccount.password_memory = 128;
SELECT ok(count(*) FILTER (WHERE cost > 512) > 0 AND count(*) FILTER (WHERE cost <= 512) > 0 AND count(*) FILTER (WHERE cost > 512 AND hash !~ 'p=1\$') > 0,
	'there are dearer ones and others, of several lanes too') FROM foreign_hash;
SELECT ok(account.verify_password(password, hash), 'a superuser, ' || name) FROM foreign_hash;
SET LOCAL ROLE regress_pw_anybody;
SELECT is(account.verify_password(password, hash), cost <= 512, 'anybody, ' || name || ', of cost ' || cost) FROM foreign_hash;

-- Other formats have bounds of their own; a hash that is cheaper than the configured one wants replacing, whoever asks.
SELECT ok(account.verify_password('lètmein', 'pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI='), 'PBKDF2 is not counted in kB');
SELECT is(account.password_needs_rehash(hash), cost < 128 OR hash !~ 'argon2id', 'anybody may ask whether ' || name || ' wants replacing') FROM hash;
SELECT matches(account.hash_password('secret'), '^\$argon2id\$v=19\$m=128,t=1,p=1\$', 'anybody may hash');
RESET ROLE;

-- What is long and ours, or pgcrypto's, can be cancelled.
CREATE FUNCTION pg_temp.cancelled(hash text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN account.verify_password('x', hash)::text;
EXCEPTION WHEN query_canceled THEN
	RETURN SQLSTATE;
END $$;
SET LOCAL statement_timeout = '300ms';
SELECT pg_temp.cancelled('pbkdf2_sha256$5000000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=') AS sha256 \gset
SELECT pg_temp.cancelled('pbkdf2_sha1$5000000$abcdefghij$ljleU4wBmTtz/MoG5YTwxpM0d7I=') AS sha1 \gset
SET LOCAL statement_timeout = 0;
SELECT is(:'sha256'::text, '57014', 'PBKDF2 with SHA-256 can be cancelled');
SELECT is(:'sha1'::text, '57014', 'PBKDF2 with SHA-1 can be cancelled');
\if :have_pgcrypto
CREATE EXTENSION IF NOT EXISTS pgcrypto;
SET LOCAL statement_timeout = '300ms';
SELECT pg_temp.cancelled('$2b$15$abcdefghijklmnopqrstuuanVo7Xut1CH8VGIGlz1JovQh9GJbbtG') AS bcrypt \gset
SET LOCAL statement_timeout = 0;
SELECT is(:'bcrypt'::text, '57014', 'bcrypt can be cancelled');
\else
SELECT skip('pgcrypto is not available', 1);
\endif

SELECT * FROM finish();
ROLLBACK;
