/*
 * membership.c
 *		Users in tenants, where a members table says which.
 *
 * By user and tenant a membership is looked at without a statement where that can be (user_read.c),
 * as each refresh does; else by kept statements, of members and of tenants each as their owner: no
 * policy of one runs with the rights of another. All look on a snapshot of now, as user_record.c
 * does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "liveness.h"
#include "membership.h"

/* The text that reads the live memberships of user $1; in one tenant, $2, or in all. */
static char *
members_text(const Model *model, bool one_tenant)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(
		&sql, OWN_STATEMENT "SELECT %s, %s, %s FROM %s m WHERE %s AND %s AND %s IS NOT NULL",
		model_sql_text(model, "m", MEMBERS_TENANT), model_sql_text(model, "m", MEMBERS_ROLE),
		active_sql(model, "m", MODEL_MEMBERS), sql_relation(model->relation[MODEL_MEMBERS]),
		model_sql_key(model, "m", MEMBERS_USER, 1), live_sql(model, "m", MODEL_MEMBERS),
		model_sql(model, "m", MEMBERS_TENANT));
	if (one_tenant)
		appendStringInfo(&sql, " AND %s", model_sql_key(model, "m", MEMBERS_TENANT, 2));
	else
		appendStringInfo(&sql, " ORDER BY %s COLLATE \"C\"",
						 model_sql_text(model, "m", MEMBERS_TENANT));
	return sql.data;
}

/* The live memberships of a user; tenant_key NULL: in all tenants, whatever these are. */
static List *
read_members(const Model *model, const char *user_id, const char *tenant_key)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid members = model->relation[MODEL_MEMBERS];
	bool one = tenant_key != NULL;
	Oid types[] = {model_key_type(model, MEMBERS_USER), model_key_type(model, MEMBERS_TENANT)};
	Datum values[2] = {0};
	KeptStatement *plan;
	RoleState saved;
	List *found = NIL;

	if (!model_key_value(model, MEMBERS_USER, user_id, &values[0]) ||
		(one && !model_key_value(model, MEMBERS_TENANT, tenant_key, &values[1])))
		return NIL;
	SPI_connect();
	saved = run_as(model->owner[MODEL_MEMBERS]);
	plan = plan_lookup(PLAN_MEMBERSHIP_READ, members, one);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MEMBERSHIP_READ, members, one, members_text(model, one),
								1 + one, types);
	(void) statement_run(plan, values, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Membership *member = MemoryContextAllocZero(caller, sizeof(Membership));
		MemoryContext spi = MemoryContextSwitchTo(caller);

		CHECK_FOR_INTERRUPTS();
		member->tenant_key = row_text(i, 1, caller);
		member->role = row_text(i, 2, caller);
		member->is_active = row_boolean(i, 3);
		found = lappend(found, member);
		MemoryContextSwitchTo(spi);
	}
	run_as_end(saved);
	SPI_finish();
	return found;
}

/* The text that reads live tenant $1. */
static char *
tenant_text(const Model *model)
{
	return psprintf(
		OWN_STATEMENT "SELECT %s, CASE WHEN %s OPERATOR(pg_catalog.<>) '' THEN %s ELSE %s END, %s, "
					  "%s FROM %s t WHERE %s AND %s LIMIT 1",
		model_sql_text(model, "t", TENANTS_ID), model_sql_text(model, "t", TENANTS_SLUG),
		model_sql_text(model, "t", TENANTS_SLUG), model_sql_text(model, "t", TENANTS_NAME),
		active_sql(model, "t", MODEL_TENANTS),
		model_reads_modules(model) ? model_sql(model, "t", TENANTS_MODULES)
								   : "NULL::pg_catalog.jsonb",
		sql_relation(model->relation[MODEL_TENANTS]), model_sql_key(model, "t", TENANTS_ID, 1),
		live_sql(model, "t", MODEL_TENANTS));
}

/* Take the tenant of the row just read into a record. */
static void
take_tenant(UserRecord *user, MemoryContext context)
{
	HeapTuple row = SPI_tuptable->vals[0];
	TupleDesc desc = SPI_tuptable->tupdesc;
	MemoryContext spi;
	Datum value;

	user->tenant_id = row_text(0, 1, context);
	user->tenant = row_text(0, 2, context);
	user->tenant_is_active = row_boolean(0, 3);
	value = SPI_getbinval(row, desc, 4, &user->modules_isnull);
	user->modules_type = SPI_gettypeid(desc, 4);
	spi = MemoryContextSwitchTo(context);
	user->modules =
		user->modules_isnull ? (Datum) 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	MemoryContextSwitchTo(spi);
}

/* Read the tenant of a membership. False: it is not there, or deleted. */
static bool
read_tenant(const Model *model, Membership *member)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid tenants = model->relation[MODEL_TENANTS];
	Oid type;
	KeptStatement *plan;
	RoleState saved;
	Datum key;
	bool found;

	member->in = (UserRecord){.is_member = true,
							  .tenant_key = member->tenant_key,
							  .tenant_role = member->role,
							  .modules_isnull = true};
	if (!OidIsValid(tenants))
	{
		member->in.tenant_id = member->tenant_key;
		member->in.tenant_is_active = true;
		member->counts = member->is_active;
		return true;
	}
	if (!model_key_value(model, TENANTS_ID, member->tenant_key, &key))
		return false;
	type = model_key_type(model, TENANTS_ID);
	SPI_connect();
	saved = run_as(model->owner[MODEL_TENANTS]);
	plan = plan_lookup(PLAN_MEMBERSHIP_TENANT, tenants, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MEMBERSHIP_TENANT, tenants, InvalidOid, tenant_text(model), 1,
								&type);
	found = statement_run(plan, &key, NULL,
						  &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = 1}) > 0;
	if (found)
		take_tenant(&member->in, caller);
	run_as_end(saved);
	SPI_finish();
	member->counts = found && member->is_active && member->in.tenant_is_active;
	return found;
}

/* Put the user into the tenant of a membership that counts. */
static void
enter(UserRecord *user, const Membership *member)
{
	user->is_member = true;
	user->tenant_key = member->in.tenant_key;
	user->tenant_id = member->in.tenant_id;
	user->tenant = member->in.tenant;
	user->tenant_role = member->in.tenant_role;
	user->tenant_is_active = true;
	user->modules_type = member->in.modules_type;
	user->modules_isnull = member->in.modules_isnull;
	user->modules = member->in.modules;
}

/* The same without a statement. */
static bool
enter_direct(const ModelRows *rows, UserRecord *user, const char *tenant_key)
{
	Snapshot snapshot;
	bool entered;
	Datum values[2];

	if (!model_key_value(rows->model, MEMBERS_USER, user->user_id, &values[0]) ||
		!model_key_value(rows->model, MEMBERS_TENANT, tenant_key, &values[1]))
		return false;
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	entered = user_read_membership(rows, values[0], values[1], snapshot, user);
	UnregisterSnapshot(snapshot);
	return entered;
}

/* Put a user into a tenant; see the header. */
bool
membership_enter(const Model *model, UserRecord *user, const char *tenant_key)
{
	ModelRows rows;
	bool entered;

	model_rows_open_as(&rows, model);
	entered = membership_rows_enter(&rows, user, tenant_key);
	model_rows_close(&rows);
	return entered;
}

/* The same in rows that are open. */
bool
membership_rows_enter(const ModelRows *rows, UserRecord *user, const char *tenant_key)
{
	List *found;
	ListCell *cell;

	if (user_read_direct(rows))
		return enter_direct(rows, user, tenant_key);
	found = read_members(rows->model, user->user_id, tenant_key);
	foreach (cell, found)
	{
		Membership *member = lfirst(cell);

		if (!member->is_active || !read_tenant(rows->model, member) || !member->counts)
			continue;
		enter(user, member);
		return true;
	}
	return false;
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
	List *found = read_members(model, user_id, NULL);
	char *only = NULL;
	ListCell *cell;

	foreach (cell, found)
	{
		Membership *member = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (!member->is_active || !read_tenant(model, member) || !member->counts)
			continue;
		if (only != NULL)
			return NULL;
		only = member->tenant_key;
	}
	return only;
}

/* All memberships of a user; see the header. */
List *
membership_list(const Model *model, const char *user_id)
{
	List *found = read_members(model, user_id, NULL);
	List *listed = NIL;
	ListCell *cell;

	foreach (cell, found)
	{
		CHECK_FOR_INTERRUPTS();
		if (read_tenant(model, lfirst(cell)))
			listed = lappend(listed, lfirst(cell));
	}
	return listed;
}

/* Lock it by the statement. */
static bool
lock_by_statement(const Model *model, Datum *values, char **role)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid members = model->relation[MODEL_MEMBERS];
	Oid types[] = {model_key_type(model, MEMBERS_USER), model_key_type(model, MEMBERS_TENANT)};
	KeptStatement *plan;
	RoleState saved;
	bool found;

	SPI_connect();
	saved = run_as(model->owner[MODEL_MEMBERS]);
	plan = plan_lookup(PLAN_MEMBERSHIP_LOCK, members, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(
			PLAN_MEMBERSHIP_LOCK, members, InvalidOid,
			psprintf(OWN_STATEMENT "SELECT %s FROM %s m WHERE %s AND %s AND %s AND %s FOR SHARE",
					 model_sql_text(model, "m", MEMBERS_ROLE), sql_relation(members),
					 model_sql_key(model, "m", MEMBERS_USER, 1),
					 model_sql_key(model, "m", MEMBERS_TENANT, 2),
					 live_sql(model, "m", MODEL_MEMBERS), active_sql(model, "m", MODEL_MEMBERS)),
			2, types);
	found = statement_finds_row(plan, values, NULL);
	if (found)
		*role = row_text(0, 1, caller);
	run_as_end(saved);
	SPI_finish();
	return found;
}

/* Lock a membership; see the header. */
bool
membership_lock(const ModelRows *rows, const char *user_id, const char *tenant_key,
				Membership *member)
{
	const Model *model = rows->model;
	Datum values[2];

	*member = (Membership){.tenant_key = pstrdup(tenant_key), .is_active = true};
	if (!model_key_value(model, MEMBERS_USER, user_id, &values[0]) ||
		!model_key_value(model, MEMBERS_TENANT, tenant_key, &values[1]))
		return false;
	return user_read_direct(rows)
			   ? user_read_lock_membership(rows, values[0], values[1], &member->role)
			   : lock_by_statement(model, values, &member->role);
}

/* Put a user into the tenant of its membership; see the header. */
bool
membership_take(const ModelRows *rows, UserRecord *user, Membership *member)
{
	Snapshot snapshot;
	bool entered;
	Datum key;

	if (user_read_direct(rows))
	{
		if (!model_key_value(rows->model, MEMBERS_TENANT, member->tenant_key, &key))
			return false;
		snapshot = RegisterSnapshot(GetLatestSnapshot());
		entered = user_read_enter(rows, key, member->role, snapshot, user);
		UnregisterSnapshot(snapshot);
		return entered;
	}
	if (!read_tenant(rows->model, member) || !member->counts)
		return false;
	enter(user, member);
	return true;
}

/* The text that reads the keys of the users of tenant $1. */
static char *
tenant_users_text(const Model *model)
{
	bool members = model_has_members(model);
	ModelPart part = members ? MODEL_MEMBERS : MODEL_USERS;
	char *user = model_sql_text(model, "m", members ? MEMBERS_USER : USERS_ID);

	return psprintf(OWN_STATEMENT "SELECT %s FROM %s m WHERE %s AND %s IS NOT NULL", user,
					sql_relation(model->relation[part]),
					model_sql_key(model, "m", model_tenant_attribute(model), 1), user);
}

/* The users of a tenant; see the header. */
Datum
tenant_users(const Model *model, const char *tenant_key, uint64 limit, uint64 *n)
{
	ModelPart part = model_has_members(model) ? MODEL_MEMBERS : MODEL_USERS;
	ModelAttribute tenant = model_tenant_attribute(model);
	MemoryContext caller = CurrentMemoryContext;
	Datum *keys;
	Datum key;
	Datum found = (Datum) 0;
	KeptStatement *plan;
	RoleState saved;
	Oid type;
	bool isnull;

	*n = 0;
	if (!model_has(model, tenant) || !model_key_value(model, tenant, tenant_key, &key))
		return (Datum) 0;
	type = model_key_type(model, tenant);
	SPI_connect();
	saved = run_as(model->owner[part]);
	plan = plan_lookup(PLAN_TENANT_USERS, model->relation[part], InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_TENANT_USERS, model->relation[part], InvalidOid,
								tenant_users_text(model), 1, &type);
	*n = statement_run(plan, &key, NULL,
					   &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = limit});
	keys = palloc(Max(*n, 1) * sizeof(Datum));
	for (uint64 i = 0; i < *n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		keys[i] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
	}
	run_as_end(saved);
	MemoryContextSwitchTo(caller);
	if (*n > 0)
		found = PointerGetDatum(construct_array(keys, (int) *n, TEXTOID, -1, false, TYPALIGN_INT));
	SPI_finish();
	return found;
}
