-- Tenants go for good when their time is over, each in batches; what is in the way of one does not keep the others.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
SELECT account.forget_tables() \g /dev/null
\set VERBOSITY sqlstate
CALL account.purge_tenants(); -- fails
\set VERBOSITY default
SELECT account.create_starter('pt') \g /dev/null
\set VERBOSITY sqlstate
CALL account.purge_tenants(); -- fails
\set VERBOSITY default
SELECT account.set_reference_policy('pt.users', 'users_tenant_id_fkey', 'cascade') \g /dev/null
SELECT account.enable_soft_delete('pt.tenants') \g /dev/null
INSERT INTO pt.tenants (slug) VALUES ('a'), ('b'), ('c'), ('d');
INSERT INTO pt.users (email, username, tenant_id) SELECT t.slug || i || '@x.org', t.slug || i, t.id FROM pt.tenants t, generate_series(1, 10) i;
CREATE TABLE pt.bills (id int PRIMARY KEY, who uuid REFERENCES pt.users);
INSERT INTO pt.bills SELECT 1, id FROM pt.users WHERE username = 'b1';
UPDATE pt.tenants SET deleted_at = now() - CASE slug WHEN 'c' THEN interval '1 day' ELSE interval '40 days' END WHERE slug <> 'd';
CREATE FUNCTION pg_temp.left_over() RETURNS TABLE (slug text, users bigint) LANGUAGE sql SET pgaccount.show_deleted = on AS
    'SELECT t.slug, (SELECT count(*) FROM pt.users u WHERE u.tenant_id = t.id) FROM pt.tenants t ORDER BY 1';
CALL account.purge_tenants(4);
SELECT * FROM pg_temp.left_over();
DELETE FROM pt.bills;
CALL account.purge_tenants();
RESET client_min_messages;
CALL account.purge_tenants();
SET client_min_messages = warning;
SELECT * FROM pg_temp.left_over();
SELECT state, done FROM account.removal ORDER BY id DESC LIMIT 2;
\set VERBOSITY sqlstate
CALL account.purge_tenants(0); -- fails
CALL account.purge_tenants(NULL); -- fails
BEGIN;
CALL account.purge_tenants(); -- fails
ROLLBACK;
\set VERBOSITY default
SELECT account.forget_tables() \g /dev/null
DROP SCHEMA pt CASCADE;
DELETE FROM account.removal_task;
DELETE FROM account.event;
