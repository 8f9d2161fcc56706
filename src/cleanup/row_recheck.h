/*
 * row_recheck.h
 *		What became of rows of a set that a cleanup's own statement did not delete.
 */
#ifndef PGACCOUNT_ROW_RECHECK_H
#define PGACCOUNT_ROW_RECHECK_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"

typedef struct Rechecks
{
	List *moved; /* rows that were changed, and are elsewhere now */
	List *freed; /* FkNode whose rows have let go of their keys */
} Rechecks;

/*
 * Look what became of each row of a node's set, where some were not deleted by our statement: those
 * deleted by others are not counted in their steps, nor are those that moved. Raises 27000 if some
 * are still there,
 * 40001 if one moved to another partition. In the memory of the cleanup.
 */
extern void recheck_find(Rechecks *rechecks, Cleanup *cleanup, FkNode *node, Tuplestorestate *rows);

/* Raise 40001 unless each row that moved has joined the set, or is gone. */
extern void recheck_check_moved(const Rechecks *rechecks);

/*
 * Raise 40001 if a row outside has a key that a row of the set had, and let go of. In a new
 * snapshot.
 */
extern void recheck_check_keys(const Rechecks *rechecks);

/* Raise 27000: so many rows of a table were kept back. */
extern void recheck_refuse_kept_back(Oid relid, uint64 n);

#endif /* PGACCOUNT_ROW_RECHECK_H */
