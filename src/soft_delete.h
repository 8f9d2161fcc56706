/*
 * soft_delete.h
 *		The triggers of a soft-delete table.
 */
#ifndef PGACCOUNT_SOFT_DELETE_H
#define PGACCOUNT_SOFT_DELETE_H

extern void soft_delete_init(void);

/* Raise if the table has soft delete that is active in this session. */
extern void refuse_truncate_of(Oid relid);

/* Raise unless called as a trigger of ours on that event; returns its TriggerData. */
extern struct TriggerData *called_as_trigger(FunctionCallInfo fcinfo, const char *function);

#endif							/* PGACCOUNT_SOFT_DELETE_H */
