-- A removal in batches that would take the last member of a tenant that stays begins nothing: what would go by many ways.
SET client_min_messages = warning;
CREATE ROLE regress_cbm_owner;
GRANT EXECUTE ON PROCEDURE account.cleanup_batches TO regress_cbm_owner;
CREATE SCHEMA cbm AUTHORIZATION regress_cbm_owner;
SET ROLE regress_cbm_owner;
SET search_path = cbm;
\set SHOW_CONTEXT never
CREATE TABLE firms (id int PRIMARY KEY);
CREATE TABLE tenants (id int PRIMARY KEY, firm int REFERENCES firms ON DELETE CASCADE);
CREATE TABLE people (id int PRIMARY KEY, firm int REFERENCES firms ON DELETE CASCADE, is_active boolean NOT NULL DEFAULT true);
CREATE TABLE members (tenant int NOT NULL REFERENCES tenants ON DELETE CASCADE, person int REFERENCES people ON DELETE CASCADE, role text NOT NULL);
CREATE TABLE letters (id int PRIMARY KEY, person int REFERENCES people ON DELETE CASCADE);
INSERT INTO firms SELECT generate_series(1, 3);
INSERT INTO tenants VALUES (1, NULL), (2, NULL), (3, 2), (4, NULL), (5, NULL), (6, NULL), (7, NULL);
INSERT INTO people SELECT i, CASE WHEN i BETWEEN 11 AND 1510 THEN 1 WHEN i > 1510 THEN 2 END FROM generate_series(1, 1520) i;
INSERT INTO letters SELECT i, i FROM generate_series(1, 1520) i;
UPDATE people SET is_active = false WHERE id IN (5, 6);
INSERT INTO members VALUES (1, 1, 'owner'), (1, 2, 'member'), (2, 1, 'member'), (2, 3, 'owner'), (2, 4, 'owner'), (3, 1515, 'owner'),
    (4, 1500, 'owner'), (4, 2, 'member'), (5, 6, 'owner'), (6, 7, 'owner'), (6, 5, 'owner'), (7, 8, 'owner'), (7, 8, 'owner');
SELECT account.protect_last_member('members', 'tenant', 'role');
RESET ROLE;
-- what is left of a CALL that was refused: nothing
CREATE VIEW begun AS SELECT (SELECT count(*) FROM account.removal_task WHERE state <> 'finished') AS removals,
    (SELECT count(*) FROM pg_trigger WHERE tgfoid = 'account.refuse_sealed'::regproc) AS seals,
    (SELECT count(*) FROM cbm.people) AS people, (SELECT count(*) FROM cbm.letters) AS letters;
GRANT SELECT ON begun TO regress_cbm_owner;
SET ROLE regress_cbm_owner;
TABLE begun;

-- the only owner; in one batch, and in many
CALL account.cleanup_batches('people', '1'); -- fails
CALL account.cleanup_batches('people', '1', batch_size => 1); -- fails
TABLE begun;
-- the only one who counts
CALL account.cleanup_batches('people', '7', batch_size => 1); -- fails
-- one of many thousand that go
CALL account.cleanup_batches('firms', '1', batch_size => 100); -- fails
TABLE begun;
-- both of two
CALL account.cleanup_batches('people', '{3,4}', batch_size => 1); -- fails
TABLE begun;
-- one of two; who does not count; the tenant with it
CALL account.cleanup_batches('people', '3', batch_size => 1);
CALL account.cleanup_batches('people', '6', batch_size => 1);
CALL account.cleanup_batches('firms', '2', batch_size => 5);
CALL account.cleanup_batches('tenants', '6', batch_size => 1);
TABLE begun;
-- whose membership stays, of nobody
ALTER TABLE members DROP CONSTRAINT members_person_fkey, ADD CONSTRAINT members_person_fkey FOREIGN KEY (person) REFERENCES people ON DELETE SET NULL;
CALL account.cleanup_batches('people', '8', batch_size => 1); -- fails
CALL account.cleanup_batches('firms', '1', batch_size => 100); -- fails
TABLE begun;
CALL account.cleanup_batches('people', '5', batch_size => 1);
SELECT account.unprotect_last_member('members');
CALL account.cleanup_batches('people', '8', batch_size => 1);
SELECT * FROM members WHERE tenant = 7;
TABLE begun;
RESET ROLE;
DROP SCHEMA cbm CASCADE;
DELETE FROM account.removal_task;
REVOKE ALL ON ALL ROUTINES IN SCHEMA account FROM regress_cbm_owner;
DROP OWNED BY regress_cbm_owner;
DROP ROLE regress_cbm_owner;
