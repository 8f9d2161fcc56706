-- Users whose deletion the application records itself, in whatever type, are purged in any time zone; those that are held stay.
SET client_min_messages = warning;
SET statement_timeout = '60s';
SET TimeZone = 'America/New_York';
CREATE SCHEMA pu;
CREATE TABLE pu.users (id int PRIMARY KEY, email text, deleted_at timestamp);
CREATE TABLE pu.posts (id int PRIMARY KEY, author int REFERENCES pu.users);
INSERT INTO pu.users VALUES (1, 'held', '2020-01-01 12:00'), (2, 'gone', '2020-01-01 12:00'), (3, 'live', NULL), (4, 'also gone', '2020-01-01 08:00'),
    (5, 'lately', localtimestamp);
INSERT INTO pu.posts VALUES (1, 1);
SELECT count(*) > 0 AS mapped FROM account.use_tables('pu.users');
SELECT account.purge_users();
SELECT account.purge_users();
SELECT id FROM pu.users ORDER BY id;
ALTER TABLE pu.users ALTER deleted_at TYPE date;
DELETE FROM pu.posts;
SELECT account.use_tables('pu.users') IS NOT NULL AS mapped LIMIT 1;
SELECT account.purge_users();
SELECT id FROM pu.users ORDER BY id;
SELECT account.forget_tables();
DROP SCHEMA pu CASCADE;
