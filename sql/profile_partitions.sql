-- Partitioned and inherited users and profiles.
SET client_min_messages = warning;
CREATE SCHEMA prp;
SET search_path = prp;
RESET client_min_messages;

-- attribute numbers differ from leaf to leaf
CREATE TABLE users (id int PRIMARY KEY, region text) PARTITION BY RANGE (id);
CREATE TABLE users_low (junk int, region text, id int NOT NULL);
ALTER TABLE users_low DROP COLUMN junk;
ALTER TABLE users ATTACH PARTITION users_low FOR VALUES FROM (MINVALUE) TO (1000);
CREATE TABLE users_high PARTITION OF users FOR VALUES FROM (1000) TO (MAXVALUE) PARTITION BY RANGE (id);
CREATE TABLE users_high1 PARTITION OF users_high FOR VALUES FROM (1000) TO (2000);
CREATE TABLE users_high2 PARTITION OF users_high FOR VALUES FROM (2000) TO (5000);
CREATE TABLE profiles (user_id int PRIMARY KEY REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE, role text, n int DEFAULT 1) PARTITION BY RANGE (user_id);
CREATE TABLE profiles_low (n int DEFAULT 1, role text, user_id int NOT NULL);
ALTER TABLE profiles ATTACH PARTITION profiles_low FOR VALUES FROM (MINVALUE) TO (1000);
CREATE TABLE profiles_high PARTITION OF profiles FOR VALUES FROM (1000) TO (MAXVALUE);
CREATE VIEW wrong AS SELECT u.id, p.user_id FROM users u FULL JOIN profiles p ON p.user_id = u.id WHERE u.id IS NULL OR p.user_id IS NULL;

SELECT account.enable_profile('users_low', 'profiles');	-- fails
SELECT account.enable_profile('users', 'profiles_low');	-- fails
INSERT INTO users VALUES (1), (1500), (2500);
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student"}');
INSERT INTO users VALUES (2), (1501), (2501);
INSERT INTO users SELECT i FROM generate_series(100, 300) i;
INSERT INTO users_low (id) VALUES (3);
INSERT INTO users_high (id) VALUES (1502), (2502);
INSERT INTO users_high2 (id) VALUES (2503);
COPY users_high1 (id) FROM stdin;
1504
1505
\.
MERGE INTO users USING (VALUES (2), (4), (2504)) v(i) ON id = i WHEN NOT MATCHED THEN INSERT (id) VALUES (i);
INSERT INTO users VALUES (2), (5) ON CONFLICT (id) DO NOTHING;
TABLE wrong;
SELECT role, count(*) FROM profiles GROUP BY role;
-- a partition that comes later is covered; rows that come with it are missing until enabled again
CREATE TABLE users_top (id int NOT NULL, region text);
INSERT INTO users_top SELECT * FROM generate_series(5000, 5002);
ALTER TABLE users_high ATTACH PARTITION users_top FOR VALUES FROM (5000) TO (MAXVALUE);
INSERT INTO users_top VALUES (5003);
SELECT * FROM account.missing_profiles('users') ORDER BY 1;
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student"}');
TABLE wrong;
-- a row that moves to another partition keeps its profile, which follows its key
UPDATE profiles SET role = 'mine' WHERE user_id = 3;
UPDATE users SET id = id + 1000 WHERE id IN (3, 4);
TABLE wrong;
SELECT user_id, role FROM profiles WHERE user_id IN (1003, 1004) ORDER BY 1;
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student"}', adopt => false);
UPDATE users SET id = 1010 WHERE id = 5;
SELECT user_id, role FROM profiles WHERE user_id IN (5, 1010);
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "student"}');
-- and on a leaf the application's profile replaces the automatic one, or the automatic one is kept
INSERT INTO profiles (user_id, role) VALUES (1, 'teacher') RETURNING *;
INSERT INTO profiles_high (user_id, role) VALUES (1500, 'teacher') RETURNING *;
CREATE UNIQUE INDEX ON profiles_high (role) WHERE role = 'head';
INSERT INTO profiles_high (user_id, role) VALUES (1501, 'head') ON CONFLICT DO NOTHING;
INSERT INTO profiles_high (user_id, role) VALUES (1502, 'head') ON CONFLICT DO NOTHING;
SELECT user_id, role FROM profiles WHERE user_id IN (1501, 1502) ORDER BY 1;
TABLE wrong;

-- users partitioned, profiles not: the referential check is proved, row by row
CREATE TABLE plain (user_id int PRIMARY KEY REFERENCES users ON DELETE CASCADE);
SELECT account.enable_profile('users', 'plain') = (SELECT count(*) FROM users);
INSERT INTO users SELECT i FROM generate_series(400, 420) i;
INSERT INTO users VALUES (421);
SELECT count(*) FROM users WHERE NOT EXISTS (SELECT FROM plain WHERE user_id = id);
SELECT account.disable_profile('users', 'plain');

-- a table that inherits has users of its own: each is enabled, the parent covers itself alone
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE staff (PRIMARY KEY (id)) INHERITS (people);
CREATE TABLE people_profiles (user_id int UNIQUE, kind text);
INSERT INTO staff VALUES (1);
SELECT account.enable_profile('people', 'people_profiles', defaults => '{"kind": "people"}');
SELECT account.enable_profile('staff', 'people_profiles', defaults => '{"kind": "staff"}');
INSERT INTO people VALUES (2);
INSERT INTO staff VALUES (3);
SELECT * FROM people_profiles ORDER BY 1;
INSERT INTO people_profiles VALUES (3, 'chosen');
SELECT * FROM people_profiles ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA prp CASCADE;
SELECT count(*) FROM account.profile_rule;
