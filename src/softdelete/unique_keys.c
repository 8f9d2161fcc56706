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
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "utils/lsyscache.h"

#include "base/base.h"
#include "unique_keys.h"

/* Is this an index by which a deleted row keeps its key from others? */
bool
holds_deleted_keys(Relation index)
{
	return index->rd_index->indisunique && index->rd_rel->relam == BTREE_AM_OID &&
		   lookup_index_serves(index) &&
		   heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

/* The scan keys for a row's key. False: there is a NULL, which equals none. */
static bool
make_scan_keys(Relation index, const Datum *values, const bool *isnull, ScanKey keys)
{
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
	{
		Oid type = index->rd_opcintype[i];
		Oid operator_id =
			get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);

		if (isnull[i] && !index->rd_index->indnullsnotdistinct)
			return false;
		if (!OidIsValid(operator_id))
			elog(ERROR, "no equality operator for column %d of index \"%s\"", i + 1,
				 RelationGetRelationName(index));
		ScanKeyEntryInitialize(&keys[i], isnull[i] ? SK_ISNULL | SK_SEARCHNULL : 0, i + 1,
							   BTEqualStrategyNumber, InvalidOid, index->rd_indcollation[i],
							   get_opcode(operator_id), values[i]);
	}
	return true;
}

/* Find the row of a table that has the key of a new one. */
bool
find_by_unique_key(Relation rel, Relation index, IndexInfo *info, EState *estate, Snapshot snapshot,
				   TupleTableSlot *slot, TupleTableSlot *found)
{
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	ScanKeyData keys[INDEX_MAX_KEYS];
	int nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	IndexScanDesc scan;
	bool any;

	GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
	FormIndexDatum(info, slot, estate, values, isnull);
	if (!make_scan_keys(index, values, isnull, keys))
		return false;
	scan = compat_index_beginscan(rel, index, snapshot, nkeys);
	index_rescan(scan, keys, nkeys, NULL, 0);
	any = index_getnext_slot(scan, ForwardScanDirection, found);
	if (any)
		ExecMaterializeSlot(found);
	index_endscan(scan);
	return any;
}
