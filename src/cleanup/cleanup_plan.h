/*
 * cleanup_plan.h
 *		What a cleanup would do, step by step, and what stands in its way.
 */
#ifndef PGACCOUNT_CLEANUP_PLAN_H
#define PGACCOUNT_CLEANUP_PLAN_H

#include "cleanup_closure.h"

/*
 * Count the rows outside that reference rows inside: what is protected, into steps, and what is to
 * be set null or default, into steps if count_set. Returns how many are to be set.
 */
extern uint64 cleanup_find_outside(Cleanup *cleanup, Snapshot snapshot, bool count_set);

/* The steps with rows, in order of execution. */
extern List *cleanup_ordered_steps(Cleanup *cleanup);

/* May the caller not even look at a table? */
extern bool cleanup_is_unreadable(Oid relid);

/* Raise 23001 if there are protected rows outside. */
extern void cleanup_refuse_protected(Cleanup *cleanup);

/* The result of a function that returns steps. */
extern void cleanup_return(FunctionCallInfo fcinfo, Cleanup *cleanup);

#endif /* PGACCOUNT_CLEANUP_PLAN_H */
