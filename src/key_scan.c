/*
 * key_scan.c
 *		The rows of a table that have one value in an indexed column, without a statement.
 *
 * A statement by key spends most of its time on starting and ending the executor. Where a look at a row
 * is all that is wanted, this is what remains of it. No row is locked, no policy and no privilege asked:
 * callers look on behalf of the extension or of the table's owner. The lock on the index is kept to the
 * end of the transaction, as a SELECT keeps its own: taking it again costs next to nothing.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"

#include "compat.h"
#include "key_scan.h"

/* The equality of keys of a type that needs no operator of the application's; InvalidOid: it may. */
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

/* Can a scan find the rows with one value of the index's only key? See the header. */
bool
key_index_usable(Relation index, Oid type, Oid collation, KeyIndex *found)
{
	Form_pg_index form = index->rd_index;
	RegProcedure equality = plain_equality(type);
	Oid operator_id;

	if (!OidIsValid(equality) || !form->indisvalid || !form->indisready || !form->indislive ||
		form->indcheckxmin || form->indnkeyatts != 1 || index->rd_rel->relam != BTREE_AM_OID ||
		index->rd_opcintype[0] != type || index->rd_indcollation[0] != collation)
		return false;
	operator_id = get_opfamily_member(index->rd_opfamily[0], type, type, BTEqualStrategyNumber);
	if (!OidIsValid(operator_id) || get_opcode(operator_id) != equality)
		return false;
	found->index = RelationGetRelid(index);
	found->type = type;
	found->equality = equality;
	return true;
}

/* The unique index on just this column; see the header. */
bool
key_index_find(Relation rel, AttrNumber attnum, KeyIndex *found)
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

		usable = form->indisunique && form->indimmediate && form->indkey.values[0] == attnum &&
				 RelationGetIndexPredicate(index) == NIL &&
				 key_index_usable(index, type, column->attcollation, found);
		index_close(index, AccessShareLock);
		if (usable)
			break;
	}
	return usable;
}

/* Begin to look; see the header. */
void
key_scan_begin(KeyScan *scan, Relation rel, const KeyIndex *by, Datum value, Snapshot snapshot)
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
key_scan_next(KeyScan *scan)
{
	return index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot);
}

/* End a look. */
void
key_scan_end(KeyScan *scan)
{
	index_endscan(scan->scan);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, NoLock);
}
