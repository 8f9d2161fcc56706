/*
 * session_end.c
 *		The end of sessions: at once, when a user or its tenant changes, or when a call says so.
 *
 * Who opens a session locks the user's row (and takes an advisory lock of its tenant) before
 * looking whether the user may come in, so either the trigger that comes here (user_trigger.c) sees
 * the session or the login sees the change. Sessions are looked for on a snapshot of now, as the
 * server's referential checks look.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/base.h"
#include "session.h"
#include "session_row.h"
#include "session_lock.h"

/* The user whose password the session itself is changing; see session_keep(). */
static const char *keep_user = NULL;
static const char *keep_session = NULL;
static bool keep_all_sessions = false;

/* From here on the trigger spares sessions of this user. */
void
session_keep(const char *user_id, bool keep_all, const char *session_id)
{
	keep_user = user_id;
	keep_all_sessions = keep_all;
	keep_session = session_id;
}

/* Spare none any more. */
void
session_keep_end(void)
{
	keep_user = NULL;
	keep_session = NULL;
}

/* Does a login write the hash of this user's password anew, which stays the same? */
bool
session_keeps_all(const char *user_id)
{
	return keep_user != NULL && keep_all_sessions && strcmp(keep_user, user_id) == 0;
}

/* $1 the user, $2 why, $3 a session that goes on, or NULL. */
static const TableStatement end_of_user = {
	PLAN_SESSION_END_USER,
	"session",
	OWN_STATEMENT
	"UPDATE account.session s SET ended_at = pg_catalog.clock_timestamp(), "
	"end_reason = $2 WHERE s.user_id OPERATOR(pg_catalog.=) $1 AND s.ended_at IS NULL "
	"AND ($3 IS NULL OR (s.id)::pg_catalog.text OPERATOR(pg_catalog.<>) $3)",
	3,
	{TEXTOID, TEXTOID, TEXTOID}};

/* $1 the tenant, $2 why, $3 its users. */
static const TableStatement end_of_tenant_users = {
	PLAN_SESSION_END_TENANT,
	"session",
	OWN_STATEMENT "UPDATE account.session s SET ended_at = pg_catalog.clock_timestamp(), "
				  "end_reason = $2 WHERE s.tenant_id OPERATOR(pg_catalog.=) $1 "
				  "AND s.ended_at IS NULL AND s.user_id OPERATOR(pg_catalog.=) ANY ($3)",
	3,
	{TEXTOID, TEXTOID, TEXTARRAYOID}};
static const TableStatement end_of_tenant = {
	PLAN_SESSION_END_IN_TENANT,
	"session",
	OWN_STATEMENT "UPDATE account.session s SET ended_at = pg_catalog.clock_timestamp(), "
				  "end_reason = $2 WHERE s.tenant_id OPERATOR(pg_catalog.=) $1 "
				  "AND s.ended_at IS NULL",
	2,
	{TEXTOID, TEXTOID}};
static const TableStatement end_of_members = {
	PLAN_SESSION_END_MEMBERS,
	"session",
	OWN_STATEMENT "UPDATE account.session s SET ended_at = pg_catalog.clock_timestamp(), "
				  "end_reason = $3 FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) "
				  "AS m(user_id, tenant_id) WHERE s.user_id OPERATOR(pg_catalog.=) m.user_id "
				  "AND s.tenant_id OPERATOR(pg_catalog.=) m.tenant_id AND s.ended_at IS NULL",
	3,
	{TEXTARRAYOID, TEXTARRAYOID, TEXTOID}};
static const TableStatement end_in_tenants = {
	PLAN_SESSION_END_IN_TENANTS,
	"session",
	OWN_STATEMENT "UPDATE account.session s SET ended_at = pg_catalog.clock_timestamp(), "
				  "end_reason = $1 WHERE s.tenant_id IS NOT NULL AND s.ended_at IS NULL",
	1,
	{TEXTOID}};
static const TableStatement end_all = {
	PLAN_SESSION_END_ALL,
	"session",
	OWN_STATEMENT "UPDATE account.session s SET ended_at = pg_catalog.clock_timestamp(), "
				  "end_reason = $1 WHERE s.ended_at IS NULL",
	1,
	{TEXTOID}};
static const TableStatement end_of_users = {
	PLAN_SESSION_END_USERS,
	"session",
	OWN_STATEMENT "UPDATE account.session s SET ended_at = pg_catalog.clock_timestamp(), "
				  "end_reason = $2 WHERE s.user_id OPERATOR(pg_catalog.=) ANY ($1) "
				  "AND s.ended_at IS NULL",
	2,
	{TEXTARRAYOID, TEXTOID}};

/* End all sessions; see the header. */
uint64
session_end_all(const char *reason)
{
	Datum values[] = {CStringGetTextDatum(reason)};

	return own_statement_run(&end_all, values, NULL);
}

/* End the sessions of a user. */
uint64
session_end_user(const char *user_id, const char *except, const char *reason)
{
	Datum values[] = {CStringGetTextDatum(user_id), CStringGetTextDatum(reason),
					  except != NULL ? CStringGetTextDatum(except) : (Datum) 0};
	uint64 ended;

	FAILURE_POINT("sessions-end");
	SPI_connect();
	ended = own_statement_run(&end_of_user, values, except != NULL ? NULL : "  n");
	SPI_finish();
	return ended;
}

/* Keys as text[]. */
static Datum
key_array(char **keys, int n)
{
	Datum *values = palloc(n * sizeof(Datum));
	ArrayType *array;

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		values[i] = CStringGetTextDatum(keys[i]);
	}
	array = construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT);
	for (int i = 0; i < n; i++)
		pfree(DatumGetPointer(values[i]));
	pfree(values);
	return PointerGetDatum(array);
}

/* End the sessions of users whose rows have changed. */
void
session_end_users(char **user_ids, int n)
{
	Datum values[2];

	/* one user mostly has no session, or one: no statement is worth its while */
	if (n == 0 || (n == 1 && session_rows_end(user_ids[0], SESSION_END_USER)))
		return;
	values[0] = key_array(user_ids, n);
	values[1] = CStringGetTextDatum(SESSION_END_USER);
	SPI_connect();
	(void) own_statement_run(&end_of_users, values, NULL);
	SPI_finish();
	pfree(DatumGetPointer(values[0]));
}

/* End the sessions of users in tenants, pair by pair. */
void
session_end_members(char **user_ids, char **tenant_ids, int n)
{
	Datum values[3];

	if (n == 0 || (n == 1 && !session_rows_any(user_ids[0])))
		return;
	values[0] = key_array(user_ids, n);
	values[1] = key_array(tenant_ids, n);
	values[2] = CStringGetTextDatum(SESSION_END_MEMBER);
	SPI_connect();
	(void) own_statement_run(&end_of_members, values, NULL);
	SPI_finish();
	pfree(DatumGetPointer(values[0]));
	pfree(DatumGetPointer(values[1]));
}

/* End all sessions in tenants; see the header. */
uint64
session_end_in_tenants(const char *reason)
{
	Datum values[] = {CStringGetTextDatum(reason)};
	uint64 ended;

	SPI_connect();
	ended = own_statement_run(&end_in_tenants, values, NULL);
	SPI_finish();
	return ended;
}

/* End the sessions of a user whose password changed, but those that session_keep() spares. */
void
session_end_password(const char *user_id)
{
	bool own = keep_user != NULL && strcmp(keep_user, user_id) == 0;

	if ((own && keep_all_sessions) || !session_rows_any(user_id))
		return;
	session_end_user(user_id, own ? keep_session : NULL, SESSION_END_USER);
}

/* Sessions of more users than this are looked for in the whole table, unless that is larger. */
#define MANY_USERS 1000

/*
 * End the sessions of a tenant. No index has them by tenant: with one a switch to another tenant
 * would write an entry into each index. So they are those of its users.
 */
void
session_end_tenant(const char *tenant_id)
{
	const Model *found = model_get();
	Datum values[] = {CStringGetTextDatum(tenant_id), CStringGetTextDatum(SESSION_END_TENANT),
					  (Datum) 0};
	uint64 most;
	uint64 n = 0;
	Model model;

	session_lock_tenant(tenant_id, true);
	most = session_rows_blocks();
	if (most == 0)
		return;
	most = Max(most, MANY_USERS);
	if (found != NULL)
	{
		model = *found;
		values[2] = tenant_users(&model, tenant_id, most + 1, &n);
		if (n == 0)
			return;
	}
	FAILURE_POINT("sessions-end");
	SPI_connect();
	(void) own_statement_run(found != NULL && n <= most ? &end_of_tenant_users : &end_of_tenant,
							 values, NULL);
	SPI_finish();
}
