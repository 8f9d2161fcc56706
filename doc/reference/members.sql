SELECT account.create_starter('app', members => true);
SELECT account.create_key('HS256', 'key-1');
INSERT INTO app.tenants (slug, name, modules) VALUES ('acme', 'Acme', '["crm"]'), ('globex', 'Globex', '[]');
SELECT account.register('ann@example.com', 'correct horse battery', 'ann', 'acme');
SELECT account.register('bob@example.com', 'correct horse battery', 'bob', 'acme');
UPDATE app.memberships SET role = 'owner' WHERE user_id = (SELECT id FROM app.users WHERE username = 'ann');
INSERT INTO app.memberships (user_id, tenant_id, role)
    SELECT u.id, t.id, 'member' FROM app.users u, app.tenants t WHERE u.username = 'ann' AND t.slug = 'globex';
