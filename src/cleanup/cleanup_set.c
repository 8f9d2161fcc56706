/*
 * cleanup_set.c
 *		Sets of rows of one table, by where they are stored, with the keys that others reference.
 *
 * A set has two sides. Which rows are in it is a bitmap of their tids: a fraction of a byte a row
 * where rows lie close together, so millions of them fit in memory. Their keys, if they are
 * integers, are bitmaps too, which a statement asks row by row (account.key_in_set), or reads as
 * rows if there are few of them. All others are in tuplestores, which spill to temporary files at
 * work_mem and which SQL reads as tables (ephemeral named relations), so closure and proof are
 * joins that the planner plans; and so are integers that are too far from each other to fit in
 * memory.
 *
 * A row is where it is stored: (tableoid, ctid). That stays true while a snapshot from before the
 * row joined is held: its tid is given to no other row as long as that snapshot could see it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "executor/executor.h"
#include "base/base.h"
#include "cleanup_set.h"

PG_FUNCTION_INFO_V1(row_in_set);
PG_FUNCTION_INFO_V1(key_in_set);

/*
 * Memory of the keys of a column, in bytes. More are spilled, and joined with: tests see that, too.
 */
#ifdef USE_ASSERT_CHECKING
#define KEY_MEMORY ((Size) 32 * 1024)
#else
#define KEY_MEMORY ((Size) 32 * 1024 * 1024)
#endif

/* Rows that are worth an array of their tids, and rows a block from which the table is read. */
#define MAX_TIDS   UINT64CONST(5000000)
#define DENSE_ROWS 8

static KnownSets known_sets = {NULL, 0};

/* An empty set. */
RowSet *
row_set_make(Oid relid, List *keys)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount row set", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RowSet *set = palloc0(sizeof(RowSet));
	int column = SET_FIXED;
	ListCell *lc;

	set->context = context;
	set->allocated = 4;
	set->tabs = palloc(set->allocated * sizeof(Oid));
	set->tids = key_bitmap_make();
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
	compat_tupdesc_finish(set->desc);
	set->keys = palloc0(list_length(keys) * sizeof(KeyColumn));
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
	KeyColumn *column = &set->keys[key_column(set, attnum)];
	MemoryContext old = MemoryContextSwitchTo(set->context);

	if (column->bitmap == NULL)
		column->bitmap = key_bitmap_make();
	MemoryContextSwitchTo(old);
}

/* Keep only the tids of rows. */
void
row_set_keep_places(RowSet *set, bool several_lines)
{
	set->places_only = true;
	if (several_lines)
		set->steps = MemoryContextAllocZero(set->context, sizeof(KeyBitmap *));
}

/* The number of a key column for account.key_in_set(). */
int
row_set_mapped_key(RowSet *set, AttrNumber attnum, bool all_known)
{
	int number = key_column(set, attnum);
	KeyColumn *column = &set->keys[number];

	return column->bitmap == NULL || (all_known && column->spilled) ? -1 : number;
}

/* A key as the type of its column has it. */
static Datum
key_datum(RowSet *set, int column, int64 key)
{
	switch (TupleDescAttr(set->desc, SET_FIXED + column)->attlen)
	{
		case sizeof(int16):
			return Int16GetDatum((int16) key);
		case sizeof(int32):
			return Int32GetDatum((int32) key);
		default:
			return Int64GetDatum(key);
	}
}

/* What is being stored key by key, or tid by tid. */
typedef struct Storing
{
	RowSet *set;
	int column;
	Datum *values;
	bool *nulls;
} Storing;

/* Begin to store. */
static Storing
begin_storing(RowSet *set)
{
	Storing storing = {.set = set};

	storing.values = palloc0(set->desc->natts * sizeof(Datum));
	storing.nulls = palloc(set->desc->natts * sizeof(bool));
	memset(storing.nulls, true, set->desc->natts * sizeof(bool));
	return storing;
}

/* Store a key, as a row that has nothing else. */
static void
store_key(int64 key, void *arg)
{
	Storing *storing = arg;
	KeyColumn *column = &storing->set->keys[storing->column];
	int at = SET_FIXED + storing->column;

	storing->values[at] = key_datum(storing->set, storing->column, key);
	storing->nulls[at] = false;
	tuplestore_putvalues(column->rows, storing->set->desc, storing->values, storing->nulls);
	column->stored++;
}

/* The keys of a column that is mapped. */
Tuplestorestate *
row_set_keys(RowSet *set, int number)
{
	KeyColumn *column = &set->keys[number];

	if (column->rows == NULL || column->stored != column->n)
	{
		MemoryContext old = MemoryContextSwitchTo(set->context);
		Storing storing = begin_storing(set);

		/* a statement may be reading the one there is */
		if (column->rows != NULL)
			set->retired = lappend(set->retired, column->rows);
		column->rows = tuplestore_begin_heap(true, false, work_mem);
		column->stored = 0;
		storing.column = number;
		key_bitmap_each(column->bitmap, store_key, &storing);
		MemoryContextSwitchTo(old);
	}
	return column->rows;
}

/* An int8[] being filled. */
typedef struct KeyArray
{
	Datum *keys;
	int n;
} KeyArray;

/* Note a key. */
static void
note_key(int64 key, void *arg)
{
	KeyArray *array = arg;

	array->keys[array->n++] = Int64GetDatum(key);
}

/* The keys of a column that is mapped, as int8[]. */
Datum
row_set_key_array(RowSet *set, int number)
{
	KeyColumn *column = &set->keys[number];
	KeyArray array = {palloc(column->n * sizeof(Datum)), 0};

	Assert(!column->spilled);
	key_bitmap_each(column->bitmap, note_key, &array);
	return PointerGetDatum(construct_array(array.keys, array.n, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Keep a key of a column that is mapped. */
static void
map_key(RowSet *set, int number, int64 key)
{
	KeyColumn *column = &set->keys[number];

	if (!column->spilled)
	{
		column->n += key_bitmap_add(column->bitmap, key);
		if (!key_bitmap_exceeds(column->bitmap, KEY_MEMORY))
			return;
		/* a statement may be asking the bitmap for the keys it has: it stays */
		(void) row_set_keys(set, number);
		column->spilled = true;
		return;
	}
	if (!key_bitmap_contains(column->bitmap, key))
	{
		Storing storing = begin_storing(set);

		storing.column = number;
		store_key(key, &storing);
		column->n++;
		pfree(storing.values);
		pfree(storing.nulls);
	}
}

/* Keep the keys of a row for account.key_in_set(). */
static void
map_keys(RowSet *set, Datum *values, bool *nulls)
{
	for (int i = SET_FIXED; i < set->desc->natts; i++)
	{
		int number = i - SET_FIXED;

		if (set->keys[number].bitmap == NULL || nulls[i])
			continue;
		switch (TupleDescAttr(set->desc, i)->attlen)
		{
			case sizeof(int16):
				map_key(set, number, DatumGetInt16(values[i]));
				break;
			case sizeof(int32):
				map_key(set, number, DatumGetInt32(values[i]));
				break;
			default:
				map_key(set, number, DatumGetInt64(values[i]));
				break;
		}
	}
}

/* The number of a partition in a set; -1: it has no rows and is not to be added. */
static int
tab_number(RowSet *set, Oid tab, bool add)
{
	/* rows of a partition come together */
	if (set->ntabs > 0 && set->tabs[set->last_tab] == tab)
		return set->last_tab;
	for (int i = 0; i < set->ntabs; i++)
		if (set->tabs[i] == tab)
			return set->last_tab = i;
	if (!add)
		return -1;
	if (set->ntabs == PG_INT16_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("rows of more than %d partitions go at once", PG_INT16_MAX),
						errdetail("Rows are remembered by the number of their partition."),
						errhint("Remove the rows of some partitions first.")));
	if (set->ntabs == set->allocated)
	{
		set->allocated *= 2;
		set->tabs = repalloc(set->tabs, set->allocated * sizeof(Oid));
	}
	set->tabs[set->ntabs] = tab;
	return set->last_tab = set->ntabs++;
}

/* A row's tid as one integer: partition, block, line pointer. */
static int64
tid_number(int tab, ItemPointer tid)
{
	return ((int64) tab << 48) | ((int64) ItemPointerGetBlockNumberNoCheck(tid) << 16) |
		   ItemPointerGetOffsetNumberNoCheck(tid);
}

/* Is the row in the set? */
bool
row_set_contains(RowSet *set, Oid tab, ItemPointer tid)
{
	int number = tab_number(set, tab, false);

	return number >= 0 && key_bitmap_contains(set->tids, tid_number(number, tid));
}

/* What row_set_each_page() was called with. */
typedef struct EachPage
{
	RowSet *set;
	PageCallback callback;
	void *arg;
} EachPage;

/* Neighbouring tids of a set. */
static void
hand_page(int64 first, uint64 bits, void *arg)
{
	EachPage *each = arg;

	each->callback(each->set->tabs[first >> 48], (BlockNumber) (first >> 16), (OffsetNumber) first,
				   bits, each->arg);
}

/* Hand all rows to callback, by their tids. */
void
row_set_each_page(RowSet *set, PageCallback callback, void *arg)
{
	EachPage each = {set, callback, arg};

	key_bitmap_each_word(set->tids, hand_page, &each);
}

/* Note that a tid is counted in a step. */
static void
note_step(RowSet *set, int step, int64 packed)
{
	MemoryContext old = MemoryContextSwitchTo(set->context);

	if (step >= set->nsteps)
	{
		set->steps = repalloc(set->steps, (step + 1) * sizeof(KeyBitmap *));
		while (set->nsteps <= step)
			set->steps[set->nsteps++] = NULL;
	}
	if (set->steps[step] == NULL)
		set->steps[step] = key_bitmap_make();
	(void) key_bitmap_add(set->steps[step], packed);
	MemoryContextSwitchTo(old);
}

/* Note where the first and the last row are; called before n counts the row. */
static void
note_bounds(RowSet *set, ItemPointer tid)
{
	if (set->n == 0 || ItemPointerCompare(tid, &set->first) < 0)
		set->first = *tid;
	if (set->n == 0 || ItemPointerCompare(tid, &set->last) > 0)
		set->last = *tid;
}

/* Add a row, but for its keys. */
static bool
add_row(RowSet *set, Datum *values, bool *nulls)
{
	int tab = tab_number(set, DatumGetObjectId(values[SET_TAB]), true);
	int64 packed = tid_number(tab, (ItemPointer) DatumGetPointer(values[SET_TID]));

	if (!key_bitmap_add(set->tids, packed))
		return false;
	note_bounds(set, (ItemPointer) DatumGetPointer(values[SET_TID]));
	set->n++;
	if (!set->places_only)
		tuplestore_putvalues(set->all, set->desc, values, nulls);
	else if (set->steps != NULL)
		note_step(set, DatumGetInt32(values[SET_VIA]), packed);
	else
		set->step = DatumGetInt32(values[SET_VIA]);
	if (set->recent != NULL)
	{
		tuplestore_putvalues(set->recent, set->desc, values, nulls);
		set->nrecent++;
	}
	return true;
}

/* Add a row. */
bool
row_set_add(RowSet *set, Datum *values, bool *nulls)
{
	if (!add_row(set, values, nulls))
		return false;
	map_keys(set, values, nulls);
	return true;
}

/* Add a tid to a set without keys; false: it was there. */
bool
row_set_add_tid(RowSet *set, Oid tab, ItemPointer tid)
{
	Datum values[SET_FIXED] = {ObjectIdGetDatum(tab), PointerGetDatum(tid), Int32GetDatum(0)};
	bool nulls[SET_FIXED] = {false};

	return add_row(set, values, nulls);
}

/* Store a row of which only the tid is known. */
static void
store_tid(int64 packed, void *arg)
{
	Storing *storing = arg;
	RowSet *set = storing->set;
	int step = set->step;
	ItemPointerData tid;

	for (int i = 0; i < set->nsteps; i++)
		if (set->steps[i] != NULL && key_bitmap_contains(set->steps[i], packed))
			step = i;
	ItemPointerSet(&tid, (BlockNumber) (packed >> 16), (OffsetNumber) packed);
	storing->values[SET_TAB] = ObjectIdGetDatum(set->tabs[packed >> 48]);
	storing->values[SET_TID] = PointerGetDatum(&tid);
	storing->values[SET_VIA] = Int32GetDatum(step);
	tuplestore_putvalues(set->all, set->desc, storing->values, storing->nulls);
}

/* Every row: what is kept of it. */
Tuplestorestate *
row_set_rows(RowSet *set)
{
	if (set->places_only && set->stored != set->n)
	{
		Storing storing = begin_storing(set);

		tuplestore_clear(set->all);
		storing.nulls[SET_TAB] = storing.nulls[SET_TID] = storing.nulls[SET_VIA] = false;
		key_bitmap_each(set->tids, store_tid, &storing);
		set->stored = set->n;
	}
	return set->all;
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

/* The tids of rows of this shape as tid[]. */
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

		CHECK_FOR_INTERRUPTS();
		tids[i] = *(ItemPointer) DatumGetPointer(slot_getattr(slot, SET_TID + 1, &isnull));
	}
	ExecDropSingleTupleTableSlot(slot);
	return PointerGetDatum(array);
}

/*
 * Are so many rows of a set better found by their tids than by reading the table from the first to
 * the last?
 */
static bool
are_sparse(Oid relid, const RowSet *set, uint64 n)
{
	BlockNumber first = ItemPointerGetBlockNumberNoCheck(&set->first);
	BlockNumber last = ItemPointerGetBlockNumberNoCheck(&set->last);
	uint64 blocks = 0;
	uint64 tables = 0;
	ListCell *lc;

	foreach (lc, get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE
					 ? find_all_inheritors(relid, AccessShareLock, NULL)
					 : list_make1_oid(relid))
	{
		Relation rel = table_open(lfirst_oid(lc), AccessShareLock);

		if (rel->rd_rel->relkind == RELKIND_RELATION)
		{
			blocks += Min(RelationGetNumberOfBlocks(rel), (uint64) last - first + 1);
			tables++;
		}
		table_close(rel, NoLock);
	}
	/* each partition is asked for all tids */
	return n < MAX_TIDS && n * tables < blocks * DENSE_ROWS;
}

/* Add an argument to a statement; its number. */
static int
add_argument(OneRun *run, Oid type, Datum value)
{
	run->types[run->nargs] = type;
	run->values[run->nargs] = value;
	return ++run->nargs;
}

/* Append the condition that row c is one of the set, and how it is found. */
void
row_set_append_condition(StringInfo sql, OneRun *run, Oid relid, RowSet *set, int i,
						 Tuplestorestate *rows, uint64 n)
{
	appendStringInfo(sql, "account.row_in_set(%d, c.tableoid, c.ctid)", i);
	if (are_sparse(relid, set, n))
	{
		appendStringInfo(sql, " AND c.ctid OPERATOR(pg_catalog.=) ANY ($%d)",
						 add_argument(run, TIDARRAYOID,
									  row_set_tids(set->desc, rows ? rows : row_set_rows(set), n)));
		/* for the planner each tid is a block read at random: they are read in order */
		run->options.without = "enable_seqscan";
	}
	else if (set->n > 0)
	{
		appendStringInfo(sql, " AND c.ctid OPERATOR(pg_catalog.>=) $%d",
						 add_argument(run, TIDOID, PointerGetDatum(&set->first)));
		appendStringInfo(sql, " AND c.ctid OPERATOR(pg_catalog.<=) $%d",
						 add_argument(run, TIDOID, PointerGetDatum(&set->last)));
	}
}

/* RowTids are; a key is, but for columns of composite ones and new versions of rows. */
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
 * account.row_in_set(set integer, tab oid, tid tid) RETURNS boolean: in the statement of a cleanup,
 * is the row one of its set? As a filter it also refuses the new version of a row that has just
 * been changed by another session.
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
 * account.key_in_set(set integer, key_column integer, key bigint) RETURNS boolean: in the statement
 * of a cleanup, is this the key of a row of its set?
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
	if (column < 0 || column >= set->desc->natts - SET_FIXED || set->keys[column].bitmap == NULL)
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(key_bitmap_contains(set->keys[column].bitmap, PG_GETARG_INT64(2)));
}

/* Let go of memory and files. */
void
row_set_free(RowSet *set)
{
	ListCell *lc;

	tuplestore_end(set->all);
	if (set->recent != NULL)
		tuplestore_end(set->recent);
	for (int i = 0; i < set->desc->natts - SET_FIXED; i++)
		if (set->keys[i].rows != NULL)
			tuplestore_end(set->keys[i].rows);
	foreach (lc, set->retired)
		tuplestore_end(lfirst(lc));
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

/* Run a statement that is planned for it. */
uint64
run_once(const char *sql, const OneRun *run)
{
	return statement_run_once(sql, run->nargs, run->types, run->values, NULL, &run->options);
}

/* Plan it, to look at the plan first. */
PlannedStmt *
plan_once(const char *sql, const OneRun *run)
{
	return statement_plan_once(sql, run->nargs, run->types, run->values, &run->options);
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

	with_receiver.options.dest = (DestReceiver *) &receiver;
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
