\pset footer off
\echo '======================================================================================'
\echo ' Story 7. A big organisation leaves, while the others work'
\echo '======================================================================================'
\echo
\echo '--- Thousands of rows. First the plan is approved: another one would not be carried out.'
\echo
\set QUIET on
\connect - postgres
SET client_min_messages = warning;
INSERT INTO app.clients (organisation_id, owner_id, name)
    SELECT 3, u.id, 'Client ' || n FROM generate_series(1, 2000) n, (SELECT min(id) AS id FROM app.users WHERE organisation_id = 3) u;
INSERT INTO app.deals (client_id, created_by, title, amount)
    SELECT c.id, c.owner_id, 'Deal', 1 FROM app.clients c, generate_series(1, 3) WHERE c.organisation_id = 3;
DROP TABLE app.documents;
\set QUIET off
SELECT sum(rows) AS rows, count(*) AS steps FROM account.cleanup_plan('app.organisations', 3, force => true);
SELECT account.plan_hash('app.organisations', 3, force => true) AS approved \gset
\echo '--- It goes in transactions of a thousand rows. After the first ones somebody stops it.'
\echo
CALL account.cleanup_batches('app.organisations', '3', force => true, batch_size => 1000, max_runtime => '1 ms', approve => :'approved');
SELECT target, state, done, remaining, batches FROM account.removal;
\echo '--- Killed, paused or restarted: the same CALL goes on where it was.'
\echo
CALL account.cleanup_batches('app.organisations', '3', force => true, batch_size => 1000, approve => :'approved');
SELECT target, state, done, remaining, batches FROM account.removal;
SELECT count(*) AS organisations FROM app.organisations WHERE id = 3;
