-- A trigger on account.event may change users in its turn: each change is recorded once.
CREATE SCHEMA et;
-- a key, so that it is told what tokens are good for
SELECT account.create_key() \g /dev/null
CREATE TABLE et.person (id int PRIMARY KEY, email text NOT NULL, password text, is_active boolean NOT NULL DEFAULT true);
SELECT account.enable_soft_delete('et.person');
SELECT count(*) > 0 AS mapped FROM account.use_tables('et.person');
INSERT INTO et.person (id, email) SELECT i, 'p' || i || '@example.org' FROM generate_series(1, 60) AS i;
SELECT coalesce(max(id), 0) AS start FROM account.event \gset
CREATE VIEW et.deleted AS SELECT string_agg(subject, ',' ORDER BY subject::int) AS deleted FROM account.event
    WHERE type = 'user_deleted' AND id > current_setting('et.start')::bigint;
SET et.start = :start;

-- whoever is deleted takes the next one along
CREATE FUNCTION et.take_next() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.type = 'user_deleted' THEN
        DELETE FROM et.person WHERE id = NEW.subject::int + 1 AND id % 10 <> 0;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER take_next AFTER INSERT ON account.event FOR EACH ROW EXECUTE FUNCTION et.take_next();
DELETE FROM et.person WHERE id = 5;
TABLE et.deleted;
-- several at once, so that each finds others waiting
DELETE FROM et.person WHERE id IN (14, 24, 34);
TABLE et.deleted;
DROP TRIGGER take_next ON account.event;
CREATE TRIGGER take_next BEFORE INSERT ON account.event FOR EACH ROW EXECUTE FUNCTION et.take_next();
DELETE FROM et.person WHERE id IN (42, 46);
TABLE et.deleted;
-- in a savepoint that is rolled back: neither the deletions nor what is told of them
BEGIN;
DELETE FROM et.person WHERE id = 59;
SAVEPOINT s;
DELETE FROM et.person WHERE id = 52;
ROLLBACK TO s;
DELETE FROM et.person WHERE id = 57;
COMMIT;
TABLE et.deleted;
SELECT count(*) AS live FROM et.person;
DROP TRIGGER take_next ON account.event;
SELECT account.forget_tables();
SET client_min_messages = warning;
DROP SCHEMA et CASCADE;
