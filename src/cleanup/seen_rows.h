/*
 * seen_rows.h
 *		Are rows still as they were when a snapshot, gone since, saw them?
 */
#ifndef PGACCOUNT_SEEN_ROWS_H
#define PGACCOUNT_SEEN_ROWS_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_set.h"

/*
 * Rows that a snapshot saw, all of which are asked for again and again. In the current memory
 * context; but: rows of the set to leave out.
 */
typedef struct SeenRows SeenRows;

extern SeenRows *seen_rows_make(RowSet *set, RowSet *but);

/*
 * Is each of them there, unchanged, and not being changed? xmin: that of the snapshot. False: one
 * is not, or that cannot be told.
 */
extern bool seen_rows_unchanged(SeenRows *rows, TransactionId xmin);

/* Add the rows of a set that are so to one set of tids, and the others to another. */
extern void seen_rows_sort_out(RowSet *set, TransactionId xmin, RowSet *unchanged, RowSet *others);

#endif /* PGACCOUNT_SEEN_ROWS_H */
