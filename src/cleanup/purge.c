/*
 * purge.c
 *		Removes deleted rows for good once their time is over.
 *
 * A purge is a cleanup of rows that were deleted long enough ago, with two differences: live rows
 * of soft-delete tables do not follow their deleted parents, they block them, as protected
 * references do; and rows that are blocked (blocked_rows.c) do not stop the others. These are left
 * out, and the rest is closed again, until nothing of it is blocked.
 *
 * Where nothing references the table, and all are to go, they go in one statement. Else rows go in
 * slices, each planned and removed on its own, so memory stays flat. Rows that were blocked are
 * tried once more after others have gone, for those may have blocked them.
 *
 * What is to go is found in chunks (overdue.c), by tids that may outlive the transaction: each
 * slice asks again whether the row that is there now was deleted long enough ago. So a purge in
 * batches reads the table once, not once a batch.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "blocked_rows.h"
#include "cleanup_plan.h"
#include "cleanup_run.h"
#include "erasure.h"
#include "overdue.h"
#include "purge.h"
#include "purge_erase.h"

ACCOUNT_OPERATION(purge, "purge", NO_SUBJECT);
ACCOUNT_OPERATION(purge_batches, "purge_batches", NO_SUBJECT);
PG_FUNCTION_INFO_V1(overdue_rows);

/* Rows of the target that are planned together, and that are looked for at once, at most. */
#define SLICE_ROWS 50000
#define CHUNK_ROWS 1000000

/* A purge in batches reports how far it is each time so long has passed. */
#define REPORT_EVERY_MS 2000

/* Rows of another table that went along. */
typedef struct RowsAlong
{
	Oid relid;
	uint64 rows;
} RowsAlong;

/* A purge: what was asked for, and how far it is. */
typedef struct Purge
{
	OverdueRows due; /* those of the table that is at hand */
	List *tables;    /* the target, and those that inherit from it */
	bool force;
	bool erase;     /* rows stay, without what says who they were */
	bool as_owners; /* see purge_rows() */
	bool tells;     /* what goes along */
	uint64 wanted;  /* rows to purge at most */
	uint64 batch;   /* 0: all in one transaction */
	uint64 batch_taken;
	uint64 purged;
	RowTids blocked; /* rows of the target that were blocked */
	List *holders;   /* of blocked_note() */
	List *along;     /* RowsAlong */
	TimestampTz reported_at;
} Purge;

/* Find the next rows that were deleted long enough ago, oldest first. False: there are no more. */
static bool
find_candidates(Purge *purge)
{
	uint64 chunk = purge->batch > 0 ? CHUNK_ROWS : Min(Max(purge->wanted, SLICE_ROWS), CHUNK_ROWS);

	return overdue_find(&purge->due, chunk);
}

/* A cleanup of the rows of a slice, closed; *values must live as long. */
static Cleanup *
close_slice(Purge *purge, RowSet *slice, Oid *types, Datum *values)
{
	Cleanup *cleanup =
		cleanup_make(purge->due.target, purge->force, CLEANUP_TO_CUT, purge->as_owners);
	char *stamp = overdue_stamp_sql(&purge->due, &types[0]);
	StringInfoData from;

	cleanup->live_rows_hold = !purge->force;
	values[0] = overdue_cutoff(&purge->due);
	cleanup->seed.by_tid = true;
	cleanup->seed.run = (OneRun){.nargs = 1, .types = types, .values = values};
	initStringInfo(&from);
	appendStringInfo(&from, "%s c WHERE %s OPERATOR(pg_catalog.<=) $1 AND ",
					 sql_keyed_relation(purge->due.target), stamp);
	row_set_append_condition(&from, &cleanup->seed.run, purge->due.target, slice, 0, slice->all,
							 slice->n);
	cleanup->seed.from = from.data;
	cleanup_close(cleanup, GetActiveSnapshot());
	(void) cleanup_find_outside(cleanup, GetActiveSnapshot(), true);
	return cleanup;
}

/*
 * The first rows of a slice, at most n. others: NULL, or rows to leave out, which are noted as
 * blocked.
 */
static RowSet *
part_of(Purge *purge, RowSet *slice, uint64 n, RowSet *others)
{
	RowSet *rest = row_set_make(purge->due.target, NIL);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(slice->desc, &TTSOpsMinimalTuple);

	row_set_rewind(slice->all);
	while (rest->n < n && tuplestore_gettupleslot(slice->all, true, false, slot))
	{
		Oid tab;
		ItemPointer tid;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		tab = SLOT_TAB(slot, SET_TAB);
		tid = SLOT_TID(slot, SET_TAB);
		if (others == NULL || !row_set_contains(others, tab, tid))
			(void) row_set_add_tid(rest, tab, tid);
		else
			row_tids_append(&purge->blocked, purge->due.context, tab, tid);
	}
	ExecDropSingleTupleTableSlot(slot);
	return rest;
}

/* Note that rows of another table went along. */
static void
note_along(Purge *purge, Oid relid, uint64 rows)
{
	MemoryContext old = MemoryContextSwitchTo(purge->due.context);
	RowsAlong *along = NULL;
	ListCell *lc;

	foreach (lc, purge->along)
		if (((RowsAlong *) lfirst(lc))->relid == relid)
			along = lfirst(lc);
	if (along == NULL)
	{
		along = palloc0(sizeof(RowsAlong));
		along->relid = relid;
		purge->along = lappend(purge->along, along);
	}
	along->rows += rows;
	MemoryContextSwitchTo(old);
}

/*
 * Count what a cleanup removed: rows of the target, in whichever of its tables they were, and
 * rows of others.
 */
static void
count_removed(Purge *purge, const Cleanup *cleanup)
{
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		CleanupStep *step = lfirst(lc);

		if (step->action != CLEANUP_DELETE || step->rows == 0)
			continue;
		if (list_member_oid(purge->tables, step->node->relid))
			purge->purged += step->rows;
		else if (purge->tells)
			note_along(purge, step->node->relid, step->rows);
	}
}

/*
 * Remove the rows of a slice if nothing of it is blocked, and if they are not more than wanted;
 * else the slice without what is, made in keep_in, is returned.
 */
static RowSet *
try_slice(Purge *purge, RowSet *slice, MemoryContext keep_in)
{
	RowSet *rest = NULL;
	Oid types[1 + ROW_SET_CONDITION_ARGS];
	Datum values[1 + ROW_SET_CONDITION_ARGS];
	Cleanup *cleanup = close_slice(purge, slice, types, values);

	if (blocked_any(cleanup))
	{
		RowSet *blocked = blocked_find(cleanup);
		MemoryContext old = MemoryContextSwitchTo(purge->due.context);

		purge->holders = blocked_note(purge->holders, cleanup);
		MemoryContextSwitchTo(keep_in);
		rest = part_of(purge, slice, PG_UINT64_MAX, blocked);
		/* should none of it be found to be blocked, all is: not to ask for ever */
		if (rest->n == slice->n)
		{
			row_set_free(rest);
			rest = part_of(purge, slice, PG_UINT64_MAX, slice);
		}
		MemoryContextSwitchTo(old);
	}
	else if (slice->n > purge->wanted - purge->purged)
	{
		MemoryContext old = MemoryContextSwitchTo(keep_in);

		rest = part_of(purge, slice, purge->wanted - purge->purged, NULL);
		MemoryContextSwitchTo(old);
	}
	else
	{
		FAILURE_POINT("purge-slice");
		cleanup_execute(cleanup);
		count_removed(purge, cleanup);
	}
	cleanup_free(cleanup);
	return rest;
}

/* Note which rows of a slice a purge would keep, and what holds them; changes nothing. */
static RowSet *
look_at_slice(Purge *purge, RowSet *slice, MemoryContext keep_in)
{
	Oid types[1 + ROW_SET_CONDITION_ARGS];
	Datum values[1 + ROW_SET_CONDITION_ARGS];
	Cleanup *cleanup = close_slice(purge, slice, types, values);

	if (blocked_any(cleanup))
	{
		MemoryContext old = MemoryContextSwitchTo(purge->due.context);

		purge->holders = blocked_note(purge->holders, cleanup);
		MemoryContextSwitchTo(old);
		(void) part_of(purge, slice, PG_UINT64_MAX, blocked_find(cleanup));
	}
	cleanup_free(cleanup);
	return NULL;
}

/* Do this with a slice, which is set number 0 of account.row_in_set() meanwhile. */
static RowSet *
with_known_slice(Purge *purge, RowSet *slice, MemoryContext keep_in,
				 RowSet *(*what)(Purge *purge, RowSet *slice, MemoryContext keep_in))
{
	KnownSets known = {&slice, 1};
	KnownSets before = row_set_make_known(known);
	RowSet *volatile rest = NULL;

	PG_TRY();
	{
		rest = what(purge, slice, keep_in);
	}
	PG_FINALLY();
	{
		(void) row_set_make_known(before);
	}
	PG_END_TRY();
	return rest;
}

/* Remove the rows of a slice but for those that are blocked. Frees the slice. */
static void
purge_slice(Purge *purge, RowSet *slice)
{
	MemoryContext old = CurrentMemoryContext;
	int nest_level = cleanup_join_memory();

	while (slice != NULL && slice->n > 0)
	{
		MemoryContext context =
			AllocSetContextCreate(old, "pgaccount purge", ALLOCSET_DEFAULT_SIZES);
		RowSet *rest;

		MemoryContextSwitchTo(context);
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		rest = with_known_slice(purge, slice, old, try_slice);
		PopActiveSnapshot();
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		row_set_free(slice);
		slice = rest;
	}
	if (slice != NULL)
		row_set_free(slice);
	AtEOXact_GUC(true, nest_level);
}

/* Raise unless it is an application's table with soft delete; locks it. */
static void
check_target(Oid target)
{
	check_application_table(target, "a purge");
	refuse_citus_beside_shards(target, "account.purge", "account.purge('%s')");
	lock_checked_table(target, RowExclusiveLock, "a purge", false);
	(void) mapping_of_table(target);
}

/* Does a purge of a table erase its rows? */
static bool
is_erased(Oid table)
{
	bool erases;

	SPI_connect();
	erases = erasure_by_purge(table);
	SPI_finish();
	return erases;
}

/* Commit what was purged, and go on in a new transaction. */
static void
next_batch(Purge *purge)
{
	TimestampTz now;

	deferred_fire();
	SPI_commit();
	purge->batch_taken = 0;
	/* everything may have changed: the table may be gone, or what is declared of it */
	check_target(purge->due.target);
	purge->due.deleted_at = mapping_of_table(purge->due.target)->deleted_at;
	purge->erase = is_erased(purge->due.target);
	now = GetCurrentTimestamp();
	if (!TimestampDifferenceExceeds(purge->reported_at, now, REPORT_EVERY_MS))
		return;
	ereport(NOTICE, (errmsg("purge: " UINT64_FORMAT " rows of \"%s\" so far", purge->purged,
							get_rel_name(purge->due.target))));
	purge->reported_at = now;
}

/* Remove rows slice by slice until enough are gone. */
static void
purge_tids(Purge *purge, const RowTids *tids)
{
	uint64 next = 0;
	uint64 look_at = 0;

	while (next < tids->n && purge->purged < purge->wanted)
	{
		RowSet *slice = row_set_make(purge->due.target, NIL);
		uint64 room = purge->batch > 0 ? purge->batch - purge->batch_taken : SLICE_ROWS;
		uint64 size =
			Min(Max(look_at, purge->wanted - purge->purged), Min(room, (uint64) SLICE_ROWS));
		uint64 before = purge->purged;

		CHECK_FOR_INTERRUPTS();
		while (slice->n < size && next < tids->n)
		{
			CHECK_FOR_INTERRUPTS();
			(void) row_set_add_tid(slice, tids->rows[next].tab, &tids->rows[next].tid);
			next++;
		}
		purge->batch_taken += slice->n;
		if (purge->erase)
			purge->purged += purge_erase(&purge->due, slice, &purge->blocked, &purge->holders);
		else
			purge_slice(purge, slice);
		/* where all was blocked, look at more at once */
		look_at = purge->purged > before ? 0 : size * 2;
		if (purge->batch > 0 && purge->batch_taken >= purge->batch)
			next_batch(purge);
	}
}

/* Report which rows were kept, and what holds them. */
static void
report_blocked(Purge *purge)
{
	RowSet *blocked = row_set_make(purge->due.target, NIL);

	for (uint64 i = 0; i < purge->blocked.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		(void) row_set_add_tid(blocked, purge->blocked.rows[i].tab, &purge->blocked.rows[i].tid);
	}
	blocked_report(purge->due.target, blocked, purge->holders);
	row_set_free(blocked);
}

/* Order of lines, by their text. */
static int
compare_lines(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* Tell, by table, what went along. */
static void
report_along(const Purge *purge)
{
	StringInfoData detail;
	List *lines = NIL;
	uint64 rows = 0;
	ListCell *lc;

	foreach (lc, purge->along)
	{
		RowsAlong *along = lfirst(lc);

		rows += along->rows;
		lines = lappend(lines, psprintf("%s: " UINT64_FORMAT " rows",
										display_relation(along->relid), along->rows));
	}
	if (lines == NIL)
		return;
	list_sort(lines, compare_lines);
	initStringInfo(&detail);
	foreach (lc, lines)
		appendStringInfo(&detail, "%s%s", foreach_current_index(lc) > 0 ? "\n" : "",
						 (char *) lfirst(lc));
	ereport(NOTICE,
			(errmsg("rows that went along with purged rows of \"%s\": " UINT64_FORMAT,
					get_rel_name(purge->due.target), rows),
			 errdetail("%s", detail.data),
			 purge->force ? errhint("Without force => true rows that others hold are kept.") : 0));
}

/* Remove all rows of a table that were deleted long enough ago at once, if they are so plain. */
static bool
purge_alone(Purge *purge)
{
	Cleanup *cleanup;
	Oid types[1];
	Datum values[] = {overdue_cutoff(&purge->due)};
	uint64 rows = 0;
	bool done;

	if (purge->wanted != PG_UINT64_MAX || purge->batch > 0)
		return false;
	cleanup = cleanup_make(purge->due.target, purge->force, CLEANUP_TO_CUT, purge->as_owners);
	done = cleanup_delete_alone(
		cleanup,
		psprintf("%s OPERATOR(pg_catalog.<=) $1", overdue_stamp_sql(&purge->due, &types[0])),
		lengthof(types), types, values, &rows);
	purge->purged += rows;
	cleanup_free(cleanup);
	return done;
}

/* Remove the rows of one table that were deleted long enough ago, and report which are kept. */
static void
purge_table(Purge *purge, Oid table)
{
	const SoftDelete *soft = mapping_declared(table);
	uint64 before = purge->purged;
	RowTids again = {0};

	purge->due.target = table;
	if (soft != NULL)
		purge->due.deleted_at = soft->deleted_at;
	purge->erase = is_erased(table);
	if (!purge->erase && purge_alone(purge))
		return;
	overdue_begin(&purge->due);
	while (purge->purged < purge->wanted && find_candidates(purge))
		purge_tids(purge, &purge->due.tids);
	row_tids_free(&purge->due.tids);
	while (!purge->erase && purge->blocked.n > 0 && purge->purged > before &&
		   purge->purged < purge->wanted)
	{
		before = purge->purged;
		again = purge->blocked;
		memset(&purge->blocked, 0, sizeof(RowTids));
		purge->holders = NIL;
		purge_tids(purge, &again);
		row_tids_free(&again);
	}
	if (purge->blocked.n > 0)
		report_blocked(purge);
	row_tids_free(&purge->blocked);
	purge->holders = NIL;
}

/* Remove rows that were deleted long enough ago; returns how many of the target's. */
static uint64
purge_target(Purge *purge, Oid target)
{
	ListCell *lc;

	purge->due.context = CurrentMemoryContext;
	purge->reported_at = GetCurrentTimestamp();
	/* partitions are parts of their table, those that inherit are tables of their own */
	purge->tables = get_rel_relkind(target) == RELKIND_PARTITIONED_TABLE
						? list_make1_oid(target)
						: find_all_inheritors(target, RowExclusiveLock, NULL);
	foreach (lc, purge->tables)
		if (lfirst_oid(lc) == target || mapping_declared(lfirst_oid(lc)) != NULL)
			purge_table(purge, lfirst_oid(lc));
	purge->due.target = target;
	report_along(purge);
	return purge->purged;
}

/* Remove rows that were deleted long enough ago; see the header. */
uint64
purge_rows(Oid target, AttrNumber deleted_at, TimestampTz cutoff, uint64 wanted, bool force,
		   bool as_owners)
{
	Purge work = {.due = {.deleted_at = deleted_at, .cutoff = cutoff},
				  .wanted = wanted,
				  .force = force,
				  .as_owners = as_owners,
				  .tells = force || as_owners};
	uint64 purged;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	purged = purge_target(&work, target);
	PopActiveSnapshot();
	return purged;
}

/* The same of a table whose rows a purge erases, if it does, each in a transaction of its own. */
bool
purge_erased(Oid target, TimestampTz cutoff, uint64 *erased)
{
	Purge work = {.due = {.cutoff = cutoff}, .wanted = PG_UINT64_MAX, .batch = 1};

	check_target(target);
	if (!is_erased(target))
		return false;
	*erased = purge_target(&work, target);
	deferred_fire();
	SPI_commit();
	return true;
}

/* A look at the rows of one table that were deleted longest ago. */
typedef struct OverdueLook
{
	Purge *purge;
	Oid table;
	bool more; /* than were looked at */
} OverdueLook;

/* Which of them would a purge keep? */
static bool
look_at_table(void *arg)
{
	OverdueLook *look = arg;
	Purge *purge = look->purge;
	Oid table = look->table;
	RoleState caller = run_as(relation_owner(table));
	bool any;

	purge->due.target = table;
	purge->due.deleted_at = mapping_declared(table)->deleted_at;
	overdue_begin(&purge->due);
	any = find_candidates(purge);
	if (any)
	{
		RowSet *slice = row_set_make(table, NIL);
		int nest_level = cleanup_join_memory();

		for (uint64 i = 0; i < purge->due.tids.n; i++)
			(void) row_set_add_tid(slice, purge->due.tids.rows[i].tab,
								   &purge->due.tids.rows[i].tid);
		PushActiveSnapshot(GetTransactionSnapshot());
		(void) with_known_slice(purge, slice, CurrentMemoryContext, look_at_slice);
		PopActiveSnapshot();
		AtEOXact_GUC(true, nest_level);
		row_set_free(slice);
	}
	run_as_end(caller);
	look->more = any && purge->due.tids.n >= SLICE_ROWS;
	return true;
}

/*
 * account.overdue_rows(relation regclass, OUT deleted bigint, OUT more boolean, OUT held_by text):
 * rows past the grace period that a purge keeps. For the doctor: raises nothing where a purge
 * would, and looks at so many rows that it does not take long. deleted NULL: the rows cannot be
 * looked at, and held_by says why.
 */
Datum
overdue_rows(PG_FUNCTION_ARGS)
{
	Oid target = PG_GETARG_OID(0);
	const SoftDelete *soft = mapping_declared(target);
	Purge work = {.due = {.cutoff = purge_cutoff()}, .wanted = SLICE_ROWS, .as_owners = true};
	List *tables = list_make1_oid(target);
	StringInfoData holders;
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false};
	bool more = false;
	char *problem = NULL;
	ListCell *lc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	work.due.context = CurrentMemoryContext;
	if (soft == NULL || is_citus_table(target))
		tables = NIL;
	else if (get_rel_relkind(target) != RELKIND_PARTITIONED_TABLE)
		tables = find_all_inheritors(target, AccessShareLock, NULL);
	SPI_connect();
	foreach (lc, tables)
		if (mapping_declared(lfirst_oid(lc)) != NULL && !erasure_by_purge(lfirst_oid(lc)) &&
			!OidIsValid(cleanup_no_heap(lfirst_oid(lc))))
		{
			OverdueLook look = {.purge = &work, .table = lfirst_oid(lc)};

			problem = unreadable_look(lfirst_oid(lc), look_at_table, &look);
			if (problem != NULL)
				break;
			more |= look.more;
		}
	initStringInfo(&holders);
	if (problem != NULL)
		appendStringInfoString(&holders, problem);
	else
		blocked_append(&holders, work.holders, ", ");
	nulls[0] = problem != NULL;
	values[0] = Int64GetDatum((int64) work.blocked.n);
	values[1] = BoolGetDatum(more);
	values[2] = SPI_datumTransfer(CStringGetTextDatum(holders.data), false, -1);
	SPI_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* The target argument, checked and locked. */
static Oid
target_argument(FunctionCallInfo fcinfo)
{
	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	check_target(PG_GETARG_OID(0));
	return PG_GETARG_OID(0);
}

/* The argument max_rows: how many rows at most. */
uint64
max_rows_argument(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return PG_UINT64_MAX;
	if (PG_GETARG_INT64(n) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"max_rows\" must not be negative"),
						errdetail("It is %lld.", (long long) PG_GETARG_INT64(n)),
						errhint("Give a number of rows, or NULL for all.")));
	return (uint64) PG_GETARG_INT64(n);
}

/* Rows deleted until then are purged after the grace period. */
TimestampTz
purge_cutoff(void)
{
	return GetCurrentTransactionStartTimestamp() -
		   (TimestampTz) pgaccount_grace_period * USECS_PER_SEC;
}

/*
 * Rows deleted until then are purged: now less older_than, or less the grace period. What is longer
 * than time goes back, no row is older than.
 */
static TimestampTz
cutoff_argument(FunctionCallInfo fcinfo)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	Interval *age;
	double usecs;

	if (PG_ARGISNULL(1))
		return purge_cutoff();
	age = PG_GETARG_INTERVAL_P(1);
	usecs = (double) age->time +
			((double) age->month * DAYS_PER_MONTH + age->day) * (double) USECS_PER_DAY;
	/* months are of more than 30 days, by less than the tenth that is left over here */
	if (usecs > 0.9 * ((double) now - (double) MIN_TIMESTAMP))
		return MIN_TIMESTAMP;
	return DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_mi_interval, TimestampTzGetDatum(now), IntervalPGetDatum(age)));
}

/*
 * account.purge(target regclass, older_than interval, max_rows bigint, force boolean) RETURNS
 * bigint
 */
static Datum
purge_operation(PG_FUNCTION_ARGS)
{
	Oid target = target_argument(fcinfo);
	TimestampTz cutoff = cutoff_argument(fcinfo);

	if (PG_ARGISNULL(3))
		refuse_null_argument("force");
	PG_RETURN_INT64((int64) purge_rows(target, mapping_of_table(target)->deleted_at, cutoff,
									   max_rows_argument(fcinfo, 2), PG_GETARG_BOOL(3), false));
}

/* account.purge_batches(target regclass, older_than interval, batch_size bigint): a procedure */
static Datum
purge_batches_operation(PG_FUNCTION_ARGS)
{
	bool atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
				  castNode(CallContext, fcinfo->context)->atomic;
	Oid target = target_argument(fcinfo);
	Purge work = {.due = {.cutoff = cutoff_argument(fcinfo)}, .wanted = PG_UINT64_MAX};
	char *name = get_rel_name(target);

	if (PG_ARGISNULL(2))
		refuse_null_argument("batch_size");
	if (PG_GETARG_INT64(2) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"batch_size\" must be positive"),
						errdetail("It is %lld.", (long long) PG_GETARG_INT64(2)),
						errhint("Give the number of rows that one transaction removes.")));
	work.batch = (uint64) PG_GETARG_INT64(2);
	if (atomic)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
						errmsg("account.purge_batches cannot run inside a transaction block"),
						errdetail("It commits after each batch."),
						errhint("CALL it by itself, or use account.purge.")));

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	(void) purge_target(&work, target);
	deferred_fire();
	SPI_commit();
	SPI_finish();
	ereport(NOTICE, (errmsg("purged " UINT64_FORMAT " rows of \"%s\"", work.purged, name)));
	PG_RETURN_VOID();
}
