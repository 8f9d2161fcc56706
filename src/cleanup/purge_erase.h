/*
 * purge_erase.h
 *		Rows of a purge that are erased in place.
 */
#ifndef PGACCOUNT_PURGE_ERASE_H
#define PGACCOUNT_PURGE_ERASE_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_set.h"
#include "overdue.h"

/*
 * Erase the rows of a slice, but for those that were since they were deleted, and those that a hold
 * keeps, on them or on what follows them: these are added to blocked, and what keeps them to
 * *holders, a list of blocked_note_hold(). Returns how many were erased.
 */
extern uint64 purge_erase(const OverdueRows *due, RowSet *slice, RowTids *blocked, List **holders);

#endif /* PGACCOUNT_PURGE_ERASE_H */
