/*
 * conflict.h
 *		A new row whose unique key a deleted row holds.
 */
#ifndef PGACCOUNT_CONFLICT_H
#define PGACCOUNT_CONFLICT_H

#include "executor/execdesc.h"
#include "nodes/parsenodes.h"

#ifdef IN_softdelete
/*
 * An INSERT with ON CONFLICT: its columns mean the index over live rows, too; and where deleted
 * rows are hidden, one that holds the key is refused.
 */
extern void conflict_rewrite(Query *query, bool hide);
#endif

/* Called after ExecutorStart: watch the rows that ON CONFLICT DO NOTHING leaves out. */
extern void conflict_executor_start(QueryDesc *desc);

/* Does a statement write soft-delete tables, so that a key may be a deleted row's? */
extern bool conflict_concerns(QueryDesc *desc);

/*
 * Raise an error of such a statement again; that a key is taken, with the hint that it may be so by
 * a deleted row. context: the caller's memory context.
 */
extern void conflict_rethrow(MemoryContext context, QueryDesc *desc);

#endif /* PGACCOUNT_CONFLICT_H */
