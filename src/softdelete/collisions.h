/*
 * collisions.h
 *		Which keys of rows that would come back are taken meanwhile.
 */
#ifndef PGACCOUNT_COLLISIONS_H
#define PGACCOUNT_COLLISIONS_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "comeback.h"

/*
 * The unique indexes of a table in which a row that comes back may meet another: they hold only
 * some rows, or their keys are of columns that a restore changes.
 */
extern List *colliding_indexes(Oid relid);

/* What helps where keys of rows that come back are taken. */
#define HINT_TAKEN_KEYS "Change or delete the rows that took the keys, or restore fewer rows."

/*
 * Raise 23505 if keys of rows that come back are taken; DETAIL shows them where the role caller may
 * read them. Within SPI_connect.
 */
extern void refuse_taken_keys(const Comeback *comeback, Oid caller);

#endif /* PGACCOUNT_COLLISIONS_H */
