/*
 * removal_frame.h
 *		A removal in many transactions, how far it is, and the lists of what it still takes.
 */
#ifndef PGACCOUNT_REMOVAL_FRAME_H
#define PGACCOUNT_REMOVAL_FRAME_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"
#include "pace.h"
#include "removal_request.h"
#include "removal_task.h"
#include "seen_rows.h"
#include "tid_list.h"

/* Rows of a table that others follow, as a plan has seen them. */
typedef struct Above
{
	Oid relid; /* of a node */
	SeenRows *rows;
} Above;

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
	SeenFiles *files;   /* where its tables were */
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
	const char *key; /* of removal_key_text() */
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

/* The list that is worked on; NULL: none. */
extern Frame *removal_top_frame(const Removal *removal);

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

/*
 * Has nobody but this removal written anything since the plan of a list, nor had somebody begun to?
 * Then nothing has joined it, nor changed. Who writes takes a transaction number before.
 */
extern bool frame_is_undisturbed(const Removal *removal, const Frame *frame);

/* To be called before a commit: numbers of transactions are counted. */
extern void removal_count_numbers(Removal *removal);

#endif /* PGACCOUNT_REMOVAL_FRAME_H */
