-- What once made a cleanup run for ever.
SET client_min_messages = warning;
SET statement_timeout = '2min'; -- fails, rather than hangs
CREATE SCHEMA ch;

-- a trigger puts back the row that goes
CREATE TABLE ch.kept (id int PRIMARY KEY);
INSERT INTO ch.kept VALUES (1), (2);
CREATE FUNCTION ch.put_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ch.kept VALUES (OLD.id); RETURN NULL; END $$;
CREATE TRIGGER put_back AFTER DELETE ON ch.kept FOR EACH ROW EXECUTE FUNCTION ch.put_back();
SELECT * FROM account.cleanup('ch.kept', 1); -- fails
TABLE ch.kept;

-- a trigger adds a row to those that follow, for each that goes; no check tells it at once
CREATE TABLE ch.doc (id int PRIMARY KEY);
CREATE TABLE ch.log (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, doc int REFERENCES ch.doc ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO ch.doc VALUES (1);
INSERT INTO ch.log (doc) VALUES (1);
CREATE FUNCTION ch.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ch.log (doc) VALUES (OLD.doc); RETURN OLD; END $$;
CREATE TRIGGER note BEFORE DELETE ON ch.log FOR EACH ROW EXECUTE FUNCTION ch.note();
DO $$
BEGIN
    PERFORM account.cleanup('ch.doc', 1);
EXCEPTION WHEN triggered_data_change_violation THEN
    RAISE WARNING '%: %', SQLSTATE, SQLERRM;
END $$;
SELECT (SELECT count(*) FROM ch.doc) AS docs, (SELECT count(*) FROM ch.log) AS logs;
-- one that ends
CREATE SEQUENCE ch.n;
CREATE OR REPLACE FUNCTION ch.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('ch.n') < 20 THEN INSERT INTO ch.log (doc) VALUES (OLD.doc); END IF;
    RETURN OLD;
END $$;
SELECT step, relation, action, rows FROM account.cleanup('ch.doc', 1);
SELECT (SELECT count(*) FROM ch.doc) AS docs, (SELECT count(*) FROM ch.log) AS logs;
SET client_min_messages = error;
DROP SCHEMA ch CASCADE;
RESET statement_timeout;
