-- Soft delete with the MERGE of PostgreSQL 17: WHEN NOT MATCHED BY SOURCE, RETURNING, views. Older servers pass
-- it all over: soft_delete_17_1.out.
SELECT current_setting('server_version_num')::int >= 170000 AS has_it
\gset
\if :has_it
SET client_min_messages = warning;
CREATE ROLE regress_sd17_owner;
CREATE ROLE regress_sd17_app;
CREATE SCHEMA sd17 AUTHORIZATION regress_sd17_owner;
RESET client_min_messages;
SET ROLE regress_sd17_owner;
SET search_path = sd17;
GRANT USAGE ON SCHEMA sd17 TO regress_sd17_app;
CREATE TABLE users (id int PRIMARY KEY, tenant int, email text UNIQUE);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE);
CREATE TABLE profiles (user_id int PRIMARY KEY REFERENCES users ON DELETE CASCADE, role text);
CREATE TABLE wanted (id int PRIMARY KEY, email text);
-- what ROW_COUNT and the command tag say
CREATE FUNCTION counted(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN EXECUTE statement; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
CREATE VIEW members AS SELECT id, tenant, email FROM users WHERE tenant = 1;
SELECT account.enable_soft_delete('users', children => true);
SELECT account.unique_among_live('users', 'email');
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "member"}');
GRANT SELECT, DELETE ON users TO regress_sd17_app;
GRANT SELECT ON wanted TO regress_sd17_app;
-- 1 to 4 of tenant 1, 5 to 8 of tenant 2; 4 and 8 are deleted
INSERT INTO users SELECT i, 1 + (i - 1) / 4, 'u' || i FROM generate_series(1, 8) i;
INSERT INTO posts SELECT i, i FROM generate_series(1, 8) i;
DELETE FROM users WHERE id IN (4, 8);
INSERT INTO wanted VALUES (1, 'u1'), (2, 'two'), (9, 'u4');

-- every kind of action at once: what is deleted is counted, and returned as it now is
BEGIN;
WITH m AS (
    MERGE INTO users u USING wanted w ON u.id = w.id
    WHEN MATCHED AND u.email = w.email THEN DELETE
    WHEN MATCHED THEN UPDATE SET email = w.email
    WHEN NOT MATCHED BY SOURCE AND tenant = 2 THEN DELETE
    WHEN NOT MATCHED BY SOURCE THEN DO NOTHING
    WHEN NOT MATCHED THEN INSERT (id, email) VALUES (w.id, w.email)
    RETURNING u.id, u.email, u.deleted_at = now() AS deleted, w.id AS source)
SELECT * FROM m ORDER BY id;
SELECT id, email FROM users ORDER BY id;
SELECT id FROM posts ORDER BY id;
SELECT role FROM profiles WHERE user_id = 9;
SELECT account.restore('users', '{5,6,7}'::int[]);
SELECT id FROM posts ORDER BY id;
ROLLBACK;

-- what no source row matches: deleted rows are not among it
BEGIN;
SELECT counted('MERGE INTO users u USING wanted w ON u.id = w.id WHEN NOT MATCHED BY SOURCE THEN DELETE');
MERGE INTO users u USING wanted w ON u.id = w.id WHEN NOT MATCHED BY SOURCE THEN DELETE;
SELECT id FROM users ORDER BY id;
ROLLBACK;
-- nor when they are shown: the first deletion is the one that counts
BEGIN;
SET LOCAL pgaccount.show_deleted = on;
CREATE TEMP TABLE was ON COMMIT DROP AS SELECT id, deleted_at FROM users WHERE deleted_at IS NOT NULL;
SELECT counted('MERGE INTO users u USING wanted w ON u.id = w.id WHEN NOT MATCHED BY SOURCE THEN DELETE');
SELECT count(*) FROM users JOIN was USING (id, deleted_at);
ROLLBACK;
-- an INSERT action meets the key of a deleted row
MERGE INTO users u USING (VALUES (4)) w(id) ON u.id = w.id WHEN NOT MATCHED THEN INSERT (id) VALUES (w.id);	-- fails

-- through a view
BEGIN;
WITH m AS (
    MERGE INTO members u USING wanted w ON u.id = w.id WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN MATCHED THEN DELETE RETURNING u.*)
SELECT * FROM m ORDER BY id;
SELECT id FROM users ORDER BY id;
ROLLBACK;

-- prepared, before and after enabling
PREPARE leave(int) AS MERGE INTO users u USING wanted w ON u.id = w.id WHEN NOT MATCHED BY SOURCE AND u.id > $1 THEN DELETE;
BEGIN;
SELECT counted('EXECUTE leave(6)'), counted('EXECUTE leave(6)'), counted('EXECUTE leave(0)');
ROLLBACK;
BEGIN;
SELECT account.disable_soft_delete('posts'), account.disable_soft_delete('profiles'), account.disable_soft_delete('users');
EXECUTE leave(6);
SELECT count(*) FROM users;
ROLLBACK;
BEGIN;
EXECUTE leave(6);
SELECT account.is_deleted('users', 7);
ROLLBACK;

-- partitions with other column numbers
CREATE TABLE parts (id int, t int, PRIMARY KEY (t, id)) PARTITION BY LIST (t);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (x int, t int NOT NULL, id int NOT NULL);
ALTER TABLE parts_2 DROP x;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
SELECT account.enable_soft_delete('parts');
INSERT INTO parts SELECT i, t FROM generate_series(1, 3) i, generate_series(1, 2) t;
WITH m AS (
    MERGE INTO parts p USING (VALUES (1, 1), (2, 2)) v(id, t) ON p.id = v.id AND p.t = v.t WHEN NOT MATCHED BY SOURCE THEN DELETE
    RETURNING p.tableoid::regclass AS part, p.id, p.t, p.deleted_at IS NOT NULL AS deleted)
SELECT * FROM m ORDER BY part, id;
SELECT tableoid::regclass, id, t FROM parts ORDER BY id;

-- a caller with DELETE alone
SET ROLE regress_sd17_app;
BEGIN;
SELECT counted('MERGE INTO users u USING wanted w ON u.id = w.id WHEN NOT MATCHED BY SOURCE THEN DELETE');
ROLLBACK;
-- under row security the row trigger does it, uncounted, and DELETE policies decide
SET ROLE regress_sd17_owner;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON users FOR SELECT USING (true);
CREATE POLICY remove ON users FOR DELETE USING (tenant = 2);
SET ROLE regress_sd17_app;
BEGIN;
SELECT counted('MERGE INTO users u USING wanted w ON u.id = w.id WHEN NOT MATCHED BY SOURCE AND tenant = 2 THEN DELETE');
SELECT id FROM users ORDER BY id;
ROLLBACK;
MERGE INTO users u USING wanted w ON u.id = w.id WHEN NOT MATCHED BY SOURCE THEN DELETE;	-- fails
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA sd17 CASCADE;
DROP ROLE regress_sd17_owner, regress_sd17_app;
\endif
