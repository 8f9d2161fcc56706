-- A second round of attacks. Each statement here once did what its comment says.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS attack CASCADE;
DROP ROLE IF EXISTS account_hugo;
CREATE SCHEMA attack;
SET client_min_messages = notice;
SET search_path = attack;

-- a key that is NOT VALID cascades all the same: the row stayed, and dangled
CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE c (id int PRIMARY KEY, p int, deleted_at timestamptz);
INSERT INTO p VALUES (1), (2);
INSERT INTO c VALUES (1, 1), (2, 99), (3, 2), (4, 98);
ALTER TABLE c ADD CONSTRAINT fk FOREIGN KEY (p) REFERENCES p ON DELETE CASCADE NOT VALID;
SELECT account.enable_soft_delete('c');
DELETE FROM p WHERE id = 1; -- fails
\echo :LAST_ERROR_SQLSTATE
DELETE FROM c WHERE id = 3;
DELETE FROM p WHERE id = 2; -- fails: a deleted row references it
\echo :LAST_ERROR_SQLSTATE
-- so does one that was inserted, and its parent too, by the transaction itself
BEGIN;
INSERT INTO p VALUES (5);
INSERT INTO c VALUES (5, 5);
DELETE FROM p WHERE id = 5; -- fails
ROLLBACK;
SELECT account.enable_soft_delete('c', on_parent_delete => 'delete');
DELETE FROM p;
SET pgaccount.show_deleted = on;
SELECT id, p FROM c ORDER BY id;
RESET pgaccount.show_deleted;
-- what referenced nothing before is no part of any cascade, and is deleted softly within one
CREATE TABLE top (id int PRIMARY KEY);
CREATE TABLE mid (id int PRIMARY KEY, t int REFERENCES top ON DELETE CASCADE);
CREATE FUNCTION sweep() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN DELETE FROM attack.c WHERE id = 4; RETURN OLD; END$$;
CREATE TRIGGER sweep BEFORE DELETE ON mid FOR EACH ROW EXECUTE FUNCTION sweep();
INSERT INTO top VALUES (1);
INSERT INTO mid VALUES (1, 1);
DELETE FROM top;
SELECT account.is_deleted('c', 4);

-- what a session knew of the children outlived their own ALTER TABLE: rows stayed live
CREATE TABLE parents (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE children (id int PRIMARY KEY, p int REFERENCES parents ON DELETE CASCADE, deleted_at timestamptz);
SELECT account.enable_soft_delete('parents', children => true);
INSERT INTO parents SELECT generate_series(1, 9);
INSERT INTO children SELECT i, i FROM generate_series(1, 9) i;
ALTER TABLE children DISABLE TRIGGER "00_account_soft_delete";
DELETE FROM parents WHERE id = 1;
DELETE FROM parents WHERE id = 2;
DELETE FROM parents WHERE id = 3;
SELECT account.enable_soft_delete('parents');
SELECT id FROM children WHERE id <= 3 ORDER BY id;
ALTER TABLE children ENABLE TRIGGER "00_account_soft_delete";
DELETE FROM parents WHERE id = 4;
DELETE FROM parents WHERE id = 5;
SELECT id FROM children WHERE id IN (4, 5);
ALTER TABLE children DISABLE TRIGGER "00_account_soft_delete";
DELETE FROM parents WHERE id = 6;
SELECT id FROM children WHERE id = 6;
ALTER TABLE children ENABLE TRIGGER "00_account_soft_delete";

-- a renamed trigger that goes with its column: no warning, and deletions of the parent failed (XX000)
ALTER TRIGGER "00_account_soft_delete" ON children RENAME TO mine;
ALTER TABLE children DROP COLUMN deleted_at CASCADE;
DELETE FROM parents WHERE id = 7;
SELECT id FROM children WHERE id = 7;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'children'::regclass AND NOT tgisinternal;

-- owners without rights in schema account: partitions could not be made, and parents not be deleted (42501)
RESET search_path;
CREATE ROLE account_hugo;
GRANT ALL ON SCHEMA attack TO account_hugo;
SET ROLE account_hugo;
CREATE TABLE attack.monthly (id int PRIMARY KEY, deleted_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE attack.lines (id int PRIMARY KEY, m int REFERENCES attack.monthly ON DELETE CASCADE, deleted_at timestamptz, deleted_by varchar(7));
RESET ROLE;
SELECT account.enable_soft_delete('attack.monthly'), account.enable_soft_delete('attack.lines');
BEGIN;
REVOKE USAGE ON SCHEMA account FROM PUBLIC;
SET LOCAL ROLE account_hugo;
CREATE TABLE attack.monthly1 PARTITION OF attack.monthly FOR VALUES FROM (1) TO (10);
INSERT INTO attack.monthly VALUES (1);
INSERT INTO attack.lines VALUES (1, 1);
DELETE FROM attack.monthly;
SET LOCAL pgaccount.show_deleted = on;
SELECT deleted_at IS NOT NULL AS deleted, deleted_by = session_user::varchar(7) AS by_session_user FROM attack.lines;
TRUNCATE attack.monthly1; -- fails
ROLLBACK;
SET search_path = attack;

-- restore and a rule (XX000)
CREATE TABLE ruled (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('ruled');
INSERT INTO ruled VALUES (1);
DELETE FROM ruled;
CREATE RULE r AS ON UPDATE TO ruled DO INSTEAD NOTHING;
SELECT account.restore('ruled', 1); -- fails
\echo :LAST_ERROR_SQLSTATE
DROP RULE r ON ruled;
SELECT account.restore('ruled', 1);

-- the refusal of an upsert names the table
DELETE FROM ruled;
DO $$
DECLARE
    s text;
    t text;
BEGIN
    INSERT INTO attack.ruled VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 1;
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS s = SCHEMA_NAME, t = TABLE_NAME;
    RAISE NOTICE '%.%', s, t;
END
$$;
-- anybody may call what refuses it, of anything
SELECT account.refuse_deleted_conflict(0, false); -- fails

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA attack CASCADE;
DROP ROLE account_hugo;
