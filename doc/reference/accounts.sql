SELECT account.create_starter('app');
SELECT account.create_key('HS256', 'key-1');
INSERT INTO app.tenants (slug, name, modules) VALUES ('acme', 'Acme', '["crm"]');
SELECT account.register('ann@example.com', 'correct horse battery', 'ann', 'acme');
SELECT account.register('bob@example.com', 'correct horse battery', 'bob', 'acme');
SELECT account.register('sue@example.com', 'correct horse battery', 'sue', 'acme');
UPDATE app.users SET is_staff = true WHERE username = 'sue';
