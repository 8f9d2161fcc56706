/*
 * own_lock.c
 *		Advisory locks of the extension, which SQL cannot take.
 *
 * pg_advisory_lock() and its kin make tags whose fourth field is 1 or 2 (lockfuncs.c), ours has a
 * number of its own, apart from those of Citus too (4 to 15). pg_locks shows the field as objsubid,
 * what is locked as classid, and the number as objid. pg_advisory_unlock_all() lets go of those of
 * the session, so who counts on one takes it again in each transaction.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"

#include "compat.h"
#include "own_lock.h"

/* The fourth field of our tags: "ac" in ASCII, so 24931. */
#define ADVISORY_LOCKS_OF_ACCOUNT 0x6163

/* The tag of a lock. */
static LOCKTAG
tag_of(OwnLock class, uint32 number)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, class, number, ADVISORY_LOCKS_OF_ACCOUNT);
	return tag;
}

/* Take a lock. */
void
own_lock(OwnLock class, uint32 number, LOCKMODE mode)
{
	LOCKTAG tag = tag_of(class, number);

	(void) LockAcquire(&tag, mode, false, false);
}

/* Take a lock, if nobody else has it. */
bool
own_lock_try(OwnLock class, uint32 number, bool session)
{
	LOCKTAG tag = tag_of(class, number);

	return LockAcquire(&tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Let go of a lock of the session; of one that is not held any more, too. */
void
own_lock_release(OwnLock class, uint32 number)
{
	LOCKTAG tag = tag_of(class, number);

	if (compat_lock_held(&tag, ExclusiveLock))
		(void) LockRelease(&tag, ExclusiveLock, true);
}
