/*
 * held_rows.h
 *		Which rows of a set a hold keeps.
 */
#ifndef PGACCOUNT_HELD_ROWS_H
#define PGACCOUNT_HELD_ROWS_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"

/* A row that goes, and that a hold keeps. */
typedef void (*HeldRowCallback)(FkNode *node, Oid tab, ItemPointer tid, int64 hold, void *arg);

/*
 * Hand those rows of a closed cleanup to callback that are under a hold, or would go with one that
 * is. NULL: raise PT423 for the first. Returns how many.
 */
extern uint64 cleanup_find_held(Cleanup *cleanup, HeldRowCallback callback, void *arg);

/* Raise PT423 if a row of a set is under a hold, or would go with one that is. */
extern void row_set_check_holds(RowSet *set);

/* A hold that keeps a row of a set, which is under it or would go with one that is; 0: none. */
extern int64 row_set_find_hold(RowSet *set);

#endif /* PGACCOUNT_HELD_ROWS_H */
