-- Keys that a session's settings write in another form are the same users and tenants.
\set ON_ERROR_STOP true
BEGIN;
SELECT no_plan();
CREATE SCHEMA s;
CREATE TABLE s.tenants (id bytea PRIMARY KEY, slug text UNIQUE);
CREATE TABLE s.users (id bytea PRIMARY KEY DEFAULT decode(md5(random()::text), 'hex'), email text UNIQUE, password text, is_active boolean NOT NULL DEFAULT true, deleted_at timestamptz);
CREATE TABLE s.memberships (user_id bytea REFERENCES s.users, tenant_id bytea REFERENCES s.tenants, role text, PRIMARY KEY (user_id, tenant_id));
INSERT INTO s.tenants VALUES ('\x00ff5c', 'acme');
SELECT account.enable_soft_delete('s.users') \g /dev/null
SELECT count(*) FROM account.use_tables('s.users', tenants => 's.tenants', members => 's.memberships') \g /dev/null
SELECT account.create_key() \g /dev/null
SELECT user_id AS ann FROM account.register('ann@example.org', 'a long password') \gset
INSERT INTO s.memberships VALUES (:'ann'::bytea, '\x00ff5c', 'owner');
SET bytea_output = hex;
SELECT refresh_token FROM account.login('ann@example.org', 'a long password', tenant => 'acme') \gset

SET bytea_output = escape;
UPDATE s.users SET is_active = false;
UPDATE s.users SET is_active = true;
SELECT is((SELECT error FROM account.refresh(:'refresh_token')), 'session_ended', 'a user is known whose session began under other settings');
SELECT user_id AS escaped, access_token FROM account.login('ann@example.org', 'a long password', tenant => 'acme') \gset
SELECT is(:'escaped'::text, :'ann', 'and it is written in one form');
SELECT is(account.authenticate(:'access_token'), :'ann', 'in its identity, too');
SELECT is(account.tenant_id(), '\x00ff5c', 'and so is its tenant');
SELECT is(account.uid()::bytea, (SELECT id FROM s.users), 'which is what the column has');
DELETE FROM s.memberships;
SELECT is((SELECT count(*) FROM account.session WHERE ended_at IS NULL), 0::bigint, 'a session in a tenant ends with the membership');
INSERT INTO s.memberships VALUES (:'ann'::bytea, '\x00ff5c', 'owner');

-- ids that are given in either form
SELECT is((SELECT count(*) FROM account.memberships((SELECT id::text FROM s.users))), 1::bigint, 'an id in the form of the session is found');
SET bytea_output = hex;
SELECT is((SELECT count(*) FROM account.memberships((SELECT id::text FROM s.users))), 1::bigint, 'and in the other');
SELECT throws_ok($$SELECT account.memberships('\400')$$, 'PT403', NULL, 'what is in no form, is no id');
SELECT is((SELECT count(*) FROM account.memberships('\x' || upper(encode(id, 'hex')))), 1::bigint, 'capitals are') FROM s.users;

-- the last member of a tenant
SELECT account.protect_last_member('s.memberships', 'tenant_id', 'role') \g /dev/null
SET bytea_output = escape;
SELECT throws_ok($$DELETE FROM s.memberships$$, '23514', NULL, 'the last member stays, whatever the settings are');
SELECT throws_ok($$DELETE FROM s.users$$, '23514', NULL, 'and its user');

SELECT * FROM finish();
ROLLBACK;
