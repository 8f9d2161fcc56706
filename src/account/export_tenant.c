/*
 * export_tenant.c
 *		account.export_tenant: all rows of a tenant, for its staff, in an order in which they can be
 *		loaded.
 *
 * Rows go into the tuple store that a function in FROM would fill anyway, one at a time: beyond
 * work_mem it is a file, and so are the keys of the walk: memory does not grow with the tenant.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "monitor/monitor.h"
#include "authority.h"
#include "export_stream.h"
#include "tenant_lookup.h"

ACCOUNT_OPERATION(export_tenant, "export_tenant", NO_SUBJECT);

/* ExportRow: a row of the result. */
static void
put_row(Oid relation, Datum row, void *arg)
{
	ReturnSetInfo *result = arg;
	Datum values[] = {ObjectIdGetDatum(relation), row};
	bool nulls[] = {false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The tenant that is exported; raises PT401, PT403, PT404. */
static TenantRecord *
tenant_argument(FunctionCallInfo fcinfo, const Model *model)
{
	UserRecord *actor = authority_actor(model);
	char *name = text_argument(fcinfo, 0, "tenant", MAX_TENANT);
	TenantRecord *tenant;
	TenantRights rights;

	tenant = tenant_is_mapped(model) ? tenant_find(model, name, TENANT_LIVE) : NULL;
	if (tenant == NULL)
		authority_require_staff(actor);
	tenant_require_mapped(model);
	if (tenant == NULL)
		tenant_refuse_unknown();
	operation_concerns(NULL, tenant->tenant_id);
	rights = authority_in_tenant(model, actor, tenant->tenant_id);
	if (!rights_are_any(&rights))
		authority_refuse_tenant("not allowed",
								model_has_members(model)
									? "Only who administers the tenant, its staff, or a superuser, "
									  "may do this."
									: "Only staff of the tenant, or a superuser, may do this.");
	return tenant;
}

/* account.export_tenant(tenant text) RETURNS TABLE (relation regclass, row_data jsonb) */
static Datum
export_tenant_operation(PG_FUNCTION_ARGS)
{
	ExportWalk walk = {0};
	Model model;
	TenantRecord *tenant;

	version_check();
	model = *model_require_locked();
	tenant = tenant_argument(fcinfo, &model);
	InitMaterializedSRF(fcinfo, 0);
	walk.model = &model;
	walk.graph = fk_graph_load();
	export_walk_tenant(&walk, tenant->tenant_id);
	export_stream(&walk, put_row, fcinfo->resultinfo);
	return (Datum) 0;
}
