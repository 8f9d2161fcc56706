/*
 * other_parents.h
 *		Rows that a row follows besides the one that comes back.
 */
#ifndef PGACCOUNT_OTHER_PARENTS_H
#define PGACCOUNT_OTHER_PARENTS_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "nodes/pg_list.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "cascade_batch.h"

/*
 * The other edges by which rows that follow over this one follow rows of soft-delete tables; of
 * partitions of the child's table besides. In the current memory context.
 */
extern List *other_parents(const FkEdge *edge);

/* Which children of the rows of a batch to read. */
typedef enum OtherKeys
{
	OTHER_KEYS_OF_RETURNING, /* those that would come back; they are locked */
	OTHER_KEYS_OF_DELETED    /* all that are deleted */
} OtherKeys;

/*
 * The parents that children of the rows of a batch have over another edge, and that are deleted:
 * their keys, with their stamps as old. The others are locked: they stay live until the transaction
 * ends. Within SPI_connect.
 */
extern KeyList *deleted_parents(const Batch *batch, const FkEdge *other, OtherKeys which,
								const StatementOptions *options);

/* SQL: would `c`, a row of the child's table, come back with the row `k` of a batch? */
extern char *sql_returns(const Batch *batch);

/*
 * SQL: does `c` reference no row of the list, which is given from parameter `first` on? same_stamp:
 * none that it has the stamp of.
 */
extern char *sql_not_of_parents(const Batch *batch, const FkEdge *other, const KeyList *parents,
								int first, bool same_stamp);

/* SQL: is `c` a row that the other edge, which may be that of a partition, says something of? */
extern char *sql_of_edge(const Batch *batch, const FkEdge *other);

/* May the parent over an edge come back because the child does? */
extern bool edge_is_cyclic(const FkEdge *edge);

#endif /* PGACCOUNT_OTHER_PARENTS_H */
