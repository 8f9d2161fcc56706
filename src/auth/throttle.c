/*
 * throttle.c
 *		Failed logins, counted in shared memory, where no ROLLBACK reaches.
 *
 * A fixed table of counters, 8 ways associative: a key has its place among 8, and takes the one
 * that was touched longest ago when it needs one. So memory stays what it is, and a flood of keys
 * costs others their counters at worst; the table account.login_failure then still has what
 * committed. Counters are of a window that begins with a first failure, so they never count more
 * than failed in any window.
 *
 * One lightweight lock guards all; nothing is done under it but a look at 8 entries.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "throttle.h"

#define WAYS    8
#define BUCKETS 1024

typedef struct Counter
{
	Oid database; /* InvalidOid: free */
	int failures;
	TimestampTz first;
	TimestampTz last;
	unsigned char key[THROTTLE_KEY_BYTES];
} Counter;

typedef struct Throttle
{
	LWLock *lock;
	Counter counters[BUCKETS][WAYS];
} Throttle;

/* NULL: not preloaded. */
static Throttle *throttle = NULL;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/* Reserve the shared memory. */
static void
throttle_shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Throttle)));
	RequestNamedLWLockTranche("pgaccount throttle", 1);
}

/* Make the shared memory, or find it. */
static void
throttle_shmem_startup(void)
{
	bool found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	throttle = ShmemInitStruct("pgaccount throttle", sizeof(Throttle), &found);
	if (!found)
	{
		memset(throttle, 0, sizeof(Throttle));
		throttle->lock = &GetNamedLWLockTranche("pgaccount throttle")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Ask for shared memory, if the server is preloading its libraries. */
void
throttle_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = throttle_shmem_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = throttle_shmem_startup;
}

/*
 * The counter of a key, whose window has not passed. NULL: there is none; with make, one is taken.
 */
static Counter *
find(const unsigned char *key, TimestampTz now, bool make)
{
	uint32 bucket;
	Counter *oldest = NULL;

	memcpy(&bucket, key, sizeof(bucket));
	for (int i = 0; i < WAYS; i++)
	{
		Counter *counter = &throttle->counters[bucket % BUCKETS][i];

		if (counter->database != InvalidOid &&
			now - counter->first >= (int64) pgaccount_login_window * USECS_PER_SEC)
			counter->database = InvalidOid;
		if (counter->database == MyDatabaseId && memcmp(counter->key, key, THROTTLE_KEY_BYTES) == 0)
			return counter;
		if (oldest == NULL || (oldest->database != InvalidOid &&
							   (counter->database == InvalidOid || counter->last < oldest->last)))
			oldest = counter;
	}
	if (!make)
		return NULL;
	oldest->database = MyDatabaseId;
	oldest->failures = 0;
	oldest->first = now;
	memcpy(oldest->key, key, THROTTLE_KEY_BYTES);
	return oldest;
}

/*
 * Count an attempt that is beginning. False: there were too many, which always says does not
 * matter.
 */
static bool
count_attempt(const unsigned char *key, bool always)
{
	TimestampTz now = GetCurrentTimestamp();
	Counter *counter;
	bool allowed;

	if (throttle == NULL || pgaccount_login_max_failures == 0 || pgaccount_login_window == 0)
		return true;
	LWLockAcquire(throttle->lock, LW_EXCLUSIVE);
	counter = find(key, now, true);
	allowed = always || counter->failures < pgaccount_login_max_failures;
	if (allowed)
	{
		counter->failures++;
		counter->last = now;
	}
	LWLockRelease(throttle->lock);
	return allowed;
}

/* Count an attempt that is beginning; see the header. */
bool
throttle_begin(const unsigned char *key)
{
	return count_attempt(key, false);
}

/* Count an attempt that is beginning, however many have failed. */
void
throttle_add(const unsigned char *key)
{
	(void) count_attempt(key, true);
}

/* Change a counter, if there is one. */
static void
change(const unsigned char *key, bool reset)
{
	Counter *counter;

	if (throttle == NULL)
		return;
	LWLockAcquire(throttle->lock, LW_EXCLUSIVE);
	counter = find(key, GetCurrentTimestamp(), false);
	if (counter != NULL && (reset || --counter->failures <= 0))
		counter->database = InvalidOid;
	LWLockRelease(throttle->lock);
}

/* The attempt was no failure. */
void
throttle_take_back(const unsigned char *key)
{
	change(key, false);
}

/* Forget the failures of a key. */
void
throttle_reset(const unsigned char *key)
{
	change(key, true);
}
