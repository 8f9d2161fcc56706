/*
 * invitation.c
 *		Invitations: staff, or who administers a tenant, gives a role in it to whoever has an email,
 *		and shows a token.
 *
 * The token (one_time_token.c) is looked for by its hash, in a table of its own.
 *
 * An invitation is as good as who made it: it is void once that user could not make it any more
 * (deleted, deactivated, no longer staff, moved to another tenant, of a lesser role), so that
 * taking a right away takes what was made of it. It can only be accepted by somebody else: nobody
 * raises itself. Where members are mapped the role is that of the membership; the profile's, which
 * is the user's everywhere, stays as it is.
 *
 * Locks: who invites shares its own row; who accepts takes the invitation's, then its own. Of
 * callers at once one finds it open, the others see it used. Expiry is by the clock, once the row
 * is locked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "auth/auth.h"
#include "base/base.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "profile/profile.h"
#include "authority.h"
#include "profile_grant.h"

ACCOUNT_OPERATION(invite, "invite", 0);
ACCOUNT_OPERATION(accept_invitation, "accept_invitation", NO_SUBJECT);

/* How often a user is looked at anew because it changed. */
#define MAX_TRIES 5

/* Columns of the statement that reads an invitation. */
enum
{
	COL_ID = 1,
	COL_EMAIL,
	COL_ROLE,
	COL_TENANT,
	COL_GRANTS,
	COL_INVITED_BY,
	COL_EXPIRES_AT,
	COL_ACCEPTED
};

/* An invitation, as it was read. */
typedef struct Invitation
{
	int64 id;
	char *email;
	char *role;
	char *tenant_id;
	Jsonb *grants;
	char *invited_by;
	TimestampTz expires_at;
	bool accepted;
} Invitation;

/* Raise PT404: there is no such invitation, or none any more. */
static void
refuse_unknown(void)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such invitation"),
					errdetail("It is unknown, or expired, or void."),
					errhint("Ask for another invitation."), errhidesecrets()));
}

/* Raise PT403: a tenant that is not active takes nobody. */
static void
refuse_inactive(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("tenant is not active"),
			 errdetail("Nobody can be invited into it."), errhint("Activate the tenant first.")));
}

/*
 * The id of the tenant that an argument names; NULL: the actor's own. *rights: what the actor may
 * do there. Raises PT404, PT403.
 */
static char *
resolve_tenant(const Model *model, const UserRecord *actor, const char *tenant,
			   TenantRights *rights)
{
	bool is_active;
	char *id;

	if (tenant == NULL)
	{
		*rights = authority_in_tenant(model, actor, actor->tenant_key);
		if (!rights_are_any(rights))
		{
			authority_require_staff(actor);
			if (actor->tenant_key == NULL)
				authority_refuse_outside();
		}
		return actor->tenant_key;
	}
	id = authority_tenant(model, actor, tenant, rights, &is_active);
	if (!is_active)
		refuse_inactive();
	return id;
}

/* Is the role of an invitation into this tenant that of a membership, not of the profile? */
static bool
is_member_role(const Model *model, const char *tenant_id)
{
	return tenant_id != NULL && model_has_members(model) && model_has(model, MEMBERS_ROLE);
}

/*
 * Check that who has these rights may give what an invitation promises. Columns of the profile are
 * the user's everywhere: they are staff's to give. Raises PT403, 22023.
 */
static void
check_promise(const Model *model, const TenantRights *rights, const Invitation *invitation)
{
	if (is_member_role(model, invitation->tenant_id))
	{
		if (!rights_cover_role(rights, invitation->role))
			authority_refuse_tenant("not allowed", "The role comes before one's own.");
		member_role_check(model, invitation->role);
	}
	else if (!rights->all)
		authority_refuse_tenant("not allowed", "Only staff may do this.");
	if (!rights->all && JB_ROOT_COUNT(invitation->grants) > 0)
		authority_refuse_tenant("not allowed", "Only staff may grant columns of the profile.");
}

static const TableStatement invitation_make_statement = {
	PLAN_INVITATION_MAKE,
	"invitation",
	OWN_STATEMENT "WITH made AS (INSERT INTO account.invitation (email, role, tenant_id, "
				  "grants, invited_by, expires_at) VALUES ($2, $3, $4, $5, $6, $7) "
				  "RETURNING id) INSERT INTO account.invitation_token "
				  "(invitation_id, token_hash) SELECT m.id, $1 FROM made m "
				  "RETURNING invitation_id",
	7,
	{BYTEAOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TIMESTAMPTZOID}};

/* Store an invitation; returns its id. */
static int64
store(const Invitation *invitation, bytea *hash)
{
	Datum values[] = {PointerGetDatum(hash),
					  CStringGetTextDatum(invitation->email),
					  CStringGetTextDatum(invitation->role),
					  (Datum) 0,
					  JsonbPGetDatum(invitation->grants),
					  CStringGetTextDatum(invitation->invited_by),
					  TimestampTzGetDatum(invitation->expires_at)};
	const char *nulls = invitation->tenant_id == NULL ? "   n   " : "       ";
	bool isnull;
	int64 id;

	if (invitation->tenant_id != NULL)
		values[3] = CStringGetTextDatum(invitation->tenant_id);
	SPI_connect();
	(void) own_statement_run(&invitation_make_statement, values, nulls);
	id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return id;
}

/* What an invitation gives to the profile: the grants, and the role where it is the profile's. */
static ProfileGrant *
read_grant(const Model *model, const UserRecord *giver, const Invitation *invitation)
{
	return profile_grant_read(
		model, giver, is_member_role(model, invitation->tenant_id) ? NULL : invitation->role,
		invitation->grants);
}

/*
 * account.invite(email text, role text, tenant text, ttl interval, grants jsonb) RETURNS text:
 * staff, and who administers the tenant.
 */
static Datum
invite_operation(PG_FUNCTION_ARGS)
{
	Invitation invitation = {0};
	Model model;
	UserRecord *actor;
	TenantRights rights;
	char *tenant;
	JsonbBuild detail = {0};
	text *token;
	bytea *hash;

	PreventCommandIfReadOnly("account.invite()");
	version_check();
	model = *model_require_locked();
	/* with who invites go its invitations: it does not go before this one is seen */
	actor = authority_actor_locked(&model);
	if (!model_has_members(&model))
		authority_require_staff(actor);
	invitation.email = text_argument(fcinfo, 0, "email", MAX_EMAIL);
	registration_check_email(invitation.email);
	invitation.role = role_argument(fcinfo, 1);
	tenant = text_argument(fcinfo, 2, "tenant", MAX_TENANT);
	invitation.tenant_id = resolve_tenant(&model, actor, tenant, &rights);
	invitation.expires_at = GetCurrentTimestamp() + ttl_argument(fcinfo, 3, "An invitation");
	invitation.grants = grants_argument(fcinfo, 4);
	if (model_has_members(&model))
		check_promise(&model, &rights, &invitation);
	(void) read_grant(&model, actor, &invitation);
	invitation.invited_by = actor->user_id;
	token = one_time_token_make(&hash);
	invitation.id = store(&invitation, hash);

	detail_number(&detail, "invitation_id", invitation.id);
	detail_text(&detail, "email", invitation.email);
	detail_text(&detail, "role", invitation.role);
	detail_json(&detail, "grants", invitation.grants);
	detail_time(&detail, "expires_at", invitation.expires_at);
	event_success(EVENT_INVITATION_CREATED, NULL, invitation.tenant_id, detail_end(&detail));
	PG_RETURN_TEXT_P(token);
}

static const TableStatement invitation_lock_statement = {
	PLAN_INVITATION_LOCK,
	"invitation",
	OWN_STATEMENT "SELECT i.id, i.email, i.role, i.tenant_id, i.grants, i.invited_by, "
				  "i.expires_at, i.accepted_at IS NOT NULL "
				  "FROM account.invitation_token t JOIN account.invitation i "
				  "ON i.id OPERATOR(pg_catalog.=) t.invitation_id "
				  "WHERE t.token_hash OPERATOR(pg_catalog.=) $1 FOR UPDATE OF i",
	1,
	{BYTEAOID}};

/* Lock and read the invitation of this hash; false: there is none. */
static bool
lock_invitation(bytea *hash, Invitation *invitation)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum values[] = {PointerGetDatum(hash)};
	bool found;

	SPI_connect();
	found = own_statement_run(&invitation_lock_statement, values, NULL) > 0;
	if (found)
	{
		HeapTuple row = SPI_tuptable->vals[0];
		TupleDesc desc = SPI_tuptable->tupdesc;
		MemoryContext spi = MemoryContextSwitchTo(caller);
		bool isnull;

		invitation->id = DatumGetInt64(SPI_getbinval(row, desc, COL_ID, &isnull));
		invitation->grants = DatumGetJsonbPCopy(SPI_getbinval(row, desc, COL_GRANTS, &isnull));
		invitation->expires_at =
			DatumGetTimestampTz(SPI_getbinval(row, desc, COL_EXPIRES_AT, &isnull));
		invitation->accepted = DatumGetBool(SPI_getbinval(row, desc, COL_ACCEPTED, &isnull));
		MemoryContextSwitchTo(spi);
		invitation->email = row_text(0, COL_EMAIL, caller);
		invitation->role = row_text(0, COL_ROLE, caller);
		invitation->tenant_id = row_text(0, COL_TENANT, caller);
		invitation->invited_by = row_text(0, COL_INVITED_BY, caller);
	}
	SPI_finish();
	return found;
}

/* The statement that lets user $1, who may come in and has no tenant, join tenant $2. */
static char *
join_text(const Model *model)
{
	Oid users = model->relation[MODEL_USERS];
	const ModelColumn *column = &model->column[USERS_TENANT];

	return psprintf(OWN_STATEMENT
					"UPDATE %s u SET %s = $2::%s WHERE %s AND %s AND %s AND %s IS NULL"
					" RETURNING %s IS NULL",
					sql_relation(users), sql_column(users, column->attnum),
					sql_type(getBaseType(column->type), -1), model_sql_key(model, "u", USERS_ID, 1),
					live_sql(model, "u", MODEL_USERS), active_sql(model, "u", MODEL_USERS),
					model_sql(model, "u", USERS_TENANT), model_sql(model, "u", USERS_TENANT));
}

/* Let a user that has no tenant join one; its sessions end. False: the user has changed. */
static bool
join_tenant(const Model *model, const UserRecord *user, const char *tenant)
{
	Oid users = model->relation[MODEL_USERS];
	Oid types[] = {model_key_type(model, USERS_ID), model_key_type(model, USERS_TENANT)};
	Datum values[2];
	KeptStatement *plan;
	RoleState saved;
	uint64 rows;

	if (!model_key_value(model, USERS_ID, user->user_id, &values[0]) ||
		!model_key_value(model, USERS_TENANT, tenant, &values[1]))
		refuse_unknown();
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_USER_JOIN, users, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_generic(PLAN_USER_JOIN, users, InvalidOid, join_text(model), 2, types);
	rows = statement_run(plan, values, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	if (rows > 0 && row_boolean(0, 1))
		refuse_values_kept(users, "the user did not join the tenant");
	run_as_end(saved);
	SPI_finish();
	return rows > 0;
}

/* Who made the invitation, who still may; raises PT404. */
static UserRecord *
live_inviter(const Model *model, const Invitation *invitation)
{
	const char *tenant = invitation->tenant_id;
	UserRecord *inviter = model_user_by_id(model, invitation->invited_by);
	TenantRights rights;

	if (inviter == NULL || !model_user_admitted(inviter))
		refuse_unknown();
	if (tenant != NULL && model_has_members(model))
		(void) membership_enter(model, inviter, tenant); /* staff of it, if it is a member */
	rights = authority_in_tenant(model, inviter, tenant);
	if (is_member_role(model, tenant) ? !rights_cover_role(&rights, invitation->role) : !rights.all)
		refuse_unknown();
	return inviter;
}

/* Raise unless the user may accept the invitation, whose row is locked. Returns who made it. */
static UserRecord *
check_acceptance(const Model *model, const UserRecord *user, const Invitation *invitation)
{
	bool is_active = true;
	const char *email = model_has(model, USERS_EMAIL) ? user->email : user->username;
	UserRecord *inviter;

	if (!name_same(model, email, invitation->email))
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not the invited user"),
						errdetail("The invitation is for another email."),
						errhint("Log in as who was invited."), errhidesecrets()));
	if (invitation->accepted)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_CONFLICT), errmsg("invitation is already used"),
						errdetail("An invitation can be accepted once."),
						errhint("Ask for another invitation."), errhidesecrets()));
	if (invitation->expires_at <= GetCurrentTimestamp())
		refuse_unknown();
	inviter = live_inviter(model, invitation);
	if (strcmp(inviter->user_id, user->user_id) == 0)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not allowed"),
						errdetail("Nobody accepts its own invitation."),
						errhint("Let somebody else of the staff invite."), errhidesecrets()));
	if (invitation->tenant_id != NULL &&
		(!tenant_hold(model, invitation->tenant_id, &is_active) || !is_active))
		refuse_inactive();
	if (!model_has_members(model) && user->tenant_key != NULL &&
		(invitation->tenant_id == NULL ? !inviter->is_superuser
									   : strcmp(user->tenant_key, invitation->tenant_id) != 0))
		authority_refuse_tenant("user belongs to another tenant",
								"The invitation is into another tenant than the user's.");
	return inviter;
}

/*
 * Make the user that asks a member of the invitation's tenant; see admit().
 */
static UserRecord *
admit_member(const Model *model, const Invitation *invitation, UserRecord **user, bool *joins)
{
	UserRecord *inviter;
	bool is_active;

	/* the locks in the order in which the end of the tenant takes them */
	(void) tenant_hold(model, invitation->tenant_id, &is_active);
	*user = authority_actor(model);
	if (!model_user_lock(model, (*user)->user_id, true))
		authority_no_such_user();
	*user = authority_actor(model);
	inviter = check_acceptance(model, *user, invitation);
	*joins = member_join(model, (*user)->user_id, invitation->tenant_id, invitation->role);
	return inviter;
}

/*
 * Let the user that asks accept the invitation, whose row is locked: lock its row, too, and let it
 * join the tenant. *user is that user as it was before; returns who made the invitation. Raises
 * where it may not.
 */
static UserRecord *
admit(const Model *model, const Invitation *invitation, UserRecord **user, bool *joins)
{
	if (invitation->tenant_id != NULL && model_has_members(model))
		return admit_member(model, invitation, user, joins);
	for (int try = 0; try < MAX_TRIES; try++)
	{
		UserRecord *inviter;

		CHECK_FOR_INTERRUPTS();
		*user = authority_actor(model);
		inviter = check_acceptance(model, *user, invitation);
		*joins = invitation->tenant_id != NULL && (*user)->tenant_key == NULL &&
				 model_has(model, USERS_TENANT);
		if (*joins ? join_tenant(model, *user, invitation->tenant_id)
				   : session_admit(model, *user, false, NULL))
			return inviter;
		/* the user has changed: look again */
	}
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("the user changes all the time"),
			 errdetail("The invitation has not been accepted."), errhint("Try again."),
			 errhidesecrets()));
}

static const TableStatement invitation_use_statement = {
	PLAN_INVITATION_USE,
	"invitation",
	OWN_STATEMENT "UPDATE account.invitation i SET accepted_at = "
				  "pg_catalog.clock_timestamp(), accepted_by = $2 "
				  "WHERE i.id OPERATOR(pg_catalog.=) $1",
	2,
	{INT8OID, TEXTOID}};

/* The invitation is used. */
static void
mark_used(const Invitation *invitation, const UserRecord *user)
{
	Datum values[] = {Int64GetDatum(invitation->id), CStringGetTextDatum(user->user_id)};

	SPI_connect();
	if (own_statement_run(&invitation_use_statement, values, NULL) != 1)
		elog(ERROR, "could not use the invitation");
	SPI_finish();
}

/* account.accept_invitation(token text) RETURNS jsonb */
static Datum
accept_invitation_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	Invitation invitation = {0};
	Model model;
	UserRecord *user;
	UserRecord *inviter;
	ProfileGrant *grant;
	JsonbBuild answer = {0};
	JsonbBuild detail = {0};
	bytea *hash;
	bool joins;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.accept_invitation()");
	version_check();
	model = *model_require_locked();
	user = authority_actor(&model);
	operation_concerns(user->user_id, user->tenant_id);
	hash = one_time_token_hash(fcinfo, 0);
	if (hash == NULL || !lock_invitation(hash, &invitation))
		refuse_unknown();
	inviter = admit(&model, &invitation, &user, &joins);
	grant = read_grant(&model, inviter, &invitation);
	profile_grant_write(&model, user->user_id, grant);
	mark_used(&invitation, user);

	detail_number(&detail, "invitation_id", invitation.id);
	detail_text(&detail, "role", invitation.role);
	detail_json(&detail, "grants", grant->applied);
	detail_text(&detail, "invited_by", invitation.invited_by);
	detail_bool(&detail, "joined", joins);
	event_success(EVENT_INVITATION_ACCEPTED, user->user_id, invitation.tenant_id,
				  detail_end(&detail));

	detail_bool(&answer, "status", true);
	detail_text(&answer, "message", "Invitation successfully accepted");
	detail_text(&answer, "user_id", user->user_id);
	detail_text(&answer, "role", invitation.role);
	detail_text(&answer, "tenant_id",
				user->tenant_key != NULL && !model_has_members(&model) ? user->tenant_key
																	   : invitation.tenant_id);
	detail_json(&answer, "grants", grant->applied);
	detail_bool(&answer, "joined", joins);
	secret_call_end(&hiding);
	PG_RETURN_JSONB_P(detail_end(&answer));
}
