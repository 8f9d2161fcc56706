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
#include "utils/lsyscache.h"
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

/*
 * Can rows be looked at without a statement? A role of another type than text is the statement's.
 */
static bool
can_look(const ModelRows *rows)
{
	const ModelColumn *role = &rows->model->column[MEMBERS_ROLE];

	return model_rows_direct(rows) &&
		   (role->attnum == InvalidAttrNumber || role->base == TEXTOID || role->base == VARCHAROID);
}

/* Who is looked for, and what is found. */
typedef struct Look
{
	const char *said_tenant; /* as the token has it, or NULL */
	Datum key;               /* the user's */
	Snapshot snapshot;
	char *tenant; /* the user's, as a token has it; NULL: none, or it is no member of that one */
	LiveIdentity *live;
} Look;

/* Ask for the membership of a user that may come in, in the tenant of the token. */
static void
ask_membership(const Model *model, Look *look)
{
	UserRecord user = {.user_id = unconstify(char *, look->live->uid)};

	if (look->said_tenant == NULL || !membership_enter(model, &user, look->said_tenant))
		return;
	look->tenant = user.tenant_id;
	look->live->tenant_role = user.tenant_role;
}

/* Ask by the statement. */
static void
ask_statement(const Model *model, Look *look)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid users = model->relation[MODEL_USERS];
	Oid type = model_key_type(model, USERS_ID);
	StatementOptions options = {.snapshot = look->snapshot, .limit = 1};
	KeptStatement *plan;
	RoleState saved;

	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_MODEL_LIVE, users, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MODEL_LIVE, users, InvalidOid, live_text(model), 1, &type);
	if (statement_run(plan, &look->key, NULL, &options) > 0)
	{
		look->tenant = row_text(0, 1, caller);
		look->live->uid = row_text(0, 2, caller);
	}
	run_as_end(saved);
	SPI_finish();
	if (look->live->uid != NULL && model_has_members(model))
		ask_membership(model, look);
}

/* Look at the tenant of a user that may come in. False: the tenant may not. */
static bool
look_at_tenant(const ModelRows *rows, Datum key, Look *look)
{
	LookupScan scan;
	bool passes;

	if (rows->rel[MODEL_TENANTS] == NULL)
	{
		look->tenant = model_rows_key_text(USERS_TENANT, key);
		return true;
	}
	if (!model_rows_find(rows, MODEL_TENANTS, key, look->snapshot, &scan))
		return true; /* as if without tenant */
	passes = model_row_is_live(MODEL_TENANTS, scan.slot) &&
			 model_row_is_active(MODEL_TENANTS, scan.slot);
	lookup_end(&scan);
	look->tenant = model_rows_key_text(USERS_TENANT, key);
	return passes;
}

/* Look at the membership of a user that may come in, in the tenant of the token. */
static void
look_at_membership(const ModelRows *rows, Look *look)
{
	const Model *model = rows->model;
	LookupScan scan;
	Datum key;
	Datum role;
	bool is_member;
	bool isnull;

	if (look->said_tenant == NULL ||
		!model_key_value(model, MEMBERS_TENANT, look->said_tenant, &key) ||
		!model_rows_find_member(rows, look->key, key, look->snapshot, &scan))
		return;
	is_member = model_row_is_live(MODEL_MEMBERS, scan.slot) &&
				model_row_is_active(MODEL_MEMBERS, scan.slot);
	if (is_member)
	{
		role = model_row_value(model, MEMBERS_ROLE, scan.slot, &isnull);
		look->live->tenant_role = isnull ? NULL : TextDatumGetCString(role);
	}
	lookup_end(&scan);
	if (is_member && !look_at_tenant(rows, key, look))
		look->tenant = NULL;
}

/* Look without a statement. */
static void
look_at_user(const ModelRows *rows, Look *look)
{
	LookupScan scan;
	bool passes;
	bool no_tenant = true;
	bool no_id;
	Datum tenant_key = (Datum) 0;

	if (!model_rows_find(rows, MODEL_USERS, look->key, look->snapshot, &scan))
		return;
	passes =
		model_row_is_live(MODEL_USERS, scan.slot) && model_row_is_active(MODEL_USERS, scan.slot);
	if (passes && rows->rel[MODEL_MEMBERS] != NULL)
		look_at_membership(rows, look);
	else if (passes)
		tenant_key = model_rows_key(rows, USERS_TENANT, scan.slot, &no_tenant);
	if (!no_tenant)
		passes = look_at_tenant(rows, tenant_key, look);
	if (passes)
		look->live->uid =
			model_rows_key_text(USERS_ID, model_rows_key(rows, USERS_ID, scan.slot, &no_id));
	lookup_end(&scan);
}

/* Look at the user of this id, and its tenant; without uid found it may not come in. */
static void
look_at_rows(const char *uid, Look *look)
{
	ModelRows rows;

	model_rows_open(&rows, false);
	if (model_key_value(rows.model, USERS_ID, uid, &look->key))
	{
		if (can_look(&rows))
			look_at_user(&rows, look);
		else
			ask_statement(rows.model, look);
	}
	model_rows_close(&rows);
}

/*
 * Is the user of these claims present, live, active, still of that tenant, its session not ended?
 */
void
identity_live_check(const IdentityClaims *claims, LiveIdentity *live)
{
	const Model *model = model_get();
	Look look = {.said_tenant = claims->tenant_id, .live = live};
	pg_uuid_t session;

	if (model == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no users table is mapped"),
				 errdetail("authenticate() looks at the live row of the user."),
				 errhint("Map it with account.use_tables(), or set pgaccount.live_check off."),
				 errhidesecrets()));
	live->has_members = model_has_members(model);
	look.snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (claims->uid != NULL)
		look_at_rows(claims->uid, &look);
	if (live->uid == NULL)
		refuse("The user is gone, deleted or not active, or its tenant is not.");
	if (look.tenant == NULL || claims->tenant_id == NULL
			? look.tenant != NULL || claims->tenant_id != NULL
			: strcmp(look.tenant, claims->tenant_id) != 0)
		refuse("The user is not, or no more, of that tenant, or the tenant is not active.");
	if (claims->session_id != NULL && !(uuid_text_read(claims->session_id, &session) &&
										session_row_is_live(&session, live->uid, look.snapshot)))
		refuse("The session has ended.");
	UnregisterSnapshot(look.snapshot);
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
