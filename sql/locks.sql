-- The strongest lock that each call takes on each table of the application: what doc/recipes/production.md promises.
SET client_min_messages = warning;
-- a key, so that it is told what tokens are good for
SELECT account.create_key() \g /dev/null
CREATE SCHEMA lk;
SET search_path = lk;
CREATE TABLE tenants (id int PRIMARY KEY, slug text);
CREATE TABLE users (id int PRIMARY KEY, email text CONSTRAINT users_email_key UNIQUE, tenant_id int REFERENCES tenants, password text);
CREATE TABLE profiles (user_id int PRIMARY KEY REFERENCES users);
CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES users ON DELETE CASCADE, deleted_at timestamptz);
CREATE FUNCTION strength(mode text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT array_position(ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock',
    'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'], mode) $$;
CREATE VIEW locks AS SELECT DISTINCT ON (c.relname COLLATE "C") c.relname AS "table", l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'lk'::regnamespace AND c.relkind = 'r' AND strength(l.mode) > 3 ORDER BY c.relname COLLATE "C", strength(l.mode) DESC;
\set QUIET off

-- the column is there already: ALTER TABLE users ADD COLUMN deleted_at before, which takes a moment
BEGIN; ALTER TABLE users ADD COLUMN deleted_at timestamptz; TABLE locks; COMMIT;
BEGIN; SELECT account.enable_soft_delete('users') \gset
TABLE locks; COMMIT;
-- where it has to be added
BEGIN; SELECT account.enable_soft_delete('tenants') \gset
TABLE locks; ROLLBACK;
-- a child that follows: its parent as well
BEGIN; SELECT account.enable_soft_delete('posts') \gset
TABLE locks; COMMIT;
BEGIN; SELECT account.enable_soft_delete('users') \gset
TABLE locks; COMMIT;
BEGIN; SELECT account.enable_soft_delete('users', hide => false) \gset
TABLE locks; ROLLBACK;
BEGIN; SELECT account.enable_soft_delete('users', guard_references => true) \gset
TABLE locks; ROLLBACK;
BEGIN; SELECT account.set_reference_policy('posts', 'author', 'cascade') \gset
TABLE locks; ROLLBACK;
BEGIN; SELECT account.set_reference('posts', '{id}', 'tenants', 'cascade') \gset
TABLE locks; ROLLBACK;
-- an index that was built CONCURRENTLY is taken in a moment
CREATE UNIQUE INDEX CONCURRENTLY users_email_live ON users (email) WHERE deleted_at IS NULL;
BEGIN; SELECT account.unique_among_live('users', 'email');
TABLE locks; COMMIT;
BEGIN; SELECT account.enable_profile('users', 'profiles') \gset
TABLE locks; COMMIT;
BEGIN; SELECT count(*) FROM account.use_tables('users', 'profiles', 'tenants');
TABLE locks; COMMIT;
BEGIN; SELECT account.forget_tables() \gset
TABLE locks; COMMIT;
BEGIN; SELECT account.disable_profile('users', 'profiles') \gset
TABLE locks; COMMIT;
BEGIN; SELECT account.disable_soft_delete('users') \gset
TABLE locks; ROLLBACK;
-- isolation, the last member, erasure, holds
BEGIN; SELECT account.enable_tenant_isolation('users') \gset
TABLE locks; SELECT account.disable_tenant_isolation('users') \gset
ROLLBACK;
CREATE TABLE members (user_id int REFERENCES users, tenant_id int REFERENCES tenants, role text, PRIMARY KEY (user_id, tenant_id));
BEGIN; SELECT account.protect_last_member('members', 'tenant_id', 'role') \gset
TABLE locks; COMMIT;
BEGIN; SELECT account.unprotect_last_member('members') \gset
TABLE locks; COMMIT;
BEGIN; SELECT account.set_erasure('users', 'email', 'hash') \gset
TABLE locks; COMMIT;
BEGIN; SELECT account.set_purge('users', 'erase') \gset
TABLE locks; SELECT account.set_purge('users', NULL) \gset
COMMIT;
BEGIN; SELECT account.set_erasure('users', 'email', NULL) \gset
TABLE locks; COMMIT;
INSERT INTO users VALUES (0, 'held');
INSERT INTO posts VALUES (0, 0);
BEGIN; SELECT account.place_hold('users', 0, 'case') \gset
TABLE locks; SELECT account.release_hold(id, 'closed') FROM account.hold \gset
ROLLBACK;
DELETE FROM posts; DELETE FROM users; SELECT account.purge('users', '0', force => true) \gset
-- what runs while the application serves
INSERT INTO users VALUES (1, 'a');
INSERT INTO posts VALUES (1, 1);
BEGIN; DELETE FROM users; TABLE locks; COMMIT;
BEGIN; SELECT account.restore('users', 1); TABLE locks; ROLLBACK;
BEGIN; SELECT account.purge('users', '0'); TABLE locks; ROLLBACK;
BEGIN; SELECT count(*) FROM account.cleanup('users', 1); TABLE locks; ROLLBACK;
BEGIN; SELECT count(*) >= 0 FROM account.doctor(); TABLE locks; ROLLBACK;
\set QUIET on
DROP SCHEMA lk CASCADE;
