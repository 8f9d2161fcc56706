
-- sessions ----------------------------------------------------------------------------------------

-- A session lasts from a login to its end. Its refresh tokens follow from one another by a keyed
-- hash of id and counter; only the hash of the current one is stored. Not dumped: sessions do not
-- move with data.
CREATE TABLE account.session (
    id uuid PRIMARY KEY,
    user_id text NOT NULL,
    tenant_id text,
    counter bigint NOT NULL DEFAULT 0,
    token_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    refreshed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    ip inet,
    user_agent text
) WITH (fillfactor = 80);
CREATE INDEX session_user_id_idx ON account.session (user_id);
-- no index says anything of ended_at, so that the end of a session is a heap-only update
CREATE INDEX session_tenant_id_idx ON account.session (tenant_id) WHERE tenant_id IS NOT NULL;
REVOKE ALL ON account.session FROM PUBLIC;
-- without policy: shut to pg_read_all_data, too
ALTER TABLE account.session ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE account.session IS
'Sessions: one row from login to end. expires_at is the end of the current refresh token, of which '
'only a hash is stored.';

-- The key of the hashes. In a table of its own, which no function returns.
CREATE TABLE account.session_key (secret bytea NOT NULL);
REVOKE ALL ON account.session_key FROM PUBLIC;
ALTER TABLE account.session_key ENABLE ROW LEVEL SECURITY;
INSERT INTO account.session_key VALUES
    (pg_catalog.sha256(pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
    OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
    OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())));
COMMENT ON TABLE account.session_key IS
'The key from which refresh tokens follow. Made at installation, never dumped.';

CREATE FUNCTION account.end_sessions() RETURNS trigger
    AS 'MODULE_PATHNAME', 'end_sessions' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.end_sessions() TO PUBLIC;
COMMENT ON FUNCTION account.end_sessions() IS
'Trigger of the mapped users and tenants tables: ends the sessions of a user that is deleted, '
'deactivated, moved to another tenant or given another password, and those of a tenant that is '
'deleted or deactivated; records users that are deleted, restored or removed. Created by '
'account.use_tables.';
