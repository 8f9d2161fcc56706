/*
 * tenant.c
 *		The end of a tenant and its return: delete_tenant, restore_tenant.
 *
 * The tenant, its users and what follows them are deleted as one, with the stamp of the
 * transaction, and that stamp says what comes back: users that were deleted on their own, before or
 * after, have another. Users go and come whatever the foreign key to the tenant does, or where
 * there is none; of members those that have no other live tenant. As with a user the extension acts
 * for itself, as the owners of the tables. An owner of the tenant, who is no superuser, ends none:
 * neither one that would go with it, nor one that follows.
 *
 * Locks: who restores, those of names (auth/registered_names.c); the tenant's row, the advisory
 * lock of the tenant, its users in the order of their keys, then sessions. Who joins a tenant
 * takes them in the same order (see auth/tenant_hold.c), and who changes a user takes its row
 * before its sessions.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "auth/auth.h"
#include "base/base.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "authority.h"
#include "lifecycle.h"
#include "tenant_lookup.h"

ACCOUNT_OPERATION(delete_tenant, "delete_tenant", NO_SUBJECT);
ACCOUNT_OPERATION(restore_tenant, "restore_tenant", NO_SUBJECT);

/* Raise 55000 where a table has no soft delete. */
static void
require_soft_delete(Oid relid)
{
	if (mapping_active(relid) == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s has no soft delete", display_relation(relid)),
			 errdetail("Tenants and their users are deleted softly, so that they can return."),
			 errhint("SELECT account.enable_soft_delete(%s);", sql_literal(sql_relation(relid)))));
}

/* Lock the tables, which have soft delete, as a statement would. */
static void
open_tables(const Model *model)
{
	static const ModelPart parts[] = {MODEL_TENANTS, MODEL_USERS};

	for (int i = 0; i < lengthof(parts); i++)
	{
		LockRelationOid(model->relation[parts[i]], RowExclusiveLock);
		require_soft_delete(model->relation[parts[i]]);
	}
}

/* SQL: has user `t` a membership in tenant $1? condition: what else is asked of it, as `m`. */
static char *
has_membership(const Model *model, const char *condition)
{
	return psprintf("EXISTS (SELECT 1 FROM %s m WHERE %s AND %s AND %s)",
					sql_relation(model->relation[MODEL_MEMBERS]),
					model_sql_same_key(model, "m", MEMBERS_USER, "t", USERS_ID),
					model_sql_key(model, "m", MEMBERS_TENANT, 1), condition);
}

/* SQL: has it one in another live tenant, be it active or not? */
static char *
has_other_membership(const Model *model)
{
	return psprintf("EXISTS (SELECT 1 FROM %s m JOIN %s n ON %s WHERE %s AND NOT %s AND %s AND %s)",
					sql_relation(model->relation[MODEL_MEMBERS]),
					sql_relation(model->relation[MODEL_TENANTS]),
					model_sql_same_key(model, "n", TENANTS_ID, "m", MEMBERS_TENANT),
					model_sql_same_key(model, "m", MEMBERS_USER, "t", USERS_ID),
					model_sql_key(model, "m", MEMBERS_TENANT, 1),
					live_sql(model, "m", MODEL_MEMBERS), live_sql(model, "n", MODEL_TENANTS));
}

/* SQL: is user `t` one of tenant $1, and goes with it? */
static char *
users_that_go(const Model *model)
{
	char *live = live_sql(model, "t", MODEL_USERS);

	if (!model_has_members(model))
		return psprintf("%s AND %s", model_sql_key(model, "t", USERS_TENANT, 1), live);
	return psprintf("%s AND %s AND NOT %s", live,
					has_membership(model, live_sql(model, "m", MODEL_MEMBERS)),
					has_other_membership(model));
}

/*
 * Lock the live users of a tenant, in the order of their keys: who changes one of them has done so,
 * or waits, and holds none of its sessions. Of members it is against the other tenants of theirs,
 * too: whoever lets one join another, or ends or brings back another, has done so, and is seen, or
 * waits.
 */
static void
lock_users(const Model *model, const char *tenant_id)
{
	ModelAttribute tenant = model_tenant_attribute(model);
	Oid types[] = {model_key_type(model, tenant)};
	Datum values[1];
	RoleState saved;

	if (!model_key_value(model, tenant, tenant_id, &values[0]))
		return;
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	(void) statement_run_once(
		psprintf(OWN_STATEMENT "SELECT pg_catalog.count(*) FROM (SELECT 1 FROM %s t WHERE %s AND %s"
							   " ORDER BY %s COLLATE \"C\" FOR UPDATE OF t) AS locked",
				 sql_relation(model->relation[MODEL_USERS]), live_sql(model, "t", MODEL_USERS),
				 model_has_members(model)
					 ? has_membership(model, live_sql(model, "m", MODEL_MEMBERS))
					 : model_sql_key(model, "t", USERS_TENANT, 1),
				 model_sql_text(model, "t", USERS_ID)),
		lengthof(types), types, values, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	run_as_end(saved);
	SPI_finish();
}

/*
 * Raise PT403 where a superuser is one of the users that go, who are locked: they are what they are
 * until the end.
 */
static void
refuse_superusers(const Model *model, const char *tenant_id)
{
	ModelAttribute tenant = model_tenant_attribute(model);
	Oid types[] = {model_key_type(model, tenant)};
	Datum values[1];
	RoleState saved;
	bool found;

	if (!model_has(model, USERS_IS_SUPERUSER) ||
		!model_key_value(model, tenant, tenant_id, &values[0]))
		return;
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	found = statement_run_once(psprintf(OWN_STATEMENT "SELECT FROM %s t WHERE %s AND %s",
										sql_relation(model->relation[MODEL_USERS]),
										users_that_go(model),
										model_sql_boolean(model, "t", USERS_IS_SUPERUSER, false)),
							   lengthof(types), types, values, NULL,
							   &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = 1}) > 0;
	run_as_end(saved);
	SPI_finish();
	if (found)
		user_trigger_refuse_superuser();
}

/* SQL: is deleted user `t` one of tenant $1, and has the stamp of the tenant, $2? */
static char *
users_that_return(const Model *model)
{
	return psprintf(
		"%s AND %s",
		model_has_members(model) ? has_membership(model, "true")
								 : model_sql_key(model, "t", USERS_TENANT, 1),
		sql_same_stamp(model->relation[MODEL_USERS], "t", model->relation[MODEL_TENANTS], "$2"));
}

/* Delete a live tenant and its users. Returns how many users. */
static uint64
delete_rows(const Model *model, const char *tenant_id)
{
	Oid tenant_types[2] = {model_key_type(model, TENANTS_ID)};
	Oid user_types[2];
	Datum tenant_values[2];
	Datum user_values[2];
	DeleteRows rows[] = {{.relid = model->relation[MODEL_TENANTS],
						  .condition = model_sql_key(model, "t", TENANTS_ID, 1),
						  .n = 1,
						  .types = tenant_types,
						  .values = tenant_values},
						 {.relid = model->relation[MODEL_USERS],
						  .n = 1,
						  .types = user_types,
						  .values = user_values}};
	ModelAttribute tenant = model_tenant_attribute(model);
	bool has_users = model_key_value(model, tenant, tenant_id, &user_values[0]);

	if (!model_key_value(model, TENANTS_ID, tenant_id, &tenant_values[0]))
		tenant_refuse_unknown();
	user_types[0] = model_key_type(model, tenant);
	rows[1].condition = users_that_go(model);
	delete_together(rows, has_users ? 2 : 1);
	return rows[1].deleted;
}

/* Bring a tenant back that was deleted then, with what went with it. Returns how many rows. */
static uint64
restore_with_users(const Model *model, const TenantRecord *tenant)
{
	Oid tenants = model->relation[MODEL_TENANTS];
	Oid users = model->relation[MODEL_USERS];
	Oid caller = GetUserId();
	Oid type = model_key_type(model, TENANTS_ID);
	ModelAttribute users_tenant = model_tenant_attribute(model);
	Oid user_types[] = {model_key_type(model, users_tenant), TIMESTAMPTZOID};
	Datum user_values[] = {(Datum) 0, TimestampTzGetDatum(tenant->deleted_at)};
	Datum key;
	RestoreKeys keys = {.condition = model_sql_key(model, "t", TENANTS_ID, 1),
						.n = 1,
						.types = &type,
						.values = &key};
	RestoreOthers others = {
		.relid = users,
		.key = model->column[USERS_ID].attnum,
		.keys = {.condition = users_that_return(model),
				 .n = 2,
				 .types = user_types,
				 .values = user_values},
	};
	bool has_users = model_key_value(model, users_tenant, tenant->tenant_id, &user_values[0]);
	uint64 restored;
	RoleState saved;

	if (!model_key_value(model, TENANTS_ID, tenant->tenant_id, &key))
		tenant_refuse_unknown();
	if (has_users)
		names_check_returning(model, &(ReturningUsers){.condition = others.keys.condition,
													   .n = others.keys.n,
													   .types = user_types,
													   .values = user_values});
	saved = run_as(model->owner[MODEL_TENANTS]);
	restored = restore_rows(tenants, &keys, has_users ? &others : NULL, caller, NULL, false);
	run_as_end(saved);
	return restored;
}

/* Record what became of a tenant. counted: what was counted. */
static void
record(const char *type, const char *tenant_id, const char *reason, const char *counted, uint64 n)
{
	JsonbBuild detail = {0};

	detail_text(&detail, "reason", reason);
	detail_number(&detail, counted, (int64) n);
	event_success(type, NULL, tenant_id, detail_end(&detail));
}

/* Does the caller's transaction, or what it was told, come too late: is the tenant what it was? */
static TenantRecord *
lock_tenant(const Model *model, const TenantRecord *tenant, bool live)
{
	TenantRecord *now = tenant->is_live == live ? tenant_lock(model, tenant->tenant_id) : NULL;

	if (tenant->is_live == live && now == NULL)
		tenant_refuse_unknown();
	if (now != NULL && now->is_live == live)
		return now;
	if (live)
		refuse_nothing_to_do("tenant is already deleted",
							 "account.restore_tenant() brings it back.");
	refuse_nothing_to_do("tenant is not deleted", "Pass the id of a deleted tenant.");
}

/* account.delete_tenant(tenant text, reason text) RETURNS jsonb: a superuser, an owner. */
static Datum
delete_tenant_operation(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	char *name;
	char *reason;
	Model model;
	UserRecord *actor;
	TenantRecord *tenant;
	volatile uint64 users = 0;
	bool stay;
	JsonbBuild answer = {0};

	PreventCommandIfReadOnly("account.delete_tenant()");
	version_check();
	model = *model_require_locked();
	name = text_argument(fcinfo, 0, "tenant", MAX_TENANT);
	reason = reason_argument(fcinfo, 1);
	actor = authority_actor(&model);
	tenant = tenant_is_mapped(&model) ? tenant_find(&model, name, TENANT_LIVE) : NULL;
	authority_require_owner(&model, actor, tenant != NULL ? tenant->tenant_id : NULL);
	tenant_require_mapped(&model);
	if (tenant == NULL)
		tenant_refuse_unknown();
	operation_concerns(NULL, tenant->tenant_id);
	open_tables(&model);
	tenant = lock_tenant(&model, tenant, true);
	session_lock_tenant(tenant->tenant_id, true);
	lock_users(&model, tenant->tenant_id);
	/* as it is under the locks */
	actor = authority_actor(&model);
	authority_require_owner(&model, actor, tenant->tenant_id);
	if (!actor->is_superuser)
		refuse_superusers(&model, tenant->tenant_id);
	session_end_tenant(tenant->tenant_id);
	event_reason(reason);
	stay = user_trigger_superusers_stay(!actor->is_superuser);
	PG_TRY();
	{
		users = delete_rows(&model, tenant->tenant_id);
	}
	PG_CATCH();
	{
		(void) user_trigger_superusers_stay(stay);
		MemoryContextSwitchTo(context);
		rethrow_discreetly(CopyErrorData());
	}
	PG_END_TRY();
	(void) user_trigger_superusers_stay(stay);
	event_reason(NULL);
	tenant = tenant_lock(&model, tenant->tenant_id);
	if (tenant == NULL)
		tenant_refuse_unknown();
	record(EVENT_TENANT_DELETED, tenant->tenant_id, reason, "users", users);

	detail_bool(&answer, "status", true);
	detail_text(&answer, "message", "Tenant successfully deleted");
	detail_text(&answer, "tenant_id", tenant->tenant_id);
	detail_time(&answer, "deleted_at", tenant->deleted_at);
	detail_time(&answer, "purge_after", grace_period_end(tenant->deleted_at));
	PG_RETURN_JSONB_P(detail_end(&answer));
}

/* account.restore_tenant(tenant text, reason text) RETURNS jsonb: a superuser. */
static Datum
restore_tenant_operation(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	char *name;
	char *reason;
	Model model;
	TenantRecord *tenant;
	TenantRecord *now;
	volatile uint64 restored = 0;
	JsonbBuild answer = {0};

	PreventCommandIfReadOnly("account.restore_tenant()");
	version_check();
	model = *model_require_locked();
	name = text_argument(fcinfo, 0, "tenant", MAX_TENANT);
	reason = reason_argument(fcinfo, 1);
	authority_require_superuser(authority_actor(&model));
	tenant_require_mapped(&model);
	tenant = tenant_find(&model, name, TENANT_DELETED);
	if (tenant == NULL)
		tenant_refuse_unknown();
	operation_concerns(NULL, tenant->tenant_id);
	open_tables(&model);
	names_begin_taking_all();
	tenant = lock_tenant(&model, tenant, false);
	lock_users(&model, tenant->tenant_id);
	event_reason(reason);
	PG_TRY();
	{
		restored = restore_with_users(&model, tenant);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		rethrow_discreetly(CopyErrorData());
	}
	PG_END_TRY();
	event_reason(NULL);
	now = tenant_lock(&model, tenant->tenant_id);
	if (now == NULL || !now->is_live)
		refuse_row_kept_back(model.relation[MODEL_TENANTS], "the tenant was not restored");
	record(EVENT_TENANT_RESTORED, tenant->tenant_id, reason, "rows", restored);

	detail_bool(&answer, "status", true);
	detail_text(&answer, "message", "Tenant successfully restored");
	detail_text(&answer, "tenant_id", tenant->tenant_id);
	detail_time(&answer, "restored_at", GetCurrentTransactionStartTimestamp());
	detail_number(&answer, "rows", (int64) restored);
	PG_RETURN_JSONB_P(detail_end(&answer));
}
