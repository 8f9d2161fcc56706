/*
 * live_check.c
 *		The live row behind a token: what account.authenticate looks at.
 *
 * Rows are looked at without a statement where they can be (model_rows.c), else by one kept
 * statement as the owner of users. Both read the same conditions from the model, on a snapshot of
 * now: what has been ended is ended in every isolation level.
 *
 * Nothing is locked or written: it works on a hot standby.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "base/base.h"
#include "model/model.h"
#include "identity.h"
#include "session_row.h"

/* Raise PT401; the detail is for who may see it. */
static void
refuse(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_UNAUTHENTICATED), errmsg("token is not valid"),
					errdetail_row("%s", detail),
					errhint("Ask for a new token, by login or refresh."), errhidesecrets()));
}

/* The statement: the tenant of user $1, as a token has it, and its key, if the user may come in. */
static char *
live_text(const Model *model)
{
	bool tenants = model_has(model, USERS_TENANT) && OidIsValid(model->relation[MODEL_TENANTS]);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(
		&sql, OWN_STATEMENT "SELECT %s, %s FROM %s u",
		tenants ? model_sql_text(model, "t", TENANTS_ID) : model_sql_text(model, "u", USERS_TENANT),
		model_sql_text(model, "u", USERS_ID), sql_relation(model->relation[MODEL_USERS]));
	if (tenants)
		appendStringInfo(&sql, " LEFT JOIN %s t ON %s",
						 sql_relation(model->relation[MODEL_TENANTS]),
						 model_sql_tenant_join(model, "u", "t"));
	appendStringInfo(&sql, " WHERE %s AND %s AND %s", model_sql_key(model, "u", USERS_ID, 1),
					 live_sql(model, "u", MODEL_USERS), active_sql(model, "u", MODEL_USERS));
	if (tenants)
		appendStringInfo(&sql, " AND (%s IS NULL OR (%s AND %s))",
						 model_sql(model, "t", TENANTS_ID), live_sql(model, "t", MODEL_TENANTS),
						 active_sql(model, "t", MODEL_TENANTS));
	return sql.data;
}

/* A column of the row just read, in a memory context; NULL for NULL. */
static char *
column_text(int column, MemoryContext context)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

/*
 * Ask by the statement. NULL: the user may not come in; else its key. *tenant: its tenant, as a
 * token has it.
 */
static char *
ask_statement(const Model *model, Datum key, Snapshot snapshot, char **tenant)
{
	MemoryContext caller = CurrentMemoryContext;
	char *uid = NULL;
	Oid users = model->relation[MODEL_USERS];
	Oid type = model_key_type(model, USERS_ID);
	KeptStatement *plan;
	RoleState saved;

	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_MODEL_LIVE, users, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MODEL_LIVE, users, InvalidOid, live_text(model), 1, &type);
	if (statement_run(plan, &key, NULL, &(StatementOptions){.snapshot = snapshot, .limit = 1}) > 0)
	{
		*tenant = column_text(1, caller);
		uid = column_text(2, caller);
	}
	run_as_end(saved);
	SPI_finish();
	return uid;
}

/* Look at the tenant of a user that may come in. False: the tenant may not. */
static bool
look_at_tenant(const ModelRows *rows, Datum key, Snapshot snapshot, char **tenant)
{
	LookupScan scan;
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
	lookup_end(&scan);
	*tenant = model_rows_key_text(USERS_TENANT, key);
	return passes;
}

/* Look without a statement; see ask_statement(). */
static char *
look(const ModelRows *rows, Datum key, Snapshot snapshot, char **tenant)
{
	LookupScan scan;
	bool passes;
	bool no_tenant = true;
	bool no_id;
	Datum tenant_key = (Datum) 0;
	char *uid = NULL;

	if (!model_rows_find(rows, MODEL_USERS, key, snapshot, &scan))
		return NULL;
	passes =
		model_row_is_live(MODEL_USERS, scan.slot) && model_row_is_active(MODEL_USERS, scan.slot);
	if (passes)
		tenant_key = model_rows_key(rows, USERS_TENANT, scan.slot, &no_tenant);
	if (!no_tenant)
		passes = look_at_tenant(rows, tenant_key, snapshot, tenant);
	if (passes)
		uid = model_rows_key_text(USERS_ID, model_rows_key(rows, USERS_ID, scan.slot, &no_id));
	lookup_end(&scan);
	return uid;
}

/* The key of this user, if it may come in, else NULL. *tenant: its tenant, as a token has it. */
static char *
may_come_in(const char *uid, Snapshot snapshot, char **tenant)
{
	ModelRows rows;
	Datum key;
	char *admitted = NULL;

	*tenant = NULL;
	model_rows_open(&rows, false);
	if (model_key_value(rows.model, USERS_ID, uid, &key))
		admitted = model_rows_direct(&rows) ? look(&rows, key, snapshot, tenant)
											: ask_statement(rows.model, key, snapshot, tenant);
	model_rows_close(&rows);
	return admitted;
}

/*
 * Is the user of these claims present, live, active, still of that tenant, its session not ended?
 */
const char *
identity_live_check(const IdentityClaims *claims)
{
	Snapshot snapshot;
	pg_uuid_t session;
	char *tenant = NULL;
	char *uid;

	if (model_get() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no users table is mapped"),
				 errdetail("authenticate() looks at the live row of the user."),
				 errhint("Map it with account.use_tables(), or set pgaccount.live_check off."),
				 errhidesecrets()));
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	uid = claims->uid == NULL ? NULL : may_come_in(claims->uid, snapshot, &tenant);
	if (uid == NULL)
		refuse("The user is gone, deleted or not active, or its tenant is not.");
	if (tenant == NULL || claims->tenant_id == NULL ? tenant != NULL || claims->tenant_id != NULL
													: strcmp(tenant, claims->tenant_id) != 0)
		refuse("The user is of another tenant now.");
	if (claims->session_id != NULL && !(uuid_text_read(claims->session_id, &session) &&
										session_row_is_live(&session, uid, snapshot)))
		refuse("The session has ended.");
	UnregisterSnapshot(snapshot);
	return uid;
}

/* The key of a user as the type of keys writes it. */
const char *
identity_normal_uid(const char *uid)
{
	const Model *model = uid == NULL ? NULL : model_get();
	const char *normal =
		model != NULL && model_has(model, USERS_ID) ? model_normal_key(model, USERS_ID, uid) : NULL;

	return normal != NULL ? normal : uid;
}
