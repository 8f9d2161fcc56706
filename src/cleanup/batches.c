/*
 * batches.c
 *		A cleanup in many transactions: account.cleanup_batches.
 *
 * The first transaction plans all of it, as account.cleanup does, and refuses what that refuses. It
 * remembers the rows in the order in which they were found, parents first (tid_list.c), seals the
 * row that the removal is about (seal.c), and commits. Each batch takes rows from the end of the
 * list, where nothing follows them any more, and is a cleanup of its own: in a snapshot of its own
 * it keeps those that follow the sealed row still, lets what follows them join, sets keys of rows
 * outside, deletes, proves that nothing is left, and commits. A row follows it still if neither it
 * nor any row further up has been changed since the plan (seen_rows.c), which is what mostly is so,
 * and cheap to see; else its ways up are looked for (ascent.c). So each committed state is one
 * that a cleanup leaves. Rows that came meanwhile follow a row that goes later, and go with it.
 *
 * Memory: that of a batch, and the plan's bitmaps. Locks: those of a batch. Between two batches
 * nothing is held but an advisory lock of the session, and no snapshot.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "held_rows.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "batches.h"
#include "cleanup_plan.h"
#include "cleanup_run.h"
#include "pace.h"
#include "plan_hash.h"
#include "removal_batch.h"
#include "removal_key.h"
#include "removal_rights.h"
#include "removal_scope.h"
#include "removal_task.h"
#include "seal.h"

ACCOUNT_OPERATION(cleanup_batches, "cleanup_batches", NO_SUBJECT);
ACCOUNT_OPERATION(cancel_removal, "cancel_removal", NO_SUBJECT);

/* It reports how far it is each time so long has passed. */
#define REPORT_EVERY_MS 2000

/* While it waits, it looks so often whether it has been cancelled. */
#define ASK_EVERY_MS 1000

/* A table is asked so often for a lock, with a pause in between. */
#define MAX_LOCK_TRIES 20
#define LOCK_PAUSE_MS  500

/* So much of a key is recorded. */
#define MAX_RECORDED_KEY 512

/* So many keys of each reference are set to see whether they can be. */
#define MAX_TRIED 1000

/* A batch that meets others waits before it is tried again: first so long, then double, up to. */
#define FIRST_WAIT_MS   20
#define LONGEST_WAIT_MS 2000

static RemovalFollower removal_judge = NULL;
static RemovalFollower removal_sealed = NULL;

/* Have a function called before a removal begins, or goes on. */
void
removal_judged_by(RemovalFollower judge)
{
	removal_judge = judge;
}

/* Have a function called when a row is sealed. */
void
removal_sealed_is(RemovalFollower sealed)
{
	removal_sealed = sealed;
}

/* Record that all is removed. */
static void
record_finished(const Removal *removal)
{
	JsonbBuild detail = {0};
	char *key = pstrdup(removal->request->key);

	key[pg_mbcliplen(key, strlen(key), MAX_RECORDED_KEY)] = '\0';
	detail_text(&detail, "target", display_relation(removal->request->target));
	detail_text(&detail, "key", key);
	detail_number(&detail, "rows", (int64) (removal->task->done + removal->task->keys_set));
	detail_bool(&detail, "force", removal->request->force);
	detail_number(&detail, "removal", removal->task->id);
	detail_number(&detail, "batches", (int64) removal->task->batches);
	event_success(EVENT_CLEANUP_DONE, NULL, NULL, detail_end(&detail));
}

/* Note in the table what was done, and what the state is. */
static void
note_progress(Removal *removal, const Done *done, const char *state)
{
	TimestampTz now = GetCurrentTimestamp();
	RemovalProgress progress = {.removed = done->removed,
								.keys_set = done->keys_set,
								.seconds = (double) (now - removal->progress_at) / USECS_PER_SEC,
								.state = state,
								.force = removal->request->force};

	removal->remaining -= Min(removal->remaining, done->removed);
	if (strcmp(state, "finished") == 0)
		removal->remaining = 0;
	progress.remaining = removal->remaining;
	removal_task_progress(removal->task, &progress);
	removal->removed += done->removed + done->keys_set;
	removal->progress_at = now;
}

/* Tell the client how far it is, now and then. */
static void
report_progress(Removal *removal, bool always)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!always && !TimestampDifferenceExceeds(removal->reported_at, now, REPORT_EVERY_MS))
		return;
	ereport(NOTICE,
			(errmsg("removal %lld: " UINT64_FORMAT " rows removed, " UINT64_FORMAT " to go",
					(long long) removal->task->id, removal->task->done, removal->remaining)));
	removal->reported_at = now;
}

/* Commit, and go on in a new transaction. */
static void
commit_batch(Removal *removal)
{
	deferred_fire();
	removal_count_numbers(removal);
	SPI_commit();
}

/* What pg_stat_activity shows between batches; palloc'd. */
static char *
activity_of(const Removal *removal)
{
	return psprintf("account.cleanup_batches: " UINT64_FORMAT " rows removed, " UINT64_FORMAT
					" to go",
					removal->task->done, removal->remaining);
}

/* Wait a moment, interruptibly. */
static void
pause_for(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Lock the target in a new transaction: it may have been dropped, or be another kind of table. */
static void
lock_target(Oid target)
{
	check_application_table(target, "a cleanup");
	refuse_citus_beside_shards(target, "a cleanup",
							   "json_agg(c) FROM account.cleanup('%s', key) c");
	lock_checked_table(target, RowExclusiveLock, "a cleanup", false);
}

/* Raise 55006: another session runs it. */
static void
refuse_second(Oid target)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("the removal from \"%s\" is running in another session", get_rel_name(target)),
			 errdetail("There is one removal of a key at a time."),
			 errhint("account.removal shows how far it is; account.cancel_removal() ends it.")));
}

/* Begin the transaction of a batch; false: the removal was cancelled. */
static bool
begin_batch(Removal *removal)
{
	/* its row before any table: who cancels it holds that and waits for tables */
	if (!removal_task_lock(removal->task))
		return false;
	if (!removal_task_claim(removal->task, false))
		refuse_second(removal->request->target);
	lock_target(removal->request->target);
	return true;
}

/* What came of the batches. */
typedef enum Outcome
{
	OUTCOME_FINISHED,
	OUTCOME_PAUSED,
	OUTCOME_CANCELLED
} Outcome;

/* When the time is over that one call may take. */
static TimestampTz
end_of_time(const Removal *removal)
{
	int64 max_runtime = removal->request->max_runtime;

	return max_runtime < 0 ? DT_NOEND : removal->started_at + max_runtime;
}

/* The time is over while the next batch is waited for. */
static Outcome
pause_waiting(Removal *removal)
{
	Done nothing = {0};

	if (!begin_batch(removal))
		return OUTCOME_CANCELLED;
	note_progress(removal, &nothing, "paused");
	commit_batch(removal);
	return OUTCOME_PAUSED;
}

/*
 * Wait until the next batch may begin; false: there is to be none, and *outcome says why. What it
 * has looked at is let go of each time that it looks whether the removal has been cancelled.
 */
static bool
wait_for_turn(Removal *removal, Outcome *outcome)
{
	TimestampTz end = end_of_time(removal);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount removal wait", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool may_go_on = false;
	bool is_open = true;

	while (is_open)
	{
		TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ASK_EVERY_MS);

		may_go_on = pace_wait(removal->pace, activity_of(removal), Min(until, end));
		if (may_go_on || GetCurrentTimestamp() >= end)
			break;
		is_open = removal_task_is_open(removal->task);
		commit_batch(removal);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	if (!may_go_on)
		*outcome = is_open ? pause_waiting(removal) : OUTCOME_CANCELLED;
	return may_go_on;
}

/* Remove rows batch by batch, from the transaction that is open on. */
static Outcome
run_batches(Removal *removal)
{
	Outcome outcome;
	int retries = 0;

	removal->started_at = removal->reported_at = GetCurrentTimestamp();
	for (;;)
	{
		Attempt came = ATTEMPT_NOTHING;
		bool time_is_over;
		Done done;

		if (!begin_batch(removal))
			return OUTCOME_CANCELLED;
		while (came == ATTEMPT_NOTHING)
		{
			CHECK_FOR_INTERRUPTS();
			came = removal_attempt(removal, retries, &done);
		}
		if (came == ATTEMPT_RETRY)
		{
			commit_batch(removal);
			pause_for(Min((long) FIRST_WAIT_MS << retries, LONGEST_WAIT_MS));
			retries++;
			continue;
		}
		retries = 0;
		time_is_over = GetCurrentTimestamp() >= end_of_time(removal);
		note_progress(removal, &done,
					  came == ATTEMPT_FINISHED ? "finished"
					  : time_is_over           ? "paused"
											   : "running");
		if (came == ATTEMPT_FINISHED)
			record_finished(removal);
		commit_batch(removal);
		if (came == ATTEMPT_FINISHED)
			return OUTCOME_FINISHED;
		report_progress(removal, false);
		pace_batch_done(removal->pace);
		if (time_is_over)
			return OUTCOME_PAUSED;
		if (!wait_for_turn(removal, &outcome))
			return outcome;
	}
}

/* ---- Before and after ---- */

/*
 * Raise 23502, as a cleanup in one transaction would, if it has to set a column that is NOT NULL.
 */
static void
refuse_not_null(const Cleanup *plan)
{
	ListCell *lc;

	foreach (lc, plan->steps)
	{
		const CleanupStep *step = lfirst(lc);
		AttrNumber attnum;
		char *column;

		if (step->action != CLEANUP_SET_NULL || step->rows == 0)
			continue;
		attnum = fk_edge_not_null(step->edge);
		if (attnum == InvalidAttrNumber)
			continue;
		column = get_attname(step->edge->child, attnum, false);
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("null value in column \"%s\" of relation \"%s\" violates not-null "
						"constraint",
						column, get_rel_name(step->edge->child)),
				 errdetail("%lld rows of it reference rows that are to go, and their key \"%s\" "
						   "would be set null.",
						   (long long) step->rows, step->edge->name),
				 errhint("Let account.set_reference_policy say what becomes of them, or change "
						 "them first."),
				 err_generic_string(PG_DIAG_SCHEMA_NAME,
									get_namespace_name(get_rel_namespace(step->edge->child))),
				 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(step->edge->child)),
				 err_generic_string(PG_DIAG_COLUMN_NAME, column)));
	}
}

/*
 * Plan all of it, and raise what account.cleanup raises. The list of the rows is the first that is
 * worked on. Returns the plan, whose snapshot is active.
 */
static Cleanup *
plan_removal(Removal *removal)
{
	const RemovalRequest *request = removal->request;
	Frame *frame = frame_make(removal);
	Cleanup *plan = removal_cleanup(removal);
	RowSet *roots = removal_roots(removal);

	plan->joined = frame_list_row;
	plan->arg = frame->rows;
	cleanup_add_rows(plan, plan->node, roots, GetActiveSnapshot());
	cleanup_close(plan, GetActiveSnapshot());
	(void) cleanup_find_outside(plan, GetActiveSnapshot(), true);
	(void) cleanup_find_held(plan, NULL, NULL);
	/* once rows have gone the plan is the rest of the one that was approved */
	if (request->approve != NULL && (removal->task == NULL || removal->task->approved == NULL ||
									 strcmp(removal->task->approved, request->approve) != 0))
		plan_check_approved(plan, GetActiveSnapshot(), request->approve);
	cleanup_refuse_protected(plan);
	cleanup_check_allowed(plan);
	refuse_not_null(plan);
	if (removal_judge != NULL)
		removal_judge(plan);
	removal->remaining = plan->rows;
	frame_note_above(removal, frame, plan, roots, GetActiveSnapshot());
	frame_push(removal, frame);
	return plan;
}

/*
 * Put the seal's trigger on the tables that want it, or take it off those that do not; each in a
 * transaction of its own. False: not all could be locked; first: the first of those.
 */
static bool
change_triggers(Removal *removal, bool on, Oid *first)
{
	for (int tries = 0; tries < MAX_LOCK_TRIES; tries++)
	{
		List *tables = on ? seal_tables_without(removal->request->target) : seal_tables_left();
		ListCell *lc;

		if (tables == NIL)
			return true;
		if (tries > 0)
			pause_for(LOCK_PAUSE_MS);
		*first = linitial_oid(tables);
		foreach (lc, tables)
		{
			CHECK_FOR_INTERRUPTS();
			(void) (on ? seal_put_on(lfirst_oid(lc)) : seal_take_off(lfirst_oid(lc), false));
			commit_batch(removal);
		}
	}
	return false;
}

/*
 * Does it fit into one batch? Then it needs no seal: it goes, or is there. Where it does not, keys
 * that cannot be set fail now, as in account.cleanup, and not when others have gone.
 */
static bool
fits_one_batch(const Removal *removal, Cleanup *plan)
{
	uint64 batches = removal->task != NULL ? removal->task->batches : 0;

	if (batches == 0 && plan->rows + removal_keys_to_set(plan) <= removal->request->batch_size)
		return true;
	if (batches == 0)
		cleanup_try_setting(plan, Min(removal->request->batch_size, MAX_TRIED));
	return false;
}

/* Let no new reference to the row come, and end what its users have. Commits. */
static void
seal_root(Removal *removal, Cleanup *plan)
{
	seal_stamp(removal->keys);
	if (removal_sealed != NULL)
		removal_sealed(plan);
	removal->sealed = true;
}

/* Put the triggers on. */
static void
seal_tables(Removal *removal)
{
	Oid table;

	if (!change_triggers(removal, true, &table))
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
						errmsg("could not lock table \"%s\" for a moment", get_rel_name(table)),
						errdetail("A trigger was to be put on it that refuses new references to "
								  "what is being removed; transactions that write it did not end."),
						errhint("CALL account.cleanup_batches again to go on, when these have "
								"ended, or cancel the removal.")));
}

/* Take them off, those that are left from other removals, too. */
static void
unseal_tables(Removal *removal)
{
	Oid table;

	if (!change_triggers(removal, false, &table))
		ereport(WARNING,
				(errmsg("could not lock table \"%s\" for a moment", get_rel_name(table)),
				 errdetail("Its trigger that refused new references does nothing any more, and is "
						   "left; the next removal takes it off.")));
}

/* The first transaction: plan, refuse, begin, seal. False: there is nothing to remove. */
static bool
begin_removal(Removal *removal)
{
	const RemovalRequest *request = removal->request;
	MemoryContext context = CurrentMemoryContext;
	int level = cleanup_join_memory();
	Done nothing = {0};
	Cleanup *plan;
	bool small;

	PushActiveSnapshot(GetTransactionSnapshot());
	plan = plan_removal(removal);
	if (plan->rows == 0 && removal->task == NULL)
	{
		PopActiveSnapshot();
		AtEOXact_GUC(true, level);
		return false;
	}
	MemoryContextSwitchTo(removal->context);
	if (removal->task == NULL)
		removal->task = removal_task_begin(request->target, removal->key, request->force,
										   request->approve, plan->rows);
	if (removal->task == NULL || !removal_task_claim(removal->task, true))
		refuse_second(request->target);
	MemoryContextSwitchTo(context);
	small = fits_one_batch(removal, plan);
	removal->exact = small && request->approve != NULL;
	if (small)
		frame_pop(removal, false);
	else
		seal_root(removal, plan);
	removal->progress_at = GetCurrentTimestamp();
	note_progress(removal, &nothing, "running");
	cleanup_free(plan);
	PopActiveSnapshot();
	AtEOXact_GUC(true, level);
	return true;
}

/*
 * Are the rows still deleted, and for long enough? Nobody restores them until this transaction has
 * ended.
 */
static bool
is_still_due(const Removal *removal)
{
	const RemovalRequest *request = removal->request;
	KeySet *keys = removal->keys;
	RoleState caller;
	uint64 n;

	if (request->cutoff == NULL)
		return true;
	SPI_connect();
	caller = run_as(relation_owner(request->target));
	n = statement_run_once(psprintf(OWN_STATEMENT "SELECT FROM %s c WHERE %s AND %s FOR UPDATE",
									sql_keyed_relation(request->target),
									keys_condition(keys, "c", 1),
									sql_deleted_by(request->target, *request->cutoff)),
						   keys->ncols, keys->array_types, keys->arrays, NULL, NULL);
	run_as_end(caller);
	SPI_finish();
	return n > 0;
}

/* All of it, once it is claimed; see removal_in_batches(). */
static bool
run_removal(Removal *removal)
{
	Outcome outcome;

	if (!is_still_due(removal))
	{
		ereport(NOTICE, (errmsg("a row of \"%s\" is not to be removed any more",
								get_rel_name(removal->request->target)),
						 errdetail("It was restored, or deleted again, meanwhile.")));
		commit_batch(removal);
		return false;
	}
	if (!begin_removal(removal))
	{
		ereport(NOTICE, (errmsg("there is nothing to remove from \"%s\"",
								get_rel_name(removal->request->target))));
		commit_batch(removal);
		unseal_tables(removal);
		return true;
	}
	if (removal->sealed)
	{
		commit_batch(removal);
		report_progress(removal, true);
		seal_tables(removal);
	}
	outcome = run_batches(removal);
	report_progress(removal, true);
	if (outcome == OUTCOME_CANCELLED)
		ereport(WARNING, (errmsg("removal %lld was cancelled", (long long) removal->task->id)));
	if (outcome != OUTCOME_PAUSED)
		unseal_tables(removal);
	return outcome == OUTCOME_FINISHED;
}

/* Read the key that the caller names the row by. */
static void
read_key(Removal *removal)
{
	const RemovalRequest *request = removal->request;

	removal->keys = keys_of_text(request->target, request->key);
	removal->key = removal_key_text(removal->keys, request->key);
	if (removal->key != request->key)
		removal->keys = removal_key_read(request->target, removal->key);
}

/* Do it. */
bool
removal_in_batches(const RemovalRequest *request)
{
	Removal removal = {.request = request};
	MemoryContext caller = CurrentMemoryContext;
	volatile bool finished = false;

	removal.context = AllocSetContextCreate(caller, "pgaccount removal", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(removal.context);
	lock_target(request->target);
	read_key(&removal);
	removal.pace = pace_begin(request->max_lag, request->max_wal);
	removal.task = removal_task_find(request->target, removal.key);
	if (removal.task != NULL && !removal_task_claim(removal.task, true))
		refuse_second(request->target);
	PG_TRY();
	{
		finished = run_removal(&removal);
	}
	PG_FINALLY();
	{
		if (removal.task != NULL)
			removal_task_release(removal.task);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(removal.context);
	pgstat_report_activity(STATE_RUNNING, debug_query_string ? debug_query_string : "");
	return finished;
}

/* Plan it, and raise what it would raise. */
static bool
try_plan(void *arg)
{
	const RemovalRequest *request = arg;
	Removal removal = {.request = request, .context = CurrentMemoryContext};
	int level = cleanup_join_memory();
	Cleanup *plan;

	lock_target(request->target);
	read_key(&removal);
	removal.task = removal_task_find(request->target, removal.key);
	if (removal.task != NULL && !removal_task_claim(removal.task, false))
		refuse_second(request->target);
	PushActiveSnapshot(GetTransactionSnapshot());
	plan = plan_removal(&removal);
	(void) fits_one_batch(&removal, plan);
	cleanup_free(plan);
	PopActiveSnapshot();
	AtEOXact_GUC(true, level);
	return true;
}

/* Would it be refused? */
bool
removal_is_blocked(const RemovalRequest *request)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgaccount removal plan",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ErrorData *error = subtransaction_run(try_plan, unconstify(RemovalRequest *, request));

	MemoryContextSwitchTo(caller);
	if (error != NULL)
	{
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION &&
			error->sqlerrcode != ERRCODE_ACCOUNT_HELD && error->sqlerrcode != ERRCODE_OBJECT_IN_USE)
			ReThrowError(error);
		ereport(WARNING, (errcode(error->sqlerrcode), errmsg("%s", error->message),
						  error->detail != NULL ? errdetail("%s", error->detail) : 0,
						  errhint("It is passed over.")));
	}
	MemoryContextDelete(context);
	return error != NULL;
}

/* ---- The functions ---- */

/* An interval in microseconds, a month of 30 days; negative for NULL. Raises 22023. */
static int64
interval_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	const Interval *interval;
	double usecs;

	if (PG_ARGISNULL(n))
		return -1;
	interval = PG_GETARG_INTERVAL_P(n);
	usecs = (double) interval->time +
			((double) interval->day + (double) interval->month * DAYS_PER_MONTH) * USECS_PER_DAY;
	if (!compat_interval_is_finite(interval) || usecs < 0 || usecs > (double) PG_INT64_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must not be negative", name), errdetail("It is a length of time."),
				 errhint("Give an interval such as '5 minutes', or NULL.")));
	return (int64) usecs;
}

/* Raise 22023 unless a number is positive. */
static void
check_positive(int64 value, const char *name, const char *hint)
{
	if (value <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" must be positive", name),
				 errdetail("It is %lld.", (long long) value), errhint("%s", hint)));
}

/*
 * account.cleanup_batches(target regclass, key text, force boolean, batch_size integer, max_lag
 * interval, max_wal_per_second bigint, max_runtime interval, approve text): a procedure
 */
static Datum
cleanup_batches_operation(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"target", "key", "force", "batch_size"};
	bool atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
				  castNode(CallContext, fcinfo->context)->atomic;
	RemovalRequest request = {0};

	version_check();
	for (int i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			refuse_null_argument(names[i]);
	request.target = PG_GETARG_OID(0);
	request.key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	request.force = PG_GETARG_BOOL(2);
	check_positive(PG_GETARG_INT32(3), names[3],
				   "Give the number of rows that one transaction removes.");
	request.batch_size = (uint64) PG_GETARG_INT32(3);
	request.max_lag = interval_argument(fcinfo, 4, "max_lag");
	if (!PG_ARGISNULL(5))
		check_positive(PG_GETARG_INT64(5), "max_wal_per_second",
					   "Give a number of bytes, or NULL for no limit.");
	request.max_wal = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT64(5);
	request.max_runtime = interval_argument(fcinfo, 6, "max_runtime");
	request.approve = PG_ARGISNULL(7) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(7));
	if (atomic)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
						errmsg("account.cleanup_batches cannot run inside a transaction block"),
						errdetail("It commits after each batch."),
						errhint("CALL it by itself, or use account.cleanup.")));

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	(void) removal_in_batches(&request);
	SPI_finish();
	PG_RETURN_VOID();
}

/* account.cancel_removal(id bigint) RETURNS void */
static Datum
cancel_removal_operation(PG_FUNCTION_ARGS)
{
	ListCell *lc;

	version_check();
	SPI_connect();
	(void) removal_task_cancel(PG_GETARG_INT64(0));
	CommandCounterIncrement();
	foreach (lc, seal_tables_left())
		(void) seal_take_off(lfirst_oid(lc), true);
	SPI_finish();
	PG_RETURN_VOID();
}
