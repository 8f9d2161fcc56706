/*
 * cleanup_run.h
 *		Removes rows for good, in the order that their foreign keys ask for.
 */
#ifndef PGACCOUNT_CLEANUP_RUN_H
#define PGACCOUNT_CLEANUP_RUN_H

#include "cleanup_closure.h"

/*
 * Remove the rows of a cleanup that cleanup_close() has found and nothing holds, or raise and
 * change nothing. snapshot: the one it was closed in, held until the end. Counts in its steps are
 * then those of what was done.
 */
extern void cleanup_execute(Cleanup *cleanup);

/*
 * Set keys of rows outside that reference rows of a closed cleanup, of so many rows at most;
 * returns of how many.
 */
extern uint64 cleanup_set_some(Cleanup *cleanup, uint64 max);

/* All of it: find the rows that a new cleanup was seeded with, and remove them, or raise. */
extern void cleanup_run(Cleanup *cleanup);

/*
 * Remove rows of the target of a new cleanup by a condition, in one statement, where they are so
 * plain that no set has to be known: nothing references the table, no policy hides rows of it from
 * the caller, and nobody's trigger can keep one back. False: it is not so, and nothing was done.
 */
extern bool cleanup_delete_alone(Cleanup *cleanup, const char *condition, int nargs, Oid *types,
								 Datum *values, uint64 *rows);

/* Rows of the target that a cleanup has removed. */
extern uint64 cleanup_target_rows(Cleanup *cleanup);

#endif /* PGACCOUNT_CLEANUP_RUN_H */
