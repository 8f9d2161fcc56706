/*
 * guard.h
 *		No new references to deleted rows.
 */
#ifndef PGACCOUNT_GUARD_H
#define PGACCOUNT_GUARD_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "fkey/fkey.h"
#include "key_list.h"

/*
 * Put a guard on every table that references this one, or a part of it, and has none. The caller
 * owns the table; TRIGGER on the others is checked. Within SPI_connect.
 */
extern void guard_create_triggers(Oid parent);

/*
 * A partition has come to a table that is guarded, or that has guarded references: guard its keys,
 * and those that reference it. What may be guarded was decided when the guard was asked for.
 */
extern void guard_partition(Oid relid);

/* Raise 23503 if rows that these keys of a child reference are deleted, and guarded. */
extern void guard_check(const FkEdge *edge, const KeyList *keys);

/* Take the guards of this table, and of its parts, off. Within SPI_connect. */
extern void guard_drop_triggers(Oid parent);

#endif /* PGACCOUNT_GUARD_H */
