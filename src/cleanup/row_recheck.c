/*
 * row_recheck.c
 *		What became of rows of a set that a cleanup's own statement did not delete.
 *
 * They are looked at as they are stored. Whoever changed or deleted one also set its key free: a
 * new row that another session gave the same key is not of the set, nor is what references it,
 * though the proof finds both by that key. Where there is one the cleanup fails.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "cleanup_read.h"
#include "row_recheck.h"

/* A row whose version of the set is gone, and where its next version is. */
typedef struct MovedRow
{
	FkNode *node;
	Oid tab;
	ItemPointerData next;
} MovedRow;

/* Fail because rows of the set are still there. */
void
recheck_refuse_kept_back(Oid relid, uint64 n)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("rows of \"%s\" were kept back", get_rel_name(relid)),
			 errdetail("%s: " UINT64_FORMAT " rows", display_relation(relid), n),
			 errhint("A trigger, a rule or a policy of the table keeps them: let it pass them, and "
					 "call this again.")));
}

/* Fail because a row left the set under our hands. */
compat_noreturn static void
refuse_concurrent_change(Oid relid)
{
	ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("could not serialize access due to concurrent update"),
					errdetail("A row of table \"%s\" was changed while it was being removed.",
							  get_rel_name(relid)),
					errhint("Try the transaction again.")));
}

/* What became of the version of a row that was in the set. */
typedef enum RowRecheck
{
	ROW_KEPT,
	ROW_DELETED_HERE,
	ROW_DELETED_ELSEWHERE,
	ROW_MOVED
} RowRecheck;

/*
 * Look at a row version as it is stored. Its next version in next. The header is copied under the
 * buffer's lock: another session may be locking or changing the row, and its xmax goes with its
 * flags.
 */
static RowRecheck
row_recheck_one(Relation rel, ItemPointer tid, ItemPointer next)
{
	HeapTupleHeaderData header;
	HeapTupleData tuple;
	Buffer buffer;
	TransactionId xmax;

	if (rel->rd_tableam != GetHeapamTableAmRoutine())
		refuse_concurrent_change(RelationGetRelid(rel));
	tuple.t_self = *tid;
	/*
	 * our oldest snapshot sees the version, so it cannot have been pruned; a trigger may have had
	 * the table truncated
	 */
	if (ItemPointerGetBlockNumber(tid) >= RelationGetNumberOfBlocks(rel) ||
		!heap_fetch(rel, SnapshotAny, &tuple, &buffer, false))
		refuse_concurrent_change(RelationGetRelid(rel));
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(&header, tuple.t_data, SizeofHeapTupleHeader);
	UnlockReleaseBuffer(buffer);

	if ((header.t_infomask & HEAP_XMAX_INVALID) != 0 || HEAP_XMAX_IS_LOCKED_ONLY(header.t_infomask))
		return ROW_KEPT;
	xmax = HeapTupleHeaderGetUpdateXid(&header);
	if (!TransactionIdIsValid(xmax) ||
		(!TransactionIdIsCurrentTransactionId(xmax) && !TransactionIdDidCommit(xmax)))
		return ROW_KEPT;
	if (HeapTupleHeaderIndicatesMovedPartitions(&header))
		refuse_concurrent_change(RelationGetRelid(rel));
	*next = header.t_ctid;
	if (!ItemPointerEquals(next, tid))
		return ROW_MOVED;
	return TransactionIdIsCurrentTransactionId(xmax) ? ROW_DELETED_HERE : ROW_DELETED_ELSEWHERE;
}

/* Not all rows were deleted by our statement: account for each of them. */
void
recheck_find(Rechecks *rechecks, Cleanup *cleanup, FkNode *node, Tuplestorestate *rows)
{
	TupleDesc desc = ((CleanupTable *) node->data)->set->desc;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	Relation rel = NULL;
	uint64 kept = 0;

	row_set_rewind(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		Oid tab;
		ItemPointer tid;
		ItemPointerData next;
		CleanupStep *step;
		bool isnull;

		CHECK_FOR_INTERRUPTS();
		tab = DatumGetObjectId(slot_getattr(slot, SET_TAB + 1, &isnull));
		tid = (ItemPointer) DatumGetPointer(slot_getattr(slot, SET_TID + 1, &isnull));
		step = list_nth(cleanup->steps, DatumGetInt32(slot_getattr(slot, SET_VIA + 1, &isnull)));
		if (rel == NULL || RelationGetRelid(rel) != tab)
		{
			if (rel != NULL)
				table_close(rel, NoLock);
			rel = table_open(tab, AccessShareLock);
		}
		switch (row_recheck_one(rel, tid, &next))
		{
			case ROW_KEPT:
				kept++;
				break;
			case ROW_DELETED_HERE:
				break;
			case ROW_DELETED_ELSEWHERE:
				step->rows--;
				rechecks->freed = list_append_unique_ptr(rechecks->freed, node);
				break;
			case ROW_MOVED:
			{
				MovedRow *moved = palloc(sizeof(MovedRow));

				moved->node = node;
				moved->tab = tab;
				moved->next = next;
				rechecks->moved = lappend(rechecks->moved, moved);
				rechecks->freed = list_append_unique_ptr(rechecks->freed, node);
				step->rows--;
				break;
			}
		}
	}
	if (rel != NULL)
		table_close(rel, NoLock);
	ExecDropSingleTupleTableSlot(slot);
	if (kept > 0)
		recheck_refuse_kept_back(node->relid, kept);
}

/* Each row that was changed must have joined the set in its last version, or be gone. */
void
recheck_check_moved(const Rechecks *rechecks)
{
	ListCell *lc;

	foreach (lc, rechecks->moved)
	{
		MovedRow *moved = lfirst(lc);
		RowSet *set = ((CleanupTable *) moved->node->data)->set;
		Relation rel = table_open(moved->tab, AccessShareLock);
		ItemPointerData tid = moved->next;

		while (!row_set_contains(set, moved->tab, &tid))
		{
			ItemPointerData next;
			RowRecheck recheck = row_recheck_one(rel, &tid, &next);

			CHECK_FOR_INTERRUPTS();
			if (recheck == ROW_KEPT)
				refuse_concurrent_change(moved->tab);
			if (recheck != ROW_MOVED)
				break;
			tid = next;
		}
		table_close(rel, NoLock);
	}
}

/* A row has a key of the set: it must be of the set. */
static void
check_key(TupleTableSlot *slot, void *arg)
{
	FkNode *node = arg;

	if (!cleanup_has_row(node, slot))
		refuse_concurrent_change(node->relid);
}

/* No row that others made may have a key that was set free. */
void
recheck_check_keys(const Rechecks *rechecks)
{
	ListCell *lc;

	foreach (lc, rechecks->freed)
	{
		FkNode *node = lfirst(lc);
		ListCell *lc2;

		foreach (lc2, node->referencing)
		{
			FkEdge *edge = lfirst(lc2);
			/* as referential checks ask: they see it, too, where the caller does not */
			RoleState caller = run_as(relation_owner(edge->parent));

			cleanup_read_keys(edge, check_key, node);
			run_as_end(caller);
		}
	}
}
