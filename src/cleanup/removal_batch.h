/*
 * removal_batch.h
 *		One batch of a removal in many transactions; batches.c runs them one after the other.
 */
#ifndef PGACCOUNT_REMOVAL_BATCH_H
#define PGACCOUNT_REMOVAL_BATCH_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"
#include "pace.h"
#include "removal_request.h"
#include "removal_task.h"
#include "tid_list.h"

/* A batch that meets others is tried so often. */
#define MAX_RETRIES 12

/* Rows that go with one row, in the order in which they were found, itself first. */
typedef struct Frame
{
	MemoryContext context;
	TidList *rows;
	uint64 size;    /* of the list, at first */
	uint64 removed; /* what had been removed by then */
	bool is_root;   /* it is that of the sealed row */
	Oid tab;        /* else where the row was */
	ItemPointerData tid;
	int in_circle;
	TransactionId xmin; /* below, for the list of the sealed row: of the snapshot of its plan */
	List *above;        /* Above, of each table that others follow */
	uint64 nroots;
	int doubts; /* batches that met changed rows there */
	/* when the plan was made: the next transaction number, the removal's own till then, */
	TransactionId next_number;
	uint32 numbers;
	bool was_alone; /* and that nobody else had one, and no trigger runs code */
} Frame;

/* A removal, and how far it is. */
typedef struct Removal
{
	const RemovalRequest *request;
	MemoryContext context; /* outlives transactions */
	RemovalTask *task;
	KeySet *keys;
	Pace *pace;
	List *frames; /* the last is worked on */
	uint64 chunk; /* rows to take from the list */
	uint64 remaining;
	uint64 removed; /* in this call, with keys that were set */
	uint32 numbers; /* transaction numbers that it has taken, and committed */
	bool sealed;
	bool exact;     /* it goes in one batch, which must be what was approved */
	bool hold_keys; /* rows whose key cannot be set null join */
	bool whole;     /* take all that goes with the first row of the last frame, or with the root */
	bool careful;   /* look for what follows before the next batch removes anything */
	bool executing; /* something was changed */
	int unlucky;    /* lists that came to their end and removed nothing */
	TimestampTz started_at;
	TimestampTz progress_at;
	TimestampTz reported_at;
} Removal;

/* What came of an attempt at a batch. */
typedef enum Attempt
{
	ATTEMPT_DONE,     /* rows were removed, or keys set */
	ATTEMPT_NOTHING,  /* there was nothing to do, or it was put off: try again */
	ATTEMPT_FINISHED, /* and the sealed row is gone */
	ATTEMPT_RETRY     /* it was undone */
} Attempt;

/* What a batch has done. */
typedef struct Done
{
	uint64 removed;
	uint64 keys_set;
} Done;

/* The rows that the removal is about, which are there. */
extern RowSet *removal_roots(const Removal *removal);

/* The cleanup of a batch, or of a plan; in the current memory context. */
extern Cleanup *removal_cleanup(const Removal *removal);

/* Make a frame, with an empty list. */
extern Frame *frame_make(Removal *removal);

/* Note what a plan of the sealed row has seen of tables that others follow. */
extern void frame_note_above(const Removal *removal, Frame *frame, const Cleanup *plan,
							 RowSet *roots, Snapshot snapshot);

/* Add a row to a list, which is arg. */
extern void frame_list_row(Oid tab, ItemPointer tid, void *arg);

/* Work on a list from now on. */
extern void frame_push(Removal *removal, Frame *frame);

/* Go back to the row that a list was made for; whole: take all that goes with it. */
extern void frame_pop(Removal *removal, bool whole);

/* Keys that a closed cleanup is to set. */
extern uint64 removal_keys_to_set(const Cleanup *cleanup);

/* To be called before a commit: numbers of transactions are counted. */
extern void removal_count_numbers(Removal *removal);

/* An attempt in a subtransaction, which what it does is undone with if it meets others. */
extern Attempt removal_attempt(Removal *removal, int retries, Done *done);

#endif /* PGACCOUNT_REMOVAL_BATCH_H */
