/*
 * unique_keys.h
 *		The deleted row that holds a unique key of a new one.
 */
#ifndef PGACCOUNT_UNIQUE_KEYS_H
#define PGACCOUNT_UNIQUE_KEYS_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* Is this an index by which a deleted row keeps its key from others: unique, over all rows? */
extern bool holds_deleted_keys(Relation index);

/*
 * Find the row of a table that has the key of a new one, in slot, by such an index; in found, a
 * slot of the table. False: there is none in the snapshot. estate evaluates expressions of the
 * index.
 */
extern bool find_by_unique_key(Relation rel, Relation index, IndexInfo *info, EState *estate,
							   Snapshot snapshot, TupleTableSlot *slot, TupleTableSlot *found);

#endif /* PGACCOUNT_UNIQUE_KEYS_H */
