/*
 * stamp.h
 *		When a row was deleted, in the type that its column has.
 *
 * A timestamp holds UTC. So it has the same bits as the timestamptz of that instant, and in C there
 * is nothing to convert; a Datum of one is a Datum of the other.
 */
#ifndef PGACCOUNT_STAMP_H
#define PGACCOUNT_STAMP_H

#include "datatype/timestamp.h"

/* The type of such a column. */
typedef struct StampType
{
	Oid declared; /* maybe a domain */
	int32 declared_typmod;
	Oid base; /* timestamptz or timestamp */
	int32 typmod;
} StampType;

/* The type behind a column's. False: it can hold no stamp. */
extern bool stamp_resolve(StampType *stamp, Oid type, int32 typmod);

/* An instant in the precision of the column. */
extern Datum stamp_of(const StampType *stamp, TimestampTz instant);

/* SQL: the time of the transaction, as such a column has it but for its precision. */
extern const char *sql_stamp_now(const StampType *stamp);

/* SQL: the value of a column of another type as this one has it, precision and all. */
extern char *sql_stamp_from(const StampType *stamp, const char *value, const StampType *other);

/* SQL: an instant, timestamptz, of a column that may also be an application's own date. */
extern char *sql_instant(const char *column, Oid type);

/* SQL: the time of the transaction for such a column. */
extern const char *sql_now(Oid type);

#endif /* PGACCOUNT_STAMP_H */
