-- Purges that erase rows in place: what of the rest goes with them, and what stays as it is.
SET client_min_messages = warning;
SET search_path = public, pg_catalog;
SELECT no_plan();
CREATE TABLE person (id int PRIMARY KEY, name text, deleted_at timestamptz);
CREATE TABLE post (id int PRIMARY KEY, person int REFERENCES person ON DELETE CASCADE, body text, deleted_at timestamptz);
CREATE TABLE note (id int PRIMARY KEY, post int REFERENCES post ON DELETE CASCADE, words text);
SELECT account.enable_soft_delete('person'), account.enable_soft_delete('post') \g /dev/null
SELECT account.set_erasure('person', 'name', 'null'), account.set_erasure('post', 'body', 'hash'), account.set_erasure('note', 'words', 'constant:gone') \g /dev/null
SELECT account.set_purge('person', 'erase'), account.set_purge('post', 'erase') \g /dev/null
CREATE FUNCTION reset() RETURNS void LANGUAGE sql SET session_replication_role = replica SET pgaccount.show_deleted = on AS $$
    DELETE FROM note; DELETE FROM post; DELETE FROM person; DELETE FROM account.erased_row;
    INSERT INTO person SELECT i, 'name ' || i FROM generate_series(1, 8) i;
    INSERT INTO post SELECT i, i, 'body ' || i FROM generate_series(1, 8) i;
    INSERT INTO note SELECT i, i, 'words ' || i FROM generate_series(1, 8) i;
$$;
-- which rows have not been erased
CREATE FUNCTION kept() RETURNS text LANGUAGE sql SET pgaccount.show_deleted = on AS $$
    SELECT concat_ws('; ', 'person ' || (SELECT string_agg(id::text, ' ' ORDER BY id) FROM person WHERE name LIKE 'name%'), 'post ' || (SELECT string_agg(id::text, ' ' ORDER BY id) FROM post WHERE body LIKE 'body%'),
        'note ' || (SELECT string_agg(id::text, ' ' ORDER BY id) FROM note WHERE words LIKE 'words%'))
$$;
-- of what was deleted in the same transaction, too
CREATE FUNCTION purge(target regclass) RETURNS bigint LANGUAGE sql AS $$ SELECT account.purge(target, '-1 s') $$;

SELECT reset() \g /dev/null
DELETE FROM person WHERE id < 5;
SELECT account.restore('post', 2) \g /dev/null
SELECT is(purge('person'), 4::bigint, 'those that are deleted are erased');
SELECT is(kept(), 'person 5 6 7 8; post 2 5 6 7 8; note 2 5 6 7 8', 'but a live row of a table with soft delete is not, nor is what hangs on it');

-- what a hold keeps, wherever it hangs
SELECT reset() \g /dev/null
DELETE FROM person WHERE id < 7;
SELECT account.place_hold('note', 3, 'case') AS hold \gset
SELECT is(purge('person'), 5::bigint, 'a purge goes round the row whose grandchild is under a hold');
SELECT is(kept(), 'person 3 7 8; post 3 7 8; note 3 7 8', 'and leaves all of it as it is');
SELECT account.place_hold('post', 5, 'case') AS other \gset
SELECT is(purge('person'), 0::bigint, 'nothing is erased twice');
SELECT account.release_hold(:hold, 'over'), account.release_hold(:other, 'over') \g /dev/null
SELECT is(purge('person'), 1::bigint, 'and the row is erased once the hold is over');
SELECT is(kept(), 'person 7 8; post 7 8; note 7 8', 'with what hangs on it');

-- a hash of a hash would be another: who was erased is passed
SELECT reset() \g /dev/null
DELETE FROM person WHERE id < 4;
SELECT is(purge('post'), 3::bigint, 'children first');
CREATE TEMP TABLE hashes AS SELECT id, body FROM account.deleted(NULL::post);
SELECT is(purge('person'), 3::bigint, 'their parents afterwards');
SELECT is((SELECT count(*) FROM account.deleted(NULL::post) p JOIN hashes h ON h.id = p.id AND h.body = p.body), 3::bigint, 'leave the hashes as they are');
SELECT is(purge('post') + purge('person'), 0::bigint, 'and nothing is erased once more');
SELECT account.restore('person', 1) \g /dev/null
UPDATE post SET body = 'body again' WHERE id = 1;
DELETE FROM person WHERE id = 1;
SELECT pg_sleep(0.01) \g /dev/null
SELECT is((SELECT count(*) FROM account.deleted(NULL::post) WHERE body = 'body again'), 1::bigint, 'a row that came back, and was deleted again');
SELECT purge('post') \g /dev/null
SELECT is((SELECT count(*) FROM account.deleted(NULL::post) WHERE body = 'body again'), 0::bigint, 'is erased again');

-- nor a row of the table itself that was erased before what it references
CREATE TABLE reply (id int PRIMARY KEY, reply int REFERENCES reply ON DELETE CASCADE, body text, deleted_at timestamptz);
SELECT account.enable_soft_delete('reply'), account.set_erasure('reply', 'body', 'hash'), account.set_purge('reply', 'erase') \g /dev/null
INSERT INTO reply VALUES (1, NULL, 'a'), (2, 1, 'b');
DELETE FROM reply WHERE id = 2;
SELECT is(purge('reply'), 1::bigint, 'the answer is erased');
CREATE TEMP TABLE answer AS SELECT body FROM account.deleted(NULL::reply);
DELETE FROM reply WHERE id = 1;
SELECT is(purge('reply'), 1::bigint, 'then what it answers');
SELECT is((SELECT count(*) FROM account.deleted(NULL::reply) JOIN answer USING (body)), 1::bigint, 'the answer is as it was');

-- columns that have become keys since, or that keys are made of
CREATE TABLE place (id int PRIMARY KEY, code int UNIQUE);
CREATE TABLE trip (id int PRIMARY KEY, place int, raw int, code int GENERATED ALWAYS AS (raw * 10) STORED);
INSERT INTO place VALUES (1, 10);
INSERT INTO trip VALUES (1, 1, 1);
SELECT account.set_erasure('trip', 'place', 'null'), account.set_erasure('trip', 'raw', 'null') \g /dev/null
ALTER TABLE trip ADD FOREIGN KEY (place) REFERENCES place;
SELECT throws_ok($$SELECT account.erase('trip', 1)$$, '55000', 'column "place" of "trip" cannot be erased so', 'what has become a reference since stays one');
ALTER TABLE trip DROP CONSTRAINT trip_place_fkey;
ALTER TABLE trip ADD FOREIGN KEY (code) REFERENCES place (code);
SELECT throws_ok($$SELECT account.erase('trip', 1)$$, '55000', 'column "raw" of "trip" cannot be erased so', 'nor does what a reference is generated from go');
SELECT throws_ok($$SELECT account.set_erasure('trip', 'raw', 'null')$$, '22023', 'column "raw" of "trip" cannot be erased so', 'nor may anybody say so');
SELECT is((SELECT t::text FROM trip t), '(1,1,1,10)', 'the row is as it was');
ALTER TABLE trip DROP CONSTRAINT trip_code_fkey;
SELECT is(account.erase('trip', 1), 1::bigint, 'and is erased once neither is a key');
SELECT * FROM finish();
