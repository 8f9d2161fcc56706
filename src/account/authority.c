/*
 * authority.c
 *		Who may act on which user.
 *
 * Authority is read from the live row of who asks, not from the token: who was staff when the token
 * was made may not be any more. NULL is no.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

#include "auth/auth.h"
#include "base/base.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "authority.h"

/* account.claim(name text), of identity.c. */
extern Datum claim(PG_FUNCTION_ARGS);

ACCOUNT_OPERATION(act_as, "act_as", 0);

/* Raise PT403. */
static void
refuse_unless(const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not allowed"),
					errdetail_internal("%s", detail), errhint("Ask somebody who may.")));
}

/* The same, of what staff may do to users. */
static void
refuse_forbidden(void)
{
	refuse_unless("Only staff of the user's tenant, or a superuser, may do this.");
}

/* Raise PT404. */
void
authority_no_such_user(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such user"),
			 errdetail("No live user has this id."), errhint("Pass the id of a live user.")));
}

/* Raise PT404 where a deleted user would do. */
void
authority_unknown_user(void)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such user"),
					errdetail("No user has this id, live or deleted."),
					errhint("Pass the id of a user.")));
}

/*
 * The user of the identity, whether it may come in or not; NULL: there is none, or it is no member
 * of the identity's tenant any more.
 */
static UserRecord *
identity_user(const Model *model)
{
	const char *uid = identity_uid();
	const char *tenant = identity_tenant();
	UserRecord *user = uid != NULL ? model_user_by_id(model, uid) : NULL;

	if (user != NULL && tenant != NULL && model_has_members(model) &&
		!membership_enter(model, user, tenant))
		return NULL;
	return user;
}

/* Raise PT401. */
compat_noreturn static void
refuse_unauthenticated(void)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_UNAUTHENTICATED), errmsg("not authenticated"),
					errdetail("There is no identity of a user that may come in."),
					errhint("Call account.authenticate(token) first.")));
}

/*
 * The user of the identity as it was read, if it may come in; raises PT401. Who acts as a user
 * (claim act) acts as no superuser, also not as one that has become it since: PT403.
 */
static UserRecord *
require_admitted(UserRecord *actor)
{
	if (actor == NULL || !model_user_admitted(actor))
		refuse_unauthenticated();
	if (actor->is_superuser && identity_actor() != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not allowed"),
				 errdetail("Nobody acts as a superuser, which the user has become since."),
				 errhint("Act as a user that is none, or authenticate as the user itself.")));
	return actor;
}

/* The user of the identity, who may come in; see the header. */
UserRecord *
authority_actor(const Model *model)
{
	return require_admitted(identity_user(model));
}

/* The same, its row locked; see the header. */
UserRecord *
authority_actor_locked(const Model *model)
{
	UserRecord *actor = authority_actor(model);

	if (!model_user_lock(model, actor->user_id, false))
		refuse_unauthenticated();
	return authority_actor(model);
}

/* Raise PT403 unless this is staff, or a superuser. */
void
authority_require_staff(const UserRecord *actor)
{
	if (!actor->is_staff && !actor->is_superuser)
		refuse_forbidden();
}

/* Raise PT403 unless this is a superuser. */
void
authority_require_superuser(const UserRecord *actor)
{
	if (!actor->is_superuser)
		refuse_unless("Only a superuser may do this.");
}

/*
 * SQL: of the memberships of user $1, is one in tenant $2 (is there none, where that is NULL), and
 * none that is active in another? $3: when the user was deleted, NULL: it is not; memberships that
 * ended with it, or later, are there still.
 */
static char *
staff_text(const Model *model)
{
	const SoftDelete *soft = mapping_declared(model->relation[MODEL_MEMBERS]);
	char *ended =
		soft == NULL
			? "false"
			: psprintf("%s OPERATOR(pg_catalog.>=) $3",
					   sql_instant(psprintf("m.%s", sql_column(soft->relid, soft->deleted_at)),
								   soft->stamp.base));

	return psprintf(
		OWN_STATEMENT
		"SELECT FROM (SELECT (%s OPERATOR(pg_catalog.=) $2) AS own, %s AS active FROM %s m "
		"WHERE %s AND (%s OR %s)) m "
		"HAVING CASE WHEN $2 IS NULL THEN pg_catalog.count(*) OPERATOR(pg_catalog.=) 0 "
		"ELSE pg_catalog.bool_or(m.own) AND pg_catalog.bool_and(m.own OR NOT m.active) END",
		model_sql_text(model, "m", MEMBERS_TENANT), active_sql(model, "m", MODEL_MEMBERS),
		sql_relation(model->relation[MODEL_MEMBERS]), model_sql_key(model, "m", MEMBERS_USER, 1),
		live_sql(model, "m", MODEL_MEMBERS), ended);
}

/* When a user was deleted; false: it is not, or nothing says when. */
static bool
deleted_when(const Model *model, const UserRecord *user, Datum *when)
{
	Oid users = model->relation[MODEL_USERS];
	const SoftDelete *soft = mapping_declared(users);
	Oid type = model_key_type(model, USERS_ID);
	char *column;
	RoleState saved;
	bool isnull = true;
	Datum key;

	if (user->is_live || soft == NULL || !model_key_value(model, USERS_ID, user->user_id, &key))
		return false;
	column = sql_instant(psprintf("u.%s", sql_column(users, soft->deleted_at)), soft->stamp.base);
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	if (statement_run_once(psprintf(OWN_STATEMENT "SELECT %s FROM %s u WHERE %s", column,
									sql_relation(users), model_sql_key(model, "u", USERS_ID, 1)),
						   1, &type, &key, NULL,
						   &(StatementOptions){.look = SNAPSHOT_OF_NOW, .limit = 1}) > 0)
		*when = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	run_as_end(saved);
	SPI_finish();
	return !isnull;
}

/* May staff whose tenant this is act on a user, by its memberships? */
static bool
staff_covers_member(const Model *model, const UserRecord *target, const char *tenant_key)
{
	Oid members = model->relation[MODEL_MEMBERS];
	Oid types[] = {model_key_type(model, MEMBERS_USER), TEXTOID, TIMESTAMPTZOID};
	Datum values[3] = {0};
	char nulls[] = "   ";
	KeptStatement *plan;
	RoleState saved;
	bool covers;

	if (!model_key_value(model, MEMBERS_USER, target->user_id, &values[0]))
		return false;
	if (tenant_key != NULL)
		values[1] = CStringGetTextDatum(tenant_key);
	else
		nulls[1] = 'n';
	if (!deleted_when(model, target, &values[2]))
		nulls[2] = 'n';
	SPI_connect();
	saved = run_as(model->owner[MODEL_MEMBERS]);
	plan = plan_lookup(PLAN_MEMBERSHIP_STAFF, members, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_MEMBERSHIP_STAFF, members, InvalidOid, staff_text(model), 3,
								types);
	covers = statement_run(plan, values, nulls, &(StatementOptions){.look = SNAPSHOT_OF_NOW}) > 0;
	run_as_end(saved);
	SPI_finish();
	return covers;
}

/*
 * Has a user no tenant? Where members are mapped it has no membership, active or not: who is in
 * none of its tenants at the moment has one.
 */
static bool
is_without_tenant(const Model *model, const UserRecord *user)
{
	return user->tenant_key == NULL &&
		   (!model_has_members(model) || staff_covers_member(model, user, NULL));
}

/* May staff, or a superuser, act on users of this tenant (NULL: on those of none)? */
static bool
covers_tenant(const Model *model, const UserRecord *actor, const char *tenant_key)
{
	if (actor->is_superuser)
		return true;
	if (!actor->is_staff)
		return false;
	if (tenant_key == NULL)
		return is_without_tenant(model, actor);
	return actor->tenant_key != NULL && strcmp(actor->tenant_key, tenant_key) == 0;
}

/* Raise PT403: staff is in none of its tenants. */
void
authority_refuse_outside(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not allowed"),
			 errdetail("The identity is in none of the tenants that it has memberships in, and "
					   "staff acts on users of the tenant that it is in."),
			 errhint("Log in to one of them, or call account.switch_tenant() first.")));
}

/* What somebody may do in a tenant. */
TenantRights
authority_in_tenant(const Model *model, const UserRecord *actor, const char *tenant_key)
{
	TenantRights rights = {.all = covers_tenant(model, actor, tenant_key), .rank = ROLE_UNRANKED};
	char *role;

	if (tenant_key != NULL && model_has_members(model) &&
		membership_counts(model, actor->user_id, tenant_key, &role))
		rights.rank = member_role_rank(role);
	return rights;
}

/* Raise PT403 unless somebody owns a tenant, or is a superuser. */
void
authority_require_owner(const Model *model, const UserRecord *actor, const char *tenant_key)
{
	if (!model_has_members(model) || tenant_key == NULL)
		authority_require_superuser(actor);
	else if (!actor->is_superuser && authority_in_tenant(model, actor, tenant_key).rank != 0)
		refuse_unless("Only an owner of the tenant, or a superuser, may do this.");
}

/* May who has these rights do anything there? */
bool
rights_are_any(const TenantRights *rights)
{
	return rights->all || rights->rank != ROLE_UNRANKED;
}

/* With members of this role? */
bool
rights_cover_role(const TenantRights *rights, const char *role)
{
	return rights->all || (rights->rank != ROLE_UNRANKED && member_role_rank(role) >= rights->rank);
}

/* Raise PT403 about a tenant. */
void
authority_refuse_tenant(const char *message, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("%s", message),
					errdetail_internal("%s", detail), errhint("Ask somebody who may.")));
}

/* The tenant that an argument names; see the header. */
char *
authority_tenant(const Model *model, const UserRecord *actor, const char *tenant,
				 TenantRights *rights, bool *is_active)
{
	bool active;
	char *key = NULL;

	if (model_has(model, model_tenant_attribute(model)))
		key = model_tenant_key(model, tenant, is_active != NULL ? is_active : &active);
	if (key == NULL)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such tenant"),
						errdetail("No live tenant has this slug or id."),
						errhint("Pass the slug or id of a tenant.")));
	*rights = authority_in_tenant(model, actor, key);
	if (!rights_are_any(rights))
		authority_refuse_tenant("not allowed",
								model_has_members(model)
									? "Only who administers the tenant, its staff, or a superuser, "
									  "may do this."
									: "Only staff of the tenant, or a superuser, may do this.");
	return key;
}

/* May staff, or a superuser, act on users of the tenants of this one? */
static bool
covers_user(const Model *model, const UserRecord *actor, const UserRecord *target)
{
	if (actor->is_superuser)
		return true;
	if (!actor->is_staff)
		return false;
	if (!model_has_members(model))
		return covers_tenant(model, actor, target->tenant_key);
	return (actor->tenant_key != NULL || is_without_tenant(model, actor)) &&
		   staff_covers_member(model, target, actor->tenant_key);
}

/* The user on whom the identity may act, deleted or not; NULL: there is none. See the header. */
static UserRecord *
find_over(const Model *model, const char *user_id, bool self, bool *is_self)
{
	UserRecord *actor = identity_user(model);
	UserRecord *target = user_id != NULL ? model_user_by_id(model, user_id) : NULL;
	bool own = target != NULL && actor != NULL && strcmp(target->user_id, actor->user_id) == 0;

	operation_concerns(user_id, target != NULL ? target->tenant_id : NULL);
	if (is_self != NULL)
		*is_self = own;
	/* the answer "already deleted" is for those who may ask */
	if (own && self && !target->is_live)
		return target;
	actor = require_admitted(actor);
	if (own && self)
		return target;
	authority_require_staff(actor);
	if (target != NULL && !covers_user(model, actor, target))
	{
		if (!actor->is_superuser && actor->tenant_key == NULL && !is_without_tenant(model, actor))
			authority_refuse_outside();
		refuse_forbidden();
	}
	if (target != NULL && target->is_superuser && !actor->is_superuser)
		refuse_unless("Staff does not act on superusers.");
	return target;
}

/* The user on whom the identity may act, deleted or not; see the header. */
UserRecord *
authority_over_any(const Model *model, const char *user_id, bool self, bool *is_self)
{
	UserRecord *target = find_over(model, user_id, self, is_self);

	if (target == NULL)
		authority_unknown_user();
	return target;
}

/* The live user on whom the identity may act; see the header. */
UserRecord *
authority_over(const Model *model, const char *user_id, bool self, bool *is_self)
{
	UserRecord *target = find_over(model, user_id, self, is_self);

	if (target == NULL)
		authority_no_such_user();
	if (!target->is_live)
	{
		(void) authority_actor(model);
		authority_no_such_user();
	}
	return target;
}

/* The same, its row locked; see the header. */
UserRecord *
authority_over_locked(const Model *model, const char *user_id, bool to_change, bool self,
					  bool *is_self)
{
	UserRecord *user = authority_over(model, user_id, self, is_self);

	if (!model_user_lock(model, user->user_id, to_change))
		authority_no_such_user();
	return authority_over(model, user_id, self, is_self);
}

/* The session of the identity's token; see the header. */
char *
authority_own_session(void)
{
	LOCAL_FCINFO(call, 1);
	Datum value;

	InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
	call->args[0].value = CStringGetTextDatum("sid");
	call->args[0].isnull = false;
	value = claim(call);
	return call->isnull ? NULL : TextDatumGetCString(value);
}

/*
 * account.act_as(user_id, is_local boolean, actor text) RETURNS text: makes a user the identity,
 * for a backend that knows who is asking. Privileged. The claims are those of a token without
 * session.
 */
static Datum
act_as_operation(PG_FUNCTION_ARGS)
{
	Model model;
	UserRecord *user;
	TokenUser token;
	StringInfoData claims;

	if (PG_ARGISNULL(1))
		refuse_null_argument("is_local");
	version_check();
	model = *model_require_locked();
	user = session_user_argument(fcinfo, 0, &model);
	session_token_user(user, NULL, session_actor_argument(fcinfo, 2, user), &token);
	initStringInfo(&claims);
	token_claims(&claims, &token, (int64) pgaccount_access_token_ttl * USECS_PER_SEC);
	identity_set(claims.data, claims.len, NULL, PG_GETARG_BOOL(1), DT_NOEND);
	if (PG_GETARG_BOOL(1))
		identity_warn_if_alone(fcinfo, "account.act_as()");
	PG_RETURN_TEXT_P(cstring_to_text(user->user_id));
}
