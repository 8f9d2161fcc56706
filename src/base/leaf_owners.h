/*
 * leaf_owners.h
 *		Partitions, and tables that inherit, whose owner is another than that of what a statement
 *		names.
 */
#ifndef PGACCOUNT_LEAF_OWNERS_H
#define PGACCOUNT_LEAF_OWNERS_H

#ifndef IN_base
#error "private to src/base"
#endif

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

/*
 * The tables that a planned statement may write, which belong to another role than the present user
 * and have code of its own. NIL: none, as a rule. Raises 55000 where rows may be routed to such a
 * partition, for nobody can say beforehand, and where the statement writes other tables besides.
 */
extern List *leaf_owners_find(PlannedStmt *stmt);

/* Restrict an UPDATE or DELETE to rows of these tables, or of any others. */
extern void leaf_owners_restrict(Query *query, List *tables, bool others);

#endif /* PGACCOUNT_LEAF_OWNERS_H */
