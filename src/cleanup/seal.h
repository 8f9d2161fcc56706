/*
 * seal.h
 *		The row that a removal in batches is about: nothing new may reference it.
 */
#ifndef PGACCOUNT_SEAL_H
#define PGACCOUNT_SEAL_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "base/base.h"

/*
 * Delete live rows with these keys softly, alone: nothing follows. Where their table has no soft
 * delete nothing is done.
 */
extern void seal_stamp(const KeySet *keys);

/*
 * The tables that reference a table, and lack the trigger that refuses references to rows that are
 * being removed; and those that have it and no such reference any more. In the current memory
 * context.
 */
extern List *seal_tables_without(Oid target);
extern List *seal_tables_left(void);

/*
 * Put the trigger on a table, or take it off; false: the table could not be locked in a moment, in
 * which others have to wait, too. patient: wait as long as it takes. Within SPI_connect.
 */
extern bool seal_put_on(Oid relid);
extern bool seal_take_off(Oid relid, bool patient);

#endif /* PGACCOUNT_SEAL_H */
