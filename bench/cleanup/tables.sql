-- The CRM of PEERS.md in a schema of its own: 20 organisations, the one removed has half of every table.
-- scale: 1 is 10,000 users, 50,000 clients, 200,000 deals, 400,000 payments of that one. protecting, following:
-- what its two kinds of foreign keys do ON DELETE.
CREATE OR REPLACE FUNCTION bench.make_crm(name text, scale float8, protecting text, following text, indexes boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    u bigint := 10000 * scale;
BEGIN
    EXECUTE format('DROP SCHEMA IF EXISTS %1$I CASCADE; CREATE SCHEMA %1$I', name);
    PERFORM set_config('search_path', name, true);
    EXECUTE 'CREATE TABLE organization (id bigint PRIMARY KEY, name text NOT NULL);
        CREATE TABLE users (id bigint PRIMARY KEY, organization_id bigint NOT NULL, email text, pad text);
        CREATE TABLE clients (id bigint PRIMARY KEY, organization_id bigint NOT NULL, owner_id bigint NOT NULL, pad text);
        CREATE TABLE deals (id bigint PRIMARY KEY, client_id bigint NOT NULL, created_by bigint NOT NULL, pad text);
        CREATE TABLE payments (id bigint PRIMARY KEY, deal_id bigint NOT NULL, amount numeric, pad text)';
    EXECUTE format('INSERT INTO organization SELECT i, ''org'' || i FROM generate_series(1, 20) i;
        INSERT INTO users SELECT i, CASE WHEN i <= %1$s THEN 1 ELSE 2 + i %% 19 END, ''u'' || i, repeat(''x'', 80) FROM generate_series(1, 2 * %1$s) i;
        INSERT INTO clients SELECT i, CASE WHEN i <= 5 * %1$s THEN 1 ELSE 2 + i %% 19 END, (i > 5 * %1$s)::int * %1$s + 1 + i %% %1$s, repeat(''x'', 80) FROM generate_series(1, 10 * %1$s) i;
        INSERT INTO deals SELECT i, (i > 20 * %1$s)::int * 5 * %1$s + 1 + i %% (5 * %1$s), (i > 20 * %1$s)::int * %1$s + 1 + i %% %1$s, repeat(''x'', 80) FROM generate_series(1, 40 * %1$s) i;
        INSERT INTO payments SELECT i, (i > 40 * %1$s)::int * 20 * %1$s + 1 + i %% (20 * %1$s), i, repeat(''x'', 60) FROM generate_series(1, 80 * %1$s) i', u);
    EXECUTE format('ALTER TABLE users ADD FOREIGN KEY (organization_id) REFERENCES organization ON DELETE %1$s;
        ALTER TABLE clients ADD FOREIGN KEY (organization_id) REFERENCES organization ON DELETE %2$s;
        ALTER TABLE clients ADD FOREIGN KEY (owner_id) REFERENCES users ON DELETE %1$s;
        ALTER TABLE deals ADD FOREIGN KEY (client_id) REFERENCES clients ON DELETE %2$s;
        ALTER TABLE deals ADD FOREIGN KEY (created_by) REFERENCES users ON DELETE %1$s;
        ALTER TABLE payments ADD FOREIGN KEY (deal_id) REFERENCES deals ON DELETE %2$s', protecting, following);
    IF indexes THEN
        EXECUTE 'CREATE INDEX ON users (organization_id); CREATE INDEX ON clients (organization_id); CREATE INDEX ON clients (owner_id);
            CREATE INDEX ON deals (client_id); CREATE INDEX ON deals (created_by); CREATE INDEX ON payments (deal_id)';
    END IF;
END $$;
