/*
 * unreadable.h
 *		Tables whose rows the doctor cannot look at.
 *
 * It looks at them as their owner, who may lack a privilege, and whose code may fail. That is a
 * finding of the table: of the others the doctor tells all the same.
 */
#ifndef PGACCOUNT_UNREADABLE_H
#define PGACCOUNT_UNREADABLE_H

#include "nodes/execnodes.h"

#include "subtransaction.h"

/*
 * Look at rows of a table as its owner, in a subtransaction. NULL: done. Else what a finding says
 * of it, in the caller's memory context. Raises what says nothing of the table.
 */
extern char *unreadable_look(Oid relid, SubtransactionWork work, void *arg);

/* What the owner lacks to read the table: SQL, or a step where it is something else. */
extern char *unreadable_remedy(Oid relid);

/*
 * The same for a function that returns findings: where the rows cannot be looked at, it has one
 * more. False: that is so.
 */
extern bool unreadable_look_or_report(ReturnSetInfo *result, Oid relid, SubtransactionWork work,
									  void *arg);

#endif /* PGACCOUNT_UNREADABLE_H */
