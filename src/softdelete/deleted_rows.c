/*
 * deleted_rows.c
 *		The deleted rows of a table: account.deleted(NULL::users).
 *
 * A SELECT of ours, which sees all rows, with the caller's privileges and policies. Its rows go
 * into the tuple store that a function in FROM would fill anyway, one at a time: beyond work_mem it
 * is a file. Columns that were dropped are a part of the row type, and of no SELECT.
 */
#include "postgres.h"

#include "funcapi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "mapping.h"

PG_FUNCTION_INFO_V1(deleted);

/* A receiver that puts rows into the result of a function. */
typedef struct ResultReceiver
{
	DestReceiver pub;
	ReturnSetInfo *result;
	Datum *values; /* of the result, dropped columns too */
	bool *nulls;
} ResultReceiver;

/* Rows come. */
static void
result_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

/* No more rows come. */
static void
result_end(DestReceiver *self)
{
}

/* A row. */
static bool
result_receive(TupleTableSlot *slot, DestReceiver *self)
{
	ResultReceiver *receiver = (ResultReceiver *) self;
	TupleDesc desc = receiver->result->setDesc;

	slot_getallattrs(slot);
	for (int to = 0, from = 0; to < desc->natts; to++)
	{
		receiver->nulls[to] = TupleDescAttr(desc, to)->attisdropped || slot->tts_isnull[from];
		receiver->values[to] = receiver->nulls[to] ? (Datum) 0 : slot->tts_values[from];
		if (!TupleDescAttr(desc, to)->attisdropped)
			from++;
	}
	tuplestore_putvalues(receiver->result->setResult, desc, receiver->values, receiver->nulls);
	return true;
}

/* SQL: the columns of a table, by a description of its rows. */
static char *
column_list(TupleDesc desc)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			appendStringInfo(&sql, "%st.%s", sql.len > 0 ? ", " : "",
							 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
	return sql.data;
}

/* The table whose row type the argument has. Raises for another type. */
static Oid
table_argument(FunctionCallInfo fcinfo)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid relid = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;

	if (!OidIsValid(relid))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the argument is not of the row type of a table"),
						OidIsValid(type) ? errdetail("It is of type %s.", format_type_be(type)) : 0,
						errhint("Name the table by a NULL of its row type: SELECT * FROM "
								"account.deleted(NULL::users).")));
	check_application_table(relid, "soft delete");
	refuse_citus_beside_shards(relid, "account.deleted", "count(*) FROM account.deleted(NULL::%s)");
	lock_checked_table(relid, AccessShareLock, "soft delete", false);
	return relid;
}

/*
 * Raise 40001 where a command has changed the columns while the call waited for the table: the
 * statement was planned for others, and the server asks for the type of one that is gone.
 */
static void
check_columns(Oid relid, const ReturnSetInfo *result)
{
	TupleDesc now = result->setDesc;
	TupleDesc expected = result->expectedDesc;
	bool same = expected == NULL || expected->natts == now->natts;

	for (int i = 0; same && expected != NULL && i < now->natts; i++)
		same = TupleDescAttr(now, i)->attisdropped == TupleDescAttr(expected, i)->attisdropped &&
			   (TupleDescAttr(now, i)->attisdropped ||
				TupleDescAttr(now, i)->atttypid == TupleDescAttr(expected, i)->atttypid);
	if (!same)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("the columns of table \"%s\" have changed", get_rel_name(relid)),
						errdetail("They were others when the statement began."),
						errhint("Try it again.")));
}

/* account.deleted(anyelement) RETURNS SETOF anyelement */
Datum
deleted(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ResultReceiver receiver = {.pub = {.receiveSlot = result_receive,
									   .rStartup = result_startup,
									   .rShutdown = result_end,
									   .rDestroy = result_end,
									   .mydest = DestNone}};
	Oid relid;
	AttrNumber deleted_at;
	RoleState reader;
	char *sql;

	version_check();
	relid = table_argument(fcinfo);
	deleted_at = mapping_of_table(relid)->deleted_at;
	InitMaterializedSRF(fcinfo, 0);
	check_columns(relid, result);
	receiver.result = result;
	receiver.values = palloc(result->setDesc->natts * sizeof(Datum));
	receiver.nulls = palloc(result->setDesc->natts * sizeof(bool));
	sql =
		psprintf(OWN_STATEMENT "SELECT %s FROM %s t WHERE t.%s IS NOT NULL",
				 column_list(result->setDesc), sql_relation(relid), sql_column(relid, deleted_at));

	SPI_connect();
	reader = run_as_reader(relid);
	(void) statement_run_once(sql, 0, NULL, NULL, NULL,
							  &(StatementOptions){.look = SNAPSHOT_ACTIVE, .dest = &receiver.pub});
	run_as_end(reader);
	SPI_finish();
	return (Datum) 0;
}
