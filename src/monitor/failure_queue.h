/*
 * failure_queue.h
 *		Failures that wait to be recorded, in shared memory, where no ROLLBACK reaches.
 */
#ifndef PGACCOUNT_FAILURE_QUEUE_H
#define PGACCOUNT_FAILURE_QUEUE_H

#include "failure.h"

/* What became of failures of one database. */
typedef struct FailureQueueState
{
	int64 waiting;  /* one event for those left out is one of them */
	int64 capacity; /* of the whole server; 0: there is no queue */
	int64 dropped;  /* not recorded, and never will be, since the statistics were reset */
	bool attended;  /* there is a launcher */
} FailureQueueState;

extern void failure_queue_init(void);

/* Queue a failure of this database; counted as dropped where there is no room. Never raises. */
extern void failure_queue_push(const Failure *failure);

/*
 * Count a failure that is left out, as its session fails too often; an event will say so. Never
 * raises.
 */
extern void failure_queue_leave_out(void);

/* Ask the background workers to prune this database's events. Never raises. */
extern void failure_queue_request_prune(void);

/* This database's. */
extern void failure_queue_state(FailureQueueState *state);

/* Forget how many failures of this database were dropped. */
extern void failure_queue_forget_drops(void);

/* --- for the background workers --- */

/* What a worker finds to do in its database. */
typedef struct FailureWork
{
	int n;              /* failures copied out, the oldest first */
	int64 dropped_full; /* drops that no event reports yet: there was no room */
	int64 dropped_lost; /* the same: a crash of the server lost them */
	int64 left_out;     /* failures left out, which are to be reported now */
	bool prune;
} FailureWork;

/*
 * Look at this database's oldest failures, at most max, which stay in the queue until they are
 * done.
 */
extern void failure_queue_peek(Failure *failures, int max, FailureWork *work);

/*
 * The transaction that recorded this work has committed: take it out. Never raises, so that nothing
 * comes between the two. unrecordable: so many of the failures were not recorded, they count as
 * dropped.
 */
extern void failure_queue_done(const FailureWork *work, int64 unrecordable);

/* The launcher: be woken by failures, until it exits. */
extern void failure_queue_launch(void);

/*
 * A worker: be woken by failures of this database, until it exits. False: there is another worker.
 */
extern bool failure_queue_attend(void);

/*
 * A database whose work waits, which has no worker and whose time has come: InvalidOid if there is
 * none. It counts as tried; *next is set to when there may be something to do again, 0: when woken.
 */
extern Oid failure_queue_next_database(TimestampTz *next);

/* The database is gone: so is its work. */
extern void failure_queue_forget_database(Oid database);

#endif /* PGACCOUNT_FAILURE_QUEUE_H */
