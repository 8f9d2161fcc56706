/*
 * purge.h
 *		Removes deleted rows for good once their time is over.
 */
#ifndef PGACCOUNT_PURGE_H
#define PGACCOUNT_PURGE_H

#include "access/attnum.h"
#include "datatype/timestamp.h"
#include "fmgr.h"

/*
 * Remove the rows of a table, which the caller has locked, whose deleted_at is not after cutoff,
 * oldest first, at most so many, with what follows them; returns how many of the table's. Rows that
 * others hold are kept, unless force, and reported in a NOTICE. as_owners: with the rights of the
 * tables' owners, not the caller's.
 */
extern uint64 purge_rows(Oid target, AttrNumber deleted_at, TimestampTz cutoff, uint64 wanted,
						 bool force, bool as_owners);

/*
 * Where account.set_purge says that a table's rows are erased: do so, of those whose deleted_at is
 * not after cutoff and that were not, each in a transaction of its own, and commit. False: it does
 * not say so. In a procedure that may commit, within SPI_connect_ext() with SPI_OPT_NONATOMIC.
 */
extern bool purge_erased(Oid target, TimestampTz cutoff, uint64 *erased);

/* Rows deleted until then are purged after the grace period. */
extern TimestampTz purge_cutoff(void);

/* Argument n, a number of rows at most; NULL: all. */
extern uint64 max_rows_argument(FunctionCallInfo fcinfo, int n);

#endif /* PGACCOUNT_PURGE_H */
