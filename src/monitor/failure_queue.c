/*
 * failure_queue.c
 *		Failures that wait to be recorded, in shared memory, where no ROLLBACK reaches.
 *
 * A fixed number of slots, a list of free ones, and for each database that has work a list of its
 * failures, all under one lightweight lock. Under it nothing is done but moving one slot, or
 * copying a batch; nothing raises.
 *
 * A full queue is shared: a failure that finds no room takes the slot of the newest one of the
 * database that has most waiting, which counts as dropped there. So of D databases that have work
 * each has room for one in D of the slots, whatever the others do, and one alone has them all.
 * Slots that a worker is recording are not taken away: at most one in 16 a database.
 *
 * Exactly once: a worker copies failures out, records them in a transaction, and takes them out of
 * the queue in the callback of its commit. Between the two only the death of the process can come,
 * and that makes the postmaster throw shared memory away. There is one worker a database.
 *
 * What such a crash loses is counted, and what a clean shutdown finds is kept: failure_file.c.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#include "base/base.h"
#include "failure_file.h"
#include "failure_queue.h"

/* How long after a failed attempt a database's worker is started again: doubled each time. */
#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS  60000

/* A worker records at most one slot in so many at a time. */
#define BATCHES 16

/*
 * Failures that were left out are reported when there were none for so long, and after so long at
 * the latest.
 */
#define LEFT_OUT_PAUSE_MS 2000
#define LEFT_OUT_LAST_MS  60000

#define NO_SLOT           (-1)

typedef struct Slot
{
	int next; /* in its list */
	int prev;
	Failure failure;
} Slot;

/* A database that has, or had, work. */
typedef struct Database
{
	Oid oid; /* InvalidOid: this place is free */
	int head;
	int tail;
	int waiting;
	int taken; /* so many of the first are being recorded by the worker */
	int64 dropped;
	int64 dropped_full; /* of these, those that no event reports yet */
	int64 dropped_lost;
	int64 left_out; /* no event reports them yet */
	TimestampTz left_out_first;
	TimestampTz left_out_last;
	bool prune;
	Latch *worker;       /* NULL: it has none */
	TimestampTz next_at; /* no worker is started before */
	int retry_ms;
} Database;

typedef struct Queue
{
	LWLock *lock; /* protects all */
	int capacity;
	int free;
	int64 waiting;
	Latch *launcher; /* NULL: it is not there */
	Database databases[FAILURE_DATABASES];
	Slot slots[FLEXIBLE_ARRAY_MEMBER];
} Queue;

/* NULL: not preloaded. */
static Queue *queue = NULL;

static bool exit_registered = false;
static bool is_launcher = false;
static bool is_worker = false;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/* Size of the shared memory. */
static Size
queue_size(void)
{
	return add_size(offsetof(Queue, slots), mul_size(pgaccount_event_queue_size, sizeof(Slot)));
}

/* Reserve the shared memory. */
static void
queue_shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(queue_size());
	RequestNamedLWLockTranche("pgaccount failures", 1);
}

/* --- lists; the lock is held --- */

/* Note how many failures of a database are in no slot, and in no event. */
static void
mark_unrecorded(const Database *place)
{
	failure_marker_count(place - queue->databases, place->oid,
						 place->dropped_full + place->dropped_lost + place->left_out);
}

/* Has the database something to do? */
static bool
has_work(const Database *place)
{
	return place->waiting > 0 || place->dropped_full > 0 || place->dropped_lost > 0 ||
		   place->left_out > 0 || place->prune;
}

/* When to report failures that were left out. */
static TimestampTz
time_to_report(const Database *place)
{
	return Min(TimestampTzPlusMilliseconds(place->left_out_last, LEFT_OUT_PAUSE_MS),
			   TimestampTzPlusMilliseconds(place->left_out_first, LEFT_OUT_LAST_MS));
}

/* Since when there is something to do for the database; it has work. */
static TimestampTz
work_begins(const Database *place)
{
	bool only_left_out = place->waiting == 0 && place->dropped_full == 0 &&
						 place->dropped_lost == 0 && !place->prune;

	return only_left_out ? time_to_report(place) : 0;
}

/*
 * The place of a database. NULL: it has none; with make: all are taken by databases that have work.
 * A count of drops that events have reported is given up where there is no other place.
 */
static Database *
place_of(Oid database, bool make)
{
	Database *idle = NULL;

	for (int i = 0; i < FAILURE_DATABASES; i++)
	{
		Database *place = &queue->databases[i];

		if (place->oid == database)
			return place;
		if (place->worker == NULL && !has_work(place) &&
			(idle == NULL || (idle->dropped > 0 && place->dropped == 0)))
			idle = place;
	}
	if (!make || idle == NULL)
		return NULL;
	memset(idle, 0, sizeof(*idle));
	idle->oid = database;
	idle->head = idle->tail = NO_SLOT;
	return idle;
}

/* Free a slot that is in no list any more. */
static void
free_slot(Database *place, int slot)
{
	queue->slots[slot].next = queue->free;
	queue->free = slot;
	place->waiting--;
	queue->waiting--;
	failure_marker_slot(slot, InvalidOid);
}

/* Free the first slots of a database's list. */
static void
remove_first(Database *place, int n)
{
	while (n-- > 0 && place->head != NO_SLOT)
	{
		int slot = place->head;

		place->head = queue->slots[slot].next;
		if (place->head == NO_SLOT)
			place->tail = NO_SLOT;
		else
			queue->slots[place->head].prev = NO_SLOT;
		free_slot(place, slot);
	}
}

/* Count a failure that there was no room for. */
static void
count_drop(Database *place)
{
	place->dropped++;
	place->dropped_full++;
	mark_unrecorded(place);
}

/* Drop the last failure of a database. No worker is recording it. */
static void
drop_last(Database *place)
{
	int slot = place->tail;

	count_drop(place);
	place->tail = queue->slots[slot].prev;
	if (place->tail == NO_SLOT)
		place->head = NO_SLOT;
	else
		queue->slots[place->tail].next = NO_SLOT;
	free_slot(place, slot);
}

/* Make room for a failure of a database, at the cost of the one that has most; see above. */
static void
make_room(const Database *place)
{
	Database *longest = NULL;

	for (int i = 0; i < FAILURE_DATABASES; i++)
	{
		Database *other = &queue->databases[i];

		/* two more at least: else the two would take the slot from each other in turn */
		if (other->waiting > other->taken && other->waiting > place->waiting + 1 &&
			(longest == NULL || other->waiting > longest->waiting))
			longest = other;
	}
	if (longest != NULL)
		drop_last(longest);
}

/*
 * Put a failure at the end of its database's list. False: there is no room, and it counts as
 * dropped.
 */
static bool
append(Database *place, const Failure *failure)
{
	int slot;

	if (queue->free == NO_SLOT)
		make_room(place);
	if (queue->free == NO_SLOT)
	{
		count_drop(place);
		return false;
	}
	slot = queue->free;
	queue->free = queue->slots[slot].next;
	queue->slots[slot].failure = *failure;
	queue->slots[slot].next = NO_SLOT;
	queue->slots[slot].prev = place->tail;
	if (place->tail == NO_SLOT)
		place->head = slot;
	else
		queue->slots[place->tail].next = slot;
	place->tail = slot;
	place->waiting++;
	queue->waiting++;
	failure_marker_slot(slot, place->oid);
	return true;
}

/* Whom to wake for work of this database: its worker, else the launcher. */
static Latch *
who_attends(const Database *place)
{
	return place->worker != NULL ? place->worker : queue->launcher;
}

/* --- start and shutdown of the server --- */

/* Write what waits for a database. */
static void
save_database(FailureFile *file, const Database *place)
{
	SavedDatabase saved = {.oid = place->oid,
						   .dropped = place->dropped,
						   .dropped_full = place->dropped_full,
						   .dropped_lost = place->dropped_lost,
						   .left_out = place->left_out};

	/* an immediate shutdown may have stopped somebody between two steps: the list is what counts */
	for (int slot = place->head; slot != NO_SLOT && saved.waiting < queue->capacity;
		 slot = queue->slots[slot].next)
		saved.waiting++;
	failure_file_put_database(file, &saved);
	for (int slot = place->head; slot != NO_SLOT && saved.waiting-- > 0;
		 slot = queue->slots[slot].next)
		failure_file_put(file, &queue->slots[slot].failure);
}

/* At a clean shutdown of the postmaster, after all others have gone: keep what waits. */
static void
queue_shmem_shutdown(int code, Datum arg)
{
	FailureFile file;
	uint32 databases = 0;

	if (code != 0 || queue == NULL)
		return;
	for (int i = 0; i < FAILURE_DATABASES; i++)
		if (OidIsValid(queue->databases[i].oid))
			databases++;
	failure_file_create(&file, databases);
	for (int i = 0; i < FAILURE_DATABASES; i++)
		if (OidIsValid(queue->databases[i].oid))
			save_database(&file, &queue->databases[i]);
	failure_file_keep(&file);
}

/* Take in what the file of the last clean shutdown holds of a database. */
static void
load_database(FailureFile *file, const SavedDatabase *saved)
{
	Database *place = place_of(saved->oid, true);
	Failure failure;

	if (place == NULL)
	{
		file->good = false;
		return;
	}
	place->dropped += saved->dropped;
	place->dropped_full += saved->dropped_full;
	place->dropped_lost += saved->dropped_lost;
	place->left_out += saved->left_out;
	for (uint32 i = 0; i < saved->waiting && failure_file_get(file, &failure); i++)
		(void) append(place, &failure);
}

/* Take in the failures of the last clean shutdown. */
static void
load_queue(void)
{
	FailureFile file;
	SavedDatabase saved;

	if (!failure_file_open(&file))
		return;
	while (failure_file_get_database(&file, &saved))
		load_database(&file, &saved);
	failure_file_remove(&file);
}

/* Failures of a database were lost in a crash. */
static void
count_lost(Oid database, int64 n)
{
	Database *place = OidIsValid(database) && n > 0 ? place_of(database, true) : NULL;

	if (place != NULL)
	{
		place->dropped += n;
		place->dropped_lost += n;
	}
}

/* Make the shared memory, or find it. */
static void
queue_shmem_startup(void)
{
	bool found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	queue = ShmemInitStruct("pgaccount failures", queue_size(), &found);
	if (!found)
	{
		memset(queue, 0, queue_size());
		queue->lock = &GetNamedLWLockTranche("pgaccount failures")->lock;
		queue->capacity = pgaccount_event_queue_size;
		for (int i = 0; i < queue->capacity; i++)
			queue->slots[i].next = i + 1 < queue->capacity ? i + 1 : NO_SLOT;
	}
	LWLockRelease(AddinShmemInitLock);
	if (!IsUnderPostmaster)
		on_shmem_exit(queue_shmem_shutdown, (Datum) 0);
	if (!found)
	{
		failure_marker_read(count_lost);
		failure_marker_make(queue->capacity);
		load_queue();
		for (int i = 0; i < FAILURE_DATABASES; i++)
			mark_unrecorded(&queue->databases[i]);
	}
}

/* Ask for shared memory, if the server is preloading its libraries. */
void
failure_queue_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = queue_shmem_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = queue_shmem_startup;
}

/* --- for those that fail --- */

/* Queue a failure of this database. */
void
failure_queue_push(const Failure *failure)
{
	Database *place;

	if (queue == NULL || !OidIsValid(MyDatabaseId))
		return;
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	place = place_of(MyDatabaseId, true);
	/* who was woken for the first goes on until there is none; a latch goes away under the lock */
	if (place != NULL && append(place, failure) && place->waiting == 1 &&
		who_attends(place) != NULL)
		SetLatch(who_attends(place));
	LWLockRelease(queue->lock);
}

/* Count a failure that is left out; see the header. */
void
failure_queue_leave_out(void)
{
	TimestampTz now = GetCurrentTimestamp();
	Database *place;

	if (queue == NULL || !OidIsValid(MyDatabaseId))
		return;
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	place = place_of(MyDatabaseId, true);
	if (place != NULL)
	{
		if (place->left_out == 0)
			place->left_out_first = now;
		place->left_out_last = now;
		/* a worker that is there leaves what is not due to the launcher */
		if (++place->left_out == 1 && place->worker == NULL && queue->launcher != NULL)
			SetLatch(queue->launcher);
		mark_unrecorded(place);
	}
	LWLockRelease(queue->lock);
}

/* Ask the background workers to prune this database's events. */
void
failure_queue_request_prune(void)
{
	Database *place;

	if (queue == NULL)
		return;
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	place = place_of(MyDatabaseId, true);
	if (place != NULL && !place->prune)
	{
		place->prune = true;
		if (who_attends(place) != NULL)
			SetLatch(who_attends(place));
	}
	LWLockRelease(queue->lock);
}

/* What became of this database's failures. */
void
failure_queue_state(FailureQueueState *state)
{
	Database *place;

	memset(state, 0, sizeof(*state));
	if (queue == NULL)
		return;
	LWLockAcquire(queue->lock, LW_SHARED);
	place = place_of(MyDatabaseId, false);
	if (place != NULL)
	{
		state->waiting = place->waiting + (place->left_out > 0 ? 1 : 0);
		state->dropped = place->dropped;
	}
	state->capacity = queue->capacity;
	state->attended = queue->launcher != NULL;
	LWLockRelease(queue->lock);
}

/* Forget how many failures of this database were dropped; events still report all of them. */
void
failure_queue_forget_drops(void)
{
	Database *place;

	if (queue == NULL)
		return;
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	place = place_of(MyDatabaseId, false);
	if (place != NULL)
		place->dropped = 0;
	LWLockRelease(queue->lock);
}

/* --- for the background workers --- */

/* Look at this database's oldest failures. */
void
failure_queue_peek(Failure *failures, int max, FailureWork *work)
{
	TimestampTz now = GetCurrentTimestamp();
	Database *place;

	memset(work, 0, sizeof(*work));
	max = Min(max, queue->capacity / BATCHES);
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	place = place_of(MyDatabaseId, false);
	if (place != NULL)
	{
		for (int slot = place->head; slot != NO_SLOT && work->n < max;
			 slot = queue->slots[slot].next)
			failures[work->n++] = queue->slots[slot].failure;
		place->taken = work->n;
		work->dropped_full = place->dropped_full;
		work->dropped_lost = place->dropped_lost;
		if (place->left_out > 0 && time_to_report(place) <= now)
			work->left_out = place->left_out;
		work->prune = place->prune;
	}
	LWLockRelease(queue->lock);
}

/* The work is done: take it out. */
void
failure_queue_done(const FailureWork *work, int64 unrecordable)
{
	Database *place;

	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	place = place_of(MyDatabaseId, false);
	if (place != NULL)
	{
		remove_first(place, work->n);
		place->taken = 0;
		place->dropped_full -= work->dropped_full;
		place->dropped_lost -= work->dropped_lost;
		place->left_out -= work->left_out;
		if (work->left_out > 0)
			place->left_out_first = place->left_out_last; /* of those that came meanwhile */
		mark_unrecorded(place);
		place->dropped += unrecordable;
		if (work->prune)
			place->prune = false;
		place->retry_ms = 0;
		place->next_at = 0;
	}
	LWLockRelease(queue->lock);
}

/* This process ends: its latch must not be set any more. */
static void
attendant_exits(int code, Datum arg)
{
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	if (is_launcher && queue->launcher == MyLatch)
		queue->launcher = NULL;
	if (is_worker)
	{
		Database *place = place_of(MyDatabaseId, false);

		if (place != NULL && place->worker == MyLatch)
		{
			place->worker = NULL;
			place->taken = 0;
			if (has_work(place) && queue->launcher != NULL)
				SetLatch(queue->launcher);
		}
	}
	LWLockRelease(queue->lock);
}

/* See to the end of this process. */
static void
register_exit(void)
{
	if (!exit_registered)
		before_shmem_exit(attendant_exits, (Datum) 0);
	exit_registered = true;
}

/* The launcher: be woken by failures. */
void
failure_queue_launch(void)
{
	register_exit();
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	queue->launcher = MyLatch;
	is_launcher = true;
	LWLockRelease(queue->lock);
}

/* A worker: be woken by failures of this database. */
bool
failure_queue_attend(void)
{
	Database *place;

	register_exit();
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	place = place_of(MyDatabaseId, true);
	if (place != NULL && place->worker == NULL)
	{
		place->worker = MyLatch;
		is_worker = true;
	}
	LWLockRelease(queue->lock);
	return is_worker;
}

/* A database whose time has come. */
Oid
failure_queue_next_database(TimestampTz *next)
{
	TimestampTz now = GetCurrentTimestamp();
	Oid found = InvalidOid;

	*next = 0;
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	for (int i = 0; i < FAILURE_DATABASES; i++)
	{
		Database *place = &queue->databases[i];
		TimestampTz at;

		if (!OidIsValid(place->oid) || place->worker != NULL || !has_work(place))
			continue;
		at = Max(place->next_at, work_begins(place));
		if (at <= now && !OidIsValid(found))
		{
			/* if its worker comes to nothing, it is tried again later, and then later still */
			place->retry_ms =
				place->retry_ms == 0 ? RETRY_FIRST_MS : Min(place->retry_ms * 2, RETRY_LAST_MS);
			at = place->next_at = TimestampTzPlusMilliseconds(now, place->retry_ms);
			found = place->oid;
		}
		if (*next == 0 || at < *next)
			*next = at;
	}
	LWLockRelease(queue->lock);
	return found;
}

/* The database is gone: so is its work. */
void
failure_queue_forget_database(Oid database)
{
	Database *place;

	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	place = place_of(database, false);
	if (place != NULL)
	{
		remove_first(place, place->waiting);
		memset(place, 0, sizeof(*place));
		mark_unrecorded(place);
	}
	LWLockRelease(queue->lock);
}
