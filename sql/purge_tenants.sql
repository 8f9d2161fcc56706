-- Tenants go for good when their time is over, each in batches; what is in the way of one does not keep the others.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
SELECT account.forget_tables() \g /dev/null
\set VERBOSITY sqlstate
CALL account.purge_tenants(); -- fails
\set VERBOSITY default
SELECT account.create_starter('pt') \g /dev/null
SELECT account.disable_soft_delete('pt.tenants') \g /dev/null
\set VERBOSITY sqlstate
CALL account.purge_tenants(); -- fails
\set VERBOSITY default
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
-- where the table says so they are erased, once, with what follows them; what is under a hold is passed
INSERT INTO pt.tenants (slug, name) VALUES ('e', 'Name of e'), ('f', 'Name of f'), ('g', 'Name of g');
INSERT INTO pt.users (email, tenant_id) SELECT t.slug || '@x.org', t.id FROM pt.tenants t;
SELECT account.set_erasure('pt.tenants', 'name', 'constant:gone'), account.set_erasure('pt.users', 'email', 'hash'), account.set_purge('pt.tenants', 'erase') \g /dev/null
SELECT account.place_hold('pt.tenants', id, 'case') AS hold FROM pt.tenants WHERE slug = 'f' \gset
DELETE FROM pt.tenants WHERE slug IN ('e', 'f');
SET pgaccount.grace_period = 0;
CALL account.purge_tenants();
SET pgaccount.show_deleted = on;
SELECT slug, name, (SELECT count(*) FROM pt.users u WHERE u.tenant_id = t.id AND email ~ '^[0-9a-f]{64}$') AS erased FROM pt.tenants t WHERE name IS NOT NULL ORDER BY 1;
SELECT account.release_hold(:hold, 'over') \g /dev/null
RESET client_min_messages;
CALL account.purge_tenants();
CALL account.purge_tenants();
SET client_min_messages = warning;
SELECT slug, name, (SELECT count(*) FROM pt.users u WHERE u.tenant_id = t.id AND email ~ '^[0-9a-f]{64}$') AS erased FROM pt.tenants t WHERE name IS NOT NULL ORDER BY 1;
RESET pgaccount.show_deleted;
RESET pgaccount.grace_period;
\set VERBOSITY sqlstate
CALL account.purge_tenants(0); -- fails
CALL account.purge_tenants(NULL); -- fails
BEGIN;
CALL account.purge_tenants(); -- fails
ROLLBACK;
\set VERBOSITY default
-- a user that came back alone keeps its tenant, whether that would go at once or in batches
SELECT account.forget_tables() \g /dev/null
CREATE TABLE pt.firms (id int PRIMARY KEY, slug text);
CREATE TABLE pt.staff (id int PRIMARY KEY, firm int REFERENCES pt.firms ON DELETE CASCADE, email text);
SELECT account.enable_soft_delete('pt.firms'), account.enable_soft_delete('pt.staff', on_parent_delete => 'delete') \g /dev/null
SELECT account.use_tables('pt.staff', tenants => 'pt.firms', columns => '{"users": {"tenant": "firm"}}') \g /dev/null
INSERT INTO pt.firms VALUES (1, 'one');
INSERT INTO pt.staff SELECT i, 1, i || '@x.org' FROM generate_series(1, 5) i;
UPDATE pt.firms SET deleted_at = now() - interval '40 days';
SELECT account.restore('pt.staff', 3);
CALL account.purge_tenants(2);
CALL account.purge_tenants();
SET pgaccount.show_deleted = on;
SELECT (SELECT count(*) FROM pt.firms) AS firms, count(*) AS staff FROM pt.staff;
DELETE FROM pt.staff WHERE id = 3;
CALL account.purge_tenants(2);
SELECT (SELECT count(*) FROM pt.firms) AS firms, count(*) AS staff FROM pt.staff;
RESET pgaccount.show_deleted;
SELECT account.forget_tables() \g /dev/null
DROP SCHEMA pt CASCADE;
DELETE FROM account.removal_task;
DELETE FROM account.event;
