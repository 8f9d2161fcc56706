-- Enabling, replacing and disabling soft delete; the mapped columns and what happens to them.
SET client_min_messages = warning;
CREATE ROLE regress_sd_owner;
CREATE SCHEMA sd_enable AUTHORIZATION regress_sd_owner;
CREATE SCHEMA "Odd ""schema""" AUTHORIZATION regress_sd_owner;
SET ROLE regress_sd_owner;
SET search_path = sd_enable;
RESET client_min_messages;
\set QUIET off

-- deleted_at is added when missing ------------------------------------------------------------------
CREATE TABLE users (id bigint PRIMARY KEY, email text UNIQUE);
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 5) i;
SELECT account.enable_soft_delete('users');
SELECT attname, atttypid::regtype, attnotnull, atthasdef FROM pg_attribute
WHERE attrelid = 'users'::regclass AND attnum > 0 ORDER BY attnum;
DELETE FROM users WHERE id <= 2;
-- deleting twice: the second touches nothing
DELETE FROM users WHERE id <= 2;
SELECT count(*) FROM users;
SET pgaccount.show_deleted = on;
SELECT id, deleted_at IS NOT NULL AS dead FROM users ORDER BY id;
RESET pgaccount.show_deleted;
-- holds the deletion's transaction time, in one and in two transactions
BEGIN;
DELETE FROM users WHERE id = 3 RETURNING deleted_at = now() AS stamped_now;
SELECT pg_sleep(0.01);
DELETE FROM users WHERE id = 4 RETURNING deleted_at = now() AS stamped_now, deleted_at < clock_timestamp() AS before;
SET LOCAL pgaccount.show_deleted = on;
SELECT count(DISTINCT deleted_at) FROM users WHERE id IN (3, 4);
ROLLBACK;
-- deleted twice keeps the first stamp
CREATE TABLE stamp AS SELECT NULL::timestamptz AS at LIMIT 0;
SET pgaccount.show_deleted = on;
INSERT INTO stamp SELECT deleted_at FROM users WHERE id = 1;
DELETE FROM users WHERE id = 1;
SELECT deleted_at = at AS first_stamp_stays FROM users, stamp WHERE id = 1;
RESET pgaccount.show_deleted;

-- named columns that are missing are added ------------------------------------------------------------
CREATE TABLE notes (id int PRIMARY KEY, body text);
INSERT INTO notes VALUES (1, 'a'), (2, 'b');
SELECT account.enable_soft_delete('notes', deleted_at => 'gone_at', flag => 'gone', deleted_by => 'gone_by');
SELECT attname, atttypid::regtype FROM pg_attribute
WHERE attrelid = 'notes'::regclass AND attnum > 0 ORDER BY attnum;
DELETE FROM notes WHERE id = 1 RETURNING id, body, gone_at = now() AS stamped, gone, gone_by = session_user AS by_me;
SELECT id, gone_at, gone, gone_by FROM notes;

-- columns of the usual names are taken -------------------------------------------------------------------
CREATE TABLE posts (is_deleted boolean NOT NULL DEFAULT false, deleted_by text, deleted_at timestamptz, id int PRIMARY KEY);
INSERT INTO posts (id) VALUES (1), (2);
SELECT account.enable_soft_delete('posts');
DELETE FROM posts WHERE id = 1 RETURNING is_deleted, deleted_by = session_user AS by_me, deleted_at IS NOT NULL AS stamped, id;

-- is_deleted that is not boolean and was not named is left alone
CREATE TABLE odd (id int PRIMARY KEY, is_deleted integer NOT NULL DEFAULT 0, deleted_by bigint);
INSERT INTO odd VALUES (1);
SELECT account.enable_soft_delete('odd');
DELETE FROM odd RETURNING id, is_deleted, deleted_by, deleted_at IS NOT NULL AS dead;

-- deleted_by with a limited type gets what fits
CREATE TABLE short (id int PRIMARY KEY, deleted_by varchar(4));
INSERT INTO short VALUES (1);
SELECT account.enable_soft_delete('short');
DELETE FROM short RETURNING deleted_by = left(session_user, 4) AS cut;

-- deleted_by is the session's role, also under SET ROLE and SECURITY DEFINER
CREATE FUNCTION remove_post(int) RETURNS text LANGUAGE sql SECURITY DEFINER
    AS 'DELETE FROM sd_enable.posts WHERE id = $1 RETURNING deleted_by';
SELECT remove_post(2) = session_user AS session_role, current_user = session_user AS same;

-- rows already marked at enabling ----------------------------------------------------------------------
CREATE TABLE marked (id int PRIMARY KEY, is_deleted boolean, deleted_at timestamptz);
INSERT INTO marked VALUES (1, true, NULL), (2, false, NULL), (3, NULL, NULL), (4, true, '2020-01-01 UTC'), (5, false, '2021-01-01 UTC');
BEGIN;
SELECT account.enable_soft_delete('marked');
SET LOCAL pgaccount.show_deleted = on;
SELECT id, is_deleted, CASE WHEN deleted_at = now() THEN 'now' ELSE to_char(deleted_at AT TIME ZONE 'UTC', 'YYYY') END AS stamp
FROM marked ORDER BY id;
COMMIT;
SELECT id FROM marked ORDER BY id;
DELETE FROM marked;

-- flag and deleted_at are kept in step, whichever the application sets ------------------------------------
CREATE TABLE steps (id int PRIMARY KEY, deleted_at timestamptz, is_deleted boolean NOT NULL DEFAULT false);
SELECT account.enable_soft_delete('steps', hide => false);
INSERT INTO steps VALUES (1, NULL, true), (2, '2020-01-01 UTC', false), (3, NULL, false), (4, '2020-01-01 UTC', true);
INSERT INTO steps (id, deleted_at) VALUES (5, '2020-01-01 UTC');
COPY steps (id, is_deleted) FROM stdin;
6	t
7	f
\.
COPY steps (id, deleted_at) FROM stdin;
8	2020-01-01 00:00:00+00
\.
CREATE FUNCTION steps_now() RETURNS TABLE (id int, stamp text, is_deleted boolean) LANGUAGE sql
    AS $$SELECT id, CASE WHEN deleted_at >= '2025-01-01' THEN 'lately' ELSE to_char(deleted_at AT TIME ZONE 'UTC', 'YYYY') END, is_deleted FROM sd_enable.steps ORDER BY id$$;
SELECT * FROM steps_now();
-- by UPDATE
UPDATE steps SET is_deleted = true WHERE id = 3;
UPDATE steps SET is_deleted = false WHERE id = 4;
UPDATE steps SET deleted_at = NULL WHERE id = 5;
UPDATE steps SET deleted_at = '2022-01-01 UTC' WHERE id = 7;
UPDATE steps SET deleted_at = NULL, is_deleted = false WHERE id = 1;
UPDATE steps SET deleted_at = '2023-01-01 UTC', is_deleted = true WHERE id = 2;
UPDATE steps SET id = 60 WHERE id = 6;
INSERT INTO steps VALUES (8) ON CONFLICT (id) DO UPDATE SET is_deleted = false;
SELECT * FROM steps_now();
-- setting what is already so changes no stamp
UPDATE steps SET is_deleted = true WHERE id = 2;
UPDATE steps SET is_deleted = is_deleted, deleted_at = deleted_at;
SELECT * FROM steps_now() WHERE id IN (2, 3, 7);

-- also in a data-modifying CTE beside a DELETE
WITH u AS (UPDATE steps SET is_deleted = true WHERE id = 8 RETURNING id) DELETE FROM users USING u WHERE users.id = u.id - 3;
SELECT * FROM steps_now() WHERE id = 8;
-- and when a trigger of the application sets it
CREATE FUNCTION mark_negative() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.v < 0 THEN NEW.is_deleted := true; END IF; RETURN NEW; END$$;
CREATE TABLE marking (id int PRIMARY KEY, v int, deleted_at timestamptz, is_deleted boolean NOT NULL DEFAULT false);
CREATE TRIGGER mark_negative BEFORE INSERT OR UPDATE ON marking FOR EACH ROW EXECUTE FUNCTION mark_negative();
SELECT account.enable_soft_delete('marking', hide => false);
INSERT INTO marking VALUES (1, 1), (2, -2);
UPDATE marking SET v = -1 WHERE id = 1;
SELECT id, v, is_deleted, deleted_at IS NOT NULL AS stamped FROM marking ORDER BY id;

-- UPDATE triggers fire, DELETE triggers do not ------------------------------------------------------------
CREATE TABLE watched (id int PRIMARY KEY, v int DEFAULT 0, deleted_at timestamptz);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% % %', TG_WHEN, TG_OP, TG_LEVEL;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER b BEFORE UPDATE OR DELETE ON watched FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER a AFTER UPDATE OR DELETE ON watched FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER bs BEFORE UPDATE OR DELETE ON watched FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER as_ AFTER UPDATE OR DELETE ON watched FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER of_col AFTER UPDATE OF deleted_at ON watched FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER of_other AFTER UPDATE OF v ON watched FOR EACH STATEMENT EXECUTE FUNCTION tell();
INSERT INTO watched VALUES (1), (2);
SELECT account.enable_soft_delete('watched');
DELETE FROM watched WHERE id = 1;
-- transition tables are those of the UPDATE
CREATE FUNCTION tell_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'old %, new %', (SELECT string_agg(o.id || ':' || (o.deleted_at IS NOT NULL), ' ') FROM o),
        (SELECT string_agg(n.id || ':' || (n.deleted_at IS NOT NULL), ' ') FROM n);
    RETURN NULL;
END $$;
CREATE TABLE bulk (id int PRIMARY KEY);
INSERT INTO bulk VALUES (1), (2), (3);
SELECT account.enable_soft_delete('bulk');
CREATE TRIGGER t AFTER UPDATE ON bulk REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION tell_rows();
DELETE FROM bulk WHERE id > 1;

-- enabling again: with the same arguments nothing changes, with others they are replaced --------------------
CREATE TABLE triggers_before AS SELECT oid, tgname FROM pg_trigger WHERE tgrelid = 'notes'::regclass;
SELECT account.enable_soft_delete('notes', deleted_at => 'gone_at', flag => 'gone', deleted_by => 'gone_by');
SELECT count(*) AS unchanged FROM pg_trigger JOIN triggers_before USING (oid, tgname) WHERE tgrelid = 'notes'::regclass
HAVING count(*) = (SELECT count(*) FROM triggers_before);
-- the_short_call_keeps_what_was_said
SELECT account.enable_soft_delete('notes');
SELECT count(*) AS unchanged FROM pg_trigger JOIN triggers_before USING (oid, tgname) WHERE tgrelid = 'notes'::regclass
HAVING count(*) = (SELECT count(*) FROM triggers_before);
-- other_columns_revive_nobody
\set VERBOSITY default
SELECT account.enable_soft_delete('notes', deleted_at => 'other_at'); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT account.enable_soft_delete('notes', flag => 'other'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.enable_soft_delete('notes', flag => ''); -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
SELECT account.restore('notes', 1);
SELECT account.enable_soft_delete('notes', deleted_at => 'other_at');
INSERT INTO notes (id) VALUES (10);
DELETE FROM notes WHERE id = 10 RETURNING gone_at IS NULL AS not_this, gone, gone_by = session_user AS by_me, other_at = now() AS this;
-- what hides them, and who deleted them, is another matter
SELECT account.enable_soft_delete('notes', hide => false, deleted_by => '');
SELECT count(*) FROM notes WHERE other_at IS NOT NULL;
SELECT deleted_at, flag, deleted_by, hide, guard_references, on_parent_delete, children, on_reinsert FROM account.soft_delete_tables() WHERE relation = 'notes'::regclass;
-- options are kept one by one
CREATE TABLE kept (id int PRIMARY KEY, is_deleted boolean, deleted_by text);
SELECT account.enable_soft_delete('kept', flag => '', deleted_by => '', hide => false, guard_references => true, on_parent_delete => 'delete', children => true);
SELECT account.enable_soft_delete('kept', hide => true);
SELECT account.enable_soft_delete('kept', children => false);
SELECT account.enable_soft_delete('kept', on_reinsert => 'refuse');
SELECT deleted_at, flag, deleted_by, hide, guard_references, on_parent_delete, children, on_reinsert FROM account.soft_delete_tables() WHERE relation = 'kept'::regclass;
-- disabling forgets them
SELECT account.disable_soft_delete('kept');
SELECT account.enable_soft_delete('kept');
SELECT deleted_at, flag, deleted_by, hide, guard_references, on_parent_delete, children, on_reinsert FROM account.soft_delete_tables() WHERE relation = 'kept'::regclass;
-- a flag where there was none takes the deleted rows in
CREATE TABLE flagged_late (id int PRIMARY KEY);
INSERT INTO flagged_late VALUES (1), (2);
SELECT account.enable_soft_delete('flagged_late');
DELETE FROM flagged_late WHERE id = 1;
SELECT account.enable_soft_delete('flagged_late', flag => 'gone');
SELECT id, gone FROM flagged_late;
SELECT account.restore('flagged_late', 1);
SELECT id, gone FROM flagged_late ORDER BY id;
-- deletedAt is taken where it is there and fits
CREATE TABLE camel (id int PRIMARY KEY, "deletedAt" timestamptz);
CREATE TABLE camel_number (id int PRIMARY KEY, "deletedAt" bigint);
CREATE TABLE both_cases (id int PRIMARY KEY, "deletedAt" timestamptz, deleted_at timestamptz);
SELECT account.enable_soft_delete('camel'), account.enable_soft_delete('camel_number'), account.enable_soft_delete('both_cases');
SELECT relation, deleted_at FROM account.soft_delete_tables() WHERE relation IN ('camel'::regclass, 'camel_number'::regclass, 'both_cases'::regclass) ORDER BY 1;
-- children_follow_their_new_parent: they take its columns over, and go with their other parents
CREATE TABLE tops (id int PRIMARY KEY, removed boolean NOT NULL DEFAULT false);
CREATE TABLE others (id int PRIMARY KEY);
CREATE TABLE mids (id int PRIMARY KEY, top int REFERENCES tops ON DELETE CASCADE, other int REFERENCES others ON DELETE CASCADE);
CREATE TABLE ends (id int PRIMARY KEY, mid int REFERENCES mids ON DELETE CASCADE, removed boolean NOT NULL DEFAULT false);
CREATE TABLE own (id int PRIMARY KEY, top int REFERENCES tops ON DELETE CASCADE);
SELECT account.enable_soft_delete('own', deleted_at => 'own_at');
SELECT account.enable_soft_delete('tops', deleted_at => 'gone_at', flag => 'removed', hide => false, children => true);
SELECT relation, deleted_at, flag, hide, on_parent_delete, children FROM account.soft_delete_tables()
WHERE relation::text IN ('tops', 'mids', 'ends') ORDER BY 1;
SELECT relation, deleted_at, flag, hide, on_parent_delete, children FROM account.soft_delete_tables() WHERE relation = 'own'::regclass;
CREATE TABLE mores (id int PRIMARY KEY, mid int REFERENCES mids ON DELETE CASCADE);
SELECT account.enable_soft_delete('tops');
SELECT relation, deleted_at, flag, hide, on_parent_delete, children FROM account.soft_delete_tables() WHERE relation = 'mores'::regclass;
INSERT INTO others VALUES (1), (2);
INSERT INTO mids VALUES (1, NULL, 1);
DELETE FROM others WHERE id = 1;
SELECT count(*) FROM mids;
SELECT account.enable_soft_delete('mids', on_parent_delete => 'refuse');
SELECT account.enable_soft_delete('tops');
INSERT INTO mids VALUES (2, NULL, 2);
\set VERBOSITY terse
DELETE FROM others WHERE id = 2; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default

-- a renamed column is followed, also by prepared statements and functions -----------------------------------
-- mapped_column_renamed_delete_stays_soft
CREATE TABLE renamed (id int PRIMARY KEY, deleted_at timestamptz, is_deleted boolean DEFAULT false, deleted_by text);
INSERT INTO renamed SELECT generate_series(1, 5);
SELECT account.enable_soft_delete('renamed');
PREPARE remove_renamed(int) AS DELETE FROM renamed WHERE id = $1;
EXECUTE remove_renamed(1);
ALTER TABLE renamed RENAME deleted_at TO "Removed At";
ALTER TABLE renamed RENAME is_deleted TO removed;
ALTER TABLE renamed RENAME deleted_by TO "deleted_at";
EXECUTE remove_renamed(2);
DELETE FROM renamed WHERE id = 3 RETURNING id, "Removed At" = now() AS stamped, removed, "deleted_at" = session_user AS by_me;
ALTER TABLE renamed RENAME TO "Renamed table";
DELETE FROM "Renamed table" WHERE id = 4;
SELECT id FROM "Renamed table";
SET pgaccount.show_deleted = on;
SELECT count(*) FROM "Renamed table" WHERE "Removed At" IS NOT NULL AND removed;
RESET pgaccount.show_deleted;
DEALLOCATE remove_renamed;
-- the application's setting of the renamed flag is still followed
UPDATE "Renamed table" SET removed = true WHERE id = 5;
SELECT id FROM "Renamed table";

-- mapped_column_dropped_is_refused
CREATE TABLE dropped (id int PRIMARY KEY, deleted_at timestamptz, is_deleted boolean DEFAULT false, deleted_by text);
INSERT INTO dropped (id) VALUES (1), (2), (3);
SELECT account.enable_soft_delete('dropped');
\set VERBOSITY terse
ALTER TABLE dropped DROP COLUMN deleted_at; -- fails
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE dropped DROP COLUMN is_deleted; -- fails
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE dropped DROP COLUMN deleted_by; -- fails
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE dropped ALTER COLUMN deleted_at TYPE text; -- fails
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE dropped ALTER COLUMN deleted_at TYPE timestamp; -- fails
\echo :LAST_ERROR_SQLSTATE
DELETE FROM dropped WHERE id = 1;
SELECT count(*) FROM dropped;
\set VERBOSITY default
-- CASCADE says what it does
ALTER TABLE dropped DROP COLUMN deleted_by CASCADE;
DELETE FROM dropped WHERE id = 2;
SELECT id, is_deleted FROM dropped ORDER BY id;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'dropped'::regclass AND tgname ~ 'account';
-- so does dropping the trigger; dropping the table says nothing
CREATE TABLE untriggered (id int PRIMARY KEY);
INSERT INTO untriggered VALUES (1);
SELECT account.enable_soft_delete('untriggered');
DO $$
DECLARE name text;
BEGIN
    SELECT tgname INTO STRICT name FROM pg_trigger WHERE tgrelid = 'sd_enable.untriggered'::regclass AND tgfoid = 'account.soft_delete'::regproc;
    EXECUTE format('DROP TRIGGER %I ON sd_enable.untriggered', name);
END $$;
DELETE FROM untriggered;
SELECT count(*) FROM untriggered;
SELECT account.enable_soft_delete('untriggered');
DROP TABLE untriggered;
-- other columns come and go
CREATE TABLE other_columns (junk int, id int PRIMARY KEY, more text);
INSERT INTO other_columns VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z');
SELECT account.enable_soft_delete('other_columns');
ALTER TABLE other_columns DROP COLUMN junk;
DELETE FROM other_columns WHERE id = 1 RETURNING *, deleted_at = now() AS stamped \gset
\echo :id :more :stamped
ALTER TABLE other_columns ADD COLUMN extra int NOT NULL DEFAULT 7, ALTER more TYPE varchar(30), ALTER id TYPE bigint;
DELETE FROM other_columns WHERE id = 2 RETURNING id, more, extra, deleted_at = now() AS stamped;
SELECT id, more, extra FROM other_columns;

-- a generated column over deleted_at is right ----------------------------------------------------------------
CREATE TABLE generated (id int PRIMARY KEY, deleted_at timestamptz, alive boolean GENERATED ALWAYS AS (deleted_at IS NULL) STORED,
    live_id int GENERATED ALWAYS AS (CASE WHEN deleted_at IS NULL THEN id END) STORED UNIQUE);
INSERT INTO generated (id) VALUES (1), (2);
SELECT account.enable_soft_delete('generated');
DELETE FROM generated WHERE id = 1 RETURNING id, alive, live_id;
SET pgaccount.show_deleted = on;
SELECT id, alive, live_id FROM generated ORDER BY id;
RESET pgaccount.show_deleted;

-- identity, domains, wide rows, no primary key ----------------------------------------------------------------
CREATE TABLE no_key (a int, b text);
INSERT INTO no_key VALUES (1, 'x'), (1, 'x'), (2, NULL);
SELECT account.enable_soft_delete('no_key');
DELETE FROM no_key WHERE a = 1;
SELECT * FROM no_key WHERE deleted_at IS NULL;
DELETE FROM no_key WHERE ctid = (SELECT ctid FROM no_key LIMIT 1);
SELECT count(*) FROM no_key;
CREATE TABLE wide (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text, doc jsonb);
ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;
INSERT INTO wide (body, doc) VALUES (repeat('x', 100000), jsonb_build_object('a', repeat('y', 100000)));
SELECT account.enable_soft_delete('wide');
DELETE FROM wide RETURNING length(body), length(doc ->> 'a');
-- CHECK constraints are checked as by an UPDATE
CREATE TABLE checked (id int PRIMARY KEY, deleted_at timestamptz, locked boolean, CHECK (NOT locked OR deleted_at IS NULL));
INSERT INTO checked VALUES (1, NULL, true), (2, NULL, false);
SELECT account.enable_soft_delete('checked');
DELETE FROM checked WHERE id = 2;
\set VERBOSITY terse
DELETE FROM checked WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default

-- names with capitals, spaces, quotes and other alphabets --------------------------------------------------------
CREATE TABLE "Odd ""schema"""."User's table" ("Id" int PRIMARY KEY, "Naïve ключ" text, "Deleted At" timestamptz);
INSERT INTO "Odd ""schema"""."User's table" VALUES (1, 'a'), (2, 'b');
SELECT account.enable_soft_delete('"Odd ""schema"""."User''s table"', deleted_at => 'Deleted At', flag => 'Is "gone"?', deleted_by => 'удалил');
DELETE FROM "Odd ""schema"""."User's table" WHERE "Id" = 1 RETURNING "Id", "Naïve ключ", "Deleted At" = now() AS stamped, "Is ""gone""?", "удалил" = session_user AS by_me;
SELECT "Id" FROM "Odd ""schema"""."User's table";
UPDATE "Odd ""schema"""."User's table" SET "Is ""gone""?" = true;
SELECT count(*) FROM "Odd ""schema"""."User's table";
SELECT account.disable_soft_delete('"Odd ""schema"""."User''s table"');
DELETE FROM "Odd ""schema"""."User's table";

-- disabling -------------------------------------------------------------------------------------------------------
SELECT account.disable_soft_delete('users');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'users'::regclass AND NOT tgisinternal;
-- columns and deleted rows stay
SELECT id, deleted_at IS NOT NULL AS dead FROM users ORDER BY id;
DELETE FROM users WHERE id <= 3;
SELECT id FROM users ORDER BY id;
-- harmless where there is none
SELECT account.disable_soft_delete('users');
-- and back: rows deleted before are deleted still
SELECT account.enable_soft_delete('users');
DELETE FROM users WHERE id = 4;
SELECT id FROM users ORDER BY id;
TRUNCATE users; -- fails
\echo :LAST_ERROR_SQLSTATE

-- enabling and using it in one transaction; rolled back, nothing stays ---------------------------------------------
CREATE TABLE one_tx (id int PRIMARY KEY);
INSERT INTO one_tx VALUES (1), (2);
BEGIN;
SELECT account.enable_soft_delete('one_tx');
DELETE FROM one_tx WHERE id = 1;
SELECT id FROM one_tx;
ROLLBACK;
SELECT * FROM one_tx;
DELETE FROM one_tx WHERE id = 1;
SELECT * FROM one_tx;
BEGIN;
SAVEPOINT s;
SELECT account.enable_soft_delete('one_tx');
ROLLBACK TO s;
DELETE FROM one_tx;
SELECT * FROM one_tx;
ROLLBACK;

\set QUIET on
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd_enable, "Odd ""schema""" CASCADE;
DROP OWNED BY regress_sd_owner;
DROP ROLE regress_sd_owner;
