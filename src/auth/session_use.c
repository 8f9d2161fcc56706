/*
 * session_use.c
 *		When a session was used last.
 *
 * Each request authenticates, and may write so, once a minute: what is written is locked until the
 * request's transaction ends, however long that is, and the session's own row must be free for its
 * refresh and for its end. So the time has a table of its own, account.session_use, whose rows
 * nobody waits for: who finds one locked leaves it. A row is made when the session begins, so that
 * two requests never insert the same.
 *
 * Nothing is written on a standby and in a transaction that is read-only, nor in a SERIALIZABLE
 * one, which might fail for it; there a session counts as used when it was refreshed.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "session_use.h"

#define USE_TABLE "session_use"

/* Columns of the table, by their numbers. */
enum
{
	USE_SESSION_ID = 1,
	USE_USED_AT
};

/* So many blocks are looked through for what was long ago. */
#define PRUNED_BLOCKS 4

/* A session begins. */
void
session_use_begin(const pg_uuid_t *session, TimestampTz now)
{
	Relation rel = own_table_require(USE_TABLE, RowExclusiveLock);
	TupleWriter *writer = tuple_writer_open(rel, USE_USED_AT);

	tuple_begin(writer);
	tuple_put(writer, USE_SESSION_ID - 1, UUIDPGetDatum(session));
	tuple_put(writer, USE_USED_AT - 1, TimestampTzGetDatum(now));
	tuple_insert(writer);
	tuple_writer_close(writer);
	table_close(rel, NoLock);
}

/* Begin to look for the row of a session. True: it is in scan's slot, lookup_end() is due. */
static bool
find(LookupScan *scan, Relation rel, const pg_uuid_t *session, Snapshot snapshot)
{
	LookupIndex by = {.index = compat_primary_key_index(rel),
					  .nkeys = 1,
					  .key = {{.attnum = USE_SESSION_ID, .type = UUIDOID, .equality = F_UUID_EQ}}};

	if (!OidIsValid(by.index) && !lookup_unique_index(rel, USE_SESSION_ID, 0, &by))
		return false; /* dropped: then nobody knows */
	return lookup_one(scan, rel, &by, (Datum[]){UUIDPGetDatum(session)}, snapshot);
}

/* The time in a row. */
static TimestampTz
used_at(TupleTableSlot *slot)
{
	bool isnull;
	Datum value = slot_getattr(slot, USE_USED_AT, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(value);
}

/* Write the time into a row, unless somebody else is at it. */
static void
write_use(Relation rel, LookupScan *scan, Snapshot snapshot, TimestampTz now)
{
	TupleTableSlot *locked = table_slot_create(rel, NULL);
	ItemPointerData tid = scan->slot->tts_tid;
	TM_FailureData failure;

	if (table_tuple_lock(rel, &tid, snapshot, locked, GetCurrentCommandId(true),
						 LockTupleNoKeyExclusive, LockWaitSkip, 0, &failure) == TM_Ok)
	{
		TupleWriter *writer = tuple_updater_open(rel, bms_make_singleton(USE_USED_AT));

		tuple_copy(writer, locked);
		tuple_put(writer, USE_USED_AT - 1, TimestampTzGetDatum(now));
		tuple_replace(writer, locked);
		tuple_writer_close(writer);
		CommandCounterIncrement();
	}
	ExecDropSingleTupleTableSlot(locked);
}

/* A session is used; see the header. */
void
session_use_note(const pg_uuid_t *session, TimestampTz now)
{
	Relation rel;
	LookupScan scan;
	Snapshot snapshot;

	if (XactReadOnly || IsolationIsSerializable() || IsInParallelMode() || RecoveryInProgress())
		return;
	rel = own_table_open(USE_TABLE, RowExclusiveLock);
	if (rel == NULL)
		return;
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (find(&scan, rel, session, snapshot))
	{
		if (now - used_at(scan.slot) >= SESSION_USE_GRAIN)
			write_use(rel, &scan, snapshot, now);
		lookup_end(&scan);
	}
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
}

/* When it was; see the header. */
TimestampTz
session_use_last(const pg_uuid_t *session)
{
	Relation rel = own_table_require(USE_TABLE, AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TimestampTz last = 0;
	LookupScan scan;

	if (find(&scan, rel, session, snapshot))
	{
		last = used_at(scan.slot);
		lookup_end(&scan);
	}
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	return last;
}

/* $1 before when, $2 and $3 tids. */
static const TableStatement prune_uses = {
	PLAN_SESSION_USE_PRUNE,
	USE_TABLE,
	OWN_STATEMENT
	"DELETE FROM account.session_use u WHERE u.ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
	"SELECT e.ctid FROM account.session_use e WHERE e.ctid OPERATOR(pg_catalog.>=) $2 "
	"AND e.ctid OPERATOR(pg_catalog.<) $3 AND e.used_at OPERATOR(pg_catalog.<) $1 "
	"FOR UPDATE SKIP LOCKED))",
	3,
	{TIMESTAMPTZOID, TIDOID, TIDOID}};

/*
 * Forget some of what was long ago, in a few blocks of the table by chance: an index on the time
 * would have an entry for each use.
 */
void
session_uses_prune(TimestampTz before)
{
	Relation rel = own_table_require(USE_TABLE, RowExclusiveLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);
	BlockNumber first = pg_prng_uint64(&pg_global_prng_state) % Max(blocks, 1);
	ItemPointerData from;
	ItemPointerData to;
	Datum values[] = {TimestampTzGetDatum(before), PointerGetDatum(&from), PointerGetDatum(&to)};

	table_close(rel, NoLock);
	ItemPointerSet(&from, first, 0);
	ItemPointerSet(&to, first + PRUNED_BLOCKS, 0);
	SPI_connect();
	(void) own_statement_run(&prune_uses, values, NULL);
	SPI_finish();
}
