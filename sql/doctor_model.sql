-- What the doctor says of the account model; each remedy that is SQL mends its finding.
SET client_min_messages = warning;
SELECT code FROM account.doctor_model() ORDER BY code, object;
SELECT account.create_key() IS NOT NULL AS key;
CREATE SCHEMA dm;
CREATE TABLE dm.tenants (id int PRIMARY KEY, slug text, modules jsonb, is_active boolean);
CREATE TABLE dm.users (id int PRIMARY KEY, email text, password text, tenant_id int, is_active boolean DEFAULT true);
INSERT INTO dm.tenants VALUES (1, 'good', '["a"]', true), (2, 'null', NULL, true), (3, 'object', '{}', true), (4, 'off', '[]', false);
INSERT INTO dm.users VALUES (1, 'a@x', NULL, 1), (2, 'b@x', 'md5$x$y', 2), (3, 'c@x', '!unusable', NULL), (4, 'd@x', '', 4), (5, 'e@x', 'plain', 9);
SELECT count(*) FROM account.use_tables('dm.users', tenants => 'dm.tenants');
SELECT * FROM account.doctor_model() ORDER BY code;
SELECT code FROM account.doctor() WHERE object LIKE 'dm.%' OR object = 'account.signing_key' ORDER BY 1;
-- whatever the collation of passwords is
BEGIN;
CREATE COLLATION dm.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
ALTER TABLE dm.users ALTER password TYPE text COLLATE dm.blind;
SELECT message FROM account.doctor() WHERE code = 'weak_password_hash';
ROLLBACK;
BEGIN;
UPDATE account.signing_key SET signs = false;
SELECT severity, object, message, remedy FROM account.doctor_model() WHERE code = 'no_signing_key';
ROLLBACK;
SELECT remedy FROM account.doctor_model() WHERE remedy ~ '^(UPDATE|SELECT|CREATE)' ORDER BY code, remedy COLLATE "C" \gexec
SELECT code FROM account.doctor_model() ORDER BY code;
TABLE dm.tenants ORDER BY id;
SELECT id, tenant_id, is_active FROM dm.users ORDER BY id;
ALTER TABLE dm.users RENAME COLUMN is_active TO enabled;
SELECT code, message, remedy FROM account.doctor_model() ORDER BY code;
ALTER TABLE dm.users DROP COLUMN password;
SELECT count(*) FROM account.use_tables('dm.users', tenants => 'dm.tenants');
SELECT code, message, remedy FROM account.doctor_model() ORDER BY code;
-- triggers that were lost, those of tables that inherit later too: changes of their rows end no sessions
CREATE TABLE dm.staff () INHERITS (dm.users);
CREATE TABLE dm.nurses () INHERITS (dm.staff);
CREATE TABLE dm.trials () INHERITS (dm.tenants);
DROP TRIGGER zz_account_statement ON dm.users;
DROP TRIGGER zz_account_sessions ON dm.staff;
DROP TRIGGER zz_account_statement ON dm.staff;
DROP TRIGGER zz_account_sessions ON dm.nurses;
DROP TRIGGER zz_account_statement ON dm.nurses;
DROP TRIGGER zz_account_sessions ON dm.trials;
INSERT INTO dm.nurses VALUES (7, 'n@x');
INSERT INTO account.session (id, user_id, token_hash, created_at, refreshed_at, expires_at) VALUES (gen_random_uuid(), '7', '\x00', now(), now(), now() + interval '1 day');
SELECT severity, object, message, remedy FROM account.doctor_model() WHERE code = 'sessions_not_ended' ORDER BY object, remedy;
DELETE FROM dm.nurses;
SELECT end_reason FROM account.session WHERE user_id = '7';
INSERT INTO dm.nurses VALUES (7, 'n@x');
SELECT remedy FROM account.doctor_model() WHERE code = 'sessions_not_ended' ORDER BY remedy COLLATE "C" \gexec
SELECT code FROM account.doctor_model() WHERE code = 'sessions_not_ended';
UPDATE dm.users SET tenant_id = 1 WHERE id = 7;
SELECT end_reason FROM account.session WHERE user_id = '7';
DELETE FROM dm.users WHERE id = 7;
SELECT end_reason FROM account.session WHERE user_id = '7';
SELECT type, subject FROM account.event WHERE subject = '7' ORDER BY id DESC LIMIT 1;
SELECT account.forget_tables();
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgfoid = 'account.end_sessions'::regproc;
SELECT code FROM account.doctor_model() ORDER BY code, object;
-- partitions have clones of the trigger for rows, and need none for statements
CREATE TABLE dm.members (id int, k int, email text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE dm.members_1 PARTITION OF dm.members FOR VALUES IN (1) PARTITION BY RANGE (id);
SELECT count(*) FROM account.use_tables('dm.members');
CREATE TABLE dm.members_1_1 PARTITION OF dm.members_1 FOR VALUES FROM (1) TO (1000);
SELECT code FROM account.doctor_model() WHERE code = 'sessions_not_ended';
SELECT account.forget_tables();
DROP SCHEMA dm CASCADE;
