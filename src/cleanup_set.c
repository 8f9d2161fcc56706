/*
 * cleanup_set.c
 *		Sets of rows of one table, by where they are stored, with the keys that others reference.
 *
 * A set has two sides. Which rows are in it is a bitmap for each block of the table that has some: a
 * few bytes a row where rows lie close together, so millions of them fit in memory. Their keys are in
 * tuplestores, which spill to temporary files at work_mem and which SQL reads as tables (ephemeral
 * named relations), so closure, deletion and proof are joins that the planner plans.
 *
 * A row is where it is stored: (tableoid, ctid). That stays true while a snapshot from before the row
 * joined is held: its place is given to no other row as long as that snapshot could see it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "cleanup_set.h"
#include "plan_cache.h"
#include "executor/executor.h"

PG_FUNCTION_INFO_V1(row_in_set);
PG_FUNCTION_INFO_V1(key_in_set);

/* Memory of the keys of a column, in kB. Sets that need more are joined with. */
#define KEY_MEMORY 32768

#define BLOCK_ROWS 256

static KnownSets known_sets = {NULL, 0};

/* 256 line pointers of one block. */
typedef struct SetBlockKey
{
	Oid tab;
	BlockNumber block;
	uint32 part; /* of the block, for tables with more line pointers */
} SetBlockKey;

typedef struct SetBlock
{
	SetBlockKey key;
	uint64 rows[BLOCK_ROWS / 64];
} SetBlock;

/* An empty set. */
RowSet *
row_set_make(Oid relid, List *keys)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount row set", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HASHCTL ctl = {.keysize = sizeof(SetBlockKey), .entrysize = sizeof(SetBlock), .hcxt = context};
	RowSet *set = palloc0(sizeof(RowSet));
	int column = SET_FIXED;
	ListCell *lc;

	set->context = context;
	set->blocks =
		hash_create("pgaccount row set", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	set->desc = CreateTemplateTupleDesc(SET_FIXED + list_length(keys));
	TupleDescInitEntry(set->desc, SET_TAB + 1, "tab", OIDOID, -1, 0);
	TupleDescInitEntry(set->desc, SET_TID + 1, "tid", TIDOID, -1, 0);
	TupleDescInitEntry(set->desc, SET_VIA + 1, "via", INT4OID, -1, 0);
	foreach (lc, keys)
	{
		AttrNumber attnum = lfirst_int(lc);
		char name[NAMEDATALEN];
		Oid type;
		int32 typmod;
		Oid collation;

		get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
		snprintf(name, sizeof(name), "k%d", attnum);
		TupleDescInitEntry(set->desc, ++column, name, type, typmod, 0);
		TupleDescInitEntryCollation(set->desc, column, collation);
	}
	set->bitmaps = palloc0(list_length(keys) * sizeof(KeyBitmap *));
	set->all = tuplestore_begin_heap(true, false, work_mem);
	MemoryContextSwitchTo(old);
	return set;
}

/* Where desc has a key column, not counting those before the keys. */
static int
key_column(RowSet *set, AttrNumber attnum)
{
	char name[NAMEDATALEN];
	int column = 0;

	snprintf(name, sizeof(name), "k%d", attnum);
	while (strcmp(NameStr(TupleDescAttr(set->desc, SET_FIXED + column)->attname), name) != 0)
		column++;
	return column;
}

/* From now on keep the keys of a column for account.key_in_set(). */
void
row_set_map_key(RowSet *set, AttrNumber attnum)
{
	int column = key_column(set, attnum);
	MemoryContext old = MemoryContextSwitchTo(set->context);

	if (set->bitmaps[column] == NULL)
		set->bitmaps[column] = key_bitmap_make(KEY_MEMORY);
	MemoryContextSwitchTo(old);
}

/* The number of a key column for account.key_in_set(). */
int
row_set_mapped_key(RowSet *set, AttrNumber attnum)
{
	int column = key_column(set, attnum);

	return set->bitmaps[column] != NULL && key_bitmap_is_whole(set->bitmaps[column]) ? column : -1;
}

/* Keep the keys of a row for account.key_in_set(). */
static void
map_keys(RowSet *set, Datum *values, bool *nulls)
{
	for (int i = SET_FIXED; i < set->desc->natts; i++)
	{
		KeyBitmap *bitmap = set->bitmaps[i - SET_FIXED];

		if (bitmap == NULL || nulls[i])
			continue;
		switch (TupleDescAttr(set->desc, i)->attlen)
		{
			case sizeof(int16):
				(void) key_bitmap_add(bitmap, DatumGetInt16(values[i]));
				break;
			case sizeof(int32):
				(void) key_bitmap_add(bitmap, DatumGetInt32(values[i]));
				break;
			default:
				(void) key_bitmap_add(bitmap, DatumGetInt64(values[i]));
				break;
		}
	}
}

/* The bitmap that has a row; NULL: none yet and it is not to be made. */
static SetBlock *
find_block(RowSet *set, Oid tab, ItemPointer tid, bool make)
{
	SetBlockKey key;
	SetBlock *block;
	bool found;

	key.tab = tab;
	key.block = ItemPointerGetBlockNumberNoCheck(tid);
	key.part = ItemPointerGetOffsetNumberNoCheck(tid) / BLOCK_ROWS;
	/* rows of a block come together */
	if (set->last != NULL && memcmp(&set->last->key, &key, sizeof(key)) == 0)
		return set->last;
	block = hash_search(set->blocks, &key, make ? HASH_ENTER : HASH_FIND, &found);
	if (block == NULL)
		return NULL;
	if (!found)
		memset(block->rows, 0, sizeof(block->rows));
	set->last = block;
	return block;
}

/* Is the row in the set? */
bool
row_set_contains(RowSet *set, Oid tab, ItemPointer tid)
{
	SetBlock *block = find_block(set, tab, tid, false);
	int bit = ItemPointerGetOffsetNumberNoCheck(tid) % BLOCK_ROWS;

	return block != NULL && (block->rows[bit / 64] & (UINT64CONST(1) << (bit % 64))) != 0;
}

/* Add a row. */
bool
row_set_add(RowSet *set, Datum *values, bool *nulls)
{
	ItemPointer tid = (ItemPointer) DatumGetPointer(values[SET_TID]);
	SetBlock *block = find_block(set, DatumGetObjectId(values[SET_TAB]), tid, true);
	int bit = ItemPointerGetOffsetNumberNoCheck(tid) % BLOCK_ROWS;
	uint64 mask = UINT64CONST(1) << (bit % 64);

	if ((block->rows[bit / 64] & mask) != 0)
		return false;
	block->rows[bit / 64] |= mask;
	set->n++;
	map_keys(set, values, nulls);
	if (!set->places_only)
		tuplestore_putvalues(set->all, set->desc, values, nulls);
	if (set->recent != NULL)
	{
		tuplestore_putvalues(set->recent, set->desc, values, nulls);
		set->nrecent++;
	}
	return true;
}

/* Store the rows of a set of which only the places are known. */
void
row_set_fill(RowSet *set, int via)
{
	HASH_SEQ_STATUS status;
	SetBlock *block;

	if (!set->places_only)
		return;
	set->places_only = false;
	hash_seq_init(&status, set->blocks);
	while ((block = hash_seq_search(&status)) != NULL)
		for (int bit = 0; bit < BLOCK_ROWS; bit++)
		{
			ItemPointerData tid;
			Datum values[SET_FIXED];
			bool nulls[SET_FIXED] = {false};

			if ((block->rows[bit / 64] & (UINT64CONST(1) << (bit % 64))) == 0)
				continue;
			ItemPointerSet(&tid, block->key.block, block->key.part * BLOCK_ROWS + bit);
			values[SET_TAB] = ObjectIdGetDatum(block->key.tab);
			values[SET_TID] = PointerGetDatum(&tid);
			values[SET_VIA] = Int32GetDatum(via);
			tuplestore_putvalues(set->all, set->desc, values, nulls);
		}
}

/* From now on keep what is added apart as well. */
void
row_set_keep_recent(RowSet *set)
{
	MemoryContext old = MemoryContextSwitchTo(set->context);

	if (set->recent != NULL)
		tuplestore_end(set->recent);
	set->recent = tuplestore_begin_heap(true, false, work_mem);
	set->nrecent = 0;
	MemoryContextSwitchTo(old);
}

/* What was added since. */
Tuplestorestate *
row_set_take_recent(RowSet *set, uint64 *n)
{
	Tuplestorestate *recent = set->recent;

	*n = set->nrecent;
	if (recent == NULL || set->nrecent == 0)
		return NULL;
	set->recent = NULL;
	row_set_keep_recent(set);
	return recent;
}

/* The places of rows of this shape as tid[]. */
Datum
row_set_tids(TupleDesc desc, Tuplestorestate *rows, uint64 n)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(ItemPointerData);
	ArrayType *array = palloc(size);
	ItemPointer tids = (ItemPointer) ((char *) array + ARR_OVERHEAD_NONULLS(1));
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = TIDOID;
	ARR_DIMS(array)[0] = (int) n;
	ARR_LBOUND(array)[0] = 1;
	row_set_rewind(rows);
	for (uint64 i = 0; i < n && tuplestore_gettupleslot(rows, true, false, slot); i++)
	{
		bool isnull;

		tids[i] = *(ItemPointer) DatumGetPointer(slot_getattr(slot, SET_TID + 1, &isnull));
	}
	ExecDropSingleTupleTableSlot(slot);
	return PointerGetDatum(array);
}

/* Places are; a key is, but for columns of composite ones and new versions of rows. */
bool
row_set_is_unique(const char *name, AttrNumber attnum)
{
	return name != NULL && strcmp(name, SET_NAME) == 0 && attnum != SET_TAB + 1 &&
		   attnum != SET_VIA + 1;
}

/* Read a store from its beginning, with a read pointer of one's own. */
void
row_set_rewind(Tuplestorestate *rows)
{
	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
	tuplestore_rescan(rows);
}

/* Let statements ask these sets by number; returns those they could ask. */
KnownSets
row_set_make_known(KnownSets known)
{
	KnownSets before = known_sets;

	known_sets = known;
	return before;
}

/*
 * account.row_in_set(set integer, tab oid, tid tid) RETURNS boolean: in the statement of a cleanup, is
 * the row one of its set? As a filter it also refuses the new version of a row that has just been
 * changed by another session.
 */
Datum
row_in_set(PG_FUNCTION_ARGS)
{
	int number = PG_GETARG_INT32(0);

	if (number < 0 || number >= known_sets.n)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(row_set_contains(known_sets.sets[number], PG_GETARG_OID(1),
									(ItemPointer) PG_GETARG_POINTER(2)));
}

/*
 * account.key_in_set(set integer, key_column integer, key bigint) RETURNS boolean: in the statement of a
 * cleanup, is this the key of a row of its set?
 */
Datum
key_in_set(PG_FUNCTION_ARGS)
{
	int number = PG_GETARG_INT32(0);
	int column = PG_GETARG_INT32(1);
	RowSet *set;

	if (number < 0 || number >= known_sets.n)
		PG_RETURN_BOOL(false);
	set = known_sets.sets[number];
	if (column < 0 || column >= set->desc->natts - SET_FIXED || set->bitmaps[column] == NULL)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(key_bitmap_contains(set->bitmaps[column], PG_GETARG_INT64(2)));
}

/* Let go of memory and files. */
void
row_set_free(RowSet *set)
{
	tuplestore_end(set->all);
	if (set->recent != NULL)
		tuplestore_end(set->recent);
	MemoryContextDelete(set->context);
}

/* Add rows of this shape to an environment. */
void
row_set_register(QueryEnvironment *env, const char *name, TupleDesc desc, Tuplestorestate *rows,
				 uint64 n)
{
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));

	enr->md.name = pstrdup(name);
	enr->md.reliddesc = InvalidOid;
	enr->md.tupdesc = desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = (double) n;
	enr->reldata = rows;
	register_ENR(env, enr);
}

/* A receiver that hands rows to a callback. */
typedef struct RowReceiver
{
	DestReceiver pub;
	RowCallback callback;
	void *arg;
} RowReceiver;

/* A row comes. */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;

	slot_getallattrs(slot);
	receiver->callback(slot, receiver->arg);
	return true;
}

/* Nothing is to be done before and after. */
static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
receiver_shutdown(DestReceiver *self)
{
}

/* Run a query of ours and hand each row to callback. */
uint64
cleanup_query(const char *sql, const OneRun *run, RowCallback callback, void *arg)
{
	OneRun with_receiver = *run;
	RowReceiver receiver = {
		{receive_row, receiver_startup, receiver_shutdown, receiver_shutdown, DestNone},
		callback,
		arg};

	with_receiver.dest = (DestReceiver *) &receiver;
	return run_once(sql, &with_receiver);
}

/* Run a statement of ours that asks these sets by number. */
uint64
cleanup_run_knowing(const char *sql, const OneRun *run, KnownSets known, RowCallback callback,
					void *arg)
{
	KnownSets before = row_set_make_known(known);
	volatile uint64 rows = 0;

	PG_TRY();
	{
		rows = callback ? cleanup_query(sql, run, callback, arg) : run_once(sql, run);
	}
	PG_FINALLY();
	{
		(void) row_set_make_known(before);
	}
	PG_END_TRY();
	return rows;
}
