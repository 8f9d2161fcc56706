/*
 * guard.h
 *		No new references to deleted rows.
 */
#ifndef PGACCOUNT_GUARD_H
#define PGACCOUNT_GUARD_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

/* Put a guard on every table that references this one and has none. Within SPI_connect. */
extern void guard_create_triggers(Oid parent);

/* Take the guards of this table off. Within SPI_connect. */
extern void guard_drop_triggers(Oid parent);

#endif /* PGACCOUNT_GUARD_H */
