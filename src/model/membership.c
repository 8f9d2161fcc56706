/*
 * membership.c
 *		Users in tenants, where a members table says which.
 *
 * By user and tenant a membership is looked at without a statement where that can be (user_read.c),
 * as each refresh does; else by kept statements as the owner of users, who must be able to read
 * members and tenants. All look on a snapshot of now, as user_record.c does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "liveness.h"
#include "membership.h"

/* Columns of the statement that reads memberships. */
enum
{
	COL_TENANT_KEY = 1,
	COL_TENANT_ID,
	COL_TENANT,
	COL_MODULES,
	COL_ROLE
};

/* SQL: the memberships that count; see the header. */
char *
membership_sql(const Model *model)
{
	StringInfoData sql;
	bool tenants = OidIsValid(model->relation[MODEL_TENANTS]);

	initStringInfo(&sql);
	appendStringInfo(&sql, "FROM %s m", sql_relation(model->relation[MODEL_MEMBERS]));
	if (tenants)
		appendStringInfo(&sql, " JOIN %s t ON %s", sql_relation(model->relation[MODEL_TENANTS]),
						 model_sql_same_key(model, "t", TENANTS_ID, "m", MEMBERS_TENANT));
	appendStringInfo(&sql, " WHERE %s AND %s AND %s IS NOT NULL",
					 live_sql(model, "m", MODEL_MEMBERS), active_sql(model, "m", MODEL_MEMBERS),
					 model_sql(model, "m", MEMBERS_TENANT));
	if (tenants)
		appendStringInfo(&sql, " AND %s AND %s", live_sql(model, "t", MODEL_TENANTS),
						 active_sql(model, "t", MODEL_TENANTS));
	return sql.data;
}

/* The text that reads memberships of user $1; of one tenant, $2, or of all. */
static char *
read_text(const Model *model, bool one_tenant)
{
	bool tenants = OidIsValid(model->relation[MODEL_TENANTS]);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT %s, %s, %s, %s, %s %s AND %s",
					 model_sql_text(model, "m", MEMBERS_TENANT),
					 tenants ? model_sql_text(model, "t", TENANTS_ID)
							 : model_sql_text(model, "m", MEMBERS_TENANT),
					 tenants
						 ? psprintf("CASE WHEN %s OPERATOR(pg_catalog.<>) '' THEN %s ELSE %s END",
									model_sql_text(model, "t", TENANTS_SLUG),
									model_sql_text(model, "t", TENANTS_SLUG),
									model_sql_text(model, "t", TENANTS_NAME))
						 : "NULL::pg_catalog.text",
					 tenants && model_reads_modules(model) ? model_sql(model, "t", TENANTS_MODULES)
														   : "NULL::pg_catalog.jsonb",
					 model_sql_text(model, "m", MEMBERS_ROLE), membership_sql(model),
					 model_sql_key(model, "m", MEMBERS_USER, 1));
	if (one_tenant)
		appendStringInfo(&sql, " AND %s", model_sql_key(model, "m", MEMBERS_TENANT, 2));
	return sql.data;
}

/*
 * Read memberships of a user, at most so many; tenant_key NULL: of all tenants. Within SPI_connect.
 * Returns the rows.
 */
static uint64
read_memberships(const Model *model, const char *user_id, const char *tenant_key, uint64 limit)
{
	Oid members = model->relation[MODEL_MEMBERS];
	bool one = tenant_key != NULL;
	Oid types[] = {model_key_type(model, MEMBERS_USER), model_key_type(model, MEMBERS_TENANT)};
	Datum values[2] = {0};
	KeptStatement *plan;
	RoleState saved;
	uint64 rows;

	if (!model_key_value(model, MEMBERS_USER, user_id, &values[0]) ||
		(one && !model_key_value(model, MEMBERS_TENANT, tenant_key, &values[1])))
		return 0;
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_MEMBERSHIP_READ, members, one);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MEMBERSHIP_READ, members, one, read_text(model, one), 1 + one,
								types);
	rows = statement_run(plan, values, NULL,
						 &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = limit});
	run_as_end(saved);
	return rows;
}

/* A text of the row just read, in a memory context; NULL for NULL. */
static char *
row_text(int column, MemoryContext context)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

/* Put the user into the tenant of the row just read. */
static void
take_membership(UserRecord *user, MemoryContext context)
{
	HeapTuple row = SPI_tuptable->vals[0];
	TupleDesc desc = SPI_tuptable->tupdesc;
	MemoryContext spi;
	Datum value;

	user->is_member = true;
	user->tenant_key = row_text(COL_TENANT_KEY, context);
	user->tenant_id = row_text(COL_TENANT_ID, context);
	user->tenant = row_text(COL_TENANT, context);
	user->tenant_role = row_text(COL_ROLE, context);
	user->tenant_is_active = true;
	value = SPI_getbinval(row, desc, COL_MODULES, &user->modules_isnull);
	user->modules_type = SPI_gettypeid(desc, COL_MODULES);
	spi = MemoryContextSwitchTo(context);
	user->modules =
		user->modules_isnull ? (Datum) 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	MemoryContextSwitchTo(spi);
}

/*
 * The same without a statement. False: that cannot be, or the model is another by now; else
 * *entered says whether it is a member.
 */
static bool
enter_direct(const Model *model, UserRecord *user, const char *tenant_key, bool *entered)
{
	ModelRows rows;
	bool direct;
	Datum user_value;
	Datum tenant_value;

	model_rows_open(&rows, true);
	direct = rows.model->generation == model->generation && user_read_direct(&rows);
	if (direct)
	{
		Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());

		*entered = model_key_value(model, MEMBERS_USER, user->user_id, &user_value) &&
				   model_key_value(model, MEMBERS_TENANT, tenant_key, &tenant_value) &&
				   user_read_membership(&rows, user_value, tenant_value, snapshot, user);
		UnregisterSnapshot(snapshot);
	}
	model_rows_close(&rows);
	return direct;
}

/* Put a user into a tenant; see the header. */
bool
membership_enter(const Model *model, UserRecord *user, const char *tenant_key)
{
	MemoryContext caller = CurrentMemoryContext;
	bool entered;

	if (enter_direct(model, user, tenant_key, &entered))
		return entered;
	SPI_connect();
	entered = read_memberships(model, user->user_id, tenant_key, 1) > 0;
	if (entered)
		take_membership(user, caller);
	SPI_finish();
	return entered;
}

/* Has a user a membership that counts? See the header. */
bool
membership_counts(const Model *model, const char *user_id, const char *tenant_key, char **role)
{
	UserRecord user = {.user_id = unconstify(char *, user_id)};
	bool counts = membership_enter(model, &user, tenant_key);

	if (role != NULL)
		*role = counts ? user.tenant_role : NULL;
	return counts;
}

/* The only tenant of a user; see the header. */
char *
membership_only(const Model *model, const char *user_id)
{
	MemoryContext caller = CurrentMemoryContext;
	char *only = NULL;

	SPI_connect();
	if (read_memberships(model, user_id, NULL, 2) == 1)
		only = row_text(COL_TENANT_KEY, caller);
	SPI_finish();
	return only;
}

/* The roles of a user's memberships; see the header. */
List *
membership_roles(const Model *model, const char *user_id)
{
	MemoryContext caller = CurrentMemoryContext;
	List *roles = NIL;

	SPI_connect();
	(void) read_memberships(model, user_id, NULL, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);
		char *role = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, COL_ROLE);

		CHECK_FOR_INTERRUPTS();
		if (role != NULL)
			roles = lappend(roles, role);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return roles;
}

/* Lock a membership; see the header. */
bool
membership_lock(const Model *model, const char *user_id, const char *tenant_key)
{
	Oid members = model->relation[MODEL_MEMBERS];
	Oid types[] = {model_key_type(model, MEMBERS_USER), model_key_type(model, MEMBERS_TENANT)};
	Datum values[2];
	KeptStatement *plan;
	RoleState saved;
	bool found;

	if (!model_key_value(model, MEMBERS_USER, user_id, &values[0]) ||
		!model_key_value(model, MEMBERS_TENANT, tenant_key, &values[1]))
		return false;
	SPI_connect();
	saved = run_as(model->owner[MODEL_MEMBERS]);
	plan = plan_lookup(PLAN_MEMBERSHIP_LOCK, members, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(
			PLAN_MEMBERSHIP_LOCK, members, InvalidOid,
			psprintf(OWN_STATEMENT "SELECT FROM %s m WHERE %s AND %s AND %s AND %s FOR SHARE",
					 sql_relation(members), model_sql_key(model, "m", MEMBERS_USER, 1),
					 model_sql_key(model, "m", MEMBERS_TENANT, 2),
					 live_sql(model, "m", MODEL_MEMBERS), active_sql(model, "m", MODEL_MEMBERS)),
			2, types);
	found = statement_finds_row(plan, values, NULL);
	run_as_end(saved);
	SPI_finish();
	return found;
}
