/*
 * sealed_rows.h
 *		Rows that removals in batches are about keep their keys, and no others have these.
 */
#ifndef PGACCOUNT_SEALED_ROWS_H
#define PGACCOUNT_SEALED_ROWS_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "access/htup.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

/* Did an UPDATE change one of these columns? to_null: also where it has become NULL. */
extern bool columns_changed(Relation rel, HeapTuple old, HeapTuple new, const Bitmapset *columns,
							bool to_null);

/*
 * The rows of a table, or a partition, that open removals from these tables are about. In the
 * current memory context. Within SPI_connect.
 */
extern List *sealed_rows_read(Relation rel, const List *targets);

/*
 * Raise 23503 for a new version of one of these rows that would have another key, and for any other
 * row that would have its key. old: NULL for a row that is inserted.
 */
extern void sealed_rows_refuse(Relation rel, const List *all, HeapTuple old, HeapTuple new);

#endif /* PGACCOUNT_SEALED_ROWS_H */
