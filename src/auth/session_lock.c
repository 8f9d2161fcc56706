/*
 * session_lock.c
 *		Advisory locks of the extension, to the end of the transaction.
 *
 * Texts that share a hash cost a wait, never a wrong answer.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "base/base.h"
#include "session_lock.h"

/* Take the lock of a text in a class. */
static void
lock_text(OwnLock class, const char *text, LOCKMODE mode)
{
	own_lock(class, hash_bytes((const unsigned char *) text, (int) strlen(text)), mode);
}

/* Lock a tenant. */
void
session_lock_tenant(const char *tenant_id, bool exclusive)
{
	lock_text(OWN_LOCK_TENANT, tenant_id, exclusive ? ExclusiveLock : ShareLock);
}

/* Lock a name that is about to be taken. */
void
session_lock_name(const char *name)
{
	lock_text(OWN_LOCK_NAME, name, ExclusiveLock);
}

/* Lock all names. */
void
session_lock_names(bool exclusive)
{
	own_lock(OWN_LOCK_NAMES, 0, exclusive ? ExclusiveLock : ShareLock);
}
