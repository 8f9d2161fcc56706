-- Ordered cleanup: what goes, what stays, what refuses. As an unprivileged role that owns its tables.
SET client_min_messages = warning;
CREATE ROLE regress_cl_owner;
CREATE ROLE regress_cl_clerk;
CREATE SCHEMA cl AUTHORIZATION regress_cl_owner;
GRANT USAGE ON SCHEMA cl TO regress_cl_clerk;
SET ROLE regress_cl_owner;
SET search_path = cl;
\set SHOW_CONTEXT never

-- restrict_key_within_the_set_does_not_block --------------------------------------------------------------------
CREATE TABLE org (id int PRIMARY KEY, name text UNIQUE);
CREATE TABLE users (id int PRIMARY KEY, org int NOT NULL REFERENCES org ON DELETE CASCADE, boss int REFERENCES users);
CREATE TABLE clients (id int PRIMARY KEY, org int REFERENCES org ON DELETE CASCADE, owner int REFERENCES users ON DELETE RESTRICT);
CREATE TABLE deals (id int PRIMARY KEY, client int REFERENCES clients ON DELETE CASCADE, by int REFERENCES users ON DELETE RESTRICT);
CREATE TABLE logs (id int PRIMARY KEY, who int REFERENCES users ON DELETE SET NULL, org int DEFAULT 0 REFERENCES org ON DELETE SET DEFAULT);
INSERT INTO org VALUES (0, 'none'), (1, 'Acme'), (2, 'Other');
INSERT INTO users VALUES (1, 1, NULL), (2, 1, 1), (3, 2, NULL);
INSERT INTO clients VALUES (1, 1, 2), (2, 2, 3);
INSERT INTO deals VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3);
INSERT INTO logs VALUES (1, 1, 1), (2, 3, 1), (3, 3, 2);
SELECT * FROM account.cleanup_plan('org', 1);
BEGIN;
SELECT * FROM account.cleanup('org', 1);
SELECT * FROM account.cleanup('org', 1);
SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM clients) AS clients, (SELECT count(*) FROM deals) AS deals;
TABLE logs ORDER BY id;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM account.cleanup('org', '{"name": "Acme"}'::jsonb);
ROLLBACK;

-- protected_reference_from_outside_blocks_and_changes_nothing ---------------------------------------------------
UPDATE deals SET by = 2 WHERE id = 3;
SELECT * FROM account.cleanup_plan('org', ARRAY[1]);
SELECT * FROM account.cleanup('org', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM users;
-- force takes it along
SELECT * FROM account.cleanup_plan('org', '1', force => true);
BEGIN;
SELECT sum(rows) FROM account.cleanup('org', '1', force => true);
SELECT id FROM deals;
ROLLBACK;
SELECT * FROM account.cleanup('org', 'x'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM account.cleanup('org', NULL::int); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM account.cleanup('pg_class', 1); -- fails
\echo :LAST_ERROR_SQLSTATE

-- policy_overrides_the_catalog ----------------------------------------------------------------------------------
SELECT account.set_reference_policy('deals', 'deals_by_fkey', 'cascade');
SELECT * FROM account.cleanup_plan('org', 1);
SELECT account.set_reference_policy('deals', 'deals_by_fkey', 'set null');
SELECT * FROM account.cleanup_plan('org', 1);
SELECT account.set_reference_policy('users', 'users_org_fkey', 'protect');
SELECT * FROM account.cleanup_plan('org', 1);
SELECT account.set_reference_policy('users', 'users_org_fkey', NULL);
SELECT account.set_reference_policy('users', 'users_org_fkey', 'set null'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('users', 'users_org_fkey', 'forget'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('users', 'nonsense', 'cascade'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_cl_clerk;
SELECT account.set_reference_policy('deals', 'deals_by_fkey', 'cascade'); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_cl_owner;
-- a dropped key takes its policy with it
ALTER TABLE deals DROP CONSTRAINT deals_by_fkey;
ALTER TABLE deals ADD CONSTRAINT deals_by_fkey FOREIGN KEY (by) REFERENCES users ON DELETE RESTRICT;
SELECT action FROM account.cleanup_plan('users', 2) WHERE via = 'deals_by_fkey';

-- caller_without_delete_on_one_table_removes_nothing ------------------------------------------------------------
UPDATE deals SET by = 3 WHERE id = 3;
GRANT SELECT, DELETE ON org, users, clients TO regress_cl_clerk;
GRANT SELECT ON deals TO regress_cl_clerk;
GRANT SELECT, UPDATE ON logs TO regress_cl_clerk;
SET ROLE regress_cl_clerk;
SELECT * FROM account.cleanup_plan('org', 1);
SELECT * FROM account.cleanup('org', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_cl_owner;
GRANT DELETE ON deals TO regress_cl_clerk;
REVOKE UPDATE ON logs FROM regress_cl_clerk;
SET ROLE regress_cl_clerk;
SELECT * FROM account.cleanup('org', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_cl_owner;
GRANT UPDATE ON logs TO regress_cl_clerk;
SET ROLE regress_cl_clerk;
BEGIN;
SELECT sum(rows) FROM account.cleanup('org', 1);
ROLLBACK;

-- hidden_rows_make_it_fail_rather_than_dangle -------------------------------------------------------------------
SET ROLE regress_cl_owner;
ALTER TABLE deals ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON deals TO regress_cl_clerk USING (id <> 2);
SET ROLE regress_cl_clerk;
SELECT * FROM account.cleanup_plan('org', 1);
SELECT * FROM account.cleanup('org', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM account.cleanup('org', 1, true); -- fails: what row security hides is not taken along
SET ROLE regress_cl_owner;
SELECT id FROM deals ORDER BY id;
-- visible, but not to be deleted
DROP POLICY visible ON deals;
CREATE POLICY readable ON deals FOR SELECT TO regress_cl_clerk USING (true);
INSERT INTO org VALUES (3, 'third'); INSERT INTO clients VALUES (3, 3, NULL); INSERT INTO deals VALUES (33, 3, NULL);
SET ROLE regress_cl_clerk;
SELECT * FROM account.cleanup('org', 3); -- fails
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_cl_owner;
ALTER TABLE deals DISABLE ROW LEVEL SECURITY;

-- row_kept_back_by_a_trigger_makes_all_fail ---------------------------------------------------------------------
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE DELETE ON deals FOR EACH ROW WHEN (OLD.id = 33) EXECUTE FUNCTION keep();
SELECT * FROM account.cleanup('org', 3); -- fails
\echo :LAST_ERROR_SQLSTATE
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM account.cleanup('org', 3); -- fails
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
DROP TRIGGER keep ON deals;
CREATE TRIGGER keep BEFORE UPDATE ON logs FOR EACH ROW EXECUTE FUNCTION keep();
INSERT INTO logs VALUES (9, NULL, 3);
SELECT * FROM account.cleanup('org', 3); -- fails
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER keep ON logs;
DELETE FROM logs WHERE id = 9;
-- a trigger that takes other rows of the set along does no harm
CREATE FUNCTION sweep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM cl.clients WHERE id = OLD.client; RETURN OLD; END $$;
CREATE TRIGGER sweep AFTER DELETE ON deals FOR EACH ROW EXECUTE FUNCTION sweep();
BEGIN;
SELECT * FROM account.cleanup('org', 3);
SELECT count(*) FROM clients WHERE org = 3;
ROLLBACK;
DROP TRIGGER sweep ON deals;

-- soft_delete_rows_go_for_good_and_only_by_us -------------------------------------------------------------------
CREATE TABLE notes (id int PRIMARY KEY, deal int);
INSERT INTO notes VALUES (1, 1), (2, 3);
SELECT account.enable_soft_delete('notes'), account.enable_soft_delete('users'), account.enable_soft_delete('deals');
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM cl.notes WHERE deal = OLD.id; RETURN OLD; END $$;
CREATE TRIGGER forget AFTER DELETE ON deals FOR EACH ROW EXECUTE FUNCTION forget();
DELETE FROM users WHERE id = 2;
BEGIN;
SELECT * FROM account.cleanup('org', 1);
SET LOCAL pgaccount.show_deleted = on;
SELECT id FROM users;
SELECT id, deleted_at IS NOT NULL AS dead FROM notes ORDER BY id;
DELETE FROM deals;
SELECT count(*) AS still_there FROM deals;
ROLLBACK;

-- cycles_over_several_tables ------------------------------------------------------------------------------------
CREATE TABLE ring_a (id int PRIMARY KEY, b int);
CREATE TABLE ring_b (id int PRIMARY KEY, c int);
CREATE TABLE ring_c (id int PRIMARY KEY, a int REFERENCES ring_a ON DELETE CASCADE);
ALTER TABLE ring_a ADD FOREIGN KEY (b) REFERENCES ring_b ON DELETE RESTRICT;
ALTER TABLE ring_b ADD FOREIGN KEY (c) REFERENCES ring_c ON DELETE CASCADE;
INSERT INTO ring_a VALUES (1, NULL), (2, NULL), (3, NULL);
INSERT INTO ring_c VALUES (1, 1), (2, 2);
INSERT INTO ring_b VALUES (1, 1), (2, 2);
UPDATE ring_a SET b = 1 WHERE id IN (1, 2);
SELECT * FROM account.cleanup_plan('ring_a', 1);
BEGIN;
SELECT * FROM account.cleanup('ring_a', 1, true);
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM account.cleanup('ring_a', 1, true);
SELECT (SELECT count(*) FROM ring_a) AS a, (SELECT count(*) FROM ring_b) AS b, (SELECT count(*) FROM ring_c) AS c;
ROLLBACK;

-- partitions_are_folded_and_found -------------------------------------------------------------------------------
CREATE TABLE events (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE events_old (at date NOT NULL, id int NOT NULL);
ALTER TABLE events ATTACH PARTITION events_old FOR VALUES FROM ('2020-01-01') TO ('2026-01-01');
CREATE TABLE visits (event int, at date, seat text, FOREIGN KEY (event, at) REFERENCES events ON DELETE NO ACTION) PARTITION BY LIST (seat);
CREATE TABLE visits_a PARTITION OF visits FOR VALUES IN ('a');
CREATE TABLE visits_rest PARTITION OF visits DEFAULT;
CREATE TABLE only_old (id int, at date, FOREIGN KEY (id, at) REFERENCES events_old ON DELETE CASCADE);
INSERT INTO events VALUES (1, '2025-05-05'), (1, '2026-05-05'), (2, '2026-05-05');
INSERT INTO visits VALUES (1, '2025-05-05', 'a'), (1, '2026-05-05', 'b'), (2, '2026-05-05', 'c'), (NULL, '2026-05-05', 'd');
INSERT INTO only_old VALUES (1, '2025-05-05');
SELECT * FROM account.cleanup('events', '{"id": 1, "at": "2025-05-05"}'); -- fails
\echo :LAST_ERROR_SQLSTATE
SELECT account.set_reference_policy('visits', 'visits_event_at_fkey', 'cascade');
SELECT * FROM account.cleanup('events', '[{"id": 1, "at": "2025-05-05"}, {"id": 1, "at": "2026-05-05"}]');
TABLE events;
SELECT * FROM visits ORDER BY seat;
TABLE only_old;
-- a partition by its own name
SELECT * FROM account.cleanup('events_new', '{"id": 2, "at": "2026-05-05"}'::jsonb);

-- no_key_no_primary_key -----------------------------------------------------------------------------------------
CREATE TABLE bare (x int);
SELECT * FROM account.cleanup('bare', 1); -- fails
\echo :LAST_ERROR_SQLSTATE

-- policies_decide_what_follows_a_soft_deletion ------------------------------------------------------------------
CREATE TABLE team (id int PRIMARY KEY);
CREATE TABLE member (id int PRIMARY KEY, team int REFERENCES team DEFERRABLE INITIALLY DEFERRED);
INSERT INTO team VALUES (1); INSERT INTO member VALUES (1, 1), (2, 1);
SELECT account.enable_soft_delete('member'), account.enable_soft_delete('team');
SELECT account.set_reference_policy('member', 'member_team_fkey', 'cascade');
DELETE FROM team;
SELECT count(*) AS live_members FROM member;
SELECT account.restore('team', 1);
SELECT account.set_reference_policy('member', 'member_team_fkey', NULL);
DELETE FROM team;
SELECT count(*) AS live_members FROM member;
CREATE TABLE hut (id int PRIMARY KEY);
CREATE TABLE guest (id int PRIMARY KEY, hut int REFERENCES hut);
SELECT account.set_reference_policy('guest', 'guest_hut_fkey', 'cascade');
SELECT account.enable_soft_delete('hut', children => true);
INSERT INTO hut VALUES (1); INSERT INTO guest VALUES (1, 1);
DELETE FROM hut;
SELECT account.is_deleted('guest', 1);

RESET ROLE;
SELECT child, constraint_name, policy FROM account.reference_policy WHERE child::text LIKE 'cl.%' OR child::text ~ '^(visits|guest|deals)' ORDER BY 1, 2;
SET client_min_messages = warning;
DROP SCHEMA cl CASCADE;
SELECT count(*) AS policies_left FROM account.reference_policy;
DROP ROLE regress_cl_owner, regress_cl_clerk;
