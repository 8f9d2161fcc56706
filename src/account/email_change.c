/*
 * email_change.c
 *		A user's email: confirmed by who reads what was mailed to it.
 *
 * The new email is taken when it is confirmed, as a registration takes one: its name is locked and
 * looked for, and a unique index decides against who does not call us. When it is asked for it is
 * not looked for: that would tell who has it.
 *
 * Locks: the name, then the user's row, then the token. Who asks for a token shares the user's row,
 * so that what makes it void sees it.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "auth/auth.h"
#include "base/base.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "authority.h"

ACCOUNT_OPERATION(request_email_change, "request_email_change", 0);
ACCOUNT_OPERATION(confirm_email, "confirm_email", NO_SUBJECT);

/* Raise 55000 where users have no email. */
static void
require_email(const Model *model)
{
	if (!model_has(model, USERS_EMAIL))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("users have no email"),
				 errdetail("No column of %s is mapped to users.email.",
						   display_relation(model->relation[MODEL_USERS])),
				 errhint("Map one with account.use_tables(...).")));
}

/* account.request_email_change(user_id, email text, ttl interval) RETURNS text: self or staff. */
static Datum
request_email_change_operation(PG_FUNCTION_ARGS)
{
	JsonbBuild detail = {0};
	Model model;
	UserRecord *user;
	char *email;
	int64 ttl;
	text *token;

	PreventCommandIfReadOnly("account.request_email_change()");
	version_check();
	model = *model_require_locked();
	require_email(&model);
	user = authority_over_locked(&model, id_argument(fcinfo, 0), false, true, NULL);
	email = text_argument(fcinfo, 1, "email", MAX_EMAIL);
	registration_check_email(email);
	registration_check_fits(&model, USERS_EMAIL, email);
	ttl = ttl_argument(fcinfo, 2, "A token");
	mail_request_of_user(MAIL_EMAIL, user->user_id);
	token = mailed_token_make(MAIL_EMAIL, user->user_id, email,
							  name_same(&model, email, user->email), ttl, NULL);

	detail_text(&detail, "email", email);
	detail_time(&detail, "expires_at", GetCurrentTimestamp() + ttl);
	event_success(EVENT_EMAIL_CHANGE_REQUESTED, user->user_id, user->tenant_id,
				  detail_end(&detail));
	PG_RETURN_TEXT_P(token);
}

/* What confirming an email writes. */
typedef struct EmailWrite
{
	bool email;    /* another than the present one */
	bool username; /* the username is the email, and stays so */
	bool verified; /* there is a column for when it was confirmed */
} EmailWrite;

/* The statement that gives live user $1 the email $2. */
static char *
write_text(const Model *model, const EmailWrite *write)
{
	Oid users = model->relation[MODEL_USERS];
	StringInfoData set;

	initStringInfo(&set);
	if (write->email)
		appendStringInfo(&set, ", %s = $2", sql_column(users, model->column[USERS_EMAIL].attnum));
	if (write->username)
		appendStringInfo(&set, ", %s = $2",
						 sql_column(users, model->column[USERS_USERNAME].attnum));
	if (write->verified)
		appendStringInfo(&set, ", %s = %s",
						 sql_column(users, model->column[USERS_EMAIL_VERIFIED_AT].attnum),
						 sql_now(model->column[USERS_EMAIL_VERIFIED_AT].type));
	return psprintf(
		OWN_STATEMENT "UPDATE %s u SET %s WHERE %s AND %s AND $2 IS NOT NULL RETURNING %s, %s",
		sql_relation(users), set.data + 2, model_sql_key(model, "u", USERS_ID, 1),
		live_sql(model, "u", MODEL_USERS), model_sql_text(model, "u", USERS_EMAIL),
		write->verified ? psprintf("%s IS NOT NULL", model_sql(model, "u", USERS_EMAIL_VERIFIED_AT))
						: "true");
}

/*
 * Has a trigger kept the email of the row just written as it was, or that it is not confirmed?
 * Another spelling, or whatever a trigger makes of the new one, is the application's to say.
 */
static bool
is_old_email(const Model *model, const UserRecord *user, const char *email, const EmailWrite *write)
{
	const char *stored = row_text(0, 1, CurrentMemoryContext);

	if (!row_boolean(0, 2))
		return true;
	return write->email && !name_same(model, stored, email) &&
		   (stored == NULL || (user->email != NULL && strcmp(stored, user->email) == 0));
}

/* Write a confirmed email, as the owner of users. */
static void
write_email(const Model *model, const UserRecord *user, const char *email, const EmailWrite *write)
{
	Oid users = model->relation[MODEL_USERS];
	Oid variant = (write->email ? 1 : 0) + (write->username ? 2 : 0) + (write->verified ? 4 : 0);
	Oid types[] = {model_key_type(model, USERS_ID), TEXTOID};
	Datum values[] = {(Datum) 0, CStringGetTextDatum(email)};
	KeptStatement *plan;
	RoleState saved;

	if (variant == 0 || !model_key_value(model, USERS_ID, user->user_id, &values[0]))
		return;
	SPI_connect();
	saved = run_as(model->owner[MODEL_USERS]);
	plan = plan_lookup(PLAN_EMAIL_SET, users, variant);
	if (plan == NULL)
		plan = plan_keep_lookup(PLAN_EMAIL_SET, users, variant, write_text(model, write), 2, types);
	if (statement_run(plan, values, NULL, &(StatementOptions){.look = SNAPSHOT_OF_NOW}) == 0)
		refuse_row_kept_back(users, "the email was not changed");
	if (is_old_email(model, user, email, write))
		refuse_values_kept(users, write->email ? "the email was not changed"
											   : "the email was not confirmed");
	run_as_end(saved);
	SPI_finish();
}

/* The same; an error says which column it is about. */
static void
take_email(const Model *model, const UserRecord *user, const char *email, const EmailWrite *write)
{
	Relation users = table_open(model->relation[MODEL_USERS], RowExclusiveLock);
	RegisteredNames names = {.model = model, .email = email};
	MemoryContext context = CurrentMemoryContext;

	names_find_unique(&names, users);
	PG_TRY();
	{
		write_email(model, user, email, write);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		names_complete_error(&names, users, error);
		rethrow_discreetly(error);
	}
	PG_END_TRY();
	table_close(users, NoLock);
}

/* The live user of an open token, and its email; raises PT404. */
static UserRecord *
token_user(const Model *model, bytea *hash, char **email)
{
	MailedToken token;
	UserRecord *user = NULL;

	if (mailed_token_find(MAIL_EMAIL, hash, &token) && token.email != NULL)
		user = model_user_by_id(model, token.user_id);
	if (user == NULL || !user->is_live)
		mailed_token_unknown();
	operation_concerns(user->user_id, user->tenant_id);
	*email = token.email;
	return user;
}

/* What is to be written. */
static EmailWrite
what_to_write(const Model *model, const UserRecord *user, const char *email)
{
	EmailWrite write = {.email = user->email == NULL || strcmp(user->email, email) != 0,
						.verified = model_has(model, USERS_EMAIL_VERIFIED_AT)};

	write.username = write.email && model_has(model, USERS_USERNAME) &&
					 model->column[USERS_USERNAME].attnum != model->column[USERS_EMAIL].attnum &&
					 name_same(model, user->username, user->email);
	return write;
}

/* account.confirm_email(token text) RETURNS jsonb: once, by who has the token. */
static Datum
confirm_email_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	JsonbBuild answer = {0};
	Model model;
	UserRecord *user;
	bytea *token;
	char *email;
	EmailWrite write;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.confirm_email()");
	version_check();
	model = *model_require_locked();
	require_email(&model);
	token = one_time_token_hash(fcinfo, 0);
	user = token_user(&model, token, &email);
	if (!name_same(&model, user->email, email))
		names_claim(&model, &(UserRecord){.user_id = user->user_id, .email = email});
	if (!model_user_lock(&model, user->user_id, true))
		mailed_token_unknown();
	user = token_user(&model, token, &email);
	if (!mailed_token_use(MAIL_EMAIL, token))
		mailed_token_unknown();
	write = what_to_write(&model, user, email);
	take_email(&model, user, email, &write);
	event_success(write.email ? EVENT_EMAIL_CHANGED : EVENT_EMAIL_VERIFIED, user->user_id,
				  user->tenant_id, event_detail("email", email));

	detail_bool(&answer, "status", true);
	detail_text(&answer, "message", "Email successfully confirmed");
	detail_text(&answer, "user_id", user->user_id);
	detail_text(&answer, "email", email);
	detail_bool(&answer, "changed", write.email);
	secret_call_end(&hiding);
	PG_RETURN_JSONB_P(detail_end(&answer));
}
