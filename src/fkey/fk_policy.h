/*
 * fk_policy.h
 *		What the application says of a foreign key, where the catalog does not.
 */
#ifndef PGACCOUNT_FK_POLICY_H
#define PGACCOUNT_FK_POLICY_H

#ifndef IN_fkey
#error "private to src/fkey"
#endif

#include "nodes/pg_list.h"

#define FK_POLICY_NONE '\0'

/* The policies of this database, for fk_policy_action(). NIL where there is none. */
extern List *fk_policies(void);

/* The action (FKCONSTR_ACTION_...) that a policy gives a constraint, or FK_POLICY_NONE. */
extern char fk_policy_action(List *policies, Oid child, const char *constraint_name);

/* The action that a policy is named for: 'cascade', 'protect', 'set null', or FK_POLICY_NONE. */
extern char fk_policy_named(const char *name);

#endif /* PGACCOUNT_FK_POLICY_H */
