/*
 * restore.h
 *		Deleted rows come back.
 */
#ifndef PGACCOUNT_RESTORE_H
#define PGACCOUNT_RESTORE_H

#include "datatype/timestamp.h"

/* Which rows: SQL of a condition on `t`, and its parameters. */
typedef struct RestoreKeys
{
	const char *condition;
	int n;
	Oid *types;
	Datum *values;
} RestoreKeys;

/*
 * Rows of another soft-delete table that come back with them as those do that follow: not while
 * another row that they follow is deleted. The condition says by their stamps that they were
 * deleted with them. key: a column of the table that is unique.
 */
typedef struct RestoreOthers
{
	Oid relid;
	AttrNumber key;
	RestoreKeys keys;
} RestoreOthers;

/*
 * Bring those rows of a soft-delete table back that are deleted, with the children that went with
 * them, as the current role, which may update them; others: NULL, or rows of another table that
 * went with them; within: NULL, or with those that were deleted on their own so long before at
 * most. tell: a NOTICE tells how many children stay deleted. Returns how many rows. Raises 23505
 * for keys that are taken; DETAIL shows them where the role caller may read them.
 */
extern uint64 restore_rows(Oid relid, const RestoreKeys *keys, const RestoreOthers *others,
						   Oid caller, const Interval *within, bool tell);

#endif /* PGACCOUNT_RESTORE_H */
