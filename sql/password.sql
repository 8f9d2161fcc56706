-- Passwords, as an unprivileged role: the contract of hash_password, verify_password, password_needs_rehash.
\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgaccount;
-- cheap hashes for the test
SET pgaccount.password_memory = '1MB';
SET pgaccount.password_ops = 1;
CREATE ROLE regress_password_user;
SET SESSION AUTHORIZATION regress_password_user;

-- what is made is argon2id of the current parameters, with a salt of its own
SELECT account.hash_password('correct horse') ~
    '^\$argon2id\$v=19\$m=1024,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$' AS well_formed,
    account.hash_password('correct horse') <> account.hash_password('correct horse') AS salted;
SELECT account.verify_password('correct horse', h) AS yes, account.verify_password('correct Horse', h) AS no,
    account.verify_password('correct horse ', h) AS no_trim, account.password_needs_rehash(h) AS stale
FROM (SELECT account.hash_password('correct horse') AS h OFFSET 0) made;

-- no password: 22023 to hash, false to verify
SELECT account.hash_password(NULL);  -- fails
SELECT account.hash_password('');  -- fails
SELECT account.hash_password(repeat('x', 4097));  -- fails
SELECT account.hash_password(repeat('x', 1000000));  -- fails
SELECT account.verify_password(NULL, h) AS of_null, account.verify_password('', h) AS of_empty,
    account.verify_password(repeat('x', 4097), h) AS of_long, account.verify_password(repeat('x', 1000000), h) AS of_huge,
    account.verify_password(repeat('x', 4096), h) AS longest
FROM (SELECT account.hash_password(repeat('x', 4096)) AS h OFFSET 0) made;

-- the limit counts bytes of UTF-8, so it is 2048 letters of two
SELECT length(account.hash_password(repeat('é', 2048))) > 0 AS fits;
SELECT account.hash_password(repeat('é', 2049));  -- fails

-- no hash: false, never an error, never NULL; and it wants replacing
SELECT h, account.verify_password('x', h) AS verified, account.password_needs_rehash(h) AS stale
FROM (VALUES (NULL), (''), ('!'), ('!Xy0bq7yIv0ZJGQ8QxSgUXKXZ0AyZcUz1'), ('*'), ('x'), ('$'), ('$2'), ('$2b$'), ('$argon2id$'),
    ('argon2$'), ('argon2$$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q'), ('bcrypt$'), ('bcrypt_sha256$'), ('pbkdf2_sha256$'), ('pbkdf2_sha256$$$'), ('pbkdf2_sha1$1$s$'),
    ('sha1$salt$2aae6c35c94fcfb415dbe95f408b9ce91ee846ed'), ('md5$salt$2aae6c35c94fcfb415dbe95f408b9ce9'),
    ('9dd4e461268c8034f5c8564e155c67a6'), ('pbkdf2_sha512$1000$salt$AAAA'), ('scrypt$salt$16384$8$1$AAAA'),
    ('SCRAM-SHA-256$4096:c2FsdA==$AAAA:AAAA'), ('$1$salt$qJH7.N4xYta3aEG/dfqo/0'), ('$6$salt$abc'),
    (E'$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$\tYC9+jJCrQhs5R6db7LlN8Q')) AS t (h);
SELECT account.verify_password('x', repeat('$', 10000000)) AS verified, account.password_needs_rehash(repeat('a', 10000000)) AS stale;

-- absurd costs: false at once (a second would be a lot)
SET statement_timeout = '1s';
SELECT h, account.verify_password('x', h) AS verified
FROM (VALUES ('$argon2id$v=19$m=262145,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=4194304,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=8,t=4294967295,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=8,t=65,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=262144,t=17,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=262144,t=1,p=32768$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('argon2$argon2i$v=19$m=262145,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('pbkdf2_sha256$5000001$salt$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI='),
    ('pbkdf2_sha256$4294967295$salt$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI='),
    ('pbkdf2_sha256$99999999999999999999$salt$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI='),
    ('pbkdf2_sha1$5000001$salt$ljleU4wBmTtz/MoG5YTwxpM0d7I='),
    ('$2b$16$abcdefghijklmnopqrstuuanVo7Xut1CH8VGIGlz1JovQh9GJbbtG'),
    ('$2b$31$abcdefghijklmnopqrstuuanVo7Xut1CH8VGIGlz1JovQh9GJbbtG')) AS t (h);
RESET statement_timeout;

-- needs_rehash: lesser costs, other formats, lesser salts and digests; not what costs more, in passes times memory
SELECT h, account.password_needs_rehash(h) AS stale
FROM (VALUES ('$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('argon2$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=1023,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('argon2$argon2id$v=19$m=511,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2i$v=19$m=1025,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=1025,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=1024,t=1,p=2$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2i$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc$+7dJuHPiovHaVjBbvoCRk/LMMK9tLvX6CdadmqChTXs'),
    ('$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$NfEnUOuUpb7F2fQkgFUG4g'),
    ('pbkdf2_sha256$1000$abcdefghij$3Qyemocxo30WZhl9wne8jYC9gylwk2vyOI/2i2sxPwI=')) AS t (h);

-- the settings are the superuser's
SET pgaccount.password_memory = '8kB';  -- fails
SET pgaccount.password_ops = 1;  -- fails
SET pgaccount.password_max_memory = '1GB';  -- fails
SET pgaccount.password_min_length = 1;  -- fails
RESET SESSION AUTHORIZATION;

-- a lower bound refuses what was fine, and making what it would refuse
SET pgaccount.password_max_memory = '512kB';
SELECT account.verify_password('secret',
    '$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N') AS verified;
SELECT account.hash_password('secret');  -- fails
SET pgaccount.password_max_memory = '1MB';
SELECT account.verify_password('secret',
    '$argon2id$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$LNit6r39dzKoDH0aGgowSEe2u54Sq17N') AS verified;
RESET pgaccount.password_max_memory;

-- names, types, units and defaults
RESET pgaccount.password_memory;
RESET pgaccount.password_ops;
SELECT name, setting, unit, vartype, context, min_val, max_val FROM pg_settings
WHERE name LIKE 'pgaccount.password%' AND name <> 'pgaccount.password_concurrency' ORDER BY name;
SELECT setting, context IN ('superuser', 'postmaster') AS context FROM pg_settings WHERE name = 'pgaccount.password_concurrency';
SHOW pgaccount.password_memory;
SHOW pgaccount.password_max_memory;
SELECT account.password_needs_rehash(account.hash_password('with the defaults'));

-- messages say what is wrong and what mends it, never the password
\set VERBOSITY default
SELECT account.hash_password(NULL);  -- fails
SELECT account.hash_password('');  -- fails
SELECT account.hash_password(repeat('secret', 1000));  -- fails
SET pgaccount.password_memory = '1GB';
SELECT account.hash_password('secret');  -- fails

DROP ROLE regress_password_user;
