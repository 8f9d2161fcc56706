/*
 * restore.c
 *		Deleted rows come back: account.restore(), and account.is_deleted().
 *
 * The rows of the target are restored with the caller's own privileges; the children that went with
 * them follow (follow_return.c). Where a key is taken meanwhile all is undone, and the rows that
 * would have come back, children included, are looked up, so that one error names every row that
 * has been replaced (collisions.c).
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "cascade_batch.h"
#include "cascade_edges.h"
#include "collisions.h"
#include "comeback.h"
#include "follow_return.h"
#include "mapping.h"
#include "restore.h"
#include "rewrite.h"
#include "unique_live.h"

ACCOUNT_OPERATION(restore, "restore", NO_SUBJECT);
PG_FUNCTION_INFO_V1(is_deleted);

/* The mapping of a table that a caller named to a function; raises where it has none. */
static SoftDelete
mapping_of_target(Oid relid, const char *function)
{
	check_application_table(relid, "soft delete");
	refuse_citus_beside_shards(relid, function, psprintf("%s('%%s', key)", function));
	lock_checked_table(relid, AccessShareLock, "soft delete", false);
	return *mapping_of_table(relid);
}

/* Raise unless the caller may update the mapped columns of a table. */
static void
check_may_update(Oid relid)
{
	const SoftDelete *found = mapping_declared(relid);
	SoftDelete mapping;
	AttrNumber columns[3];

	if (found == NULL || pg_class_aclcheck(relid, GetUserId(), ACL_UPDATE) == ACLCHECK_OK)
		return;
	mapping = *found;
	columns[0] = mapping.deleted_at;
	columns[1] = mapping.flag;
	columns[2] = mapping.deleted_by;
	for (int i = 0; i < lengthof(columns); i++)
		if (columns[i] != InvalidAttrNumber &&
			pg_attribute_aclcheck(relid, columns[i], GetUserId(), ACL_UPDATE) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));
}

/* A restore: what was asked for. */
typedef struct Restore
{
	Oid relid;
	const RestoreKeys *keys;
	const RestoreOthers *others;
	RestoreCall *call;
	Oid caller;             /* who may see the keys that are taken */
	const RoleState *judge; /* NULL, or who may see and change the rows themselves */
	char *condition;
	uint64 restored; /* rows */
} Restore;

/* The tables that a restore reaches, and their parts. */
static List *
reached_tables(Oid relid)
{
	List *tables = NIL;
	ListCell *lc;

	foreach (lc, cascade_followers(relid, true))
		tables = list_concat_unique_oid(tables, cascade_tree(lfirst_oid(lc)));
	return tables;
}

/* Rows of another table that may come back, as they are found. */
typedef struct OtherReceiver
{
	DestReceiver pub;
	Tuplestorestate *rows;
	TupleDesc desc;
	MemoryContext context; /* outlives the statement */
} OtherReceiver;

/* Such a row: its table, key and stamp. */
static bool
receive_other(TupleTableSlot *slot, DestReceiver *self)
{
	tuplestore_puttupleslot(((OtherReceiver *) self)->rows, slot);
	return true;
}

/* Rows come. */
static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	OtherReceiver *receiver = (OtherReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->context);

	receiver->desc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(old);
}

/* No more rows come. */
static void
receiver_end(DestReceiver *self)
{
}

/* The edge by which a row of the other table, or of one that inherits from it, is given. */
static FkEdge *
edge_of_other(const RestoreOthers *others, Oid tab)
{
	Oid relid = fk_node_table(tab);

	return fk_edge_of_key(relid, get_attnum(relid, get_attname(others->relid, others->key, false)));
}

/* Have the rows of another table come back that went with those of the restore. */
static void
return_others(const Restore *restore)
{
	const RestoreOthers *others = restore->others;
	OtherReceiver receiver = {
		.pub = {receive_other, receiver_startup, receiver_end, receiver_end, DestNone},
		.rows = tuplestore_begin_heap(false, false, work_mem),
		.context = CurrentMemoryContext};
	StatementOptions options;
	TupleTableSlot *slot;
	FkEdge *edge = NULL;
	Oid last = InvalidOid;
	RoleState saved;

	action_snapshot_begin(&options);
	options.dest = &receiver.pub;
	saved = run_as(relation_owner(others->relid));
	(void) statement_run_once(
		psprintf(OWN_STATEMENT "SELECT t.tableoid, t.%s, %s FROM %s t WHERE t.%s IS NOT NULL AND"
							   " %s",
				 sql_column(others->relid, others->key), sql_row_stamp(others->relid, "t"),
				 sql_relation(others->relid),
				 sql_column(others->relid, mapping_of_table(others->relid)->deleted_at),
				 others->keys.condition),
		others->keys.n, others->keys.types, others->keys.values, NULL, &options);
	run_as_end(saved);
	action_snapshot_end(&options);

	slot = MakeSingleTupleTableSlot(receiver.desc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(receiver.rows, true, false, slot))
	{
		Oid tab;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		tab = DatumGetObjectId(slot->tts_values[0]);
		if (edge == NULL || tab != last)
			edge = edge_of_other(others, tab);
		last = tab;
		cascade_return(restore->call, edge, slot->tts_values[1],
					   DatumGetTimestampTz(slot->tts_values[2]));
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(receiver.rows);
}

/* Rows that were to come back, and are deleted still. */
typedef struct KeptReceiver
{
	DestReceiver pub;
	uint64 rows;
} KeptReceiver;

/* A row as it is now: is it live? */
static bool
receive_updated(TupleTableSlot *slot, DestReceiver *self)
{
	slot_getallattrs(slot);
	if (slot->tts_isnull[0] || !DatumGetBool(slot->tts_values[0]))
		((KeptReceiver *) self)->rows++;
	return true;
}

/* Such rows come. */
static void
receiver_begin(DestReceiver *self, int operation, TupleDesc desc)
{
}

/* CascadeStep: bring the rows themselves back. */
static uint64
run_statements(void *arg)
{
	const Restore *restore = arg;
	SoftDelete mapping = *mapping_of_table(restore->relid);
	KeptReceiver kept = {
		.pub = {receive_updated, receiver_begin, receiver_end, receiver_end, DestNone}};
	StatementOptions options = {
		.judge = restore->judge, .callback = rewrite_restore_start, .dest = &kept.pub};
	char *sql = psprintf(OWN_STATEMENT "UPDATE %s t SET %s WHERE %s RETURNING t.%s IS NULL",
						 sql_relation(restore->relid), sql_set_live(&mapping), restore->condition,
						 sql_column(restore->relid, mapping.deleted_at));
	uint64 restored;

	FAILURE_POINT("restore");
	restored = cascade_run_once(sql, restore->keys->n, restore->keys->types, restore->keys->values,
								&options);
	if (kept.rows > 0)
		refuse_values_kept(restore->relid,
						   psprintf(UINT64_FORMAT " rows of \"%s\" were not restored", kept.rows,
									get_rel_name(restore->relid)));
	if (restored > 0 && restore->others != NULL)
		return_others(restore);
	return restored;
}

/* Bring the rows back, and what follows them. Within SPI_connect. */
static uint64
run_restore(Restore *restore)
{
	bool under_rls = check_enable_rls(restore->relid, InvalidOid, true) == RLS_ENABLED;
	RoleState saved = run_as(relation_owner(restore->relid));
	uint64 restored;

	restore->judge = under_rls ? &saved : NULL;
	restored = cascade_together(restore->call, run_statements, restore);
	run_as_end(saved);
	FAILURE_POINT("restore-end");
	count_children_left(restore->call);
	return restored + restore->call->rows;
}

/* Add the deleted rows of a table that fulfil a condition to those that would come back. */
static void
add_deleted(Comeback *comeback, Oid relid, const char *condition, const RestoreKeys *keys,
			bool root)
{
	(void) statement_run_once(psprintf(OWN_STATEMENT "SELECT t.tableoid, t.ctid, %s FROM %s t"
													 " WHERE %s",
									   sql_row_stamp(relid, "t"), sql_relation(relid), condition),
							  keys->n, keys->types, keys->values, NULL, &comeback->options);
	comeback_add_found(comeback, root);
}

/* Raise 23505 if keys are taken of rows that would come back. Within SPI_connect. */
static void
refuse_taken(const Restore *restore)
{
	const RestoreOthers *others = restore->others;
	Comeback *comeback = comeback_begin(restore->call->within, false);
	RoleState saved = run_as_reader(restore->relid);

	add_deleted(comeback, restore->relid, restore->condition, restore->keys, true);
	run_as_end(saved);
	if (others != NULL)
	{
		saved = run_as(relation_owner(others->relid));
		add_deleted(comeback, others->relid,
					psprintf("t.%s IS NOT NULL AND %s",
							 sql_column(others->relid, mapping_of_table(others->relid)->deleted_at),
							 others->keys.condition),
					&others->keys, false);
		run_as_end(saved);
	}
	comeback_close(comeback);
	refuse_taken_keys(comeback, restore->caller);
	comeback_end(comeback);
}

/* The same as work. */
static bool
run_as_work(void *arg)
{
	Restore *restore = arg;

	restore->restored = run_restore(restore);
	return true;
}

/* Is an error about one of these tables? */
static bool
is_about(const ErrorData *error, const List *tables)
{
	ListCell *lc;

	foreach (lc, tables)
	{
		const char *table = get_rel_name(lfirst_oid(lc));
		const char *schema = get_namespace_name(get_rel_namespace(lfirst_oid(lc)));

		if (table != NULL && schema != NULL && error->table_name != NULL &&
			error->schema_name != NULL && strcmp(table, error->table_name) == 0 &&
			strcmp(schema, error->schema_name) == 0)
			return true;
	}
	return false;
}

/* A row that comes back met another: what is to be done is not what helps a new row. */
static void
set_hint(const Restore *restore, ErrorData *error)
{
	List *tables = reached_tables(restore->relid);

	if (restore->others != NULL)
		tables = list_concat(tables, reached_tables(restore->others->relid));
	if (is_about(error, tables))
		error->hint = pstrdup(
			error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION
				? HINT_TAKEN_KEYS
				: "Change or delete the rows that stand in the way, or restore fewer rows.");
}

/* The same in a subtransaction: of rows that meet others is told which, and what helps. */
static uint64
try_restore(Restore *restore)
{
	ErrorData *error = subtransaction_run(run_as_work, restore);

	if (error != NULL && error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
		refuse_taken(restore);
	if (error != NULL && (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION ||
						  error->sqlerrcode == ERRCODE_EXCLUSION_VIOLATION))
		set_hint(restore, error);
	if (error != NULL)
		ReThrowError(error);
	return restore->restored;
}

/* Tell how many children of rows that came back stay deleted, table by table. */
static void
tell_children_left(const RestoreCall *call)
{
	StringInfoData detail;
	uint64 rows = 0;
	ListCell *lc;

	if (call->left == NIL)
		return;
	initStringInfo(&detail);
	foreach (lc, call->left)
	{
		ChildrenLeft *left = lfirst(lc);

		rows += left->rows;
		appendStringInfo(&detail, "%s%s: " UINT64_FORMAT " rows",
						 foreach_current_index(lc) > 0 ? "\n" : "", display_relation(left->table),
						 left->rows);
	}
	ereport(NOTICE,
			(errmsg("rows that were deleted on their own stay deleted: " UINT64_FORMAT, rows),
			 errdetail("%s", detail.data),
			 errhint("They reference rows that came back. Those that were deleted a little "
					 "before these come back, too, with \"within\", such as '1 hour'.")));
}

/* Bring deleted rows back, with what went with them; see the header. */
uint64
restore_rows(Oid relid, const RestoreKeys *keys, const RestoreOthers *others, Oid caller,
			 const Interval *within, bool tell)
{
	SoftDelete mapping = *mapping_of_table(relid);
	RestoreCall call = {.within = within, .tell = tell, .context = CurrentMemoryContext};
	Restore restore = {
		.relid = relid, .keys = keys, .others = others, .call = &call, .caller = caller};
	uint64 restored;

	restore.condition =
		psprintf("t.%s IS NOT NULL AND %s", sql_column(relid, mapping.deleted_at), keys->condition);
	SPI_connect();
	restored = try_restore(&restore);
	SPI_finish();
	tell_children_left(&call);
	return restored;
}

/* The argument within: NULL, or an interval that is no less than nothing. */
static const Interval *
within_argument(FunctionCallInfo fcinfo, int n)
{
	Interval zero = {0};
	Interval *within;

	if (PG_ARGISNULL(n))
		return NULL;
	within = PG_GETARG_INTERVAL_P(n);
	if (!compat_interval_is_finite(within) ||
		DatumGetBool(
			DirectFunctionCall2(interval_lt, IntervalPGetDatum(within), IntervalPGetDatum(&zero))))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"within\" must be a length of time"),
						errdetail("It is %s.", DatumGetCString(DirectFunctionCall1(
												   interval_out, IntervalPGetDatum(within)))),
						errhint("Give an interval such as '1 hour', or NULL.")));
	return within;
}

/* account.restore(target regclass, key "any" | text, within interval) RETURNS bigint */
static Datum
restore_operation(PG_FUNCTION_ARGS)
{
	Oid relid;
	KeySet *keys;
	RestoreKeys named;
	const Interval *within;
	ListCell *lc;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	relid = PG_GETARG_OID(0);
	(void) mapping_of_target(relid, "account.restore");
	within = within_argument(fcinfo, 2);
	keys = keys_of_argument(fcinfo, 1, relid);
	foreach (lc, cascade_followers(relid, true))
		check_may_update(lfirst_oid(lc));
	named.condition = keys_condition(keys, "t", 1);
	named.n = keys->ncols;
	named.types = keys->array_types;
	named.values = keys->arrays;
	PG_RETURN_INT64((int64) restore_rows(relid, &named, NULL, GetUserId(), within, within == NULL));
}

/* account.is_deleted(target regclass, key "any" | text) RETURNS boolean */
Datum
is_deleted(PG_FUNCTION_ARGS)
{
	Oid relid;
	SoftDelete mapping;
	KeySet *keys;
	bool isnull = true;
	bool deleted = false;
	RoleState reader;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	relid = PG_GETARG_OID(0);
	mapping = mapping_of_target(relid, "account.is_deleted");
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL(); /* no row has that key */
	keys = keys_of_argument(fcinfo, 1, relid);
	if (keys->nkeys != 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("account.is_deleted takes one key, not %d", keys->nkeys),
						errdetail("It answers for one row."), errhint("Call it for each key.")));

	SPI_connect();
	reader = run_as_reader(relid);
	if (statement_run_once(psprintf(OWN_STATEMENT "SELECT t.%s IS NOT NULL FROM %s t WHERE %s",
									sql_column(relid, mapping.deleted_at), sql_relation(relid),
									keys_condition(keys, "t", 1)),
						   keys->ncols, keys->array_types, keys->arrays, NULL, NULL) > 0)
		deleted =
			DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	run_as_end(reader);
	SPI_finish();
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(deleted);
}
