\pset footer off
\echo '======================================================================================'
\echo ' Story 6. Who is asking'
\echo '======================================================================================'
\echo
\echo '--- Documents are seen by their own organisation alone. Said once, for every role but superusers:'
\echo
\set QUIET on
\connect - webapp
CREATE TABLE app.documents (id bigint PRIMARY KEY, organisation_id bigint NOT NULL REFERENCES app.organisations, title text);
INSERT INTO app.documents SELECT o.id, o.id, 'Plan of ' || o.name FROM app.organisations o;
\set QUIET off
SELECT account.enable_tenant_isolation('app.documents', 'organisation_id');
\echo '--- Nobody is asking yet: no rows.'
\echo
SELECT count(*) AS documents FROM app.documents;
\echo '--- A user of organisation 7 logs in. The backend hands the token to the database, for this transaction.'
\echo
\set QUIET on
SELECT email FROM account.register('gus@example.org', 'correct horse battery', tenant => 'org-7') \gset
SELECT access_token AS token FROM account.login('gus@example.org', 'correct horse battery') \gset
\set QUIET off
BEGIN;
SELECT account.authenticate(:'token') IS NOT NULL AS identified;
SELECT account.claim('tenant') AS organisation, account.claims() -> 'modules' AS modules;
SELECT title FROM app.documents;
\echo '--- Nor can a document be put into another one.'
\echo
\set ON_ERROR_STOP 0
INSERT INTO app.documents VALUES (99, 8, 'Not mine');
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
ROLLBACK;
\echo '--- A policy of your own asks the same. Only a token sets the identity: no SET, no connection option.'
\echo
CREATE POLICY own_posts ON app.posts USING (author_id = account.uid_bigint());
ALTER TABLE app.posts ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.posts FORCE ROW LEVEL SECURITY;
BEGIN;
SELECT account.authenticate(:'token') IS NOT NULL AS identified;
INSERT INTO app.posts (author_id, title) VALUES (account.uid_bigint(), 'Mine');
SELECT title FROM app.posts;
COMMIT;
\set ON_ERROR_STOP 0
SET pgaccount.uid = '1';
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
\set ON_ERROR_STOP 1
\echo
\echo '--- Gus is deleted. His token is good for minutes yet, and opens nothing.'
\echo
DELETE FROM app.users WHERE email = 'gus@example.org';
\set ON_ERROR_STOP 0
BEGIN;
SELECT account.authenticate(:'token');
\if :ERROR
\else
\warn 'that should have failed'
\quit 3
\endif
ROLLBACK;
\set ON_ERROR_STOP 1
