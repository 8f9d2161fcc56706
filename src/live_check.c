/*
 * live_check.c
 *		The live row behind a token: what account.authenticate looks at.
 *
 * Rows are looked at without a statement where they can be (model_rows.c), else by one kept statement as
 * the owner of users. Both read the same conditions from the model, on a snapshot of now: what has been
 * ended is ended in every isolation level.
 *
 * Nothing is locked or written: it works on a hot standby.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "errors.h"
#include "identifiers.h"
#include "identity.h"
#include "model_rows.h"
#include "session.h"
#include "statement.h"

/* Raise PT401; the detail is for who may see it. */
static void
refuse(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_UNAUTHENTICATED), errmsg("token is not valid"),
					errdetail_row("%s", detail),
					errhint("Ask for a new token, by login or refresh."), errhidesecrets()));
}

/* The statement: the tenant of user $1, as a token has it, if the user may come in. */
static char *
live_text(const Model *model)
{
	bool tenants = model_has(model, USERS_TENANT) && OidIsValid(model->relation[MODEL_TENANTS]);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT %s FROM %s u",
					 tenants ? model_sql_text(model, "t", TENANTS_ID)
							 : model_sql_text(model, "u", USERS_TENANT),
					 sql_relation(model->relation[MODEL_USERS]));
	if (tenants)
		appendStringInfo(&sql, " LEFT JOIN %s t ON %s",
						 sql_relation(model->relation[MODEL_TENANTS]),
						 model_sql_tenant_join(model, "u", "t"));
	appendStringInfo(&sql, " WHERE %s AND %s AND %s", model_sql_key(model, "u", USERS_ID, 1),
					 model_sql_live(model, "u", MODEL_USERS),
					 model_sql_boolean(model, "u", USERS_IS_ACTIVE, true));
	if (tenants)
		appendStringInfo(&sql, " AND (%s IS NULL OR (%s AND %s))",
						 model_sql(model, "t", TENANTS_ID),
						 model_sql_live(model, "t", MODEL_TENANTS),
						 model_sql_boolean(model, "t", TENANTS_IS_ACTIVE, true));
	return sql.data;
}

/* Ask by the statement. False: the user may not come in. *tenant: its tenant, as a token has it. */
static bool
ask_statement(const Model *model, Datum key, Snapshot snapshot, char **tenant)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid users = model->relation[MODEL_USERS];
	Oid type = model_key_type(model, USERS_ID);
	KeptStatement *plan;
	RoleState saved;
	bool found;

	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_MODEL_LIVE, users, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MODEL_LIVE, users, InvalidOid, live_text(model), 1, &type);
	found =
		statement_run(plan, &key, NULL, &(StatementOptions){.snapshot = snapshot, .limit = 1}) > 0;
	*tenant = found ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : NULL;
	if (*tenant != NULL)
		*tenant = MemoryContextStrdup(caller, *tenant);
	run_as_end(saved);
	SPI_finish();
	return found;
}

/* Look at the tenant of a user that may come in. False: the tenant may not. */
static bool
look_at_tenant(const ModelRows *rows, Datum key, Snapshot snapshot, char **tenant)
{
	KeyScan scan;
	bool passes;

	if (rows->rel[MODEL_TENANTS] == NULL)
	{
		*tenant = model_rows_key_text(USERS_TENANT, key);
		return true;
	}
	if (!model_rows_find(rows, MODEL_TENANTS, key, snapshot, &scan))
		return true; /* as if without tenant */
	passes = model_row_is_live(MODEL_TENANTS, scan.slot) &&
			 model_row_is_active(MODEL_TENANTS, scan.slot);
	key_scan_end(&scan);
	*tenant = model_rows_key_text(USERS_TENANT, key);
	return passes;
}

/* Look without a statement; see ask_statement(). */
static bool
look(const ModelRows *rows, Datum key, Snapshot snapshot, char **tenant)
{
	KeyScan scan;
	bool passes;
	bool no_tenant = true;
	Datum tenant_key = (Datum) 0;

	*tenant = NULL;
	if (!model_rows_find(rows, MODEL_USERS, key, snapshot, &scan))
		return false;
	passes =
		model_row_is_live(MODEL_USERS, scan.slot) && model_row_is_active(MODEL_USERS, scan.slot);
	if (passes)
		tenant_key = model_rows_key(rows, USERS_TENANT, scan.slot, &no_tenant);
	if (!no_tenant)
		passes = look_at_tenant(rows, tenant_key, snapshot, tenant);
	key_scan_end(&scan);
	return passes;
}

/* May this user come in? *tenant: its tenant, as a token has it. */
static bool
may_come_in(const char *uid, Snapshot snapshot, char **tenant)
{
	ModelRows rows;
	Datum key;
	bool admitted;

	model_rows_open(&rows, false);
	if (!model_key_value(rows.model, USERS_ID, uid, &key))
		admitted = false;
	else if (model_rows_direct(&rows))
		admitted = look(&rows, key, snapshot, tenant);
	else
		admitted = ask_statement(rows.model, key, snapshot, tenant);
	model_rows_close(&rows);
	return admitted;
}

/* Is the user of these claims present, live, active, still of that tenant, its session not ended? */
void
identity_live_check(const IdentityClaims *claims)
{
	Snapshot snapshot;
	char *tenant = NULL;

	if (model_get() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no users table is mapped"),
				 errdetail("authenticate() looks at the live row of the user."),
				 errhint("Map it with account.use_tables(), or set pgaccount.live_check off."),
				 errhidesecrets()));
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (claims->uid == NULL || !may_come_in(claims->uid, snapshot, &tenant))
		refuse("The user is gone, deleted or not active, or its tenant is not.");
	if (tenant == NULL || claims->tenant_id == NULL ? tenant != NULL || claims->tenant_id != NULL
													: strcmp(tenant, claims->tenant_id) != 0)
		refuse("The user is of another tenant now.");
	if (claims->session_id != NULL && !session_is_live(claims->session_id, claims->uid, snapshot))
		refuse("The session has ended.");
	UnregisterSnapshot(snapshot);
}
