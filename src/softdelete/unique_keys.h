/*
 * unique_keys.h
 *		The deleted row that holds a unique key of a new one.
 */
#ifndef PGACCOUNT_UNIQUE_KEYS_H
#define PGACCOUNT_UNIQUE_KEYS_H

#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* The unique indexes of a table, for rows that are about to go into it. */
typedef struct UniqueKeys UniqueKeys;

/* Whose are the unique keys of a new row? */
typedef enum KeyHolder
{
	KEYS_FREE,
	KEYS_OF_DELETED_ROWS,
	KEYS_OF_LIVE_ROW /* one of them, at least */
} KeyHolder;

/*
 * Is this an index by which a deleted row keeps its key from others: unique, or of an exclusion
 * constraint, over all rows?
 */
extern bool holds_deleted_keys(Relation index);

/*
 * Open the unique indexes of a table that the caller has open and locked, in the current memory
 * context. They are closed, or held open until that context goes, which must be before its resource
 * owner lets go.
 */
extern UniqueKeys *unique_keys_open(Relation rel);
extern void unique_keys_close(UniqueKeys *keys);
extern void unique_keys_hold(UniqueKeys *keys);

/*
 * Who has the unique keys of a new row, in a snapshot? tids: the deleted rows that do, of
 * ItemPointer in the current memory context. A live row is told of only where a deleted one may
 * have a key, too.
 */
extern KeyHolder unique_keys_holder(UniqueKeys *keys, Relation rel, AttrNumber deleted_at,
									TupleTableSlot *slot, Snapshot snapshot, List **tids);

/*
 * Keep a new row, complete, that unique_keys_holder() was asked of last, in the memory of the keys.
 */
extern void unique_keys_keep(UniqueKeys *keys, Relation rel, TupleTableSlot *slot);

/*
 * A unique index in which there is no row that a command of this transaction, since this one, has
 * inserted with the key of the row that was kept; whatever became of that row. NULL: there is none,
 * so the row was inserted.
 */
extern Relation unique_keys_missing(UniqueKeys *keys, Relation rel, CommandId since);

/*
 * Does a deleted row of a table have the key of a new one, in slot, by an index for which
 * holds_deleted_keys()? False: there is none in the snapshot, or another transaction has changed or
 * removed it since. estate evaluates expressions of the index; found is a slot of the table.
 */
extern bool find_deleted_by_key(Relation rel, Relation index, IndexInfo *info, EState *estate,
								Snapshot snapshot, AttrNumber deleted_at, TupleTableSlot *slot,
								TupleTableSlot *found);

#endif /* PGACCOUNT_UNIQUE_KEYS_H */
