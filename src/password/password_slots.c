/*
 * password_slots.c
 *		What backends share about argon2 and scrypt: how many may run at once, and how long one
 *		takes.
 *
 * One argon2 takes pgaccount.password_memory (or what the stored hash asks for): a burst of logins
 * would take it as many times as there are connections. A counter in shared memory, under a
 * spinlock, lets pgaccount.password_concurrency of them run; the others sleep on a condition
 * variable, where they can be cancelled. Callers who may not log users in share half of the slots,
 * so that the other half is always there for logins.
 *
 * A slot is held only around a call into libsodium, which neither raises nor checks for interrupts,
 * so no error can leave it behind; an exit of the process gives it back all the same, and a crash
 * makes shared memory anew. No lock is taken while a slot is held, so slots cannot deadlock.
 *
 * How long a hash takes is shared too: logins of cheap hashes are padded to it, and where each
 * login has a session of its own, a backend alone would never see it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "base/base.h"
#include "password_slots.h"

/* How long hashes of this cost take. */
typedef struct PasswordPace
{
	int memory;
	int ops;
	double seconds; /* a running mean; 0: not known */
} PasswordPace;

typedef struct PasswordSlots
{
	slock_t mutex;
	int in_use;         /* protected by mutex */
	int in_use_limited; /* those of limited callers among them; protected by mutex */
	PasswordPace pace;  /* protected by mutex */
	ConditionVariable released;
} PasswordSlots;

/* NULL: not preloaded, no limit. */
static PasswordSlots *slots = NULL;

/* The pace where nothing is shared. */
static PasswordPace own_pace = {0};

static bool holding = false;
static bool holding_limited = false;
static bool exit_registered = false;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/* Reserve the shared memory. */
static void
slots_shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(PasswordSlots)));
}

/* Make the shared memory, or find it. */
static void
slots_shmem_startup(void)
{
	bool found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	slots = ShmemInitStruct("pgaccount password slots", sizeof(PasswordSlots), &found);
	if (!found)
	{
		SpinLockInit(&slots->mutex);
		slots->in_use = 0;
		slots->in_use_limited = 0;
		memset(&slots->pace, 0, sizeof(slots->pace));
		ConditionVariableInit(&slots->released);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Ask for shared memory, if the server is preloading its libraries. */
void
password_slots_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = slots_shmem_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = slots_shmem_startup;
}

/* Give the slot back when the process ends while it holds one. */
static void
slots_exit(int code, Datum arg)
{
	if (holding)
		password_slot_release();
}

/* Take a slot, waiting for one where need be; see the header. */
void
password_slot_acquire(bool limited)
{
	int share = Max(pgaccount_password_concurrency / 2, 1);

	Assert(!holding);
	CHECK_FOR_INTERRUPTS(); /* none is looked at while hashing */
	if (slots == NULL)
		return;
	holding_limited = limited;
	if (!exit_registered)
	{
		before_shmem_exit(slots_exit, (Datum) 0);
		exit_registered = true;
	}
	for (;;)
	{
		SpinLockAcquire(&slots->mutex);
		holding = slots->in_use < pgaccount_password_concurrency &&
				  (!limited || slots->in_use_limited < share);
		if (holding)
		{
			slots->in_use++;
			slots->in_use_limited += limited;
		}
		SpinLockRelease(&slots->mutex);
		if (holding)
			break;
		ConditionVariableSleep(&slots->released, compat_wait_event_new("PgaccountPassword"));
	}
	ConditionVariableCancelSleep();
}

/*
 * Give the slot back. All who wait are woken: a signal to one that is just being cancelled is lost.
 */
void
password_slot_release(void)
{
	if (!holding)
		return;
	SpinLockAcquire(&slots->mutex);
	slots->in_use--;
	slots->in_use_limited -= holding_limited;
	SpinLockRelease(&slots->mutex);
	holding = false;
	ConditionVariableBroadcast(&slots->released);
}

/* The pace at the current cost, 0 if not known. */
static double
pace_seconds(const PasswordPace *pace)
{
	if (pace->memory != pgaccount_password_memory || pace->ops != pgaccount_password_ops)
		return 0;
	return pace->seconds;
}

/* CPU seconds that a hash of the current cost takes; see the header. */
double
password_pace(void)
{
	double seconds;

	if (slots == NULL)
		return pace_seconds(&own_pace);
	SpinLockAcquire(&slots->mutex);
	seconds = pace_seconds(&slots->pace);
	SpinLockRelease(&slots->mutex);
	return seconds;
}

/*
 * A hash of the current cost took so many CPU seconds. One slow hash moves the mean by an eighth.
 */
void
password_pace_learn(double seconds)
{
	PasswordPace *pace = slots ? &slots->pace : &own_pace;
	double before;

	if (slots)
		SpinLockAcquire(&slots->mutex);
	before = pace_seconds(pace);
	pace->memory = pgaccount_password_memory;
	pace->ops = pgaccount_password_ops;
	pace->seconds = before > 0 ? before + (seconds - before) / 8 : seconds;
	if (slots)
		SpinLockRelease(&slots->mutex);
}
