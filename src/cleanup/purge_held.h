/*
 * purge_held.h
 *		Deleted rows that must stay, because of what still references them.
 */
#ifndef PGACCOUNT_PURGE_HELD_H
#define PGACCOUNT_PURGE_HELD_H

#include "cleanup.h"

/* Is anything in the way of a closed cleanup? */
extern bool held_any(const Cleanup *cleanup);

/* The rows of its target that must stay, in the current memory context. Within a snapshot that is active. */
extern RowSet *held_find(Cleanup *cleanup);

/* Add what holds rows of a cleanup to a list for held_tell(); it and the list are in the current memory context. */
extern List *held_note(List *holders, const Cleanup *cleanup);

/* Tell the client which rows of a table are kept, and what holds them. */
extern void held_tell(Oid target, RowSet *held, const List *holders);

#endif /* PGACCOUNT_PURGE_HELD_H */
