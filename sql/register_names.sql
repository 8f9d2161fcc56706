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
SELECT account.forget_tables();
DROP SCHEMA rl CASCADE;
