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
 * Raise 23505 if keys of rows that come back are taken; DETAIL shows them where the role caller may
 * read them. Within SPI_connect.
 */
extern void refuse_taken_keys(const Comeback *comeback, Oid caller);

#endif /* PGACCOUNT_COLLISIONS_H */
