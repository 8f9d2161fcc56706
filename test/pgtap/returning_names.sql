-- Users that come back with their tenant have names that nobody else has taken meanwhile, as one that comes back alone:
-- where no unique index says so, and an email is nobody else's username.
\set ON_ERROR_STOP true
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
CREATE SCHEMA s;
SET LOCAL search_path = s, public, pg_catalog;
CREATE TABLE tenants (id int PRIMARY KEY, slug text);
CREATE TABLE users (id int PRIMARY KEY, tenant_id int REFERENCES tenants, email text COLLATE "C", username text COLLATE "POSIX", is_superuser boolean NOT NULL DEFAULT false);
SELECT account.enable_soft_delete('tenants') \g /dev/null
SELECT account.enable_soft_delete('users') \g /dev/null
SELECT account.use_tables('users', tenants => 'tenants') \g /dev/null
INSERT INTO tenants VALUES (1, 'one'), (2, 'two');
INSERT INTO users VALUES (1, 1, 'a@x.org', 'ann'), (2, 1, 'b@x.org', 'bob'), (3, 1, NULL, NULL), (9, NULL, 'root@x.org', 'root');
UPDATE users SET is_superuser = true WHERE id = 9;
-- what stands in the way of the tenant's return, in words
CREATE FUNCTION returns() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text;
BEGIN
    PERFORM account.restore_tenant('one');
    RAISE SQLSTATE 'UNDO1' USING MESSAGE = (SELECT count(*) || ' users' FROM users WHERE tenant_id = 1);
EXCEPTION
    WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
        RETURN said;
    WHEN SQLSTATE 'UNDO1' THEN
        RETURN SQLERRM;
END $$;
SELECT account.act_as('9') \g /dev/null
SELECT account.delete_tenant('one') \g /dev/null
SELECT is(returns(), '3 users', 'nobody has their names');
INSERT INTO users VALUES (4, 2, 'A@X.org', 'new');
SELECT is(returns(), 'Key (email)=(a@x.org) already exists.', 'an email');
SELECT throws_ok('SELECT account.restore_user(1)', '23505', NULL, 'as of one alone');
-- what helps is what helps rows that come back
CREATE FUNCTION hint(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text;
BEGIN
    EXECUTE call;
    RETURN 'nothing';
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS said = PG_EXCEPTION_HINT;
    RETURN said;
END $$;
SELECT is(hint(call), 'Change or delete the rows that took the keys, or restore fewer rows.', call)
    FROM unnest(ARRAY['SELECT account.restore_user(1)', 'SELECT account.restore_tenant(''one'')']) call;
UPDATE users SET email = 'new@x.org', username = 'bob' WHERE id = 4;
SELECT is(returns(), 'Key (username)=(bob) already exists.', 'a username');
UPDATE users SET username = 'Bob' WHERE id = 4;
SELECT is(returns(), '3 users', 'in another case it is another one');
UPDATE users SET username = 'B@x.org' WHERE id = 4;
SELECT is(returns(), 'Key (email)=(b@x.org) already exists.', 'an email that is somebody''s username');
DELETE FROM users WHERE id = 4;
SELECT is(returns(), '3 users', 'who is deleted, too, has none');
-- an index decides about what it is of, and about nothing else
CREATE UNIQUE INDEX ON users (tenant_id, lower(email)) WHERE deleted_at IS NULL;
INSERT INTO users VALUES (5, 2, 'a@x.org', 'a@x.org');
SELECT is(returns(), '3 users', 'an email that is unique in each tenant');
UPDATE users SET email = 'c@x.org' WHERE id = 5;
SELECT is(returns(), 'Key (email)=(a@x.org) already exists.', 'but not as another''s username');
SELECT * FROM finish();
ROLLBACK;
