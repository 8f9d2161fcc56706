-- scrypt hashes of other makers: passlib's and its like's $scrypt$, Django's scrypt$, better-auth's salt:key.
-- test/vectors has known ones, made with Python (the directory VECTORS says where; else as in password_vectors).
\set ON_ERROR_STOP 1
\set QUIET 1
\pset format unaligned
\pset tuples_only true
\pset pager off
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS pgaccount;
\set vectors `cat "${VECTORS:-$(ls -d test/vectors tree/test/vectors 2>/dev/null | head -n 1)}/passwords_scrypt.json"`
CREATE TEMP TABLE vector AS
SELECT v->>'name' AS name, v->>'password' AS password, v->>'hash' AS hash, v->>'expect' AS expect, v->>'reason' AS reason
FROM jsonb_array_elements(:'vectors'::jsonb) AS v;
CREATE ROLE regress_scrypt_user;
GRANT SELECT ON vector TO regress_scrypt_user;

SELECT no_plan();
SELECT is(count(*), 33::bigint, 'all vectors are here') FROM vector;
SELECT is(account.verify_password(password, hash), expect = 'match', name || ' (' || reason || ')') FROM vector;
SELECT ok(account.password_needs_rehash(hash), 'is no argon2id: ' || name) FROM vector;
SELECT ok(NOT account.verify_password(password || 'x', hash), 'a longer password: ' || name) FROM vector WHERE expect = 'match';
SELECT ok(NOT account.verify_password(p, hash), 'no password: ' || name) FROM vector, unnest(ARRAY[NULL, '', repeat('x', 4097)]) AS p
WHERE name IN ('phc ln=4', 'django 4.0 default', 'better-auth');
SET LOCAL ROLE regress_scrypt_user;
SELECT is(account.verify_password(password, hash), expect = 'match', 'for everybody: ' || name) FROM vector;
RESET ROLE;

-- a changed character of the salt or the digest
SELECT ok(NOT account.verify_password(password, overlay(hash PLACING CASE WHEN substr(hash, at, 1) = '1' THEN '2' ELSE '1' END FROM at)),
    name || ': another character at ' || at)
FROM vector, unnest(ARRAY[10, 34, length(hash) - 8]) AS at WHERE name = 'better-auth';
SELECT ok(NOT account.verify_password(password, replace(hash, 'seasalt', 'seesalt')), name || ': another salt') FROM vector WHERE expect = 'match' AND name ~ '^django' AND hash ~ 'seasalt';

-- spellings no maker writes, and parameters that scrypt does not have, are refused
SELECT ok(account.verify_password('secret', hash), 'the hash as it is: ' || name) FROM vector WHERE name IN ('phc r=1 ln=15', 'django 5.1 default', 'better-auth');
SELECT ok(NOT account.verify_password('secret', regexp_replace(hash, find, put)), why)
FROM vector, (VALUES
    ('phc r=1', 'ln=10', 'ln=010', 'phc: a leading zero'), ('phc r=1', 'ln=10', 'ln=+10', 'phc: a sign'), ('phc r=1', 'ln=10', 'n=1024', 'phc: N itself'),
    ('phc r=1', 'ln=10,r=1', 'r=1,ln=10', 'phc: another order'), ('phc r=1', 'p=1', 'p=0', 'phc: no lane'), ('phc r=1', 'r=1', 'r=0', 'phc: no block'),
    ('phc r=1', 'ln=10', 'ln=0', 'phc: N of 1'), ('phc r=1', 'ln=10', 'ln=32', 'phc: an N beyond 32 bits'), ('phc r=1', 'ln=10', 'ln=4294967296', 'phc: a number beyond 32 bits'),
    ('phc r=1', 'ln=10', 'ln=16', 'phc: N of 65536 with r of 1'), ('phc r=1', '$', '=', 'phc: padding'), ('phc r=1', '$', '$', 'phc: a further $'), ('phc r=1', '$', ' ', 'phc: a space behind'),
    ('phc r=1', '^', ' ', 'phc: a space before'), ('phc r=1', '.$', '', 'phc: a cut digest'), ('phc r=1', '\$[^$]*$', '', 'phc: no digest'), ('phc r=1', '[^$]*$', 'AAAAAAAAAAAAAAAAAAAA', 'phc: a digest of 15 bytes'),
    ('phc r=1', '[^$]*\$([^$]*)$', '$\1', 'phc: no salt'), ('phc r=1', 'scrypt', 'SCRYPT', 'phc: another case'), ('phc salt 128', '\$([^$]*)(\$[^$]*)$', '$AAAA\1\2', 'phc: too long a salt'),
    ('django 5.1 default', '16384', '16383', 'django: N is no power of two'), ('django 5.1 default', '16384', '1', 'django: N of 1'), ('django 5.1 default', '16384', '016384', 'django: a leading zero'),
    ('django 5.1 default', '16384', '4294967296', 'django: N beyond 32 bits'), ('django 5.1 default', 'seasalt[^$]*', '', 'django: no salt'), ('django 5.1 default', '\$8\$5\$', '$5$8$', 'django: r and p changed about'),
    ('django 5.1 default', '==$', '', 'django: no padding'), ('django 5.1 default', '$', '=', 'django: more padding'), ('django 5.1 default', '\$8\$5\$', '$8$', 'django: a field less'), ('django 5.1 default', '$', '$', 'django: a field more'),
    ('django 5.1 default', '[^$]*$', '3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=', 'django: a digest of 32 bytes'), ('django 5.1 default', '^', '$', 'django: a $ before'),
    ('better-auth', ':', '$', 'better-auth: no colon'), ('better-auth', '.$', '', 'better-auth: a cut digest'), ('better-auth', '^.', '', 'better-auth: a cut salt'), ('better-auth', '^00', '', 'better-auth: a short salt'),
    ('better-auth', '$', '00', 'better-auth: a long digest'), ('better-auth', '^00(.*):', '\1:00', 'better-auth: the colon at another place'), ('better-auth', '.$', 'g', 'better-auth: no digit'), ('better-auth', '^', 'scrypt:', 'better-auth: a prefix'))
    AS t (of, find, put, why) WHERE name = of;
SELECT ok(NOT account.verify_password('secret', upper(hash)), 'better-auth: capital letters') FROM vector WHERE name = 'better-auth';
SELECT ok(NOT account.verify_password('secret', split_part(hash, ':', 1) || ':' || upper(split_part(hash, ':', 2))), 'better-auth: capital letters of the digest') FROM vector WHERE name = 'better-auth';

-- what may be asked for: pgaccount.password_max_memory, and no more than twice that in all lanes
CREATE FUNCTION pg_temp.asked(ln bigint, r bigint, p bigint) RETURNS text LANGUAGE sql AS $$
    SELECT format('$scrypt$ln=%s,r=%s,p=%s$c2FsdHNhbHQ$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E', ln, r, p) $$;
SET LOCAL statement_timeout = '2s';
SELECT ok(NOT account.verify_password('x', h), 'refused at once: ' || h) FROM (VALUES
    (pg_temp.asked(19, 8, 1)), (pg_temp.asked(31, 8, 1)), (pg_temp.asked(31, 8192, 1)), (pg_temp.asked(18, 8, 3)), (pg_temp.asked(14, 8, 1024)), (pg_temp.asked(1, 1, 4294967295)), (pg_temp.asked(1, 4294967295, 1)),
    ('scrypt$2147483648$seasalt$8$1$' || repeat('A', 86) || '=='), ('scrypt$4294967295$seasalt$4294967295$4294967295$' || repeat('A', 86) || '==')) AS t (h);
SET LOCAL statement_timeout = 0;
SET LOCAL pgaccount.password_max_memory = '1MB';
SELECT is(account.verify_password('secret', hash), name IN ('phc r=1', 'phc r=32 p=3', 'phc salt 1', 'phc salt 128', 'phc digest 64'), '1 MB: ' || name || ' ' || substr(hash, 1, 20))
FROM vector WHERE expect = 'match' AND password = 'secret' AND name NOT IN ('django salt of another alphabet', 'phc r=1 ln=15');
SET LOCAL pgaccount.password_max_memory = '4MB';
SELECT ok(account.verify_password('secret', hash), '4 MB: ' || name) FROM vector WHERE name = 'phc r=1 ln=15';
SET LOCAL pgaccount.password_max_memory = 4095;
SELECT ok(NOT account.verify_password('secret', hash), '4095 kB: not ' || name) FROM vector WHERE name = 'phc r=1 ln=15';
SET LOCAL pgaccount.password_max_memory = '32MB';
SELECT ok(account.verify_password('secret', hash), '32 MB: ' || name) FROM vector WHERE name = 'better-auth';
SELECT ok(NOT account.verify_password('secret', hash), '32 MB: not five lanes of 16 MB, ' || name) FROM vector WHERE name = 'django 5.1 default';
SET LOCAL pgaccount.password_max_memory = '40MB';
SELECT ok(account.verify_password('secret', hash), '40 MB: five lanes of 16 MB, ' || name) FROM vector WHERE name = 'django 5.1 default';

SELECT * FROM finish();
ROLLBACK;
