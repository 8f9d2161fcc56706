/*
 * session_lock.c
 *		Advisory locks of the extension, to the end of the transaction.
 *
 * SQL cannot take them: pg_advisory_lock() and its kin make tags whose fourth field is 1 or 2
 * (lockfuncs.c), ours has a number of its own, apart from those of Citus too (4 to 15). pg_locks
 * shows the field as objsubid, what is locked as classid, and a hash of the text as objid. Texts
 * that share a hash cost a wait, never a wrong answer.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "session_lock.h"

/* The fourth field of our tags: "ac" in ASCII, so 24931. */
#define ADVISORY_LOCKS_OF_ACCOUNT 0x6163

/* What is locked. */
typedef enum LockClass
{
	LOCK_TENANT = 1,
	LOCK_NAME
} LockClass;

/* Take the lock of a text in a class. */
static void
lock_text(LockClass class, const char *text, LOCKMODE mode)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, class,
						 hash_bytes((const unsigned char *) text, (int) strlen(text)),
						 ADVISORY_LOCKS_OF_ACCOUNT);
	(void) LockAcquire(&tag, mode, false, false);
}

/* Lock a tenant. */
void
session_lock_tenant(const char *tenant_id, bool exclusive)
{
	lock_text(LOCK_TENANT, tenant_id, exclusive ? ExclusiveLock : ShareLock);
}

/* Lock a name that is about to be taken. */
void
session_lock_name(const char *name)
{
	lock_text(LOCK_NAME, name, ExclusiveLock);
}
