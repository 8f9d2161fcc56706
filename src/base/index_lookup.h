/*
 * index_lookup.h
 *		The rows of a table that have one value in an indexed column, or a pair of them in two,
 *		without a statement.
 */
#ifndef PGACCOUNT_INDEX_LOOKUP_H
#define PGACCOUNT_INDEX_LOOKUP_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* A look through an index. The row that lookup_next() found is in slot. */
typedef struct LookupScan
{
	Relation index; /* NULL: the row was where it was before */
	IndexScanDesc scan;
	TupleTableSlot *slot;
} LookupScan;

/* A key of an index, and how its values are compared. */
typedef struct LookupKey
{
	AttrNumber attnum;
	Oid type; /* int2, int4, int8, uuid or text */
	RegProcedure equality;
} LookupKey;

/* An index with one key, or with two. */
typedef struct LookupIndex
{
	Oid index;
	int nkeys;
	LookupKey key[2];
	AttrNumber only_null; /* it holds the rows without a value here alone; 0: all */
} LookupIndex;

/*
 * Is it a btree that can be asked, whatever the snapshot: not one that is being built, or has
 * failed to be?
 */
extern bool lookup_index_serves(Relation index);

/*
 * The unique btree index on just this column, of all rows that have a value in it, or of those
 * without a value in only_null (0: of all); or any btree index on it, of all. False: there is none
 * to use.
 */
extern bool lookup_unique_index(Relation rel, AttrNumber attnum, AttrNumber only_null,
								LookupIndex *found);
extern bool lookup_index(Relation rel, AttrNumber attnum, LookupIndex *found);

/*
 * The unique btree index on just these two columns, in either order (found->key says which), of all
 * rows, or of those without a value in only_null (0: of all).
 */
extern bool lookup_unique_pair(Relation rel, const AttrNumber *attnums, AttrNumber only_null,
							   LookupIndex *found);

/*
 * Begin, on a table that the caller has open and locked, in a registered snapshot. values: one for
 * each key, of its type. lookup_end() is due, unless an error goes up.
 */
extern void lookup_begin(LookupScan *scan, Relation rel, const LookupIndex *by, const Datum *values,
						 Snapshot snapshot);
extern bool lookup_next(LookupScan *scan);
extern void lookup_end(LookupScan *scan);

/*
 * Look for the one row with a key, by an index that lookup_unique_index() or lookup_unique_pair()
 * has found: where it was seen last, then through the index. True: it is in scan->slot, and
 * lookup_end() is due. False: there is none.
 */
extern bool lookup_one(LookupScan *scan, Relation rel, const LookupIndex *by, const Datum *values,
					   Snapshot snapshot);

#endif /* PGACCOUNT_INDEX_LOOKUP_H */
