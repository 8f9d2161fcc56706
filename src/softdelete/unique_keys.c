/*
 * unique_keys.c
 *		The deleted row that holds a unique key of a new one.
 *
 * A deleted row keeps its key from others in the unique indexes that hold all rows. It is looked up
 * as the server's own check of the index does, but in a snapshot.
 *
 * A new row that a BEFORE trigger has at hand is without its stored generated columns: they are
 * computed after it. Those that an index asks for are computed here, as the server will: as the
 * same role and under the same search_path, so that the key looked up is the one that goes in.
 *
 * A statement that inserts many rows would look up each, and most keys are nobody's. So after as
 * many look-ups as reading the table costs, it is read once, for the keys that deleted rows have:
 * what they hash to goes into a Bloom filter, and only rows that it may know are looked up from
 * then on. That is of the statement's own snapshot, and of no other.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "lib/bloomfilter.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "storage/bufmgr.h"
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
	FmgrInfo *hash;        /* of each column; NULL: some type has none */
	bloom_filter *deleted; /* NULL, or what may be hashes of deleted rows' keys */
} UniqueKey;

/*
 * As many rows are looked up, and for each page of the table, before it is read for deleted ones.
 */
#define MIN_LOOK_UPS      1000
#define LOOK_UPS_PER_PAGE 8

/* Memory of a filter, in kB. */
#define FILTER_MEMORY 4096

/* A stored generated column that an index asks for. */
typedef struct GeneratedColumn
{
	AttrNumber attnum;
	ExprState *value;
} GeneratedColumn;

struct UniqueKeys
{
	MemoryContext context;
	HeldOpen held;
	EState *estate; /* evaluates expressions of indexes and columns; NULL: there are none */
	TupleTableSlot *found;
	List *keys;               /* of UniqueKey */
	List *generated;          /* of GeneratedColumn */
	TupleTableSlot *complete; /* a new row with these; NULL: there are none */
	HeapTuple kept;           /* NULL: none */
	uint64 enough;            /* look-ups, before the table is read */
	uint64 looked_up;         /* rows */
	bool filtered;            /* the filters are there: deleted rows as one snapshot shows them, */
	TransactionId xmax;       /* which is known by these */
	CommandId curcid;
};

/* Is it an index that can be asked in any snapshot of this transaction? */
static bool
is_usable(Relation index)
{
	Form_pg_index form = index->rd_index;

	return form->indisvalid && form->indisready && form->indislive &&
		   (!form->indcheckxmin ||
			TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
								  TransactionXmin));
}

/* Is it a unique one? */
static bool
can_be_asked(Relation index)
{
	return index->rd_index->indisunique && index->rd_rel->relam == BTREE_AM_OID && is_usable(index);
}

/* Is this an index by which a deleted row keeps its key from others? */
bool
holds_deleted_keys(Relation index)
{
	return (can_be_asked(index) || (index->rd_index->indisexclusion && is_usable(index))) &&
		   heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

/* Prepare the scan keys of an exclusion constraint: all but what is looked for. */
static void
prepare_exclusion_keys(Relation index, const IndexInfo *info, ScanKey keys)
{
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, info->ii_ExclusionStrats[i], InvalidOid,
							   index->rd_indcollation[i], info->ii_ExclusionProcs[i], (Datum) 0);
}

/* The same of a unique index. */
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

/* Does a row that a lossy index gave conflict with these keys? As index_recheck_constraint(). */
static bool
conflicts(Relation index, IndexInfo *info, EState *estate, TupleTableSlot *found, ScanKey keys)
{
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];

	if (estate != NULL)
		GetPerTupleExprContext(estate)->ecxt_scantuple = found;
	FormIndexDatum(info, found, estate, values, isnull);
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
		if (isnull[i] || !DatumGetBool(FunctionCall2Coll(&keys[i].sk_func, keys[i].sk_collation,
														 values[i], keys[i].sk_argument)))
			return false;
	return true;
}

/* Find a deleted row that has the key of a new one; see the header. */
bool
find_deleted_by_key(Relation rel, Relation index, IndexInfo *info, EState *estate,
					Snapshot snapshot, AttrNumber deleted_at, TupleTableSlot *slot,
					TupleTableSlot *found)
{
	ScanKeyData keys[INDEX_MAX_KEYS];
	int nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	IndexScanDesc scan;
	bool any = false;

	if (info->ii_ExclusionOps != NULL)
		prepare_exclusion_keys(index, info, keys);
	else
		prepare_scan_keys(index, keys);
	if (!set_scan_keys(index, info, estate, slot, keys))
		return false;
	scan = compat_index_beginscan(rel, index, snapshot, nkeys);
	index_rescan(scan, keys, nkeys, NULL, 0);
	/* where ranges may not overlap, live and deleted rows may have the key, many of them */
	while (!any && index_getnext_slot(scan, ForwardScanDirection, found))
	{
		CHECK_FOR_INTERRUPTS();
		any = !slot_attisnull(found, deleted_at) &&
			  (!scan->xs_recheck || conflicts(index, info, estate, found, keys)) &&
			  table_tuple_satisfies_snapshot(rel, found, SnapshotSelf);
	}
	ExecClearTuple(found);
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
	if (keys->complete != NULL)
		ExecDropSingleTupleTableSlot(keys->complete);
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

/* How the columns of an index are hashed, as its equality compares them; NULL: one is not. */
static FmgrInfo *
hash_functions(Relation index)
{
	int n = IndexRelationGetNumberOfKeyAttributes(index);
	FmgrInfo *functions = palloc0(n * sizeof(FmgrInfo));

	for (int i = 0; i < n; i++)
	{
		Oid type = TupleDescAttr(RelationGetDescr(index), i)->atttypid;
		Oid opcintype = index->rd_opcintype[i];
		Oid equality =
			get_opfamily_member(index->rd_opfamily[i], opcintype, opcintype, BTEqualStrategyNumber);
		RegProcedure left;
		RegProcedure right;

		if (!OidIsValid(equality) || !op_hashjoinable(equality, type) ||
			!get_op_hash_functions(equality, &left, &right))
			return NULL;
		fmgr_info(left, &functions[i]);
	}
	return functions;
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

/* The columns of its table that an index asks for, offset as pull_varattnos() has it. */
static Bitmapset *
columns_of(const IndexInfo *info)
{
	Bitmapset *columns = NULL;

	for (int i = 0; i < info->ii_NumIndexKeyAttrs; i++)
		if (info->ii_IndexAttrNumbers[i] != InvalidAttrNumber)
			columns = bms_add_member(columns, info->ii_IndexAttrNumbers[i] -
												  FirstLowInvalidHeapAttributeNumber);
	pull_varattnos((Node *) info->ii_Expressions, 1, &columns);
	pull_varattnos((Node *) info->ii_Predicate, 1, &columns);
	return columns;
}

/* Prepare to compute a stored generated column. */
static void
open_generated(UniqueKeys *keys, Relation rel, AttrNumber attnum)
{
	GeneratedColumn *column = palloc(sizeof(GeneratedColumn));

	if (keys->estate == NULL)
		keys->estate = CreateExecutorState();
	if (keys->complete == NULL)
		keys->complete = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	column->attnum = attnum;
	column->value = ExecPrepareExpr((Expr *) build_column_default(rel, attnum), keys->estate);
	keys->generated = lappend(keys->generated, column);
}

/* The same of all that the indexes ask for. */
static void
open_all_generated(UniqueKeys *keys, Relation rel)
{
	TupleDesc desc = RelationGetDescr(rel);
	Bitmapset *asked = NULL;
	bool whole_row;
	ListCell *lc;

	if (desc->constr == NULL || !desc->constr->has_generated_stored)
		return;
	foreach (lc, keys->keys)
		asked = bms_add_members(asked, columns_of(((UniqueKey *) lfirst(lc))->info));
	whole_row = bms_is_member(InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber, asked);
	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->attgenerated == ATTRIBUTE_GENERATED_STORED &&
			(whole_row || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, asked)))
			open_generated(keys, rel, i + 1);
}

/* The unique indexes of a table. */
UniqueKeys *
unique_keys_open(Relation rel)
{
	UniqueKeys *keys = palloc0(sizeof(UniqueKeys));
	List *indexes = RelationGetIndexList(rel);
	ListCell *lc;

	keys->context = CurrentMemoryContext;
	keys->enough = MIN_LOOK_UPS;
	keys->found = table_slot_create(rel, NULL);
	foreach (lc, indexes)
		open_key(keys, lfirst_oid(lc));
	list_free(indexes);
	open_all_generated(keys, rel);
	return keys;
}

/* Hold them open. */
void
unique_keys_hold(UniqueKeys *keys)
{
	hold_open(&keys->held, keys->context, close_keys, keys);
}

/*
 * A new row with the generated columns that indexes ask for, as good as the row until the next
 * reset of the memory of expressions.
 */
static TupleTableSlot *
complete_row(UniqueKeys *keys, Relation rel, TupleTableSlot *slot)
{
	TupleTableSlot *complete = keys->complete;
	int natts = RelationGetNumberOfAttributes(rel);
	ExprContext *econtext;
	ListCell *lc;

	if (complete == NULL)
		return slot;
	slot_getallattrs(slot);
	ExecClearTuple(complete);
	memcpy(complete->tts_values, slot->tts_values, natts * sizeof(Datum));
	memcpy(complete->tts_isnull, slot->tts_isnull, natts * sizeof(bool));
	complete->tts_tableOid = RelationGetRelid(rel);
	ExecStoreVirtualTuple(complete);
	econtext = GetPerTupleExprContext(keys->estate);
	econtext->ecxt_scantuple = complete;
	foreach (lc, keys->generated)
	{
		GeneratedColumn *column = lfirst(lc);

		complete->tts_values[column->attnum - 1] = ExecEvalExprSwitchContext(
			column->value, econtext, &complete->tts_isnull[column->attnum - 1]);
	}
	return complete;
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

/* The hash of a row's key in an index. False: it has none there. */
static bool
hash_of_key(UniqueKeys *keys, UniqueKey *key, TupleTableSlot *slot, uint32 *hash)
{
	int n = IndexRelationGetNumberOfKeyAttributes(key->index);

	if (!belongs_into(keys, key, slot) ||
		!set_scan_keys(key->index, key->info, keys->estate, slot, key->keys))
		return false;
	*hash = 0;
	for (int i = 0; i < n; i++)
	{
		uint32 part = 0;

		if (!(key->keys[i].sk_flags & SK_ISNULL))
			part = DatumGetUInt32(FunctionCall1Coll(&key->hash[i], key->index->rd_indcollation[i],
													key->keys[i].sk_argument));
		*hash = hash_combine(*hash, part);
	}
	return true;
}

/* Read the table for the keys of deleted rows. */
static void
make_filters(UniqueKeys *keys, Relation rel, AttrNumber deleted_at, Snapshot snapshot)
{
	int64 rows = (int64) Max(rel->rd_rel->reltuples, 0);
	MemoryContext caller = MemoryContextSwitchTo(keys->context);
	TableScanDesc scan;
	uint32 hash;
	ListCell *lc;

	foreach (lc, keys->keys)
		((UniqueKey *) lfirst(lc))->deleted =
			bloom_create(Max(rows, MIN_LOOK_UPS), FILTER_MEMORY, 0);
	MemoryContextSwitchTo(caller);
	scan = compat_table_beginscan(rel, snapshot);
	while (table_scan_getnextslot(scan, ForwardScanDirection, keys->found))
	{
		CHECK_FOR_INTERRUPTS();
		if (slot_attisnull(keys->found, deleted_at))
			continue;
		foreach (lc, keys->keys)
			if (hash_of_key(keys, lfirst(lc), keys->found, &hash))
				bloom_add_element(((UniqueKey *) lfirst(lc))->deleted, (unsigned char *) &hash,
								  sizeof(hash));
		if (keys->estate != NULL)
			ResetPerTupleExprContext(keys->estate);
	}
	table_endscan(scan);
	ExecClearTuple(keys->found);
	keys->filtered = true;
	keys->xmax = snapshot->xmax;
	keys->curcid = snapshot->curcid;
}

/* Can all keys be hashed? If so, they are from then on. */
static bool
can_be_hashed(UniqueKeys *keys)
{
	MemoryContext caller = MemoryContextSwitchTo(keys->context);
	bool all = true;
	ListCell *lc;

	foreach (lc, keys->keys)
	{
		UniqueKey *key = lfirst(lc);

		key->hash = hash_functions(key->index);
		all &= key->hash != NULL;
	}
	MemoryContextSwitchTo(caller);
	return all;
}

/*
 * Are the filters there? They are made when that has come to be worth it, but not where reads are
 * noted for the sake of serializability: a look-up notes less.
 */
static bool
are_filtered(UniqueKeys *keys, Relation rel, AttrNumber deleted_at, Snapshot snapshot)
{
	if (keys->filtered)
		return keys->xmax == snapshot->xmax && keys->curcid == snapshot->curcid;
	if (++keys->looked_up < keys->enough)
		return false;
	if (keys->enough == MIN_LOOK_UPS)
		keys->enough += (uint64) RelationGetNumberOfBlocks(rel) * LOOK_UPS_PER_PAGE + 1;
	else if (IsolationIsSerializable() || !can_be_hashed(keys))
		keys->enough = PG_UINT64_MAX;
	else
		make_filters(keys, rel, deleted_at, snapshot);
	return keys->filtered;
}

/* May a deleted row have a key of a new one? */
static bool
may_be_deleted(UniqueKeys *keys, TupleTableSlot *slot)
{
	uint32 hash;
	ListCell *lc;

	foreach (lc, keys->keys)
	{
		UniqueKey *key = lfirst(lc);

		if (hash_of_key(keys, key, slot, &hash) &&
			!bloom_lacks_element(key->deleted, (unsigned char *) &hash, sizeof(hash)))
			return true;
	}
	return false;
}

/* Look the unique keys of a new row up. */
static KeyHolder
look_up(UniqueKeys *keys, Relation rel, AttrNumber deleted_at, TupleTableSlot *slot,
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
	return holder;
}

/* Who has the unique keys of a new row? */
KeyHolder
unique_keys_holder(UniqueKeys *keys, Relation rel, AttrNumber deleted_at, TupleTableSlot *slot,
				   Snapshot snapshot, List **tids)
{
	bool filtered = are_filtered(keys, rel, deleted_at, snapshot);
	TupleTableSlot *complete = complete_row(keys, rel, slot);
	KeyHolder holder = KEYS_FREE;

	if (!filtered || may_be_deleted(keys, complete))
		holder = look_up(keys, rel, deleted_at, complete, snapshot, tids);
	if (keys->estate != NULL)
		ResetPerTupleExprContext(keys->estate);
	return holder;
}

/* Keep a new row; see the header. */
void
unique_keys_keep(UniqueKeys *keys, Relation rel, TupleTableSlot *slot)
{
	TupleTableSlot *complete = complete_row(keys, rel, slot);
	MemoryContext caller = MemoryContextSwitchTo(keys->context);

	if (keys->kept != NULL)
		heap_freetuple(keys->kept);
	keys->kept = ExecCopySlotHeapTuple(complete);
	MemoryContextSwitchTo(caller);
	if (keys->estate != NULL)
		ResetPerTupleExprContext(keys->estate);
}

/* Has a command of this transaction, since this one, inserted a row? */
static bool
is_inserted_since(TupleTableSlot *found, CommandId since)
{
	bool should_free;
	HeapTuple tuple = ExecFetchSlotHeapTuple(found, false, &should_free);
	HeapTupleHeader header = tuple->t_data;
	bool result = (header->t_infomask & HEAP_UPDATED) == 0 &&
				  TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header)) &&
				  HeapTupleHeaderGetCmin(header) >= since;

	if (should_free)
		heap_freetuple(tuple);
	return result;
}

/* Has it inserted one that has the key of another row? True also where that has none. */
static bool
key_is_inserted_since(UniqueKeys *keys, UniqueKey *key, Relation rel, TupleTableSlot *slot,
					  CommandId since)
{
	int nkeys = IndexRelationGetNumberOfKeyAttributes(key->index);
	IndexScanDesc scan;
	bool inserted = false;

	if (!belongs_into(keys, key, slot) ||
		!set_scan_keys(key->index, key->info, keys->estate, slot, key->keys))
		return true;
	/* any version: it may have been deleted since */
	scan = compat_index_beginscan(rel, key->index, SnapshotAny, nkeys);
	index_rescan(scan, key->keys, nkeys, NULL, 0);
	while (!inserted && index_getnext_slot(scan, ForwardScanDirection, keys->found))
	{
		CHECK_FOR_INTERRUPTS();
		inserted = is_inserted_since(keys->found, since);
	}
	ExecClearTuple(keys->found);
	index_endscan(scan);
	return inserted;
}

/* A key of the kept row that was not inserted; see the header. */
Relation
unique_keys_missing(UniqueKeys *keys, Relation rel, CommandId since)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsHeapTuple);
	Relation missing = NULL;
	ListCell *lc;

	ExecStoreHeapTuple(keys->kept, slot, false);
	slot->tts_tableOid = RelationGetRelid(rel);
	foreach (lc, keys->keys)
	{
		UniqueKey *key = lfirst(lc);

		if (missing == NULL && !key_is_inserted_since(keys, key, rel, slot, since))
			missing = key->index;
	}
	if (keys->estate != NULL)
		ResetPerTupleExprContext(keys->estate);
	ExecDropSingleTupleTableSlot(slot);
	return missing;
}
