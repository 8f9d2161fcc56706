/*
 * fk_policy.h
 *		What the application says of a foreign key, where the catalog does not.
 */
#ifndef PGACCOUNT_FK_POLICY_H
#define PGACCOUNT_FK_POLICY_H

#include "nodes/pg_list.h"

#define FK_POLICY_NONE '\0'

/* The policies of this database, for fk_policy_action(). NIL where there is none. */
extern List *fk_policies(void);

/* Called when a policy of a key to this table has changed. Within SPI_connect. */
typedef void (*FkPolicyChanged)(Oid parent);

extern void fk_policies_follow(FkPolicyChanged follower);

/* The action (FKCONSTR_ACTION_...) that a policy gives a constraint, or FK_POLICY_NONE. */
extern char fk_policy_action(List *policies, Oid child, const char *constraint_name);

#endif /* PGACCOUNT_FK_POLICY_H */
