/*
 * ascent.h
 *		Which rows follow the rows that a removal is about: the way up, not down.
 */
#ifndef PGACCOUNT_ASCENT_H
#define PGACCOUNT_ASCENT_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"

typedef struct Ascent Ascent;

/*
 * Look up from rows of the tables of a cleanup, in one snapshot. roots: the rows of its target that
 * the removal is about. In the current memory context.
 */
extern Ascent *ascent_make(Cleanup *cleanup, RowSet *roots, Snapshot snapshot);

/* Ask for rows of a node's table: those of a set of tids that are there. */
extern void ascent_add(Ascent *ascent, FkNode *node, RowSet *rows);

/* Find out which of them follow the roots, or are roots. */
extern void ascent_run(Ascent *ascent);

/* Was this row asked for, and does it follow the roots? */
extern bool ascent_belongs(Ascent *ascent, Oid tab, ItemPointer tid);

#endif /* PGACCOUNT_ASCENT_H */
