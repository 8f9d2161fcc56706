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

/*
 * How rows that triggers kept live are found. An ExecutorCallback, arg a bool: it is set where
 * tables that the statement writes have triggers of their owners. And for DETAIL, a line for each
 * such trigger of the tables whose OIDs are in the n rows of SPI_tuptable; begins a line.
 */
extern void follow_look_for_triggers(EState *estate, void *arg);
extern char *follow_triggers_of(uint64 n);

#endif /* PGACCOUNT_FOLLOW_H */
