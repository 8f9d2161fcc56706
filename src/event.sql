
-- events --------------------------------------------------------------------------------------------

CREATE FUNCTION account.set_client_ip(ip inet) RETURNS void
    AS 'MODULE_PATHNAME', 'set_client_ip' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.set_client_ip(inet) FROM PUBLIC;
COMMENT ON FUNCTION account.set_client_ip(inet) IS
'The client''s address that events of this transaction have, for a backend behind a proxy; NULL: the connection''s again. A rollback takes it back.';

CREATE TABLE account.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    type text NOT NULL,
    outcome text NOT NULL,
    actor text,
    subject text,
    tenant_id text,
    ip inet,
    duration_ms float8,
    error_code text,
    detail jsonb
);
REVOKE ALL ON account.event FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.event', '');
SELECT pg_catalog.pg_extension_config_dump('account.event_id_seq', '');
COMMENT ON TABLE account.event IS
'What happened to accounts, and what failed. Written by pgaccount alone; kept for pgaccount.event_retention.';
COMMENT ON COLUMN account.event.id IS 'Grows with time, with gaps.';
COMMENT ON COLUMN account.event.at IS 'When it happened, by the clock.';
COMMENT ON COLUMN account.event.outcome IS 'success or failure.';
COMMENT ON COLUMN account.event.actor IS
'Who did it: the verified identity, else who the application says it acts for (then detail has unverified_actor), else the role of the session.';
COMMENT ON COLUMN account.event.subject IS 'Whom it is about: the user''s id, or the key''s kid.';
COMMENT ON COLUMN account.event.ip IS 'Address of the client: see account.set_client_ip.';
COMMENT ON COLUMN account.event.duration_ms IS 'How long the operation had taken when it was recorded.';
COMMENT ON COLUMN account.event.error_code IS 'SQLSTATE of a failure; see account.http_status.';

CREATE FUNCTION account.event_guard() RETURNS trigger
    AS 'MODULE_PATHNAME', 'event_guard' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.event_guard() FROM PUBLIC;
COMMENT ON FUNCTION account.event_guard() IS 'Trigger of account.event: refuses everybody but superusers (42501).';
CREATE TRIGGER event_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON account.event
    FOR EACH STATEMENT EXECUTE FUNCTION account.event_guard();
ALTER TABLE account.event ENABLE ALWAYS TRIGGER event_guard;
