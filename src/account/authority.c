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
#include "authority.h"

/* account.claim(name text), of identity.c. */
extern Datum claim(PG_FUNCTION_ARGS);

ACCOUNT_OPERATION(revoke_sessions, "revoke_sessions", 0);
ACCOUNT_OPERATION(act_as, "act_as", 0);

/* Raise PT403. */
static void
refuse_forbidden(void)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not allowed"),
					errdetail("Only staff of the user's tenant, or a superuser, may do this."),
					errhint("Ask somebody who may.")));
}

/* Raise PT404. */
void
authority_no_such_user(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such user"),
			 errdetail("No live user has this id."), errhint("Pass the id of a live user.")));
}

/* The user of the identity, whether it may come in or not; NULL: there is none. */
static UserRecord *
identity_user(const Model *model)
{
	const char *uid = identity_uid();

	return uid != NULL ? model_user_by_id(model, uid) : NULL;
}

/* Raise PT401. */
compat_noreturn static void
refuse_unauthenticated(void)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_UNAUTHENTICATED), errmsg("not authenticated"),
					errdetail("There is no identity of a user that may come in."),
					errhint("Call account.authenticate(token) first.")));
}

/* The user of the identity, who may come in; see the header. */
UserRecord *
authority_actor(const Model *model)
{
	UserRecord *actor = identity_user(model);

	if (actor == NULL || !model_user_admitted(actor))
		refuse_unauthenticated();
	return actor;
}

/* Raise PT403 unless this is staff, or a superuser. */
void
authority_require_staff(const UserRecord *actor)
{
	if (!actor->is_staff && !actor->is_superuser)
		refuse_forbidden();
}

/* May staff, or a superuser, act on users of this tenant? */
bool
authority_covers_tenant(const UserRecord *actor, const char *tenant_key)
{
	if (actor->is_superuser)
		return true;
	if (!actor->is_staff)
		return false;
	if (actor->tenant_key == NULL || tenant_key == NULL)
		return actor->tenant_key == tenant_key;
	return strcmp(actor->tenant_key, tenant_key) == 0;
}

/* The user on whom the identity may act, deleted or not; see the header. */
UserRecord *
authority_over_any(const Model *model, const char *user_id, bool self, bool *is_self)
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
	if (actor == NULL || !model_user_admitted(actor))
		refuse_unauthenticated();
	if (own && self)
		return target;
	authority_require_staff(actor);
	if (target != NULL && !actor->is_superuser &&
		(!authority_covers_tenant(actor, target->tenant_key) || target->is_superuser))
		refuse_forbidden();
	if (target == NULL)
		authority_no_such_user();
	return target;
}

/* The live user on whom the identity may act; see the header. */
UserRecord *
authority_over(const Model *model, const char *user_id, bool self, bool *is_self)
{
	UserRecord *target = authority_over_any(model, user_id, self, is_self);

	if (!target->is_live)
	{
		(void) authority_actor(model);
		authority_no_such_user();
	}
	return target;
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
 * account.revoke_sessions(user_id, keep_current boolean) RETURNS bigint: self or staff; the number
 * of sessions ended.
 */
static Datum
revoke_sessions_operation(PG_FUNCTION_ARGS)
{
	Model model;
	UserRecord *user;
	uint64 ended;

	PreventCommandIfReadOnly("account.revoke_sessions()");
	if (PG_ARGISNULL(1))
		refuse_null_argument("keep_current");
	version_check();
	model = *model_require();
	user = authority_over(&model, id_argument(fcinfo, 0), true, NULL);
	ended = session_end_user(user->user_id, PG_GETARG_BOOL(1) ? authority_own_session() : NULL,
							 SESSION_END_REVOKED);
	session_event_revoked(user->user_id, user->tenant_id, ended, SESSION_END_REVOKED);
	PG_RETURN_INT64((int64) ended);
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
	if (!PG_ARGISNULL(2))
		refuse_argument_for_now("actor");
	model = *model_require();
	user = session_user_argument(fcinfo, 0, &model);
	session_token_user(user, NULL, &token);
	initStringInfo(&claims);
	token_claims(&claims, &token, (int64) pgaccount_access_token_ttl * USECS_PER_SEC);
	identity_set(claims.data, claims.len, NULL, PG_GETARG_BOOL(1), DT_NOEND);
	if (PG_GETARG_BOOL(1))
		identity_warn_if_alone(fcinfo, "account.act_as()");
	PG_RETURN_TEXT_P(cstring_to_text(user->user_id));
}
