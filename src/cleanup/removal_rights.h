/*
 * removal_rights.h
 *		Who may remove rows for good, and as whom it is done.
 */
#ifndef PGACCOUNT_REMOVAL_RIGHTS_H
#define PGACCOUNT_REMOVAL_RIGHTS_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"

/* Raise unless the caller may delete the rows of a table, of all tables of which rows go. */
extern void cleanup_check_delete(Cleanup *cleanup, FkNode *node);
extern void cleanup_check_deletions(Cleanup *cleanup);

/* Raise unless the caller may set the keys that an edge sets. */
extern void cleanup_check_set(const Cleanup *cleanup, const FkEdge *edge);

/*
 * Raise 42501 unless the caller may delete the rows that a closed cleanup has found, and set the
 * keys that it has counted.
 */
extern void cleanup_check_allowed(Cleanup *cleanup);

/* Act as the owner of these tables, which are written in one statement; run: it. */
extern void removal_run_as_owner(Cleanup *cleanup, const List *relids, OneRun *run,
								 RoleState *caller);

#endif /* PGACCOUNT_REMOVAL_RIGHTS_H */
