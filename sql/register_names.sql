-- What a registration looks for itself, and what it leaves to unique indexes: the answers are the same.
SET client_min_messages = warning;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
CREATE SCHEMA rl;
CREATE FUNCTION rl.try(email text, username text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE c text; t text; col text;
BEGIN
    PERFORM account.register($1, 'secret123', $2);
    RETURN 'registered';
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, t = TABLE_NAME, col = COLUMN_NAME;
    RETURN concat_ws(' ', SQLSTATE, t, col);
END $$;
-- every way that an index may be there, and be of no use
CREATE FUNCTION rl.round() RETURNS TABLE (what text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE rl.users;
    INSERT INTO rl.users (email, username) VALUES ('Old@x.org', 'old'), ('mail@x.org', 'name@x.org');
    RETURN QUERY SELECT v.what, rl.try(v.email, v.username) FROM (VALUES
        ('new', 'a@x.org', 'a'), ('email taken', 'old@X.org', 'b'), ('username taken', 'c@x.org', 'old'),
        ('email is a username', 'Name@x.org', 'd'), ('username is an email', 'e@x.org', 'MAIL@x.org'),
        ('both the same', 'same@x.org', 'same@x.org'), ('both the same, taken', 'Same@x.org', 'Same@x.org'),
        ('no username', 'f@x.org', NULL), ('no username, taken', 'F@x.org', NULL), ('free again', 'g@x.org', 'g')) v(what, email, username);
END $$;
CREATE TABLE rl.users (id bigserial PRIMARY KEY, email text, username text, password text, is_active boolean DEFAULT true, gone timestamptz);
SELECT count(*) FROM account.use_tables('rl.users');
SELECT * FROM rl.round();
CREATE TEMP TABLE bare AS SELECT * FROM rl.round();
-- an index between two calls of one session: its plans follow
DO $$
DECLARE
    i text;
BEGIN
    FOREACH i IN ARRAY ARRAY[
        'CREATE UNIQUE INDEX i ON rl.users (lower(email))',
        'CREATE UNIQUE INDEX i ON rl.users (username)',
        'CREATE UNIQUE INDEX i ON rl.users (lower(email)) WHERE is_active',
        'CREATE UNIQUE INDEX i ON rl.users (lower(email), id)',
        'CREATE INDEX i ON rl.users (lower(email))',
        'CREATE UNIQUE INDEX i ON rl.users (upper(email))',
        'CREATE UNIQUE INDEX i ON rl.users (lower(password))',
        'ALTER TABLE rl.users ADD CONSTRAINT i UNIQUE (username) DEFERRABLE INITIALLY DEFERRED'] LOOP
        EXECUTE i;
        IF EXISTS (SELECT FROM (SELECT * FROM rl.round() EXCEPT TABLE bare) d) THEN
            RAISE WARNING 'with % it is not the same', i;
        END IF;
        EXECUTE CASE WHEN i LIKE 'ALTER%' THEN 'ALTER TABLE rl.users DROP CONSTRAINT i' ELSE 'DROP INDEX rl.i' END;
        IF EXISTS (SELECT FROM (SELECT * FROM rl.round() EXCEPT TABLE bare) d) THEN
            RAISE WARNING 'after % it is not the same', i;
        END IF;
    END LOOP;
END $$;
-- usernames without case, by their index
CREATE UNIQUE INDEX i ON rl.users (lower(username));
CREATE TEMP TABLE folded AS SELECT * FROM rl.round();
SELECT count(*) FROM (TABLE folded EXCEPT TABLE bare) d;
SELECT rl.try('h@x.org', 'OLD');
-- live users only, by soft delete's column; dead ones are no obstacle, of any index
SELECT account.enable_soft_delete('rl.users', 'gone');
SELECT count(*) FROM account.use_tables('rl.users');
SELECT account.unique_among_live('rl.i');
CREATE UNIQUE INDEX j ON rl.users (lower(email)) WHERE gone IS NULL;
SELECT rl.try('Old@x.org', 'old');
DELETE FROM rl.users WHERE username = 'old';
SELECT rl.try('Old@x.org', 'old'), rl.try('old@x.org');
SELECT count(*) FROM rl.users WHERE lower(email) = 'old@x.org';
-- a user comes back under a name that a live one has by now, in other letters, whatever index is there
CREATE FUNCTION rl.back(index text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text := 'it came back';
    c text; col text; h text;
    ann bigint;
BEGIN
    EXECUTE index;
    INSERT INTO rl.users (email, username) VALUES ('Ann@x.org', 'ann') RETURNING id INTO ann;
    DELETE FROM rl.users WHERE id = ann;
    PERFORM rl.try('ann@X.org', 'ann2');
    BEGIN
        PERFORM account.restore_user(ann);
    EXCEPTION WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, col = COLUMN_NAME, h = PG_EXCEPTION_HINT;
        outcome := concat_ws(' ', SQLSTATE, c, col, h <> '');
    END;
    RAISE EXCEPTION USING ERRCODE = 'RL000', MESSAGE = outcome;
EXCEPTION WHEN SQLSTATE 'RL000' THEN
    RETURN SQLERRM;
END $$;
DROP INDEX rl.j;
ALTER TABLE rl.users ADD is_superuser boolean NOT NULL DEFAULT false;
SELECT count(*) FROM account.use_tables('rl.users');
INSERT INTO rl.users (email, is_superuser) VALUES ('root@x.org', true) RETURNING id AS root \gset
BEGIN;
SELECT account.act_as(:root) IS NOT NULL AS identified;
SELECT i AS index, rl.back(i) FROM (VALUES ('SELECT 1'), ('CREATE UNIQUE INDEX k ON rl.users (email) WHERE gone IS NULL'),
    ('CREATE UNIQUE INDEX k ON rl.users (lower(email)) WHERE gone IS NULL'),
    ('CREATE UNIQUE INDEX k ON rl.users (email) WHERE gone IS NULL AND is_active'),
    ('CREATE UNIQUE INDEX k ON rl.users (email, is_active) WHERE gone IS NULL')) v(i);
-- what a session knows of the indexes: it follows them, and an index whose own code registers somebody
ROLLBACK;
CREATE FUNCTION rl.refused(email text, username text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE c text; col text; h text;
BEGIN
    PERFORM account.register($1, 'secret123', $2);
    RETURN 'registered';
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, col = COLUMN_NAME, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(' ', c, col, h);
END $$;
CREATE UNIQUE INDEX one ON rl.users (lower(email)) WHERE gone IS NULL;
SELECT rl.refused('known@x.org', 'known'), rl.refused('Known@x.org', 'other');
ALTER INDEX rl.one RENAME TO two;
SELECT rl.refused('Known@x.org', 'other');
DROP INDEX rl.two;
SELECT rl.refused('Known@x.org', 'other');
ALTER TABLE rl.users RENAME email TO mail;
ALTER TABLE rl.users ADD email text;
CREATE UNIQUE INDEX three ON rl.users (lower(email)) WHERE gone IS NULL;
SELECT count(*) FROM account.use_tables('rl.users', columns => '{"users": {"email": "mail"}}');
SELECT rl.refused('Known@x.org', 'other');
SELECT count(*) FROM account.use_tables('rl.users', columns => '{"users": {"email": "email"}}');
SELECT rl.refused('Known@x.org', 'other'), rl.refused('KNOWN@x.org', 'another');
CREATE FUNCTION rl.registers(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('rl.registers', true) = 'on' THEN
        PERFORM set_config('rl.registers', 'off', false);
        RAISE NOTICE '%', rl.refused('inner@x.org', 'inner');
    END IF;
    RETURN true;
END $$;
SET pgaccount.truncate = allow;
TRUNCATE rl.users;
RESET pgaccount.truncate;
CREATE UNIQUE INDEX four ON rl.users (lower(username)) WHERE rl.registers(1);
\c
SET client_min_messages = notice;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SET rl.registers = on;
SELECT rl.refused('outer@x.org', 'outer');
SELECT rl.refused('Outer@x.org', 'x'), rl.refused('y@x.org', 'Inner');
SET client_min_messages = warning;
SET client_min_messages = error;
-- which index proves which name: none that takes letters for others, nor one whose table has children
CREATE FUNCTION rl.login(name text) RETURNS text LANGUAGE sql AS $$ SELECT status::text FROM account.login($1, 'secret123') $$;
SELECT account.create_key() IS NOT NULL AS key;
CREATE TABLE rl.django (id bigserial PRIMARY KEY, email text, username text NOT NULL UNIQUE, password text);
SELECT count(*) FROM account.use_tables('rl.django');
SELECT rl.refused('a@x.org', 'Bob@x.org'), rl.login('Bob@x.org');
SELECT rl.refused('bob@x.org'), rl.refused('bob@x.org', 'BOB@x.org'), rl.login('Bob@x.org');
SELECT rl.refused('Ann@x.org'), rl.refused('Ann@x.org'), rl.refused('ann@x.org');
CREATE TABLE rl.parent (id bigserial PRIMARY KEY, email text, username text, password text);
CREATE UNIQUE INDEX ON rl.parent (lower(email));
SELECT count(*) FROM account.use_tables('rl.parent');
SELECT rl.refused('p@x.org'), rl.refused('P@x.org');
CREATE TABLE rl.child () INHERITS (rl.parent);
INSERT INTO rl.child (email) VALUES ('c@x.org');
SELECT rl.refused('C@x.org'), rl.refused('P@x.org');
-- letters as the column makes them small, whatever the database does; and where those are one that differ otherwise
CREATE TABLE rl.letters (id bigserial PRIMARY KEY, email text COLLATE "C", username text COLLATE "C", password text);
SELECT count(*) FROM account.use_tables('rl.letters');
SELECT rl.refused('Özil@x.org', 'Ольга'), rl.refused('Özil@x.org', 'x'), rl.refused('öZIL@x.org', 'y'), rl.refused('ÖZIL@x.org', 'z');
SELECT rl.login('ÖZIL@X.org'), rl.login('özil@x.org'), rl.login('Ольга');
CREATE UNIQUE INDEX ON rl.letters (lower(email));
CREATE UNIQUE INDEX ON rl.letters (lower(username));
SELECT rl.refused('o@x.org', 'Özil@X.org'), rl.refused('ÖZIL@x.org', 'w'), rl.refused('p@x.org', 'Ольга'), rl.refused('Ольга@x.org', 'v'), rl.refused('q@x.org', 'Ольга@X.org');
SELECT rl.login('ÖZIL@X.org'), rl.login('özil@x.org'), rl.login('Ольга');
SELECT count(*) FROM account.request_password_reset('Özil@x.org');
-- what the table computes cannot be registered
CREATE TABLE rl.computed (id bigserial PRIMARY KEY, mail text, email text GENERATED ALWAYS AS (lower(mail)) STORED, password text);
SELECT count(*) FROM account.use_tables('rl.computed');
SELECT account.register('a@x.org', 'secret123');
\echo :LAST_ERROR_SQLSTATE
-- the column of a violation: of a part's index; of no other table's; and of no index that is about more
CREATE TABLE rl.parted (id bigserial, email text, username text, password text, UNIQUE (username)) PARTITION BY HASH (username);
CREATE TABLE rl.part PARTITION OF rl.parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT count(*) FROM account.use_tables('rl.parted');
SELECT rl.refused('a@x.org', 'bob'), rl.refused('b@x.org', 'bob');
CREATE SCHEMA rl2;
CREATE TABLE rl.about (id bigserial PRIMARY KEY, email text, username text, password text, CONSTRAINT about_more UNIQUE (email, id), CONSTRAINT one_name UNIQUE (username));
CREATE TABLE rl2.profiles (user_id bigint UNIQUE, nick text DEFAULT 'same', CONSTRAINT one_name UNIQUE (nick));
SELECT count(*) FROM account.use_tables('rl.about', 'rl2.profiles');
SELECT account.enable_profile('rl.about', 'rl2.profiles');
SELECT rl.refused('a@x.org', 'bob'), rl.refused('b@x.org', 'ann'), rl.refused('A@x.org', 'ann');
DROP SCHEMA rl2 CASCADE;
SELECT account.forget_tables();
DROP SCHEMA rl CASCADE;
