-- Tables of the extension that are read and written without statements: what an administrator adds to them
-- runs as their owner, indexes may be missing, and the extension may go and come again within a session.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL pgaccount.password_memory = '8kB';
SET LOCAL pgaccount.password_ops = 1;
SELECT no_plan();
CREATE ROLE ot_bob;
CREATE ROLE ot_app;
SELECT account.create_starter('app') \g /dev/null
SELECT account.create_key('HS256', 'ot') \g /dev/null
SELECT user_id FROM account.register('a@x.org', 'secret123', 'a') \gset
GRANT USAGE ON SCHEMA account TO ot_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA account TO ot_app;

-- defaults, checks and triggers of the owner's
SAVEPOINT s;
CREATE SCHEMA ot AUTHORIZATION ot_bob;
ALTER TABLE account.session OWNER TO ot_bob;
GRANT CREATE, USAGE ON SCHEMA account TO ot_bob;
SET LOCAL ROLE ot_bob;
CREATE TABLE ot.ran (as_whom text, what text);
CREATE FUNCTION ot.f(what text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ot.ran VALUES (current_user, what); RETURN what; END $$;
CREATE FUNCTION ot.c(what text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM ot.f('check'); RETURN true; END $$;
CREATE FUNCTION ot.t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM ot.f(TG_WHEN); RETURN NEW; END $$;
CREATE SEQUENCE ot.n;
ALTER TABLE account.session ADD COLUMN f text DEFAULT ot.f('default');
ALTER TABLE account.session ADD COLUMN n int DEFAULT nextval('ot.n');
ALTER TABLE account.session ADD CONSTRAINT c CHECK (ot.c(user_id));
CREATE TRIGGER b BEFORE INSERT ON account.session FOR EACH ROW EXECUTE FUNCTION ot.t();
CREATE TRIGGER a AFTER INSERT ON account.session FOR EACH ROW EXECUTE FUNCTION ot.t();
RESET ROLE;
DELETE FROM ot.ran;
SELECT is((account.login('a', 'secret123')).status, 200, 'a login of a superuser');
SELECT is(ARRAY(SELECT as_whom || ' ' || what FROM ot.ran ORDER BY 1), ARRAY['ot_bob AFTER', 'ot_bob BEFORE', 'ot_bob check', 'ot_bob default'], 'runs all as the owner of the table');
DELETE FROM ot.ran;
SET LOCAL ROLE ot_app;
SELECT is((account.login('a', 'secret123')).status, 200, 'a login of a role without rights');
RESET ROLE;
SELECT is(ARRAY(SELECT as_whom || ' ' || what FROM ot.ran ORDER BY 1), ARRAY['ot_bob AFTER', 'ot_bob BEFORE', 'ot_bob check', 'ot_bob default'], 'runs all as the owner, too');
SELECT is((SELECT array_agg(n ORDER BY n) FROM account.session WHERE f = 'default'), ARRAY[1, 2], 'with what they give');
ROLLBACK TO s;

-- failed logins without their index, and with one that is no use
SAVEPOINT s;
SET LOCAL pgaccount.login_max_failures = 3;
DROP INDEX account.login_failure_key_at_idx;
SELECT is(ARRAY(SELECT (account.login('nobody', 'secret123', ip => '10.0.0.1')).error FROM generate_series(1, 4)), ARRAY['invalid_credentials', 'invalid_credentials', 'invalid_credentials', 'too_many_attempts'], 'no index: all the same');
CREATE INDEX login_failure_key_at_idx ON account.login_failure (at);
SELECT is((account.login('somebody', 'secret123', ip => '10.0.0.1')).error, 'too_many_attempts', 'another index: by address, too');
ROLLBACK TO s;

-- a setting that keeps no tokens forgets those that are kept
SELECT access_token FROM account.login('a', 'secret123') \gset
SELECT is(account.authenticate(:'access_token'), :'user_id', 'a token');
SET LOCAL pgaccount.known_tokens = 0;
SELECT is(account.authenticate(:'access_token'), :'user_id', 'the same, not kept');

-- the extension goes and comes
SAVEPOINT s;
DROP EXTENSION pgaccount CASCADE;
CREATE EXTENSION pgaccount;
SELECT account.create_starter('app9') \g /dev/null
SELECT account.create_key('HS256', 'ot9') \g /dev/null
SELECT is((SELECT count(*) FROM account.register('b@x.org', 'secret123', 'b')), 1::bigint, 'a user of another installation');
SELECT is((SELECT count(*) FROM app9.profiles), 1::bigint, 'has its profile,');
SELECT is((account.login('b', 'secret123')).status, 200, 'logs in,');
SELECT is(ARRAY(SELECT type FROM account.event WHERE type IN ('user_registered', 'login_succeeded') ORDER BY id), ARRAY['user_registered', 'login_succeeded'], 'and all is recorded');
ROLLBACK TO s;
SELECT is((account.login('a', 'secret123')).status, 200, 'after a rollback it is the one before');
SELECT is(account.authenticate(:'access_token'), :'user_id', 'with its sessions');
SELECT * FROM finish();
ROLLBACK;
