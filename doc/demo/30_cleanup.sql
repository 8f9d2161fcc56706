\pset footer off
\echo '======================================================================================'
\echo ' Story 3. An organisation leaves'
\echo '======================================================================================'
\echo
\echo '--- It has users, clients and deals. Who made a deal is protected, so that it stays known.'
\echo
\set QUIET on
INSERT INTO app.organisations (name, slug) VALUES ('Leaving Ltd', 'leaving') RETURNING id AS leaving \gset
INSERT INTO app.users (organisation_id, email) VALUES (:leaving, 'lea@leaving.example'), (:leaving, 'leo@leaving.example');
SELECT min(id) AS lea, max(id) AS leo FROM app.users WHERE organisation_id = :leaving \gset
INSERT INTO app.clients (organisation_id, owner_id, name) VALUES (:leaving, :lea, 'First client'), (:leaving, :leo, 'Second client');
INSERT INTO app.deals (client_id, created_by, title, amount)
    SELECT c.id, c.owner_id, 'Deal of ' || c.name, 100 FROM app.clients c WHERE c.organisation_id = :leaving;
\set QUIET off
\echo '--- The DELETE that everybody tries first is stopped: rows of it are kept elsewhere.'
\echo
\set ON_ERROR_STOP 0
DELETE FROM app.organisations WHERE slug = 'leaving';
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
\echo
\echo '--- What would have to go, in which order? (Changes nothing.)'
\echo
SELECT * FROM account.cleanup_plan('app.organisations', '{"slug": "leaving"}');
\echo '--- The same to draw: paste it where Mermaid is understood.'
\echo
\set QUIET on
\pset format unaligned
\pset tuples_only on
SELECT account.cleanup_graph('app.organisations', '{"slug": "leaving"}');
\pset tuples_only off
\pset format aligned
\set QUIET off
\echo '--- Do it: in this transaction, or not at all.'
\echo
SELECT * FROM account.cleanup('app.organisations', '{"slug": "leaving"}');
\echo '--- The second run finds nothing, and succeeds.'
\echo
SELECT * FROM account.cleanup('app.organisations', '{"slug": "leaving"}');
\echo '--- A user who sold something is protected. To remove him for good, deals and all, somebody has to say force.'
\echo
\set ON_ERROR_STOP 0
SELECT * FROM account.cleanup('app.users', '{"id": 8}');
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
\echo
SELECT * FROM account.cleanup('app.users', '{"id": 8}', force => true);
