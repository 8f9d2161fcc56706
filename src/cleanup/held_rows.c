/*
 * held_rows.c
 *		Which rows of a set a hold keeps.
 *
 * Those under one, and those that would take one that is along. Only sets with rows of a table that
 * a hold is about are read.
 */
#include "postgres.h"

#include "executor/tuptable.h"
#include "miscadmin.h"

#include "base/base.h"
#include "hold/hold.h"
#include "held_rows.h"

/* Hand the rows of a set that a hold keeps to callback; NULL: raise for the first. */
static uint64
find_held(RowSet *set, FkNode *node, HeldRowCallback callback, void *arg)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount held rows", ALLOCSET_SMALL_SIZES);
	MemoryContext row = AllocSetContextCreate(context, "pgaccount held row", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HoldJudge *judge = hold_judge_make();
	Tuplestorestate *rows = row_set_rows(set);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(set->desc, &TTSOpsMinimalTuple);
	uint64 n = 0;

	row_set_rewind(rows);
	MemoryContextSwitchTo(row);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		HoldFound found;
		Oid tab;
		ItemPointer tid;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		tab = SLOT_TAB(slot, SET_TAB);
		tid = SLOT_TID(slot, SET_TAB);
		if (hold_judge_tid(judge, tab, tid, &found))
		{
			if (callback == NULL)
				hold_refuse(tab, &found);
			callback(node, tab, tid, found.hold, arg);
			n++;
		}
		MemoryContextReset(row);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return n;
}

/* Is a hold about a table that has rows in a set? */
static bool
set_is_concerned(const RowSet *set)
{
	for (int i = 0; i < set->ntabs; i++)
		if (hold_concerns(set->tabs[i]))
			return true;
	return false;
}

/* The rows that go, and that a hold keeps. */
uint64
cleanup_find_held(Cleanup *cleanup, HeldRowCallback callback, void *arg)
{
	uint64 n = 0;
	ListCell *lc;

	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);
		RowSet *set = ((CleanupTable *) node->data)->set;

		if (set->n > 0 && set_is_concerned(set))
			n += find_held(set, node, callback, arg);
	}
	return n;
}

/* Raise PT423 if a row of a set is under a hold, or would go with one that is. */
void
row_set_check_holds(RowSet *set)
{
	if (set->n > 0 && set_is_concerned(set))
		(void) find_held(set, NULL, NULL, NULL);
}

/* HeldRowCallback: note a hold. */
static void
note_hold(FkNode *node, Oid tab, ItemPointer tid, int64 hold, void *arg)
{
	*(int64 *) arg = hold;
}

/* The hold that keeps a row of a set; 0: none does. */
int64
row_set_find_hold(RowSet *set)
{
	int64 hold = 0;

	if (set->n > 0 && set_is_concerned(set))
		(void) find_held(set, NULL, note_hold, &hold);
	return hold;
}
