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
 * Where tables store their rows: in other files after CLUSTER or VACUUM FULL, which move rows that
 * look as if nobody had touched them. In the current memory context; the tables are locked.
 */
typedef struct SeenFiles SeenFiles;

extern SeenFiles *seen_files_make(void);

/* Note where a table and its parts are. */
extern void seen_files_note(SeenFiles *files, Oid relid);

/*
 * Is each of them there, unchanged, and not being changed? xmin: that of the snapshot; files: where
 * its tables were. False: one is not, or that cannot be told.
 */
extern bool seen_rows_unchanged(SeenRows *rows, TransactionId xmin, const SeenFiles *files);

/* Add the rows of a set that are so to one set of tids, and the others to another. */
extern void seen_rows_sort_out(RowSet *set, TransactionId xmin, const SeenFiles *files,
							   RowSet *unchanged, RowSet *others);

#endif /* PGACCOUNT_SEEN_ROWS_H */
