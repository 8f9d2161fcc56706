-- Users and profiles of two owners: the type of the users' key is code of one that does not run as the other.
\set ON_ERROR_STOP true
BEGIN;
SELECT no_plan();
CREATE ROLE tap_users;
CREATE ROLE tap_profiles;
CREATE ROLE tap_caller;
CREATE SCHEMA s;
GRANT USAGE, CREATE ON SCHEMA s TO tap_users, tap_profiles;
GRANT USAGE ON SCHEMA s TO tap_caller;
CREATE TABLE s.ran (who name, what text);
GRANT INSERT ON s.ran TO PUBLIC;
CREATE FUNCTION s.note(what text) RETURNS boolean LANGUAGE sql AS $$ INSERT INTO s.ran VALUES (current_user, what) RETURNING true $$;
CREATE FUNCTION ran() RETURNS text LANGUAGE sql AS $$
    WITH d AS (DELETE FROM s.ran RETURNING who, what) SELECT coalesce(string_agg(DISTINCT what || ': ' || who, ', '), '') FROM d $$;
CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

-- a domain over integers, where profiles have integers of another width
SET LOCAL ROLE tap_users;
CREATE DOMAIN s.user_no AS int CHECK (s.note('domain'));
CREATE TABLE s.users (id s.user_no PRIMARY KEY, email text);
GRANT SELECT ON s.users TO tap_profiles;
GRANT INSERT ON s.users TO tap_caller;
SET LOCAL ROLE tap_profiles;
CREATE TABLE s.profiles (user_id bigint PRIMARY KEY, bio text);
GRANT INSERT, SELECT ON s.profiles TO tap_caller;
RESET ROLE;
SELECT account.enable_profile('s.users', 's.profiles') \g /dev/null
SET LOCAL ROLE tap_caller;
INSERT INTO s.users VALUES (1, 'a@x.org'), (2, 'b@x.org');
RESET ROLE;
SELECT is(ran(), 'domain: tap_caller', 'who inserts users runs what their domain checks');
SET LOCAL ROLE tap_caller;
INSERT INTO s.profiles VALUES (1, 'own');
INSERT INTO s.profiles VALUES (2, 'own') ON CONFLICT DO NOTHING;
RESET ROLE;
SELECT is((SELECT string_agg(user_id || ' ' || bio, ', ' ORDER BY user_id) FROM s.profiles), '1 own, 2 own', 'automatic profiles make way');
SELECT is(ran(), '', 'and the owner of the profiles does not run it');

-- a type whose values are cast by a function, once the column is of it
SET LOCAL ROLE tap_users;
CREATE TABLE s.people (id int PRIMARY KEY);
SET LOCAL ROLE tap_profiles;
CREATE TABLE s.faces (user_id bigint PRIMARY KEY);
RESET ROLE;
SELECT account.enable_profile('s.people', 's.faces') \g /dev/null
SET LOCAL ROLE tap_users;
CREATE TYPE s.no AS ENUM ('1', '2', '3');
CREATE FUNCTION s.as_bigint(s.no) RETURNS bigint LANGUAGE sql AS $$ SELECT s.note('cast')::int + 6 $$;
CREATE CAST (s.no AS bigint) WITH FUNCTION s.as_bigint(s.no) AS ASSIGNMENT;
ALTER TABLE s.people ALTER id TYPE s.no USING id::text::s.no;
SELECT is(public.state_of($$INSERT INTO s.people VALUES ('1')$$), '42846', 'a key is not assigned by a cast of who owns the users');
SELECT is(public.state_of($$INSERT INTO s.people SELECT '2' FROM pg_catalog.generate_series(1, 100) AS n LIMIT 1$$), '42846', 'whatever makes them');
RESET ROLE;
SELECT is(ran(), '', 'and the cast does not run as the owner of the profiles');
ALTER FUNCTION s.as_bigint(s.no) OWNER TO tap_profiles;
INSERT INTO s.people VALUES ('3');
SELECT is(ran(), 'cast: tap_profiles', 'one of the owner of the profiles does');
SELECT is((SELECT string_agg(user_id::text, ',') FROM s.faces), '7', 'and makes the key of the profile');

SELECT * FROM finish();
ROLLBACK;
