-- Foreign keys over periods (PostgreSQL 18): a row references those that have its key and are of its time. Older servers pass it
-- all over: temporal_keys_1.out.
SELECT current_setting('server_version_num')::int >= 180000 AS has_it
\gset
\if :has_it
SET client_min_messages = warning;
CREATE ROLE regress_period_owner;
CREATE SCHEMA period AUTHORIZATION regress_period_owner;
GRANT EXECUTE ON FUNCTION account.purge(regclass, interval, bigint, boolean) TO regress_period_owner;
RESET client_min_messages;
SET ROLE regress_period_owner;
SET search_path = period;
SET datestyle = iso;
SET timezone = 'UTC';
CREATE TABLE hotels (id int PRIMARY KEY, name text);
-- the names are such that rooms would come before bookings, were there no key between them
CREATE TABLE a_rooms (no int4range, during daterange, hotel int REFERENCES hotels ON DELETE CASCADE, PRIMARY KEY (no, during WITHOUT OVERLAPS));
CREATE TABLE bookings (id int PRIMARY KEY, room int4range, during daterange, hotel int REFERENCES hotels ON DELETE CASCADE,
    FOREIGN KEY (room, PERIOD during) REFERENCES a_rooms (no, PERIOD during));
INSERT INTO hotels VALUES (1, 'Ritz'), (2, 'Inn');
INSERT INTO a_rooms SELECT int4range(h * 10 + r, h * 10 + r, '[]'), daterange(make_date(y, 1, 1), make_date(y + 1, 1, 1)), h
    FROM generate_series(1, 2) h, generate_series(1, 2) r, generate_series(2020, 2022) y;
-- one of them over two years, so of two rows
INSERT INTO bookings VALUES (1, '[11,11]', '[2020-12-20,2021-01-10)', 1), (2, '[11,11]', '[2021-05-01,2021-06-01)', 1), (3, '[12,12]', '[2022-01-01,2022-02-01)', 1),
    (4, '[21,21]', '[2020-03-01,2020-04-01)', 2);

-- the order of a cleanup
SELECT relation, action, rows FROM account.cleanup_plan('hotels', 1);
SELECT relation, action, rows FROM account.cleanup('hotels', 1);
SELECT count(*) FROM a_rooms;
SELECT id FROM bookings;
-- what is of the time of a row stands in its way, what is not does not
INSERT INTO bookings VALUES (5, '[22,22]', '[2021-12-30,2022-01-02)', NULL);
SELECT relation, action, via, rows FROM account.cleanup_plan('a_rooms', '{"no": "[22,23)", "during": "[2021-01-01,2022-01-01)"}');
SELECT account.cleanup('a_rooms', '{"no": "[22,23)", "during": "[2021-01-01,2022-01-01)"}');	-- fails
SELECT relation, action, rows FROM account.cleanup('a_rooms', '{"no": "[22,23)", "during": "[2020-01-01,2021-01-01)"}');
BEGIN;
SELECT relation, action, rows FROM account.cleanup('a_rooms', '{"no": "[22,23)", "during": "[2021-01-01,2022-01-01)"}', force => true);
SELECT id FROM bookings ORDER BY id;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT account.cleanup('hotels', 2);	-- fails
ROLLBACK;
UPDATE bookings SET hotel = 2;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT relation, action, rows FROM account.cleanup('hotels', 2);
ROLLBACK;
SELECT account.cleanup_graph('a_rooms');
-- there is no policy of such a key
SELECT account.set_reference_policy('bookings', 'bookings_room_during_fkey', 'cascade');	-- fails

-- deleted rows are purged but for those that are needed
SELECT account.enable_soft_delete('a_rooms');
DELETE FROM a_rooms;
SELECT account.purge('a_rooms', '0');
SET pgaccount.show_deleted = on;
SELECT no, during FROM a_rooms ORDER BY 1, 2;
SELECT account.purge('a_rooms', '0', force => true);
SELECT count(*) FROM a_rooms;
SELECT count(*) FROM bookings;
RESET pgaccount.show_deleted;
-- with a multirange
CREATE TABLE staff (id int4range, at datemultirange, PRIMARY KEY (id, at WITHOUT OVERLAPS));
CREATE TABLE shifts (id int PRIMARY KEY, staff int4range, at datemultirange, FOREIGN KEY (staff, PERIOD at) REFERENCES staff (id, PERIOD at));
INSERT INTO staff VALUES ('[1,1]', '{[2020-01-01,2020-02-01),[2020-03-01,2020-04-01)}'), ('[1,1]', '{[2020-02-01,2020-03-01)}');
INSERT INTO shifts VALUES (1, '[1,1]', '{[2020-01-10,2020-01-11),[2020-03-10,2020-03-11)}');
SELECT account.cleanup('staff', '{"id": "[1,2)", "at": "{[2020-01-01,2020-02-01),[2020-03-01,2020-04-01)}"}');	-- fails
SELECT relation, action, rows FROM account.cleanup('staff', '{"id": "[1,2)", "at": "{[2020-02-01,2020-03-01)}"}');
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA period CASCADE;
DROP OWNED BY regress_period_owner;
DROP ROLE regress_period_owner;
\endif
