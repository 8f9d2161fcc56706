/*
 * row_policies.h
 *		Which row could the caller see, or delete, as far as row security goes?
 */
#ifndef PGACCOUNT_ROW_POLICIES_H
#define PGACCOUNT_ROW_POLICIES_H

#include "storage/itemptr.h"

/* Does row security of the table apply to the caller? */
extern bool row_policies_apply(Oid relid);

/*
 * The tid of the one row that a condition finds, if the policies of the table let the caller see
 * and delete it; false: there is none. scan: the table as FROM has it, `p`; condition: on p and $1,
 * of that type. The privileges are those of role, the policies the caller's. Nothing is locked or
 * changed, no trigger fires.
 */
extern bool row_policies_find_deletable(Oid role, const char *scan, const char *condition, Oid type,
										Datum value, ItemPointer tid);

/* Is there the one row that a condition finds, deleted or not: could the caller see it? */
extern bool row_policies_let_see(Oid role, const char *scan, const char *condition, Oid type,
								 Datum value);

#endif /* PGACCOUNT_ROW_POLICIES_H */
