/*
 * role_application.c
 *		Users apply for a role, staff approves or rejects: apply_for_role, review_application.
 *
 * One application is open for a user and a role, by a unique index; it is reviewed once, under the
 * lock of its row, and never by who made it. Whoever applies, and whose application is reviewed,
 * stays till then: what is known of users goes with them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "profile/profile.h"
#include "authority.h"
#include "profile_grant.h"

ACCOUNT_OPERATION(apply_for_role, "apply_for_role", NO_SUBJECT);
ACCOUNT_OPERATION(review_application, "review_application", NO_SUBJECT);

/* The longest note, in characters. */
#define MAX_NOTE 2000

/* Columns of the statement that reads an application. */
enum
{
	COL_USER_ID = 1,
	COL_ROLE,
	COL_REVIEWED
};

/* A text as a Datum; *null says whether it is NULL. */
static Datum
text_or_null(const char *value, char *null)
{
	*null = value == NULL ? 'n' : ' ';
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

static const TableStatement application_make_statement = {
	PLAN_APPLICATION_MAKE,
	"role_application",
	OWN_STATEMENT "INSERT INTO account.role_application "
				  "(user_id, tenant_id, role, note) VALUES ($1, $2, $3, $4) "
				  "ON CONFLICT (user_id, role) WHERE reviewed_at IS NULL "
				  "DO NOTHING RETURNING id",
	4,
	{TEXTOID, TEXTOID, TEXTOID, TEXTOID}};

/* account.apply_for_role(role text, note text) RETURNS bigint: the application's id. */
static Datum
apply_for_role_operation(PG_FUNCTION_ARGS)
{
	char nulls[] = "    ";
	Datum values[4];
	Model model;
	UserRecord *user;
	JsonbBuild detail = {0};
	char *role;
	char *note;
	int64 id = 0;
	bool made;

	PreventCommandIfReadOnly("account.apply_for_role()");
	version_check();
	model = *model_require_locked();
	user = authority_actor_locked(&model);
	operation_concerns(user->user_id, user->tenant_id);
	role = role_argument(fcinfo, 0);
	note = text_argument(fcinfo, 1, "note", MAX_NOTE);
	values[0] = CStringGetTextDatum(user->user_id);
	values[1] = text_or_null(user->tenant_key, &nulls[1]);
	values[2] = CStringGetTextDatum(role);
	values[3] = text_or_null(note, &nulls[3]);
	SPI_connect();
	made = own_statement_run(&application_make_statement, values, nulls) > 0;
	if (made)
	{
		bool isnull;

		id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	}
	SPI_finish();
	if (!made)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_CONFLICT), errmsg("application is already open"),
						errdetail("The user has applied for this role, and waits for an answer."),
						errhint("Wait for account.review_application().")));

	detail_number(&detail, "application_id", id);
	detail_text(&detail, "role", role);
	detail_text(&detail, "note", note);
	event_success(EVENT_ROLE_APPLIED, user->user_id, user->tenant_key, detail_end(&detail));
	PG_RETURN_INT64(id);
}

static const TableStatement application_lock_statement = {
	PLAN_APPLICATION_LOCK,
	"role_application",
	OWN_STATEMENT "SELECT a.user_id, a.role, a.reviewed_at IS NOT NULL "
				  "FROM account.role_application a WHERE a.id OPERATOR(pg_catalog.=) $1 "
				  "FOR UPDATE",
	1,
	{INT8OID}};

/* Lock and read an application; false: there is none. Texts are in the caller's memory context. */
static bool
lock_application(int64 id, char **user_id, char **role, bool *reviewed)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum values[] = {Int64GetDatum(id)};
	bool found;

	SPI_connect();
	found = own_statement_run(&application_lock_statement, values, NULL) > 0;
	if (found)
	{
		*user_id = row_text(0, COL_USER_ID, caller);
		*role = row_text(0, COL_ROLE, caller);
		*reviewed = row_boolean(0, COL_REVIEWED);
	}
	SPI_finish();
	return found;
}

static const TableStatement application_review_statement = {
	PLAN_APPLICATION_REVIEW,
	"role_application",
	OWN_STATEMENT "UPDATE account.role_application a SET reviewed_at = "
				  "pg_catalog.clock_timestamp(), approved = $2, review_note = $3, "
				  "reviewed_by = $4, grants = $5 WHERE a.id OPERATOR(pg_catalog.=) $1",
	5,
	{INT8OID, BOOLOID, TEXTOID, TEXTOID, JSONBOID}};

/* The application, whose row is locked, is reviewed. */
static void
mark_reviewed(int64 id, bool approve, const char *note, const UserRecord *actor, Jsonb *grants)
{
	char nulls[] = "     ";
	Datum values[5];

	values[0] = Int64GetDatum(id);
	values[1] = BoolGetDatum(approve);
	values[2] = text_or_null(note, &nulls[2]);
	values[3] = CStringGetTextDatum(actor->user_id);
	values[4] = JsonbPGetDatum(grants);
	nulls[4] = grants == NULL ? 'n' : ' ';
	SPI_connect();
	if (own_statement_run(&application_review_statement, values, nulls) != 1)
		elog(ERROR, "could not store the review");
	SPI_finish();
}

/*
 * account.review_application(application_id bigint, approve boolean, note text, grants jsonb):
 * staff.
 */
static Datum
review_application_operation(PG_FUNCTION_ARGS)
{
	Model model;
	UserRecord *actor;
	UserRecord *user;
	ProfileGrant *grant = NULL;
	JsonbBuild answer = {0};
	JsonbBuild detail = {0};
	Jsonb *grants;
	char *note;
	char *user_id = NULL;
	char *role = NULL;
	int64 id;
	bool approve;
	bool reviewed = false;
	bool is_self;

	PreventCommandIfReadOnly("account.review_application()");
	version_check();
	model = *model_require_locked();
	actor = authority_actor(&model);
	authority_require_staff(actor);
	if (PG_ARGISNULL(1))
		refuse_null_argument("approve");
	approve = PG_GETARG_BOOL(1);
	note = text_argument(fcinfo, 2, "note", MAX_NOTE);
	grants = grants_argument(fcinfo, 3);
	id = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	if (!lock_application(id, &user_id, &role, &reviewed))
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such application"),
						errdetail("No application has this id."),
						errhint("Pass the id that account.apply_for_role() returned.")));
	user = authority_over_locked(&model, user_id, false, false, &is_self);
	if (is_self)
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not allowed"),
						errdetail("Nobody reviews its own application."),
						errhint("Let somebody else of the staff review it.")));
	if (reviewed)
		ereport(ERROR,
				(errcode(ERRCODE_ACCOUNT_CONFLICT), errmsg("application is already reviewed"),
				 errdetail("An application is reviewed once."),
				 errhint("Let the user apply again.")));
	if (approve)
	{
		grant = profile_grant_read(&model, actor, role, grants);
		profile_grant_write(&model, user->user_id, grant);
	}
	mark_reviewed(id, approve, note, actor, approve ? grant->applied : NULL);

	detail_number(&detail, "application_id", id);
	detail_text(&detail, "role", role);
	detail_text(&detail, "note", note);
	if (approve)
		detail_json(&detail, "grants", grant->applied);
	event_success(approve ? EVENT_ROLE_APPROVED : EVENT_ROLE_REJECTED, user->user_id,
				  user->tenant_key, detail_end(&detail));

	detail_bool(&answer, "status", true);
	detail_text(&answer, "message",
				approve ? "Application successfully approved" : "Application rejected");
	detail_number(&answer, "application_id", id);
	detail_text(&answer, "user_id", user->user_id);
	detail_text(&answer, "role", role);
	detail_bool(&answer, "approved", approve);
	if (approve)
		detail_json(&answer, "grants", grant->applied);
	PG_RETURN_JSONB_P(detail_end(&answer));
}
