/*
 * tenant_lookup.c
 *		The tenant that a call names: by slug or id, live or deleted.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "tenant_lookup.h"

/* Raise PT404. */
void
tenant_refuse_unknown(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such tenant"),
			 errdetail("No tenant has this slug or id."), errhint("Pass the slug or id of one.")));
}

/* Are tenants mapped? */
bool
tenant_is_mapped(const Model *model)
{
	return OidIsValid(model->relation[MODEL_TENANTS]) && model_has(model, TENANTS_ID);
}

/* Raise 55000 where no tenants are mapped, or none for users. */
void
tenant_require_mapped(const Model *model)
{
	if (!tenant_is_mapped(model))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("no tenants are mapped"),
				 errdetail("The account model has no table of tenants."),
				 errhint("Map it with account.use_tables(%s, tenants => ...).",
						 sql_literal(sql_relation(model->relation[MODEL_USERS])))));
	model_require_tenant(model);
}

/* SQL: what is read of tenant t: its id, whether it is live, and since when it is not. */
static char *
record_sql(const Model *model)
{
	Oid tenants = model->relation[MODEL_TENANTS];

	return psprintf("%s, %s, %s", model_sql_text(model, "t", TENANTS_ID),
					live_sql(model, "t", MODEL_TENANTS),
					mapping_declared(tenants) != NULL ? sql_row_stamp(tenants, "t")
													  : "NULL::pg_catalog.timestamptz");
}

/* The record in the row just read, in a memory context. */
static TenantRecord *
take_record(MemoryContext context)
{
	TenantRecord *tenant = MemoryContextAllocZero(context, sizeof(TenantRecord));
	bool isnull;
	Datum stamp;

	tenant->tenant_id = row_text(0, 1, context);
	tenant->is_live = row_boolean(0, 2);
	stamp = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull);
	tenant->deleted_at = isnull ? 0 : DatumGetTimestampTz(stamp);
	return tenant;
}

/* The statement that finds tenants of slug or id $2, which as an id is $1. */
static char *
find_text(const Model *model, TenantWanted wanted)
{
	char *by_id = psprintf("(%s) IS TRUE", model_sql_key(model, "t", TENANTS_ID, 1));

	return psprintf(OWN_STATEMENT
					"SELECT %s, %s FROM %s t WHERE (%s OR %s) ORDER BY 4 DESC, 2 %s LIMIT 2",
					record_sql(model), by_id, sql_relation(model->relation[MODEL_TENANTS]), by_id,
					model_sql_slug(model, "t", 2), wanted == TENANT_LIVE ? "DESC" : "ASC");
}

/* Are both rows just read deleted, and none of them named by its id? */
static bool
is_ambiguous(void)
{
	bool isnull;

	if (SPI_processed < 2 ||
		DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4, &isnull)))
		return false;
	for (int i = 0; i < 2; i++)
		if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull)))
			return false;
	return true;
}

/* The tenant of this slug or id. */
TenantRecord *
tenant_find(const Model *model, const char *tenant, TenantWanted wanted)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid relid = model->relation[MODEL_TENANTS];
	Oid types[] = {model_key_type(model, TENANTS_ID), TEXTOID};
	Datum values[2];
	char nulls[] = "  ";
	KeptStatement *plan;
	TenantRecord *found = NULL;
	bool ambiguous = false;
	RoleState saved;

	if (tenant == NULL)
		return NULL;
	values[1] = CStringGetTextDatum(tenant);
	if (!model_key_value(model, TENANTS_ID, tenant, &values[0]))
		nulls[0] = 'n';
	SPI_connect();
	saved = run_as(model->owner[MODEL_TENANTS]);
	plan = plan_lookup(PLAN_TENANT_FIND, relid, wanted);
	if (plan == NULL)
		plan = plan_keep(PLAN_TENANT_FIND, relid, wanted, find_text(model, wanted), 2, types);
	if (statement_run(plan, values, nulls, &(StatementOptions){.look = SNAPSHOT_OF_NOW}) > 0)
	{
		found = take_record(caller);
		ambiguous = is_ambiguous();
	}
	run_as_end(saved);
	SPI_finish();
	if (ambiguous)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("several deleted tenants have this slug"),
						errdetail("None of the tenants with this slug is live."),
						errhint("Pass the id of the tenant.")));
	return found;
}

/* Lock a tenant's row to change it, and read it anew. */
TenantRecord *
tenant_lock(const Model *model, const char *tenant_id)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid relid = model->relation[MODEL_TENANTS];
	Oid type = model_key_type(model, TENANTS_ID);
	KeptStatement *plan;
	TenantRecord *found = NULL;
	RoleState saved;
	Datum key;

	if (!model_key_value(model, TENANTS_ID, tenant_id, &key))
		return NULL;
	SPI_connect();
	saved = run_as(model->owner[MODEL_TENANTS]);
	plan = plan_lookup(PLAN_TENANT_LOCK, relid, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_TENANT_LOCK, relid, InvalidOid,
								psprintf(OWN_STATEMENT "SELECT %s FROM %s t WHERE %s FOR UPDATE",
										 record_sql(model), sql_relation(relid),
										 model_sql_key(model, "t", TENANTS_ID, 1)),
								1, &type);
	if (statement_run(plan, &key, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW}) > 0)
		found = take_record(caller);
	run_as_end(saved);
	SPI_finish();
	return found;
}
