/*
 * delete_rewrite.h
 *		A DELETE of a soft-delete table is planned as an UPDATE.
 */
#ifndef PGACCOUNT_DELETE_REWRITE_H
#define PGACCOUNT_DELETE_REWRITE_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "nodes/parsenodes.h"

/*
 * Make the Query's deletions updates. True: the whole Query was a DELETE and now updates live rows
 * only, so its target needs no hiding.
 */
extern bool delete_rewrite(Query *query);

#endif /* PGACCOUNT_DELETE_REWRITE_H */
