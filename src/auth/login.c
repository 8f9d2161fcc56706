/*
 * login.c
 *		account.login: password in, tokens out; or why not, as a row.
 *
 * A refusal is an answer, so that the attempt is counted when the caller commits; with the library
 * preloaded it is counted in shared memory as well, before the password is looked at, so that
 * neither a ROLLBACK nor many callers at once gain an attempt (login_attempt.c).
 *
 * Time: whoever the login names, or does not, and whatever its hash, one verification of the
 * current cost is paid for. What can be told apart afterwards is only shown to who had the right
 * password.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "monitor/monitor.h"
#include "password/password.h"
#include "login.h"
#include "session.h"

ACCOUNT_OPERATION(login, "login", 0);

/* Longer logins name nobody. */
#define MAX_LOGIN 1024

/* How often a login is tried anew because the user changed under it. */
#define MAX_TRIES 5

/*
 * The new hash for a verified one that is to be replaced; NULL: keep it, or its column cannot hold
 * the new one.
 */
static text *
new_hash(const Model *model, const UserRecord *user, text *password)
{
	int32 room = model->column[USERS_PASSWORD].typmod;
	text *hash =
		user->password != NULL ? password_rehash(password, user->password, model->django) : NULL;

	return hash != NULL && room > 0 && (int32) VARSIZE(hash) > room ? NULL : hash;
}

/* A login, or what decides about one, as an argument; see the header. */
char *
login_argument(FunctionCallInfo fcinfo, int n)
{
	Size size = PG_ARGISNULL(n) ? 0 : toast_raw_datum_size(PG_GETARG_DATUM(n)) - VARHDRSZ;

	return size == 0 || size > MAX_LOGIN ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* The client's agent as an event has it: the argument, cut, else what the request says. */
static char *
agent_argument(FunctionCallInfo fcinfo, int n)
{
	char *agent;

	if (PG_ARGISNULL(n) || toast_raw_datum_size(PG_GETARG_DATUM(n)) - VARHDRSZ > MAX_LOGIN)
		return client_user_agent();
	agent = text_to_cstring(PG_GETARG_TEXT_PP(n));
	agent[pg_mbcliplen(agent, strlen(agent), 512)] = '\0';
	return agent;
}

/* Look for the user, verify, let in. *user is set with NULL returned; else why not. */
static const char *
try_login(FunctionCallInfo fcinfo, const Model *model, Attempt *attempt, UserRecord **user,
		  int *status)
{
	text *password = PG_ARGISNULL(1) ? NULL : (text *) PG_GETARG_POINTER(1);
	char *login = login_argument(fcinfo, 0);
	char *tenant = login_argument(fcinfo, 4);

	for (int try = 0; try < MAX_TRIES; try++)
	{
		CHECK_FOR_INTERRUPTS();
		/* a tenant that cannot be one decides for nobody */
		*user = login == NULL || (tenant == NULL && !PG_ARGISNULL(4) && !model_has_members(model))
					? NULL
					: model_user_by_login(model, login, tenant);
		attempt_make(attempt, *user, login ? login : "", PG_GETARG_DATUM(2), PG_ARGISNULL(2));
		if (!attempt_begin(attempt))
		{
			*status = 429;
			return "too_many_attempts";
		}
		*status = 401;
		if (!attempt_verify(attempt, *user, password) || *user == NULL)
		{
			attempt_failed(attempt);
			return "invalid_credentials";
		}
		if (!model_user_admitted(*user))
		{
			attempt_take_back(attempt);
			/* the tenant of whoever is being removed may be deleted already */
			if (removal_takes(model->relation[MODEL_USERS], (*user)->user_id))
				return "invalid_credentials";
			*status = 403;
			return "account_inactive";
		}
		if (!session_choose_tenant(model, *user, !PG_ARGISNULL(4), tenant))
		{
			attempt_take_back(attempt);
			*status = 403;
			return "not_a_member";
		}
		if (session_admit(model, *user, true, new_hash(model, *user, password)))
			return NULL;
		attempt_take_back(attempt); /* the user has changed: look again */
	}
	return "invalid_credentials";
}

/* Refuse a login; see the header. */
Datum
login_refused(const LoginCall *call, const UserRecord *user, int status, const char *error)
{
	int code = status == 429   ? ERRCODE_ACCOUNT_TOO_MANY
			   : status == 403 ? ERRCODE_ACCOUNT_FORBIDDEN
							   : ERRCODE_ACCOUNT_UNAUTHENTICATED;
	Datum result = session_refusal(call->fcinfo, status, error);
	JsonbBuild detail = {0};

	detail_text(&detail, "user_agent", call->agent);
	detail_text(&detail, "error", error);
	operation_concerns(user ? user->user_id : NULL, user ? user->tenant_id : NULL);
	operation_comes_from(call->ip);
	operation_refused(code, error);
	event_refusal_from(call->ip, EVENT_LOGIN_FAILED, user ? user->user_id : call->login,
					   user ? user->tenant_id : NULL, unpack_sql_state(code), detail_end(&detail));
	return result;
}

/* Open the session of a login; see the header. */
Datum
login_succeeded(const LoginCall *call, const UserRecord *user, const Attempt *attempt,
				text *user_agent)
{
	Datum result = session_open(call->fcinfo, user, NULL,
								call->ip != NULL ? InetPGetDatum(call->ip) : (Datum) 0,
								call->ip == NULL, user_agent);
	JsonbBuild detail = {0};

	attempt_succeeded(attempt);
	detail_text(&detail, "user_agent", call->agent);
	event_success_from(call->ip, EVENT_LOGIN_SUCCEEDED, user->user_id, user->tenant_id,
					   detail_end(&detail));
	return result;
}

/*
 * account.login(login text, password text, ip inet, user_agent text, tenant text): tokens, or why
 * not.
 */
static Datum
login_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	Attempt attempt;
	Model model;
	UserRecord *user = NULL;
	const char *refused;
	int status;
	LoginCall call;
	Datum result;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.login()");
	version_check();
	model = *model_require_locked();
	if (!PG_ARGISNULL(4))
		model_require_tenant(&model);
	refused = try_login(fcinfo, &model, &attempt, &user, &status);
	call = (LoginCall){.fcinfo = fcinfo,
					   .ip = PG_ARGISNULL(2) ? NULL : DatumGetInetPP(PG_GETARG_DATUM(2)),
					   .login = login_argument(fcinfo, 0),
					   .agent = agent_argument(fcinfo, 3)};
	if (refused != NULL)
		result = login_refused(&call, user, status, refused);
	else
		result =
			login_succeeded(&call, user, &attempt, PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3));
	secret_call_end(&hiding);
	return result;
}
