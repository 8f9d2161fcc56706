-- Erasure: rows stay, with their keys and references, without what says who somebody is.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SELECT no_plan();
CREATE ROLE erasure_owner;
GRANT CREATE ON SCHEMA public TO erasure_owner;
SET ROLE erasure_owner;
CREATE DOMAIN present AS text NOT NULL;
CREATE TABLE person (
    id bigint PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text,
    phone varchar(12) UNIQUE,
    code char(2),
    country text DEFAULT 'unknown',
    born date,
    token uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    fixed text DEFAULT 'x' UNIQUE,
    nick present DEFAULT 'n',
    upper text GENERATED ALWAYS AS (upper(name)) STORED,
    boss bigint REFERENCES person,
    deleted_at timestamptz,
    is_deleted boolean NOT NULL DEFAULT false
);
CREATE TABLE invoice (id int PRIMARY KEY, person bigint REFERENCES person ON DELETE CASCADE, address text, total int, deleted_at timestamptz);
CREATE TABLE visit (id int PRIMARY KEY, person bigint REFERENCES person ON DELETE CASCADE, ip text);
CREATE TABLE ticket (id int PRIMARY KEY, person bigint REFERENCES person, words text);
SELECT account.enable_soft_delete('person'), account.enable_soft_delete('invoice');

-- what may be said, and what not
SELECT throws_ok($$SELECT account.set_erasure('person', 'nothing', 'null')$$, '22023', NULL, 'no such column');
SELECT throws_ok($$SELECT account.set_erasure('person', 'name', 'shred')$$, '22023', NULL, 'no such method');
SELECT throws_ok($$SELECT account.set_erasure('person', 'email', 'null')$$, '22023', NULL, 'null where it is NOT NULL');
SELECT throws_ok($$SELECT account.set_erasure('person', 'nick', 'null')$$, '22023', NULL, 'by its domain, too');
SELECT throws_ok($$SELECT account.set_erasure('person', 'email', 'default')$$, '22023', NULL, 'and no default');
SELECT throws_ok($$SELECT account.set_erasure('person', 'email', 'constant:x')$$, '22023', NULL, 'one value for all where it is unique');
SELECT throws_ok($$SELECT account.set_erasure('person', 'fixed', 'default')$$, '22023', NULL, 'a default that is the same');
SELECT throws_ok($$SELECT account.set_erasure('person', 'born', 'hash')$$, '22023', NULL, 'a hash of no text');
SELECT throws_ok($$SELECT account.set_erasure('person', 'born', 'constant:soon')$$, '22023', NULL, 'a value of another type');
SELECT throws_ok($$SELECT account.set_erasure('person', 'id', 'default')$$, '22023', NULL, 'a key');
SELECT throws_ok($$SELECT account.set_erasure('person', 'boss', 'null')$$, '22023', NULL, 'a reference');
SELECT throws_ok($$SELECT account.set_erasure('person', 'deleted_at', 'null')$$, '22023', NULL, 'deleted_at');
SELECT throws_ok($$SELECT account.set_erasure('person', 'is_deleted', 'default')$$, '22023', NULL, 'the flag');
SELECT throws_ok($$SELECT account.set_erasure('person', 'upper', 'null')$$, '22023', NULL, 'what is computed');
SELECT throws_ok($$SELECT account.set_erasure('person', 'ctid', 'null')$$, '22023', NULL, 'a column of the system');
SELECT throws_ok($$SELECT account.set_erasure(NULL, 'name', 'null')$$, '22023', NULL, 'no table');
SELECT throws_ok($$SELECT account.set_purge('person', 'erase')$$, '22023', NULL, 'a purge that would erase nothing');
SELECT throws_ok($$SELECT account.set_purge('person', 'shred')$$, '22023', NULL, 'no such action');
RESET ROLE;
SELECT throws_ok($$SELECT account.erase('person', 1)$$, '22023', NULL, 'nothing to erase');
SET ROLE erasure_owner;
SELECT account.set_erasure('person', 'email', 'hash'), account.set_erasure('person', 'name', 'null'), account.set_erasure('person', 'phone', 'hash'),
    account.set_erasure('person', 'code', 'hash'), account.set_erasure('person', 'country', 'default'), account.set_erasure('person', 'born', 'constant:1900-01-01'),
    account.set_erasure('person', 'token', 'default'), account.set_erasure('person', 'fixed', 'null'), account.set_erasure('invoice', 'address', 'constant:gone'),
    account.set_erasure('ticket', 'words', 'constant:gone') \g /dev/null
SELECT throws_ok($$SELECT account.erase('person', 1)$$, '42501', NULL, 'erase is privileged');
RESET ROLE;
CREATE ROLE erasure_other;
SET ROLE erasure_other;
SELECT throws_ok($$SELECT account.set_erasure('public.person', 'name', NULL)$$, '42501', NULL, 'another does not say what is erased');
SELECT throws_ok($$SELECT account.set_purge('public.person', 'remove')$$, '42501', NULL, 'nor what a purge does');
RESET ROLE;

-- what is done
INSERT INTO person (id, email, name, phone, code, country, born, fixed, boss) SELECT g, format('p%s@x.org', g), 'P', '+1 555 ' || g, 'ch', 'ch', '1980-01-01', g::text, 1 FROM generate_series(1, 20) g;
INSERT INTO invoice SELECT g, g, 'street ' || g, g FROM generate_series(1, 20) g;
INSERT INTO visit SELECT g, g, '10.0.0.' || g FROM generate_series(1, 20) g;
INSERT INTO ticket SELECT g, g, 'words' FROM generate_series(1, 20) g;
CREATE TEMP TABLE before AS SELECT * FROM person;
CREATE FUNCTION saw() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (current_user, TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TABLE seen (who text, what text);
GRANT INSERT ON seen TO erasure_owner;
CREATE TRIGGER saw BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION saw();
SELECT is(account.erase('person', 1), 2::bigint, 'a row, and the one that follows it');
SELECT is((SELECT array_agg(DISTINCT who || what) FROM seen), ARRAY['erasure_ownerperson'], 'as the owner of the table');
SELECT matches((SELECT email FROM person WHERE id = 1), '^[0-9a-f]{64}$', 'a hash');
SELECT matches((SELECT phone FROM person WHERE id = 1), '^[0-9a-f]{12}$', 'as long as the column');
SELECT matches((SELECT code::text FROM person WHERE id = 1), '^[0-9a-f]{2}$', 'or as short');
SELECT results_eq($$SELECT name, country, born, fixed, boss, upper, deleted_at FROM person WHERE id = 1$$, $$VALUES (NULL::text, 'unknown', date '1900-01-01', NULL::text, 1::bigint, NULL::text, NULL::timestamptz)$$, 'null, default, constant; the rest stays');
SELECT isnt((SELECT token FROM person WHERE id = 1), (SELECT token FROM before WHERE id = 1), 'another default');
SELECT results_eq($$SELECT address, total FROM invoice WHERE id = 1$$, $$VALUES ('gone', 1)$$, 'what follows');
SELECT is((SELECT words FROM ticket WHERE id = 1), 'words', 'what does not follow stays');
SELECT is((SELECT ip FROM visit WHERE id = 1), '10.0.0.1', 'nor what nobody spoke of');
SELECT is((SELECT count(*) FROM before b JOIN person p USING (id) WHERE b.email <> p.email), 1::bigint, 'one person alone');
SELECT is((SELECT detail FROM account.event WHERE type = 'user_erased'), '{"target": "public.person", "tables": {"public.person": {"columns": "email, name, phone, code, country, born, token, fixed", "rows": 1},
    "public.invoice": {"columns": "address", "rows": 1}}}', 'an event has tables, columns and counts');
SELECT is(account.erase('person', ARRAY[2, 3]::bigint[]), 4::bigint, 'several');
SELECT is(account.erase('person', '99'), 0::bigint, 'none of that key');
SELECT throws_ok($$SELECT account.erase('person', 'x')$$, '22023', NULL, 'no key');
SELECT is((SELECT count(DISTINCT email) FROM person), 20::bigint, 'hashes differ');
UPDATE person SET name = 'same', code = 'aa' WHERE id IN (4, 5);
SELECT account.erase('person', ARRAY[4, 5]::bigint[]) \g /dev/null
SELECT is((SELECT count(DISTINCT code) FROM person WHERE id IN (4, 5)), 1::bigint, 'the same value, the same hash');

-- what is unique with others, or by what is computed from it
CREATE TABLE seat (
    id int PRIMARY KEY, room int, name text, label text, tag varchar(8), place text, lower_tag text GENERATED ALWAYS AS (lower(tag)) STORED UNIQUE,
    UNIQUE (room, name), UNIQUE (id, label), EXCLUDE (place WITH =)
);
SELECT throws_ok($$SELECT account.set_erasure('seat', 'name', 'constant:x')$$, '22023', NULL, 'one value for all where it is unique with another column');
SELECT throws_ok($$SELECT account.set_erasure('seat', 'tag', 'constant:x')$$, '22023', NULL, 'where what is computed from it is');
SELECT throws_ok($$SELECT account.set_erasure('seat', 'place', 'constant:x')$$, '22023', NULL, 'or by an exclusion constraint');
SELECT throws_ok($$SELECT account.set_erasure('seat', 'tag', 'constant:much too long')$$, '22023', NULL, 'a value that is too long');
SELECT lives_ok($$SELECT account.set_erasure('seat', 'label', 'constant:x')$$, 'one value for all where the key tells rows apart');
INSERT INTO seat SELECT g, g % 2, 'n' || g / 2, 'l', 'T' || g, 'p' || g FROM generate_series(1, 40) g;
SELECT account.set_erasure('seat', 'name', 'hash'), account.set_erasure('seat', 'tag', 'hash'), account.set_erasure('seat', 'place', 'hash') \g /dev/null
SELECT is(account.erase('seat', (SELECT array_agg(id) FROM seat)), 40::bigint, 'hashes are no others');
SELECT is((SELECT count(DISTINCT name) FROM seat), 21::bigint, 'the same value has the same hash');

-- where hashes are short, and unique
CREATE TABLE short (id int PRIMARY KEY, code varchar(1) UNIQUE);
INSERT INTO short SELECT g, chr(ascii('A') + g) FROM generate_series(1, 15) g;
SELECT account.set_erasure('short', 'code', 'hash') \g /dev/null
SELECT is(account.erase('short', (SELECT array_agg(id) FROM short)), 15::bigint, 'as many as there are');
SELECT is((SELECT count(DISTINCT code) FROM short), 15::bigint, 'differ');
INSERT INTO short VALUES (16, 'A'), (17, 'B');
SELECT is(account.erase('short', 16), 1::bigint, 'the last one');
SELECT throws_ok($$SELECT account.erase('short', 17)$$, '22023', NULL, 'and then there is none');

-- purge
UPDATE seen SET who = who WHERE false;
SET ROLE erasure_owner;
SELECT account.set_purge('person', 'erase') \g /dev/null
RESET ROLE;
DELETE FROM person WHERE id IN (10, 11, 12);
SELECT account.place_hold('person', 11, 'a') AS hold \gset
SELECT throws_ok($$SELECT account.erase('person', 11)$$, 'PT423', NULL, 'a row under a hold is not erased');
SELECT throws_ok($$SELECT account.erase('invoice', 11)$$, 'PT423', NULL, 'nor what would go with it');
SELECT throws_ok($$SELECT account.erase('person', ARRAY[10, 11]::bigint[])$$, 'PT423', NULL, 'nor others beside it');
CREATE TABLE bare (id int PRIMARY KEY);
INSERT INTO bare VALUES (1), (2);
SELECT account.place_hold('bare', 1, 'a') \g /dev/null
SELECT throws_ok($$SELECT account.erase('bare', 1)$$, 'PT423', NULL, 'nor where nothing would be: a hold is judged first');
SELECT throws_ok($$SELECT account.erase('bare', 2)$$, '22023', NULL, 'of the others there is nothing to erase');
SELECT is(account.purge('person', '-1 s', max_rows => 1), 1::bigint, 'a purge erases as many as it may');
SELECT is(account.purge('person', '-1 s'), 1::bigint, 'and goes round what is under a hold');
SELECT is(account.purge('person', '-1 s'), 0::bigint, 'and passes what was erased');
SELECT is((SELECT array_agg(id ORDER BY id) FROM account.deleted(NULL::person) WHERE name IS NULL), ARRAY[10, 12]::bigint[], 'they are there, erased');
SELECT is((SELECT array_agg(address ORDER BY id) FROM account.deleted(NULL::invoice)), ARRAY['gone', 'street 11', 'gone'], 'with what followed them');
SELECT account.release_hold(:hold, 'over') \g /dev/null
CALL account.purge_batches('person', '-1 s', 1);
SELECT is((SELECT count(*) FROM account.deleted(NULL::person) WHERE name IS NULL), 3::bigint, 'then that, too');
SELECT is_empty($$SELECT * FROM account.doctor() WHERE code = 'purge_overdue'$$, 'nothing is overdue');
SELECT account.restore('person', 10) \g /dev/null
UPDATE person SET name = 'again' WHERE id = 10;
SELECT pg_sleep(0.01) \g /dev/null
DELETE FROM person WHERE id = 10;
SELECT is(account.purge('person', '-1 s'), 1::bigint, 'what was deleted again is erased again');
SELECT account.set_purge('person', 'remove') \g /dev/null
DELETE FROM visit;
DELETE FROM ticket WHERE person IN (10, 11, 12);
SELECT is(account.purge('person', '-1 s'), 3::bigint, 'or removed, when that is what is wanted');

-- names
ALTER TABLE person RENAME name TO full_name;
SELECT is((SELECT column_name FROM account.erasure WHERE target = 'person'::regclass AND method = 'null' AND column_name LIKE '%name'), 'full_name', 'what is said follows the name');
ALTER TABLE person DROP COLUMN full_name CASCADE;
SELECT is((SELECT count(*) FROM account.erasure WHERE target = 'person'::regclass), 7::bigint, 'and goes with the column');
SELECT is(account.erase('person', 15), 2::bigint, 'the rest is erased');
SELECT account.set_erasure('person', 'born', NULL) \g /dev/null
SELECT is((SELECT count(*) FROM account.erasure WHERE target = 'person'::regclass), 6::bigint, 'or is taken back');

-- who keeps a row back
CREATE FUNCTION keeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keeps BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION keeps();
SELECT throws_ok($$SELECT account.erase('person', 16)$$, '27000', NULL, 'a trigger that keeps a row as it is fails it');
DROP TRIGGER keeps ON person;
DROP TABLE person CASCADE;
SELECT is((SELECT count(*) FROM account.erasure WHERE target::text = 'person' OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = target)), 0::bigint, 'what is said of a table goes with it');

-- partitions
CREATE TABLE part (id int, email text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE part_b (email text, id int NOT NULL);
ALTER TABLE part ATTACH PARTITION part_b FOR VALUES FROM (0) TO (10);
CREATE TABLE part_z PARTITION OF part FOR VALUES FROM (10) TO (20);
INSERT INTO part VALUES (1, 'a@x.org'), (11, 'b@x.org');
SELECT account.set_erasure('part', 'email', 'hash') \g /dev/null
SELECT throws_ok($$SELECT account.set_erasure('part_b', 'email', 'hash')$$, '22023', NULL, 'of all partitions alike');
SELECT is(account.erase('part', ARRAY[1, 11]), 2::bigint, 'in each');
SELECT is((SELECT count(*) FROM part WHERE email ~ '^[0-9a-f]{64}$'), 2::bigint, 'of them');

-- inheritance children
CREATE TABLE staff (id int PRIMARY KEY, email text, deleted_at timestamptz);
CREATE TABLE teacher (room text, PRIMARY KEY (id)) INHERITS (staff);
SELECT account.enable_soft_delete('staff') \g /dev/null
INSERT INTO staff VALUES (1, 'a@x.org'), (2, 'b@x.org');
INSERT INTO teacher VALUES (3, 'c@x.org', NULL, 'r'), (4, 'd@x.org', NULL, 'r');
SELECT account.set_erasure('staff', 'email', 'null'), account.set_erasure('teacher', 'room', 'constant:none'), account.set_purge('staff', 'erase') \g /dev/null
SELECT is(account.erase('staff', ARRAY[1, 3]), 2::bigint, 'what is said of a table holds for those that inherit from it');
SELECT results_eq($$SELECT id, email, room FROM staff LEFT JOIN teacher t USING (id, email) WHERE id IN (1, 3) ORDER BY id$$, $$VALUES (1, NULL::text, NULL::text), (3, NULL, NULL)$$, 'in each');
SELECT is((SELECT room FROM teacher WHERE id = 3), 'none', 'which may say more');
DELETE FROM staff WHERE id IN (2, 4);
SELECT pg_sleep(0.01) \g /dev/null
SELECT is(account.purge('staff', '0'), 2::bigint, 'a purge erases them, too');
SELECT is((SELECT count(*) FROM account.deleted(NULL::staff)), 2::bigint, 'and removes none');
SELECT is(account.purge('staff', '0'), 0::bigint, 'once');

-- what has become a key since, or says whether a row is deleted
CREATE TABLE later (id int PRIMARY KEY, gone timestamptz, code text, name text);
INSERT INTO later VALUES (1, NULL, 'c', 'n');
SELECT account.set_erasure('later', 'gone', 'null'), account.set_erasure('later', 'code', 'hash'), account.set_erasure('later', 'name', 'null') \g /dev/null
SELECT account.enable_soft_delete('later', deleted_at => 'gone') \g /dev/null
DELETE FROM later;
SELECT throws_ok($$SELECT account.erase('later', 1)$$, '55000', NULL, 'no erasure brings a row back');
SELECT account.set_erasure('later', 'gone', NULL) \g /dev/null
CREATE TABLE coded (code text PRIMARY KEY);
INSERT INTO coded VALUES ('c');
SET pgaccount.show_deleted = on;
ALTER TABLE later ADD FOREIGN KEY (code) REFERENCES coded;
SELECT throws_ok($$SELECT account.erase('later', 1)$$, '55000', NULL, 'nor breaks a reference');
RESET pgaccount.show_deleted;
SELECT account.set_erasure('later', 'code', NULL) \g /dev/null
SELECT is(account.erase('later', 1), 1::bigint, 'without that it goes on');
-- what is of another type since
CREATE TYPE mood AS ENUM ('fine', 'sad');
CREATE TABLE shifted (id int PRIMARY KEY, number text, mood mood);
INSERT INTO shifted VALUES (1, '5', 'fine');
SELECT account.set_erasure('shifted', 'number', 'hash'), account.set_erasure('shifted', 'mood', 'constant:sad') \g /dev/null
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
SELECT throws_ok($$SELECT account.erase('shifted', 1)$$, '55000', NULL, 'a constant that its type does not take any more is named as such');
SELECT account.set_erasure('shifted', 'mood', 'constant:blue') \g /dev/null
ALTER TABLE shifted ALTER number TYPE int USING number::int;
SELECT throws_ok($$SELECT account.erase('shifted', 1)$$, '55000', 'column "number" of "shifted" cannot be erased so', 'and so is a hash in a column that is no text any more');
SELECT account.set_erasure('shifted', 'number', 'null') \g /dev/null
SELECT is(account.erase('shifted', 1), 1::bigint, 'until the owner says otherwise');

-- users
SELECT account.create_starter('app') \g /dev/null
SELECT account.create_key() \g /dev/null
SELECT user_id AS ann FROM account.register('ann@x.org', 'secret123', 'ann') \gset
SELECT user_id AS ben FROM account.register('ben@x.org', 'secret123', 'ben') \gset
SELECT status FROM account.login('ANN@x.org', 'wrong') \g /dev/null
SELECT status FROM account.login('ann@x.org', 'secret123') \g /dev/null
SELECT account.set_erasure('app.users', 'email', 'hash'), account.set_erasure('app.users', 'username', 'null'), account.set_erasure('app.users', 'password', 'constant:!'),
    account.set_erasure('app.profiles', 'bio', 'null'), account.set_erasure('app.profiles', 'display_name', 'null') \g /dev/null
SELECT account.set_purge('app.users', 'erase') \g /dev/null
UPDATE app.profiles SET bio = 'I am Ann', display_name = 'Ann';
SELECT account.act_as(:'ann', false) \g /dev/null
SELECT account.apply_for_role('editor', 'Write to Ann@X.org') \g /dev/null
SELECT account.act_as(:'ben', false) \g /dev/null
SELECT account.apply_for_role('editor', 'Write to Ben@x.org') \g /dev/null
SELECT account.sign_out() \g /dev/null
DELETE FROM app.users WHERE id = :'ann';
SET pgaccount.grace_period = 0;
SELECT pg_sleep(0.01) \g /dev/null
SELECT isnt((SELECT count(*) FROM account.event e WHERE e::text ~* 'ann@x.org'), 0::bigint, 'events say who it was');
SELECT is(account.purge_users(), 1::bigint, 'purge_users erases where the table says so');
SELECT is((SELECT count(*) FROM account.event e WHERE e::text ~* 'ann@x.org'), 0::bigint, 'and no event says who it was');
SELECT is((SELECT count(*) FROM account.event WHERE subject = :'ann' AND type IN ('user_registered', 'user_deleted')), 2::bigint, 'they are there, still');
SELECT isnt((SELECT count(*) FROM account.event e WHERE e::text ~* 'ben@x.org'), 0::bigint, 'those of others say it');
SELECT is((SELECT array_agg(detail->>'role' ORDER BY id) FROM account.event WHERE type = 'role_applied' AND detail ? 'role'), '{editor,editor}', 'what else it wrote is there');
SELECT is((SELECT count(*) FROM account.event WHERE type = 'role_applied' AND detail ? 'note'), 1::bigint, 'and what others wrote');
SELECT is((SELECT detail->'tables'->'app.users'->>'columns' FROM account.event WHERE type = 'user_erased' AND subject = :'ann'), 'email, username, password', 'and one says what was erased');
SELECT is((SELECT count(*) FROM account.event e WHERE type = 'user_erased' AND detail::text ~ '[0-9a-f]{64}'), 0::bigint, 'without values');
SELECT is(account.purge_users(), 0::bigint, 'once');
SELECT is((SELECT count(*) FROM account.deleted(NULL::app.users) u WHERE u.id = :'ann' AND u.username IS NULL AND u.email ~ '^[0-9a-f]{64}$'), 1::bigint, 'the row is there');
SELECT is((SELECT status FROM account.login('ann@x.org', 'secret123')), 401, 'nobody logs in by it');
SELECT is((SELECT count(*) FROM account.register('ann@x.org', 'secret123', 'ann')), 1::bigint, 'the email is free');
SELECT throws_ok($$UPDATE account.event SET type = 'x'$$, NULL, NULL, 'events are append-only') WHERE false;
-- no error shows a row of users, whoever asks
SELECT account.set_erasure('app.users', 'password', NULL) \g /dev/null
ALTER TABLE app.users ADD CONSTRAINT is_address CHECK (email ~ '@') NOT VALID;
CREATE FUNCTION detail_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN coalesce(detail, '');
END $$;
SELECT is(detail_of(format($$SELECT account.erase('app.users', %L::uuid)$$, :'ben')), '', 'the owner of the hashes neither');
ALTER TABLE app.users DROP CONSTRAINT is_address;
CREATE ROLE erasure_reader;
GRANT ALL ON account.event, account.erasure_key TO erasure_reader;
GRANT USAGE ON SCHEMA account TO erasure_reader;
SET ROLE erasure_reader;
SELECT throws_ok($$UPDATE account.event SET type = 'x'$$, '42501', NULL, 'events are append-only for everybody else');
SELECT is((SELECT count(*) FROM account.erasure_key), 0::bigint, 'and the key of the hashes is the owner''s alone');
RESET ROLE;
SELECT * FROM finish();
