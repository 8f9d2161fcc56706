/*
 * removal_triggers.h
 *		The triggers of a table that stand aside while its rows are removed for good.
 */
#ifndef PGACCOUNT_REMOVAL_TRIGGERS_H
#define PGACCOUNT_REMOVAL_TRIGGERS_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "nodes/execnodes.h"

#include "cleanup_closure.h"

/* What a deletion of rows for good does with triggers. */
typedef struct RemovalTriggers
{
	Cleanup *cleanup;
	bool proven;     /* it proves afterwards what the referential triggers check */
	Oid soft_delete; /* account.soft_delete() */
} RemovalTriggers;

/* Those of a cleanup's deletions. */
extern RemovalTriggers removal_triggers(Cleanup *cleanup, bool proven);

/* For OneRun's callback, with a RemovalTriggers: disable them in the executor's copy. */
extern void removal_disable_triggers(EState *estate, void *arg);

/*
 * Has a table, or a partition of it, a trigger that may keep a row back? soft_delete() is none, nor
 * is what holds are kept by where there is none.
 */
extern bool removal_may_be_kept_back(Oid relid);

#endif /* PGACCOUNT_REMOVAL_TRIGGERS_H */
