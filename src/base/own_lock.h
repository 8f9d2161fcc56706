/*
 * own_lock.h
 *		Advisory locks of the extension, which SQL cannot take.
 */
#ifndef PGACCOUNT_OWN_LOCK_H
#define PGACCOUNT_OWN_LOCK_H

#include "storage/lockdefs.h"

/*
 * What is locked; pg_locks shows it as classid, and the view account.removal asks for that of
 * removals.
 */
typedef enum OwnLock
{
	OWN_LOCK_TENANT = 1,
	OWN_LOCK_NAME,
	OWN_LOCK_REMOVAL,
	OWN_LOCK_REMOVAL_BATCH,
	OWN_LOCK_NAMES
} OwnLock;

/* Take a lock to the end of the transaction. */
extern void own_lock(OwnLock class, uint32 number, LOCKMODE mode);

/*
 * Take an exclusive one, if nobody else has it: to the end of the transaction, or of the session.
 */
extern bool own_lock_try(OwnLock class, uint32 number, bool session);

/* Let go of one of the session. */
extern void own_lock_release(OwnLock class, uint32 number);

#endif /* PGACCOUNT_OWN_LOCK_H */
