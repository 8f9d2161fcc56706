-- The last member of a role in a tenant stays, whatever statement would take it; what counts, and who is exempt.
SET client_min_messages = warning;
SELECT no_plan();
CREATE SCHEMA lm;
CREATE TABLE lm.tenants (id int PRIMARY KEY, name text);
CREATE TABLE lm.users (id int PRIMARY KEY, name text, is_active boolean NOT NULL DEFAULT true, deleted_at timestamptz);
CREATE TABLE lm.members (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id int NOT NULL REFERENCES lm.tenants ON DELETE CASCADE, user_id int REFERENCES lm.users ON DELETE CASCADE,
    role varchar(20) NOT NULL, is_active boolean NOT NULL DEFAULT true, invited_by int REFERENCES lm.users, note text, UNIQUE (tenant_id, user_id));
SELECT account.enable_soft_delete('lm.tenants');
SELECT account.enable_soft_delete('lm.users', on_parent_delete => 'delete');
SELECT account.enable_soft_delete('lm.members', on_parent_delete => 'delete');
CREATE FUNCTION lm.fill() RETURNS void LANGUAGE sql AS $$
    INSERT INTO lm.tenants SELECT i, 't' || i FROM generate_series(1, 4) i;
    INSERT INTO lm.users SELECT i, 'u' || i FROM generate_series(1, 9) i;
    -- 1: one owner; 2: two; 3: one that counts, and one that does not for each reason; 4: none
    INSERT INTO lm.members (tenant_id, user_id, role, is_active) VALUES (1, 1, 'owner', true), (1, 2, 'member', true), (2, 1, 'owner', true), (2, 2, 'owner', true),
        (3, 3, 'owner', true), (3, 4, 'owner', false), (3, 5, 'owner', true), (3, 6, 'owner', true), (3, 7, 'owner', true), (3, 8, 'admin', true), (4, 9, 'member', true);
    UPDATE lm.users SET is_active = false WHERE id = 5;
    UPDATE lm.users SET deleted_at = now() WHERE id = 6;
    UPDATE lm.members SET deleted_at = now() WHERE user_id = 7;
$$;
SELECT lm.fill();
SELECT lives_ok($$SELECT account.protect_last_member('lm.members', 'tenant_id', 'role')$$, 'protected');
SELECT is((SELECT (code, object, message)::text FROM account.doctor() WHERE code = 'tenant_without_member'), '(tenant_without_member,lm.members,"1 live tenants of lm.tenants have no live member of role ''owner''")', 'doctor finds who has none already');

-- each statement, as it is answered; each is undone
CREATE TEMP TABLE try (n int GENERATED ALWAYS AS IDENTITY, answer text, statement text);
INSERT INTO try (answer, statement) VALUES
    ('23514', 'UPDATE lm.members SET role = ''member'' WHERE tenant_id = 1'),
    ('23514', 'UPDATE lm.members SET role = ''Owner'' WHERE tenant_id = 1'),
    ('23514', 'UPDATE lm.members SET is_active = false WHERE tenant_id = 1'),
    ('23514', 'UPDATE lm.members SET user_id = 5 WHERE tenant_id = 1 AND user_id = 1'),
    ('23514', 'UPDATE lm.members SET user_id = NULL WHERE tenant_id = 1 AND user_id = 1'),
    ('23514', 'UPDATE lm.members SET tenant_id = 4 WHERE tenant_id = 1 AND user_id = 1'),
    ('done', 'UPDATE lm.members SET user_id = 9 WHERE tenant_id = 1 AND user_id = 1'),
    ('done', 'UPDATE lm.members SET note = ''x'''),
    ('done', 'UPDATE lm.members SET role = CASE user_id WHEN 1 THEN ''member'' ELSE ''owner'' END WHERE tenant_id = 1'),
    ('23514', 'DELETE FROM lm.members WHERE tenant_id = 1 AND user_id = 1'),
    ('23514', 'DELETE FROM lm.members'),
    ('done', 'DELETE FROM lm.members WHERE tenant_id = 4'),
    ('done', 'DELETE FROM lm.members WHERE tenant_id = 2 AND user_id = 1'),
    ('23514', 'DELETE FROM lm.members WHERE tenant_id = 2'),
    ('23514', 'MERGE INTO lm.members m USING (VALUES (1)) AS v(t) ON m.tenant_id = t WHEN MATCHED THEN DELETE'),
    ('23514', 'MERGE INTO lm.members m USING (VALUES (1)) AS v(t) ON m.tenant_id = t WHEN MATCHED THEN UPDATE SET role = ''x'''),
    ('23514', 'INSERT INTO lm.members (tenant_id, user_id, role) VALUES (1, 1, ''member'') ON CONFLICT (tenant_id, user_id) DO UPDATE SET role = excluded.role'),
    ('23514', 'WITH gone AS (DELETE FROM lm.members WHERE tenant_id = 1 RETURNING 1) SELECT count(*) FROM gone'),
    ('done', 'WITH gone AS (DELETE FROM lm.members WHERE tenant_id = 1 AND user_id = 1 RETURNING 1) UPDATE lm.members SET role = ''owner'' WHERE tenant_id = 1 AND user_id = 2'),
    ('23514', 'UPDATE lm.members SET deleted_at = now() WHERE tenant_id = 1'),
    ('23514', 'DELETE FROM lm.members WHERE tenant_id = 3 AND user_id = 3'),
    ('done', 'DELETE FROM lm.members WHERE tenant_id = 3 AND user_id <> 3'),
    ('23514', 'DELETE FROM lm.users WHERE id = 1'),
    ('23514', 'UPDATE lm.users SET deleted_at = now() WHERE id = 1'),
    ('23514', 'UPDATE lm.users SET is_active = false WHERE id = 3'),
    ('done', 'UPDATE lm.users SET name = ''x'''),
    ('done', 'DELETE FROM lm.users WHERE id IN (2, 4, 5, 7, 8, 9)'),
    ('done', 'UPDATE lm.users SET is_active = false WHERE id = 2'),
    ('23514', 'UPDATE lm.users SET is_active = id <> 3 AND id <> 1'),
    ('done', 'UPDATE lm.users SET is_active = true'),
    ('23514', 'SELECT account.cleanup(''lm.users'', 1, true)'),
    ('done', 'SELECT account.cleanup(''lm.tenants'', 1)'),
    ('23514', 'SELECT account.cleanup(''lm.members'', ARRAY[1, 2])'),
    ('done', 'DELETE FROM lm.tenants WHERE id = 1'),
    ('done', 'DELETE FROM lm.tenants; DELETE FROM lm.members'),
    ('done', 'WITH t AS (DELETE FROM lm.tenants WHERE id = 1 RETURNING 1) DELETE FROM lm.members WHERE tenant_id = 1'),
    ('done', 'DELETE FROM lm.tenants WHERE id = 1; DELETE FROM lm.users WHERE id = 1'),
    ('23514', 'SET LOCAL pgaccount.truncate = allow; TRUNCATE lm.members'),
    ('23514', 'SET LOCAL pgaccount.truncate = allow; TRUNCATE lm.users CASCADE'),
    ('done', 'SET LOCAL pgaccount.truncate = allow; TRUNCATE lm.tenants CASCADE'),
    ('done', 'SET LOCAL session_replication_role = replica; DELETE FROM lm.members'),
    ('done', 'SELECT account.unprotect_last_member(''lm.members''); DELETE FROM lm.members'),
    ('23514', 'ALTER TABLE lm.members RENAME tenant_id TO t; ALTER TABLE lm.members RENAME role TO r; ALTER TABLE lm.users RENAME id TO uid; ALTER TABLE lm.tenants RENAME id TO tid; DELETE FROM lm.members'),
    ('2BP01', 'ALTER TABLE lm.members DROP COLUMN role'),
    ('done', 'DROP TABLE lm.members; DELETE FROM lm.users'),
    ('done', 'DO $x$ BEGIN BEGIN DELETE FROM lm.members WHERE tenant_id = 1; EXCEPTION WHEN check_violation THEN END; DELETE FROM lm.members WHERE tenant_id = 4; END $x$'),
    ('22023', 'SELECT account.protect_last_member(''lm.members'', ''nothing'', ''role'')'),
    ('22023', 'SELECT account.protect_last_member(''lm.members'', ''tenant_id'', NULL)'),
    ('22023', 'SELECT account.protect_last_member(''lm.members'', ''tenant_id'', ''role'', '''')'),
    ('22023', 'SELECT account.protect_last_member(''lm.members'', ''note'', ''role'')'),
    ('23514', 'SELECT account.protect_last_member(''lm.members'', ''tenant_id'', ''role'', ''admin''); DELETE FROM lm.members WHERE role = ''admin'''),
    ('done', 'SELECT account.protect_last_member(''lm.members'', ''tenant_id'', ''role'', ''admin''); DELETE FROM lm.members WHERE role = ''owner''');
CREATE FUNCTION lm.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE statement;
        SET CONSTRAINTS ALL IMMEDIATE;
        RAISE EXCEPTION USING ERRCODE = 'UNDON';
    EXCEPTION WHEN SQLSTATE 'UNDON' THEN RETURN 'done';
        WHEN OTHERS THEN RETURN SQLSTATE;
    END;
END $$;
SELECT is(lm.answer(statement), answer, statement) FROM try ORDER BY n;
CREATE FUNCTION lm.fields() RETURNS text LANGUAGE plpgsql AS $$
DECLARE c text; t text; s text; m text; d text;
BEGIN
    DELETE FROM lm.members WHERE tenant_id = 1;
    RETURN 'done';
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, t = TABLE_NAME, s = SCHEMA_NAME, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', c, s, t, m, d);
END $$;
SELECT is(lm.fields(), 'account_last_member | lm | members | a live tenant would lose its last member of role "owner" | Key (id)=(1) of table "tenants" would have none.', 'the error');

-- other shapes: no soft delete, parts, keys of other types, composite references, users of other owners, what names them
CREATE ROLE lm_owner;
CREATE ROLE lm_other;
GRANT USAGE, CREATE ON SCHEMA lm TO lm_owner, lm_other;
SET ROLE lm_other;
CREATE TABLE lm.people (org varchar(9) NOT NULL, id uuid PRIMARY KEY, active boolean, UNIQUE (org, id));
CREATE TABLE lm.orgs (code varchar(9) PRIMARY KEY);
GRANT REFERENCES ON lm.people, lm.orgs TO lm_owner;
RESET ROLE;
SET ROLE lm_owner;
CREATE TYPE lm.level AS ENUM ('boss', 'hand');
CREATE TABLE lm.staff (org varchar(9) REFERENCES lm.orgs ON DELETE CASCADE, person uuid, level lm.level, FOREIGN KEY (org, person) REFERENCES lm.people (org, id) ON DELETE CASCADE) PARTITION BY LIST (org);
CREATE TABLE lm.staff_a PARTITION OF lm.staff FOR VALUES IN ('a');
CREATE TABLE lm.staff_rest PARTITION OF lm.staff DEFAULT;
SELECT throws_ok($$SELECT account.protect_last_member('lm.staff', 'org', 'level', 'boss')$$, '42501', NULL, 'who has no TRIGGER on users');
RESET ROLE;
GRANT TRIGGER ON lm.people, lm.orgs TO lm_owner;
SET ROLE lm_other;
SELECT throws_ok($$SELECT account.protect_last_member('lm.staff', 'org', 'level', 'boss')$$, '42501', NULL, 'who does not own the members');
RESET ROLE;
SET ROLE lm_owner;
SELECT throws_ok($$SELECT account.protect_last_member('lm.staff_a', 'org', 'level', 'boss')$$, '22023', NULL, 'a part of a table');
SELECT lives_ok($$SELECT account.protect_last_member('lm.staff', 'org', 'level', 'boss')$$, 'its owner');
RESET ROLE;
INSERT INTO lm.orgs VALUES ('a'), ('b'), ('c');
INSERT INTO lm.people SELECT o, ('00000000-0000-0000-0000-00000000000' || n)::uuid, true FROM (VALUES ('a', 1), ('a', 2), ('b', 3), ('c', 4)) AS v(o, n);
INSERT INTO lm.staff SELECT org, id, 'boss' FROM lm.people;
CREATE TABLE lm.staff_b (LIKE lm.staff);
ALTER TABLE lm.staff_b DROP COLUMN level, ADD level lm.level;
TRUNCATE try;
INSERT INTO try (answer, statement) VALUES
    ('23514', 'UPDATE lm.staff SET level = ''hand'' WHERE org = ''a'''),
    ('23514', 'UPDATE lm.staff_a SET level = ''hand'''),
    ('done', 'UPDATE lm.staff_a SET level = ''hand'' WHERE person::text LIKE ''%1'''),
    ('23514', 'DELETE FROM lm.staff_rest WHERE org = ''b'''),
    ('23514', 'DELETE FROM lm.people WHERE org = ''b'''),
    ('23514', 'UPDATE lm.people SET active = false WHERE org = ''b'''),
    ('23514', 'UPDATE lm.people SET active = NULL WHERE org = ''b'''),
    ('done', 'DELETE FROM lm.orgs WHERE code = ''b'''),
    ('done', 'SELECT account.cleanup(''lm.orgs'', ''b'')'),
    ('23514', 'SELECT account.cleanup(''lm.people'', ''00000000-0000-0000-0000-000000000003'')'),
    ('23514', 'TRUNCATE lm.staff_a'),
    ('23514', 'TRUNCATE lm.staff'),
    ('23514', 'DELETE FROM lm.staff_a'),
    ('done', 'ALTER TABLE lm.staff DETACH PARTITION lm.staff_a; DELETE FROM lm.staff_a'),
    ('23514', 'WITH c AS (DELETE FROM lm.staff_rest WHERE org = ''c'' RETURNING *) INSERT INTO lm.staff_b (org, person, level) SELECT * FROM c; ALTER TABLE lm.staff ATTACH PARTITION lm.staff_b FOR VALUES IN (''b'')'),
    ('done', 'DELETE FROM lm.orgs; DELETE FROM lm.people');
SELECT is(lm.answer(statement), answer, statement) FROM try ORDER BY n;
-- a removal in batches takes members first, and their tenant last
CALL account.cleanup_batches('lm.orgs', 'c', batch_size => 1);
SELECT is((SELECT count(*) FROM lm.staff WHERE org = 'c'), 0::bigint, 'a tenant goes in batches');
SELECT throws_ok($$DELETE FROM lm.staff WHERE org = 'b'$$, '23514', NULL, 'another one does not');
SET ROLE lm_other;
SELECT throws_ok($$DELETE FROM lm.people WHERE org = 'b'$$, '23514', NULL, 'the owner of users, who may not read members');
RESET ROLE;
SET ROLE lm_owner;
SELECT throws_ok($$DELETE FROM lm.staff WHERE org = 'b'$$, '23514', NULL, 'the owner of members, who may not read users');
RESET ROLE;

-- no foreign key, no soft delete: by a declared reference, or by the mapping
CREATE TABLE lm.plain_orgs (id bigint PRIMARY KEY);
CREATE TABLE lm.plain_users (id bigint PRIMARY KEY, email text);
CREATE TABLE lm.plain (org_id bigint, user_id bigint, role text, PRIMARY KEY (org_id, user_id));
SELECT throws_ok($$SELECT account.protect_last_member('lm.plain', 'org_id', 'role')$$, '22023', NULL, 'nothing says which the tenants are');
SELECT account.set_reference('lm.plain', '{org_id}', 'lm.plain_orgs', 'cascade');
SELECT throws_ok($$SELECT account.protect_last_member('lm.plain', 'org_id', 'role')$$, '22023', NULL, 'nothing says who the users are');
SELECT account.set_reference('lm.plain', '{user_id}', 'lm.plain_users', 'cascade');
SELECT lives_ok($$SELECT account.protect_last_member('lm.plain', 'org_id', 'role')$$, 'declared references');
INSERT INTO lm.plain_orgs VALUES (1);
INSERT INTO lm.plain_users VALUES (1), (2);
INSERT INTO lm.plain VALUES (1, 1, 'owner'), (1, 2, 'owner');
DELETE FROM lm.plain WHERE user_id = 2;
SELECT throws_ok($$DELETE FROM lm.plain$$, '23514', NULL, 'the last one');
SELECT throws_ok($$DELETE FROM lm.plain_users WHERE id = 1$$, '23514', NULL, 'a user that leaves its row behind');
SELECT throws_ok($$TRUNCATE lm.plain_users$$, '23514', NULL, 'all users');
SELECT throws_ok($$UPDATE lm.plain_users SET id = 7 WHERE id = 1$$, '23514', NULL, 'a user by another key');
SELECT lives_ok($$TRUNCATE lm.plain_orgs$$, 'all tenants');
SELECT lives_ok($$TRUNCATE lm.plain_users$$, 'then all users');

-- partitions of members and of users, and children, that come later, and that leave
CREATE TABLE lm.late_orgs (id int PRIMARY KEY);
CREATE TABLE lm.late_users (id int PRIMARY KEY, email text) PARTITION BY RANGE (id);
CREATE TABLE lm.late (user_id int REFERENCES lm.late_users ON DELETE CASCADE, org_id int REFERENCES lm.late_orgs ON DELETE CASCADE, role text, PRIMARY KEY (user_id, org_id)) PARTITION BY LIST (org_id);
SELECT throws_ok($$SELECT account.protect_last_member('lm.late', 'org_id', 'role')$$, '55000', NULL, 'users without a partition');
CREATE TABLE lm.late_users_1 PARTITION OF lm.late_users FOR VALUES FROM (0) TO (100);
SELECT account.protect_last_member('lm.late', 'org_id', 'role');
CREATE TABLE lm.late_users_2 PARTITION OF lm.late_users FOR VALUES FROM (100) TO (200);
CREATE TABLE lm.late_users_3 (note text, email text, id int PRIMARY KEY);
ALTER TABLE lm.late_users_3 DROP COLUMN note;
ALTER TABLE lm.late_users ATTACH PARTITION lm.late_users_3 FOR VALUES FROM (200) TO (300);
CREATE TABLE lm.late_1 PARTITION OF lm.late FOR VALUES IN (1);
CREATE TABLE lm.late_2 (note text, role text, org_id int NOT NULL, user_id int NOT NULL) PARTITION BY LIST (user_id);
ALTER TABLE lm.late_2 DROP COLUMN note;
CREATE TABLE lm.late_2_all PARTITION OF lm.late_2 DEFAULT;
ALTER TABLE lm.late ATTACH PARTITION lm.late_2 FOR VALUES IN (2);
INSERT INTO lm.late_orgs VALUES (1), (2);
INSERT INTO lm.late_users VALUES (1), (101), (201);
INSERT INTO lm.late VALUES (1, 1, 'member'), (101, 1, 'owner'), (201, 2, 'owner');
TRUNCATE try;
INSERT INTO try (answer, statement) VALUES
    ('23514', 'DELETE FROM lm.late_users WHERE id = 101'),
    ('23514', 'DELETE FROM lm.late_users_2'),
    ('23514', 'DELETE FROM lm.late_users_3'),
    ('done', 'DELETE FROM lm.late_users WHERE id = 1'),
    ('23514', 'DELETE FROM lm.late_1'),
    ('23514', 'DELETE FROM lm.late_2'),
    ('23514', 'UPDATE lm.late_2_all SET role = ''member'''),
    ('done', 'WITH d AS (DELETE FROM lm.late_1 WHERE user_id = 101 RETURNING *) UPDATE lm.late_1 SET role = ''owner'' WHERE user_id = 1'),
    ('23514', 'TRUNCATE lm.late_1'),
    ('23514', 'TRUNCATE lm.late_2_all'),
    ('23514', 'TRUNCATE lm.late_users_2 CASCADE'),
    ('done', 'DELETE FROM lm.late_orgs'),
    ('done', 'ALTER TABLE lm.late DETACH PARTITION lm.late_2; DELETE FROM lm.late_2'),
    ('done', 'ALTER TABLE lm.late DETACH PARTITION lm.late_2; TRUNCATE lm.late_2; ALTER TABLE lm.late ATTACH PARTITION lm.late_2 FOR VALUES IN (2)'),
    ('23514', 'ALTER TABLE lm.late DETACH PARTITION lm.late_2; ALTER TABLE lm.late ATTACH PARTITION lm.late_2 FOR VALUES IN (2); DELETE FROM lm.late_2_all'),
    ('23514', 'ALTER TABLE lm.late DROP CONSTRAINT late_user_id_fkey; ALTER TABLE lm.late_users DETACH PARTITION lm.late_users_1; DELETE FROM lm.late_users_1; DELETE FROM lm.late_users_2'),
    ('23514', 'ALTER TABLE lm.late DROP CONSTRAINT late_user_id_fkey; ALTER TABLE lm.late_users DETACH PARTITION lm.late_users_1; DELETE FROM lm.late_users_1; DELETE FROM lm.late WHERE org_id = 2'),
    ('done', 'ALTER TABLE lm.late DROP CONSTRAINT late_user_id_fkey; ALTER TABLE lm.late_users DETACH PARTITION lm.late_users_2; DELETE FROM lm.late_users_2');
SELECT is(lm.answer(statement), answer, statement) FROM try ORDER BY n;
CREATE TABLE lm.child_members () INHERITS (lm.members);
INSERT INTO lm.child_members (id, tenant_id, user_id, role) VALUES (99, 4, 9, 'owner');
TRUNCATE try;
INSERT INTO try (answer, statement) VALUES
    ('23514', 'DELETE FROM lm.child_members'),
    ('23514', 'UPDATE lm.members SET role = ''member'' WHERE tenant_id = 4'),
    ('23514', 'SET LOCAL pgaccount.truncate = allow; TRUNCATE lm.child_members'),
    ('done', 'ALTER TABLE lm.child_members NO INHERIT lm.members; DELETE FROM lm.child_members');
SELECT is(lm.answer(statement), answer, statement) FROM try ORDER BY n;

-- keys of string types that are no keys of users and tenants; who is known by name alone must have such keys
CREATE TABLE lm.text_orgs (id int PRIMARY KEY);
CREATE TABLE lm.text_users (id uuid PRIMARY KEY, email text);
CREATE TABLE lm.text (user_id text, org_id text, role text, UNIQUE (user_id, org_id));
CREATE TABLE lm.number (user_id int, org_id int REFERENCES lm.text_orgs, role text);
SELECT account.use_tables('lm.text_users', tenants => 'lm.text_orgs', members => 'lm.text') \g /dev/null
SELECT lives_ok($$SELECT account.protect_last_member('lm.text', 'org_id', 'role')$$, 'keys as text');
SELECT throws_ok($$SELECT account.protect_last_member('lm.number', 'org_id', 'role')$$, '22023', NULL, 'a column named as users'' keys that cannot hold them');
INSERT INTO lm.text_orgs VALUES (1), (2);
INSERT INTO lm.text_users SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid FROM generate_series(1, 2) n;
INSERT INTO lm.text SELECT id::text, '1', 'owner' FROM lm.text_users;
INSERT INTO lm.text VALUES ('nobody', '1', 'owner'), ('nobody', 'nowhere', 'owner'), ('00000000-0000-0000-0000-000000000001', 'nowhere', 'owner'), ('00000000-0000-0000-0000-000000000001', '2', 'owner');
TRUNCATE try;
INSERT INTO try (answer, statement) VALUES
    ('done', 'UPDATE lm.text SET role = ''member'' WHERE org_id = ''nowhere'''),
    ('done', 'UPDATE lm.text SET role = ''member'' WHERE user_id = ''nobody'''),
    ('done', 'DELETE FROM lm.text_users WHERE id::text LIKE ''%2'''),
    ('23514', 'DELETE FROM lm.text_users WHERE id::text LIKE ''%1'''),
    ('23514', 'DELETE FROM lm.text WHERE user_id <> ''nobody'''),
    ('23514', 'UPDATE lm.text SET user_id = ''nobody'' WHERE org_id = ''2'''),
    ('done', 'DELETE FROM lm.text_orgs; DELETE FROM lm.text'),
    ('done', 'SELECT count(*) FROM account.doctor()');
SELECT is(lm.answer(statement), answer, statement) FROM try ORDER BY n;
SELECT account.forget_tables();

-- a tenant that has none who counts loses none: what is left of members goes, whoever removes it
CREATE TABLE lm.old_orgs (id int PRIMARY KEY);
CREATE TABLE lm.old_users (id int PRIMARY KEY, is_active boolean DEFAULT true);
CREATE TABLE lm.old (user_id int REFERENCES lm.old_users ON DELETE CASCADE, org_id int REFERENCES lm.old_orgs, role text, PRIMARY KEY (user_id, org_id));
SELECT account.enable_soft_delete('lm.old_users');
INSERT INTO lm.old_orgs VALUES (1), (2), (3);
INSERT INTO lm.old_users VALUES (1, true), (2, true), (3, true), (4, false);
INSERT INTO lm.old VALUES (1, 1, 'owner'), (2, 1, 'member'), (3, 2, 'owner'), (4, 2, 'owner'), (4, 3, 'owner');
DELETE FROM lm.old_users WHERE id = 1;
SELECT account.protect_last_member('lm.old', 'org_id', 'role');
CREATE FUNCTION lm.with_user() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM lm.old WHERE user_id = OLD.id; RETURN NULL; END';
TRUNCATE try;
INSERT INTO try (answer, statement) VALUES
    ('done', 'DELETE FROM lm.old WHERE user_id = 1'),
    ('done', 'UPDATE lm.old SET role = ''member'' WHERE user_id IN (1, 4)'),
    ('done', 'SELECT account.purge(''lm.old_users'', ''0'')'),
    ('done', 'SELECT account.cleanup(''lm.old_users'', 1)'),
    ('done', 'SELECT account.cleanup(''lm.old_users'', ''[1, 4]''::jsonb::text)'),
    ('23514', 'SELECT account.cleanup(''lm.old_users'', ''[1, 3, 4]'')'),
    ('23514', 'DELETE FROM lm.old WHERE user_id <> 2'),
    ('23514', 'SELECT account.cleanup(''lm.old_users'', 3)'),
    ('23514', 'UPDATE lm.old_users SET is_active = false; DELETE FROM lm.old'),
    -- one that is ended with the statement that takes its membership counted before
    ('23514', 'CREATE TRIGGER a AFTER UPDATE ON lm.old_users FOR EACH ROW EXECUTE FUNCTION lm.with_user(); UPDATE lm.old_users SET is_active = false WHERE id = 3'),
    ('23514', 'CREATE TRIGGER a AFTER UPDATE ON lm.old_users FOR EACH ROW EXECUTE FUNCTION lm.with_user(); DELETE FROM lm.old_users WHERE id = 3'),
    ('23514', 'SELECT account.disable_soft_delete(''lm.old_users''); DELETE FROM lm.old_users WHERE id = 3'),
    ('23514', 'WITH off AS (UPDATE lm.old_users SET is_active = false WHERE id = 3 RETURNING id) DELETE FROM lm.old USING off WHERE user_id = off.id'),
    ('23514', 'TRUNCATE lm.old');
SELECT is(lm.answer(statement), answer, statement) FROM try ORDER BY n;
SELECT account.unprotect_last_member('lm.old');

-- a statement of ours on users tells the same, and still no row of users
SELECT account.create_starter('lm_app', members => true);
SELECT account.create_key() \g /dev/null
INSERT INTO lm_app.tenants (id, slug) VALUES ('00000000-0000-0000-0000-000000000001', 'one');
INSERT INTO lm_app.users (id, email, password) VALUES ('00000000-0000-0000-0000-000000000002', 'o@x.org', '$argon2id$secret');
INSERT INTO lm_app.memberships (tenant_id, user_id, role) SELECT t.id, u.id, 'owner' FROM lm_app.tenants t, lm_app.users u;
SELECT account.protect_last_member('lm_app.memberships', 'tenant_id', 'role');
CREATE FUNCTION lm.of_deletion() RETURNS text LANGUAGE plpgsql AS $$
DECLARE c text; t text; d text;
BEGIN
    PERFORM account.delete_user('00000000-0000-0000-0000-000000000002');
    RETURN 'done';
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, t = TABLE_NAME, d = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', c, t, d);
END $$;
SELECT account.act_as('00000000-0000-0000-0000-000000000002', false) \g /dev/null
SELECT is(lm.of_deletion(), 'account_last_member | memberships | Key (id)=(00000000-0000-0000-0000-000000000001) of table "tenants" would have none.', 'delete_user says which tenant');
ALTER TABLE lm_app.users ADD CONSTRAINT account_last_member CHECK (deleted_at IS NULL);
SELECT account.unprotect_last_member('lm_app.memberships');
SELECT is(lm.of_deletion(), 'account_last_member | users | ', 'a constraint of users by that name shows no row');
SELECT account.sign_out() \g /dev/null

-- foreign tables take no trigger for TRUNCATE
CREATE FOREIGN DATA WRAPPER lm_none;
CREATE SERVER lm_nowhere FOREIGN DATA WRAPPER lm_none;
CREATE TABLE lm.far (org_id bigint, user_id bigint, role text) PARTITION BY LIST (org_id);
SELECT account.set_reference('lm.far', '{org_id}', 'lm.plain_orgs', 'cascade'), account.set_reference('lm.far', '{user_id}', 'lm.plain_users', 'cascade');
SELECT account.protect_last_member('lm.far', 'org_id', 'role');
CREATE FOREIGN TABLE lm.far_1 (org_id bigint, user_id bigint, role text) SERVER lm_nowhere;
SELECT lives_ok('ALTER TABLE lm.far ATTACH PARTITION lm.far_1 FOR VALUES IN (1)', 'a foreign partition comes');
SELECT lives_ok('ALTER TABLE lm.far DETACH PARTITION lm.far_1', 'and leaves');

-- taken off: nothing is left
SELECT account.unprotect_last_member(t::regclass) FROM unnest('{lm.members,lm.staff,lm.plain,lm.late,lm.text,lm.far}'::text[]) AS t;
SELECT lives_ok($$SELECT account.unprotect_last_member('lm.plain')$$, 'again');
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'zz_account_last_member%'$$, 'no trigger is left');
SELECT * FROM finish();
