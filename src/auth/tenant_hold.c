/*
 * tenant_hold.c
 *		A tenant that somebody joins stays what it is until the transaction ends.
 *
 * Whoever deletes a tenant, by account.delete_tenant() or by a statement, locks its row, then the
 * advisory lock of the tenant, then looks at users and sessions. Who joins it takes the weaker
 * locks in the same order, and looks whether it is live last: so either the deletion sees the user,
 * or the user the deletion.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "base/base.h"
#include "session_lock.h"
#include "tenant_hold.h"

/* Lock the row, as a foreign key to it does. */
static void
lock_row(const Model *model, const char *tenant_id)
{
	Oid relid = model->relation[MODEL_TENANTS];
	Oid type = model_key_type(model, TENANTS_ID);
	KeptStatement *plan;
	RoleState saved;
	Datum key;

	if (!model_key_value(model, TENANTS_ID, tenant_id, &key))
		return;
	SPI_connect();
	saved = run_as(model->owner[MODEL_TENANTS]);
	plan = plan_lookup(PLAN_TENANT_HOLD, relid, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_TENANT_HOLD, relid, InvalidOid,
								psprintf(OWN_STATEMENT "SELECT 1 FROM %s t WHERE %s FOR KEY SHARE",
										 sql_relation(relid),
										 model_sql_key(model, "t", TENANTS_ID, 1)),
								1, &type);
	(void) statement_finds_row(plan, &key, NULL);
	run_as_end(saved);
	SPI_finish();
}

/* Lock a tenant, and look at it; see the header. */
bool
tenant_hold(const Model *model, const char *tenant_id, bool *is_active)
{
	bool mapped = OidIsValid(model->relation[MODEL_TENANTS]);

	*is_active = true;
	if (mapped)
		lock_row(model, tenant_id);
	session_lock_tenant(tenant_id, false);
	return !mapped || model_tenant(model, tenant_id, is_active) != NULL;
}
