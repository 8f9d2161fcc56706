/*
 * live_check.c
 *		The live row behind a token: what account.authenticate looks at.
 *
 * One kept statement by the user's key, which answers only for a user that may come in, and a look at the
 * session by its index. Nothing is locked or written: it works on a hot standby.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "compat.h"
#include "errors.h"
#include "identifiers.h"
#include "identity.h"
#include "plan_cache.h"
#include "session.h"

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

/* Is the user of these claims present, live, active, still of that tenant, its session not ended? */
void
identity_live_check(const IdentityClaims *claims)
{
	const Model *model = model_get();
	SPIPlanPtr plan;
	Oid users;
	Oid type;
	RoleState saved;
	Datum key;
	char *tenant;
	bool same;

	if (model == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no users table is mapped"),
				 errdetail("authenticate() looks at the live row of the user."),
				 errhint("Map it with account.use_tables(), or set pgaccount.live_check off."),
				 errhidesecrets()));
	model = model_require();
	users = model->relation[MODEL_USERS];
	type = model_key_type(model, USERS_ID);
	if (claims->uid == NULL || !model_key_value(model, USERS_ID, claims->uid, &key))
		refuse("There is no such user.");
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_MODEL_LIVE, users, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_generic(PLAN_MODEL_LIVE, users, InvalidOid, live_text(model), 1, &type);
	if (SPI_execute_plan(plan, &key, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look at the live row of a user");
	if (SPI_processed == 0)
		refuse("The user is gone, deleted or not active, or its tenant is not.");
	tenant = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	same = tenant == NULL || claims->tenant_id == NULL ? tenant == NULL && claims->tenant_id == NULL
													   : strcmp(tenant, claims->tenant_id) == 0;
	run_as_end(saved);
	SPI_finish();
	if (!same)
		refuse("The user is of another tenant now.");
	if (claims->session_id != NULL && !session_is_live(claims->session_id, claims->uid))
		refuse("The session has ended.");
}
