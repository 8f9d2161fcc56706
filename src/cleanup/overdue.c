/*
 * overdue.c
 *		Rows that were deleted long enough ago, and tids that outlive transactions.
 *
 * They are looked for in chunks, oldest first, and kept by their tids. A tid is a hint: who uses it
 * asks again whether the row that is there now was deleted long enough ago.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "cleanup_closure.h"
#include "overdue.h"

/* Append a row. */
void
row_tids_append(RowTids *tids, MemoryContext context, Oid tab, ItemPointer tid)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	if (tids->allocated == 0)
	{
		tids->allocated = 1024;
		tids->rows = palloc(tids->allocated * sizeof(RowTid));
	}
	else if (tids->n == tids->allocated)
	{
		tids->allocated *= 2;
		tids->rows = repalloc_huge(tids->rows, tids->allocated * sizeof(RowTid));
	}
	tids->rows[tids->n].tab = tab;
	tids->rows[tids->n++].tid = *tid;
	MemoryContextSwitchTo(old);
}

/* Let go of rows. */
void
row_tids_free(RowTids *tids)
{
	if (tids->rows != NULL)
		pfree(tids->rows);
	memset(tids, 0, sizeof(RowTids));
}

/* A row comes. */
static void
add_row(TupleTableSlot *slot, void *arg)
{
	OverdueRows *due = arg;

	row_tids_append(&due->tids, due->context, SLOT_TAB(slot, 0), SLOT_TID(slot, 0));
	due->any = true;
	due->last = DatumGetTimestampTz(slot->tts_values[2]);
}

/* SQL: when the row c was deleted. */
char *
overdue_stamp_sql(const OverdueRows *due, Oid *type)
{
	char *column = sql_column(due->target, due->deleted_at);

	*type = getBaseType(get_atttype(due->target, due->deleted_at));
	if (*type == TIMESTAMPTZOID || *type == TIMESTAMPOID)
		return psprintf("c.%s", column);
	*type = TIMESTAMPOID; /* an application's own column, with dates */
	return psprintf("(c.%s)::pg_catalog.timestamp", column);
}

/* The cutoff in the precision of the column. */
Datum
overdue_cutoff(const OverdueRows *due)
{
	StampType stamp;
	Oid type;
	int32 typmod;
	Oid collation;

	get_atttypetypmodcoll(due->target, due->deleted_at, &type, &typmod, &collation);
	return stamp_resolve(&stamp, type, typmod) ? stamp_of(&stamp, due->cutoff)
											   : TimestampTzGetDatum(due->cutoff);
}

/* Find the next rows that were deleted long enough ago, oldest first. False: there are no more. */
bool
overdue_find(OverdueRows *due, uint64 chunk)
{
	Oid types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, OIDOID, TIDOID};
	Datum values[4];
	OneRun run = {.nargs = due->any ? 4 : 1, .types = types, .values = values};
	char *stamp = overdue_stamp_sql(due, &types[0]);
	RowTids *tids = &due->tids;
	RowTid last;
	RoleState reader;
	int nest_level;
	StringInfoData sql;

	/* the last ones were all that there were */
	if (due->any && tids->n < chunk)
		return false;
	types[1] = types[0];
	values[0] = overdue_cutoff(due);
	if (due->any)
	{
		last = tids->rows[tids->n - 1];
		values[1] = TimestampTzGetDatum(due->last);
		values[2] = ObjectIdGetDatum(last.tab);
		values[3] = PointerGetDatum(&last.tid);
	}
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 OWN_STATEMENT "SELECT c.tableoid, c.ctid, %s FROM %s c WHERE"
								   " %s OPERATOR(pg_catalog.<=) $1",
					 stamp, sql_keyed_relation(due->target), stamp);
	if (due->any)
		appendStringInfo(&sql, " AND (%s, c.tableoid, c.ctid) OPERATOR(pg_catalog.>) ($2, $3, $4)",
						 stamp);
	appendStringInfo(&sql, " ORDER BY %s, c.tableoid, c.ctid LIMIT " UINT64_FORMAT, stamp, chunk);
	tids->n = 0;
	nest_level = cleanup_join_memory();
	PushActiveSnapshot(GetTransactionSnapshot());
	reader = run_as_reader(due->target);
	(void) cleanup_query(sql.data, &run, add_row, due);
	run_as_end(reader);
	PopActiveSnapshot();
	AtEOXact_GUC(true, nest_level);
	pfree(sql.data);
	return tids->n > 0;
}

/* Look from the start. */
void
overdue_begin(OverdueRows *due)
{
	due->any = false;
	memset(&due->tids, 0, sizeof(RowTids));
}
