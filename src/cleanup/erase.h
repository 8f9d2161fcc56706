/*
 * erase.h
 *		Rows erased in place.
 */
#ifndef PGACCOUNT_ERASE_H
#define PGACCOUNT_ERASE_H

#include "utils/jsonb.h"

#include "softdelete/softdelete.h"
#include "cleanup_closure.h"

/*
 * Who wants to know of rows that are erased: before, with a table's rows, whose result, if not
 * NULL, is given back after all is done, with what was done as detail of an event.
 */
typedef struct ErasureFollower
{
	void *(*before)(Oid relid, RowSet *rows);
	void (*after)(void *noted, const Jsonb *detail);
} ErasureFollower;

/* Who it is. Called while the library is loaded. */
extern void erasure_follower_is(ErasureFollower follower);

#ifdef IN_cleanup
/*
 * Erase some deleted rows of a table for a purge, and what of the rest follows them: no live row of
 * a table that has soft delete does, and rows that were erased since they were deleted are passed.
 * Returns 0; else nothing was done, for this hold keeps one of them. The rows are set number 0 of
 * account.row_in_set() for the condition on `c`.
 */
extern int64 erase_deleted_rows(Oid target, RowSet *rows);

/*
 * Those of some rows that have not been erased since they were deleted. stamp: SQL, when the row c
 * was, of this type. cutoff: NULL, or a value of it: nor were deleted later, or are live. In the
 * current memory context.
 */
extern RowSet *erase_not_yet(Oid target, RowSet *rows, const char *stamp, const StampType *type,
							 const Datum *cutoff);
#endif

#endif /* PGACCOUNT_ERASE_H */
