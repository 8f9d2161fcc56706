/*
 * pending.c
 *		Rows that row triggers collect for the end of their statement.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "postmaster/bgworker.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "extension.h"
#include "pending.h"

static PendingList *lists = NULL;

/* Removals that are running, one within the other. */
static int removals = 0;

/*
 * At the end of a transaction nothing is left over; its memory goes with it. Rows that nobody
 * flushed would be forgotten: never in silence.
 */
static void
transaction_ends(XactEvent event, void *arg)
{
	for (PendingList *list = lists; list != NULL; list = list->next)
	{
		bool left = list->batches != NIL;

		if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		{
			if (left)
				ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
								errmsg("%s were left behind", list->rows),
								errdetail("The statement trigger with function account.%s() did "
										  "not fire.",
										  list->function),
								errhint("Call account.doctor() for what is wrong with the "
										"triggers.")));
		}
		else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
				 event == XACT_EVENT_PREPARE)
			list->batches = NIL;
	}
}

/* What an aborted subtransaction collected is gone; a committed one's is its parent's. */
static void
subtransaction_ends(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int level = GetCurrentTransactionNestLevel();

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (PendingList *list = lists; list != NULL; list = list->next)
	{
		ListCell *lc;

		foreach (lc, list->batches)
		{
			PendingBatch *batch = lfirst(lc);

			if (batch->nest_level < level)
				continue;
			if (event == SUBXACT_EVENT_COMMIT_SUB)
				batch->nest_level = level - 1;
			else
				list->batches = foreach_delete_current(list->batches, lc);
		}
	}
}

/* Have a list follow transactions. */
void
pending_follow(PendingList *list)
{
	if (lists == NULL)
	{
		RegisterXactCallback(transaction_ends, NULL);
		RegisterSubXactCallback(subtransaction_ends, NULL);
	}
	list->next = lists;
	lists = list;
}

/* A removal begins. */
void
pending_postpone(void)
{
	removals++;
}

/* A removal has failed. */
void
pending_give_up(void)
{
	removals--;
}

/* A removal ends: what it has left over is looked at. */
void
pending_catch_up(void)
{
	if (--removals > 0)
		return;
	for (PendingList *list = lists; list != NULL; list = list->next)
		if (list->postponed != NULL && list->batches != NIL)
			list->postponed();
}

/* Is one running? */
bool
pending_is_postponed(void)
{
	return removals > 0;
}

/* Begin a batch. */
void *
pending_begin(PendingList *list, Size size)
{
	MemoryContext context =
		AllocSetContextCreate(CurTransactionContext, "pgaccount batch", ALLOCSET_SMALL_SIZES);
	PendingBatch *batch = MemoryContextAllocZero(context, size);
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);

	batch->context = context;
	batch->nest_level = GetCurrentTransactionNestLevel();
	list->batches = lappend(list->batches, batch);
	MemoryContextSwitchTo(caller);
	return batch;
}

/* Put a batch that was taken on a list. */
void
pending_put(PendingList *list, PendingBatch *batch)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);

	batch->nest_level = GetCurrentTransactionNestLevel();
	list->batches = lappend(list->batches, batch);
	MemoryContextSwitchTo(caller);
}

/* Does a batch belong to the running subtransaction? */
bool
pending_is_ours(const PendingBatch *batch)
{
	return batch->nest_level >= GetCurrentTransactionNestLevel();
}

/* Take a batch; see the header. */
void *
pending_take(PendingList *list, int rows)
{
	ListCell *lc;

	foreach (lc, list->batches)
	{
		PendingBatch *batch = lfirst(lc);

		if (batch->n < rows || !pending_is_ours(batch))
			continue;
		list->batches = foreach_delete_current(list->batches, lc);
		return batch;
	}
	return NULL;
}

/* Does a table carry a trigger of ours, for each statement, with this function? */
static bool
has_trigger(Oid relid, Oid function)
{
	Relation rel = RelationIdGetRelation(relid);
	TriggerDesc *triggers;
	bool found = false;

	if (!RelationIsValid(rel))
		return false;
	triggers = rel->trigdesc;
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		found |= triggers->triggers[i].tgfoid == function &&
				 !TRIGGER_FOR_ROW(triggers->triggers[i].tgtype) &&
				 !TRIGGER_FOR_TRUNCATE(triggers->triggers[i].tgtype) &&
				 triggers->triggers[i].tgenabled != TRIGGER_DISABLED;
	RelationClose(rel);
	return found;
}

/* The tables that a table inherits from, or is a part of, directly. */
List *
tables_inherited_by(Oid relid)
{
	Relation inherits = table_open(InheritsRelationId, AccessShareLock);
	List *tables = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		tables = lappend_oid(tables, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
	return tables;
}

/* The tables by which a statement may reach a table's rows: itself, and all it inherits from. */
List *
tables_above(Oid relid)
{
	List *tables = list_make1_oid(relid);

	for (int i = 0; i < list_length(tables); i++)
		tables = list_concat_unique_oid(tables, tables_inherited_by(list_nth_oid(tables, i)));
	return tables;
}

/* Does any statement that changes rows of a table end with the trigger that flushes? */
bool
pending_is_flushed(const PendingList *list, Oid relid, List **tables)
{
	Oid function = account_function(list->function);
	List *above = tables_above(relid);
	ListCell *lc;
	bool all =
		MyBgworkerEntry == NULL; /* those that apply changes of another server run no statements */

	foreach (lc, above)
		all &= has_trigger(lfirst_oid(lc), function);
	if (tables != NULL)
		*tables = above;
	return all;
}
