/*
 * index_lookup.c
 *		The rows of a table that have one value in an indexed column, without a statement.
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
 * Can a scan find the rows that have one value, of this type and collation, as the index's only
 * key?
 */
static bool
is_usable(Relation index, Oid type, Oid collation, LookupIndex *found)
{
	Form_pg_index form = index->rd_index;
	RegProcedure equality = plain_equality(type);
	Oid operator_id;

	if (!OidIsValid(equality) || !lookup_index_serves(index) || form->indnkeyatts != 1 ||
		index->rd_opcintype[0] != type || index->rd_indcollation[0] != collation)
		return false;
	operator_id = get_opfamily_member(index->rd_opfamily[0], type, type, BTEqualStrategyNumber);
	if (!OidIsValid(operator_id) || get_opcode(operator_id) != equality)
		return false;
	found->index = RelationGetRelid(index);
	found->attnum = form->indkey.values[0];
	found->type = type;
	found->equality = equality;
	return true;
}

/* Are all rows that have a value in this column in the index? */
static bool
holds_all(Relation index, AttrNumber attnum)
{
	List *predicate = index_predicate(index);
	NullTest *test = predicate != NIL ? linitial(predicate) : NULL;

	if (test == NULL)
		return true;
	return list_length(predicate) == 1 && IsA(test, NullTest) &&
		   test->nulltesttype == IS_NOT_NULL && IsA(test->arg, Var) &&
		   ((Var *) test->arg)->varattno == attnum;
}

/* An index on just this column, of all rows that have a value in it. */
static bool
find_index(Relation rel, AttrNumber attnum, bool unique, LookupIndex *found)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	Oid type = getBaseType(column->atttypid);
	bool usable = false;
	ListCell *cell;

	if (type == VARCHAROID)
		type = TEXTOID; /* they share their operators */
	if (!OidIsValid(plain_equality(type)))
		return false;
	foreach (cell, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		usable = (!unique || (form->indisunique && form->indimmediate)) &&
				 form->indkey.values[0] == attnum && holds_all(index, attnum) &&
				 is_usable(index, type, column->attcollation, found);
		index_close(index, usable ? NoLock : AccessShareLock);
		if (usable)
			break;
	}
	return usable;
}

/* The unique index on just this column; see the header. */
bool
lookup_unique_index(Relation rel, AttrNumber attnum, LookupIndex *found)
{
	return find_index(rel, attnum, true, found);
}

/* Any index on just this column; see the header. */
bool
lookup_index(Relation rel, AttrNumber attnum, LookupIndex *found)
{
	return find_index(rel, attnum, false, found);
}

/* Begin to look; see the header. */
void
lookup_begin(LookupScan *scan, Relation rel, const LookupIndex *by, Datum value, Snapshot snapshot)
{
	ScanKeyData key;

	scan->index = index_open(by->index, AccessShareLock);
	scan->slot = table_slot_create(rel, NULL);
	ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, by->type,
						   scan->index->rd_indcollation[0], by->equality, value);
	scan->scan = compat_index_beginscan(rel, scan->index, snapshot, 1);
	index_rescan(scan->scan, &key, 1, NULL, 0);
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
 * index there is no other. The block is read from the buffer that had it, or not at all, so that
 * one that is gone is no error.
 */
#define CACHED_TIDS 8192

typedef struct CachedTid
{
	Oid relid;
	Buffer buffer;
	ItemPointerData tid;
} CachedTid;

static CachedTid cached_tids[CACHED_TIDS];

/* The entry of a key; NULL: none is kept of this table. */
static CachedTid *
cached_tid_of(Relation rel, const LookupIndex *by, Datum value)
{
	uint32 hash;
	text *key;

	if (rel->rd_rel->relam != HEAP_TABLE_AM_OID || RelationUsesLocalBuffers(rel))
		return NULL;
	switch (by->type)
	{
		case UUIDOID:
			hash = hash_bytes(DatumGetUUIDP(value)->data, UUID_LEN);
			break;
		case TEXTOID:
			key = DatumGetTextPP(value);
			hash = hash_bytes((unsigned char *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
			break;
		default:
			hash = hash_bytes_uint32((uint32) value);
			break;
	}
	return &cached_tids[hash_combine(hash, RelationGetRelid(rel)) % CACHED_TIDS];
}

/* Is it byte for byte this key? */
static bool
is_key(TupleTableSlot *slot, const LookupIndex *by, Datum value)
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

/* Is the row where it was seen last? */
static bool
is_cached(LookupScan *scan, const CachedTid *cached, Relation rel, const LookupIndex *by,
		  Datum value, Snapshot snapshot)
{
	ItemPointerData tid = cached->tid;
	Buffer buffer = cached->buffer;
	bool found;

	if (cached->relid != RelationGetRelid(rel) ||
		!ReadRecentBuffer(compat_locator(rel), MAIN_FORKNUM, ItemPointerGetBlockNumber(&tid),
						  buffer))
		return false;
	scan->slot = table_slot_create(rel, NULL);
	found = table_tuple_fetch_row_version(rel, &tid, snapshot, scan->slot) &&
			is_key(scan->slot, by, value);
	ReleaseBuffer(buffer);
	if (!found)
		ExecDropSingleTupleTableSlot(scan->slot);
	return found;
}

/* Look for the one row with a key; see the header. */
bool
lookup_one(LookupScan *scan, Relation rel, const LookupIndex *by, Datum value, Snapshot snapshot)
{
	CachedTid *cached = cached_tid_of(rel, by, value);

	scan->index = NULL;
	if (cached != NULL && is_cached(scan, cached, rel, by, value, snapshot))
		return true;
	lookup_begin(scan, rel, by, value, snapshot);
	if (!lookup_next(scan))
	{
		lookup_end(scan);
		return false;
	}
	if (cached != NULL)
	{
		cached->relid = RelationGetRelid(rel);
		cached->buffer = ((BufferHeapTupleTableSlot *) scan->slot)->buffer;
		cached->tid = scan->slot->tts_tid;
	}
	return true;
}
