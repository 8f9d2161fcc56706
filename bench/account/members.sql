-- For contenders.bash, in a copy of the database of tables.sql: the same users as members, each of two tenants.
SET client_min_messages = warning;
SET pgaccount.password_memory = '8kB';
SET pgaccount.password_ops = 1;
CREATE TABLE app.memberships (user_id uuid NOT NULL REFERENCES app.users, tenant_id uuid NOT NULL REFERENCES app.tenants, role text NOT NULL DEFAULT 'member',
    is_active boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (user_id, tenant_id));
CREATE INDEX ON app.memberships (tenant_id);
INSERT INTO app.memberships (user_id, tenant_id)
    SELECT u.id, t.id FROM app.users u JOIN app.tenants t ON t.id = u.tenant_id OR t.slug = CASE WHEN u.tenant_id = (SELECT id FROM app.tenants WHERE slug = 't1') THEN 't2' ELSE 't1' END;
SELECT account.use_tables('app.users', 'app.profiles', 'app.tenants', members => 'app.memberships') \g /dev/null
-- each user's last session says in which tenant the next one is
UPDATE public.token t SET access_token = (account.issue_tokens(t.id::text)).access_token;
VACUUM (FREEZE, ANALYZE);
