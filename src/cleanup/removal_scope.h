/*
 * removal_scope.h
 *		Which rows removals in batches are about, and take along.
 */
#ifndef PGACCOUNT_REMOVAL_SCOPE_H
#define PGACCOUNT_REMOVAL_SCOPE_H

#include "base/base.h"
#include "cleanup_closure.h"

/*
 * The tids of the rows of a table with some keys, for which a condition on `c` holds besides, if
 * one is given; in the snapshot that is active. as_owner: whatever the caller may read.
 */
extern RowSet *rows_with_keys(const KeySet *keys, const char *condition, bool as_owner);

/*
 * SQL, a condition on `c`: is a row deleted, and was by then? Of a table without soft delete none
 * is.
 */
extern char *sql_deleted_by(Oid relid, TimestampTz cutoff);

/*
 * Hand an expression, of row `c`, to callback in the first column, for each row that goes from a
 * node's table, and that is there in the snapshot that is active.
 */
extern void cleanup_each_row(Cleanup *cleanup, FkNode *node, const char *expression,
							 RowCallback callback, void *arg);

/* The node of a table in a cleanup; NULL: none of its rows can go. */
extern FkNode *cleanup_node(const Cleanup *cleanup, Oid relid);

/*
 * Is the row of a table with this key, as text, one that an open removal takes along, or is about?
 * Cheap where there is none.
 */
extern bool removal_takes(Oid relid, const char *key);

#endif /* PGACCOUNT_REMOVAL_SCOPE_H */
