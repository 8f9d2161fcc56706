/*
 * own_deletion.c
 *		Users who have deleted themselves: they may take it back.
 *
 * The trigger of the users table (user_changes.c) notes them in account.own_deletion, whatever
 * statement it was, and forgets them as soon as anything else becomes of them. Who acts for a user
 * is not that user.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "identity.h"
#include "own_deletion.h"

#define OWN_TABLE "own_deletion"

/* Who deletes itself by the running call; in the memory of that call. */
static const char *deleting = NULL;

/* Say who deletes itself; see the header. */
void
own_deletion_begin(const char *user_id)
{
	deleting = user_id;
}

/* Is it the user itself who deletes it? */
bool
own_deletion_is(const char *user_id)
{
	const char *uid = deleting != NULL           ? deleting
					  : identity_actor() == NULL ? identity_uid()
												 : NULL;

	return user_id != NULL && uid != NULL && strcmp(uid, user_id) == 0;
}

static const TableStatement note_deletion = {
	PLAN_OWN_DELETION_NOTE,
	OWN_TABLE,
	OWN_STATEMENT "INSERT INTO account.own_deletion AS d (user_id, deleted_at) VALUES ($1, $2) "
				  "ON CONFLICT (user_id) DO UPDATE SET deleted_at = excluded.deleted_at",
	2,
	{TEXTOID, TIMESTAMPTZOID}};
static const TableStatement forget_deletions = {PLAN_OWN_DELETION_FORGET,
												OWN_TABLE,
												OWN_STATEMENT
												"DELETE FROM account.own_deletion d "
												"WHERE d.user_id OPERATOR(pg_catalog.=) ANY ($1)",
												1,
												{TEXTARRAYOID}};
static const TableStatement find_deletions = {
	PLAN_OWN_DELETION_FIND,
	OWN_TABLE,
	OWN_STATEMENT "SELECT pg_catalog.array_agg(d.user_id) "
				  "FROM account.own_deletion d WHERE d.deleted_at OPERATOR(pg_catalog.>) $1",
	1,
	{TIMESTAMPTZOID}};

/* Is there nothing in the table, or no table? *there: is there one? */
static bool
is_empty(bool *there)
{
	Relation rel = own_table_open(OWN_TABLE, AccessShareLock);
	bool empty;

	*there = rel != NULL;
	if (rel == NULL)
		return true;
	empty = RelationGetNumberOfBlocks(rel) == 0;
	table_close(rel, NoLock);
	return empty;
}

/* Remember one, forget others; see the header. */
void
own_deletions_note(const char *own, char **others, int n)
{
	Datum values[2];
	bool there;
	bool empty = is_empty(&there);

	if (!there || (own == NULL && (empty || n == 0)))
		return;
	SPI_connect();
	if (n > 0 && !empty)
	{
		Datum *keys = palloc(n * sizeof(Datum));

		for (int i = 0; i < n; i++)
			keys[i] = CStringGetTextDatum(others[i]);
		values[0] = PointerGetDatum(construct_array(keys, n, TEXTOID, -1, false, TYPALIGN_INT));
		(void) own_statement_run(&forget_deletions, values, NULL);
	}
	if (own != NULL)
	{
		values[0] = CStringGetTextDatum(own);
		values[1] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
		(void) own_statement_run(&note_deletion, values, NULL);
	}
	SPI_finish();
}

/* Forget all. */
uint64
own_deletions_forget_all(void)
{
	static const TableStatement all = {PLAN_OWN_DELETION_FORGET_ALL,
									   OWN_TABLE,
									   OWN_STATEMENT "DELETE FROM account.own_deletion",
									   0,
									   {InvalidOid}};

	return own_statement_run(&all, NULL, NULL);
}

/* Who has deleted itself since; see the header. */
Datum
own_deletions_since(TimestampTz since)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum value = TimestampTzGetDatum(since);
	Datum ids;
	bool isnull;

	SPI_connect();
	(void) own_statement_run(&find_deletions, &value, NULL);
	ids = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	MemoryContextSwitchTo(caller);
	ids = isnull ? PointerGetDatum(construct_empty_array(TEXTOID))
				 : PointerGetDatum(DatumGetArrayTypePCopy(ids));
	SPI_finish();
	return ids;
}
