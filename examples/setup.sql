-- The database of the three examples: the starter with members of several tenants, one table of the application's own,
-- and the role that it connects as. Run once, by a superuser, in a database of its own.
CREATE EXTENSION IF NOT EXISTS pgaccount;
SELECT account.create_starter('app', members => true);
SELECT account.protect_last_member('app.memberships', 'tenant_id', 'role');
SELECT account.create_key();

-- The application's: whose a note is, the identity says; policies show each tenant its own.
CREATE TABLE app.notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL DEFAULT account.tenant_uuid() REFERENCES app.tenants ON DELETE CASCADE,
    author_id uuid NOT NULL DEFAULT account.uid_uuid() REFERENCES app.users ON DELETE CASCADE,
    body text NOT NULL
);
CREATE INDEX ON app.notes (tenant_id);
CREATE INDEX ON app.notes (author_id);
SELECT account.enable_tenant_isolation('app.notes');

-- What the application connects as: it may call, and read and write its own table, nothing else.
CREATE ROLE notes_web LOGIN;
SELECT account.grant_api('notes_web');
GRANT USAGE ON SCHEMA app TO notes_web;
GRANT SELECT, INSERT ON app.notes TO notes_web;
ALTER ROLE notes_web SET search_path = app;

-- Ann owns two tenants, Ben works in one of them.
INSERT INTO app.tenants (slug, name) VALUES ('river', 'River Ltd'), ('hill', 'Hill Ltd');
SELECT account.register('ann@notes.test', 'a secret of ann'), account.register('ben@notes.test', 'a secret of ben');
INSERT INTO app.memberships (user_id, tenant_id, role)
    SELECT u.id, t.id, CASE u.email WHEN 'ann@notes.test' THEN 'owner' ELSE 'member' END
    FROM app.users u JOIN app.tenants t ON u.email = 'ann@notes.test' OR t.slug = 'river';
