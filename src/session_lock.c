/*
 * session_lock.c
 *		Advisory locks of the extension, to the end of the transaction.
 *
 * They live in the advisory lock space of pg_advisory_xact_lock(integer, integer), under class numbers
 * that an application is unlikely to use; a collision costs a wait, never a wrong answer.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "session_lock.h"

/* The first key: "pgac" and a number, as an integer. */
#define CLASS_TENANT 0x70676101
#define CLASS_NAME   0x70676102

/* Take the lock of a text in a class. */
static void
lock_text(uint32 class, const char *text, LOCKMODE mode)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, class,
						 hash_bytes((const unsigned char *) text, (int) strlen(text)), 2);
	(void) LockAcquire(&tag, mode, false, false);
}

/* Lock a tenant. */
void
session_lock_tenant(const char *tenant_id, bool exclusive)
{
	lock_text(CLASS_TENANT, tenant_id, exclusive ? ExclusiveLock : ShareLock);
}

/* Lock a name that is about to be taken. */
void
session_lock_name(const char *name)
{
	lock_text(CLASS_NAME, name, ExclusiveLock);
}
