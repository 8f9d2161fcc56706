/*
 * erase_table.h
 *		The rows of one table, erased in place.
 */
#ifndef PGACCOUNT_ERASE_TABLE_H
#define PGACCOUNT_ERASE_TABLE_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"

#define ERASURE_SECRET_BYTES 32

/* The secret of hashes, made when it is first asked for. Within SPI_connect. */
extern void erase_read_secret(unsigned char *secret);

/*
 * Lock the rows of a set as they were found. False: others have changed or removed some since.
 * Within SPI_connect.
 */
extern bool erase_lock_rows(Oid relid, RowSet *set);

/*
 * Erase these columns (ErasureColumn) of the rows of a set, which are set number 0 of
 * account.row_in_set() meanwhile, and remember them as erased; returns how many. Within
 * SPI_connect.
 */
extern uint64 erase_table(Oid relid, List *columns, RowSet *set, const unsigned char *secret);

/*
 * SQL: the primary key of the row c as one text, which account.erased_row has; NULL without one.
 */
extern char *erase_key_sql(Oid relid);

/* An array of n values, of which some may be NULL (nulls; NULL: none is). */
extern Datum erase_array(Datum *values, bool *nulls, uint64 n, Oid type);

#endif /* PGACCOUNT_ERASE_TABLE_H */
