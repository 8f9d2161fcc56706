/*
 * members.c
 *		Members of a tenant: who they are, what role they have, how they leave.
 *
 * Staff and superusers may all of it; so may who has a role of pgaccount.tenant_admin_roles in the
 * tenant, but for members whose role comes before the own one, and roles that do. Everybody may
 * leave. What decides is read from the live rows, once the memberships of who asks and of who is
 * asked about are locked, in one order for all callers.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "auth/auth.h"
#include "base/base.h"
#include "monitor/monitor.h"
#include "authority.h"
#include "invitation_list.h"
#include "profile_grant.h"

ACCOUNT_OPERATION(memberships, "memberships", 0);
ACCOUNT_OPERATION(set_member_role, "set_member_role", 0);
ACCOUNT_OPERATION(remove_member, "remove_member", 0);
ACCOUNT_OPERATION(transfer_ownership, "transfer_ownership", 1);

/* Raise PT404: there is no such member. */
compat_noreturn static void
refuse_no_member(void)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such member"),
					errdetail("The user has no membership in the tenant."),
					errhint("Pass the id of a member of the tenant.")));
}

/* A call about a member of a tenant, whose row is locked with that of who asks. */
typedef struct MemberCall
{
	Model model;
	UserRecord *actor;
	char *tenant; /* its key */
	TenantRights rights;
	UserRecord *user; /* the member */
	MemberRow *own;   /* the actor's row; NULL: it has none */
	MemberRow *row;   /* the member's */
	bool is_self;
} MemberCall;

/* The address that a user is invited by. */
static const char *
invited_as(const Model *model, const UserRecord *user)
{
	return model_has(model, USERS_EMAIL) ? user->email : user->username;
}

/*
 * Begin such a call: user_id may be NULL, tenant not. ends: a membership, which a member may do of
 * itself; its open invitations are locked first, as who accepts one has that before the membership.
 * Raises PT401, PT403, PT404.
 */
static void
begin_call(MemberCall *call, const char *user_id, const char *tenant, bool ends)
{
	const char *ids[2];
	MemberRow *rows[2];

	version_check();
	call->model = *model_require_locked();
	model_require_members(&call->model);
	call->actor = authority_actor(&call->model);
	call->user = user_id != NULL ? model_user_by_id(&call->model, user_id) : NULL;
	call->is_self = call->user != NULL && strcmp(call->user->user_id, call->actor->user_id) == 0;
	operation_concerns(user_id, NULL);
	if (ends && call->is_self)
	{
		bool is_active;

		call->tenant = model_tenant_key(&call->model, tenant, &is_active);
		if (call->tenant == NULL)
			refuse_no_member();
	}
	else
		call->tenant = authority_tenant(&call->model, call->actor, tenant, &call->rights, NULL);
	operation_concerns(user_id, call->tenant);
	if (call->user == NULL || !call->user->is_live)
		refuse_no_member();
	if (ends)
		invitations_lock(invited_as(&call->model, call->user), call->tenant);
	ids[0] = call->actor->user_id;
	ids[1] = call->user->user_id;
	member_lock(&call->model, call->tenant, ids, 2, rows);
	call->own = rows[0];
	call->row = rows[1];
	if (call->row == NULL)
		refuse_no_member();
	/* as it is under the locks */
	call->actor = authority_actor(&call->model);
	call->rights = authority_in_tenant(&call->model, call->actor, call->tenant);
	if (!(ends && call->is_self) && !rights_cover_role(&call->rights, call->row->role))
		authority_refuse_tenant("not allowed", "The member's role comes before one's own.");
}

/* The argument tenant; raises 22023 for NULL. */
static char *
tenant_argument(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		refuse_null_argument("tenant");
	return text_argument(fcinfo, n, "tenant", MAX_TENANT);
}

/* account.set_member_role(user_id, tenant text, role text) RETURNS void */
static Datum
set_member_role_operation(PG_FUNCTION_ARGS)
{
	MemberCall call = {.user = NULL};
	char *tenant;
	char *role;
	JsonbBuild detail = {0};

	PreventCommandIfReadOnly("account.set_member_role()");
	tenant = tenant_argument(fcinfo, 1);
	role = role_argument(fcinfo, 2);
	begin_call(&call, id_argument(fcinfo, 0), tenant, false);
	if (!rights_cover_role(&call.rights, role))
		authority_refuse_tenant("not allowed", "The role comes before one's own.");
	member_set_role(&call.model, call.user->user_id, call.tenant, call.row->role, role);
	detail_text(&detail, "role", role);
	detail_text(&detail, "former_role", call.row->role);
	event_success(EVENT_MEMBER_ROLE_SET, call.user->user_id, call.tenant, detail_end(&detail));
	PG_RETURN_VOID();
}

/* account.remove_member(user_id, tenant text) RETURNS void */
static Datum
remove_member_operation(PG_FUNCTION_ARGS)
{
	MemberCall call = {.user = NULL};
	char *tenant;

	PreventCommandIfReadOnly("account.remove_member()");
	tenant = tenant_argument(fcinfo, 1);
	begin_call(&call, id_argument(fcinfo, 0), tenant, true);
	member_remove(&call.model, call.user->user_id, call.tenant);
	/* nor does it come back by an invitation that is open still */
	invitations_void(invited_as(&call.model, call.user), call.tenant);
	event_success(EVENT_MEMBER_REMOVED, call.user->user_id, call.tenant,
				  call.row->role == NULL ? NULL : event_detail("role", call.row->role));
	PG_RETURN_VOID();
}

static const char former_owner_sql[] =
	OWN_STATEMENT "SELECT %s FROM %s m WHERE %s AND %s AND %s OPERATOR(pg_catalog.=) $2 "
				  "AND %s OPERATOR(pg_catalog.<>) $3 LIMIT 2";

/*
 * The one member that owns the tenant beside another user; NULL: there is none. Raises PT409 for
 * several.
 */
static char *
former_owner(const Model *model, const char *tenant, const char *owner, const char *beside)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid types[] = {model_key_type(model, MEMBERS_TENANT), TEXTOID, TEXTOID};
	Datum values[] = {(Datum) 0, CStringGetTextDatum(owner), CStringGetTextDatum(beside)};
	char *found = NULL;
	uint64 rows;
	RoleState saved;

	if (!model_key_value(model, MEMBERS_TENANT, tenant, &values[0]))
		return NULL;
	SPI_connect();
	saved = run_as(model->owner[MODEL_MEMBERS]);
	rows = statement_run_once(psprintf(former_owner_sql, model_sql_text(model, "m", MEMBERS_USER),
									   sql_relation(model->relation[MODEL_MEMBERS]),
									   model_sql_key(model, "m", MEMBERS_TENANT, 1),
									   live_sql(model, "m", MODEL_MEMBERS),
									   model_sql_text(model, "m", MEMBERS_ROLE),
									   model_sql_text(model, "m", MEMBERS_USER)),
							  3, types, values, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	if (rows == 1)
		found = row_text(0, 1, caller);
	run_as_end(saved);
	SPI_finish();
	if (rows > 1)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_CONFLICT), errmsg("tenant has several owners"),
						errdetail("It is not known which of them is to be the former one."),
						errhint("Let one of them transfer it, or use account.set_member_role().")));
	return found;
}

/* The same, its membership locked; NULL also if it is no owner any more. */
static char *
lock_former_owner(const MemberCall *call, const char *owner)
{
	char *from = former_owner(&call->model, call->tenant, owner, call->user->user_id);
	const char *ids[] = {from};
	MemberRow *row;

	if (from == NULL)
		return NULL;
	member_lock(&call->model, call->tenant, ids, 1, &row);
	return row != NULL && row->role != NULL && strcmp(row->role, owner) == 0 ? from : NULL;
}

/* The role of a former owner: the next one of the setting, else one that administers nothing. */
static char *
former_role(void)
{
	char *next = member_role_at(1);

	return next != NULL ? next : "member";
}

/* account.transfer_ownership(tenant text, to_user) RETURNS void */
static Datum
transfer_ownership_operation(PG_FUNCTION_ARGS)
{
	MemberCall call = {.user = NULL};
	char *owner = member_role_at(0);
	char *from;
	char *tenant;
	JsonbBuild detail = {0};

	PreventCommandIfReadOnly("account.transfer_ownership()");
	tenant = tenant_argument(fcinfo, 0);
	if (owner == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("no role owns a tenant"),
				 errdetail("pgaccount.tenant_admin_roles is empty."),
				 errhint("Set it to 'owner,admin', or to the roles of the application.")));
	begin_call(&call, id_argument(fcinfo, 1), tenant, false);
	if (!rights_cover_role(&call.rights, owner))
		authority_refuse_tenant("not allowed", "Only an owner of the tenant may do this.");
	if (!call.row->is_active || !model_user_admitted(call.user))
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("member is not active"),
						errdetail("Nobody could act for the tenant."),
						errhint("Activate the user and its membership first.")));
	if (call.own != NULL && call.own->role != NULL && strcmp(call.own->role, owner) == 0)
		from = call.actor->user_id;
	else
		from = lock_former_owner(&call, owner);
	if ((call.row->role != NULL && strcmp(call.row->role, owner) == 0) &&
		(from == NULL || strcmp(from, call.user->user_id) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_ACCOUNT_NOTHING_TO_DO), errmsg("user owns the tenant already"),
				 errdetail("Nothing has been changed."),
				 errhint("Pass the id of another member.")));
	/* in this order there is an owner all the time */
	member_set_role(&call.model, call.user->user_id, call.tenant, call.row->role, owner);
	if (from != NULL)
		member_set_role(&call.model, from, call.tenant, owner, former_role());
	detail_text(&detail, "from", from);
	event_success(EVENT_OWNERSHIP_MOVED, call.user->user_id, call.tenant, detail_end(&detail));
	PG_RETURN_VOID();
}

/* A text as a Datum; *isnull for NULL. */
static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

/*
 * account.memberships(user_id): tenant_id text, tenant text, tenant_role text, is_active boolean,
 * is_current boolean. The own ones, or those that who asks may see.
 */
static Datum
memberships_operation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char *user_id = id_argument(fcinfo, 0);
	Model model;
	UserRecord *actor;
	UserRecord *user;
	List *listed;
	ListCell *cell;
	bool is_self;
	bool seen = false;

	version_check();
	model = *model_require_locked();
	model_require_members(&model);
	actor = authority_actor(&model);
	InitMaterializedSRF(fcinfo, 0);
	user = PG_ARGISNULL(0) ? actor : user_id != NULL ? model_user_by_id(&model, user_id) : NULL;
	is_self = user == actor || (user != NULL && strcmp(user->user_id, actor->user_id) == 0);
	listed = user != NULL && user->is_live ? membership_list(&model, user->user_id) : NIL;
	foreach (cell, listed)
	{
		Membership *member = lfirst(cell);
		Datum values[5];
		bool nulls[5] = {false};
		TenantRights rights = {.all = is_self};

		CHECK_FOR_INTERRUPTS();
		if (!is_self)
			rights = authority_in_tenant(&model, actor, member->tenant_key);
		if (!rights_are_any(&rights))
			continue;
		seen = true;
		values[0] = text_or_null(member->in.tenant_id, &nulls[0]);
		values[1] = text_or_null(member->in.tenant, &nulls[1]);
		values[2] = text_or_null(member->role, &nulls[2]);
		values[3] = BoolGetDatum(member->counts);
		values[4] = BoolGetDatum(is_self && actor->tenant_key != NULL &&
								 strcmp(actor->tenant_key, member->tenant_key) == 0);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	if (is_self || seen || actor->is_superuser)
	{
		if (user == NULL || !user->is_live)
			authority_no_such_user();
		return (Datum) 0;
	}
	authority_require_staff(actor);
	if (user == NULL || !user->is_live)
		authority_no_such_user();
	authority_refuse_tenant("not allowed", "The user is no member of a tenant of one's own.");
}
