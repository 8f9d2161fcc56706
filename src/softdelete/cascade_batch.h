/*
 * cascade_batch.h
 *		Rows whose children follow, collected for one statement.
 */
#ifndef PGACCOUNT_CASCADE_BATCH_H
#define PGACCOUNT_CASCADE_BATCH_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "base/base.h"
#include "fkey/fkey.h"
#include "key_list.h"

/* What became of a row. */
typedef enum Change
{
	CHANGE_DELETED,
	CHANGE_RESTORED,
	CHANGE_STAMPED /* it was deleted, and still is, with another stamp */
} Change;

/* A call of account.restore() that is running. */
typedef struct RestoreCall
{
	const Interval *within; /* NULL: children come back that went with their parent, no others */
	bool tell;              /* tell how many children stay deleted */
	uint64 rows;            /* that came back with others */
	List *left;             /* ChildrenLeft */
	List *later;            /* Batch: whose children are counted when all are back */
	MemoryContext context;
} RestoreCall;

/* Rows whose children follow; one kind of change, of one foreign key. */
typedef struct Batch
{
	PendingBatch pending;
	FkEdge *edge;
	Change change;
	RestoreCall *call; /* NULL: rows did not come back by one */
	KeyList rows;    /* of rows that came back, new is the first stamp that comes back with them */
	bool kept;       /* somebody keeps it when it has been run */
	uint64 refusing; /* of cascade_refusals: rows found that reference those looked at */
} Batch;

/* References of rows that came back to rows that were deleted then; over one foreign key. */
typedef struct GuardBatch
{
	PendingBatch pending;
	FkEdge *edge;
	KeyList keys;
} GuardBatch;

extern PendingList cascade_batches;

/*
 * Batches of rows that came back, but have children that did not, for these have another parent
 * that is deleted, and may come back because they do.
 */
extern PendingList cascade_waiting;

/* Does a statement for a batch fire the trigger that is running? */
extern bool cascade_in_batch(void);

/*
 * Look again at a reference of a row that came back, to a guarded row that is deleted, when all
 * that come back are back.
 */
extern void cascade_guard_later(const FkEdge *edge, const Datum *keys);

/* Run a statement for a batch: rows that its triggers see are collected, and follow afterwards. */
extern uint64 cascade_run(KeptStatement *statement, Datum *values, const StatementOptions *options);
extern uint64 cascade_run_once(const char *sql, int nargs, const Oid *types, Datum *values,
							   const StatementOptions *options);

/*
 * Run what deletes rows, or brings them back for a call of account.restore(), by cascade_run() and
 * cascade_return(), as one statement: what follows comes when all of it is done, and references are
 * looked at when that has come. Returns what step does; rows that follow are counted in the call.
 */
typedef uint64 (*CascadeStep)(void *arg);
extern uint64 cascade_together(RestoreCall *call, CascadeStep step, void *arg);

/*
 * Within it: have a row, given by an edge of fk_edge_of_key(), come back as one that follows does,
 * if it has this stamp.
 */
extern void cascade_return(RestoreCall *call, const FkEdge *edge, Datum key, TimestampTz stamp);

#endif /* PGACCOUNT_CASCADE_BATCH_H */
