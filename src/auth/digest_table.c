/*
 * digest_table.c
 *		Tables of keyed digests, each with a time: account.login_failure, account.known_address.
 *
 * They are looked at with every login, so without a statement: by an index on the digest, or on
 * digest and time, where there is one.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "digest_table.h"

/* Columns of the tables, by their numbers. */
enum
{
	DIGEST_KEY = 1,
	DIGEST_AT
};

/* A digest as a parameter. */
Datum
digest_datum(const unsigned char *digest)
{
	bytea *value = palloc(VARHDRSZ + DIGEST_BYTES);

	SET_VARSIZE(value, VARHDRSZ + DIGEST_BYTES);
	memcpy(VARDATA(value), digest, DIGEST_BYTES);
	return PointerGetDatum(value);
}

/*
 * An index by digest, and by time where *by_time is set; InvalidOid: there is none that can be
 * asked.
 */
static Oid
find_index(Relation rel, bool *by_time)
{
	Oid found = InvalidOid;
	ListCell *cell;

	*by_time = false;
	foreach (cell, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (lookup_index_serves(index) && form->indkey.values[0] == DIGEST_KEY &&
			index->rd_opcintype[0] == BYTEAOID && index_predicate(index) == NIL && !*by_time)
		{
			found = RelationGetRelid(index);
			*by_time = form->indnkeyatts > 1 && form->indkey.values[1] == DIGEST_AT &&
					   index->rd_opcintype[1] == TIMESTAMPTZOID;
		}
		index_close(index, NoLock);
	}
	return found;
}

/* How many rows have this digest, and a time after since; see the header. */
int
digest_table_count(const char *table, const unsigned char *digest, TimestampTz since, int limit)
{
	Relation rel = own_table_require(table, AccessShareLock);
	bool by_time;
	Oid index = find_index(rel, &by_time);
	Snapshot snapshot;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;
	int n = 0;

	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyInit(&keys[0], DIGEST_KEY, BTEqualStrategyNumber, F_BYTEAEQ, digest_datum(digest));
	ScanKeyInit(&keys[1], DIGEST_AT, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT,
				TimestampTzGetDatum(since));
	scan = systable_beginscan(rel, index, OidIsValid(index), snapshot, by_time ? 2 : 1, keys);
	while (n < limit && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool isnull;

		if (DatumGetTimestampTz(heap_getattr(tuple, DIGEST_AT, RelationGetDescr(rel), &isnull)) >
			since)
			n++;
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	return n;
}
