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
 * then those of what was done. Where it may prove what is left, what follows need not be among the
 * rows: it is found.
 */
extern void cleanup_execute(Cleanup *cleanup);

/*
 * Have keys been set, or are they to be, in a table whose rows may go? Such rows have new places.
 */
extern bool cleanup_moves_rows(const Cleanup *cleanup);

/* Does it prove, in place of the server's referential triggers, that nothing dangles? */
extern bool cleanup_may_prove(const Cleanup *cleanup);

/*
 * Set keys of rows outside that reference rows of a closed cleanup, of so many rows at most;
 * returns of how many.
 */
extern uint64 cleanup_set_some(Cleanup *cleanup, uint64 max);

/*
 * Set keys of rows outside that reference rows of a closed cleanup, of so many rows of each
 * reference at most, and undo it: raises what that raises.
 */
extern void cleanup_try_setting(Cleanup *cleanup, uint64 max);

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
