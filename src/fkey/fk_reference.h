/*
 * fk_reference.h
 *		References that no foreign key declares, as edges.
 */
#ifndef PGACCOUNT_FK_REFERENCE_H
#define PGACCOUNT_FK_REFERENCE_H

#ifndef IN_fkey
#error "private to src/fkey"
#endif

#include "fk_edge.h"
#include "fk_policy.h"

/* Why a reference cannot be. */
typedef enum ReferenceFault
{
	REFERENCE_FITS,
	REFERENCE_NO_TABLE,
	REFERENCE_NO_COLUMN,
	REFERENCE_NO_KEY, /* the parent has no primary key, or one over periods */
	REFERENCE_OTHER_COUNT,
	REFERENCE_NO_EQUALITY
} ReferenceFault;

/*
 * Make the edge of a reference: its columns, in their order, reference those of the parent's
 * primary key. NULL where it cannot be; then *fault says why, and *where at which column, counted
 * from 0.
 */
extern FkEdge *fk_reference_edge(const FkReference *reference, ReferenceFault *fault, int *where);

/* The edges of those references whose child (by_child) or parent is one of relids; NIL: of all. */
extern List *fk_reference_edges(List *relids, bool by_child);

#endif /* PGACCOUNT_FK_REFERENCE_H */
