/*
 * hold_trigger.h
 *		The triggers that keep rows under a hold.
 */
#ifndef PGACCOUNT_HOLD_TRIGGER_H
#define PGACCOUNT_HOLD_TRIGGER_H

#include "executor/execdesc.h"
#include "utils/reltrigger.h"

/* BEFORE triggers fire in the order of their names: a hold is judged before anything else. */
#define TRIGGER_HOLD          "00_account_hold"
#define TRIGGER_HOLD_UPDATE   "00_account_hold_update"
#define TRIGGER_HOLD_UPDATED  "00_account_hold_updated"
#define TRIGGER_HOLD_TRUNCATE "00_account_hold_truncate"

/* Disable them in a statement that was started on tables that no hold is about. */
extern void hold_executor_start(QueryDesc *desc);

/* In the executor's copy of a table's triggers: its rows are removed for good. */
extern void hold_physical(TriggerDesc *triggers);

/* Raise PT423 if a hold is about a table that is truncated. */
extern void hold_refuse_truncate(Oid relid);

#endif /* PGACCOUNT_HOLD_TRIGGER_H */
