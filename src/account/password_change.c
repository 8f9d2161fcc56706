/*
 * password_change.c
 *		New passwords: set by staff, changed by who knows the old one, reset by who reads the mail.
 *
 * A request for somebody who is not there, is deleted or not active does the same work as any
 * other, writes as much, and is counted by what was asked for alone; what remains is that a row is
 * read and locked or is not, some microseconds, and each request takes its time. So neither time
 * nor refusals tell who there is. That a user gets no more mails than that, whichever of its names
 * is given, is counted besides, and then answered as if there was nobody.
 *
 * Hashes take their time. So whoever writes one looks at the user again, with its row locked: who
 * was first has given the password that counts.
 */
#include "postgres.h"

#include <sodium.h>

#include "executor/spi.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "auth/auth.h"
#include "base/base.h"
#include "monitor/monitor.h"
#include "password/password.h"
#include "authority.h"
#include "confirmation.h"

ACCOUNT_OPERATION(set_password, "set_password", 0);
ACCOUNT_OPERATION(change_password, "change_password", NO_SUBJECT);
ACCOUNT_OPERATION(request_password_reset, "request_password_reset", 0);
ACCOUNT_OPERATION(reset_password, "reset_password", NO_SUBJECT);

/* Does the row just written have the same password as before? before: NULL, or its hash. */
static bool
is_old_hash(const text *before)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	text *stored = isnull ? NULL : DatumGetTextPP(value);

	if (stored == NULL || before == NULL)
		return stored == NULL;
	return VARSIZE_ANY_EXHDR(stored) == VARSIZE_ANY_EXHDR(before) &&
		   memcmp(VARDATA_ANY(stored), VARDATA_ANY(before), VARSIZE_ANY_EXHDR(stored)) == 0;
}

/*
 * Store the hash of a live user, whose row is locked, as the owner of users; before: the one that
 * it has. Raises 55000 where there is no column that can hold it, or a trigger keeps it back, or
 * the old one.
 */
static void
store_hash(const Model *model, const char *user_id, const text *before, text *hash)
{
	Oid users = model->relation[MODEL_USERS];
	Oid types[] = {model_key_type(model, USERS_ID), TEXTOID};
	Datum values[] = {(Datum) 0, PointerGetDatum(hash)};
	KeptStatement *plan;
	RoleState saved;

	model_require_room(model, hash);
	(void) model_key_value(model, USERS_ID, user_id, &values[0]);
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_PASSWORD_SET, users, InvalidOid);
	if (plan == NULL)
		plan = plan_keep_lookup(
			PLAN_PASSWORD_SET, users, InvalidOid,
			psprintf(OWN_STATEMENT "UPDATE %s u SET %s = $2 WHERE %s RETURNING %s",
					 sql_relation(users), sql_column(users, model->column[USERS_PASSWORD].attnum),
					 model_sql_key(model, "u", USERS_ID, 1),
					 model_sql_text(model, "u", USERS_PASSWORD)),
			2, types);
	if (statement_run(plan, values, NULL, NULL) == 0)
		refuse_row_kept_back(users, "the password was not changed");
	if (is_old_hash(before))
		refuse_values_kept(users, "the password was not changed");
	run_as_end(saved);
	SPI_finish();
}

/*
 * Give a user a new password, whose hash is given, and end its sessions but the one of this id
 * (NULL: all).
 */
static void
write_password(const Model *model, const UserRecord *user, text *hash, const char *session)
{
	session_keep(user->user_id, false, session);
	PG_TRY();
	{
		store_hash(model, user->user_id, user->password, hash);
	}
	PG_FINALLY();
	{
		session_keep_end();
	}
	PG_END_TRY();
	(void) session_end_user(user->user_id, session, SESSION_END_USER);
	event_success(EVENT_PASSWORD_CHANGED, user->user_id, user->tenant_id, NULL);
}

/* account.set_password(user_id, password text): self or staff; ends other sessions. */
static Datum
set_password_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	text *password = PG_ARGISNULL(1) ? NULL : (text *) PG_GETARG_POINTER(1);
	char *id;
	Model model;
	UserRecord *user;
	text *hash;
	bool is_self;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.set_password()");
	version_check();
	model = *model_require_locked();
	id = id_argument(fcinfo, 0);
	user = authority_over(&model, id, true, &is_self);
	password_require_length(password, "password");
	hash = model_hash_password(&model, password, user->password);
	user = authority_over_locked(&model, id, true, true, &is_self);
	write_password(&model, user, hash, is_self ? authority_own_session() : NULL);
	secret_call_end(&hiding);
	PG_RETURN_VOID();
}

/* account.change_password(old text, new text): by who knows the old one; ends other sessions. */
static Datum
change_password_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	text *old = PG_ARGISNULL(0) ? NULL : (text *) PG_GETARG_POINTER(0);
	text *new = PG_ARGISNULL(1) ? NULL : (text *) PG_GETARG_POINTER(1);
	Model model;
	UserRecord *user;
	text *verified;
	text *hash;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.change_password()");
	version_check();
	model = *model_require_locked();
	user = authority_actor(&model);
	operation_concerns(user->user_id, user->tenant_id);
	password_require_length(new, "new");
	confirmation_by_password(user, old);
	verified = user->password;
	hash = model_hash_password(&model, new, verified);
	if (!model_user_lock(&model, user->user_id, true))
		authority_no_such_user();
	user = authority_actor(&model);
	/* another one was given meanwhile, or a login has hashed it anew */
	if (!confirmed_hash_is(verified, user->password))
		confirmation_by_password(user, old);
	write_password(&model, user, hash, authority_own_session());
	secret_call_end(&hiding);
	PG_RETURN_VOID();
}

/* So many microseconds each request takes, several times what the work does. */
#define REQUEST_USECS 2000

/* Wait until a request that was begun then has taken its time. */
static void
take_time(TimestampTz begin)
{
	int64 left = begin + REQUEST_USECS - GetCurrentTimestamp();

	if (left > 0)
		pg_usleep((long) Min(left, REQUEST_USECS));
}

/*
 * The one live user of a login, its row locked: what voids its tokens has been, and is seen, or
 * waits till there is this one. NULL: there is none.
 */
static UserRecord *
lock_by_login(const Model *model, const char *login)
{
	UserRecord *user = model_user_by_login(model, login, NULL);
	UserRecord *now = NULL;

	if (user != NULL && model_user_lock(model, user->user_id, false))
		now = model_user_by_login(model, login, NULL);
	return now != NULL && strcmp(now->user_id, user->user_id) == 0 ? now : NULL;
}

/* Where a user's mail goes; NULL: nowhere. */
static const char *
mail_address(const Model *model, const UserRecord *user)
{
	return model_has(model, USERS_EMAIL) ? user->email : user->username;
}

/* Record a request; user NULL: of nobody. */
static void
record_request(const char *login, const UserRecord *user, const char *email, TimestampTz expires_at)
{
	JsonbBuild detail = {0};

	detail_text(&detail, "email", email);
	detail_time(&detail, "expires_at", expires_at);
	if (user != NULL)
		event_success(EVENT_PASSWORD_RESET_REQUESTED, user->user_id, user->tenant_id,
					  detail_end(&detail));
	else
		event_refusal(EVENT_PASSWORD_RESET_REQUESTED, login, NULL,
					  unpack_sql_state(ERRCODE_ACCOUNT_NOT_FOUND), detail_end(&detail));
}

/*
 * account.request_password_reset(login text, ttl interval) RETURNS TABLE (email text, token text):
 * no row for who is not there, in the same time.
 */
static Datum
request_password_reset_operation(PG_FUNCTION_ARGS)
{
	TimestampTz begin = GetCurrentTimestamp();
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	unsigned char digests[2][THROTTLE_KEY_BYTES];
	const unsigned char *counted[] = {digests[0], digests[1]};
	ErrorContextCallback hiding;
	Model model;
	UserRecord *user;
	const char *email;
	char *login;
	int64 ttl;
	text *token;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.request_password_reset()");
	version_check();
	model = *model_require_locked();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	ttl = ttl_argument(fcinfo, 1, "A token");
	login = login_argument(fcinfo, 0);
	user = login != NULL ? lock_by_login(&model, login) : NULL;
	email = user != NULL ? mail_address(&model, user) : NULL;
	if (user != NULL && (!model_user_admitted(user) || email == NULL))
		user = NULL;
	login = name_fold(login != NULL ? login : "", DEFAULT_COLLATION_OID);
	mail_request_digest(MAIL_PASSWORD_RESET, false, login, digests[0]);
	mail_request_digest(MAIL_PASSWORD_RESET, true,
						user != NULL ? user->user_id : psprintf("nobody %s", login), digests[1]);
	if (!mail_request_allowed(digests[0]))
		mail_request_refuse();
	if (!mail_request_allowed(digests[1]))
		user = NULL;
	mail_requests_note(counted, lengthof(counted));
	token = mailed_token_make(MAIL_PASSWORD_RESET, user != NULL ? user->user_id : NULL, NULL, false,
							  ttl, digests[1]);
	record_request(login, user, user != NULL ? email : NULL, GetCurrentTimestamp() + ttl);
	if (user != NULL)
	{
		Datum values[] = {CStringGetTextDatum(email), PointerGetDatum(token)};
		bool nulls[lengthof(values)] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	take_time(begin);
	secret_call_end(&hiding);
	return (Datum) 0;
}

/* The user of an open token, who may come in; raises PT404. */
static UserRecord *
token_user(const Model *model, bytea *hash)
{
	MailedToken token;
	UserRecord *user = NULL;

	if (mailed_token_find(MAIL_PASSWORD_RESET, hash, &token))
		user = model_user_by_id(model, token.user_id);
	if (user == NULL || !model_user_admitted(user))
		mailed_token_unknown();
	operation_concerns(user->user_id, user->tenant_id);
	return user;
}

/* account.reset_password(token text, password text): once; ends every session. */
static Datum
reset_password_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	text *password = PG_ARGISNULL(1) ? NULL : (text *) PG_GETARG_POINTER(1);
	Model model;
	UserRecord *user;
	bytea *token;
	text *hash;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.reset_password()");
	version_check();
	model = *model_require_locked();
	token = one_time_token_hash(fcinfo, 0);
	user = token_user(&model, token);
	password_require_length(password, "password");
	hash = model_hash_password(&model, password, user->password);
	if (!model_user_lock(&model, user->user_id, true))
		mailed_token_unknown();
	user = token_user(&model, token);
	if (!mailed_token_use(MAIL_PASSWORD_RESET, token))
		mailed_token_unknown();
	write_password(&model, user, hash, NULL);
	attempts_forget(user);
	secret_call_end(&hiding);
	PG_RETURN_VOID();
}
