/*
 * unique_keys.c
 *		The deleted row that holds a unique key of a new one.
 *
 * A deleted row keeps its key from others in the unique indexes that hold all rows. It is looked up
 * as the server's own check of the index does, but in a snapshot.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "unique_keys.h"

/* A unique index, and the scan that looks rows up in it. */
typedef struct UniqueKey
{
	Relation index;
	IndexInfo *info;
	ExprState *predicate; /* NULL: it holds all rows */
	IndexScanDesc scan;   /* NULL: none yet */
	ScanKeyData keys[INDEX_MAX_KEYS];
} UniqueKey;

struct UniqueKeys
{
	MemoryContext context;
	HeldOpen held;
	EState *estate; /* evaluates expressions of indexes; NULL: they have none */
	TupleTableSlot *found;
	List *keys; /* of UniqueKey */
};

/* Is it a unique index that can be asked in any snapshot of this transaction? */
static bool
can_be_asked(Relation index)
{
	Form_pg_index form = index->rd_index;

	return form->indisunique && form->indisvalid && form->indisready && form->indislive &&
		   index->rd_rel->relam == BTREE_AM_OID &&
		   (!form->indcheckxmin ||
			TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
								  TransactionXmin));
}

/* Is this an index by which a deleted row keeps its key from others? */
bool
holds_deleted_keys(Relation index)
{
	return can_be_asked(index) && heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

/* Prepare the scan keys of an index: all but what is looked for. */
static void
prepare_scan_keys(Relation index, ScanKey keys)
{
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
	{
		Oid type = index->rd_opcintype[i];
		Oid operator_id =
			get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);

		if (!OidIsValid(operator_id))
			elog(ERROR, "no equality operator for column %d of index \"%s\"", i + 1,
				 RelationGetRelationName(index));
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   index->rd_indcollation[i], get_opcode(operator_id), (Datum) 0);
	}
}

/* Look for the key of a row. False: there is a NULL in it, which equals none. */
static bool
set_scan_keys(Relation index, IndexInfo *info, EState *estate, TupleTableSlot *slot, ScanKey keys)
{
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];

	if (estate != NULL)
		GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
	FormIndexDatum(info, slot, estate, values, isnull);
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
	{
		if (isnull[i] && !index->rd_index->indnullsnotdistinct)
			return false;
		keys[i].sk_argument = values[i];
		keys[i].sk_flags = isnull[i] ? SK_ISNULL | SK_SEARCHNULL : 0;
	}
	return true;
}

/* Find the row of a table that has the key of a new one. */
bool
find_by_unique_key(Relation rel, Relation index, IndexInfo *info, EState *estate, Snapshot snapshot,
				   TupleTableSlot *slot, TupleTableSlot *found)
{
	ScanKeyData keys[INDEX_MAX_KEYS];
	int nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	IndexScanDesc scan;
	bool any;

	prepare_scan_keys(index, keys);
	if (!set_scan_keys(index, info, estate, slot, keys))
		return false;
	scan = compat_index_beginscan(rel, index, snapshot, nkeys);
	index_rescan(scan, keys, nkeys, NULL, 0);
	any = index_getnext_slot(scan, ForwardScanDirection, found) &&
		  table_tuple_satisfies_snapshot(rel, found, SnapshotSelf);
	if (any)
		ExecMaterializeSlot(found);
	index_endscan(scan);
	return any;
}

/* Close the indexes. */
static void
close_keys(void *arg)
{
	UniqueKeys *keys = arg;
	ListCell *lc;

	ExecDropSingleTupleTableSlot(keys->found);
	foreach (lc, keys->keys)
	{
		UniqueKey *key = lfirst(lc);

		if (key->scan != NULL)
			index_endscan(key->scan);
		index_close(key->index, NoLock);
	}
}

void
unique_keys_close(UniqueKeys *keys)
{
	close_keys(keys);
}

/* Open an index if it is a unique one, and add it. */
static void
open_key(UniqueKeys *keys, Oid index_id)
{
	Relation index = index_open(index_id, AccessShareLock);
	UniqueKey *key;

	if (!can_be_asked(index))
	{
		index_close(index, AccessShareLock);
		return;
	}
	key = palloc0(sizeof(UniqueKey));
	key->index = index;
	key->info = BuildIndexInfo(index);
	prepare_scan_keys(index, key->keys);
	if (keys->estate == NULL &&
		(key->info->ii_Predicate != NIL || key->info->ii_Expressions != NIL))
		keys->estate = CreateExecutorState();
	if (key->info->ii_Predicate != NIL)
		key->predicate = ExecPrepareQual(key->info->ii_Predicate, keys->estate);
	keys->keys = lappend(keys->keys, key);
}

/* The unique indexes of a table. */
UniqueKeys *
unique_keys_open(Relation rel)
{
	UniqueKeys *keys = palloc0(sizeof(UniqueKeys));
	List *indexes = RelationGetIndexList(rel);
	ListCell *lc;

	keys->context = CurrentMemoryContext;
	keys->found = table_slot_create(rel, NULL);
	foreach (lc, indexes)
		open_key(keys, lfirst_oid(lc));
	list_free(indexes);
	return keys;
}

/* Hold them open. */
void
unique_keys_hold(UniqueKeys *keys)
{
	hold_open(&keys->held, keys->context, close_keys, keys);
}

/* Is the row one that the index would hold? */
static bool
belongs_into(UniqueKeys *keys, UniqueKey *key, TupleTableSlot *slot)
{
	ExprContext *econtext;

	if (key->predicate == NULL)
		return true;
	econtext = GetPerTupleExprContext(keys->estate);
	econtext->ecxt_scantuple = slot;
	return ExecQual(key->predicate, econtext);
}

/* A list of tids, with one more. */
static List *
with_tid(List *tids, ItemPointer tid)
{
	ItemPointer copy;
	ListCell *lc;

	foreach (lc, tids)
		if (ItemPointerEquals(lfirst(lc), tid))
			return tids;
	copy = palloc(sizeof(ItemPointerData));
	*copy = *tid;
	return lappend(tids, copy);
}

/*
 * Find the row that has a key of a new one, in keys->found. The scan stays open for the next, and
 * what it allocates has to last as long.
 */
static bool
find_row(UniqueKeys *keys, UniqueKey *key, Relation rel, TupleTableSlot *slot, Snapshot snapshot)
{
	int nkeys = IndexRelationGetNumberOfKeyAttributes(key->index);
	MemoryContext caller;
	bool found;

	if (!belongs_into(keys, key, slot) ||
		!set_scan_keys(key->index, key->info, keys->estate, slot, key->keys))
		return false;
	caller = MemoryContextSwitchTo(keys->context);
	if (key->scan == NULL)
		key->scan = compat_index_beginscan(rel, key->index, snapshot, nkeys);
	key->scan->xs_snapshot = snapshot;
	index_rescan(key->scan, key->keys, nkeys, NULL, 0);
	found = index_getnext_slot(key->scan, ForwardScanDirection, keys->found);
	MemoryContextSwitchTo(caller);
	return found;
}

/* Who has the unique keys of a new row? */
KeyHolder
unique_keys_holder(UniqueKeys *keys, Relation rel, AttrNumber deleted_at, TupleTableSlot *slot,
				   Snapshot snapshot, List **tids)
{
	KeyHolder holder = KEYS_FREE;
	ListCell *lc;

	foreach (lc, keys->keys)
	{
		UniqueKey *key = lfirst(lc);

		if (!find_row(keys, key, rel, slot, snapshot))
			continue;
		if (slot_attisnull(keys->found, deleted_at))
			holder = KEYS_OF_LIVE_ROW;
		else
		{
			holder = KEYS_OF_DELETED_ROWS;
			*tids = with_tid(*tids, &keys->found->tts_tid);
		}
		/* no page stays pinned till the next row comes */
		ExecClearTuple(keys->found);
		table_index_fetch_reset(key->scan->xs_heapfetch);
		if (holder == KEYS_OF_LIVE_ROW)
			break;
	}
	if (keys->estate != NULL)
		ResetPerTupleExprContext(keys->estate);
	return holder;
}
