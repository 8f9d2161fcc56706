-- An INSERT, or an UPDATE of the user, replaces an automatic profile only if the role that makes it could see and
-- delete that row under the row security of profiles. What it cannot reach stays: the ordinary 23505.
\set ON_ERROR_STOP true
BEGIN;
SELECT no_plan();
CREATE ROLE tap_owner;
CREATE ROLE tap_web;
CREATE ROLE tap_other;
CREATE ROLE tap_bypass BYPASSRLS;
CREATE SCHEMA s AUTHORIZATION tap_owner;
GRANT USAGE ON SCHEMA s TO tap_web, tap_bypass;
SET LOCAL ROLE tap_owner;
CREATE TABLE s.users (id int PRIMARY KEY);
-- whose comes of a default that is not known beforehand, so it is not compared
CREATE TABLE s.profiles (user_id int PRIMARY KEY REFERENCES s.users ON UPDATE CASCADE ON DELETE CASCADE, whose text NOT NULL DEFAULT coalesce(current_setting('s.whose', true), ''), bio text);
CREATE TABLE s.teams (name text PRIMARY KEY);
SELECT account.enable_profile('s.users', 's.profiles') \g /dev/null
GRANT SELECT, INSERT, UPDATE ON s.profiles TO tap_web, tap_bypass;
ALTER TABLE s.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY may_insert ON s.profiles FOR INSERT WITH CHECK (true);
-- user 1 is of team a, 2 of team b
SET LOCAL s.whose = 'a';
INSERT INTO s.users VALUES (1);
SET LOCAL s.whose = 'b';
INSERT INTO s.users VALUES (2);
RESET ROLE;

-- Whose profile does a statement of a role replace under some policies? 1, 2, or for each - (it is left alone) or ! (23505).
-- Each run is undone.
CREATE FUNCTION replaced(who name, statement text DEFAULT 'INSERT INTO s.profiles (user_id, whose, bio) VALUES (%s, ''a'', ''taken'')', VARIADIC policies text[] DEFAULT '{}')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text := '';
    policy text;
BEGIN
    FOREACH policy IN ARRAY policies LOOP
        EXECUTE CASE WHEN policy LIKE 'POLICY%' THEN 'CREATE ' || policy ELSE policy END;
    END LOOP;
    FOR i IN 1..2 LOOP
        BEGIN
            PERFORM set_config('role', who, true);
            EXECUTE format(statement, i);
            RESET ROLE;
            RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = CASE WHEN EXISTS (SELECT FROM s.profiles WHERE user_id = i AND bio = 'taken') THEN i::text ELSE '-' END;
        EXCEPTION WHEN unique_violation THEN
            result := result || '!';
        WHEN SQLSTATE 'ZZ001' THEN
            result := result || SQLERRM;
        END;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'ZZ000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    RETURN SQLERRM;
END $$;
\set insert '''INSERT INTO s.profiles (user_id, whose, bio) VALUES (%s, ''''a'''', ''''taken'''')'''

SELECT is(replaced('tap_web', :insert), '!!', 'no policy but for INSERT: nothing is replaced');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles USING (true)'), '12', 'a policy for ALL that passes all');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles USING (whose = ''a'')'), '1!', 'a policy for ALL: what it hides stays');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles FOR SELECT USING (true)'), '!!', 'to see it is not enough');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles FOR DELETE USING (true)'), '!!', 'neither is to delete what is not seen');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles FOR SELECT USING (true)', 'POLICY q ON s.profiles FOR DELETE USING (whose = ''a'')'), '1!', 'DELETE policies decide');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles FOR SELECT USING (whose = ''b'')', 'POLICY q ON s.profiles FOR DELETE USING (true)'), '!2', 'so do SELECT policies');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles FOR SELECT USING (true)', 'POLICY q ON s.profiles FOR UPDATE USING (true)'), '!!', 'UPDATE policies do not');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles USING (true)', 'POLICY q ON s.profiles FOR UPDATE USING (false)'), '12', 'neither for nor against');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles USING (true)', 'POLICY q ON s.profiles AS RESTRICTIVE FOR DELETE USING (whose = ''b'')'), '!2', 'a restrictive DELETE policy');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles USING (true)', 'POLICY q ON s.profiles AS RESTRICTIVE FOR SELECT USING (whose = ''b'')'), '!2', 'a restrictive SELECT policy');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles FOR SELECT USING (whose = ''a'')', 'POLICY q ON s.profiles FOR SELECT USING (whose = ''b'')',
    'POLICY r ON s.profiles FOR DELETE USING (true)'), '12', 'permissive policies add up');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles TO tap_other USING (true)'), '!!', 'a policy for another role');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles TO tap_owner USING (true)'), '!!', 'nor is the owner''s policy the inserting role''s');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles TO tap_web USING (current_user = ''tap_web'')'), '12', 'policies are judged as the inserting role');
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles USING (whose = current_setting(''s.me'', true))', 'SET LOCAL s.me = ''a'''), '1!', 'and by its settings');

-- who is above row security
SELECT is(replaced('tap_owner', :insert, 'POLICY p ON s.profiles USING (whose = ''a'')'), '12', 'the owner');
SELECT is(replaced('tap_owner', :insert, 'POLICY p ON s.profiles USING (whose = ''a'')', 'ALTER TABLE s.profiles FORCE ROW LEVEL SECURITY'), '1!', 'unless it is forced');
SELECT is(replaced('tap_bypass', :insert), '12', 'a role with BYPASSRLS');
SELECT is(replaced(session_user, :insert, 'ALTER TABLE s.profiles FORCE ROW LEVEL SECURITY'), '12', 'a superuser');
SELECT is(replaced('tap_web', :insert, 'ALTER TABLE s.profiles DISABLE ROW LEVEL SECURITY'), '12', 'and who inserts where there is none: no DELETE is needed');

-- what policies read is read as the inserting role would read it
INSERT INTO s.teams VALUES ('a'), ('b');
\set member '''POLICY p ON s.profiles USING (EXISTS (SELECT FROM s.teams t WHERE t.name = whose))'''
SELECT is(replaced('tap_web', :insert, 'GRANT SELECT ON s.teams TO tap_web', :member, 'DELETE FROM s.teams WHERE name = ''b'''), '1!', 'a policy with a subquery');
SELECT is(replaced('tap_web', :insert, 'GRANT SELECT ON s.teams TO tap_web', :member, 'ALTER TABLE s.teams ENABLE ROW LEVEL SECURITY', 'POLICY t ON s.teams USING (name = ''b'')'),
    '!2', 'under the row security of what it reads');
SELECT is(replaced('tap_web', :insert, 'GRANT SELECT ON s.teams TO tap_web', :member, 'SELECT account.enable_soft_delete(''s.teams'')', 'DELETE FROM s.teams WHERE name = ''b'''),
    '1!', 'a deleted row does not let pass');
SELECT throws_ok(format('SELECT replaced(%L, %L, %L)', 'tap_web', :insert, :member), '42501', 'permission denied for table teams', 'with its own rights alone');
-- the policies of the two commands, each with a subquery
SELECT is(replaced('tap_web', :insert, 'GRANT SELECT ON s.teams TO tap_web', 'POLICY p ON s.profiles FOR SELECT USING (true)',
    'POLICY q ON s.profiles FOR DELETE USING (whose IN (SELECT t.name FROM s.teams t))', 'DELETE FROM s.teams WHERE name = ''a'''), '!2', 'a DELETE policy with a subquery');

-- neither DELETE nor SELECT nor the schema is asked for: policies decide, not privileges
SELECT is(replaced('tap_web', :insert, 'POLICY p ON s.profiles USING (whose = ''a'')', 'REVOKE SELECT ON s.profiles FROM tap_web'), '1!', 'INSERT is enough');
CREATE FUNCTION insert_for(u int) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ INSERT INTO s.profiles (user_id, whose, bio) VALUES (u, 'a', 'taken') $$;
SELECT is(replaced('tap_other', 'SELECT insert_for(%s)', 'ALTER FUNCTION insert_for(int) OWNER TO tap_web', 'POLICY p ON s.profiles TO tap_web USING (whose = ''a'')'),
    '1!', 'the inserting role is the one that is current');

-- whatever the statement is
\set nothing '''INSERT INTO s.profiles (user_id, whose, bio) VALUES (%s, ''''a'''', ''''taken'''') ON CONFLICT DO NOTHING'''
SELECT is(replaced('tap_web', :nothing, 'POLICY p ON s.profiles USING (whose = ''a'')'), '1-', 'ON CONFLICT DO NOTHING does nothing to what is hidden');
SELECT is(replaced('tap_web', 'INSERT INTO s.profiles (user_id, whose, bio) SELECT %s, ''a'', ''taken''', 'POLICY p ON s.profiles USING (whose = ''a'')'), '1!', 'INSERT ... SELECT');
SELECT is(replaced('tap_web', 'UPDATE s.profiles SET user_id = %s, bio = ''taken'' WHERE user_id = 7',
    'POLICY p ON s.profiles USING (whose = ''a'')', 'ALTER TABLE s.profiles DROP CONSTRAINT profiles_user_id_fkey', 'INSERT INTO s.profiles VALUES (7, ''a'')'), '1!',
    'an UPDATE of the user is an INSERT in this');
SELECT is(replaced('tap_web', 'UPDATE s.users SET id = 9 WHERE id = %s', 'GRANT SELECT, UPDATE ON s.users TO tap_web'), '--',
    'a key that changes takes its profile along, row security or not');

-- and the row is not even locked
CREATE POLICY p ON s.profiles USING (whose = 'a');
INSERT INTO s.users VALUES (3);
SET LOCAL ROLE tap_web;
INSERT INTO s.profiles (user_id, whose) VALUES (3, 'a') ON CONFLICT DO NOTHING;
RESET ROLE;
SELECT is((SELECT whose || xmax FROM s.profiles WHERE user_id = 3), 'b0', 'a hidden profile is not locked');
DELETE FROM s.users WHERE id = 3;

-- partitions: the policies of the table that has the rule
CREATE TABLE s.parted (user_id int PRIMARY KEY, whose text DEFAULT coalesce(current_setting('s.whose', true), ''), bio text) PARTITION BY LIST (user_id);
CREATE TABLE s.parted1 PARTITION OF s.parted FOR VALUES IN (1);
CREATE TABLE s.parted2 PARTITION OF s.parted DEFAULT;
SET LOCAL s.whose = 'a';
SELECT account.enable_profile('s.users', 's.parted') \g /dev/null
UPDATE s.parted SET whose = 'b' WHERE user_id = 2;
ALTER TABLE s.parted ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON s.parted USING (whose = 'a');
CREATE POLICY may_insert ON s.parted FOR INSERT WITH CHECK (true);
GRANT INSERT ON s.parted TO tap_web;
SET LOCAL ROLE tap_web;
SELECT lives_ok($$INSERT INTO s.parted VALUES (1, 'a', 'taken')$$, 'a profile in a partition is replaced');
SELECT throws_ok($$INSERT INTO s.parted VALUES (2, 'a', 'taken')$$, '23505', NULL, 'unless it is hidden');
RESET ROLE;
SELECT results_eq('SELECT user_id, whose, bio FROM s.parted ORDER BY 1', $$VALUES (1, 'a', 'taken'), (2, 'b', NULL)$$, 'nothing else has changed');
SELECT * FROM finish();
ROLLBACK;
