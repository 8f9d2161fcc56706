-- on accounts
SET client_min_messages = warning;
INSERT INTO app.tenants (slug, name) VALUES ('globex', 'Globex');
SELECT account.register('cid@example.com', 'correct horse battery', 'cid', 'globex');
SELECT account.enable_soft_delete('app.tenants');
SELECT account.set_reference_policy('app.users', 'users_tenant_id_fkey', 'cascade');
UPDATE app.users SET deleted_at = now() - interval '40 days' WHERE username = 'cid';
UPDATE app.tenants SET deleted_at = now() - interval '40 days' WHERE slug = 'globex';
-- shown
CALL account.purge_tenants();
SELECT target, state, done FROM account.removal;
SELECT slug FROM app.tenants;
