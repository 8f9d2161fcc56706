/*
 * follow.h
 *		The statements by which children follow a deletion.
 */
#ifndef PGACCOUNT_FOLLOW_H
#define PGACCOUNT_FOLLOW_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "cascade_batch.h"

/*
 * Let the children of a batch of rows that were deleted, or stamped anew, follow. Raises 40001
 * where the server's own cascade would, 27000 where a trigger keeps a child live.
 */
extern void follow_batch(Batch *batch);

#endif /* PGACCOUNT_FOLLOW_H */
