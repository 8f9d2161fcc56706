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
-- its deleted users go with it whatever their key does, at once or in batches; what else stands in the way still does
CREATE SCHEMA pk;
CREATE TABLE pk.firms (id int PRIMARY KEY, slug text);
CREATE TABLE pk.staff (gone int, tenant int REFERENCES pk.firms, id int PRIMARY KEY, email text, is_superuser boolean DEFAULT false);
ALTER TABLE pk.staff DROP COLUMN gone;
ALTER TABLE pk.firms ADD owner int REFERENCES pk.staff ON DELETE RESTRICT;
CREATE TABLE pk.bills (id int PRIMARY KEY, who int REFERENCES pk.staff, firm int REFERENCES pk.firms);
SELECT account.enable_soft_delete('pk.firms'), account.enable_soft_delete('pk.staff') \g /dev/null
SELECT account.use_tables('pk.staff', tenants => 'pk.firms') \g /dev/null
INSERT INTO pk.firms SELECT i, 'firm ' || i FROM generate_series(1, 4) i;
INSERT INTO pk.staff (id, tenant, email) SELECT 10 * f + i, f, f || '-' || i || '@x.org' FROM generate_series(1, 4) f, generate_series(1, 5) i;
INSERT INTO pk.staff VALUES (NULL, 1, 'root@x.org', true);
UPDATE pk.firms SET owner = 10 * id + 1;
INSERT INTO pk.bills VALUES (1, 21, NULL);
SELECT account.act_as('1', false), account.delete_tenant(slug) FROM pk.firms ORDER BY slug \g /dev/null
SELECT account.sign_out() \g /dev/null
SELECT account.restore('pk.staff', 35) AS came_back;
SELECT account.place_hold('pk.staff', 41, 'case') AS hold \gset
SET pgaccount.grace_period = 0;
SET pgaccount.show_deleted = on;
CREATE FUNCTION pg_temp.kept() RETURNS TABLE (firm int, staff bigint) LANGUAGE sql AS 'SELECT f.id, (SELECT count(*) FROM pk.staff WHERE tenant = f.id) FROM pk.firms f ORDER BY 1';
-- not by hand
CALL account.cleanup_batches('pk.firms', '1'); -- fails
\set VERBOSITY terse
CALL account.purge_tenants(2);
\set VERBOSITY default
SELECT * FROM pg_temp.kept();
DELETE FROM pk.bills;
DELETE FROM pk.staff WHERE id = 35;
SELECT account.release_hold(:hold, 'over') \g /dev/null
-- interrupted, it goes on
CREATE FUNCTION pk.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not yet' USING ERRCODE = '42000'; END $$;
CREATE TRIGGER refuse BEFORE DELETE ON pk.staff FOR EACH ROW WHEN (OLD.id = 22) EXECUTE FUNCTION pk.refuse();
CALL account.purge_tenants(2); -- fails
SELECT state, done > 0 AS begun FROM account.removal ORDER BY id DESC LIMIT 1;
CALL account.cleanup_batches('pk.firms', '2'); -- fails
DROP TRIGGER refuse ON pk.staff;
CALL account.purge_tenants(2);
SELECT * FROM pg_temp.kept();
SELECT id FROM pk.staff;
RESET pgaccount.show_deleted;
SELECT account.forget_tables() \g /dev/null
-- users without soft delete are live: none goes
CREATE TABLE pk.plain (id int PRIMARY KEY, email text, tenant int REFERENCES pk.firms);
SELECT account.use_tables('pk.plain', tenants => 'pk.firms') \g /dev/null
INSERT INTO pk.firms VALUES (5, 'firm 5');
INSERT INTO pk.plain VALUES (1, 'a@x.org', 5);
DELETE FROM pk.firms;
CALL account.purge_tenants();
SELECT account.forget_tables() \g /dev/null
DROP TABLE pk.plain;
-- so do memberships, and those alone of this tenant
CREATE TABLE pk.members (who int REFERENCES pk.staff, firm int REFERENCES pk.firms ON DELETE RESTRICT, role text, PRIMARY KEY (who, firm));
INSERT INTO pk.firms VALUES (6, 'firm 6'), (7, 'firm 7');
INSERT INTO pk.staff (id, email) SELECT i, i || '@x.org' FROM generate_series(61, 64) i;
INSERT INTO pk.members SELECT id, 6, 'owner' FROM pk.staff WHERE id > 60 UNION ALL VALUES (61, 7, 'owner');
SELECT account.use_tables('pk.staff', tenants => 'pk.firms', members => 'pk.members', columns => '{"members": {"user": "who", "tenant": "firm"}}') \g /dev/null
SELECT account.act_as('1', false), account.delete_tenant('firm 6') \g /dev/null
SELECT account.sign_out() \g /dev/null
CALL account.purge_tenants(2);
SET pgaccount.show_deleted = on;
SELECT f.id, (SELECT count(*) FROM pk.members m WHERE m.firm = f.id) AS members FROM pk.firms f ORDER BY 1;
SELECT string_agg(id::text, ' ' ORDER BY id) AS live FROM pk.staff WHERE deleted_at IS NULL;
RESET pgaccount.show_deleted;
-- also where they have soft delete, and have stayed live, with what follows them; where their key cascades they are back
CREATE TABLE pk.badges (id int PRIMARY KEY, who int, firm int, FOREIGN KEY (who, firm) REFERENCES pk.members ON DELETE CASCADE, wearer int REFERENCES pk.staff);
SELECT account.enable_soft_delete('pk.members', on_parent_delete => 'delete') \g /dev/null
INSERT INTO pk.firms SELECT i, 'firm ' || i FROM generate_series(8, 9) i;
INSERT INTO pk.staff (id, email) SELECT i, i || '@x.org' FROM generate_series(81, 85) i;
INSERT INTO pk.members SELECT id, f, 'owner' FROM pk.staff, generate_series(8, 9) f WHERE id > 80 AND (f = 8 OR id = 81);
INSERT INTO pk.badges SELECT row_number() OVER (ORDER BY firm, who), who, firm FROM pk.members WHERE who > 80;
SELECT account.act_as('1', false), account.delete_tenant('firm 8') \g /dev/null
SELECT count(*) AS live FROM pk.members WHERE firm = 8;
BEGIN;
ALTER TABLE pk.members DROP CONSTRAINT members_firm_fkey, ADD FOREIGN KEY (firm) REFERENCES pk.firms ON DELETE CASCADE;
COMMIT;
CALL account.purge_tenants(2);
BEGIN;
ALTER TABLE pk.members DROP CONSTRAINT members_firm_fkey, ADD FOREIGN KEY (firm) REFERENCES pk.firms;
COMMIT;
CALL account.purge_tenants(2);
SET pgaccount.show_deleted = on;
SELECT f.id, (SELECT count(*) FROM pk.members m WHERE m.firm = f.id) AS members, (SELECT count(*) FROM pk.badges b WHERE b.firm = f.id) AS badges FROM pk.firms f ORDER BY 1;
SELECT count(*) AS badges FROM pk.badges;
RESET pgaccount.show_deleted;
SELECT account.sign_out() \g /dev/null
RESET pgaccount.grace_period;
SELECT account.forget_tables() \g /dev/null
DROP SCHEMA pk CASCADE;
DELETE FROM account.removal_task;
DELETE FROM account.event;
