/*
 * index_lookup.c
 *		The rows of a table that have one value in an indexed column, or a pair of them in two,
 *		without a statement.
 *
 * A statement by key spends most of its time on starting and ending the executor. Where a look at a
 * row is all that is wanted, this is what remains of it. No row is locked, no policy and no
 * privilege asked: callers look on behalf of the extension or of the table's owner. The lock on the
 * index is kept to the end of the transaction, as a SELECT keeps its own: taking it again costs
 * next to nothing.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "nodes/primnodes.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/uuid.h"

#include "compat.h"
#include "index_lookup.h"
#include "table_code.h"

/*
 * The equality of keys of a type that needs no operator of the application's; InvalidOid: it may.
 */
static RegProcedure
plain_equality(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return F_INT2EQ;
		case INT4OID:
			return F_INT4EQ;
		case INT8OID:
			return F_INT8EQ;
		case UUIDOID:
			return F_UUID_EQ;
		case TEXTOID:
			return F_TEXTEQ;
		default:
			return InvalidOid;
	}
}

/* Can the index be asked, whatever the snapshot? */
bool
lookup_index_serves(Relation index)
{
	Form_pg_index form = index->rd_index;

	return form->indisvalid && form->indisready && form->indislive && !form->indcheckxmin &&
		   index->rd_rel->relam == BTREE_AM_OID;
}

/*
 * The type of a column's values as an index compares them: varchar and text share their operators.
 */
static Oid
compared_type(Form_pg_attribute column)
{
	Oid type = getBaseType(column->atttypid);

	return type == VARCHAROID ? TEXTOID : type;
}

/* Can a scan compare key n of an index, which is this column, by its own equality? */
static bool
read_key(Relation index, int n, Form_pg_attribute column, LookupKey *key)
{
	Oid type = compared_type(column);
	RegProcedure equality = plain_equality(type);
	Oid operator_id;

	if (!OidIsValid(equality) || index->rd_index->indkey.values[n] != column->attnum ||
		index->rd_opcintype[n] != type || index->rd_indcollation[n] != column->attcollation)
		return false;
	operator_id = get_opfamily_member(index->rd_opfamily[n], type, type, BTEqualStrategyNumber);
	*key = (LookupKey){.attnum = column->attnum, .type = type, .equality = equality};
	return OidIsValid(operator_id) && get_opcode(operator_id) == equality;
}

/* Does an index hold just the rows that have, or have not, a value in this column? */
static bool
holds_only(Relation index, NullTestType type, AttrNumber attnum)
{
	List *predicate = index_predicate(index);
	NullTest *test = predicate != NIL ? linitial(predicate) : NULL;

	return list_length(predicate) == 1 && IsA(test, NullTest) && test->nulltesttype == type &&
		   IsA(test->arg, Var) && ((Var *) test->arg)->varattno == attnum;
}

/* Has it no predicate? */
static bool
holds_all(Relation index)
{
	return index_predicate(index) == NIL;
}

/*
 * Does it hold the rows that are looked for: all, or those without a value in only_null (0: all)?
 */
static bool
holds_wanted(Relation index, AttrNumber only_null, LookupIndex *found)
{
	if (holds_all(index))
		return true;
	found->only_null = only_null;
	return only_null != 0 && holds_only(index, IS_NULL, only_null);
}

/* Can a scan find the rows with a value in this column by the index, as its only key? */
static bool
serves_column(Relation rel, Relation index, AttrNumber attnum, AttrNumber only_null, bool unique,
			  LookupIndex *found)
{
	Form_pg_index form = index->rd_index;

	*found = (LookupIndex){.index = RelationGetRelid(index), .nkeys = 1};
	return (!unique || (form->indisunique && form->indimmediate)) && form->indnkeyatts == 1 &&
		   lookup_index_serves(index) &&
		   read_key(index, 0, TupleDescAttr(RelationGetDescr(rel), attnum - 1), &found->key[0]) &&
		   (holds_only(index, IS_NOT_NULL, attnum) || holds_wanted(index, only_null, found));
}

/* Can it find the one row with values in both columns? See lookup_unique_pair(). */
static bool
serves_pair(Relation rel, Relation index, const AttrNumber *attnums, AttrNumber only_null,
			LookupIndex *found)
{
	TupleDesc desc = RelationGetDescr(rel);
	Form_pg_index form = index->rd_index;
	int first = form->indkey.values[0] == attnums[0] ? 0 : 1;

	*found = (LookupIndex){.index = RelationGetRelid(index), .nkeys = 2};
	if (!form->indisunique || !form->indimmediate || form->indnkeyatts != 2 ||
		!lookup_index_serves(index) ||
		!read_key(index, 0, TupleDescAttr(desc, attnums[first] - 1), &found->key[0]) ||
		!read_key(index, 1, TupleDescAttr(desc, attnums[1 - first] - 1), &found->key[1]))
		return false;
	return holds_wanted(index, only_null, found);
}

/* An index on just this column, of all rows that have a value in it, and none in only_null. */
static bool
find_index(Relation rel, AttrNumber attnum, AttrNumber only_null, bool unique, LookupIndex *found)
{
	bool usable = false;
	ListCell *cell;

	foreach (cell, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		usable = serves_column(rel, index, attnum, only_null, unique, found);
		index_close(index, usable ? NoLock : AccessShareLock);
		if (usable)
			break;
	}
	return usable;
}

/* The unique index on just this column; see the header. */
bool
lookup_unique_index(Relation rel, AttrNumber attnum, AttrNumber only_null, LookupIndex *found)
{
	return find_index(rel, attnum, only_null, true, found);
}

/* Any index on just this column; see the header. */
bool
lookup_index(Relation rel, AttrNumber attnum, LookupIndex *found)
{
	return find_index(rel, attnum, 0, false, found);
}

/* The unique index on just these two columns; see the header. */
bool
lookup_unique_pair(Relation rel, const AttrNumber *attnums, AttrNumber only_null,
				   LookupIndex *found)
{
	bool usable = false;
	ListCell *cell;

	foreach (cell, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		usable = serves_pair(rel, index, attnums, only_null, found);
		index_close(index, usable ? NoLock : AccessShareLock);
		if (usable)
			break;
	}
	return usable;
}

/* Begin to look; see the header. */
void
lookup_begin(LookupScan *scan, Relation rel, const LookupIndex *by, const Datum *values,
			 Snapshot snapshot)
{
	ScanKeyData keys[2];

	scan->index = index_open(by->index, AccessShareLock);
	scan->slot = table_slot_create(rel, NULL);
	for (int i = 0; i < by->nkeys; i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber, by->key[i].type,
							   scan->index->rd_indcollation[i], by->key[i].equality, values[i]);
	scan->scan = compat_index_beginscan(rel, scan->index, snapshot, by->nkeys);
	index_rescan(scan->scan, keys, by->nkeys, NULL, 0);
}

/* The next row, in the scan's slot. False: there are no more. */
bool
lookup_next(LookupScan *scan)
{
	return index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot);
}

/* End a look. */
void
lookup_end(LookupScan *scan)
{
	if (scan->index != NULL)
	{
		index_endscan(scan->scan);
		index_close(scan->index, NoLock);
	}
	ExecDropSingleTupleTableSlot(scan->slot);
}

/*
 * Where rows were seen last, by table and key. Who looks at a user looks at it again with the next
 * request, and to go down three indexes is half of what account.authenticate() does. It is a hint:
 * what is there counts only if it is a row with this key that the snapshot sees, and of a unique
 * index there is no other. What is kept is where the index points to, so heap-only updates, such as
 * that of a refresh, leave it good. The block is read from the buffer that had it, or not at all,
 * so that one that is gone is no error.
 */
#define CACHED_TIDS 8192

/* So many keys of the same hash are kept, the one that was looked for last first. */
#define CACHED_WAYS 2

typedef struct CachedTid
{
	Oid relid;
	Buffer buffer;
	ItemPointerData tid;
} CachedTid;

static CachedTid cached_tids[CACHED_TIDS][CACHED_WAYS];

/* A hash of a value of a key. */
static uint32
hash_key(const LookupKey *key, Datum value)
{
	text *bytes;

	switch (key->type)
	{
		case UUIDOID:
			return hash_bytes(DatumGetUUIDP(value)->data, UUID_LEN);
		case TEXTOID:
			bytes = DatumGetTextPP(value);
			return hash_bytes((unsigned char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
		default:
			return hash_bytes_uint32((uint32) value);
	}
}

/* The entries of a key; NULL: none are kept of this table. */
static CachedTid *
cached_tids_of(Relation rel, const LookupIndex *by, const Datum *values)
{
	uint32 hash = RelationGetRelid(rel);

	if (rel->rd_rel->relam != HEAP_TABLE_AM_OID || RelationUsesLocalBuffers(rel))
		return NULL;
	for (int i = by->nkeys - 1; i >= 0; i--)
		hash = hash_combine(hash_key(&by->key[i], values[i]), hash);
	return cached_tids[hash % CACHED_TIDS];
}

/* Is the value of the row byte for byte this one? */
static bool
is_value(TupleTableSlot *slot, const LookupKey *by, Datum value)
{
	bool isnull;
	Datum key = slot_getattr(slot, by->attnum, &isnull);
	text *a;
	text *b;

	if (isnull)
		return false;
	switch (by->type)
	{
		case UUIDOID:
			return memcmp(DatumGetUUIDP(key)->data, DatumGetUUIDP(value)->data, UUID_LEN) == 0;
		case TEXTOID:
			a = DatumGetTextPP(key);
			b = DatumGetTextPP(value);
			return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
				   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
		case INT2OID:
			return DatumGetInt16(key) == DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(key) == DatumGetInt32(value);
		default:
			return DatumGetInt64(key) == DatumGetInt64(value);
	}
}

/* Is it the row of these keys that the index holds? */
static bool
is_key(TupleTableSlot *slot, const LookupIndex *by, const Datum *values)
{
	for (int i = 0; i < by->nkeys; i++)
		if (!is_value(slot, &by->key[i], values[i]))
			return false;
	return by->only_null == 0 || slot_attisnull(slot, by->only_null);
}

/* The version of a row that the snapshot sees, in slot: where the index points to is tid. */
static bool
fetch_version(Relation rel, ItemPointerData tid, Snapshot snapshot, TupleTableSlot *slot)
{
	IndexFetchTableData *fetch = compat_index_fetch_begin(rel);
	bool again = false;
	bool found = table_index_fetch_tuple(fetch, &tid, snapshot, slot, &again, NULL);

	table_index_fetch_end(fetch);
	return found;
}

/* Is the row where it was seen last? */
static bool
is_cached(LookupScan *scan, const CachedTid *cached, Relation rel, const LookupIndex *by,
		  const Datum *values, Snapshot snapshot)
{
	ItemPointerData tid = cached->tid;
	Buffer buffer = cached->buffer;
	bool found;

	if (cached->relid != RelationGetRelid(rel) ||
		!ReadRecentBuffer(compat_locator(rel), MAIN_FORKNUM, ItemPointerGetBlockNumber(&tid),
						  buffer))
		return false;
	scan->slot = table_slot_create(rel, NULL);
	found = fetch_version(rel, tid, snapshot, scan->slot) && is_key(scan->slot, by, values);
	ReleaseBuffer(buffer);
	if (!found)
		ExecDropSingleTupleTableSlot(scan->slot);
	return found;
}

/* The next row, as lookup_next() has it; *tid: where the index points to. */
static bool
next_row(LookupScan *scan, ItemPointerData *tid)
{
	ItemPointer found;

	while ((found = index_getnext_tid(scan->scan, ForwardScanDirection)) != NULL)
	{
		*tid = *found;
		if (index_fetch_heap(scan->scan, scan->slot))
			return true;
	}
	return false;
}

/* Look for the one row with a key; see the header. */
bool
lookup_one(LookupScan *scan, Relation rel, const LookupIndex *by, const Datum *values,
		   Snapshot snapshot)
{
	CachedTid *cached = cached_tids_of(rel, by, values);
	ItemPointerData tid;

	scan->index = NULL;
	for (int i = 0; cached != NULL && i < CACHED_WAYS; i++)
		if (is_cached(scan, &cached[i], rel, by, values, snapshot))
			return true;
	lookup_begin(scan, rel, by, values, snapshot);
	if (!next_row(scan, &tid))
	{
		lookup_end(scan);
		return false;
	}
	if (cached != NULL)
	{
		memmove(&cached[1], &cached[0], (CACHED_WAYS - 1) * sizeof(CachedTid));
		cached[0] = (CachedTid){.relid = RelationGetRelid(rel),
								.buffer = ((BufferHeapTupleTableSlot *) scan->slot)->buffer,
								.tid = tid};
	}
	return true;
}
