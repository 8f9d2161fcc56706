/*
 * soft_delete.h
 *		The triggers of a soft-delete table.
 */
#ifndef PGACCOUNT_SOFT_DELETE_H
#define PGACCOUNT_SOFT_DELETE_H

#include "fmgr.h"

#include "mapping.h"

/* Raise if the table has soft delete that is active in this session, and nothing allows it. */
extern void refuse_truncate_of(Oid relid);

/*
 * Of a DELETE while a referential action runs: is it that action, which removes the row because of
 * a parent that is gone? Else it is a statement of somebody's trigger.
 */
extern bool soft_delete_is_referential(Relation rel, HeapTuple tuple);

/*
 * Do the mapped columns of an open table decide in which partition a row belongs, at any level?
 * Then a row that is deleted moves to another.
 */
extern bool decides_partition(Relation rel, const SoftDelete *mapping);

/*
 * Disable the BEFORE UPDATE sync trigger in an executor's copy of a table's triggers, for an update
 * that needs none. Nothing happens where the table has others, which may set any column.
 */
extern void disable_sync_trigger(struct TriggerDesc *triggers, Oid sync_trigger);

#endif /* PGACCOUNT_SOFT_DELETE_H */
