-- What once made a cleanup run for ever, or run somebody's code as a superuser.
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

-- a trigger empties the table that is next
CREATE TABLE ch.emptied_first (id int REFERENCES ch.kept ON DELETE CASCADE);
CREATE TABLE ch.emptied_last (id int REFERENCES ch.kept ON DELETE CASCADE);
INSERT INTO ch.emptied_first VALUES (2);
INSERT INTO ch.emptied_last VALUES (2);
CREATE FUNCTION ch.empty() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE ch.emptied_last; RETURN NULL; END $$;
CREATE TRIGGER empty AFTER DELETE ON ch.emptied_first FOR EACH ROW EXECUTE FUNCTION ch.empty();
SELECT * FROM account.cleanup('ch.kept', 2); -- fails
SELECT count(*) FROM ch.emptied_last;
DROP TABLE ch.emptied_first, ch.emptied_last;

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

-- who may reference a table does not thereby act as the superuser that cleans it up
CREATE ROLE regress_ch_other;
CREATE TABLE ch.account (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('ch.account');
GRANT USAGE, CREATE ON SCHEMA ch TO regress_ch_other;
GRANT REFERENCES ON ch.account TO regress_ch_other;
SET ROLE regress_ch_other;
CREATE FUNCTION ch.who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING '% of % as %', TG_OP, TG_TABLE_NAME, current_user; RETURN coalesce(NEW, OLD); END $$;
CREATE FUNCTION ch.fallback() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'default as %', current_user; RETURN NULL; END $$;
CREATE FUNCTION ch.folded(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    IF current_user <> 'regress_ch_other' THEN RAISE WARNING 'index as %', current_user; END IF;
    RETURN $1;
END $$;
CREATE TABLE ch.follows (id int PRIMARY KEY, a int REFERENCES ch.account ON DELETE CASCADE);
CREATE TABLE ch.nulled (id int PRIMARY KEY, a int REFERENCES ch.account ON DELETE SET NULL);
CREATE TABLE ch.defaulted (id int PRIMARY KEY, a int DEFAULT ch.fallback() REFERENCES ch.account ON DELETE SET DEFAULT);
CREATE TABLE ch.ring_a (id int PRIMARY KEY, a int REFERENCES ch.account ON DELETE CASCADE, b int);
CREATE TABLE ch.ring_b (id int PRIMARY KEY, a int REFERENCES ch.ring_a ON DELETE CASCADE);
ALTER TABLE ch.ring_a ADD FOREIGN KEY (b) REFERENCES ch.ring_b ON DELETE CASCADE;
CREATE INDEX ON ch.follows (a) WHERE ch.folded(1) = 1;
RESET ROLE;
INSERT INTO ch.account VALUES (1), (2), (3), (4);
SET ROLE regress_ch_other;
INSERT INTO ch.follows SELECT i, i FROM generate_series(1, 3) AS i;
INSERT INTO ch.nulled SELECT i, i FROM generate_series(1, 3) AS i;
INSERT INTO ch.defaulted SELECT i, i FROM generate_series(1, 3) AS i;
INSERT INTO ch.ring_a SELECT i, i FROM generate_series(1, 3) AS i;
INSERT INTO ch.ring_b SELECT i, i FROM generate_series(1, 3) AS i;
UPDATE ch.ring_a SET b = id;
CREATE TRIGGER who BEFORE UPDATE OR DELETE ON ch.follows FOR EACH ROW EXECUTE FUNCTION ch.who();
CREATE TRIGGER who BEFORE UPDATE OR DELETE ON ch.nulled FOR EACH ROW EXECUTE FUNCTION ch.who();
CREATE TRIGGER who AFTER UPDATE OR DELETE ON ch.ring_a FOR EACH ROW EXECUTE FUNCTION ch.who();
RESET ROLE;
\c -
SET client_min_messages = warning;
SELECT step, relation, action, rows FROM account.cleanup_plan('ch.account', 1);
SELECT count(*) FROM account.cleanup('ch.account', 1);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM account.cleanup('ch.account', 2);
COMMIT;
DELETE FROM ch.account WHERE id = 3;
SELECT account.purge('ch.account', '0');
SET client_min_messages = error;
SELECT current_user = session_user AS itself, (SELECT count(*) FROM ch.follows) AS follows, (SELECT count(a) FROM ch.nulled) AS nulled, (SELECT count(a) FROM ch.defaulted) AS defaulted, (SELECT count(*) FROM ch.ring_a) AS ring;
SET client_min_messages = error;
DROP SCHEMA ch CASCADE;
DROP ROLE regress_ch_other;
RESET statement_timeout;
