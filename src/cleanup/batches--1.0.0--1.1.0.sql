
-- removal in batches ------------------------------------------------------------------------------

CREATE TABLE account.removal_task (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target regclass NOT NULL,
    key text NOT NULL,
    force boolean NOT NULL,
    approved text,
    state text NOT NULL CHECK (state IN ('running', 'paused', 'finished', 'cancelled')),
    started_at timestamptz NOT NULL,
    last_batch_at timestamptz,
    finished_at timestamptz,
    done bigint NOT NULL DEFAULT 0,
    keys_set bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    remaining bigint NOT NULL,
    seconds float8 NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX removal_task_open ON account.removal_task (target, key)
    WHERE state IN ('running', 'paused');
CREATE INDEX removal_task_target ON account.removal_task (target)
    WHERE state IN ('running', 'paused');
REVOKE ALL ON account.removal_task FROM PUBLIC;
REVOKE ALL ON SEQUENCE account.removal_task_id_seq FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('account.removal_task', '');
SELECT pg_catalog.pg_extension_config_dump('account.removal_task_id_seq', '');
COMMENT ON TABLE account.removal_task IS
'Removals by account.cleanup_batches. Written by it and account.cancel_removal alone; the view '
'account.removal shows them. Those that ended longer ago than pgaccount.event_retention go when '
'another begins.';
COMMENT ON COLUMN account.removal_task.key IS
'The primary key, in one form, however it was given: the same CALL goes on.';
COMMENT ON COLUMN account.removal_task.approved IS
'The hash of the plan that was approved, before the first row went; NULL: none was asked for.';
COMMENT ON COLUMN account.removal_task.keys_set IS
'References that were set null or default, in rows that stay or went later.';
COMMENT ON COLUMN account.removal_task.seconds IS
'How long its calls have been running, without pauses and interruptions.';

-- A running removal holds an advisory lock of its session, which SQL cannot take: 24931 is ours, 3
-- that of removals (src/base/own_lock). A standby has no such locks.
CREATE VIEW account.removal AS
    SELECT t.id, t.target, t.key,
           CASE WHEN t.state = 'running' AND NOT pg_catalog.pg_is_in_recovery() AND NOT EXISTS (
                         SELECT 1 FROM pg_catalog.pg_locks AS l
                         JOIN pg_catalog.pg_database AS d ON d.oid = l.database
                         WHERE l.locktype = 'advisory' AND d.datname = pg_catalog.current_database()
                         AND l.classid::bigint = 3 AND l.objsubid = 24931 AND l.granted
                         AND l.objid::bigint = t.id % 4294967296)
                THEN 'interrupted' ELSE t.state END AS state,
           t.started_at, t.last_batch_at, t.done, t.remaining,
           CASE WHEN t.seconds > 0 THEN t.done / t.seconds END AS rows_per_second,
           t.finished_at, t.batches
    FROM account.removal_task AS t;
REVOKE ALL ON account.removal FROM PUBLIC;
COMMENT ON VIEW account.removal IS
'What account.cleanup_batches has removed, and is removing, a row a removal. Those that ended '
'longer ago than pgaccount.event_retention go when another begins.';
COMMENT ON COLUMN account.removal.id IS 'For account.cancel_removal.';
COMMENT ON COLUMN account.removal.target IS 'The table that was given.';
COMMENT ON COLUMN account.removal.key IS
'The primary key, in one form; the key that was given where the table has none.';
COMMENT ON COLUMN account.removal.state IS
'running; paused: max_runtime was over, the same CALL goes on; interrupted: the session that was '
'running it is gone, or failed, and the same CALL goes on; finished; cancelled. On a standby what '
'the primary has written: there an interrupted one is running.';
COMMENT ON COLUMN account.removal.last_batch_at IS 'When the last batch was committed.';
COMMENT ON COLUMN account.removal.done IS 'Rows removed, in all calls, and committed.';
COMMENT ON COLUMN account.removal.remaining IS
'Rows that were still to go after the last batch, as far as they had been found: rows that join '
'are counted when they are found, at the latest by the next CALL.';
COMMENT ON COLUMN account.removal.rows_per_second IS
'done by the time that its calls have been running, waits included; NULL before the first batch.';
COMMENT ON COLUMN account.removal.batches IS 'Transactions that have removed rows.';

CREATE FUNCTION account.refuse_sealed() RETURNS trigger
    AS 'MODULE_PATHNAME', 'refuse_sealed' LANGUAGE C VOLATILE PARALLEL UNSAFE;
GRANT EXECUTE ON FUNCTION account.refuse_sealed() TO PUBLIC;
COMMENT ON FUNCTION account.refuse_sealed() IS
'Trigger on tables of whose rows some are being removed in batches, and on those that reference '
'them: refuses new references to those rows, another key of theirs, and another row with their key '
'(23503). Put there by account.cleanup_batches, and taken off at its end.';

CREATE PROCEDURE account.cleanup_batches(target regclass, key text, force boolean DEFAULT false,
        batch_size integer DEFAULT 10000, max_lag interval DEFAULT NULL,
        max_wal_per_second bigint DEFAULT NULL, max_runtime interval DEFAULT NULL,
        approve text DEFAULT NULL)
    AS 'MODULE_PATHNAME', 'cleanup_batches' LANGUAGE C;
REVOKE ALL ON PROCEDURE account.cleanup_batches(regclass, text, boolean, integer, interval, bigint,
    interval, text) FROM PUBLIC;
COMMENT ON PROCEDURE account.cleanup_batches(regclass, text, boolean, integer, interval, bigint,
    interval, text) IS
'account.cleanup in transactions of batch_size rows each, while the database is in use. Refuses as '
'account.cleanup does, before anything is changed; then the row is sealed: deleted softly, alone, '
'where its table has soft delete, the sessions of its users ended, and new references to it are '
'23503 until the end. Rows go before what they reference, those that join meanwhile too; every '
'committed state is free of dangling keys. Rows that reference one another in a circle go in one '
'transaction. Interrupted, the same CALL goes on. max_lag: wait while a standby is so far behind. '
'max_wal_per_second: bytes of WAL that it writes itself. max_runtime: stop as paused after so '
'long, and at least one batch. approve: the hash of account.plan_hash. force: as for '
'account.cleanup. Errors: those of account.cleanup; 55006: the removal is running in another '
'session; 2D000: inside a transaction block; PT409: the plan is not the approved one; 55P03: a '
'referencing table could not be locked; 55000: the row was restored meanwhile.';

CREATE FUNCTION account.cancel_removal(id bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'cancel_removal' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION account.cancel_removal(bigint) FROM PUBLIC;
COMMENT ON FUNCTION account.cancel_removal(bigint) IS
'Ends a removal by account.cleanup_batches: a running one stops after its batch, and new '
'references to the row are allowed again. What is left stays; a row that was deleted softly stays '
'deleted until account.restore. Errors: PT404: no such removal; PT400: it has ended.';

COMMENT ON COLUMN account.removal.started_at IS 'When the first call began.';
COMMENT ON COLUMN account.removal.finished_at IS 'When it ended; NULL: it has not.';
COMMENT ON COLUMN account.removal_task.id IS 'Its number.';
COMMENT ON COLUMN account.removal_task.target IS 'The table that was given.';
COMMENT ON COLUMN account.removal_task.force IS 'Do protected references go as well?';
COMMENT ON COLUMN account.removal_task.state IS 'running, paused, finished or cancelled.';
COMMENT ON COLUMN account.removal_task.started_at IS 'When the first call began.';
COMMENT ON COLUMN account.removal_task.last_batch_at IS 'When the last batch was committed.';
COMMENT ON COLUMN account.removal_task.finished_at IS 'When it ended; NULL: it has not.';
COMMENT ON COLUMN account.removal_task.done IS 'Rows removed, and committed.';
COMMENT ON COLUMN account.removal_task.batches IS 'Transactions that have removed rows.';
COMMENT ON COLUMN account.removal_task.remaining IS
'Rows that were still to go after the last batch.';
COMMENT ON SEQUENCE account.removal_task_id_seq IS 'Numbers of removals.';
