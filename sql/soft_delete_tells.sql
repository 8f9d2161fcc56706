-- What enabling and disabling change is said, once.
SET client_min_messages = warning;
CREATE ROLE regress_st_owner;
CREATE SCHEMA st AUTHORIZATION regress_st_owner;
GRANT CREATE ON DATABASE :"DBNAME" TO regress_st_owner;
SET ROLE regress_st_owner;
SET search_path = st;
RESET client_min_messages;
\set QUIET off

-- stopped_actions_are_named ------------------------------------------------------------------------------
CREATE TABLE users (id int PRIMARY KEY, email text, is_deleted boolean, deleted_at timestamptz);
INSERT INTO users VALUES (1, 'a', true, NULL), (2, 'b', false, NULL), (3, 'c', false, now());
CREATE TABLE keys (id int PRIMARY KEY, owner int REFERENCES users ON DELETE CASCADE);
CREATE TABLE posts (id int PRIMARY KEY, author int DEFAULT 1, editor int REFERENCES users ON DELETE SET NULL,
    FOREIGN KEY (author) REFERENCES users ON DELETE SET DEFAULT);
CREATE TABLE orders (id int PRIMARY KEY, buyer int REFERENCES users, seller int REFERENCES users ON DELETE RESTRICT);
CREATE TABLE follows (id int PRIMARY KEY, a int REFERENCES users ON DELETE CASCADE);
SELECT account.enable_soft_delete('follows') \gset
CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'never'; END$$;
CREATE TRIGGER forbid BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION forbid();
CREATE TRIGGER too BEFORE INSERT OR DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION forbid();
CREATE TRIGGER off AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION forbid();
ALTER TABLE users DISABLE TRIGGER off;
CREATE TRIGGER updates AFTER UPDATE ON users FOR EACH STATEMENT EXECUTE FUNCTION forbid();
ALTER TABLE users DISABLE TRIGGER updates;
SELECT account.enable_soft_delete('users') \gset
-- nothing_new_nothing_said
SELECT account.enable_soft_delete('users') \gset
SELECT account.enable_soft_delete('users', hide => false) \gset
SELECT account.disable_soft_delete('users') \gset
SELECT account.disable_soft_delete('users') \gset

-- tables that are enabled with it follow: nothing stops there
\set VERBOSITY terse
SELECT account.enable_soft_delete('users', children => true) \gset
SELECT account.enable_soft_delete('users', children => true) \gset
-- a new child: only what is new
CREATE TABLE pins (id int PRIMARY KEY, owner int REFERENCES users ON DELETE CASCADE);
CREATE TABLE holes (id int PRIMARY KEY, pin int REFERENCES pins ON DELETE SET NULL);
SELECT account.enable_soft_delete('users') \gset
SELECT account.disable_soft_delete('users') \gset

-- parts of a hierarchy, and keys that reference them
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
CREATE TABLE of_leaf (part int REFERENCES parts_1 ON DELETE CASCADE);
CREATE TABLE of_all (part int REFERENCES parts ON DELETE CASCADE);
CREATE TRIGGER row_of_all AFTER DELETE ON parts FOR EACH ROW EXECUTE FUNCTION forbid();
CREATE TRIGGER of_leaf AFTER DELETE ON parts_1 FOR EACH ROW EXECUTE FUNCTION forbid();
SELECT account.enable_soft_delete('parts') \gset
-- a flag that comes later
CREATE TABLE later (id int PRIMARY KEY, gone boolean);
INSERT INTO later VALUES (1, true), (2, true);
SELECT account.enable_soft_delete('later') \gset
SELECT account.enable_soft_delete('later', flag => 'gone') \gset
DELETE FROM later;
SELECT account.enable_soft_delete('later', hide => false) \gset
SELECT account.disable_soft_delete('later') \gset

-- another column: what it says is deleted is so from now on
CREATE TABLE moved (id int PRIMARY KEY, gone timestamptz);
INSERT INTO moved VALUES (1, now()), (2, NULL);
SELECT account.enable_soft_delete('moved') \gset
SELECT account.enable_soft_delete('moved', deleted_at => 'gone') \gset
SELECT account.enable_soft_delete('moved', hide => false) \gset

-- a column of deletions of another name is not taken unasked, and not passed over in silence
\set VERBOSITY default
CREATE TABLE "Discarded" (id int PRIMARY KEY, gone text, discarded_at timestamp(6));
ALTER TABLE "Discarded" DROP COLUMN gone;
INSERT INTO "Discarded" VALUES (1, now()), (2, NULL);
SELECT account.enable_soft_delete('"Discarded"') \gset
SELECT account.enable_soft_delete('"Discarded"') \gset
SELECT account.enable_soft_delete('st."Discarded"', deleted_at => 'discarded_at') \gset
ALTER TABLE st."Discarded" DROP COLUMN deleted_at;
SELECT id FROM "Discarded";
CREATE TABLE "Pascal" (id int PRIMARY KEY, "DeletedAt" timestamptz);
SELECT account.enable_soft_delete('"Pascal"') \gset
CREATE TABLE silent (id int PRIMARY KEY, deleted boolean, discarded_at timestamptz NOT NULL DEFAULT now(), deleted_by text);
SELECT account.enable_soft_delete('silent') \gset
CREATE TABLE named (id int PRIMARY KEY, discarded_at timestamptz);
SELECT account.enable_soft_delete('named', deleted_at => 'deleted_at') \gset
\set VERBOSITY terse

-- a flag that is not taken; a rule that a DELETE never gets past; what stands in the way of an exclusion constraint
\set VERBOSITY default
CREATE TABLE flagged (id int PRIMARY KEY, deleted boolean NOT NULL DEFAULT false);
INSERT INTO flagged VALUES (1, true), (2, false);
SELECT account.enable_soft_delete('flagged') \gset
SELECT account.enable_soft_delete('st.flagged', flag => 'deleted') \gset
SELECT * FROM flagged;
CREATE TABLE ruled (id int PRIMARY KEY, a int);
CREATE RULE "Keep" AS ON DELETE TO ruled DO INSTEAD UPDATE ruled SET a = 1 WHERE id = OLD.id;
CREATE RULE also AS ON DELETE TO ruled DO ALSO NOTHING;
SELECT account.enable_soft_delete('ruled') \gset
SELECT severity, message, remedy FROM account.doctor() WHERE code = 'delete_rule_first';
SELECT remedy FROM account.doctor() WHERE code = 'delete_rule_first' \gexec
SELECT count(*) FROM account.doctor() WHERE code = 'delete_rule_first';
INSERT INTO ruled VALUES (1);
DELETE FROM ruled RETURNING id, deleted_at IS NOT NULL AS deleted;
CREATE TABLE booked (id int PRIMARY KEY, at int4range, EXCLUDE USING gist (at WITH &&));
SELECT account.enable_soft_delete('booked') \gset
INSERT INTO booked VALUES (1, '[1,5)');
DELETE FROM booked;
INSERT INTO booked VALUES (2, '[2,3)');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE booked DROP CONSTRAINT booked_at_excl, ADD EXCLUDE USING gist (at WITH &&) WHERE (deleted_at IS NULL);
INSERT INTO booked VALUES (2, '[2,3)');
SELECT account.restore('booked', 1);
\set VERBOSITY terse

-- of a key that a part has alone, the hint names the whole, which a part cannot do without
\set VERBOSITY default
CREATE TABLE tops (id int PRIMARY KEY);
CREATE TABLE whole (id int, top int) PARTITION BY RANGE (id);
CREATE TABLE whole_1 PARTITION OF whole FOR VALUES FROM (1) TO (10);
ALTER TABLE whole_1 ADD CONSTRAINT part_key FOREIGN KEY (top) REFERENCES tops ON DELETE CASCADE;
CREATE TABLE above (id int PRIMARY KEY);
CREATE TABLE below (top int CONSTRAINT below_key REFERENCES tops ON DELETE CASCADE) INHERITS (above);
SELECT account.enable_soft_delete('tops') \gset
SELECT object, remedy FROM account.doctor() WHERE code = 'cascade_stopped' AND object ~ '^st.(whole|below)';
SELECT remedy FROM account.doctor() WHERE code = 'cascade_stopped' AND object ~ '^st.(whole|below)' \gexec
SELECT count(*) FROM account.doctor() WHERE code = 'cascade_stopped' AND object ~ '^st.(whole|below)';

-- rows_that_do_not_go_with_a_parent_any_more_are_in_the_way_of_its_delete
CREATE TABLE bosses (id int PRIMARY KEY);
CREATE TABLE staff (id int, boss int, former int REFERENCES bosses ON DELETE SET NULL) PARTITION BY RANGE (id);
CREATE TABLE staff_1 PARTITION OF staff FOR VALUES FROM (1) TO (10);
ALTER TABLE staff_1 ADD CONSTRAINT boss_key FOREIGN KEY (boss) REFERENCES bosses ON DELETE CASCADE;
INSERT INTO bosses VALUES (1);
INSERT INTO staff VALUES (1, 1, NULL);
SELECT account.enable_soft_delete('staff') \gset
DELETE FROM staff;
DELETE FROM bosses;
\echo :LAST_ERROR_SQLSTATE
SELECT severity, message, remedy FROM account.doctor() WHERE code = 'cascade_stopped' AND object ~ '^st.staff';
SELECT remedy FROM account.doctor() WHERE code = 'cascade_stopped' AND object ~ '^st.staff' \gexec
SELECT count(*) FROM account.doctor() WHERE code = 'cascade_stopped' AND object ~ '^st.staff';
DELETE FROM bosses;
SELECT count(*) FROM account.deleted(NULL::staff);
-- where they go, or follow, nothing is said
SELECT account.disable_soft_delete('staff') \gset
SELECT account.enable_soft_delete('staff', on_parent_delete => 'delete') \gset
SELECT account.disable_soft_delete('staff') \gset
SELECT account.enable_soft_delete('bosses', children => true) \gset
SELECT account.disable_soft_delete('staff') \gset
SELECT account.enable_soft_delete('staff', on_parent_delete => 'refuse') \gset
SELECT count(*) FROM account.doctor() WHERE code = 'cascade_stopped' AND message ~ 'boss_key';

-- names_are_quoted_as_the_calls_take_them
CREATE SCHEMA "It's";
CREATE TABLE "It's"."a ""table" (id int PRIMARY KEY);
CREATE TABLE "It's"."back\slash" (id int PRIMARY KEY, a int CONSTRAINT "its 'key'" REFERENCES "It's"."a ""table" ON DELETE SET NULL);
SELECT account.enable_soft_delete('"It''s"."a ""table"') \gset
SELECT account.set_reference_policy('"It''s"."back\slash"', 'its ''key''', 'cascade', on_soft_delete => 'remove') \gset

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA st, "It's" CASCADE;
DROP OWNED BY regress_st_owner;
DROP ROLE regress_st_owner;
