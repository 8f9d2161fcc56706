-- on accounts
CREATE TABLE app.documents (id bigint PRIMARY KEY, tenant_id uuid REFERENCES app.tenants, title text);
INSERT INTO app.documents SELECT 1, id, 'Plan' FROM app.tenants;
CREATE ROLE reader;
GRANT USAGE ON SCHEMA app TO reader;
GRANT SELECT ON app.documents TO reader;
SELECT id AS ann FROM app.users WHERE username = 'ann' \gset
-- shown
SELECT account.enable_tenant_isolation('app.documents');
BEGIN;
SELECT account.act_as(:'ann') IS NOT NULL AS ann;
SET LOCAL ROLE reader;
SELECT id, title FROM app.documents;
COMMIT;
SET ROLE reader;
SELECT id, title FROM app.documents;    -- nobody asks: no rows
