-- on accounts
INSERT INTO app.tenants (slug, name) VALUES ('globex', 'Globex');
SELECT account.register('cid@example.com', 'correct horse battery', 'cid', 'globex');
UPDATE app.users SET is_superuser = true WHERE username = 'sue';
SELECT id AS sue FROM app.users WHERE username = 'sue' \gset
BEGIN;
SELECT account.act_as(:'sue');
SELECT account.delete_tenant('globex');
COMMIT;
-- shown
BEGIN;
SELECT account.act_as(:'sue') IS NOT NULL AS identified;
SELECT jsonb_pretty(account.restore_tenant('globex'));
COMMIT;
SELECT status FROM account.login('cid', 'correct horse battery');
