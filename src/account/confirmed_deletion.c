/*
 * confirmed_deletion.c
 *		A user deletes itself by a token that was mailed to it, and takes its deletion back by its
 *		password.
 *
 * Who may not come back is refused as a login is, in the same time: that nobody is there, that it
 * was not the user who deleted itself, or that its time is over, looks as a wrong password does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "auth/auth.h"
#include "base/base.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "authority.h"
#include "confirmation.h"
#include "lifecycle.h"

ACCOUNT_OPERATION(request_deletion, "request_deletion", 0);
ACCOUNT_OPERATION(confirm_deletion, "confirm_deletion", NO_SUBJECT);
ACCOUNT_OPERATION(cancel_deletion, "cancel_deletion", 0);

/* Why a user has come back, for the event. */
#define REASON_CANCELLED "deletion cancelled"

/* account.request_deletion(user_id, ttl interval) RETURNS text: self or staff. */
static Datum
request_deletion_operation(PG_FUNCTION_ARGS)
{
	JsonbBuild detail = {0};
	Model model;
	UserRecord *user;
	int64 ttl;
	text *token;

	PreventCommandIfReadOnly("account.request_deletion()");
	version_check();
	model = *model_require_locked();
	user = authority_over_locked(&model, id_argument(fcinfo, 0), false, true, NULL);
	ttl = ttl_argument(fcinfo, 1, "A token");
	mail_request_of_user(MAIL_DELETION, user->user_id);
	token = mailed_token_make(MAIL_DELETION, user->user_id, NULL, false, ttl, NULL);

	detail_text(&detail, "email", user->email);
	detail_time(&detail, "expires_at", GetCurrentTimestamp() + ttl);
	event_success(EVENT_DELETION_REQUESTED, user->user_id, user->tenant_id, detail_end(&detail));
	PG_RETURN_TEXT_P(token);
}

/* The live user of an open token; raises PT404. */
static UserRecord *
token_user(const Model *model, bytea *hash)
{
	MailedToken token;
	UserRecord *user = NULL;

	if (mailed_token_find(MAIL_DELETION, hash, &token))
		user = model_user_by_id(model, token.user_id);
	if (user == NULL || !user->is_live)
		mailed_token_unknown();
	operation_concerns(user->user_id, user->tenant_id);
	return user;
}

/* Delete a user, who has asked for it. */
static Jsonb *
delete_itself(const Model *model, const UserRecord *user, const char *reason)
{
	Jsonb *volatile answer = NULL;

	own_deletion_begin(user->user_id);
	PG_TRY();
	{
		answer = lifecycle_delete(model, user, user->is_superuser, reason);
	}
	PG_FINALLY();
	{
		own_deletion_begin(NULL);
	}
	PG_END_TRY();
	return answer;
}

/* account.confirm_deletion(token text, reason text) RETURNS jsonb: once, by who has the token. */
static Datum
confirm_deletion_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	Model model;
	UserRecord *user;
	Jsonb *answer;
	bytea *token;
	char *reason;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.confirm_deletion()");
	version_check();
	model = *model_require_locked();
	reason = reason_argument(fcinfo, 1);
	token = one_time_token_hash(fcinfo, 0);
	user = token_user(&model, token);
	if (!model_user_lock(&model, user->user_id, true))
		mailed_token_unknown();
	user = token_user(&model, token);
	if (!mailed_token_use(MAIL_DELETION, token))
		mailed_token_unknown();
	answer = delete_itself(&model, user, reason);
	secret_call_end(&hiding);
	PG_RETURN_JSONB_P(answer);
}

/* The statement that looks for a deleted user. $1 a login, $2 ids, $3 since when. */
static char *
deleted_text(const Model *model)
{
	const ModelColumn *id = &model->column[USERS_ID];
	char *deleted_at = lifecycle_deleted_at(model);
	StringInfoData named;

	initStringInfo(&named);
	for (ModelAttribute a = USERS_EMAIL; a <= USERS_USERNAME; a++)
		if (model_has(model, a))
			appendStringInfo(&named, "%s%s", named.len > 0 ? " OR " : "",
							 model_sql_named(model, "u", a, 1));
	return psprintf(
		OWN_STATEMENT
		"SELECT %s FROM %s u WHERE u.%s %s ANY (ARRAY(SELECT k.id::%s FROM pg_catalog.unnest($2) "
		"AS k(id))) AND (%s) AND NOT %s AND (%s IS NULL OR %s OPERATOR(pg_catalog.>) $3) "
		"ORDER BY %s DESC NULLS LAST LIMIT 1",
		model_sql_text(model, "u", USERS_ID), sql_relation(model->relation[MODEL_USERS]),
		sql_column(model->relation[MODEL_USERS], id->attnum), sql_equality(id->type),
		sql_type(id->type, id->typmod), named.data, live_sql(model, "u", MODEL_USERS), deleted_at,
		deleted_at, deleted_at);
}

/*
 * The user of this login that has deleted itself within the grace period, the one that did last;
 * NULL: there is none, or a live user has the login by now.
 */
static UserRecord *
deleted_user(const Model *model, const char *login)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid users = model->relation[MODEL_USERS];
	Oid types[] = {TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID};
	TimestampTz since = GetCurrentTimestamp() - (int64) pgaccount_grace_period * USECS_PER_SEC;
	Datum values[] = {CStringGetTextDatum(login), own_deletions_since(since),
					  TimestampTzGetDatum(since)};
	char *user_id = NULL;
	KeptStatement *plan;
	RoleState saved;

	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_DELETED_LOGIN, users, InvalidOid);
	if (plan == NULL)
		plan =
			plan_keep_lookup(PLAN_DELETED_LOGIN, users, InvalidOid, deleted_text(model), 3, types);
	if (statement_run(plan, values, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW}) > 0)
		user_id = row_text(0, 1, caller);
	run_as_end(saved);
	SPI_finish();
	if (model_user_by_login(model, login, NULL) != NULL)
		return NULL;
	return user_id != NULL ? model_user_by_id(model, user_id) : NULL;
}

/* A user whose password was verified, and the model. */
typedef struct Verified
{
	const Model *model;
	const UserRecord *user;
	bool is_back;
} Verified;

/* Bring it back, unless it has another password by now. */
static bool
restore_verified(void *arg)
{
	Verified *verified = arg;
	UserRecord *now;

	(void) lifecycle_restore(verified->model, verified->user, REASON_CANCELLED);
	now = model_user_by_id(verified->model, verified->user->user_id);
	verified->is_back = now != NULL && confirmed_hash_is(verified->user->password, now->password);
	return verified->is_back;
}

/*
 * Bring a user back whose password was verified. False: its email or username is taken, it is gone
 * for good, or has another password by now. What was begun is undone then, and the attempt that is
 * counted at commit stays.
 */
static bool
bring_back(const Model *model, const UserRecord *user)
{
	Verified verified = {.model = model, .user = user};
	ErrorData *error = subtransaction_run(restore_verified, &verified);

	if (error != NULL && error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION &&
		error->sqlerrcode != ERRCODE_ACCOUNT_NOTHING_TO_DO &&
		error->sqlerrcode != ERRCODE_ACCOUNT_NOT_FOUND)
		ReThrowError(error);
	return error == NULL && verified.is_back;
}

/* Verify, and bring back. *user is set with NULL returned; else why not. */
static const char *
try_to_cancel(const LoginCall *call, const Model *model, text *password, Attempt *attempt,
			  UserRecord **user, int *status)
{
	*user = pgaccount_login_cancels_deletion && call->login != NULL
				? deleted_user(model, call->login)
				: NULL;
	attempt_make(attempt, *user, call->login != NULL ? call->login : "",
				 call->ip != NULL ? InetPGetDatum(call->ip) : (Datum) 0, call->ip == NULL);
	*status = 429;
	if (!attempt_begin(attempt))
		return "too_many_attempts";
	*status = 401;
	if (!attempt_verify(attempt, *user, password) || *user == NULL)
	{
		attempt_failed(attempt);
		return "invalid_credentials";
	}
	if (!(*user)->is_active || !(*user)->tenant_is_active)
	{
		attempt_take_back(attempt);
		*status = 403;
		return "account_inactive";
	}
	for (bool back = bring_back(model, *user); back && *user != NULL;)
	{
		CHECK_FOR_INTERRUPTS();
		*user = model_user_by_id(model, (*user)->user_id);
		if (*user == NULL || !model_user_admitted(*user))
			break;
		if (session_admit(model, *user, true, NULL))
			return NULL;
	}
	attempt_take_back(attempt);
	return "invalid_credentials";
}

/* account.cancel_deletion(login text, password text, ip inet): tokens, or why not. */
static Datum
cancel_deletion_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	text *password = PG_ARGISNULL(1) ? NULL : (text *) PG_GETARG_POINTER(1);
	Attempt attempt;
	Model model;
	UserRecord *user = NULL;
	const char *refused;
	int status;
	LoginCall call;
	Datum result;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.cancel_deletion()");
	version_check();
	model = *model_require_locked();
	call = (LoginCall){.fcinfo = fcinfo,
					   .ip = PG_ARGISNULL(2) ? NULL : DatumGetInetPP(PG_GETARG_DATUM(2)),
					   .login = login_argument(fcinfo, 0),
					   .agent = client_user_agent()};
	refused = try_to_cancel(&call, &model, password, &attempt, &user, &status);
	result = refused != NULL ? login_refused(&call, user, status, refused)
							 : login_succeeded(&call, user, &attempt, NULL);
	secret_call_end(&hiding);
	return result;
}
