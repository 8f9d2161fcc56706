/*
 * key_scan.h
 *		The rows of a table that have one value in an indexed column, without a statement.
 */
#ifndef PGACCOUNT_KEY_SCAN_H
#define PGACCOUNT_KEY_SCAN_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* A look through an index. The row that key_scan_next() found is in slot. */
typedef struct KeyScan
{
	Relation index; /* NULL: the row was where it was before */
	IndexScanDesc scan;
	TupleTableSlot *slot;
} KeyScan;

/* An index with one key, and how its values are compared. */
typedef struct KeyIndex
{
	Oid index;
	AttrNumber attnum; /* 0: an expression */
	Oid type;          /* int2, int4, int8, uuid or text */
	RegProcedure equality;
} KeyIndex;

/* Is it a btree that can be asked, whatever the snapshot: not one that is being built, or has failed to be? */
extern bool key_index_serves(Relation index);

/*
 * Can a KeyScan find the rows that have one value, of this type and collation, as the only key of an
 * index? Then *found says how. Which rows are in the index is for the caller to look at.
 */
extern bool key_index_usable(Relation index, Oid type, Oid collation, KeyIndex *found);

/*
 * The unique btree index on just this column, or any btree index on it, of all rows that have a value in it.
 * False: there is none to use.
 */
extern bool key_index_find(Relation rel, AttrNumber attnum, KeyIndex *found);
extern bool key_index_any(Relation rel, AttrNumber attnum, KeyIndex *found);

/*
 * Begin, on a table that the caller has open and locked, in a registered snapshot. value is of the
 * index's type. key_scan_end() is due, unless an error goes up.
 */
extern void key_scan_begin(KeyScan *scan, Relation rel, const KeyIndex *by, Datum value,
						   Snapshot snapshot);
extern bool key_scan_next(KeyScan *scan);
extern void key_scan_end(KeyScan *scan);

/*
 * Look for the one row with a key, by an index that key_index_find() has found: where it was seen last, then
 * through the index. True: it is in scan->slot, and key_scan_end() is due. False: there is none.
 */
extern bool key_scan_find(KeyScan *scan, Relation rel, const KeyIndex *by, Datum value,
						  Snapshot snapshot);

#endif /* PGACCOUNT_KEY_SCAN_H */
