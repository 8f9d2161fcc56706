/*
 * hold_ddl.h
 *		Which tables have the triggers that keep rows under a hold.
 */
#ifndef PGACCOUNT_HOLD_DDL_H
#define PGACCOUNT_HOLD_DDL_H

#include "storage/lockdefs.h"

/* Follow what is said of references. Called while the library is loaded. */
extern void hold_ddl_init(void);

/*
 * Put the triggers on every table that holds are about, but for these, and that has none, or has
 * them disabled. lock: NoLock, or one to take on all of these tables, whether they have them or
 * not. Returns how many tables had none.
 */
extern int64 hold_put_triggers(LOCKMODE lock, const struct List *but);

#endif /* PGACCOUNT_HOLD_DDL_H */
