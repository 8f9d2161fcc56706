/*
 * failure_worker.c
 *		The background workers that record failures, each in the database where it happened.
 *
 * The launcher has no database. It sleeps until a failure wakes it, and starts a worker for the
 * database that has one. The worker records batches, stays for a moment, and goes: a connection
 * that stays would keep its database from being dropped or copied. On a standby there is no
 * launcher; failures wait there until it is promoted.
 *
 * A database that allows no connections keeps what waits, and no worker is started for it
 * meanwhile.
 *
 * An error in a batch makes the worker record its failures one by one, and give up those that
 * cannot be written at all. Anything else (a full disk, a lock, a cancellation) ends the worker,
 * and the launcher starts one again, ever less often.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "client.h"
#include "event.h"
#include "failure_queue.h"
#include "failure_worker.h"

#define LIBRARY "pgaccount"

/* Failures recorded in one transaction, at most. */
#define BATCH 256

/* How long a worker waits for more before it goes. */
#define LINGER_MS 1000

extern PGDLLEXPORT void failure_launcher_main(Datum arg);
extern PGDLLEXPORT void failure_worker_main(Datum arg);

/* What the transaction that is running will have done when it commits. */
static FailureWork *committing = NULL;
static int64 committing_unrecordable = 0;

/* Have the postmaster run the launcher. */
void
failure_worker_init(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress)
		return;
	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 1;
	strlcpy(worker.bgw_library_name, LIBRARY, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "failure_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "pgaccount launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "pgaccount launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* --- the launcher --- */

/* What a database is to a worker. */
typedef enum DatabaseState
{
	DATABASE_GONE,
	DATABASE_CLOSED, /* it allows no connections: its failures wait */
	DATABASE_OPEN
} DatabaseState;

/* Can a worker connect to the database? */
static DatabaseState
database_state(Oid database)
{
	DatabaseState state = DATABASE_GONE;
	HeapTuple tuple;

	StartTransactionCommand();
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	if (HeapTupleIsValid(tuple))
	{
		state =
			((Form_pg_database) GETSTRUCT(tuple))->datallowconn ? DATABASE_OPEN : DATABASE_CLOSED;
		ReleaseSysCache(tuple);
	}
	CommitTransactionCommand();
	return state;
}

/* Start the worker of a database. Where there is no room for one, its time comes again. */
static void
start_worker(Oid database)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, LIBRARY, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "failure_worker_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "pgaccount worker of database %u", database);
	strlcpy(worker.bgw_type, "pgaccount worker", BGW_MAXLEN);
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	if (!RegisterDynamicBackgroundWorker(&worker, NULL))
		ereport(LOG, (errmsg("could not start a background worker to record failures"),
					  errhint("Raise max_worker_processes.")));
}

/* Wait to be woken, or until a time (0: none). */
static void
wait_until(TimestampTz time)
{
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long ms = 0;

	if (time != 0)
	{
		ms = Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), time), 1);
		events |= WL_TIMEOUT;
	}
	(void) WaitLatch(MyLatch, events, ms, compat_wait_event_new("PgaccountFailures"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* The launcher. */
void
failure_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	failure_queue_launch();

	for (;;)
	{
		TimestampTz next;
		Oid database;

		while (OidIsValid(database = failure_queue_next_database(&next)))
		{
			DatabaseState state = database_state(database);

			if (state == DATABASE_OPEN)
				start_worker(database);
			else if (state == DATABASE_GONE)
				failure_queue_forget_database(database);
		}
		wait_until(next);
	}
}

/* --- a worker --- */

/* The transaction has committed: its failures are recorded, and leave the queue. */
static void
transaction_ends(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && committing != NULL)
		failure_queue_done(committing, committing_unrecordable);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		committing = NULL;
}

/* Text that was queued, or NULL for none. */
static const char *
text_or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

/* Write a failure as an event; returns its id. */
static int64
write_failure(EventWriter *writer, Failure *failure)
{
	Event event = {.type = EVENT_OPERATION_FAILED,
				   .failure = true,
				   .at = failure->at,
				   .actor = text_or_null(failure->actor),
				   .subject = text_or_null(failure->subject),
				   .tenant_id = text_or_null(failure->tenant_id),
				   .ip = failure->has_ip ? &failure->ip : NULL,
				   .duration_ms = failure->duration_ms,
				   .error_code = unpack_sql_state(failure->sqlerrcode)};
	EventMarks marks = {text_or_null(failure->unverified),
						failure->ip_unverified ? REQUEST_HEADERS : NULL,
						text_or_null(failure->act)};
	JsonbBuild detail = {0};

	detail_text(&detail, "operation", failure->operation);
	detail_text(&detail, "message", text_or_null(failure->message));
	detail_marks(&detail, &marks);
	event.detail = detail_end(&detail);
	return event_writer_put(writer, &event);
}

/* Write how many failures have no event of their own, and why; returns the event's id. */
static int64
write_count(EventWriter *writer, const char *what, int64 n, const char *reason)
{
	Event event = {.type = EVENT_OPERATION_FAILED,
				   .failure = true,
				   .duration_ms = -1,
				   .error_code = unpack_sql_state(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED)};
	JsonbBuild state = {0};

	detail_text(&state, "operation", "event_queue");
	detail_number(&state, what, n);
	detail_text(&state, "reason", reason);
	event.detail = detail_end(&state);
	return event_writer_put(writer, &event);
}

/* Remove old events, each batch in a transaction of its own. */
static void
prune_events_in_batches(void)
{
	uint64 removed;

	do
	{
		CHECK_FOR_INTERRUPTS();
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		pgstat_report_activity(STATE_RUNNING, "removing old events");
		(void) deferred_begin();
		removed = event_prune_batch();
		deferred_fire();
		deferred_end(0);
		PopActiveSnapshot();
		CommitTransactionCommand();
		pgstat_report_activity(STATE_IDLE, NULL);
	} while (removed > 0);
}

/* Record a batch of failures, at most so many. Returns whether there was any work. */
static bool
record_batch(int max)
{
	static Failure failures[BATCH];
	static FailureWork work;
	int64 ids[BATCH + 3];
	int n = 0;
	EventWriter *writer;
	bool prune;

	failure_queue_peek(failures, max, &work);
	if (work.n == 0 && work.dropped_full == 0 && work.dropped_lost == 0 && work.left_out == 0 &&
		!work.prune)
		return false;
	prune = work.prune;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, "recording failed operations");

	(void) deferred_begin();
	writer = event_writer_open();
	committing = &work;
	committing_unrecordable = writer == NULL ? work.n + work.left_out : 0;
	if (writer != NULL)
	{
		for (int i = 0; i < work.n; i++)
			ids[n++] = write_failure(writer, &failures[i]);
		if (work.dropped_full > 0)
			ids[n++] = write_count(writer, "dropped", work.dropped_full, "queue_full");
		if (work.dropped_lost > 0)
			ids[n++] = write_count(writer, "dropped", work.dropped_lost, "server_crash");
		if (work.left_out > 0)
			ids[n++] = write_count(writer, "left_out", work.left_out, "session_rate");
		event_writer_close(writer);
		event_notify(EVENT_OPERATION_FAILED, ids, n);
	}
	else
		prune = false;
	/* whoever owns account.event */
	deferred_fire();
	deferred_end(0);
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	if (prune)
		prune_events_in_batches();
	pgstat_report_stat(false);
	return true;
}

/* May an error be the failure's own, so that it can never be recorded? */
static bool
is_of_data(int sqlerrcode)
{
	int class = ERRCODE_TO_CATEGORY(sqlerrcode);

	return class == ERRCODE_DATA_EXCEPTION || class == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		   class == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

/* Take the first failure out of the queue unrecorded. */
static void
give_up_first(void)
{
	FailureWork work = {.n = 1};

	failure_queue_done(&work, 1);
}

/* Record what there is. Each failure by itself after an error; *one_by_one says so. */
static bool
record_some(bool *one_by_one)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool result = true;

	PG_TRY();
	{
		result = record_batch(*one_by_one ? 1 : BATCH);
		if (!result)
			*one_by_one = false;
	}
	PG_CATCH();
	{
		int sqlerrcode = geterrcode();

		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RESUME_INTERRUPTS();
		if (!is_of_data(sqlerrcode))
			proc_exit(1);
		if (*one_by_one)
			give_up_first();
		*one_by_one = true;
	}
	PG_END_TRY();
	return result;
}

/* A worker. */
void
failure_worker_main(Datum arg)
{
	bool one_by_one = false;
	bool lingered = false;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	/* a database whose sessions are read-only has events all the same */
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("session_replication_role", "origin", PGC_SUSET, PGC_S_OVERRIDE);
	RegisterXactCallback(transaction_ends, NULL);
	if (!failure_queue_attend())
		proc_exit(0);

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (record_some(&one_by_one))
			lingered = false;
		else if (lingered)
			break;
		else
		{
			wait_until(TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LINGER_MS));
			lingered = true;
		}
	}
	proc_exit(0);
}
