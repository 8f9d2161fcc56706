/*
 * hold_put.h
 *		Which tables have the triggers that keep rows under a hold.
 */
#ifndef PGACCOUNT_HOLD_PUT_H
#define PGACCOUNT_HOLD_PUT_H

#ifndef IN_hold
#error "private to src/hold"
#endif

#include "nodes/pg_list.h"
#include "storage/lockdefs.h"

#include "hold_state.h"

/*
 * Put the triggers on every table that holds are about, but for these, and that has none, or has
 * them disabled. lock: NoLock, or one to take on all of these tables, whether they have them or
 * not. Returns how many tables had none.
 */
extern int64 hold_put_triggers(LOCKMODE lock, const List *but);

/* Does a table take triggers, that is, has it rows? */
extern bool hold_takes_triggers(Oid relid);

/* Has a table all triggers that it needs? enabled: and do they fire? */
extern bool hold_has_triggers(Oid relid, const HoldTable *table, bool enabled);

#endif /* PGACCOUNT_HOLD_PUT_H */
