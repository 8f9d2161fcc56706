\pset footer off
\echo '======================================================================================'
\echo ' Story 4. What happened?'
\echo '======================================================================================'
\echo
\echo '--- An administrator says which tables hold the accounts, makes a key, and lets the application use the calls.'
\echo
\set QUIET on
\connect - postgres
\set QUIET off
SELECT part, attribute, column_name FROM account.use_tables('app.users', 'app.profiles', 'app.organisations',
    '{"users": {"tenant": "organisation_id"}}') WHERE source = 'detected' AND attribute IN ('email', 'password', 'role', 'modules');
SELECT account.create_key() IS NOT NULL AS key, account.grant_api('webapp') IS NOT NULL AS granted;
\echo '--- Zoe registers with an organisation, once, whoever else races for her address. She mistypes her password, then logs in.'
\echo
\set QUIET on
\connect - webapp
\set QUIET off
SELECT email, tenant_id IS NOT NULL AS in_organisation FROM account.register('zoe@example.org', 'correct horse battery', tenant => (SELECT slug FROM app.organisations WHERE is_active ORDER BY id LIMIT 1));
\set ON_ERROR_STOP 0
SELECT account.register('ZOE@example.org', 'correct horse battery');
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
SELECT status, error FROM account.login('zoe@example.org', 'correct hearse battery', '203.0.113.9');
SELECT status, error, token_type, expires_in FROM account.login('zoe@example.org', 'correct horse battery', '203.0.113.9', 'Firefox');
\echo '--- Somebody tries what nobody may, in a transaction that is rolled back. The refusal is remembered all the same.'
\echo
BEGIN;
SELECT account.set_client_ip('198.51.100.66');
\set ON_ERROR_STOP 0
SELECT account.set_password('1', 'all yours now');
\set ON_ERROR_STOP 1
ROLLBACK;
\echo '--- Zoe is deleted by a plain statement: her sessions end with it.'
\echo
DELETE FROM app.users WHERE email = 'zoe@example.org';
\echo '--- Who did what, to whom, from where? Nobody but a superuser can change a line of this.'
\echo
\set QUIET on
\connect - postgres
SELECT pg_sleep(0.5) \gset
\set QUIET off
SELECT type, outcome, actor, subject, ip, error_code, coalesce(detail ->> 'email', detail ->> 'error', detail ->> 'message') AS what
  FROM account.event WHERE type <> 'cleanup_done' ORDER BY id DESC LIMIT 6;
\echo '--- How often, how long, how badly? (DELETE statements are the operation soft_delete.)'
\echo
SELECT operation, calls, failures, round(mean_ms::numeric, 1) AS mean_ms, round(p95_ms::numeric, 1) AS p95_ms, last_error
  FROM account.stats WHERE operation IN ('register', 'login', 'set_password', 'soft_delete', 'cleanup') ORDER BY operation;
\echo '--- Can people log in? For a probe, every second.'
\echo
SELECT h ->> 'status' AS status, h ->> 'library' AS library, h ->> 'model' AS model, h -> 'keys' AS keys, h -> 'queue' AS queue FROM account.health() AS h;
\echo '--- And what should somebody see to? Each finding comes with what mends it.'
\echo
SELECT severity, code, object, remedy FROM account.doctor() WHERE severity <> 'info' ORDER BY severity, code, object LIMIT 5;
