/*
 * policy_argument.h
 *		The policies that callers name.
 */
#ifndef PGACCOUNT_POLICY_ARGUMENT_H
#define PGACCOUNT_POLICY_ARGUMENT_H

#ifndef IN_fkey
#error "private to src/fkey"
#endif

#include "fmgr.h"

#include "fk_edge.h"

/*
 * Argument n as the name under which a policy is stored; NULL for NULL. Raises 22023 for what is
 * none.
 */
extern const char *policy_argument(FunctionCallInfo fcinfo, int n);

/* The same of on_soft_delete. */
extern const char *soft_delete_argument(FunctionCallInfo fcinfo, int n);

/* Raise 22023 where the referencing table cannot do what the policies of an edge say. */
extern void check_policies(const FkEdge *edge, const char *policy, const char *on_soft_delete);

/*
 * Raise unless policies may be given to references of a table: an application's, and the caller's.
 */
extern void check_policy_owner(Oid child);

#endif /* PGACCOUNT_POLICY_ARGUMENT_H */
