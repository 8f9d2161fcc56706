/*
 * cascade.h
 *		What follows from the deletion of a row, or from its return.
 */
#ifndef PGACCOUNT_CASCADE_H
#define PGACCOUNT_CASCADE_H

#include "nodes/pg_list.h"

extern void cascade_init(void);

/* The keys by which rows of soft-delete tables follow this one's. In the current memory context. */
extern List *cascade_edges(Oid relid);

/* The same, and those of tables whose triggers do not fire at present. */
extern List *cascade_declared_edges(Oid relid);

/* Rows that followed others since the last call. */
extern uint64 cascade_take_count(void);

#endif /* PGACCOUNT_CASCADE_H */
