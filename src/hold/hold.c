/*
 * hold.c
 *		Legal holds: placed on rows, and released.
 *
 * A hold is placed under SHARE ROW EXCLUSIVE on its table and on every table whose rows would go
 * with rows of that, partitions included. So whoever deletes there has ended before, or begins
 * afterwards, and is told: there is nobody who looks for holds before this one is there, and
 * deletes after. The row is looked for under these locks, as it is then, whatever the transaction's
 * snapshot is.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "hold_put.h"
#include "hold_state.h"

ACCOUNT_OPERATION(place_hold, "place_hold", NO_SUBJECT);
ACCOUNT_OPERATION(release_hold, "release_hold", NO_SUBJECT);

/* A reason is at most so long. */
#define MAX_REASON 10000

/* The reason, which must say something. */
static char *
reason_argument(FunctionCallInfo fcinfo, int n)
{
	char *reason;

	if (PG_ARGISNULL(n))
		refuse_null_argument("reason");
	reason = text_argument(fcinfo, n, "reason", MAX_REASON);
	if (reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"reason\" must not be empty"),
						errdetail("Whoever meets the hold later wants to know why."),
						errhint("Say which case, order or request it is for.")));
	return reason;
}

/* The columns that name a row: its primary key, else those by which the caller has named it. */
static List *
key_columns(Oid target, const KeySet *keys)
{
	List *columns = primary_key_columns(target);

	for (int i = 0; columns == NIL && i < keys->ncols; i++)
		columns = lappend_int(columns, keys->columns[i]);
	return columns;
}

/* A row that is to be under the hold. */
typedef struct RowToHold
{
	Oid table; /* its own, partitions folded */
	Datum key; /* text[] */
} RowToHold;

/* The text of a value, whatever the session's settings. */
static Datum
value_as_text(Oid type, Datum value)
{
	Oid output;
	bool is_varlena;

	getTypeOutputInfo(getBaseType(type), &output, &is_varlena);
	return CStringGetTextDatum(OidOutputFunctionCall(output, value));
}

/* The rows that the caller names, as their table's owner sees them. Within SPI_connect. */
static List *
find_rows(Oid target, KeySet *keys, List *columns)
{
	MemoryContext memory = CurrentMemoryContext;
	StringInfoData sql;
	RoleState caller;
	List *rows = NIL;
	int level;
	uint64 n;

	initStringInfo(&sql);
	appendStringInfoString(&sql, OWN_STATEMENT "SELECT c.tableoid");
	for (int i = 0; i < list_length(columns); i++)
		appendStringInfo(&sql, ", c.%s", sql_column(target, list_nth_int(columns, i)));
	appendStringInfo(&sql, " FROM %s c WHERE %s", sql_relation(target),
					 keys_condition(keys, "c", 1));
	level = value_formats_begin();
	caller = run_as(relation_owner(target));
	n = statement_run_once(sql.data, keys->ncols, keys->array_types, keys->arrays, NULL,
						   &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	for (uint64 i = 0; i < n; i++)
	{
		SPITupleTable *found = SPI_tuptable;
		MemoryContext old = MemoryContextSwitchTo(memory);
		RowToHold *row = palloc(sizeof(RowToHold));
		Datum *texts = palloc(list_length(columns) * sizeof(Datum));
		bool isnull;

		row->table = fk_node_table(
			DatumGetObjectId(SPI_getbinval(found->vals[i], found->tupdesc, 1, &isnull)));
		for (int j = 0; j < list_length(columns); j++)
			texts[j] = value_as_text(SPI_gettypeid(found->tupdesc, j + 2),
									 SPI_getbinval(found->vals[i], found->tupdesc, j + 2, &isnull));
		row->key = PointerGetDatum(
			construct_array(texts, list_length(columns), TEXTOID, -1, false, TYPALIGN_INT));
		rows = lappend(rows, row);
		MemoryContextSwitchTo(old);
		SPI_tuptable = found;
	}
	run_as_end(caller);
	AtEOXact_GUC(true, level);
	return rows;
}

/* How many keys that the caller names have no row. Within SPI_connect. */
static uint64
keys_without_row(Oid target, const KeySet *keys)
{
	RoleState caller = run_as(relation_owner(target));
	uint64 n = statement_run_once(psprintf(OWN_STATEMENT "SELECT 1 FROM %s AS k WHERE NOT EXISTS"
														 " (SELECT 1 FROM %s c WHERE %s)",
										   keys_table(keys, 1), sql_relation(target),
										   keys_match(keys, "c", "k")),
								  keys->ncols, keys->array_types, keys->arrays, NULL,
								  &(StatementOptions){.look = SNAPSHOT_OF_NOW});

	run_as_end(caller);
	return n;
}

/* Raise PT404 unless each key that the caller named, once or more, has a row. */
static void
check_found(Oid target, const KeySet *keys, const List *rows)
{
	uint64 missing = 0;

	if (rows == NIL || list_length(rows) < keys->nkeys)
		missing = keys_without_row(target, keys);
	if (rows != NIL && missing == 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND),
					errmsg("no such row of \"%s\"", get_rel_name(target)),
					errdetail("Of %d keys " UINT64_FORMAT " have no row.", keys->nkeys, missing),
					errhint("A hold is placed on rows that are there, deleted softly or not.")));
}

/* The names of columns as name[]. */
static Datum
names_of(Oid target, List *columns)
{
	Datum *names = palloc(list_length(columns) * sizeof(Datum));

	for (int i = 0; i < list_length(columns); i++)
		names[i] = DirectFunctionCall1(
			namein, CStringGetDatum(get_attname(target, list_nth_int(columns, i), false)));
	return PointerGetDatum(
		construct_array(names, list_length(columns), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
}

/* Write a hold on some rows; returns its id. Within SPI_connect. */
static int64
write_hold(Oid target, List *columns, List *rows, const char *reason)
{
	Oid types[] = {INT8OID, REGCLASSOID, NAMEARRAYOID, TEXTARRAYOID, TEXTOID, TEXTOID};
	Datum values[6];
	RoleState caller;
	bool isnull;
	ListCell *lc;
	int64 hold;

	values[2] = names_of(target, columns);
	values[4] = CStringGetTextDatum(reason);
	values[5] = CStringGetTextDatum(actor_name());
	caller = run_as_owner("hold_id_seq");
	run_sql("SELECT pg_catalog.nextval('account.hold_id_seq'::pg_catalog.regclass)");
	run_as_end(caller);
	caller = run_as_owner("held_row");
	values[0] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	hold = DatumGetInt64(values[0]);
	foreach (lc, rows)
	{
		RowToHold *row = lfirst(lc);

		values[1] = ObjectIdGetDatum(row->table);
		values[3] = row->key;
		(void) statement_run_once("INSERT INTO account.held_row (hold, target, key_columns, key,"
								  " reason, placed_at, placed_by)"
								  " VALUES ($1, $2, $3, $4, $5, pg_catalog.now(), $6)"
								  " ON CONFLICT DO NOTHING",
								  6, types, values, NULL, NULL);
	}
	run_as_end(caller);
	CommandCounterIncrement();
	return hold;
}

/* The key that the caller named first, and how many rows the hold is on, for the event. */
static void
record_hold(const char *type, int64 hold, Oid target, int64 rows, const char *reason)
{
	JsonbBuild detail = {0};

	detail_number(&detail, "hold", hold);
	if (OidIsValid(target))
		detail_text(&detail, "target", display_relation(target));
	detail_number(&detail, "rows", rows);
	detail_text(&detail, "reason", reason);
	event_success(type, NULL, NULL, detail_end(&detail));
}

/* account.place_hold(target regclass, key "any" | text, reason text) RETURNS bigint */
static Datum
place_hold_operation(PG_FUNCTION_ARGS)
{
	Oid target;
	char *reason;
	KeySet *keys;
	List *columns;
	List *rows;
	int64 hold;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	reason = reason_argument(fcinfo, 2);
	target = PG_GETARG_OID(0);
	check_application_table(target, "a hold");
	check_heap(target, "A hold is kept by triggers of tables that have rows.");
	refuse_citus_table(target, "a hold", "On a shard its triggers would not know the hold.");
	LockRelationOid(fk_node_table(target), ShareRowExclusiveLock);
	check_application_table(target, "a hold");
	(void) find_all_inheritors(fk_node_table(target), ShareRowExclusiveLock, NULL);
	keys = keys_of_argument(fcinfo, 1, target);
	columns = key_columns(target, keys);
	SPI_connect();
	rows = find_rows(target, keys, columns);
	check_found(target, keys, rows);
	hold = write_hold(target, columns, rows, reason);
	(void) hold_put_triggers(ShareRowExclusiveLock, NIL);
	record_hold(EVENT_HOLD_PLACED, hold, target, list_length(rows), reason);
	SPI_finish();
	PG_RETURN_INT64(hold);
}

/* Raise: there is no such hold, or it was released. Within SPI_connect. */
static void
refuse_release(int64 hold)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(hold)};
	RoleState caller = run_as_owner("held_row");
	uint64 n = statement_run_once("SELECT 1 FROM account.held_row AS h"
								  " WHERE h.hold OPERATOR(pg_catalog.=) $1",
								  1, types, values, NULL, NULL);

	run_as_end(caller);
	if (n == 0)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such hold"),
						errdetail("There is no hold " INT64_FORMAT ".", hold),
						errhint("The view account.hold shows them.")));
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOTHING_TO_DO), errmsg("hold is already released"),
					errdetail("Hold " INT64_FORMAT " was released before.", hold),
					errhint("account.hold says when, by whom and why.")));
}

/* account.release_hold(id bigint, reason text) RETURNS void */
static Datum
release_hold_operation(PG_FUNCTION_ARGS)
{
	Oid types[] = {INT8OID, TEXTOID, TEXTOID};
	Datum values[3];
	RoleState caller;
	char *reason;
	uint64 n;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("id");
	reason = reason_argument(fcinfo, 1);
	values[0] = PG_GETARG_DATUM(0);
	values[1] = CStringGetTextDatum(actor_name());
	values[2] = CStringGetTextDatum(reason);
	SPI_connect();
	caller = run_as_owner("held_row");
	n = statement_run_once("UPDATE account.held_row AS h SET released_at = pg_catalog.now(),"
						   " released_by = $2, release_reason = $3"
						   " WHERE h.hold OPERATOR(pg_catalog.=) $1 AND h.released_at IS NULL",
						   3, types, values, NULL, NULL);
	run_as_end(caller);
	if (n == 0)
		refuse_release(PG_GETARG_INT64(0));
	record_hold(EVENT_HOLD_RELEASED, PG_GETARG_INT64(0), InvalidOid, (int64) n, reason);
	SPI_finish();
	PG_RETURN_VOID();
}
