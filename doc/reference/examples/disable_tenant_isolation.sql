CREATE TABLE documents (id bigint PRIMARY KEY, tenant_id bigint);
SELECT account.enable_tenant_isolation('documents');
-- shown
SELECT account.disable_tenant_isolation('documents');
SELECT relrowsecurity FROM pg_class WHERE oid = 'documents'::regclass;
