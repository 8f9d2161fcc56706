/*
 * keys_write.h
 *		Keys of rows that stay, set null or default.
 */
#ifndef PGACCOUNT_KEYS_WRITE_H
#define PGACCOUNT_KEYS_WRITE_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"

/*
 * Set the keys of some rows over an edge, where the caller may; returns of how many. Raises 23503
 * where a default leads to rows that go, too.
 */
extern uint64 keys_write(Cleanup *cleanup, FkEdge *edge, RowSet *set);

#endif /* PGACCOUNT_KEYS_WRITE_H */
