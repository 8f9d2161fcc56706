/*
 * overdue.h
 *		Rows that were deleted long enough ago, and tids that outlive transactions.
 */
#ifndef PGACCOUNT_OVERDUE_H
#define PGACCOUNT_OVERDUE_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "access/attnum.h"
#include "datatype/timestamp.h"
#include "storage/itemptr.h"

/* Where rows are stored, or were. */
typedef struct RowTid
{
	Oid tab;
	ItemPointerData tid;
} RowTid;

typedef struct RowTids
{
	RowTid *rows;
	uint64 n;
	uint64 allocated;
} RowTids;

/* Rows of a table that were deleted long enough ago, and how far they have been looked for. */
typedef struct OverdueRows
{
	Oid target;
	AttrNumber deleted_at;
	TimestampTz cutoff;
	MemoryContext context; /* outlives transactions */
	RowTids tids;          /* the last ones found, */
	bool any;              /* if any were: */
	TimestampTz last;      /* the stamp of the very last */
} OverdueRows;

/* Append a row, in this context. Let go of rows. */
extern void row_tids_append(RowTids *tids, MemoryContext context, Oid tab, ItemPointer tid);
extern void row_tids_free(RowTids *tids);

/* Look from the start. */
extern void overdue_begin(OverdueRows *due);

/* Find the next ones, so many at most, oldest first. False: there are no more. */
extern bool overdue_find(OverdueRows *due, uint64 chunk);

/*
 * SQL: when the row c was deleted, as timestamptz or timestamp, which *type says: a timestamp is of
 * UTC, so a Datum of either is one of the other.
 */
extern char *overdue_stamp_sql(const OverdueRows *due, Oid *type);

/*
 * The cutoff in the precision of the column, rounded as its stamps are: who was deleted before it
 * has no later stamp.
 */
extern Datum overdue_cutoff(const OverdueRows *due);

#endif /* PGACCOUNT_OVERDUE_H */
