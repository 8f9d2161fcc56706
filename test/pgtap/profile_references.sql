-- An automatic profile that anything references stays, where the reference is to one partition of profiles, or is declared
-- and no foreign key: the application's INSERT is the ordinary 23505, and nothing dangles.
\set ON_ERROR_STOP true
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT no_plan();
CREATE SCHEMA s;
CREATE SEQUENCE s.numbers;
CREATE TABLE s.users (id int PRIMARY KEY);
CREATE TABLE s.profiles (user_id int NOT NULL UNIQUE REFERENCES s.users ON DELETE CASCADE, id bigint NOT NULL DEFAULT nextval('s.numbers'), bio text) PARTITION BY RANGE (user_id);
CREATE TABLE s.low PARTITION OF s.profiles FOR VALUES FROM (0) TO (100);
-- its columns are in another order, and its numbers are those of other profiles, too
CREATE TABLE s.high (bio text, gone int, id bigint NOT NULL DEFAULT nextval('s.numbers'), user_id int NOT NULL);
ALTER TABLE s.high DROP COLUMN gone;
ALTER TABLE s.profiles ATTACH PARTITION s.high FOR VALUES FROM (100) TO (200);
ALTER TABLE s.high ADD UNIQUE (id);
SELECT account.enable_profile('s.users', 's.profiles') \g /dev/null
CREATE TABLE s.pictures (profile bigint REFERENCES s.high (id) ON DELETE CASCADE);
CREATE FUNCTION s.profile_of(who int) RETURNS bigint LANGUAGE sql AS 'SELECT id FROM s.profiles WHERE user_id = who';
CREATE FUNCTION s.take(who int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO s.profiles (user_id, bio) VALUES (who, 'taken');
    RETURN 'taken';
EXCEPTION WHEN unique_violation THEN
    RETURN 'kept';
END $$;
CREATE FUNCTION s.dangling() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM s.pictures r WHERE NOT EXISTS (SELECT FROM s.profiles p WHERE p.id = r.profile)';

INSERT INTO s.users VALUES (1), (101), (102);
INSERT INTO s.pictures VALUES (s.profile_of(101));
SELECT is(s.take(101), 'kept', 'a profile that a reference to its partition has found');
SELECT is(s.dangling(), 0::bigint, 'whose row does not dangle');
SELECT is(s.take(102), 'taken', 'another one of the partition');
-- one of another partition may have the number
UPDATE s.profiles SET id = s.profile_of(101) WHERE user_id = 1;
SELECT is(s.take(1), 'taken', 'one of another partition that has its number');
-- a reference that came since
INSERT INTO s.users VALUES (2), (3);
SELECT is(s.take(2), 'taken', 'before there is a reference to its partition');
ALTER TABLE s.low ADD UNIQUE (id);
CREATE TABLE s.badges (profile bigint REFERENCES s.low (id));
INSERT INTO s.badges VALUES (s.profile_of(3));
SELECT is(s.take(3), 'kept', 'and after it has come');

-- declared
CREATE TABLE s.people (id int PRIMARY KEY);
CREATE TABLE s.cards (id bigint PRIMARY KEY DEFAULT nextval('s.numbers'), person int NOT NULL UNIQUE REFERENCES s.people ON DELETE CASCADE, bio text);
CREATE TABLE s.stamps (card bigint);
SELECT account.enable_profile('s.people', 's.cards', 'person') \g /dev/null
INSERT INTO s.people VALUES (1), (2), (3);
INSERT INTO s.stamps SELECT id FROM s.cards WHERE person < 3;
SELECT lives_ok('INSERT INTO s.cards (person, bio) VALUES (1, ''x'')', 'a number in a column says nothing');
SELECT account.set_reference('s.stamps', '{card}', 's.cards', 'protect') \g /dev/null
SELECT throws_ok('INSERT INTO s.cards (person, bio) VALUES (2, ''x'')', '23505', NULL, 'but where it is declared to be a reference');
SELECT lives_ok('INSERT INTO s.cards (person, bio) VALUES (3, ''x'')', 'which the third has none of');
SELECT account.set_reference('s.stamps', '{card}', 's.cards', NULL) \g /dev/null
SELECT lives_ok('INSERT INTO s.cards (person, bio) VALUES (2, ''x'')', 'and is not any more');
SELECT * FROM finish();
ROLLBACK;
