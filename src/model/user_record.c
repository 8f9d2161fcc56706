/*
 * user_record.c
 *		The record of a user, read through the account model.
 *
 * One statement reads user, tenant and profile. Whatever the model lacks has a defined value in its
 * text, and what the rows lack has one here, so that no combination of missing columns, missing
 * rows and NULLs is an error. By key, as each refresh asks, it is read without one (user_read.c)
 * where that can be. Statements run as the owner of the users table, who must be able to read the
 * others, on a snapshot of now: what a caller locked before must be seen as it is, in every
 * isolation level.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "base/base.h"
#include "password/password.h"
#include "liveness.h"
#include "login_names.h"
#include "membership.h"
#include "model_rule.h"
#include "user_record.h"

/* Columns of the statement that reads a user. */
enum
{
	COL_ID = 1,
	COL_EMAIL,
	COL_USERNAME,
	COL_PASSWORD,
	COL_ACTIVE,
	COL_STAFF,
	COL_SUPERUSER,
	COL_LIVE,
	COL_TENANT_ID,
	COL_TENANT_KEY,
	COL_TENANT,
	COL_TENANT_ACTIVE,
	COL_MODULES,
	COL_ROLE
};

/*
 * SQL: is the attribute the name in this parameter, without case? Both lose it by the collation of
 * the column; they are compared as an index finds it.
 */
char *
model_sql_folded(const Model *model, const char *alias, ModelAttribute attribute, int parameter)
{
	Oid own = name_collation(model, attribute);
	Oid collation;

	(void) name_has_index(model, attribute, true, &collation);
	if (!OidIsValid(collation) && own != DEFAULT_COLLATION_OID)
		collation = own;
	return psprintf("pg_catalog.lower(%s) OPERATOR(pg_catalog.=) pg_catalog.lower($%d%s%s)%s%s",
					model_sql_text(model, alias, attribute), parameter,
					own != DEFAULT_COLLATION_OID ? " COLLATE " : "",
					own != DEFAULT_COLLATION_OID ? sql_collation(own) : "",
					OidIsValid(collation) ? " COLLATE " : "",
					OidIsValid(collation) ? sql_collation(collation) : "");
}

/* SQL: is the attribute the login in this parameter? */
char *
model_sql_named(const Model *model, const char *alias, ModelAttribute attribute, int parameter)
{
	if (attribute == USERS_EMAIL || name_username_folds(model))
		return model_sql_folded(model, alias, attribute, parameter);
	return psprintf("%s OPERATOR(pg_catalog.=) $%d", model_sql_text(model, alias, attribute),
					parameter);
}

/* SQL: is the slug of a tenant this text parameter? Without case where its type says so. */
char *
model_sql_slug(const Model *model, const char *alias, int parameter)
{
	char *slug = model_sql_text(model, alias, TENANTS_SLUG);

	if (model_has(model, TENANTS_SLUG) && type_is_citext(model->column[TENANTS_SLUG].type))
		return psprintf("pg_catalog.lower(%s) OPERATOR(pg_catalog.=) pg_catalog.lower($%d)", slug,
						parameter);
	return psprintf("%s OPERATOR(pg_catalog.=) $%d", slug, parameter);
}

/* Append the tenant of user u as t, at most one row. False: the model knows no tenants. */
static bool
append_tenant_join(StringInfo sql, const Model *model)
{
	if (!model_has(model, USERS_TENANT) || !OidIsValid(model->relation[MODEL_TENANTS]))
		return false;
	appendStringInfo(sql, " LEFT JOIN LATERAL (SELECT t.* FROM %s t WHERE %s LIMIT 1) t ON true",
					 sql_relation(model->relation[MODEL_TENANTS]),
					 model_sql_tenant_join(model, "u", "t"));
	return true;
}

/* SQL: may those of tenant t come in? */
static char *
tenant_active_sql(const Model *model, const char *alias)
{
	return psprintf("(%s AND %s)", live_sql(model, alias, MODEL_TENANTS),
					active_sql(model, alias, MODEL_TENANTS));
}

/* SQL: the profile's role of user u. */
static char *
role_sql(const Model *model)
{
	if (!OidIsValid(model->relation[MODEL_PROFILES]) || !model_has(model, PROFILES_ROLE) ||
		!model_has(model, PROFILES_USER))
		return "NULL::pg_catalog.text";
	return psprintf("(SELECT %s FROM %s p WHERE %s OPERATOR(pg_catalog.=) %s LIMIT 1)",
					model_sql_text(model, "p", PROFILES_ROLE),
					sql_relation(model->relation[MODEL_PROFILES]),
					model_key_type(model, PROFILES_USER) == model_key_type(model, USERS_ID) &&
							model_key_type(model, USERS_ID) != TEXTOID
						? model_sql(model, "p", PROFILES_USER)
						: model_sql_text(model, "p", PROFILES_USER),
					model_key_type(model, PROFILES_USER) == model_key_type(model, USERS_ID) &&
							model_key_type(model, USERS_ID) != TEXTOID
						? model_sql(model, "u", USERS_ID)
						: model_sql_text(model, "u", USERS_ID));
}

/* SQL: all of a user, up to WHERE. */
static void
append_user(StringInfo sql, const Model *model)
{
	StringInfoData join;
	bool tenants;

	initStringInfo(&join);
	tenants = append_tenant_join(&join, model);
	appendStringInfo(
		sql,
		OWN_STATEMENT "SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM %s u%s",
		model_sql_text(model, "u", USERS_ID), model_sql_text(model, "u", USERS_EMAIL),
		model_sql_text(model, "u", USERS_USERNAME), model_sql_text(model, "u", USERS_PASSWORD),
		active_sql(model, "u", MODEL_USERS), model_sql_boolean(model, "u", USERS_IS_STAFF, false),
		model_sql_boolean(model, "u", USERS_IS_SUPERUSER, false), live_sql(model, "u", MODEL_USERS),
		tenants ? model_sql_text(model, "t", TENANTS_ID) : model_sql_text(model, "u", USERS_TENANT),
		model_sql_text(model, "u", USERS_TENANT),
		tenants ? psprintf("CASE WHEN %s OPERATOR(pg_catalog.<>) '' THEN %s ELSE %s END",
						   model_sql_text(model, "t", TENANTS_SLUG),
						   model_sql_text(model, "t", TENANTS_SLUG),
						   model_sql_text(model, "t", TENANTS_NAME))
				: "NULL::pg_catalog.text",
		tenants ? psprintf("(%s IS NULL OR %s)", model_sql(model, "t", TENANTS_ID),
						   tenant_active_sql(model, "t"))
				: "true",
		tenants && model_reads_modules(model) ? model_sql(model, "t", TENANTS_MODULES)
											  : "NULL::pg_catalog.jsonb",
		role_sql(model), sql_relation(model->relation[MODEL_USERS]), join.data);
}

/*
 * Run a statement that reads, as the owner of the users, on a snapshot of now. Within SPI_connect.
 */
static void
run_reader(KeptStatement *plan, Datum *values, const char *nulls, long limit)
{
	(void) statement_run(plan, values, nulls,
						 &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = limit});
}

/* A row that was read, as a record in a memory context. */
static UserRecord *
take_record(MemoryContext context, uint64 n)
{
	UserRecord *user = MemoryContextAllocZero(context, sizeof(UserRecord));
	HeapTuple row = SPI_tuptable->vals[n];
	TupleDesc desc = SPI_tuptable->tupdesc;
	MemoryContext spi = CurrentMemoryContext;
	bool isnull;
	Datum value;

	user->user_id = row_text(n, COL_ID, context);
	user->email = row_text(n, COL_EMAIL, context);
	user->username = row_text(n, COL_USERNAME, context);
	user->is_active = row_boolean(n, COL_ACTIVE);
	user->is_staff = row_boolean(n, COL_STAFF);
	user->is_superuser = row_boolean(n, COL_SUPERUSER);
	user->is_live = row_boolean(n, COL_LIVE);
	user->tenant_id = row_text(n, COL_TENANT_ID, context);
	user->tenant_key = row_text(n, COL_TENANT_KEY, context);
	user->tenant = row_text(n, COL_TENANT, context);
	user->tenant_is_active = row_boolean(n, COL_TENANT_ACTIVE);
	user->role = row_text(n, COL_ROLE, context);

	MemoryContextSwitchTo(context);
	value = SPI_getbinval(row, desc, COL_PASSWORD, &isnull);
	user->password = isnull ? NULL : DatumGetTextPCopy(value);
	value = SPI_getbinval(row, desc, COL_MODULES, &user->modules_isnull);
	user->modules_type = SPI_gettypeid(desc, COL_MODULES);
	if (!user->modules_isnull)
		user->modules = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	MemoryContextSwitchTo(spi);
	return user;
}

/* The user with a key, without a statement. */
static UserRecord *
read_direct(const ModelRows *rows, Datum key)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	UserRecord *user = user_read_key(rows, key, snapshot);

	UnregisterSnapshot(snapshot);
	return user;
}

/* The user of this id, or NULL. */
UserRecord *
model_user_by_id(const Model *model, const char *user_id)
{
	UserRecord *user;
	ModelRows rows;

	model_rows_open_as(&rows, model);
	user = model_rows_user(&rows, user_id);
	model_rows_close(&rows);
	return user;
}

/* The same in rows that are open. */
UserRecord *
model_rows_user(const ModelRows *rows, const char *user_id)
{
	MemoryContext caller = CurrentMemoryContext;
	const Model *model = rows->model;
	Oid type = model_key_type(model, USERS_ID);
	UserRecord *user = NULL;
	KeptStatement *plan;
	RoleState saved;
	Datum key;

	if (!model_key_value(model, USERS_ID, user_id, &key))
		return NULL;
	if (user_read_direct(rows))
		return read_direct(rows, key);
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_MODEL_USER, model->relation[MODEL_USERS], InvalidOid);
	if (plan == NULL)
	{
		StringInfoData sql;

		initStringInfo(&sql);
		append_user(&sql, model);
		appendStringInfo(&sql, " WHERE %s", model_sql_key(model, "u", USERS_ID, 1));
		plan = plan_keep_lookup(PLAN_MODEL_USER, model->relation[MODEL_USERS], InvalidOid, sql.data,
								1, &type);
	}
	run_reader(plan, &key, NULL, 1);
	if (SPI_processed > 0)
		user = take_record(caller, 0);
	run_as_end(saved);
	SPI_finish();
	return user;
}

/* Lock the row of a live user. */
bool
model_user_lock(const Model *model, const char *user_id, bool to_change)
{
	Oid users = model->relation[MODEL_USERS];
	Oid type = model_key_type(model, USERS_ID);
	KeptStatement *plan;
	RoleState saved;
	Datum key;
	bool found;

	if (!model_key_value(model, USERS_ID, user_id, &key))
		return false;
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_USER_LOCK, users, to_change);
	if (plan == NULL)
		plan = plan_keep_lookup(
			PLAN_USER_LOCK, users, to_change,
			psprintf(OWN_STATEMENT "SELECT FROM %s u WHERE %s AND %s FOR %s", sql_relation(users),
					 model_sql_key(model, "u", USERS_ID, 1), live_sql(model, "u", MODEL_USERS),
					 to_change ? "UPDATE" : "SHARE"),
			1, &type);
	found = statement_finds_row(plan, &key, NULL);
	run_as_end(saved);
	SPI_finish();
	return found;
}

/*
 * The text of the statement that looks for a login. Parameters: the login; the tenant's slug or id.
 */
static char *
login_text(const Model *model, bool with_tenant)
{
	StringInfoData sql;
	const char * or = "";

	initStringInfo(&sql);
	append_user(&sql, model);
	appendStringInfoString(&sql, " WHERE (");
	for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
	{
		if (!model_has(model, a))
			continue;
		appendStringInfo(&sql, "%s%s", or, model_sql_named(model, "u", a, 1));
		or = " OR ";
	}
	appendStringInfo(&sql, ") AND %s", live_sql(model, "u", MODEL_USERS));
	if (!with_tenant)
		return sql.data;
	appendStringInfo(&sql, " AND (%s OPERATOR(pg_catalog.=) $2",
					 model_sql_text(model, "u", USERS_TENANT));
	if (OidIsValid(model->relation[MODEL_TENANTS]) && model_has(model, TENANTS_SLUG))
		appendStringInfo(&sql, " OR %s", model_sql_slug(model, "t", 2));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* So many users of one login are looked at, where members say of which tenants they are. */
#define MAX_OF_LOGIN 100

/*
 * The live users of a login, of a tenant or of any (NULL), up to so many.
 */
static List *
find_login(const Model *model, const char *login, const char *tenant, uint64 limit)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid types[] = {TEXTOID, TEXTOID};
	Datum values[] = {CStringGetTextDatum(login), (Datum) 0};
	bool with_tenant = tenant != NULL;
	List *found = NIL;
	KeptStatement *plan;
	RoleState saved;

	if (with_tenant)
		values[1] = CStringGetTextDatum(tenant);
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_MODEL_LOGIN, model->relation[MODEL_USERS], with_tenant);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MODEL_LOGIN, model->relation[MODEL_USERS], with_tenant,
								login_text(model, with_tenant), 1 + with_tenant, types);
	run_reader(plan, values, NULL, limit);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		UserRecord *user = take_record(caller, i);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		found = lappend(found, user);
		MemoryContextSwitchTo(spi);
	}
	run_as_end(saved);
	SPI_finish();
	return found;
}

/*
 * The one of several users that is an active member of a tenant; NULL: there is none, or several.
 */
static UserRecord *
member_of(const Model *model, List *users, const char *tenant)
{
	bool is_active;
	char *key = model_tenant_key(model, tenant, &is_active);
	UserRecord *found = NULL;
	ListCell *cell;

	foreach (cell, users)
	{
		UserRecord *user = lfirst(cell);

		if (key == NULL || !membership_counts(model, user->user_id, key, NULL))
			continue;
		if (found != NULL)
			return NULL;
		found = user;
	}
	return found;
}

/* The one live user of this login, or NULL. */
UserRecord *
model_user_by_login(const Model *model, const char *login, const char *tenant)
{
	bool members = model_has_members(model);
	List *users;

	if (tenant != NULL && !members && !model_has(model, USERS_TENANT))
		return NULL;
	users = find_login(model, login, members ? NULL : tenant,
					   members && tenant != NULL ? MAX_OF_LOGIN : 2);
	if (list_length(users) > 1 && members && tenant != NULL)
		return member_of(model, users, tenant);
	return list_length(users) == 1 ? linitial(users) : NULL;
}

/* The live tenant of this slug or id, or NULL. Where slugs look like ids, the id decides. */
char *
model_tenant(const Model *model, const char *tenant, bool *is_active)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid relid = model->relation[MODEL_TENANTS];
	Oid types[] = {model_key_type(model, TENANTS_ID), TEXTOID};
	Datum values[] = {(Datum) 0, CStringGetTextDatum(tenant)};
	char nulls[] = "  ";
	KeptStatement *plan;
	RoleState saved;
	char *found = NULL;

	if (!model_key_value(model, TENANTS_ID, tenant, &values[0]))
		nulls[0] = 'n';
	SPI_connect();
	saved = run_as(model->owner[MODEL_TENANTS]);
	plan = plan_lookup(PLAN_MODEL_TENANT, relid, InvalidOid);
	if (plan == NULL)
	{
		char *by_id = model_sql_key(model, "t", TENANTS_ID, 1);

		plan = plan_keep(PLAN_MODEL_TENANT, relid, InvalidOid,
						 psprintf(OWN_STATEMENT "SELECT %s, %s FROM %s t WHERE (%s OR %s) AND %s "
												"ORDER BY (%s) IS TRUE DESC LIMIT 1",
								  model_sql_text(model, "t", TENANTS_ID),
								  active_sql(model, "t", MODEL_TENANTS), sql_relation(relid), by_id,
								  model_sql_slug(model, "t", 2),
								  live_sql(model, "t", MODEL_TENANTS), by_id),
						 2, types);
	}
	run_reader(plan, values, nulls, 1);
	if (SPI_processed > 0)
	{
		found = row_text(0, 1, caller);
		*is_active = row_boolean(0, 2);
	}
	run_as_end(saved);
	SPI_finish();
	return found;
}

/* The key of the tenant that a slug or id names; see the header. */
char *
model_tenant_key(const Model *model, const char *tenant, bool *is_active)
{
	ModelRows rows;
	char *key;

	model_rows_open_as(&rows, model);
	key = model_rows_tenant_key(&rows, tenant, is_active);
	model_rows_close(&rows);
	return key;
}

/* The same in rows that are open. */
char *
model_rows_tenant_key(const ModelRows *rows, const char *tenant, bool *is_active)
{
	const Model *model = rows->model;
	bool asked = false;
	char *key = NULL;

	*is_active = true;
	if (!OidIsValid(model->relation[MODEL_TENANTS]))
		return model_normal_key(model, model_tenant_attribute(model), tenant);
	if (user_read_direct(rows))
	{
		Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());

		key = user_read_tenant_key(rows, tenant, snapshot, is_active, &asked);
		UnregisterSnapshot(snapshot);
	}
	return asked ? key : model_tenant(model, tenant, is_active);
}

/* A tenant was named: raise 55000 where users have none. */
void
model_require_tenant(const Model *model)
{
	if (!model_has(model, model_tenant_attribute(model)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("users have no tenant"),
				 errdetail("A tenant was named, and no column of %s is mapped to users.tenant.",
						   display_relation(model->relation[MODEL_USERS])),
				 errhint("Map one with account.use_tables(...), or name no tenant."),
				 errhidesecrets()));
}

/* Raise 55000 where no members are mapped. */
void
model_require_members(const Model *model)
{
	if (!model_has_members(model))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("no members table is mapped"),
						errdetail("Users are not members of several tenants."),
						errhint("Map it with account.use_tables(..., members => '...')."),
						errhidesecrets()));
}

/* May the user come in? */
bool
model_user_admitted(const UserRecord *user)
{
	return user->is_live && user->is_active && user->tenant_is_active;
}

/* The hash of a password, in the form that the application itself reads. */
text *
model_hash_password(const Model *model, text *password, text *present)
{
	return model->django || password_is_django(present) ? password_hash_django(password)
														: password_hash(password);
}

/* Raise 55000 if there is no column for a password's hash, or one that is too short for it. */
void
model_require_room(const Model *model, text *hash)
{
	Oid users = model->relation[MODEL_USERS];
	int32 room = model->column[USERS_PASSWORD].typmod;

	if (!model_has(model, USERS_PASSWORD))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("users have no password"),
				 errdetail("No column of %s is mapped to users.password.", display_relation(users)),
				 errhint("Map one with account.use_tables(...).")));
	if (room > 0 && (int32) VARSIZE(hash) > room)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the password column is too short"),
						errdetail("A hash has %d characters, the column of %s room for %d.",
								  (int) (VARSIZE(hash) - VARHDRSZ), display_relation(users),
								  (int) (room - VARHDRSZ)),
						errhint("ALTER TABLE %s ALTER COLUMN %s TYPE text;", sql_relation(users),
								sql_column(users, model->column[USERS_PASSWORD].attnum))));
}
