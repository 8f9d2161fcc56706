-- Tokens that a backend has checked before: more of them than it keeps, forged ones that end alike, keys that go.
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
SELECT account.create_starter('app') \g /dev/null
SELECT account.create_key('HS256', 'k1') \g /dev/null
SET LOCAL pgaccount.password_memory = '64kB';
INSERT INTO app.users (email) SELECT 'u' || i || '@x.org' FROM generate_series(1, 600) AS i;
CREATE TEMP TABLE pass AS SELECT row_number() OVER () AS n, u.id, account.issue_access_token(u.id::text) AS token FROM app.users AS u;

-- The answer of account.authenticate(), and who the caller is then.
CREATE FUNCTION pg_temp.who(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM account.sign_out();
	BEGIN
		IF account.authenticate(token) IS NULL THEN
			RETURN 'nobody';
		END IF;
	EXCEPTION WHEN OTHERS THEN
		RETURN coalesce(account.uid(), '') || SQLSTATE;
	END;
	RETURN account.uid();
END $$;

-- How many memory contexts of tokens there are.
CREATE FUNCTION pg_temp.kept() RETURNS TABLE (kept bigint) LANGUAGE sql AS $$ SELECT count(*) FROM pg_catalog.pg_backend_memory_contexts WHERE name = 'pgaccount token' $$;

SELECT is((SELECT count(*) FROM (SELECT token, id FROM pass, generate_series(1, 3) AS turn ORDER BY turn, n) AS p WHERE pg_temp.who(token) IS DISTINCT FROM id::text),
	0::bigint, '600 tokens in turn, three times: each is its user');
SELECT is((SELECT count(*) FROM (SELECT token, id FROM pass, generate_series(1, 9) AS turn WHERE n <= 40 ORDER BY turn, n) AS p WHERE pg_temp.who(token) IS DISTINCT FROM id::text),
	0::bigint, '40 tokens in turn, nine times: each is its user');

-- one more drives out the one that was not asked for the longest; none are kept; fewer than are there already
SELECT is((SELECT sum(kept) FROM pg_temp.kept()), 600::numeric, 'all 600 are kept');
SET LOCAL pgaccount.known_tokens = 16;
UPDATE pass SET token = account.issue_access_token(id::text) WHERE n <= 17;
SELECT is((SELECT count(*) FROM (SELECT token, id FROM pass, generate_series(1, 3) AS turn WHERE n <= 17 ORDER BY turn, n) AS p WHERE pg_temp.who(token) IS DISTINCT FROM id::text),
	0::bigint, '17 tokens in turn, of which 16 are kept: each is its user');
SELECT cmp_ok((SELECT sum(kept) FROM pg_temp.kept()), '<=', 17::numeric, 'no more are in memory than are to be kept, and the spare one');
SET LOCAL pgaccount.known_tokens = 0;
SELECT is((SELECT count(*) FROM (SELECT token, id FROM pass, generate_series(1, 3) AS turn WHERE n <= 17 ORDER BY turn, n) AS p WHERE pg_temp.who(token) IS DISTINCT FROM id::text),
	0::bigint, 'none is kept: each is its user');
SET LOCAL pgaccount.known_tokens = 1;
SELECT is((SELECT count(*) FROM (SELECT token, id FROM pass, generate_series(1, 6) AS turn WHERE n <= 3 ORDER BY n, turn) AS p WHERE pg_temp.who(token) IS DISTINCT FROM id::text),
	0::bigint, 'one is kept: each is its user');
RESET pgaccount.known_tokens;

-- what is kept ends like these, and is of the same length
CREATE TEMP TABLE forged AS SELECT n, token AS good,
	split_part(token, '.', 1) || '.' || overlay(split_part(token, '.', 2) PLACING CASE substr(split_part(token, '.', 2), at, 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM at FOR 1)
		|| '.' || split_part(token, '.', 3) AS bad
	FROM pass, LATERAL (SELECT 1 + (n * 7 % length(split_part(token, '.', 2)))::int AS at) AS p WHERE n <= 200;
SELECT is((SELECT count(*) FROM forged WHERE pg_temp.who(good) LIKE '%PT401' OR pg_temp.who(bad) <> 'PT401'), 0::bigint,
	'another payload under a signature that is kept: PT401');
SELECT is((SELECT count(*) FROM forged, LATERAL (SELECT overlay(good PLACING CASE right(left(good, -5), 1) WHEN 'A' THEN 'B' ELSE 'A' END FROM length(good) - 5 FOR 1) AS bad) AS f
	WHERE pg_temp.who(good) LIKE '%PT401' OR pg_temp.who(f.bad) <> 'PT401'), 0::bigint, 'another signature under a payload that is kept: PT401');
SELECT is((SELECT count(*) FROM forged WHERE pg_temp.who(left(good, -1)) <> 'PT401' OR pg_temp.who(good || 'A') <> 'PT401' OR pg_temp.who(right(good, 43)) <> 'PT401'),
	0::bigint, 'a character less or more, or the signature alone: PT401');

-- the user goes, and the key
DELETE FROM app.users WHERE id = (SELECT id FROM pass WHERE n = 3);
SELECT is((SELECT pg_temp.who(token) FROM pass WHERE n = 3), 'PT401', 'a kept token of a deleted user: PT401');
SELECT account.create_key('HS256', 'k2') \g /dev/null
SELECT account.activate_key('k2') \g /dev/null
SELECT is((SELECT count(*) FROM pass WHERE n BETWEEN 10 AND 40 AND pg_temp.who(token) IS DISTINCT FROM id::text), 0::bigint, 'the old key still verifies');
SELECT account.retire_key('k1') \g /dev/null
SELECT is((SELECT count(*) FROM pass WHERE n BETWEEN 10 AND 40 AND pg_temp.who(token) <> 'PT401'), 0::bigint, 'tokens of a retired key are kept no more: PT401');
SELECT * FROM finish();
ROLLBACK;
