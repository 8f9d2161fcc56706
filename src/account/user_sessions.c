/*
 * user_sessions.c
 *		The sessions of a user: shown, and ended.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "auth/auth.h"
#include "base/base.h"
#include "monitor/monitor.h"
#include "authority.h"

ACCOUNT_OPERATION(sessions, "sessions", 0);
ACCOUNT_OPERATION(revoke_session, "revoke_session", NO_SUBJECT);
ACCOUNT_OPERATION(revoke_sessions, "revoke_sessions", 0);

/* Columns of what sessions() returns, and of the statement below, but for those that are added. */
enum
{
	COL_ID,
	COL_CREATED_AT,
	COL_LAST_USED_AT,
	COL_IP,
	COL_USER_AGENT,
	COL_TENANT_ID,
	COL_IS_CURRENT,
	COLUMNS
};

/* $1 the user. refreshed_at stands where last_used_at goes. */
static const TableStatement list_sessions = {
	PLAN_SESSION_LIST,
	"session",
	OWN_STATEMENT
	"SELECT s.id, s.created_at, s.refreshed_at, s.ip, s.user_agent, s.tenant_id "
	"FROM account.session s WHERE s.user_id OPERATOR(pg_catalog.=) $1 AND s.ended_at IS NULL "
	"AND s.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()",
	1,
	{TEXTOID}};

/* A row that sessions() returns. */
typedef struct SessionShown
{
	Datum values[COLUMNS];
	bool nulls[COLUMNS];
} SessionShown;

/* The one that was used last comes first. */
static int
compare_shown(const void *a, const void *b)
{
	TimestampTz one = DatumGetTimestampTz(((const SessionShown *) a)->values[COL_LAST_USED_AT]);
	TimestampTz other = DatumGetTimestampTz(((const SessionShown *) b)->values[COL_LAST_USED_AT]);

	return one > other ? -1 : one < other;
}

/* Read the sessions of a user. */
static SessionShown *
read_sessions(const char *user_id, int *n)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum value = CStringGetTextDatum(user_id);
	SessionShown *shown;

	SPI_connect();
	*n = (int) own_statement_run(&list_sessions, &value, NULL);
	shown = MemoryContextAllocZero(caller, Max(*n, 1) * sizeof(SessionShown));
	for (int i = 0; i < *n; i++)
	{
		TupleDesc desc = SPI_tuptable->tupdesc;
		MemoryContext spi;

		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], desc, shown[i].values, shown[i].nulls);
		spi = MemoryContextSwitchTo(caller);
		for (int j = 0; j < desc->natts; j++)
			if (!shown[i].nulls[j])
				shown[i].values[j] = datumCopy(shown[i].values[j], TupleDescAttr(desc, j)->attbyval,
											   TupleDescAttr(desc, j)->attlen);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return shown;
}

/* The user whose sessions are asked for: the one that asks, for NULL. */
static UserRecord *
user_argument(FunctionCallInfo fcinfo, int n, const Model *model)
{
	if (PG_ARGISNULL(n))
		return authority_actor(model);
	return authority_over(model, id_argument(fcinfo, n), true, NULL);
}

/* account.sessions(user_id) RETURNS TABLE (...): those that have not ended; self or staff. */
static Datum
sessions_operation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SessionShown *shown;
	Model model;
	char *current;
	int n;

	version_check();
	model = *model_require_locked();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	shown = read_sessions(user_argument(fcinfo, 0, &model)->user_id, &n);
	current = authority_own_session();
	for (int i = 0; i < n; i++)
	{
		Datum *values = shown[i].values;
		pg_uuid_t *id = DatumGetUUIDP(values[COL_ID]);
		TimestampTz refreshed_at = DatumGetTimestampTz(values[COL_LAST_USED_AT]);
		TimestampTz used_at = session_use_last(id);

		CHECK_FOR_INTERRUPTS();
		values[COL_LAST_USED_AT] = TimestampTzGetDatum(Max(refreshed_at, used_at));
		values[COL_IS_CURRENT] = BoolGetDatum(
			current != NULL &&
			strcmp(current, DatumGetCString(DirectFunctionCall1(uuid_out, values[COL_ID]))) == 0);
	}
	qsort(shown, n, sizeof(SessionShown), compare_shown);
	for (int i = 0; i < n; i++)
		tuplestore_putvalues(result->setResult, result->setDesc, shown[i].values, shown[i].nulls);
	return (Datum) 0;
}

/* Raise PT404. */
static void
refuse_no_session(void)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_NOT_FOUND), errmsg("no such session"),
					errdetail("No session has this id."),
					errhint("Pass an id that account.sessions() shows.")));
}

/* account.revoke_session(session_id uuid) RETURNS boolean: was there one to end? Self or staff. */
static Datum
revoke_session_operation(PG_FUNCTION_ARGS)
{
	Model model;
	bool ended;
	char *user_id;
	char *tenant_id;

	PreventCommandIfReadOnly("account.revoke_session()");
	version_check();
	model = *model_require_locked();
	(void) authority_actor(&model);
	if (PG_ARGISNULL(0) || (user_id = session_user_of(PG_GETARG_UUID_P(0))) == NULL)
		refuse_no_session();
	(void) authority_over_any(&model, user_id, true, NULL);
	ended = session_end_one(PG_GETARG_UUID_P(0), SESSION_END_REVOKED, &tenant_id);
	if (ended)
		session_event_revoked(user_id, tenant_id, 1, SESSION_END_REVOKED, NULL);
	PG_RETURN_BOOL(ended);
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
	model = *model_require_locked();
	user = authority_over(&model, id_argument(fcinfo, 0), true, NULL);
	ended = session_end_user(user->user_id, PG_GETARG_BOOL(1) ? authority_own_session() : NULL,
							 SESSION_END_REVOKED);
	session_event_revoked(user->user_id, user->tenant_id, ended, SESSION_END_REVOKED, NULL);
	PG_RETURN_INT64((int64) ended);
}
