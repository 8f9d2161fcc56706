/*
 * trigger_order.h
 *		Does a new row stay as the trigger that replaces deleted rows has it?
 */
#ifndef PGACCOUNT_TRIGGER_ORDER_H
#define PGACCOUNT_TRIGGER_ORDER_H

#include "utils/rel.h"

/*
 * Raise 55000 where another BEFORE INSERT trigger of a table fires for a row after the one of this
 * name, which calls this function of ours (account.replace_deleted). Looks nothing up.
 */
extern void check_fires_last(Relation rel, const char *name, Oid function);

#ifdef IN_softdelete
/* The same of a table that is to have the trigger, and of those below it. */
extern void check_replace_fires_last(Oid relid);
#endif

#endif /* PGACCOUNT_TRIGGER_ORDER_H */
