/*
 * cascade.c
 *		What follows from the deletion of a row, or from its return: its children go and come with
 *		it.
 *
 * Children are the rows of soft-delete tables whose key references the row ON DELETE CASCADE, by
 * catalog or policy, or of which a policy says that they follow; or, by policy, of any table whose
 * rows are to be removed for good, or are to refuse the deletion (referencing.c). The consequences
 * hang on the UPDATE of deleted_at, so they are the same whoever made it: a rewritten DELETE, the
 * row trigger, or an application that sets the column itself.
 *
 * account.soft_delete_changed(), AFTER UPDATE for each row whose deleted_at changed, collects the
 * keys; account.soft_delete_flush(), AFTER UPDATE OR DELETE for each statement, comes after the
 * last of them and updates each child table in one statement. A row trigger costs an UPDATE of
 * other columns nothing but its WHEN, and is cloned to partitions attached later. Those have no
 * statement trigger, so there each row is flushed at once.
 *
 * Batches (pending.c) are flushed early when they are large, so memory stays flat. The children's
 * statements run as their tables' owners, as the server's referential actions do, and with their
 * own AFTER triggers queued behind ours, so a deep tree needs no deep stack. What they are is
 * follow.c's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "cascade.h"
#include "cascade_batch.h"
#include "cascade_edges.h"
#include "comeback.h"
#include "follow.h"
#include "follow_return.h"
#include "guard.h"
#include "mapping.h"
#include "referencing.h"
#include "soft_delete.h"

PG_FUNCTION_INFO_V1(soft_delete_changed);
PG_FUNCTION_INFO_V1(soft_delete_flush);

#define BATCH_ROWS 1000

PendingList cascade_batches = {.function = "soft_delete_flush", .rows = "children of deleted rows"};
PendingList cascade_waiting = {.function = "soft_delete_flush",
							   .rows = "children of restored rows"};

static PendingList guards = {.function = "soft_delete_flush",
							 .rows = "references of restored rows"};

/*
 * How deep in triggers the statement for a batch was started, which is running; -1: none is.
 * Triggers of that statement itself only collect, and who runs it goes on with what they have: a
 * chain of rows is no chain of calls. A statement of somebody's trigger within it is as any other,
 * deeper in.
 */
static int batch_depth = -1;
static int batch_nesting = 0; /* statements for batches that run one within the other */

/* So deep rows of many children are not collected all, but let follow a batch at a time. */
#define MAX_NESTING 8

/* The call of account.restore() whose statement is running, or whose batches are. */
static RestoreCall *restoring = NULL;

/* Between transactions no statement for a batch is running, and nobody holds an entry. */
static void
transaction_ends(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	batch_depth = -1;
	batch_nesting = 0;
	restoring = NULL;
}

/* Follow transactions. */
void
cascade_init(void)
{
	cascade_edges_init();
	RegisterXactCallback(transaction_ends, NULL);
	pending_follow(&cascade_batches);
	pending_follow(&cascade_refusals);
	pending_follow(&cascade_waiting);
	pending_follow(&guards);
}

/* How deep in triggers are we? */
static int
trigger_depth(void)
{
	return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
}

/* Does this trigger belong to the statement that is running for a batch? */
bool
cascade_in_batch(void)
{
	return batch_depth >= 0 && trigger_depth() == batch_depth + 1;
}

/* A statement for a batch, kept or not. */
typedef struct BatchStatement
{
	KeptStatement *kept;
	const char *sql;
	int nargs;
	const Oid *types;
} BatchStatement;

/* Run a statement for a batch. Its triggers fire with it, as the owner of the children. */
static uint64
run_statement(const BatchStatement *statement, Datum *values, const StatementOptions *options)
{
	int outer = batch_depth;
	volatile uint64 followed = 0;

	PG_TRY();
	{
		batch_depth = trigger_depth();
		batch_nesting++;
		if (statement->kept != NULL)
			followed = statement_run(statement->kept, values, NULL, options);
		else
			followed = statement_run_once(statement->sql, statement->nargs, statement->types,
										  values, NULL, options);
	}
	PG_FINALLY();
	{
		batch_depth = outer;
		batch_nesting--;
	}
	PG_END_TRY();
	return followed;
}

/* Run a kept statement for a batch. */
uint64
cascade_run(KeptStatement *statement, Datum *values, const StatementOptions *options)
{
	return run_statement(&(BatchStatement){.kept = statement}, values, options);
}

/* Run a text for a batch. */
uint64
cascade_run_once(const char *sql, int nargs, const Oid *types, Datum *values,
				 const StatementOptions *options)
{
	return run_statement(&(BatchStatement){.sql = sql, .nargs = nargs, .types = types}, values,
						 options);
}

/* Remove what references the rows of a batch; the same of triggers that fire meanwhile. */
static void
run_removal(Batch *batch)
{
	int outer = batch_depth;
	MemoryContext old = MemoryContextSwitchTo(batch->pending.context);

	PG_TRY();
	{
		batch_depth = trigger_depth();
		batch_nesting++;
		remove_referencing(batch);
	}
	PG_FINALLY();
	{
		batch_depth = outer;
		batch_nesting--;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}

/* Let the children of a batch follow, or remove them, and free it. */
static void
run_batch(Batch *batch)
{
	FAILURE_POINT("follow");
	/* as the server's own actions: before statements name it and its columns */
	LockRelationOid(batch->edge->child, RowExclusiveLock);
	if (edge_effect(batch->edge) == EDGE_REMOVES)
		run_removal(batch);
	else if (batch->change == CHANGE_RESTORED)
		return_batch(batch);
	else
		follow_batch(batch);
	if (!batch->kept)
		MemoryContextDelete(batch->pending.context);
}

/* The batch for rows of this edge, in this subtransaction; made if there is none. */
static Batch *
open_batch(const FkEdge *edge, Change change, RestoreCall *call)
{
	PendingList *list = edge_effect(edge) == EDGE_REFUSES ? &cascade_refusals : &cascade_batches;
	MemoryContext old;
	Batch *batch;
	ListCell *lc;

	foreach (lc, list->batches)
	{
		batch = lfirst(lc);
		if (fk_same_edge(batch->edge, edge) && batch->change == change && batch->call == call &&
			pending_is_ours(&batch->pending))
			return batch;
	}
	batch = pending_begin(list, sizeof(Batch));
	old = MemoryContextSwitchTo(batch->pending.context);
	batch->change = change;
	batch->call = call;
	batch->edge = copy_edge(edge);
	key_list_begin(&batch->rows, edge->parent, edge->nkeys, edge->parent_cols);
	MemoryContextSwitchTo(old);
	return batch;
}

/*
 * Add a row to the batch of an edge. Runs nothing: the caller walks a list that running may free.
 */
static void
collect(const FkEdge *edge, Change change, Relation rel, HeapTuple tuple, TimestampTz old_stamp,
		TimestampTz new_stamp)
{
	Datum keys[INDEX_MAX_KEYS];
	RestoreCall *call = NULL;
	Batch *batch;

	for (int i = 0; i < edge->nkeys; i++)
	{
		/* a partition may have its columns in another order than the table of the key */
		AttrNumber attnum =
			edge->parent == RelationGetRelid(rel)
				? edge->parent_cols[i]
				: get_attnum(RelationGetRelid(rel),
							 get_attname(edge->parent, edge->parent_cols[i], false));
		bool isnull;

		keys[i] = heap_getattr(tuple, attnum, RelationGetDescr(rel), &isnull);
		if (isnull)
			return; /* nothing can reference it */
	}
	if (change == CHANGE_RESTORED)
	{
		/* a statement of somebody's trigger is none of the call's */
		call = cascade_in_batch() ? restoring : NULL;
		new_stamp = first_stamp(old_stamp, call != NULL ? call->within : NULL);
	}
	batch = open_batch(edge, change, call);
	key_list_add(&batch->rows, keys, old_stamp, new_stamp);
	batch->pending.n++;
}

/* Look again at a reference of a row that came back. */
void
cascade_guard_later(const FkEdge *edge, const Datum *keys)
{
	GuardBatch *batch = NULL;
	MemoryContext old;
	ListCell *lc;

	foreach (lc, guards.batches)
	{
		GuardBatch *other = lfirst(lc);

		if (fk_same_edge(other->edge, edge) && pending_is_ours(&other->pending))
			batch = other;
	}
	if (batch == NULL)
	{
		batch = pending_begin(&guards, sizeof(GuardBatch));
		old = MemoryContextSwitchTo(batch->pending.context);
		batch->edge = copy_edge(edge);
		key_list_begin(&batch->keys, edge->child, edge->nkeys, edge->child_cols);
		MemoryContextSwitchTo(old);
	}
	key_list_add(&batch->keys, keys, 0, 0);
	batch->pending.n++;
}

/* Raise 23503 for references of rows that came back to rows that did not. */
static void
check_guards(void)
{
	GuardBatch *batch;

	FAILURE_POINT("guard");
	while ((batch = pending_take(&guards, 1)) != NULL)
	{
		guard_check(batch->edge, &batch->keys);
		MemoryContextDelete(batch->pending.context);
	}
}

/*
 * Run the batches of this subtransaction that have at least so many rows. What refuses comes before
 * what follows.
 */
static void
flush(int rows)
{
	Batch *batch;

	while (!refuse_deletions(rows) && (batch = pending_take(&cascade_batches, rows)) != NULL)
		run_batch(batch);
}

/* Bring rows back that wait for one another. Returns false where none waits. */
static bool
run_waiting(void)
{
	MemoryContext context;
	MemoryContext old;
	List *batches = NIL;
	RestoreCall *call = NULL;
	Comeback *comeback;
	Batch *batch;
	uint64 returned;
	ListCell *lc;

	if (cascade_waiting.batches == NIL)
		return false;
	context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount comeback", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	while ((batch = pending_take(&cascade_waiting, 1)) != NULL)
	{
		batches = lappend(batches, batch);
		call = batch->call;
	}
	if (batches != NIL)
	{
		SPI_connect();
		MemoryContextSwitchTo(context);
		comeback = comeback_begin(call != NULL ? call->within : NULL, true);
		foreach (lc, batches)
			comeback_add_children(comeback, lfirst(lc));
		comeback_close(comeback);
		returned = comeback_run(comeback);
		comeback_end(comeback);
		SPI_finish();
		MemoryContextSwitchTo(context);
		if (call != NULL)
			call->rows += returned;
		foreach (lc, batches)
		{
			batch = lfirst(lc);
			if (batch->call != NULL && batch->call->tell)
				batch_is_counted_later(batch);
			else
				MemoryContextDelete(batch->pending.context);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return batches != NIL;
}

/* Run all batches of this subtransaction, and what follows from them. */
static void
flush_all(void)
{
	do
	{
		flush(1);
	} while (run_waiting());
	if (batch_nesting == 0)
		check_guards();
}

/* Run what deletes rows, or brings them back, as one statement, and what follows. */
uint64
cascade_together(RestoreCall *call, CascadeStep step, void *arg)
{
	RestoreCall *outer = restoring;
	volatile uint64 rows = 0;

	PG_TRY();
	{
		restoring = call;
		rows = step(arg);
		flush_all();
	}
	PG_FINALLY();
	{
		restoring = outer;
	}
	PG_END_TRY();
	return rows;
}

/* Have a row come back as one that follows does. */
void
cascade_return(RestoreCall *call, const FkEdge *edge, Datum key, TimestampTz stamp)
{
	Batch *batch = open_batch(edge, CHANGE_RESTORED, call);

	key_list_add(&batch->rows, &key, stamp, first_stamp(stamp, call->within));
	batch->pending.n++;
	flush(BATCH_ROWS);
}

/* Does what became of a row do something to those that reference it over an edge? */
static bool
concerns(const FkEdge *edge, Change change)
{
	return edge_effect(edge) == EDGE_FOLLOWS ? mapping_active(edge->child) != NULL
											 : change == CHANGE_DELETED;
}

/*
 * account.soft_delete_changed() RETURNS trigger: AFTER UPDATE, for each row that is deleted,
 * restored, or stamped anew.
 */
Datum
soft_delete_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = called_as_trigger(fcinfo, "soft_delete_changed");
	Relation rel = trigger->tg_relation;
	TupleDesc desc = RelationGetDescr(rel);
	const SoftDelete *mapping;
	EdgesEntry *entry;
	TimestampTz old_stamp;
	TimestampTz new_stamp;
	bool was_live;
	bool is_live;
	bool has_flush;
	Change change;
	ListCell *lc;

	if (!TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		return PointerGetDatum(NULL);
	mapping = mapping_declared(RelationGetRelid(rel));
	if (mapping == NULL)
		return PointerGetDatum(NULL);

	old_stamp = row_stamp(trigger->tg_trigtuple, desc, mapping, &was_live);
	new_stamp = row_stamp(trigger->tg_newtuple, desc, mapping, &is_live);
	if (was_live == is_live && old_stamp == new_stamp)
		return PointerGetDatum(NULL);
	change = was_live ? CHANGE_DELETED : is_live ? CHANGE_RESTORED : CHANGE_STAMPED;

	entry = cascade_edges_entry(rel);
	has_flush = entry->has_flush;
	foreach (lc, entry->edges)
		if (concerns(lfirst(lc), change))
			collect(lfirst(lc), change, rel, trigger->tg_newtuple, old_stamp, new_stamp);
	if (!cascade_in_batch())
	{
		if (has_flush)
			flush(BATCH_ROWS);
		else
			flush_all();
	}
	else if (batch_nesting < MAX_NESTING)
		flush(BATCH_ROWS);
	return PointerGetDatum(NULL);
}

/* account.soft_delete_flush() RETURNS trigger: AFTER UPDATE OR DELETE, for each statement. */
Datum
soft_delete_flush(PG_FUNCTION_ARGS)
{
	(void) called_as_trigger(fcinfo, "soft_delete_flush");
	if (!cascade_in_batch())
		flush_all();
	return PointerGetDatum(NULL);
}
