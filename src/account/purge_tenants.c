/*
 * purge_tenants.c
 *		Removes tenants for good whose time is over, each in batches.
 *
 * Its deleted users go with it, and where members are mapped its memberships, whatever their key to
 * it does on delete: account.delete_tenant has ended them as one. Live users stay, and stand in the
 * way. Memberships with a plain key are live still, where their table has soft delete.
 *
 * A tenant that something stands in the way of, or that is being removed already, is passed over
 * with a WARNING. Interrupted, the next call goes on with the removal that was begun. Where
 * account.set_purge says that tenants are erased, they stay without what says who they were.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"

ACCOUNT_OPERATION(purge_tenants, "purge_tenants", NO_SUBJECT);

/* Raise unless tenants can be purged; the model. */
static Model
require_tenants(void)
{
	Model model = *model_require();

	if (!OidIsValid(model.relation[MODEL_TENANTS]) || !model_has(&model, TENANTS_ID))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no tenants table is mapped"), errdetail("There are no tenants to purge."),
				 errhint("Map it with account.use_tables().")));
	(void) mapping_of_table(model.relation[MODEL_TENANTS]);
	return model;
}

/* A tenant comes, in the memory of the list. */
typedef struct Keys
{
	MemoryContext context;
	List *keys;
} Keys;

static void
take_key(TupleTableSlot *slot, void *arg)
{
	Keys *keys = arg;
	MemoryContext old = MemoryContextSwitchTo(keys->context);

	keys->keys = lappend(keys->keys, TextDatumGetCString(slot->tts_values[0]));
	MemoryContextSwitchTo(old);
}

/* The keys of tenants that were deleted longer ago than the grace period, as documents. */
static List *
find_tenants(const Model *model, TimestampTz cutoff)
{
	Oid tenants = model->relation[MODEL_TENANTS];
	Keys keys = {CurrentMemoryContext, NIL};
	Oid types[] = {TIMESTAMPTZOID, TEXTOID};
	Datum values[] = {
		TimestampTzGetDatum(cutoff),
		CStringGetTextDatum(get_attname(tenants, model->column[TENANTS_ID].attnum, false))};
	OneRun run = {.nargs = 2, .types = types, .values = values};
	char *stamp = sql_row_stamp(tenants, "c");
	RoleState reader;

	PushActiveSnapshot(GetTransactionSnapshot());
	reader = run_as_reader(tenants);
	(void) cleanup_query(
		psprintf(OWN_STATEMENT "SELECT pg_catalog.jsonb_build_object($2, %s)::pg_catalog.text"
							   " FROM %s c WHERE %s OPERATOR(pg_catalog.<=) $1 ORDER BY %s",
				 model_sql(model, "c", TENANTS_ID), sql_keyed_relation(tenants), stamp, stamp),
		&run, take_key, &keys);
	run_as_end(reader);
	PopActiveSnapshot();
	return keys.keys;
}

/* What belongs to the tenants: their deleted users, or their memberships. */
static bool
find_along(const Model *model, TakenAlong *along)
{
	ModelAttribute tenant = model_tenant_attribute(model);
	ModelPart part = model_has_members(model) ? MODEL_MEMBERS : MODEL_USERS;

	if (!model_has(model, tenant))
		return false;
	along->relid = model->relation[part];
	along->column = model->column[tenant].attnum;
	along->parent_column = model->column[TENANTS_ID].attnum;
	along->deleted = part == MODEL_USERS;
	return true;
}

/* account.purge_tenants(batch_size integer): a procedure */
static Datum
purge_tenants_operation(PG_FUNCTION_ARGS)
{
	bool atomic = fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
				  castNode(CallContext, fcinfo->context)->atomic;
	RemovalRequest request = {.max_lag = -1, .max_runtime = -1};
	MemoryContext context = CurrentMemoryContext;
	TakenAlong along;
	TimestampTz cutoff;
	uint64 removed = 0;
	uint64 erased = 0;
	List *keys = NIL;
	ListCell *lc;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("batch_size");
	if (PG_GETARG_INT32(0) <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"batch_size\" must be positive"),
						errdetail("It is %d.", PG_GETARG_INT32(0)),
						errhint("Give the number of rows that one transaction removes.")));
	if (atomic)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
						errmsg("account.purge_tenants cannot run inside a transaction block"),
						errdetail("It commits after each batch."), errhint("CALL it by itself.")));
	request.batch_size = (uint64) PG_GETARG_INT32(0);

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	MemoryContextSwitchTo(context);
	{
		Model model = require_tenants();

		request.target = model.relation[MODEL_TENANTS];
		cutoff = purge_cutoff();
		request.cutoff = &cutoff;
		if (find_along(&model, &along))
			request.along = &along;
		if (!purge_erased(request.target, cutoff, &removed))
			keys = find_tenants(&model, cutoff);
	}
	foreach (lc, keys)
	{
		CHECK_FOR_INTERRUPTS();
		/* the table's owner may have said so meanwhile, of those that are left */
		if (foreach_current_index(lc) > 0 && purge_erased(request.target, cutoff, &erased))
			break;
		request.key = lfirst(lc);
		if (!removal_is_blocked(&request))
			removed += removal_in_batches(&request) ? 1 : 0;
	}
	SPI_finish();
	ereport(NOTICE, (errmsg("purged " UINT64_FORMAT " tenants", removed + erased)));
	PG_RETURN_VOID();
}
