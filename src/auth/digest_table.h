/*
 * digest_table.h
 *		Tables of keyed digests, each with a time: account.login_failure, account.known_address.
 */
#ifndef PGACCOUNT_DIGEST_TABLE_H
#define PGACCOUNT_DIGEST_TABLE_H

#include "datatype/timestamp.h"

#define DIGEST_BYTES 32

/* A digest as a parameter or a column's value. */
extern Datum digest_datum(const unsigned char *digest);

/*
 * How many rows of a table have this digest and a time after since: up to limit. On a snapshot of
 * now, what this command has written included.
 */
extern int digest_table_count(const char *table, const unsigned char *digest, TimestampTz since,
							  int limit);

#endif /* PGACCOUNT_DIGEST_TABLE_H */
