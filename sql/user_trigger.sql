-- The triggers on users: what follows from a change is done with its statement, whichever table it names.
SET client_min_messages = warning;
CREATE SCHEMA ut;
SELECT count(account.create_key());
SET search_path = ut;
CREATE TABLE ut.users (id bigint PRIMARY KEY, email text, password text, deleted_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE ut.users_1 PARTITION OF ut.users FOR VALUES FROM (0) TO (100);
SELECT count(*) > 0 AS mapped FROM account.use_tables('ut.users');
-- one that comes later has a statement trigger of its own
CREATE TABLE ut.users_2 PARTITION OF ut.users FOR VALUES FROM (100) TO (200);
SELECT tgrelid::regclass AS relation, tgname, tgparentid <> 0 AS cloned FROM pg_trigger
    WHERE tgfoid = 'account.end_sessions'::regproc ORDER BY 1, 2;
-- without it, what a statement does that names this partition is done row by row
DROP TRIGGER zz_account_statement ON ut.users_2;
INSERT INTO ut.users SELECT i, 'u' || i || '@example.org' FROM generate_series(1, 9) AS i;
INSERT INTO ut.users SELECT i, 'u' || i || '@example.org' FROM generate_series(101, 109) AS i;
SELECT count(access_token) FROM ut.users, account.issue_tokens(id::text);
CREATE TABLE ut.seen (user_id text, what text);
CREATE FUNCTION ut.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO ut.seen VALUES (new.user_id, CASE WHEN new.ended_at IS NOT NULL THEN 'ended' END); RETURN NULL; END $$;
CREATE TRIGGER see AFTER UPDATE OF ended_at ON account.session FOR EACH ROW EXECUTE FUNCTION ut.see();
DELETE FROM ut.users WHERE id = 1;
DELETE FROM ut.users_1 WHERE id = 2;
DELETE FROM ut.users_2 WHERE id = 102;
DELETE FROM ut.users_1 WHERE id IN (3, 4);
DELETE FROM ut.users_2 WHERE id IN (103, 104);
UPDATE ut.users SET id = 150 WHERE id = 5; -- to another partition, and another id
SELECT * FROM ut.seen ORDER BY user_id;
-- within the transaction, not at its end
BEGIN;
DELETE FROM ut.users_2 WHERE id = 105;
SELECT * FROM ut.seen WHERE user_id = '105';
ROLLBACK;
-- deferred checks that are queued by what follows still fire
CREATE TABLE ut.kept (id int PRIMARY KEY);
CREATE TABLE ut.log (id int REFERENCES ut.kept DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION ut.dangle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ut.log VALUES (777); RETURN NULL; END $$;
CREATE TRIGGER dangle AFTER INSERT ON account.event FOR EACH ROW EXECUTE FUNCTION ut.dangle();
DELETE FROM ut.users WHERE id = 6; -- fails
DELETE FROM ut.users_1 WHERE id = 6; -- fails
DELETE FROM ut.users_2 WHERE id = 106; -- fails
SELECT count(*) FROM ut.log;
DROP TRIGGER dangle ON account.event;
DROP TRIGGER see ON account.session;
SELECT account.forget_tables();
SELECT count(*) FROM pg_trigger WHERE tgfoid = 'account.end_sessions'::regproc;
DROP TABLE ut.users;

-- a statement that names a parent of users, which has no trigger
CREATE TABLE ut.people (id bigint, email text, password text);
CREATE TABLE ut.users (PRIMARY KEY (id)) INHERITS (ut.people);
SELECT count(*) > 0 AS mapped FROM account.use_tables('ut.users');
INSERT INTO ut.users SELECT i, 'p' || i || '@example.org' FROM generate_series(11, 13) AS i;
SELECT count(access_token) FROM ut.users, account.issue_tokens(id::text);
DELETE FROM ut.people WHERE id < 13;
SELECT user_id, end_reason FROM account.session WHERE user_id IN ('11', '12', '13') ORDER BY 1;
SELECT account.forget_tables();
DROP TABLE ut.people CASCADE;

-- live and active have one meaning, whatever the type of the columns
CREATE DOMAIN ut.yes_no AS boolean;
CREATE DOMAIN ut.switch AS ut.yes_no CHECK (value IS NOT NULL);
CREATE FUNCTION ut.try_flag(type text, live text, deleted text) RETURNS TABLE (became text, status int, error text) LANGUAGE plpgsql AS $$
DECLARE
    started bigint := (SELECT coalesce(max(id), 0) FROM account.event);
    pair record;
BEGIN
    CREATE TABLE ut.users (id int PRIMARY KEY, email text, password text, is_active boolean, is_deleted boolean);
    PERFORM FROM account.use_tables('ut.users');
    INSERT INTO ut.users VALUES (1, 'one@example.org', NULL, true, false);
    -- of another type than one can be mapped with
    EXECUTE format('ALTER TABLE ut.users ALTER is_active TYPE %1$s USING %3$L::%1$s, ALTER is_deleted TYPE %1$s USING %2$L::%1$s', type, live, deleted);
    SELECT * INTO pair FROM account.issue_tokens('1');
    PERFORM account.authenticate(pair.access_token);
    EXECUTE format('UPDATE ut.users SET is_deleted = %L', deleted);
    BEGIN
        PERFORM account.authenticate(pair.access_token);
        error := 'authenticated';
    EXCEPTION WHEN SQLSTATE 'PT401' THEN error := 'PT401';
    END;
    EXECUTE format('UPDATE ut.users SET is_deleted = %L', live);
    EXECUTE format('UPDATE ut.users SET is_active = %L', live);
    SELECT string_agg(e.type, ' ' ORDER BY e.id) INTO became FROM account.event AS e WHERE e.id > started AND e.type LIKE 'user\_%';
    SELECT r.status, try_flag.error || ', ' || r.error INTO status, error FROM account.refresh(pair.refresh_token) AS r;
    PERFORM account.forget_tables();
    DROP TABLE ut.users;
    RETURN NEXT;
END $$;
SELECT type, t.* FROM (VALUES ('boolean', 'false', 'true'), ('ut.yes_no', 'false', 'true'), ('ut.switch', 'false', 'true'), ('smallint', '0', '1'),
        ('numeric', '0.00', '-1'), ('text', 'no', 'YES'), ('varchar(3)', 'n', 'y'), ('char(5)', 'off', 'on')) AS c (type, live, deleted),
    ut.try_flag(type, live, deleted) AS t;

-- TRUNCATE: others may be given the keys, and are not who was logged in, was mailed a token, was invited
CREATE TABLE ut.tenants (id serial PRIMARY KEY, name text);
CREATE TABLE ut.users (id serial PRIMARY KEY, email text, password text, tenant_id int REFERENCES ut.tenants, is_superuser boolean DEFAULT true);
SELECT count(*) > 0 AS mapped FROM account.use_tables('ut.users', tenants => 'ut.tenants');
CREATE FUNCTION ut.begin() RETURNS text LANGUAGE sql AS $$
    INSERT INTO ut.tenants (name) VALUES ('one');
    INSERT INTO ut.users (email, tenant_id) VALUES ('old@x.org', 1), ('none@x.org', NULL);
    SELECT account.act_as('1', false), account.invite('new@x.org', 'member', '1'), account.apply_for_role('king'), account.sign_out();
    SELECT (account.issue_tokens('2')).refresh_token;
    SELECT (account.issue_tokens('1')).refresh_token;
$$;
CREATE FUNCTION ut.kept() RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' ', (SELECT count(*) FILTER (WHERE ended_at IS NULL) FROM account.session WHERE user_id IN ('1', '2')),
    (SELECT count(*) FROM account.invitation), (SELECT count(*) FROM account.role_application)) $$;
SELECT ut.begin() AS token \gset
SELECT token AS reset FROM account.request_password_reset('old@x.org') \gset
SELECT ut.kept();
TRUNCATE ut.users RESTART IDENTITY;
SELECT ut.kept();
INSERT INTO ut.users (email, tenant_id) VALUES ('new@x.org', 1);
SELECT status, error FROM account.refresh(:'token');
\set VERBOSITY terse
SELECT account.reset_password(:'reset', 'secret123');	-- fails
\set VERBOSITY default
-- of tenants, whose users are gone with them, or are not
TRUNCATE ut.tenants, ut.users RESTART IDENTITY;
SELECT ut.begin() AS token \gset
ALTER TABLE ut.users DROP CONSTRAINT users_tenant_id_fkey;
TRUNCATE ut.tenants RESTART IDENTITY;
SELECT ut.kept();
INSERT INTO ut.tenants (name) VALUES ('another one');
SELECT status, error FROM account.refresh(:'token');
-- undone
SELECT (account.issue_tokens('1')).refresh_token AS token \gset
BEGIN;
TRUNCATE ut.users;
SELECT ut.kept();
ROLLBACK;
SELECT ut.kept();
SELECT status, error FROM account.refresh(:'token');
SELECT account.forget_tables();
DROP TABLE ut.users, ut.tenants;
-- of one partition: whose users they were is not known any more, and what else there is of users stays
CREATE TABLE ut.users (id int PRIMARY KEY, email text, password text, is_superuser boolean DEFAULT true) PARTITION BY RANGE (id);
CREATE TABLE ut.users_1 PARTITION OF ut.users FOR VALUES FROM (0) TO (2);
CREATE TABLE ut.users_2 PARTITION OF ut.users FOR VALUES FROM (2) TO (100);
SELECT count(*) > 0 AS mapped FROM account.use_tables('ut.users');
INSERT INTO ut.users VALUES (1, 'one@x.org'), (2, 'two@x.org');
SELECT account.act_as('2', false), account.invite('new@x.org', 'member') IS NOT NULL AS invited, account.sign_out();
SELECT count(access_token) FROM ut.users, account.issue_tokens(id::text);
TRUNCATE ut.users_1;
SELECT ut.kept();
SELECT account.forget_tables();
DROP TABLE ut.users;

-- a row that an UPDATE moves to another partition is the one that it was: what follows is what would if it had not moved
CREATE TABLE ut.tenants (id int, plan text, is_active boolean DEFAULT true, PRIMARY KEY (id, plan)) PARTITION BY LIST (plan);
CREATE TABLE ut.tenants_a PARTITION OF ut.tenants FOR VALUES IN ('a');
CREATE TABLE ut.tenants_b PARTITION OF ut.tenants FOR VALUES IN ('b');
CREATE TABLE ut.users (id int, region text, email text, password text, tenant_id int, is_active boolean DEFAULT true, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE ut.users_a PARTITION OF ut.users FOR VALUES IN ('a');
CREATE TABLE ut.users_b PARTITION OF ut.users FOR VALUES IN ('b');
SELECT account.enable_soft_delete('ut.users');
SELECT count(*) > 0 AS mapped FROM account.use_tables('ut.users', tenants => 'ut.tenants');
INSERT INTO ut.tenants VALUES (1, 'a'), (2, 'a');
INSERT INTO ut.users SELECT i, 'a', 'm' || i || '@x.org', NULL, 1 FROM generate_series(7201, 7208) AS i;
SELECT count(access_token) FROM ut.users, account.issue_tokens(id::text);
SELECT token FROM account.request_password_reset('m7201@x.org') \gset
UPDATE ut.users SET region = 'b' WHERE id = 7201;
UPDATE ut.users SET region = 'b', email = 'other@x.org' WHERE id = 7202;
UPDATE ut.users SET region = 'b', password = 'another' WHERE id = 7203;
UPDATE ut.users SET region = 'b', is_active = false WHERE id = 7204;
UPDATE ut.users SET region = 'b', tenant_id = 2 WHERE id = 7205;
UPDATE ut.users SET region = 'b', id = 7900 WHERE id = 7206;
UPDATE ut.users SET region = 'b', deleted_at = now() WHERE id = 7207;
SELECT s.user_id, s.ended_at IS NULL AS open, e.type, e.detail ->> 'deletion' AS deletion
    FROM account.session s LEFT JOIN account.event e ON e.subject = s.user_id AND e.type LIKE 'user\_%'
    WHERE s.user_id LIKE '720_' ORDER BY s.user_id, e.id;
-- nor is the mail void
SELECT account.reset_password(:'token', 'a long enough password');
-- a tenant that moves goes on; one that is not active any more does not
UPDATE ut.tenants SET plan = 'b' WHERE id = 1;
SELECT ended_at IS NULL AS goes_on FROM account.session WHERE user_id = '7208';
UPDATE ut.tenants SET plan = 'a', is_active = false WHERE id = 1;
SELECT ended_at IS NULL AS goes_on FROM account.session WHERE user_id = '7208';
SELECT account.forget_tables();
DROP SCHEMA ut CASCADE;
