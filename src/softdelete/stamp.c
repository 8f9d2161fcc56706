/*
 * stamp.c
 *		When a row was deleted, in the type that its column has.
 *
 * deleted_at is a timestamptz or a timestamp, of any precision, or a domain over one. A timestamp
 * holds UTC, whatever the session's TimeZone is; every conversion in SQL says so.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "stamp.h"

/* The type behind a column's. */
bool
stamp_resolve(StampType *stamp, Oid type, int32 typmod)
{
	stamp->declared = type;
	stamp->declared_typmod = typmod;
	stamp->typmod = typmod;
	stamp->base = getBaseTypeAndTypmod(type, &stamp->typmod);
	return stamp->base == TIMESTAMPTZOID || stamp->base == TIMESTAMPOID;
}

/* An instant in the precision of the column. The two types are rounded alike. */
Datum
stamp_of(const StampType *stamp, TimestampTz instant)
{
	Datum value = TimestampTzGetDatum(instant);

	return stamp->typmod < 0
			   ? value
			   : DirectFunctionCall2(timestamptz_scale, value, Int32GetDatum(stamp->typmod));
}

/* SQL: the value of an expression of one of the two types as the other. */
static char *
converted(const char *value, Oid from, Oid to)
{
	return from == to ? pstrdup(value)
					  : psprintf("pg_catalog.timezone('UTC'::pg_catalog.text, %s)", value);
}

/* SQL: the time of the transaction for a column. */
const char *
sql_now(Oid type)
{
	return getBaseType(type) == TIMESTAMPTZOID
			   ? "pg_catalog.now()"
			   : converted("pg_catalog.now()", TIMESTAMPTZOID, TIMESTAMPOID);
}

/* SQL: the same for a column of soft delete. */
const char *
sql_stamp_now(const StampType *stamp)
{
	return sql_now(stamp->base);
}

/* SQL: the value of a column of another type. */
char *
sql_stamp_from(const StampType *stamp, const char *value, const StampType *other)
{
	char *sql = converted(value, other->base, stamp->base);

	return stamp->typmod < 0 ? sql : psprintf("%s::%s", sql, sql_type(stamp->base, stamp->typmod));
}

/* SQL: an instant. */
char *
sql_instant(const char *column, Oid type)
{
	Oid base = getBaseType(type);

	if (base == TIMESTAMPTZOID)
		return psprintf("(%s)::pg_catalog.timestamptz", column);
	return converted(psprintf("(%s)::pg_catalog.timestamp", column), TIMESTAMPOID, TIMESTAMPTZOID);
}
