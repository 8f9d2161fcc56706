/*
 * follow_return.h
 *		Children come back with a row.
 */
#ifndef PGACCOUNT_FOLLOW_RETURN_H
#define PGACCOUNT_FOLLOW_RETURN_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "cascade_batch.h"

/* Children of a table that stay deleted when what they reference is back. */
typedef struct ChildrenLeft
{
	Oid table;
	uint64 rows;
} ChildrenLeft;

/* Let children of the rows of a batch come back; those that may not yet are made to wait. */
extern void return_batch(Batch *batch);

/*
 * Have the children of a batch be counted when all that come back are back; it is kept till then.
 */
extern void batch_is_counted_later(Batch *batch);

/* Count the children that were left until all that come back are back. */
extern void count_children_left(RestoreCall *call);

#endif /* PGACCOUNT_FOLLOW_RETURN_H */
