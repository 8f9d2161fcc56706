/*
 * blocked_rows.h
 *		Deleted rows that must stay, because of what still references them.
 */
#ifndef PGACCOUNT_BLOCKED_ROWS_H
#define PGACCOUNT_BLOCKED_ROWS_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_run.h"

/* Is anything in the way of a closed cleanup? */
extern bool blocked_any(Cleanup *cleanup);

/*
 * The rows of its target that must stay, in the current memory context. Within a snapshot that is
 * active.
 */
extern RowSet *blocked_find(Cleanup *cleanup);

/*
 * Add what holds rows of a cleanup to a list for blocked_report(); it and the list are in the
 * current memory context.
 */
extern List *blocked_note(List *holders, Cleanup *cleanup);

/* The same of one row that a hold keeps. */
extern List *blocked_note_hold(List *holders, int64 hold);

/* Append what such a list says, as `schema.table.column: N rows`, or
 * `hold 7: N rows`, to a text. */
extern void blocked_append(StringInfo text, const List *holders, const char *between);

/* Report to the client which rows of a table are kept, and what holds them. */
extern void blocked_report(Oid target, RowSet *blocked, const List *holders);

#endif /* PGACCOUNT_BLOCKED_ROWS_H */
