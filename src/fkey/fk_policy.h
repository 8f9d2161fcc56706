/*
 * fk_policy.h
 *		What the application says of references: policies of foreign keys, and references that no
 *		foreign key declares.
 */
#ifndef PGACCOUNT_FK_POLICY_H
#define PGACCOUNT_FK_POLICY_H

#ifndef IN_fkey
#error "private to src/fkey"
#endif

#include "nodes/pg_list.h"

#include "fk_edge.h"

#define FK_POLICY_NONE '\0'

/* A row of account.reference_policy. */
typedef struct FkPolicy
{
	Oid child;
	NameData constraint_name;
	char action; /* FKCONSTR_ACTION_..., or FK_POLICY_NONE */
	FkSoftDelete on_soft_delete;
} FkPolicy;

/* A row of account.declared_reference. */
typedef struct FkReference
{
	Oid number;
	NameData name;
	Oid child;
	Oid parent;
	int ncolumns;
	NameData *columns;
	char action;
	FkSoftDelete on_soft_delete;
} FkReference;

/* The policies of this database. NIL where there is none. */
extern List *fk_policies(void);

/* The one of a constraint, or NULL. */
extern const FkPolicy *fk_policy_of(List *policies, Oid child, const char *constraint_name);

/* The references of this database that no foreign key declares. NIL where there is none. */
extern List *fk_references(void);

/* The action that a policy is named for: 'cascade', 'protect', 'set null', or FK_POLICY_NONE. */
extern char fk_policy_named(const char *name);

/* What on_soft_delete is named for: 'follow', 'keep' …; FK_SOFT_DEFAULT: nothing. */
extern FkSoftDelete fk_soft_delete_named(const char *name);

#endif /* PGACCOUNT_FK_POLICY_H */
