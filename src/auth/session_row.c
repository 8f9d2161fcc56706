/*
 * session_row.c
 *		Rows of account.session, looked up and written without statements.
 *
 * Before a row is written it is locked in its last version, as a change that is under way leaves
 * it.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "session_row.h"

#define SESSION_TABLE "session"

/* The longest user agent that is kept, in characters. */
#define MAX_USER_AGENT 512

/* The index by which a session is found. */
static void
index_by_id(Relation rel, LookupIndex *by)
{
	*by = (LookupIndex){.index = compat_primary_key_index(rel),
						.nkeys = 1,
						.key = {{.attnum = SESSION_ID, .type = UUIDOID, .equality = F_UUID_EQ}}};
	if (!OidIsValid(by->index) && !lookup_unique_index(rel, SESSION_ID, 0, by))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("table account.session has no primary key"),
						errdetail("It was dropped, and sessions are found by it."),
						errhint("ALTER TABLE account.session ADD PRIMARY KEY (id);")));
}

/* Give a row what belongs to its token. */
static void
put_token(TupleWriter *writer, const SessionToken *token)
{
	bytea *hash = palloc(VARHDRSZ + REFRESH_HASH_BYTES);

	SET_VARSIZE(hash, VARHDRSZ + REFRESH_HASH_BYTES);
	memcpy(VARDATA(hash), token->hash, REFRESH_HASH_BYTES);
	tuple_put(writer, SESSION_COUNTER - 1, Int64GetDatum((int64) token->counter));
	tuple_put(writer, SESSION_TOKEN_HASH - 1, PointerGetDatum(hash));
	tuple_put(writer, SESSION_REFRESHED_AT - 1, TimestampTzGetDatum(token->issued_at));
	tuple_put(writer, SESSION_EXPIRES_AT - 1, TimestampTzGetDatum(token->expires_at));
}

/* The column of who acts. It came later, and may stand behind one that an administrator added. */
static AttrNumber
actor_column(Relation rel)
{
	AttrNumber attnum = get_attnum(RelationGetRelid(rel), "actor");

	if (attnum == InvalidAttrNumber)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("table account.session has no column \"actor\""),
						errdetail("It was dropped, and says who acts in a session."),
						errhint("ALTER TABLE account.session ADD COLUMN actor text;")));
	return attnum;
}

/* Write the row of a new session. */
void
session_row_write(const pg_uuid_t *id, const char *user_id, const char *tenant_id,
				  const char *actor, const SessionToken *token, Datum ip, text *user_agent)
{
	Relation rel = own_table_require(SESSION_TABLE, RowExclusiveLock);
	TupleWriter *writer = tuple_writer_open(rel, SESSION_COLUMNS);

	tuple_begin(writer);
	tuple_put(writer, SESSION_ID - 1, UUIDPGetDatum(id));
	tuple_put_text(writer, SESSION_USER_ID - 1, user_id);
	tuple_put_text(writer, SESSION_TENANT_ID - 1, tenant_id);
	if (actor != NULL)
		tuple_put_text(writer, actor_column(rel) - 1, actor);
	put_token(writer, token);
	tuple_put(writer, SESSION_CREATED_AT - 1, TimestampTzGetDatum(token->issued_at));
	if (ip != (Datum) 0)
		tuple_put(writer, SESSION_IP - 1, ip);
	if (user_agent != NULL)
		tuple_put(writer, SESSION_USER_AGENT - 1,
				  DirectFunctionCall2(text_left, PointerGetDatum(user_agent),
									  Int32GetDatum(MAX_USER_AGENT)));
	tuple_insert(writer);
	tuple_writer_close(writer);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

/* Lock a row in its last version, in slot. */
static TM_Result
lock_last_version(Relation rel, ItemPointerData tid, Snapshot snapshot, TupleTableSlot *slot)
{
	TM_FailureData failure;

	return table_tuple_lock(rel, &tid, snapshot, slot, GetCurrentCommandId(true),
							LockTupleNoKeyExclusive, LockWaitBlock,
							TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
}

/* Read a row. */
static void
read_row(Relation rel, TupleTableSlot *slot, SessionRow *row)
{
	bytea *hash;
	bool isnull;
	Datum tenant;
	Datum actor;

	row->user_id = TextDatumGetCString(slot_getattr(slot, SESSION_USER_ID, &isnull));
	tenant = slot_getattr(slot, SESSION_TENANT_ID, &isnull);
	row->tenant_id = isnull ? NULL : TextDatumGetCString(tenant);
	actor = slot_getattr(slot, actor_column(rel), &isnull);
	row->actor = isnull ? NULL : TextDatumGetCString(actor);
	row->counter = (uint64) DatumGetInt64(slot_getattr(slot, SESSION_COUNTER, &isnull));
	hash = DatumGetByteaPP(slot_getattr(slot, SESSION_TOKEN_HASH, &isnull));
	memset(row->hash, 0, sizeof(row->hash));
	memcpy(row->hash, VARDATA_ANY(hash), Min(VARSIZE_ANY_EXHDR(hash), REFRESH_HASH_BYTES));
	row->refreshed_at = DatumGetTimestampTz(slot_getattr(slot, SESSION_REFRESHED_AT, &isnull));
	row->expires_at = DatumGetTimestampTz(slot_getattr(slot, SESSION_EXPIRES_AT, &isnull));
	row->ended = !slot_attisnull(slot, SESSION_ENDED_AT);
}

/*
 * In SERIALIZABLE a row that another transaction has changed since the snapshot cannot be answered
 * by: what this transaction reads besides says that the other has not been yet.
 */
static void
require_in_snapshot(Relation rel, TupleTableSlot *slot)
{
	bool isnull;
	TransactionId xmin;

	if (!IsolationIsSerializable())
		return;
	xmin = DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull));
	if (!TransactionIdIsCurrentTransactionId(xmin) &&
		!table_tuple_satisfies_snapshot(rel, slot, GetTransactionSnapshot()))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent update"),
						errdetail("Another transaction has changed the session."),
						errhint("Try the transaction again.")));
}

/* Find a session; see the header. */
bool
session_row_find(const pg_uuid_t *id, SessionRow *row)
{
	LookupIndex by;
	LookupScan scan;
	bool isnull;

	row->rel = own_table_require(SESSION_TABLE, RowExclusiveLock);
	row->slot = NULL;
	index_by_id(row->rel, &by);
	CommandCounterIncrement(); /* what this command has changed counts too */
	row->snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (!lookup_one(&scan, row->rel, &by, (Datum[]){UUIDPGetDatum(id)}, row->snapshot))
	{
		session_row_close(row);
		return false;
	}
	row->tid = scan.slot->tts_tid;
	row->user_id = TextDatumGetCString(slot_getattr(scan.slot, SESSION_USER_ID, &isnull));
	lookup_end(&scan);
	return true;
}

/* Lock and read a session that was found; see the header. */
bool
session_row_lock(SessionRow *row)
{
	row->slot = table_slot_create(row->rel, NULL);
	if (lock_last_version(row->rel, row->tid, row->snapshot, row->slot) != TM_Ok)
	{
		session_row_close(row);
		return false;
	}
	require_in_snapshot(row->rel, row->slot);
	read_row(row->rel, row->slot, row);
	return true;
}

/* Let go of a session. */
void
session_row_close(SessionRow *row)
{
	UnregisterSnapshot(row->snapshot);
	if (row->slot != NULL)
		ExecDropSingleTupleTableSlot(row->slot);
	table_close(row->rel, NoLock);
}

/* Is the session in this tenant already? NULL: in none. */
static bool
is_in_tenant(const SessionRow *row, const char *tenant_id)
{
	if (tenant_id == NULL || row->tenant_id == NULL)
		return tenant_id == row->tenant_id;
	return strcmp(tenant_id, row->tenant_id) == 0;
}

/* Write the next token of a session. */
void
session_row_rotate(SessionRow *row, const SessionToken *token, Datum ip, const char *tenant_id)
{
	static const AttrNumber columns[] = {SESSION_COUNTER, SESSION_TOKEN_HASH, SESSION_REFRESHED_AT,
										 SESSION_EXPIRES_AT, SESSION_IP};
	bool moves = !is_in_tenant(row, tenant_id);
	Bitmapset *updated = NULL;
	TupleWriter *writer;

	for (int i = 0; i < lengthof(columns); i++)
		updated = bms_add_member(updated, columns[i]);
	if (moves)
		updated = bms_add_member(updated, SESSION_TENANT_ID);
	writer = tuple_updater_open(row->rel, updated);
	tuple_copy(writer, row->slot);
	put_token(writer, token);
	if (ip != (Datum) 0)
		tuple_put(writer, SESSION_IP - 1, ip);
	if (moves)
		tuple_put_text(writer, SESSION_TENANT_ID - 1, tenant_id);
	tuple_replace(writer, row->slot);
	tuple_writer_close(writer);
	CommandCounterIncrement();
}

/* Write the tenant that a session is in. */
void
session_row_move(SessionRow *row, const char *tenant_id)
{
	TupleWriter *writer;

	if (is_in_tenant(row, tenant_id))
		return;
	writer = tuple_updater_open(row->rel, bms_make_singleton(SESSION_TENANT_ID));
	tuple_copy(writer, row->slot);
	tuple_put_text(writer, SESSION_TENANT_ID - 1, tenant_id);
	tuple_replace(writer, row->slot);
	tuple_writer_close(writer);
	CommandCounterIncrement();
}

/*
 * End a session whose row is locked, in slot, unless it has ended. The writer is made for the
 * first.
 */
static void
write_end(TupleWriter **writer, Relation rel, TupleTableSlot *slot, const char *reason)
{
	if (!slot_attisnull(slot, SESSION_ENDED_AT))
		return;
	if (*writer == NULL)
		*writer = tuple_updater_open(
			rel, bms_add_member(bms_make_singleton(SESSION_ENDED_AT), SESSION_END_REASON));
	tuple_copy(*writer, slot);
	tuple_put(*writer, SESSION_ENDED_AT - 1, TimestampTzGetDatum(GetCurrentTimestamp()));
	tuple_put_text(*writer, SESSION_END_REASON - 1, reason);
	tuple_replace(*writer, slot);
}

/* End one session. */
void
session_row_end(SessionRow *row, const char *reason)
{
	TupleWriter *writer = NULL;

	write_end(&writer, row->rel, row->slot, reason);
	if (writer != NULL)
		tuple_writer_close(writer);
	CommandCounterIncrement();
}

/* Is the session there, the user's, and not ended? */
bool
session_row_is_live(const pg_uuid_t *id, const char *user_id, Snapshot snapshot)
{
	Relation rel = own_table_require(SESSION_TABLE, AccessShareLock);
	LookupIndex by;
	LookupScan scan;
	bool live = false;

	index_by_id(rel, &by);
	if (lookup_one(&scan, rel, &by, (Datum[]){UUIDPGetDatum(id)}, snapshot))
	{
		bool isnull;
		text *owner = DatumGetTextPP(slot_getattr(scan.slot, SESSION_USER_ID, &isnull));
		size_t len = VARSIZE_ANY_EXHDR(owner);

		live = slot_attisnull(scan.slot, SESSION_ENDED_AT) && len == strlen(user_id) &&
			   memcmp(VARDATA_ANY(owner), user_id, len) == 0;
		lookup_end(&scan);
	}
	table_close(rel, NoLock);
	return live;
}

/* May there be a session of this user? */
bool
session_rows_any(const char *user_id)
{
	Relation rel = own_table_open(SESSION_TABLE, AccessShareLock);
	LookupIndex by;
	LookupScan scan;
	Snapshot snapshot;
	bool found = true;

	if (rel == NULL)
		return false;
	if (lookup_index(rel, SESSION_USER_ID, &by))
	{
		snapshot = RegisterSnapshot(GetLatestSnapshot());
		lookup_begin(&scan, rel, &by, (Datum[]){CStringGetTextDatum(user_id)}, snapshot);
		found = lookup_next(&scan);
		lookup_end(&scan);
		UnregisterSnapshot(snapshot);
	}
	table_close(rel, AccessShareLock);
	return found;
}

/* How many blocks the sessions take. */
BlockNumber
session_rows_blocks(void)
{
	Relation rel = own_table_open(SESSION_TABLE, AccessShareLock);
	BlockNumber blocks = rel == NULL ? 0 : RelationGetNumberOfBlocks(rel);

	if (rel != NULL)
		table_close(rel, AccessShareLock);
	return blocks;
}

/*
 * End the sessions of a user that there are. False: some had been changed by the time that they
 * were looked at, by triggers that fired when others ended.
 */
static bool
end_all(Relation rel, const LookupIndex *by, const char *user_id, const char *reason)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	TupleWriter *writer = NULL;
	LookupScan scan;
	bool all = true;

	lookup_begin(&scan, rel, by, (Datum[]){CStringGetTextDatum(user_id)}, snapshot);
	while (lookup_next(&scan))
	{
		TM_Result result;

		CHECK_FOR_INTERRUPTS();
		if (!slot_attisnull(scan.slot, SESSION_ENDED_AT))
			continue;
		result = lock_last_version(rel, scan.slot->tts_tid, snapshot, scan.slot);
		if (result == TM_Ok)
			write_end(&writer, rel, scan.slot, reason);
		else if (result == TM_Invisible || result == TM_SelfModified)
			all = false;
	}
	lookup_end(&scan);
	UnregisterSnapshot(snapshot);
	if (writer != NULL)
		tuple_writer_close(writer);
	return all;
}

/* End the sessions of a user; see the header. */
bool
session_rows_end(const char *user_id, const char *reason)
{
	Relation rel = own_table_open(SESSION_TABLE, RowExclusiveLock);
	LookupIndex by;
	bool can;

	if (rel == NULL)
		return true;
	can = lookup_index(rel, SESSION_USER_ID, &by);
	while (can && !end_all(rel, &by, user_id, reason))
		CommandCounterIncrement();
	table_close(rel, NoLock);
	return can;
}
