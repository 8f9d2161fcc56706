/*
 * comeback.h
 *		Rows that come back together: with others, and because of one another.
 */
#ifndef PGACCOUNT_COMEBACK_H
#define PGACCOUNT_COMEBACK_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "nodes/pg_list.h"
#include "storage/itemptr.h"

#include "cascade_batch.h"

struct ComebackTable;

/* A deleted row. */
typedef struct ComebackRow
{
	Oid tab; /* hash key, with tid */
	ItemPointerData tid;
	struct ComebackTable *table;
	TimestampTz stamp;
	bool root;           /* it comes back whatever it follows */
	bool blocked;        /* it stays deleted, for a row that it follows does */
	bool takes_over;     /* that row is none of these: its stamp is taken over */
	TimestampTz blocker; /* which is this */
	List *dependents;    /* ComebackRow: which follow this one */
} ComebackRow;

/* Those of one table or partition. */
typedef struct ComebackTable
{
	Oid relid;
	int n;
	int room;
	int done; /* so many of them have been asked for their children */
	ComebackRow **rows;
} ComebackTable;

typedef struct Comeback
{
	HTAB *rows;
	List *tables; /* ComebackTable */
	const Interval *within;
	bool lock; /* rows are locked as they are found */
	StatementOptions options;
	MemoryContext context;
} Comeback;

/* An empty set, in the current memory context. Within SPI_connect until comeback_end(). */
extern Comeback *comeback_begin(const Interval *within, bool lock);
extern void comeback_end(Comeback *comeback);

/*
 * Add the rows that a statement has found, as tableoid, ctid and stamp, and free these. root: they
 * come back whatever they follow.
 */
extern void comeback_add_found(Comeback *comeback, bool root);

/* Add the children that would come back with rows of a batch. */
extern void comeback_add_children(Comeback *comeback, const Batch *batch);

/* Add what follows, and find which of all stay deleted. */
extern void comeback_close(Comeback *comeback);

/* Bring them back. Returns how many rows. */
extern uint64 comeback_run(Comeback *comeback);

#endif /* PGACCOUNT_COMEBACK_H */
