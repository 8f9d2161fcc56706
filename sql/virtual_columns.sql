-- The account model over virtual generated columns, which PostgreSQL 18 makes of GENERATED unless told otherwise: rows do not
-- hold them, and whoever reads a row must not take them for NULL. Older servers pass it all over: virtual_columns_1.out.
SELECT current_setting('server_version_num')::int >= 180000 AS has_it
\gset
\if :has_it
SET client_min_messages = warning;
CREATE ROLE regress_virtual_owner;
CREATE SCHEMA virtual AUTHORIZATION regress_virtual_owner;
GRANT EXECUTE ON FUNCTION account.use_tables(regclass, regclass, regclass, jsonb, regclass) TO regress_virtual_owner;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
SET ROLE regress_virtual_owner;
SET search_path = virtual;
CREATE TABLE tenants (id int PRIMARY KEY, slug text, state text DEFAULT 'open', list text DEFAULT 'crm,cms',
    is_active boolean GENERATED ALWAYS AS (state = 'open'), modules text[] GENERATED ALWAYS AS (string_to_array(list, ',')));
CREATE TABLE users (id int PRIMARY KEY, tenant_id int REFERENCES tenants, login text UNIQUE, password text, state text DEFAULT 'open', level int DEFAULT 0,
    email text GENERATED ALWAYS AS (login || '@virtual.example'), is_active boolean GENERATED ALWAYS AS (state = 'open'), is_staff boolean GENERATED ALWAYS AS (level > 5));
CREATE TABLE profiles (user_id int PRIMARY KEY REFERENCES users ON DELETE CASCADE, level int DEFAULT 0, role text GENERATED ALWAYS AS (CASE WHEN level > 5 THEN 'boss' ELSE 'clerk' END));
SELECT account.enable_profile('users', 'profiles');
SELECT account.enable_profile('users', 'profiles', defaults => '{"role": "x"}');	-- fails
RESET client_min_messages;
SELECT part, attribute, column_name FROM account.use_tables('users', 'profiles', 'tenants', '{"users": {"username": "login"}}') WHERE source <> 'missing' ORDER BY 1, 2;
RESET ROLE;
SET search_path = virtual;
INSERT INTO tenants VALUES (1, 'acme', 'open'), (2, 'shut', 'shut');
INSERT INTO users SELECT i, 1, 'u' || i, account.hash_password('a long secret') FROM generate_series(1, 3) i;
INSERT INTO users VALUES (4, 2, 'u4', account.hash_password('a long secret'));
UPDATE users SET level = 9 WHERE id = 3;
UPDATE profiles SET level = 9 WHERE user_id = 3;
SELECT account.create_key(kid => 'virtual');
-- in: all ways say the same
SELECT * FROM (VALUES ('u1'), ('u3'), ('u4'), ('u2@virtual.example')) AS l(l), LATERAL (SELECT status, error FROM account.login(l, 'a long secret')) AS t ORDER BY 1;
SELECT access_token AS token, refresh_token AS refresh FROM account.login('u1', 'a long secret')
\gset
SELECT claims - '{iat,nbf,exp,jti,sid}'::text[] AS claims FROM account.verify_access_token(:'token') AS claims;
SELECT claims ->> 'user_role' AS role, claims -> 'is_staff' AS staff FROM account.login('u3', 'a long secret') AS l, account.verify_access_token(l.access_token) AS claims;
BEGIN;
SELECT account.authenticate(:'token'), account.is_staff();
ROLLBACK;
SELECT access_token AS token, refresh_token AS refresh FROM account.refresh(:'refresh')
\gset
-- a change that leaves the virtual column as it is ends nothing; one that makes it false ends the sessions
UPDATE users SET level = 1 WHERE id = 1;
SELECT count(*) FROM account.session WHERE user_id = '1' AND ended_at IS NULL;
UPDATE users SET state = 'shut' WHERE id = 1;
SELECT status, error FROM account.refresh(:'refresh');
SELECT status, error FROM account.login('u1', 'a long secret');
BEGIN;
SELECT account.authenticate(:'token');	-- fails
ROLLBACK;
SELECT refresh_token AS refresh FROM account.login('u2', 'a long secret')
\gset
UPDATE tenants SET state = 'shut' WHERE id = 1;
SELECT status, error FROM account.refresh(:'refresh');
UPDATE tenants SET state = 'open';
-- a deletion is recorded with the email that the row does not hold
DELETE FROM profiles WHERE user_id = 2;
DELETE FROM users WHERE id = 2;
SELECT type, subject, detail ->> 'email' AS email FROM account.event WHERE detail ->> 'email' = 'u2@virtual.example';
-- exported as it is computed
BEGIN;
SELECT account.act_as('3');
SELECT account.export_user('3')::text ~ '"email": "u3@virtual.example"' AS exported;
ROLLBACK;
SELECT code, object FROM account.doctor() WHERE object ~ 'virtual' AND severity <> 'info' ORDER BY 1, 2;

-- members, and the last of a role
SET ROLE regress_virtual_owner;
CREATE TABLE members (user_id int REFERENCES users ON DELETE CASCADE, tenant_id int REFERENCES tenants, level int, since date, until date,
    role text GENERATED ALWAYS AS (CASE WHEN level > 5 THEN 'owner' ELSE 'member' END), is_active boolean GENERATED ALWAYS AS (until IS NULL), PRIMARY KEY (user_id, tenant_id));
SELECT part, attribute, column_name FROM account.use_tables('users', 'profiles', 'tenants', '{"users": {"username": "login"}}', 'members') WHERE part = 'members' ORDER BY 1, 2;
RESET ROLE;
INSERT INTO members VALUES (3, 1, 9), (3, 2, 1), (4, 1, 1);
SET ROLE regress_virtual_owner;
SELECT account.protect_last_member('members', 'tenant_id', 'role', 'owner');
RESET ROLE;
UPDATE users SET state = 'open';
SELECT access_token AS token, refresh_token AS refresh, status, tenant_id FROM account.login('u3', 'a long secret', tenant => 'acme')
\gset
SELECT :'status' AS status, :'tenant_id' AS tenant, claims ->> 'tenant_role' AS role FROM account.verify_access_token(:'token') AS claims;
BEGIN;
SELECT account.authenticate(:'token'), account.tenant_role();
ROLLBACK;
UPDATE members SET since = now() WHERE user_id = 3;
SELECT status FROM account.refresh(:'refresh');
UPDATE members SET level = 2 WHERE user_id = 3 AND tenant_id = 1;	-- fails
UPDATE members SET level = 7 WHERE user_id = 3 AND tenant_id = 1;
UPDATE members SET until = now() WHERE user_id = 3 AND tenant_id = 1;	-- fails
INSERT INTO members VALUES (1, 1, 8);
SELECT refresh_token AS refresh FROM account.login('u3', 'a long secret', tenant => 'acme')
\gset
UPDATE members SET until = now() WHERE user_id = 3 AND tenant_id = 1;
SELECT status, error FROM account.refresh(:'refresh');
SELECT account.forget_tables();

-- rules over columns: what is unique, erased, a key or a stamp must be in the row
SET ROLE regress_virtual_owner;
SELECT account.enable_soft_delete('users');
SELECT account.set_erasure('users', 'email', 'null');	-- fails
SELECT account.enable_soft_delete('tenants', deleted_by => 'slug_by');
CREATE TABLE stamped (id int PRIMARY KEY, who text GENERATED ALWAYS AS ('nobody'), d text);
SELECT account.enable_soft_delete('stamped', deleted_by => 'who');	-- fails
-- hiding, RETURNING, row security over a virtual column
DELETE FROM users WHERE email = 'u4@virtual.example' RETURNING old.email, new.is_active, new.deleted_at IS NOT NULL AS gone;
SELECT id, email FROM users ORDER BY id;
SELECT id, email FROM account.deleted(NULL::users);
CREATE TABLE docs (id int PRIMARY KEY, path text, tenant_id text GENERATED ALWAYS AS (split_part(path, '/', 1)));
SELECT account.enable_tenant_isolation('docs');
INSERT INTO docs VALUES (1, 'acme/x');	-- fails
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA virtual CASCADE;
SELECT account.retire_key('virtual');
DELETE FROM account.session;
REVOKE ALL ON FUNCTION account.use_tables(regclass, regclass, regclass, jsonb, regclass) FROM regress_virtual_owner;
DROP ROLE regress_virtual_owner;
\endif
