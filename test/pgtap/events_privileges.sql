-- Who may call and read what of events, statistics and health, pinned: a new function must be added here.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(20);
CREATE ROLE tap_app;
CREATE ROLE tap_stranger;
CREATE ROLE tap_watch IN ROLE pg_monitor;
CREATE ROLE tap_power IN ROLE pg_read_all_data, pg_write_all_data;
SELECT account.grant_api('tap_app') \g /dev/null

CREATE TEMP VIEW ours AS
SELECT p.oid, p.proname, p.proparallel, p.prosecdef, has_function_privilege('tap_stranger', p.oid, 'EXECUTE') AS public,
	has_function_privilege('tap_watch', p.oid, 'EXECUTE') AS monitor, has_function_privilege('tap_app', p.oid, 'EXECUTE') AS app
FROM pg_proc p
WHERE p.pronamespace = 'account'::regnamespace
	AND p.proname IN ('event_guard', 'prune_events', 'stat_operations', 'stat_failures', 'event_queue', 'stats_reset', 'health', 'set_client_ip', 'doctor', 'doctor_events');

SELECT is(count(*), 10::bigint, 'all functions are there, each once') FROM ours;
SELECT set_eq($$SELECT proname FROM ours WHERE public$$, ARRAY['health', 'doctor']::name[], 'for everybody: health, and what is wrong with one''s own tables');
SELECT set_eq($$SELECT proname FROM ours WHERE app$$, ARRAY['health', 'doctor', 'set_client_ip']::name[], 'for the application: the client''s address besides');
SELECT set_eq($$SELECT proname FROM ours WHERE monitor$$, ARRAY['health', 'stat_operations', 'stat_failures', 'event_queue', 'doctor']::name[], 'for pg_monitor: to look, not to reset');
SELECT is_empty($$SELECT proname FROM ours WHERE prosecdef$$, 'with the owner''s rights: none');
SELECT is_empty($$SELECT proname FROM ours WHERE obj_description(oid, 'pg_proc') IS NULL$$, 'every function says what it does');
SELECT set_eq($$SELECT c.relname, a.grantee::regrole::text, a.privilege_type FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
	WHERE c.relnamespace = 'account'::regnamespace AND c.relname IN ('event', 'event_id_seq') AND a.grantee <> c.relowner$$,
	$$VALUES ('event'::name, 'pg_database_owner', 'SELECT'), ('event_id_seq', 'pg_database_owner', 'SELECT')$$, 'events are the owner''s, and read by who dumps the database');
SELECT set_eq($$SELECT c.relname, a.grantee::regrole::text, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
	WHERE c.relnamespace = 'account'::regnamespace AND c.relname IN ('stats', 'failures') AND a.grantee <> c.relowner$$,
	$$VALUES ('stats'::name, 'pg_monitor', 'SELECT'), ('failures', 'pg_monitor', 'SELECT')$$, 'statistics are to be read by pg_monitor');
SELECT ok('account.event'::regclass = ANY (extconfig) AND 'account.event_id_seq'::regclass = ANY (extconfig), 'events are in dumps') FROM pg_extension WHERE extname = 'pgaccount';
SELECT columns_are('account', 'event', ARRAY['id', 'at', 'type', 'outcome', 'actor', 'subject', 'tenant_id', 'ip', 'duration_ms', 'error_code', 'detail']);
SELECT columns_are('account', 'stats', ARRAY['operation', 'calls', 'failures', 'slow', 'total_ms', 'mean_ms', 'max_ms', 'last_error', 'last_error_at', 'p95_ms']);
SELECT columns_are('account', 'failures', ARRAY['operation', 'error_code', 'calls', 'last_at']);

SET LOCAL ROLE tap_power;
SELECT throws_ok('UPDATE account.event SET outcome = outcome', '42501', NULL, 'not even pg_write_all_data changes events');
SELECT throws_ok('DELETE FROM account.event', '42501', NULL, 'or removes them');
SELECT throws_ok($$INSERT INTO account.event (at, type, outcome) VALUES (now(), 'user_deleted', 'success')$$, '42501', NULL, 'or makes them up');
RESET ROLE;
SELECT lives_ok($$INSERT INTO account.event (at, type, outcome) VALUES (now(), 'user_deleted', 'success')$$, 'a superuser may, who restores a dump');
SET LOCAL ROLE tap_stranger;
SELECT throws_ok($$SET LOCAL pgaccount.client_ip = '1.2.3.4'$$, '42501', NULL, 'the client''s address is not set by SET');
SELECT throws_ok($$SET LOCAL pgaccount.log_events = off$$, '42501', NULL, 'nobody turns events off');
SELECT throws_ok($$SET LOCAL pgaccount.event_queue_size = 5$$, '55P02', NULL, 'the size of the queue wants a restart');
SELECT ok(account.health() ? 'status', 'health answers a stranger');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
