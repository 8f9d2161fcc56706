/*
 * cleanup.h
 *		Removes rows for good, in the order that their foreign keys ask for.
 */
#ifndef PGACCOUNT_CLEANUP_H
#define PGACCOUNT_CLEANUP_H

#include "cleanup_plan.h"

/*
 * Remove the rows of a cleanup that cleanup_close() has found and nothing holds, or raise and change
 * nothing. snapshot: the one it was closed in, held until the end. Counts in its lines are then those
 * of what was done.
 */
extern void cleanup_execute(Cleanup *cleanup);

#endif /* PGACCOUNT_CLEANUP_H */
