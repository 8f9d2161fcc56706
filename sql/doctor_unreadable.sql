-- An owner that cannot read its own table is a finding of that, and keeps the doctor from none of the others.
SET client_min_messages = error;
CREATE ROLE regress_unreadable;
CREATE SCHEMA du AUTHORIZATION regress_unreadable;
CREATE SCHEMA du_other;
CREATE TABLE du_other.parents (id int PRIMARY KEY);
CREATE TABLE du_other.children (id int PRIMARY KEY, parent_id int REFERENCES du_other.parents);
SELECT account.enable_soft_delete('du_other.parents');
INSERT INTO du_other.parents VALUES (1);
INSERT INTO du_other.children VALUES (1, 1);
UPDATE du_other.parents SET deleted_at = now() - interval '10 years';
SET ROLE regress_unreadable;
CREATE TABLE du.t (id int PRIMARY KEY, deleted_at timestamptz);
SELECT account.enable_soft_delete('du.t');
INSERT INTO du.t VALUES (1);
CREATE TABLE du.tenants (id int PRIMARY KEY);
CREATE TABLE du.users (id int PRIMARY KEY, email text UNIQUE, password text);
CREATE TABLE du.members (user_id int, tenant_id int, role text, UNIQUE (user_id, tenant_id));
RESET ROLE;
SELECT count(*) FROM account.use_tables('du.users', tenants => 'du.tenants', members => 'du.members');
SELECT account.protect_last_member('du.members', 'tenant_id', 'role', role => 'owner');
SELECT account.place_hold('du.t', 1, 'a case') > 0 AS held;
SET ROLE regress_unreadable;
REVOKE ALL ON du.t, du.users, du.members FROM regress_unreadable;
RESET ROLE;
SELECT severity, code, object, message, remedy FROM account.doctor() WHERE object LIKE 'du%';
REVOKE USAGE ON SCHEMA du FROM regress_unreadable;
SELECT severity, code, object, message, remedy FROM account.doctor() WHERE object LIKE 'du%';
-- who owns it is told, too
SET ROLE regress_unreadable;
SELECT code, object FROM account.doctor() WHERE object LIKE 'du%';
RESET ROLE;
SELECT remedy FROM account.doctor() WHERE object LIKE 'du.%' AND code = 'table_unreadable' \gexec
SELECT code, object FROM account.doctor() WHERE object LIKE 'du%';
SELECT account.release_hold(id, 'over') FROM account.hold WHERE reason = 'a case';
SELECT account.unprotect_last_member('du.members');
SELECT account.forget_tables();
DROP SCHEMA du, du_other CASCADE;
DROP ROLE regress_unreadable;
