/*
 * purge.c
 *		Removes deleted rows for good once their time is over.
 *
 * A purge is a cleanup of rows that are dead for long enough, with two differences: live rows of
 * soft-delete tables do not follow their dead parents, they hold them, as protected references do; and
 * rows that are held do not stop the others. Held is a dead row that a row outside references, and
 * what a held row itself references must stay with it, up to rows of the target. These are left out,
 * and the rest is closed again, until nothing of it is held.
 *
 * Rows go in slices, each planned and removed on its own in the one transaction, so memory stays
 * flat. Rows that were held are tried once more after others have gone, for those may have held them.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
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

#include "cleanup.h"
#include "compat.h"
#include "errors.h"
#include "identifiers.h"
#include "mapping.h"
#include "operation.h"
#include "purge.h"
#include "settings.h"
#include "target.h"
#include "version.h"

ACCOUNT_OPERATION(purge, "purge", NO_SUBJECT);
PG_FUNCTION_INFO_V1(purge_batches);

/* Rows of the target that are planned together. */
#define SLICE_ROWS 50000

/* At most so many kept rows are named; the others are counted. */
#define MAX_LISTED 100

/* A purge: what was asked for, and how far it is. */
typedef struct Purge
{
	Oid target;
	AttrNumber deleted_at;
	TimestampTz cutoff;
	bool force;
	uint64 wanted; /* rows to purge at most */
	uint64 purged;
	RowSet *held; /* rows of the target that were held */
	StringInfoData holders;
} Purge;

/* Add a row, tableoid and ctid being columns `first` and after, to a set without keys. */
static bool
add_place(RowSet *set, TupleTableSlot *slot, int first)
{
	Datum values[SET_FIXED] = {slot->tts_values[first], slot->tts_values[first + 1],
							   Int32GetDatum(0)};
	bool nulls[SET_FIXED] = {false};

	return row_set_add(set, values, nulls);
}

/* A candidate comes. */
static void
add_candidate(TupleTableSlot *slot, void *arg)
{
	(void) add_place(arg, slot, 0);
}

/* The rows that are dead for long enough, oldest first. */
static RowSet *
find_candidates(Purge *purge)
{
	RowSet *candidates = row_set_make(purge->target, NIL);
	Oid types[] = {TIMESTAMPTZOID};
	Datum values[] = {TimestampTzGetDatum(purge->cutoff)};
	OneRun run = {.nargs = 1, .types = types, .values = values};
	char *stamp = sql_column(purge->target, purge->deleted_at);

	(void) cleanup_query(psprintf(OWN_STATEMENT
								  "SELECT c.tableoid, c.ctid FROM %s c WHERE"
								  " c.%s OPERATOR(pg_catalog.<=) $1 ORDER BY c.%s, c.ctid",
								  cleanup_table_name(purge->target), stamp, stamp),
						 &run, add_candidate, candidates);
	return candidates;
}

/* Held rows of the tables of a cleanup; FkNode.data has the sets of those that go. */
typedef struct Holding
{
	Cleanup *cleanup;
	FkEdge *edge;
	RowSet *children; /* the held rows on both sides of the edge */
	RowSet *parents;
	HTAB *held; /* FkNode to RowSet */
	bool grown;
} Holding;

typedef struct HeldRows
{
	FkNode *node; /* hash key */
	RowSet *rows;
} HeldRows;

/* The held rows of a table; made if there are none. */
static RowSet *
held_rows(Holding *holding, FkNode *node)
{
	bool found;
	HeldRows *entry = hash_search(holding->held, &node, HASH_ENTER, &found);

	if (!found)
		entry->rows = row_set_make(node->relid, NIL);
	return entry->rows;
}

/* A row references one of the set: does that have to stay? */
static void
note_held(TupleTableSlot *slot, void *arg)
{
	Holding *holding = arg;
	FkNode *child = holding->edge->child_node;
	int parent = slot->tts_tupleDescriptor->natts - 2;

	if (!cleanup_has_row(child, slot) ||
		row_set_contains(holding->children, DatumGetObjectId(slot->tts_values[0]),
						 (ItemPointer) DatumGetPointer(slot->tts_values[1])))
		holding->grown |= add_place(holding->parents, slot, parent);
}

/* Find the rows of the set that must stay. */
static void
find_held(Holding *holding)
{
	Cleanup *cleanup = holding->cleanup;

	do
	{
		ListCell *lc;

		holding->grown = false;
		foreach (lc, cleanup->nodes)
		{
			FkNode *node = lfirst(lc);
			RowSet *set = ((CleanupTable *) node->data)->set;
			EdgeQuery query = {
				.rows = set->all, .n = set->n, .snapshot = GetActiveSnapshot(), .parents = true};
			ListCell *lc2;

			if (set->n == 0)
				continue;
			foreach (lc2, node->referencing)
			{
				FkEdge *edge = lfirst(lc2);

				/* a key that is set null lets go of what it references */
				if (!fk_edge_follows(edge, cleanup->force) && !fk_edge_protects(edge))
					continue;
				holding->edge = edge;
				/* not made in the memory of the statement */
				holding->children = held_rows(holding, edge->child_node);
				holding->parents = held_rows(holding, node);
				cleanup_read_edge(edge, &query, note_held, holding);
			}
		}
	} while (holding->grown);
}

/* Note what holds, for the NOTICE. */
static void
note_holders(Purge *purge, Cleanup *cleanup)
{
	ListCell *lc;

	foreach (lc, cleanup->lines)
	{
		CleanupLine *line = lfirst(lc);
		char *text;

		if (line->action != CLEANUP_PROTECTED || line->rows == 0)
			continue;
		text = psprintf("%s.%s: " INT64_FORMAT " rows", display_relation(line->node->relid),
						reference_column(line->edge), line->rows);
		if (strstr(purge->holders.data, text) == NULL)
			appendStringInfo(&purge->holders, "%s%s", purge->holders.len > 0 ? "\n" : "", text);
	}
}

/* Is anything in the way? */
static bool
is_held(Cleanup *cleanup)
{
	ListCell *lc;

	foreach (lc, cleanup->lines)
		if (((CleanupLine *) lfirst(lc))->action == CLEANUP_PROTECTED &&
			((CleanupLine *) lfirst(lc))->rows > 0)
			return true;
	return false;
}

/* A cleanup of the rows of a slice, closed; *values must live as long. */
static Cleanup *
close_slice(Purge *purge, RowSet *slice, Oid *types, Datum *values)
{
	Cleanup *cleanup = cleanup_make(purge->target, purge->force, false);
	char *stamp = sql_column(purge->target, purge->deleted_at);

	cleanup->live_rows_hold = !purge->force;
	types[0] = TIMESTAMPTZOID;
	types[1] = TIDARRAYOID;
	values[0] = TimestampTzGetDatum(purge->cutoff);
	values[1] = row_set_tids(slice->desc, slice->all, slice->n);
	cleanup->seed.nargs = 2;
	cleanup->seed.types = types;
	cleanup->seed.values = values;
	cleanup->seed.from = psprintf("%s c WHERE c.ctid OPERATOR(pg_catalog.=) ANY ($2)"
								  " AND account.row_in_set(0, c.tableoid, c.ctid)"
								  " AND c.%s OPERATOR(pg_catalog.<=) $1",
								  cleanup_table_name(purge->target), stamp);
	cleanup_close(cleanup, GetActiveSnapshot());
	(void) cleanup_find_outside(cleanup, GetActiveSnapshot(), true);
	return cleanup;
}

/* The rows of a slice that are not among others. */
static RowSet *
without(Purge *purge, RowSet *slice, RowSet *others)
{
	RowSet *rest = row_set_make(purge->target, NIL);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(slice->desc, &TTSOpsMinimalTuple);

	row_set_rewind(slice->all);
	while (tuplestore_gettupleslot(slice->all, true, false, slot))
	{
		slot_getallattrs(slot);
		if (!row_set_contains(others, DatumGetObjectId(slot->tts_values[SET_TAB]),
							  (ItemPointer) DatumGetPointer(slot->tts_values[SET_TID])))
			(void) add_place(rest, slot, 0);
		else
			(void) add_place(purge->held, slot, 0);
	}
	ExecDropSingleTupleTableSlot(slot);
	return rest;
}

/*
 * Remove the rows of a slice if nothing of it is held; else the slice without what is, made in
 * keep_in, is returned.
 */
static RowSet *
try_slice(Purge *purge, RowSet *slice, MemoryContext keep_in)
{
	HASHCTL ctl = {
		.keysize = sizeof(FkNode *), .entrysize = sizeof(HeldRows), .hcxt = CurrentMemoryContext};
	Holding holding = {0};
	RowSet *rest = NULL;
	Oid types[2];
	Datum values[2];
	Cleanup *cleanup = close_slice(purge, slice, types, values);

	if (is_held(cleanup))
	{
		MemoryContext old;

		holding.cleanup = cleanup;
		holding.held =
			hash_create("pgaccount held", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		find_held(&holding);
		note_holders(purge, cleanup);
		old = MemoryContextSwitchTo(keep_in);
		rest = without(purge, slice, held_rows(&holding, cleanup->node));
		MemoryContextSwitchTo(old);
	}
	else
	{
		cleanup_execute(cleanup);
		purge->purged += cleanup_target_rows(cleanup);
	}
	cleanup_free(cleanup);
	return rest;
}

/* The same, the slice being set number 0 of account.row_in_set(). */
static RowSet *
try_known_slice(Purge *purge, RowSet *slice, MemoryContext keep_in)
{
	KnownSets known = {&slice, 1};
	KnownSets before = row_set_make_known(known);
	RowSet *volatile rest = NULL;

	PG_TRY();
	{
		rest = try_slice(purge, slice, keep_in);
	}
	PG_FINALLY();
	{
		(void) row_set_make_known(before);
	}
	PG_END_TRY();
	return rest;
}

/* Remove the rows of a slice but for those that are held. Frees the slice. */
static void
purge_slice(Purge *purge, RowSet *slice)
{
	MemoryContext old = CurrentMemoryContext;

	while (slice != NULL && slice->n > 0)
	{
		MemoryContext context =
			AllocSetContextCreate(old, "pgaccount purge", ALLOCSET_DEFAULT_SIZES);
		RowSet *rest;

		MemoryContextSwitchTo(context);
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		rest = try_known_slice(purge, slice, old);
		PopActiveSnapshot();
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		row_set_free(slice);
		slice = rest;
	}
	if (slice != NULL)
		row_set_free(slice);
}

/* Remove candidates slice by slice until enough are gone. */
static void
purge_candidates(Purge *purge, RowSet *candidates)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(candidates->desc, &TTSOpsMinimalTuple);
	bool more = true;

	row_set_rewind(candidates->all);
	while (more && purge->purged < purge->wanted)
	{
		uint64 size = Min(purge->wanted - purge->purged, SLICE_ROWS);
		RowSet *slice = row_set_make(purge->target, NIL);

		CHECK_FOR_INTERRUPTS();
		while (slice->n < size &&
			   (more = tuplestore_gettupleslot(candidates->all, true, false, slot)))
		{
			slot_getallattrs(slot);
			(void) add_place(slice, slot, 0);
		}
		purge_slice(purge, slice);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* SQL: a row's primary key as text, and the names of its columns; NULL without one. */
static char *
key_as_text(Oid relid, char **names)
{
	Relation rel = relation_open(relid, AccessShareLock);
	Bitmapset *key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	StringInfoData columns;
	StringInfoData values;
	int member = -1;

	initStringInfo(&columns);
	initStringInfo(&values);
	while ((member = bms_next_member(key, member)) >= 0)
	{
		char *column = sql_column(relid, member + FirstLowInvalidHeapAttributeNumber);

		appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "", column);
		appendStringInfo(&values, "%sc.%s", values.len > 0 ? ", ', ', " : "", column);
	}
	relation_close(rel, NoLock);
	*names = columns.data;
	return values.len > 0 ? psprintf("pg_catalog.concat(%s)", values.data) : NULL;
}

/* The lines of a NOTICE that name kept rows. */
typedef struct Naming
{
	const char *names;
	StringInfoData text;
} Naming;

/* Name a kept row. */
static void
name_row(TupleTableSlot *slot, void *arg)
{
	Naming *naming = arg;

	appendStringInfo(&naming->text, "Key (%s)=(%s) is kept.\n", naming->names,
					 TextDatumGetCString(slot->tts_values[0]));
}

/* Tell which rows were kept, and what holds them. */
static void
tell_held(Purge *purge)
{
	Naming naming;
	char *names;
	char *key = key_as_text(purge->target, &names);
	KnownSets known = {&purge->held, 1};
	Oid types[] = {TIDARRAYOID};
	Datum values[1];
	OneRun run = {.nargs = 1, .types = types, .values = values};

	if (purge->held->n == 0)
		return;
	initStringInfo(&naming.text);
	naming.names = names;
	if (key != NULL)
	{
		values[0] = row_set_tids(purge->held->desc, purge->held->all, purge->held->n);
		(void) cleanup_run_knowing(psprintf(OWN_STATEMENT
											"SELECT %s FROM %s c WHERE"
											" c.ctid OPERATOR(pg_catalog.=) ANY ($1) AND"
											" account.row_in_set(0, c.tableoid, c.ctid)"
											" ORDER BY 1 LIMIT %d",
											key, cleanup_table_name(purge->target), MAX_LISTED),
								   &run, known, name_row, &naming);
	}
	ereport(NOTICE,
			(errmsg("deleted rows of \"%s\" that others still reference are kept: " UINT64_FORMAT,
					get_rel_name(purge->target), purge->held->n),
			 errdetail_row("%s%s", naming.text.data, purge->holders.data),
			 errhint("Remove what references them, or purge with force => true.")));
}

/* Remove rows that are dead for long enough; see the header. */
uint64
purge_rows(Oid target, AttrNumber deleted_at, TimestampTz cutoff, uint64 wanted, bool force,
		   bool batch)
{
	Purge purge = {.target = target,
				   .deleted_at = deleted_at,
				   .cutoff = cutoff,
				   .force = force,
				   .wanted = wanted};
	RowSet *candidates;
	uint64 before;
	int nest_level = cleanup_join_memory();

	initStringInfo(&purge.holders);
	/* held until the end: what it sees keeps its place */
	PushActiveSnapshot(GetTransactionSnapshot());
	candidates = find_candidates(&purge);
	do
	{
		before = purge.purged;
		purge.held = row_set_make(target, NIL);
		resetStringInfo(&purge.holders);
		purge_candidates(&purge, candidates);
		row_set_free(candidates);
		candidates = purge.held;
	} while (purge.held->n > 0 && purge.purged > before && purge.purged < wanted);
	if (!batch || purge.purged < wanted)
		tell_held(&purge);
	row_set_free(purge.held);
	PopActiveSnapshot();
	AtEOXact_GUC(true, nest_level);
	return purge.purged;
}

/* The target argument, checked and locked, and its column deleted_at. */
static Oid
target_argument(FunctionCallInfo fcinfo, AttrNumber *deleted_at)
{
	Oid target;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	target = PG_GETARG_OID(0);
	check_application_table(target, "a purge");
	LockRelationOid(target, RowExclusiveLock);
	*deleted_at = mapping_of_table(target)->deleted_at;
	return target;
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

/* Rows deleted until then are purged: now less older_than, or less the grace period. */
static TimestampTz
cutoff_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1))
		return purge_cutoff();
	return DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_mi_interval, TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
		PG_GETARG_DATUM(1)));
}

/* account.purge(target regclass, older_than interval, max_rows bigint, force boolean) RETURNS bigint */
static Datum
purge_operation(PG_FUNCTION_ARGS)
{
	AttrNumber deleted_at;
	Oid target = target_argument(fcinfo, &deleted_at);
	uint64 wanted;

	if (PG_ARGISNULL(3))
		refuse_null_argument("force");
	wanted = max_rows_argument(fcinfo, 2);
	CommandCounterIncrement();
	PG_RETURN_INT64((int64) purge_rows(target, deleted_at, cutoff_argument(fcinfo), wanted,
									   PG_GETARG_BOOL(3), false));
}

/* account.purge_batches(target regclass, older_than interval, batch_size bigint): a procedure */
Datum
purge_batches(PG_FUNCTION_ARGS)
{
	bool atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
				  castNode(CallContext, fcinfo->context)->atomic;
	AttrNumber deleted_at;
	Oid target = target_argument(fcinfo, &deleted_at);
	TimestampTz cutoff = cutoff_argument(fcinfo);
	uint64 total = 0;
	uint64 purged;
	int64 batch;

	if (PG_ARGISNULL(2))
		refuse_null_argument("batch_size");
	batch = PG_GETARG_INT64(2);
	if (batch <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"batch_size\" must be positive"),
						errhint("Give the number of rows that one transaction removes.")));
	if (atomic)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
						errmsg("account.purge_batches cannot run inside a transaction block"),
						errdetail("It commits after each batch."),
						errhint("CALL it by itself, or use account.purge.")));

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	for (;;)
	{
		(void) target_argument(fcinfo, &deleted_at);
		purged = purge_rows(target, deleted_at, cutoff, (uint64) batch, false, true);
		total += purged;
		SPI_commit();
		if (purged < (uint64) batch)
			break;
	}
	SPI_finish();
	ereport(NOTICE,
			(errmsg("purged " UINT64_FORMAT " rows of \"%s\"", total, get_rel_name(target))));
	PG_RETURN_VOID();
}
