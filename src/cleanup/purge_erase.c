/*
 * purge_erase.c
 *		Rows of a purge that are erased in place.
 *
 * Nothing stands in the way of that but a hold, on one of the rows or on what follows it. The first
 * are found by looking at each; the others by erasing the rows together and, where that cannot be,
 * by halves.
 *
 * Memory: the caller's context; what is noted for the report is in that of the purge.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "hold/hold.h"
#include "softdelete/softdelete.h"
#include "blocked_rows.h"
#include "erase.h"
#include "purge_erase.h"

/* A slice that is being erased. */
typedef struct Erasing
{
	const OverdueRows *due;
	RowTids *blocked;
	List **holders;
	uint64 erased;
} Erasing;

/* Note that a hold keeps a row. */
static void
keep_row(Erasing *erasing, Oid tab, ItemPointer tid, int64 hold)
{
	MemoryContext old;

	row_tids_append(erasing->blocked, erasing->due->context, tab, tid);
	old = MemoryContextSwitchTo(erasing->due->context);
	*erasing->holders = blocked_note_hold(*erasing->holders, hold);
	MemoryContextSwitchTo(old);
}

/* Those of a slice that are under no hold themselves. */
static RowSet *
free_rows(Erasing *erasing, RowSet *slice)
{
	RowSet *rest = row_set_make(erasing->due->target, NIL);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(slice->desc, &TTSOpsMinimalTuple);
	HoldJudge *judge = hold_judge_make();

	row_set_rewind(slice->all);
	while (tuplestore_gettupleslot(slice->all, true, false, slot))
	{
		HoldFound found;
		Oid tab;
		ItemPointer tid;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		tab = SLOT_TAB(slot, SET_TAB);
		tid = SLOT_TID(slot, SET_TAB);
		if (hold_judge_tid(judge, tab, tid, &found))
			keep_row(erasing, tab, tid, found.hold);
		else
			(void) row_set_add_tid(rest, tab, tid);
	}
	ExecDropSingleTupleTableSlot(slot);
	return rest;
}

/* A part of some rows: so many from there on. hold: none; else note that it keeps them. */
static RowSet *
some_of(Erasing *erasing, RowSet *rows, uint64 from, uint64 n, int64 hold)
{
	RowSet *part = row_set_make(erasing->due->target, NIL);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(rows->desc, &TTSOpsMinimalTuple);

	row_set_rewind(rows->all);
	for (uint64 i = 0; i < from + n && tuplestore_gettupleslot(rows->all, true, false, slot); i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i < from)
			continue;
		slot_getallattrs(slot);
		if (hold == 0)
			(void) row_set_add_tid(part, SLOT_TAB(slot, SET_TAB), SLOT_TID(slot, SET_TAB));
		else
			keep_row(erasing, SLOT_TAB(slot, SET_TAB), SLOT_TID(slot, SET_TAB), hold);
	}
	ExecDropSingleTupleTableSlot(slot);
	return part;
}

/* Erase rows and what follows them, but for those that lead to a row that a hold keeps. */
static void
erase_rows(Erasing *erasing, RowSet *rows)
{
	uint64 half = rows->n / 2;
	int64 hold;
	RowSet *part;

	check_stack_depth();
	if (rows->n == 0)
		return;
	hold = erase_deleted_rows(erasing->due->target, rows);
	if (hold == 0)
		erasing->erased += rows->n;
	else if (rows->n == 1)
		row_set_free(some_of(erasing, rows, 0, 1, hold));
	else
	{
		part = some_of(erasing, rows, 0, half, 0);
		erase_rows(erasing, part);
		row_set_free(part);
		part = some_of(erasing, rows, half, rows->n - half, 0);
		erase_rows(erasing, part);
		row_set_free(part);
	}
}

/* The type of the column that says when a row was deleted, as overdue_stamp_sql() gives it. */
static StampType
stamp_type(const OverdueRows *due, Oid base)
{
	StampType stamp;
	Oid type;
	int32 typmod;
	Oid collation;

	get_atttypetypmodcoll(due->target, due->deleted_at, &type, &typmod, &collation);
	if (!stamp_resolve(&stamp, type, typmod))
		stamp = (StampType){base, -1, base, -1};
	return stamp;
}

/* Erase the rows of a slice; see the header. */
uint64
purge_erase(const OverdueRows *due, RowSet *slice, RowTids *blocked, List **holders)
{
	Erasing erasing = {.due = due, .blocked = blocked, .holders = holders};
	Oid base;
	char *sql = overdue_stamp_sql(due, &base);
	StampType stamp = stamp_type(due, base);
	Datum cutoff = overdue_cutoff(due);
	RowSet *rest;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	/* where a batch has been committed since, another row may be where one of the slice was */
	rest = erase_not_yet(due->target, slice, sql, &stamp, &cutoff);
	if (hold_concerns(due->target))
		rest = free_rows(&erasing, rest);
	erase_rows(&erasing, rest);
	row_set_free(rest);
	PopActiveSnapshot();
	return erasing.erased;
}
