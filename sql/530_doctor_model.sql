-- What the doctor says of the account model; each remedy that is SQL mends its finding.
SET client_min_messages = warning;
SELECT code FROM account.doctor_model();
SELECT account.create_key() IS NOT NULL AS key;
CREATE SCHEMA dm;
CREATE TABLE dm.tenants (id int PRIMARY KEY, slug text, modules jsonb, is_active boolean);
CREATE TABLE dm.users (id int PRIMARY KEY, email text, password text, tenant_id int, is_active boolean DEFAULT true);
INSERT INTO dm.tenants VALUES (1, 'good', '["a"]', true), (2, 'null', NULL, true), (3, 'object', '{}', true), (4, 'off', '[]', false);
INSERT INTO dm.users VALUES (1, 'a@x', NULL, 1), (2, 'b@x', 'md5$x$y', 2), (3, 'c@x', '!unusable', NULL), (4, 'd@x', '', 4), (5, 'e@x', 'plain', 9);
SELECT count(*) FROM account.use_tables('dm.users', tenants => 'dm.tenants');
SELECT * FROM account.doctor_model() ORDER BY code;
SELECT code FROM account.doctor() WHERE object LIKE 'dm.%' OR object = 'account.signing_key' ORDER BY 1;
BEGIN;
UPDATE account.signing_key SET signs = false;
SELECT severity, object, message, remedy FROM account.doctor_model() WHERE code = 'no_signing_key';
ROLLBACK;
SELECT remedy FROM account.doctor_model() WHERE remedy ~ '^(UPDATE|SELECT|CREATE)' \gexec
SELECT code FROM account.doctor_model() ORDER BY code;
TABLE dm.tenants ORDER BY id;
SELECT id, tenant_id, is_active FROM dm.users ORDER BY id;
ALTER TABLE dm.users RENAME COLUMN is_active TO enabled;
SELECT code, message, remedy FROM account.doctor_model() ORDER BY code;
ALTER TABLE dm.users DROP COLUMN password;
SELECT count(*) FROM account.use_tables('dm.users', tenants => 'dm.tenants');
SELECT code, message, remedy FROM account.doctor_model() ORDER BY code;
SELECT account.forget_tables();
SELECT code FROM account.doctor_model();
DROP SCHEMA dm CASCADE;
