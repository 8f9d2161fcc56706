/*
 * soft_delete.h
 *		The triggers of a soft-delete table.
 */
#ifndef PGACCOUNT_SOFT_DELETE_H
#define PGACCOUNT_SOFT_DELETE_H

#include "fmgr.h"

/* Raise if the table has soft delete that is active in this session, and nothing allows it. */
extern void refuse_truncate_of(Oid relid);

/*
 * Disable the BEFORE UPDATE sync trigger in an executor's copy of a table's triggers, for an update
 * that needs none. Nothing happens where the table has others, which may set any column.
 */
extern void disable_sync_trigger(struct TriggerDesc *triggers, Oid sync_trigger);

#endif /* PGACCOUNT_SOFT_DELETE_H */
