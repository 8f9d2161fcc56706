-- unique_among_live takes an index over live rows that was built without stopping the table, in place of the old one.
SET client_min_messages = warning;
CREATE SCHEMA uc;
SET search_path = uc;
CREATE FUNCTION indexes(t regclass) RETURNS SETOF text LANGUAGE sql AS 'SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = t ORDER BY indexrelid::regclass::text COLLATE "C"';
CREATE TABLE users (id int PRIMARY KEY, email text CONSTRAINT users_email_key UNIQUE, name text, tenant int, login text, CONSTRAINT users_name UNIQUE (tenant, name));
CREATE UNIQUE INDEX users_login ON users (lower(login));
SELECT account.enable_soft_delete('users');
RESET client_min_messages;
\set QUIET off

-- the_index_is_taken_not_built_again -----------------------------------------------------------------------
CREATE UNIQUE INDEX CONCURRENTLY users_email_live ON users (email) WHERE deleted_at IS NULL;
SELECT 'users_email_live'::regclass::oid AS built \gset
SELECT account.unique_among_live('users', 'email');
SELECT 'users_email_live'::regclass::oid = :built AS the_same;
CREATE UNIQUE INDEX CONCURRENTLY users_login_live ON users (lower(login)) INCLUDE (id) WHERE deleted_at IS NULL;
SELECT account.unique_among_live('users_login'::regclass);
-- either may be named; the order of columns says nothing of uniqueness
CREATE UNIQUE INDEX CONCURRENTLY users_name_live ON users (name, tenant) WHERE deleted_at IS NULL;
SELECT account.unique_among_live('users_name_live'::regclass);
SELECT * FROM indexes('users');
SELECT conname FROM pg_constraint WHERE conrelid = 'users'::regclass AND contype <> 'n';
-- again: nothing to do
SELECT account.unique_among_live('users', 'email'), account.unique_among_live('users', 'tenant', 'name'), account.unique_among_live('users_login_live'::regclass);
INSERT INTO users VALUES (1, 'a', 'A', 1, 'x');
DELETE FROM users;
INSERT INTO users VALUES (2, 'a', 'A', 1, 'X') ON CONFLICT (email) DO NOTHING;
\set VERBOSITY terse
INSERT INTO users VALUES (3, 'a', 'A', 2, 'Y'); -- fails
\set VERBOSITY default

-- one_that_says_less_or_more_is_left_alone -----------------------------------------------------------------
CREATE TABLE kinds (id int PRIMARY KEY, a text, b text, deleted_at timestamptz);
ALTER TABLE kinds ADD CONSTRAINT kinds_a UNIQUE (a);
CREATE UNIQUE INDEX kinds_b ON kinds (b) WHERE id > 0;
SELECT account.enable_soft_delete('kinds') \gset
CREATE INDEX not_unique ON kinds (a) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX partial ON kinds (a) WHERE deleted_at IS NULL AND id > 0;
CREATE UNIQUE INDEX collated ON kinds (a COLLATE "C") WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX expression ON kinds ((a || '')) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX nulls ON kinds (a) NULLS NOT DISTINCT WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX dead ON kinds (a) WHERE deleted_at IS NOT NULL;
CREATE UNIQUE INDEX invalid ON kinds (a) WHERE deleted_at IS NULL;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'uc.invalid'::regclass;
SELECT account.unique_among_live('kinds_a'::regclass);
DROP INDEX invalid;
-- the same predicate beside
CREATE UNIQUE INDEX whole ON kinds (b) WHERE deleted_at IS NULL;
SELECT account.unique_among_live('kinds_b'::regclass);
DROP INDEX kinds_b;
CREATE UNIQUE INDEX kinds_b ON kinds (b) WHERE id > 0;
CREATE UNIQUE INDEX CONCURRENTLY kinds_b_live ON kinds (b) WHERE deleted_at IS NULL AND id > 0;
SELECT account.unique_among_live('kinds_b'::regclass);
SELECT * FROM indexes('kinds');

-- what must hold all rows stays
CREATE TABLE codes (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE uses (code text REFERENCES codes (code));
SELECT account.enable_soft_delete('codes') \gset
CREATE UNIQUE INDEX codes_live ON codes (code) WHERE deleted_at IS NULL;
SELECT account.unique_among_live('codes', 'code'); -- fails
SELECT account.unique_among_live('codes_live'::regclass); -- is so already
SELECT * FROM indexes('codes');

-- nor does the primary key go, nor what is no unique index
CREATE TABLE plain (id int PRIMARY KEY);
SELECT account.enable_soft_delete('plain') \gset
CREATE UNIQUE INDEX plain_live ON plain (id) WHERE deleted_at IS NULL;
CREATE INDEX plain_search ON plain (id);
SELECT account.unique_among_live('plain_live'::regclass);
SELECT * FROM indexes('plain');

-- partitioned tables, whose index cannot be built concurrently, but part by part
CREATE TABLE parts (id int, t int, email text, deleted_at timestamptz, CONSTRAINT parts_email UNIQUE (t, email)) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
SELECT account.enable_soft_delete('parts') \gset
CREATE UNIQUE INDEX parts_live ON ONLY parts (t, email) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX CONCURRENTLY parts_1_live ON parts_1 (t, email) WHERE deleted_at IS NULL;
ALTER INDEX parts_live ATTACH PARTITION parts_1_live;
SELECT account.unique_among_live('parts', 't', 'email');
SELECT * FROM indexes('parts') UNION ALL SELECT * FROM indexes('parts_1');

-- an_index_by_the_flag_stays: the application's ON CONFLICT names it, and deleted rows are not in it
CREATE TABLE flags (id int PRIMARY KEY, email text CONSTRAINT flags_email UNIQUE, code text, name text, part text, removed boolean NOT NULL DEFAULT false, other boolean NOT NULL DEFAULT false);
CREATE UNIQUE INDEX flags_not ON flags (email) WHERE NOT removed;
CREATE UNIQUE INDEX flags_false ON flags (code) WHERE removed = false;
CREATE UNIQUE INDEX flags_is ON flags (name) WHERE removed IS NOT TRUE AND id > 0;
CREATE UNIQUE INDEX flags_other ON flags (part) WHERE NOT other;
SELECT account.enable_soft_delete('flags', flag => 'removed') \gset
SELECT object FROM account.doctor() WHERE code = 'unique_blocks_reuse' AND object LIKE 'uc.flags%' ORDER BY 1;
SELECT account.unique_among_live('flags', 'email'), account.unique_among_live('flags', 'code'), account.unique_among_live('flags_is'::regclass), account.unique_among_live('flags_other'::regclass);
SELECT * FROM indexes('flags');
SELECT object FROM account.doctor() WHERE code = 'unique_blocks_reuse' AND object LIKE 'uc.flags%' ORDER BY 1;
INSERT INTO flags (id, email, code, name) VALUES (1, 'a', 'a', 'a');
DELETE FROM flags;
INSERT INTO flags (id, email, code, name) VALUES (2, 'a', 'a', 'a') ON CONFLICT (email) WHERE NOT removed DO UPDATE SET code = 'twice';
INSERT INTO flags (id, email, code, name) VALUES (3, 'a', 'b', 'b') ON CONFLICT (email) WHERE NOT removed DO UPDATE SET code = 'again' RETURNING id, code;

\set QUIET on
SET client_min_messages = warning;
DROP SCHEMA uc CASCADE;
