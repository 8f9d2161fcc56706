-- on accounts
BEGIN;
SELECT account.act_as((SELECT id FROM app.users WHERE username = 'ann'));
-- shown
SELECT account.tenant_id(), account.tenant_uuid(), account.tenant_bigint();
