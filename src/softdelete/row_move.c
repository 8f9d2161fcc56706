/*
 * row_move.c
 *		Rows that an UPDATE moves to another partition.
 *
 * Such an UPDATE deletes the row from the old partition, and DELETE triggers see that. It comes
 * right after the BEFORE UPDATE triggers of the same row, version and statement, so one of these
 * notes the row. Two modules may do so: each asks for its own note, and they are alike.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "row_move.h"

/*
 * The row of a table that a statement is about to update: if the next thing the statement does to
 * it is to delete it, it moves. One note for each such statement, table and trigger, in the
 * statement's memory: statements nest, and each forgets its own at its end.
 */
typedef struct UpdateNote
{
	Oid relid;
	ItemPointerData tid;     /* until a DELETE trigger has asked */
	ItemPointerData updated; /* the same, until an INSERT trigger has asked */
	MemoryContext statement;
	MemoryContextCallback at_end;
	struct UpdateNote *next;
} UpdateNote;

static UpdateNote *update_notes = NULL;

/* The statement that noted rows ends. */
static void
forget_updated_row(void *arg)
{
	for (UpdateNote **p = &update_notes; *p != NULL; p = &(*p)->next)
		if (*p == arg)
		{
			*p = (*p)->next;
			return;
		}
}

/* Note that this statement is about to update this row. */
void
row_moves_note(FmgrInfo *flinfo, Relation rel, ItemPointer tid)
{
	UpdateNote *note = flinfo->fn_extra;

	if (note == NULL)
	{
		note = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(UpdateNote));
		note->relid = RelationGetRelid(rel);
		note->statement = flinfo->fn_mcxt;
		note->next = update_notes;
		update_notes = note;
		note->at_end.func = forget_updated_row;
		note->at_end.arg = note;
		MemoryContextRegisterResetCallback(flinfo->fn_mcxt, &note->at_end);
		flinfo->fn_extra = note;
	}
	note->tid = *tid;
	note->updated = *tid;
}

/* Is this row, which the statement deletes, one that it is updating? Then it moves. */
bool
row_is_moving(FmgrInfo *flinfo, Relation rel, ItemPointer tid)
{
	for (UpdateNote *note = update_notes; note != NULL; note = note->next)
		if (note->statement == flinfo->fn_mcxt && note->relid == RelationGetRelid(rel) &&
			ItemPointerIsValid(&note->tid) && ItemPointerEquals(&note->tid, tid))
		{
			ItemPointerSetInvalid(&note->tid);
			return true;
		}
	return false;
}

/* Has the row of a note left its partition? The server marks the version that it leaves behind. */
static bool
has_left(const UpdateNote *note)
{
	Relation rel = table_open(note->relid, NoLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ItemPointerData tid = note->updated;
	bool left = false;

	if (table_tuple_fetch_row_version(rel, &tid, SnapshotAny, slot))
	{
		bool should_free;
		HeapTuple tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);

		left = HeapTupleHeaderIndicatesMovedPartitions(tuple->t_data) &&
			   TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmax(tuple->t_data));
		if (should_free)
			heap_freetuple(tuple);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	return left;
}

/* Are two partitions those of one table? */
static bool
are_of_one_table(Oid one, Oid other)
{
	return llast_oid(get_partition_ancestors(one)) == llast_oid(get_partition_ancestors(other));
}

/*
 * Does this row, which the statement inserts, come from another partition? Deleting it there was
 * the last thing that the statement did.
 */
bool
row_has_moved(FmgrInfo *flinfo, Relation rel)
{
	bool moved = false;

	if (!rel->rd_rel->relispartition)
		return false;
	for (UpdateNote *note = update_notes; note != NULL; note = note->next)
		if (note->statement == flinfo->fn_mcxt && ItemPointerIsValid(&note->updated) &&
			are_of_one_table(note->relid, RelationGetRelid(rel)) && has_left(note))
		{
			ItemPointerSetInvalid(&note->updated);
			moved = true;
		}
	return moved;
}
