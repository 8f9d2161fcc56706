
-- events ------------------------------------------------------------------------------------------

CREATE FUNCTION account.set_client_ip(ip inet) RETURNS void
    AS 'MODULE_PATHNAME', 'set_client_ip' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.set_client_ip(inet) FROM PUBLIC;
COMMENT ON FUNCTION account.set_client_ip(inet) IS
'The client''s address that events of this transaction have, for a backend behind a proxy; NULL: '
'the connection''s again. A rollback takes it back.';

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
REVOKE ALL ON SEQUENCE account.event_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.event', '');
SELECT pg_catalog.pg_extension_config_dump('account.event_id_seq', '');
COMMENT ON TABLE account.event IS
'What happened to accounts, and what failed. Written by pgaccount alone; kept for '
'pgaccount.event_retention.';
COMMENT ON COLUMN account.event.id IS 'Grows with time, with gaps.';
COMMENT ON COLUMN account.event.at IS 'When it happened, by the clock.';
COMMENT ON COLUMN account.event.outcome IS 'success or failure.';
COMMENT ON COLUMN account.event.actor IS
'Who did it: the verified identity, else who the application says it acts for (then detail has '
'unverified_actor), else the role of the session.';
COMMENT ON COLUMN account.event.subject IS
'Whom it is about: the user''s id, or the key''s kid; for a registration or login that failed and '
'names no user, the email or login.';
COMMENT ON COLUMN account.event.ip IS
'Address of the client: see account.set_client_ip; from request.headers, detail has unverified_ip.';
COMMENT ON COLUMN account.event.duration_ms IS
'How long the operation had taken when it was recorded.';
COMMENT ON COLUMN account.event.error_code IS 'SQLSTATE of a failure; see account.http_status.';

CREATE FUNCTION account.event_guard() RETURNS trigger
    AS 'MODULE_PATHNAME', 'event_guard' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.event_guard() FROM PUBLIC;
COMMENT ON FUNCTION account.event_guard() IS
'Trigger of account.event: refuses everybody but superusers (42501).';
CREATE TRIGGER event_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON account.event
    FOR EACH STATEMENT EXECUTE FUNCTION account.event_guard();
ALTER TABLE account.event ENABLE ALWAYS TRIGGER event_guard;

CREATE FUNCTION account.prune_events() RETURNS bigint
    AS 'MODULE_PATHNAME', 'prune_events' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.prune_events() FROM PUBLIC;
COMMENT ON FUNCTION account.prune_events() IS
'Removes the events that are older than pgaccount.event_retention; returns their number. '
'Privileged. Preloaded, background workers do the same now and then.';

-- statistics --------------------------------------------------------------------------------------

CREATE FUNCTION account.stat_operations(OUT operation text, OUT calls bigint, OUT failures bigint,
        OUT slow bigint,
        OUT total_ms float8, OUT mean_ms float8, OUT max_ms float8, OUT p95_ms float8,
            OUT last_error text,
        OUT last_error_at timestamptz) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'stat_operations' LANGUAGE C VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION account.stat_operations() FROM PUBLIC;
COMMENT ON FUNCTION account.stat_operations() IS 'What account.stats shows.';

CREATE VIEW account.stats AS
    SELECT s.operation, s.calls, s.failures, s.slow, s.total_ms, s.mean_ms, s.max_ms, s.last_error,
           s.last_error_at, s.p95_ms
    FROM account.stat_operations() AS s;
REVOKE ALL ON account.stats FROM PUBLIC;
COMMENT ON VIEW account.stats IS
'Calls of each function of pgaccount in this database (soft_delete: DELETE statements), since the '
'last account.stats_reset(). Empty where the library is not preloaded by shared_preload_libraries.';
COMMENT ON COLUMN account.stats.slow IS 'Calls that took longer than pgaccount.slow_threshold.';
COMMENT ON COLUMN account.stats.p95_ms IS
'95 of 100 calls took no longer; by buckets a fifth wide.';

CREATE FUNCTION account.stat_failures(OUT operation text, OUT error_code text, OUT calls bigint,
        OUT last_at timestamptz) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'stat_failures' LANGUAGE C VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION account.stat_failures() FROM PUBLIC;
COMMENT ON FUNCTION account.stat_failures() IS 'What account.failures shows.';

CREATE VIEW account.failures AS
    SELECT f.operation, f.error_code, f.calls, f.last_at
    FROM account.stat_failures() AS f;
REVOKE ALL ON account.failures FROM PUBLIC;
COMMENT ON VIEW account.failures IS
'Failed calls in this database by operation and SQLSTATE, refusals that are data (login, refresh) '
'too, since the last account.stats_reset().';
COMMENT ON COLUMN account.failures.error_code IS
'NULL: all SQLSTATEs but the first 16 of the operation, together.';

CREATE FUNCTION account.event_queue(OUT waiting bigint, OUT capacity bigint, OUT dropped bigint,
        OUT attended boolean)
    AS 'MODULE_PATHNAME', 'event_queue' LANGUAGE C VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION account.event_queue() FROM PUBLIC;
COMMENT ON FUNCTION account.event_queue() IS
'Failures of this database that wait to be recorded (those left out, as their session failed too '
'often, wait as one), room for those of the whole server, of which each database that has some '
'gets its share (0: no queue, the library is not preloaded by shared_preload_libraries), failures '
'of this database that were dropped since the last account.stats_reset(), and whether the '
'background worker is there that has them recorded.';

CREATE FUNCTION account.stats_reset() RETURNS void
    AS 'MODULE_PATHNAME', 'stats_reset' LANGUAGE C VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION account.stats_reset() FROM PUBLIC;
COMMENT ON FUNCTION account.stats_reset() IS
'Forgets account.stats and account.failures of this database, and how many failures could not be '
'recorded. Privileged.';

-- health ------------------------------------------------------------------------------------------

CREATE FUNCTION account.health() RETURNS jsonb
    AS 'MODULE_PATHNAME', 'health' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.health() TO PUBLIC;
COMMENT ON FUNCTION account.health() IS
'Can accounts be used? {"status": healthy, degraded (works, something to mend) or unhealthy '
'(nobody can log in), "database", "timestamp", "version" of the library, "library": preloaded, '
'session (no shared memory) or loaded (DELETE by trigger only), "keys": {"signing", "verifying"}, '
'"model": mapped, incomplete or none, "queue": {"waiting", "capacity", "dropped", "recording"} or '
'null}. Never raises, but for a cancellation: then "error" has the SQLSTATE. Cheap enough for a '
'probe a second; account.doctor() says more.';
