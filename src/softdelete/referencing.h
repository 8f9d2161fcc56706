/*
 * referencing.h
 *		Rows that reference deleted rows, and do not follow them: they refuse the deletion, or are
 *		removed for good.
 */
#ifndef PGACCOUNT_REFERENCING_H
#define PGACCOUNT_REFERENCING_H

#include "base/base.h"

struct Batch;

/*
 * Removes rows of a table for good, with what goes with them: the rows `c` for which a condition of
 * SQL with such parameters holds.
 */
typedef void (*RemoveRows)(Oid relid, const char *condition, int nargs, Oid *types, Datum *values);

/* How rows are removed that reference deleted rows. Called while the library is loaded. */
extern void cascade_removal_is(RemoveRows remove);

/*
 * The rows that are deleted, for a reference that refuses: looked at before any follows. In the
 * subtransaction that deleted them.
 */
extern PendingList cascade_refusals;

/*
 * Look for rows that reference those of batches of at least so many rows. True: there are some, so
 * that nothing need follow any more. With rows = 1, at the end of a statement, raises 23001
 * instead.
 */
extern bool refuse_deletions(int rows);

/*
 * Remove for good what references the rows of a batch. Raises where the removal does, and 40001. In
 * the memory of the batch.
 */
extern void remove_referencing(struct Batch *batch);

#endif /* PGACCOUNT_REFERENCING_H */
