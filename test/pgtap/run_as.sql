-- The gate: code of a table's owner runs as that owner, under the owner's own search_path, or the call is refused.
\set ON_ERROR_STOP true
BEGIN;
SELECT no_plan();
CREATE ROLE tap_owner;
CREATE ROLE tap_other;
CREATE ROLE tap_caller;
CREATE SCHEMA s;
GRANT USAGE, CREATE ON SCHEMA s TO tap_owner, tap_other;
GRANT USAGE ON SCHEMA s TO tap_caller;
CREATE TABLE s.ran (who name, path text, what text);
CREATE SEQUENCE s.calls;
GRANT ALL ON SEQUENCE s.calls TO PUBLIC;
GRANT INSERT, SELECT, DELETE ON s.ran TO PUBLIC;
CREATE FUNCTION s.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO s.ran VALUES (current_user, current_setting('search_path'), TG_NAME || ' ' || TG_OP);
    PERFORM set_config('work_mem', '77MB', false);
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
-- what ran, and as whom; once
CREATE FUNCTION ran() RETURNS text LANGUAGE sql AS $$
    WITH d AS (DELETE FROM s.ran RETURNING who, path, what) SELECT coalesce(string_agg(DISTINCT format('%s: %s (%s)', what, who, path), ', ' ORDER BY format('%s: %s (%s)', what, who, path)), '') FROM d $$;

-- each place where a role's search_path may be set, from the weakest to the strongest; pg_temp is last in all
SET LOCAL ROLE tap_owner;
CREATE TABLE s.t (id int PRIMARY KEY, v int, deleted_at timestamptz);
CREATE TRIGGER note BEFORE UPDATE ON s.t FOR EACH ROW EXECUTE FUNCTION s.note();
GRANT SELECT, UPDATE, DELETE ON s.t TO tap_caller;
INSERT INTO s.t VALUES (1, 1, now()), (2, 2, now()), (3, 3, now()), (4, 4, now()), (5, 5, now());
SELECT account.enable_soft_delete('s.t') \g /dev/null
RESET ROLE;
SELECT ran() \g /dev/null
SET LOCAL search_path = s, pg_catalog, public;
SET LOCAL ROLE tap_caller;
SELECT is(account.restore('s.t', 1), 1::bigint, 'a caller restores');
SELECT is(public.ran(), 'note UPDATE: tap_owner ("$user", public, pg_temp)', 'the owner''s trigger runs as the owner, under the path of a new session');
RESET ROLE;
SELECT isnt(current_setting('work_mem'), '77MB', 'what it sets ends with the call');
RESET search_path;
DROP TABLE s.t;
DELETE FROM s.ran;

-- a path that somebody set for the owner alone in this database, quoted names and a pg_temp first among them
SELECT format('ALTER ROLE tap_owner IN DATABASE %I SET search_path = pg_temp, "Sch%%ema", s', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET search_path = in_database', current_database()) \gexec
ALTER ROLE tap_owner SET search_path = of_role;
SET LOCAL ROLE tap_owner;
CREATE TABLE s.t (id int PRIMARY KEY, v int);
CREATE TABLE s.child (id int PRIMARY KEY, t int REFERENCES s.t ON DELETE CASCADE);
CREATE TRIGGER note BEFORE DELETE ON s.child FOR EACH ROW EXECUTE FUNCTION s.note();
INSERT INTO s.t VALUES (1), (2); INSERT INTO s.child VALUES (1, 1), (2, 2);
GRANT SELECT, DELETE ON s.t, s.child TO tap_caller;
SET LOCAL ROLE tap_caller;
SELECT is((SELECT sum(rows) FROM account.cleanup('s.t', 1)), 2::numeric, 'a caller cleans up');
RESET ROLE;
SELECT is((SELECT string_agg(who || ' ' || path, ',') FROM s.ran), 'tap_owner "Sch%ema", s, pg_temp', 'the owner''s setting in the database comes first, pg_temp last');

-- a cycle of two owners: each table is written as its own
DELETE FROM s.ran;
SET LOCAL ROLE tap_owner;
CREATE TABLE s.a (id int PRIMARY KEY, b int);
GRANT REFERENCES ON s.a TO tap_other;
SET LOCAL ROLE tap_other;
CREATE TABLE s.b (id int PRIMARY KEY, a int REFERENCES s.a ON DELETE CASCADE);
GRANT REFERENCES, SELECT ON s.b TO tap_owner;
SET LOCAL ROLE tap_owner;
ALTER TABLE s.a ADD FOREIGN KEY (b) REFERENCES s.b ON DELETE CASCADE;
INSERT INTO s.a VALUES (1, NULL);
RESET ROLE;
INSERT INTO s.b VALUES (1, 1); UPDATE s.a SET b = 1;
GRANT SELECT, DELETE ON s.a, s.b TO tap_caller;
CREATE TRIGGER note BEFORE DELETE ON s.b FOR EACH ROW EXECUTE FUNCTION s.note();
SET LOCAL ROLE tap_caller;
SELECT is((SELECT sum(rows) FROM account.cleanup('s.a', 1)), 2::numeric, 'a cycle of two owners is removed');
RESET ROLE;
SELECT is((SELECT string_agg(who, ',') FROM s.ran), 'tap_other', 'a trigger within it runs as the owner of its table');

-- deferred triggers of the same name, of two owners
DELETE FROM s.ran;
CREATE CONSTRAINT TRIGGER later AFTER DELETE ON s.child DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION s.note();
CREATE CONSTRAINT TRIGGER later AFTER DELETE ON s.b DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION s.note();
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.cleanup('s.t', 2)$$), '55000', 'a deferred trigger that cannot be fired alone is refused');
RESET ROLE;
ALTER TABLE s.b OWNER TO tap_owner;
SET LOCAL ROLE tap_caller;
SELECT is((SELECT sum(rows) FROM account.cleanup('s.t', 2)), 2::numeric, 'of one owner both may fire');
RESET ROLE;
SELECT is((SELECT string_agg(DISTINCT who || ' ' || what, ', ' ORDER BY who || ' ' || what) FROM s.ran), 'tap_owner later DELETE, tap_owner note DELETE', 'it fired within the call, as the owner');

-- a partition of another owner: its own triggers run as that owner, rows routed to it are refused
SET LOCAL ROLE tap_owner;
CREATE TABLE s.part (id int, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE s.part_1 PARTITION OF s.part FOR VALUES IN (1);
CREATE TABLE s.part_2 PARTITION OF s.part FOR VALUES IN (2);
SELECT account.enable_soft_delete('s.part') \g /dev/null
INSERT INTO s.part VALUES (1, now()), (2, now());
RESET ROLE;
ALTER TABLE s.part_2 OWNER TO tap_other;
CREATE TRIGGER own BEFORE UPDATE ON s.part_2 FOR EACH ROW EXECUTE FUNCTION s.note();
CREATE TRIGGER own BEFORE UPDATE ON s.part_1 FOR EACH ROW EXECUTE FUNCTION s.note();
DELETE FROM s.ran;
GRANT SELECT, UPDATE, INSERT ON s.part TO tap_caller;
ALTER TABLE s.part ADD PRIMARY KEY (id);
SET LOCAL ROLE tap_caller;
SELECT is(account.restore('s.part', ARRAY[1, 2]), 2::bigint, 'rows of both partitions are restored');
RESET ROLE;
SELECT is((SELECT string_agg(who, ', ' ORDER BY who) FROM s.ran), 'tap_other, tap_owner', 'each trigger ran as the owner of its partition');

-- row security: the caller's policies judge, the owner acts
SET LOCAL ROLE tap_owner;
CREATE TABLE s.mine (id int PRIMARY KEY, who name, deleted_at timestamptz);
CREATE TRIGGER note BEFORE UPDATE ON s.mine FOR EACH ROW EXECUTE FUNCTION s.note();
SELECT account.enable_soft_delete('s.mine') \g /dev/null
INSERT INTO s.mine VALUES (1, 'tap_caller', now()), (2, 'tap_other', now()), (3, 'tap_caller', now());
ALTER TABLE s.mine ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON s.mine FOR SELECT USING (true);
CREATE POLICY own ON s.mine FOR UPDATE USING (who = current_user) WITH CHECK (who = current_user AND id <> 3);
GRANT SELECT, UPDATE ON s.mine TO tap_caller, tap_other;
RESET ROLE;
DELETE FROM s.ran;
SET LOCAL ROLE tap_caller;
SELECT is(account.restore('s.mine', ARRAY[1, 2]), 1::bigint, 'a policy over current_user lets the caller restore its own row alone');
SELECT is(public.state_of($$SELECT account.restore('s.mine', 3)$$), '42501', 'and its WITH CHECK is asked as the caller');
RESET ROLE;
SELECT is((SELECT string_agg(DISTINCT who, ', ') FROM s.ran), 'tap_owner', 'the triggers ran as the owner');

-- keys of a type that the caller has made, whose casts are somebody's code
CREATE FUNCTION s.cast_ran(what text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO s.ran VALUES (current_user, '', what); RETURN 1; END $$;
SET LOCAL ROLE tap_owner;
CREATE TABLE s.keyed (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('s.keyed') \g /dev/null
INSERT INTO s.keyed VALUES (1, now()), (2, NULL);
GRANT SELECT, UPDATE ON s.keyed TO tap_other;
CREATE TYPE s.of_owner AS ENUM ('1');
CREATE FUNCTION s.as_int(s.of_owner) RETURNS int LANGUAGE sql AS $$ SELECT s.cast_ran('of_owner') $$;
CREATE CAST (s.of_owner AS int) WITH FUNCTION s.as_int(s.of_owner);
SET LOCAL ROLE tap_other;
CREATE TYPE s.of_other AS (n int);
CREATE FUNCTION s.as_int(s.of_other) RETURNS int LANGUAGE sql AS $$ SELECT s.cast_ran('of_other') $$;
CREATE CAST (s.of_other AS int) WITH FUNCTION s.as_int(s.of_other);
RESET ROLE;
DELETE FROM s.ran;
SET LOCAL ROLE tap_other;
SELECT is(account.is_deleted('s.keyed', '(1)'::s.of_other), true, 'a key of a type with a cast of the caller''s');
SELECT is(account.restore('s.keyed', ARRAY['(1)', '(2)']::s.of_other[]), 1::bigint, 'an array of such');
RESET ROLE;
SELECT is(ran(), 'of_other: tap_other ()', 'its cast ran as the caller, not as the owner of the table');
SET LOCAL ROLE tap_other;
SELECT is(account.is_deleted('s.keyed', '1'::s.of_owner), false, 'one with a cast of the table''s owner');
RESET ROLE;
SELECT is(ran(), 'of_owner: tap_owner ()', 'runs it as that owner');
GRANT SELECT ON s.keyed TO tap_caller;
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.is_deleted('s.keyed', '(1)'::s.of_other)$$), '22023', 'one with a cast of a third role is no key');
SELECT is(public.state_of($$SELECT account.is_deleted('s.keyed', ARRAY['(1)']::s.of_other[])$$), '22023', 'nor are several');
RESET ROLE;
ALTER TABLE s.keyed DROP CONSTRAINT keyed_pkey;
ALTER TABLE s.keyed ALTER id TYPE s.of_other USING row(id)::s.of_other;
ALTER TABLE s.keyed ADD PRIMARY KEY (id);
SET LOCAL ROLE tap_other;
CREATE FUNCTION s.of_text(text) RETURNS s.of_other LANGUAGE sql AS $$ SELECT row(s.cast_ran('text'))::s.of_other $$;
CREATE CAST (text AS s.of_other) WITH FUNCTION s.of_text(text);
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.is_deleted('s.keyed', '(1)')$$), '22023', 'nor is a text where the key''s type has such a cast');
RESET ROLE;
SELECT is(ran(), '', 'and nothing of it runs');

-- tables of two owners in one statement, one of which has keys that are cast to text by a function of its owner
SET LOCAL ROLE tap_other;
CREATE TYPE s.tenant_no AS ENUM ('1');
CREATE FUNCTION s.as_text(s.tenant_no) RETURNS text LANGUAGE sql AS $$ SELECT s.cast_ran('tenant_no')::text $$;
CREATE CAST (s.tenant_no AS text) WITH FUNCTION s.as_text(s.tenant_no) AS ASSIGNMENT;
CREATE TABLE s.tenants (id s.tenant_no PRIMARY KEY, slug text);
INSERT INTO s.tenants VALUES ('1', 'acme');
GRANT SELECT ON s.tenants TO tap_owner;
SET LOCAL ROLE tap_owner;
CREATE TABLE s.users (id int PRIMARY KEY, email text UNIQUE, tenant_id int);
INSERT INTO s.users VALUES (1, 'a@x.org', 1);
RESET ROLE;
SELECT count(*) FROM account.use_tables('s.users', tenants => 's.tenants') \g /dev/null
DELETE FROM s.ran;
SELECT is(state_of($$SELECT account.act_as('1')$$), '42846', 'users are not read by a cast of who owns the tenants');
SELECT is(ran(), '', 'which does not run as the owner of the users');

-- a rule of the mapping compares the text of a column, which rows give without a statement, too
SET LOCAL ROLE tap_owner;
CREATE TYPE s.status AS ENUM ('active', 'banned');
CREATE FUNCTION s.as_text(s.status) RETURNS text LANGUAGE sql AS $$ SELECT CASE s.cast_ran('status') WHEN 1 THEN 'active' END $$;
CREATE CAST (s.status AS text) WITH FUNCTION s.as_text(s.status) AS ASSIGNMENT;
CREATE TABLE s.people (id int PRIMARY KEY, email text UNIQUE, status s.status);
INSERT INTO s.people VALUES (1, 'a@x.org', 'active');
RESET ROLE;
SELECT count(*) FROM account.use_tables('s.people', columns => '{"users": {"is_active": {"column": "status", "in": ["active"]}}}') \g /dev/null
DELETE FROM s.ran;
SELECT is(state_of($$SELECT account.act_as('1')$$), 'no error', 'a user is read whose status is cast to text');
SELECT is(ran(), 'status: tap_owner ()', 'the cast runs as the owner of the users, not as who asks for them');
UPDATE s.people SET status = 'banned';
SELECT is(ran(), 'status: tap_owner ()', 'nor as who changes them');
ALTER FUNCTION s.as_text(s.status) OWNER TO tap_other;
SELECT is(state_of($$SELECT account.act_as('1')$$), '42846', 'one of a third role is refused');
SELECT is(state_of($$UPDATE s.people SET status = 'active'$$), '42846', 'in what follows a statement as well');
SELECT is(ran(), '', 'and runs as nobody');

-- tables of two owners in one statement, one of which has policies
SET LOCAL ROLE tap_other;
CREATE FUNCTION s.lets_see(int) RETURNS boolean LANGUAGE sql AS $$ SELECT s.cast_ran('policy') = 1 $$;
CREATE TABLE s.firms (id int PRIMARY KEY, slug text UNIQUE);
INSERT INTO s.firms VALUES (1, 'acme');
ALTER TABLE s.firms ENABLE ROW LEVEL SECURITY;
CREATE POLICY lets_see ON s.firms USING (s.lets_see(id));
GRANT SELECT ON s.firms TO tap_owner;
SET LOCAL ROLE tap_owner;
CREATE TABLE s.accounts (id int PRIMARY KEY, email text UNIQUE, tenant_id int);
INSERT INTO s.accounts VALUES (1, 'a@x.org', 1);
RESET ROLE;
SELECT count(*) FROM account.use_tables('s.accounts', tenants => 's.firms') \g /dev/null
DELETE FROM s.ran;
SELECT is(state_of($$SELECT account.act_as('1')$$), '55000', 'users are not read by a policy of who owns the tenants');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA account TO tap_owner;
SET LOCAL ROLE tap_owner;
SELECT is(public.state_of($$SELECT account.act_as('1')$$), '55000', 'nor where the owner of the users asks');
RESET ROLE;
SELECT is(ran(), '', 'which does not run as the owner of the users');
SET LOCAL ROLE tap_other;
DROP POLICY lets_see ON s.firms;
CREATE POLICY lets_see ON s.firms USING (id = 1 AND (SELECT count(*) < 9 FROM s.ran));
RESET ROLE;
SELECT is(state_of($$SELECT account.act_as('1')$$), 'no error', 'one that calls the functions of superusers alone is asked');

-- nor one that has the server's functions do what it says, or that checks a domain
SET LOCAL ROLE tap_other;
CREATE DOMAIN s.checked AS int CHECK (s.lets_see(VALUE));
DROP POLICY lets_see ON s.firms;
CREATE POLICY lets_see ON s.firms USING (id::s.checked = 1);
RESET ROLE;
SELECT is(state_of($$SELECT account.act_as('1')$$), '55000', 'one that checks a domain of who owns the tenants is not');
SET LOCAL ROLE tap_other;
DROP POLICY lets_see ON s.firms;
CREATE POLICY lets_see ON s.firms USING (query_to_xml('SELECT s.lets_see(1)', true, true, '') IS NOT NULL);
RESET ROLE;
SELECT is(state_of($$SELECT account.act_as('1')$$), '55000', 'nor one that hands a text to who runs it');
SET LOCAL ROLE tap_other;
DROP POLICY lets_see ON s.firms;
CREATE POLICY lets_see ON s.firms USING (nextval('s.calls') > 0);
RESET ROLE;
SELECT is(state_of($$SELECT account.act_as('1')$$), '55000', 'nor one that changes what it names');
SELECT is(ran(), '', 'and nothing of it runs as the owner of the users');
SET LOCAL ROLE tap_other;
DROP POLICY lets_see ON s.firms;
CREATE POLICY lets_see ON s.firms USING (current_setting('role') IS NOT NULL AND account.uid() IS NULL AND NOT account.has_module('x'));
RESET ROLE;
SELECT is(state_of($$SELECT account.act_as('1')$$), 'no error', 'one that asks for settings and the identity is asked');

-- what becomes JSON is cast to it, where somebody has made such a cast
SET LOCAL ROLE tap_other;
CREATE TYPE s.mood AS ENUM ('well');
CREATE FUNCTION s.as_json(s.mood) RETURNS json LANGUAGE sql AS $$ SELECT to_json(s.cast_ran('json')) $$;
CREATE CAST (s.mood AS json) WITH FUNCTION s.as_json(s.mood);
CREATE TYPE s.moods AS (all_of s.mood[]);
SET LOCAL ROLE tap_owner;
ALTER TABLE s.accounts ADD moods s.moods DEFAULT row(ARRAY['well']::s.mood[])::s.moods;
RESET ROLE;
SELECT account.act_as('1') \g /dev/null
DELETE FROM s.ran;
SELECT is(state_of($$SELECT account.export_user('1')$$), '42846', 'an export is cast by nobody but superusers and the owner of the table');
SELECT is(ran(), '', 'and so the cast of a third role does not run');
ALTER FUNCTION s.as_json(s.mood) OWNER TO tap_owner;
SELECT is(account.export_user('1') -> 's.accounts' -> 0 -> 'moods', '{"all_of": [1]}', 'that of the owner does');
SELECT is(ran(), 'json: tap_owner ()', 'as it');

-- an operator that fits a domain better than that of its type, in a schema in which others may create
CREATE EXTENSION citext SCHEMA s;
SET LOCAL ROLE tap_owner;
CREATE DOMAIN s.mail AS s.citext;
CREATE TABLE s.mails (id s.mail PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('s.mails') \g /dev/null
INSERT INTO s.mails VALUES ('a@x.org', now());
RESET ROLE;
SELECT is(account.is_deleted('s.mails', 'A@x.org'), true, 'a key is compared by the operator of its type');
SET LOCAL ROLE tap_other;
CREATE FUNCTION s.same(s.mail, s.citext) RETURNS boolean LANGUAGE sql AS $$ SELECT s.cast_ran('operator') = 1 $$;
CREATE OPERATOR s.= (LEFTARG = s.mail, RIGHTARG = s.citext, FUNCTION = s.same);
RESET ROLE;
DELETE FROM s.ran;
SELECT is(state_of($$SELECT account.is_deleted('s.mails', 'a@x.org')$$), '55000', 'and by no other');
SELECT is(state_of($$SELECT account.restore('s.mails', 'a@x.org')$$), '55000', 'whatever is asked');
SELECT is(ran(), '', 'which does not run as the owner of the table');

-- temporary tables and views of the session, which an owner's code finds where it means to make its own
SET LOCAL ROLE tap_owner;
CREATE TABLE s.staged (id int PRIMARY KEY, deleted_at timestamptz);
CREATE FUNCTION s.stage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE IF NOT EXISTS stage (id int);
    INSERT INTO stage VALUES (NEW.id);
    RETURN NEW;
END $$;
CREATE FUNCTION s.unstage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE stage; RETURN NEW; END $$;
CREATE TRIGGER stage BEFORE UPDATE ON s.staged FOR EACH ROW EXECUTE FUNCTION s.stage();
SELECT account.enable_soft_delete('s.staged') \g /dev/null
INSERT INTO s.staged VALUES (1, now());
GRANT SELECT, UPDATE ON s.staged TO tap_caller;
RESET ROLE;
GRANT CREATE ON SCHEMA s TO tap_caller;
SELECT format('GRANT TEMPORARY ON DATABASE %I TO tap_caller', current_database()) \gexec
SET LOCAL ROLE tap_caller;
CREATE TEMP TABLE stage (id int);
CREATE FUNCTION s.on_stage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM s.cast_ran('stage'); RETURN NULL; END $$;
CREATE TRIGGER on_stage AFTER INSERT ON stage FOR EACH ROW EXECUTE FUNCTION s.on_stage();
CREATE TRIGGER on_truncate AFTER TRUNCATE ON stage EXECUTE FUNCTION s.on_stage();
GRANT ALL ON stage TO tap_owner;
SELECT is(public.state_of($$SELECT account.restore('s.staged', 1)$$), '42501', 'an owner''s trigger does not write a temporary table of the caller''s');
RESET ROLE;
DROP TRIGGER stage ON s.staged;
CREATE TRIGGER stage BEFORE UPDATE ON s.staged FOR EACH ROW EXECUTE FUNCTION s.unstage();
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.restore('s.staged', 1)$$), '42501', 'nor does it empty one');
RESET ROLE;
SELECT is(ran(), '', 'so that the triggers of it do not run as the owner');

-- a function of an index finds what it calls by its owner's search_path, also where keys that are taken are looked up
ALTER ROLE tap_owner SET search_path = s;
SET LOCAL ROLE tap_owner;
CREATE FUNCTION s.plain(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.lower($1) $$;
CREATE FUNCTION s.folded(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN plain($1); END $$;
CREATE TABLE s.named (id int PRIMARY KEY, name text, deleted_at timestamptz);
SELECT account.enable_soft_delete('s.named') \g /dev/null
SET LOCAL search_path = s;
CREATE UNIQUE INDEX named_folded ON named (folded(name)) WHERE deleted_at IS NULL;
INSERT INTO named VALUES (1, 'A', now()), (2, 'a', NULL);
GRANT SELECT, UPDATE ON named TO tap_caller;
RESET ROLE;
RESET search_path;
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.restore('s.named', 1)$$), '23505', 'keys that are taken are looked up under the path of their table''s owner');
RESET ROLE;
ALTER ROLE tap_owner RESET search_path;

-- a rule that has a statement write another table, whose owner has triggers on it
CREATE TABLE s.settings (id int PRIMARY KEY, v text);
INSERT INTO s.settings VALUES (1, 'x'), (2, 'x');
CREATE TRIGGER audit BEFORE UPDATE OR DELETE ON s.settings FOR EACH ROW EXECUTE FUNCTION s.note();
GRANT SELECT, UPDATE, DELETE ON s.settings TO tap_owner;
SET LOCAL ROLE tap_owner;
CREATE TABLE s.ruled (id int PRIMARY KEY, parent int, deleted_at timestamptz);
CREATE TABLE s.follows (id int PRIMARY KEY, parent int REFERENCES s.ruled ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete('s.ruled'), account.enable_soft_delete('s.follows') \g /dev/null
INSERT INTO s.ruled VALUES (1, NULL, NULL), (2, NULL, now());
INSERT INTO s.follows VALUES (1, 1, NULL);
CREATE RULE redirected AS ON UPDATE TO s.ruled DO INSTEAD UPDATE s.settings SET v = s.cast_ran('rule')::text WHERE id = NEW.id;
CREATE RULE redirected AS ON UPDATE TO s.follows DO INSTEAD UPDATE s.settings SET v = s.cast_ran('rule')::text WHERE id = NEW.id;
SELECT is(public.state_of($$SELECT account.restore('s.ruled', 2)$$), '55000', 'a statement of ours writes no other table, whatever a rule says');
DROP RULE redirected ON s.ruled;
SELECT is(public.state_of($$DELETE FROM s.ruled$$), '55000', 'nor does what follows one');
CREATE RULE also_redirected AS ON DELETE TO s.follows DO INSTEAD DELETE FROM s.settings WHERE id = OLD.id AND s.cast_ran('rule') = 1;
SELECT is(public.state_of($$SELECT account.cleanup('s.ruled', 1, true)$$), '55000', 'nor a removal');
RESET ROLE;
SELECT is(ran(), '', 'so that the rule does not run as the owner of the other table');

-- large objects that the session has opened
CREATE FUNCTION s.peek() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO s.ran VALUES (current_user, '', encode(loread(0, 100), 'escape')); RETURN NEW; END $$;
DROP TRIGGER stage ON s.staged;
SET LOCAL ROLE tap_owner;
CREATE TRIGGER peek BEFORE UPDATE ON s.staged FOR EACH ROW EXECUTE FUNCTION s.peek();
RESET ROLE;
SELECT lo_open(lo_from_bytea(0, 'secret'), x'60000'::int) \g /dev/null
SET LOCAL ROLE tap_caller;
SELECT is(public.state_of($$SELECT account.restore('s.staged', 1)$$), '42501', 'an owner''s trigger does not read a large object of the session''s');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
