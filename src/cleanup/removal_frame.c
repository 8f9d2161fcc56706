/*
 * removal_frame.c
 *		The lists of what a removal in many transactions still takes.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "removal_frame.h"

/* The list that is worked on; NULL: none. */
Frame *
removal_top_frame(const Removal *removal)
{
	return removal->frames != NIL ? llast(removal->frames) : NULL;
}

/*
 * Transaction numbers that the removal has taken so far; of a subtransaction that is undone it may
 * know none.
 */
static uint32
numbers_taken(const Removal *removal)
{
	TransactionId top = GetTopTransactionIdIfAny();
	TransactionId current = GetCurrentTransactionIdIfAny();
	TransactionId *children;

	return removal->numbers + (TransactionIdIsValid(top) ? 1 : 0) +
		   (TransactionIdIsValid(current) && current != top
				? 1 + xactGetCommittedChildren(&children)
				: 0);
}

/* The transaction of a batch is about to commit: count the numbers that it has taken. */
void
removal_count_numbers(Removal *removal)
{
	TransactionId *children;

	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		removal->numbers += 1 + xactGetCommittedChildren(&children);
}

/* Has nobody but this removal written anything since the plan of a list? */
bool
frame_is_undisturbed(const Removal *removal, const Frame *frame)
{
	return frame->was_alone &&
		   ReadNextTransactionId() - frame->next_number == numbers_taken(removal) - frame->numbers;
}

/* May a trigger of a table, or of a part of it, run code that writes rows? */
static bool
has_code(Oid relid)
{
	const char *const harmless[] = {"hold_delete", "hold_update", "hold_truncate", "soft_delete",
									"refuse_sealed"};
	bool has = false;
	ListCell *lc;

	foreach (lc, find_all_inheritors(relid, NoLock, NULL))
	{
		Relation rel = try_relation_open(lfirst_oid(lc), AccessShareLock);
		List *functions = NIL;
		ListCell *lc2;

		if (rel == NULL)
			continue;
		for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
			if (!rel->trigdesc->triggers[i].tgisinternal)
				functions = list_append_unique_oid(functions, rel->trigdesc->triggers[i].tgfoid);
		relation_close(rel, NoLock);
		foreach (lc2, functions)
		{
			bool known = false;

			for (int i = 0; i < lengthof(harmless); i++)
				known |= account_function(harmless[i]) == lfirst_oid(lc2);
			has |= !known;
		}
	}
	return has;
}

/* May removing rows of a plan's tables, and setting keys of others, run such code? */
static bool
plan_has_code(const Cleanup *plan)
{
	ListCell *lc;

	foreach (lc, plan->nodes)
	{
		FkNode *node = lfirst(lc);
		ListCell *lc2;

		if (has_code(node->relid))
			return true;
		foreach (lc2, node->referencing)
			if (has_code(((FkEdge *) lfirst(lc2))->child))
				return true;
	}
	return false;
}

/* A row joins the plan of a frame. */
void
frame_list_row(Oid tab, ItemPointer tid, void *arg)
{
	tid_list_add(arg, tab, tid);
}

/* Make a frame, with an empty list. */
Frame *
frame_make(Removal *removal)
{
	MemoryContext context =
		AllocSetContextCreate(removal->context, "pgaccount rows to remove", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Frame *frame = palloc0(sizeof(Frame));

	frame->context = context;
	frame->rows = tid_list_make();
	frame->removed = removal->removed;
	MemoryContextSwitchTo(old);
	return frame;
}

/* Note what a plan of the sealed row has seen of tables that others follow. */
void
frame_note_above(const Removal *removal, Frame *frame, const Cleanup *plan, RowSet *roots,
				 Snapshot snapshot)
{
	MemoryContext old = MemoryContextSwitchTo(frame->context);
	uint32 own = numbers_taken(removal) - removal->numbers;
	ListCell *lc;

	frame->is_root = true;
	frame->xmin = snapshot->xmin;
	frame->nroots = roots->n;
	frame->next_number = ReadNextTransactionId();
	frame->numbers = numbers_taken(removal);
	frame->was_alone =
		snapshot->xcnt == 0 && frame->next_number - snapshot->xmax == own && !plan_has_code(plan);
	frame->files = seen_files_make();
	foreach (lc, plan->nodes)
	{
		FkNode *node = lfirst(lc);
		CleanupTable *table = node->data;
		Above *above;

		if (table->set->n == 0)
			continue;
		seen_files_note(frame->files, node->relid);
		if (table->keys == NIL)
			continue;
		above = palloc(sizeof(Above));
		above->relid = node->relid;
		above->rows = seen_rows_make(table->set, node == plan->node ? roots : NULL);
		frame->above = lappend(frame->above, above);
	}
	MemoryContextSwitchTo(old);
}

/* Work on a list from now on. */
void
frame_push(Removal *removal, Frame *frame)
{
	MemoryContext old = MemoryContextSwitchTo(removal->context);

	frame->size = tid_list_length(frame->rows);
	tid_list_end(frame->rows);
	removal->frames = lappend(removal->frames, frame);
	removal->chunk = removal->request->batch_size;
	MemoryContextSwitchTo(old);
}

/* Go back to the row that a list was made for; whole: take all that goes with it. */
void
frame_pop(Removal *removal, bool whole)
{
	Frame *frame = llast(removal->frames);

	removal->frames = list_delete_last(removal->frames);
	MemoryContextDelete(frame->context);
	removal->chunk = 1;
	removal->whole = whole;
}
