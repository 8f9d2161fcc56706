/*
 * hold_state.h
 *		Which tables holds are about, and the keys of rows under one.
 */
#ifndef PGACCOUNT_HOLD_STATE_H
#define PGACCOUNT_HOLD_STATE_H

#include "access/attnum.h"
#include "executor/tuptable.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

/* A table that holds are about: rows of it are under one, or would go with one that is. */
typedef struct HoldTable
{
	Oid relid;       /* partitions are folded into their topmost table */
	List *held;      /* HeldKeys: rows under a hold; see hold_of_row() */
	List *up;        /* FkEdge: over which rows would go with rows of other such tables */
	int64 some;      /* one of the holds, */
	Oid some_target; /* and the table it is on */
} HoldTable;

/* Keep what is read until something changes. Called while the library is loaded. */
extern void hold_state_init(void);

/*
 * The entry of a table or partition, or NULL: no hold is about it. Good until the next catalog
 * lookup that may bring news.
 */
extern const HoldTable *hold_table_of(Oid relid);

/*
 * Is a hold about this table or partition, and in force in this session: not under
 * session_replication_role = replica?
 */
extern bool hold_concerns(Oid relid);

/* All these tables, partitions too, by oid. In the current memory context. */
extern List *hold_relations(void);

/* The hold that a row is under by its own key; 0: none. */
extern int64 hold_of_row(const HoldTable *table, Relation rel, TupleTableSlot *slot);

/* A hold that names a row which is not there; 0: there is none. Within SPI_connect. */
extern int64 hold_without_row(const HoldTable *table);

/* Is there a row with the key that a hold names? Also where that cannot be read. The same. */
extern bool hold_has_row(const HoldTable *table, int64 hold);

/* The columns of table->relid whose values name rows under a hold. */
extern Bitmapset *hold_key_columns(const HoldTable *table);

/* The number of a column, declared in relid, in a partition of it. */
extern AttrNumber hold_column_in(Relation rel, Oid relid, AttrNumber attnum);

#endif /* PGACCOUNT_HOLD_STATE_H */
