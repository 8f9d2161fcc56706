/*
 * hiding.h
 *		Deleted rows are gone for every query.
 */
#ifndef PGACCOUNT_HIDING_H
#define PGACCOUNT_HIDING_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "nodes/parsenodes.h"

#include "mapping.h"

/* Hide the deleted rows of the tables this Query reads itself. target_done: its target is live. */
extern void hide_deleted(Query *query, bool target_done);

/* `deleted_at IS NULL` of a range table entry. */
extern Node *live_condition(const SoftDelete *mapping, Index rtindex);

#endif /* PGACCOUNT_HIDING_H */
