-- authenticate looks where a row was last: whatever became of that place, the answer is that of the index.
SET client_min_messages = warning;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
CREATE SCHEMA pl;
CREATE FUNCTION pl.key() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM account.create_key(); END $$;
SELECT pl.key();
CREATE FUNCTION pl.try(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN account.authenticate(token);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
-- who each token is now, twice: when the place is looked for, and when it is known
CREATE FUNCTION pl.who() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r record;
    a text;
    b text;
    answers text[];
BEGIN
    FOR r IN SELECT id, token FROM pl.token ORDER BY id::int LOOP
        a := pl.try(r.token);
        b := pl.try(r.token);
        answers := answers || CASE WHEN a <> b THEN a || ' and ' || b WHEN a = r.id THEN 'itself' ELSE a END;
    END LOOP;
    RETURN (SELECT string_agg(format('%s %s', n, w), ', ' ORDER BY w) FROM (SELECT w, count(*) AS n FROM unnest(answers) w GROUP BY w) x);
END $$;
CREATE TABLE pl.tenants (id integer PRIMARY KEY, is_active boolean DEFAULT true);
CREATE TABLE pl.users (id bigint PRIMARY KEY, email text UNIQUE, password text, is_active boolean DEFAULT true, tenant_id integer REFERENCES pl.tenants, filler text DEFAULT repeat('x', 200)) WITH (autovacuum_enabled = off);
INSERT INTO pl.tenants SELECT generate_series(1, 5);
SELECT count(*) FROM account.use_tables('pl.users', tenants => 'pl.tenants');
INSERT INTO pl.users SELECT i, 'u' || i, account.hash_password('secret123'), true, i % 5 + 1 FROM generate_series(1, 300) i;
CREATE TABLE pl.token AS SELECT id::text, (account.login(email, 'secret123')).access_token AS token FROM pl.users;
SELECT pl.who();
-- other versions in the same pages, and in others
UPDATE pl.users SET filler = 'y';
SELECT pl.who();
UPDATE pl.users SET filler = repeat('z', 3000);
SELECT pl.who();
VACUUM pl.users;
SELECT pl.who();
-- the key of one row is that of another now: its place has the wrong row
BEGIN;
UPDATE pl.users SET id = -id;
UPDATE account.session SET ended_at = NULL, end_reason = NULL;
SELECT pl.who();
UPDATE pl.users SET id = 301 + id, tenant_id = (301 + id) % 5 + 1 WHERE id < 0 AND id > -301;
UPDATE account.session SET ended_at = NULL, end_reason = NULL;
SELECT pl.who();
ROLLBACK;
SELECT pl.who();
-- rows in the places of others
CREATE TABLE pl.other AS TABLE pl.users;
DELETE FROM pl.users;
SELECT pl.who();
VACUUM pl.users;
SELECT pl.who();
ALTER TABLE account.session DISABLE TRIGGER USER;
UPDATE account.session SET ended_at = NULL, end_reason = NULL;
ALTER TABLE account.session ENABLE TRIGGER USER;
INSERT INTO pl.users SELECT * FROM pl.other ORDER BY id DESC;
SELECT pl.who();
-- another file, and one that is shorter
VACUUM FULL pl.users;
SELECT pl.who();
CLUSTER pl.users USING users_email_key;
SELECT pl.who();
ALTER TABLE pl.users SET UNLOGGED;
SELECT pl.who();
VACUUM FULL account.session;
SELECT pl.who();
BEGIN;
TRUNCATE pl.users;
SELECT pl.who();
ROLLBACK;
SELECT pl.who();
DELETE FROM pl.users WHERE id > 20;
VACUUM pl.users;
SELECT pl.who();
-- seen by this transaction alone, and no more
BEGIN;
UPDATE pl.users SET is_active = false;
SELECT pl.who();
SAVEPOINT s;
UPDATE pl.users SET is_active = true;
SELECT pl.who();
ROLLBACK TO s;
SELECT pl.who();
ROLLBACK;
UPDATE account.session SET ended_at = NULL, end_reason = NULL;
DELETE FROM pl.token WHERE id::int > 20;
SELECT pl.who();
-- tenants
UPDATE pl.tenants SET is_active = id > 2;
UPDATE account.session SET ended_at = NULL, end_reason = NULL;
SELECT pl.who();
UPDATE pl.tenants SET is_active = true;
SELECT pl.who();
-- an ended session
UPDATE account.session SET ended_at = now() WHERE user_id = '7';
SELECT pl.who();
-- another index, another type
ALTER TABLE pl.users DROP CONSTRAINT users_pkey;
UPDATE account.session SET ended_at = NULL, end_reason = NULL;
SELECT pl.who();
ALTER TABLE pl.users ALTER id TYPE integer, ADD PRIMARY KEY (id);
SELECT pl.who();
ALTER TABLE pl.users DROP filler;
VACUUM FULL pl.users;
SELECT pl.who();
SELECT account.forget_tables();
DELETE FROM account.session;
DELETE FROM account.signing_key;
DROP SCHEMA pl CASCADE;
