/*
 * login.c
 *		account.login: password in, tokens out; or why not, as a row.
 *
 * A refusal is an answer, so that the attempt is counted when the caller commits; with the library
 * preloaded it is counted in shared memory as well, before the password is looked at, so that neither a
 * ROLLBACK nor many callers at once gain an attempt.
 *
 * Time: whoever the login names, or does not, and whatever its hash, one verification of the current cost
 * is paid for. What can be told apart afterwards is only told to who had the right password.
 *
 * Attempts are kept by keyed digests of login and address: people type passwords into the wrong field.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/inet.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "client.h"
#include "compat.h"
#include "errors.h"
#include "event.h"
#include "operation.h"
#include "password.h"
#include "plan_cache.h"
#include "profile_rule.h"
#include "refresh_token.h"
#include "secret_call.h"
#include "session.h"
#include "throttle.h"
#include "version.h"

ACCOUNT_OPERATION(login, "login", NO_SUBJECT);

/* Longer logins name nobody. */
#define MAX_LOGIN 1024

/* How often a login is tried anew because the user changed under it. */
#define MAX_TRIES 5

/* What attempts are counted by. */
typedef struct Attempt
{
	unsigned char login[THROTTLE_KEY_BYTES];
	unsigned char ip[THROTTLE_KEY_BYTES];
	bool has_ip;
	int64 failures; /* of this login, that have committed */
} Attempt;

/* A digest as a parameter. */
static Datum
digest_datum(const unsigned char *digest)
{
	bytea *value = palloc(VARHDRSZ + THROTTLE_KEY_BYTES);

	SET_VARSIZE(value, VARHDRSZ + THROTTLE_KEY_BYTES);
	memcpy(VARDATA(value), digest, THROTTLE_KEY_BYTES);
	return PointerGetDatum(value);
}

/* Run a statement on the attempts: $1 the login, $2 the address, $3 the begin of the window. */
static void
run_on_attempts(PlanKind kind, const char *sql, const Attempt *attempt)
{
	Oid types[] = {BYTEAOID, BYTEAOID, TIMESTAMPTZOID};
	Datum values[] = {digest_datum(attempt->login), digest_datum(attempt->ip),
					  TimestampTzGetDatum(GetCurrentTimestamp() -
										  (int64) pgaccount_login_window * USECS_PER_SEC)};
	const char *nulls = attempt->has_ip ? "   " : " n ";
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	RoleState saved = run_as(registry_owner());
	SPIPlanPtr plan = plan_lookup(kind, InvalidOid, InvalidOid);

	if (plan == NULL)
		plan = plan_keep_generic(kind, InvalidOid, InvalidOid, sql, 3, types);
	if (SPI_execute_snapshot(plan, values, nulls, snapshot, InvalidSnapshot, false, true, 0) < 0)
		elog(ERROR, "could not count logins");
	run_as_end(saved);
	UnregisterSnapshot(snapshot);
}

/* Prepare to count an attempt of this user, or of this login where it names none. */
static void
attempt_make(Attempt *attempt, const UserRecord *user, const char *login, Datum ip, bool ip_isnull)
{
	memset(attempt, 0, sizeof(*attempt));
	if (user != NULL)
		session_key_digest("user", user->user_id, attempt->login);
	else
		session_key_digest("login", str_tolower(login, strlen(login), DEFAULT_COLLATION_OID),
						   attempt->login);
	attempt->has_ip = !ip_isnull;
	if (!ip_isnull)
		session_key_digest("ip", TextDatumGetCString(DirectFunctionCall1(network_host, ip)),
						   attempt->ip);
}

/* May the attempt be made? Then it counts as failed until it is taken back. */
static bool
attempt_begin(Attempt *attempt)
{
	int64 by_ip;
	bool isnull;

	if (pgaccount_login_max_failures == 0 || pgaccount_login_window == 0)
		return true;
	SPI_connect();
	run_on_attempts(PLAN_LOGIN_ATTEMPTS,
					OWN_STATEMENT
					"SELECT (SELECT pg_catalog.count(*) FROM account.login_failure f WHERE f.key "
					"OPERATOR(pg_catalog.=) $1 AND f.at OPERATOR(pg_catalog.>) $3), "
					"(SELECT pg_catalog.count(*) FROM account.login_failure f WHERE f.key "
					"OPERATOR(pg_catalog.=) $2 AND f.at OPERATOR(pg_catalog.>) $3)",
					attempt);
	attempt->failures =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	by_ip = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_finish();
	if (attempt->failures >= pgaccount_login_max_failures ||
		by_ip >= pgaccount_login_max_failures || !throttle_begin(attempt->login))
		return false;
	if (attempt->has_ip && !throttle_begin(attempt->ip))
	{
		throttle_take_back(attempt->login);
		return false;
	}
	return true;
}

/* The attempt was no failure. */
static void
attempt_take_back(const Attempt *attempt)
{
	throttle_take_back(attempt->login);
	if (attempt->has_ip)
		throttle_take_back(attempt->ip);
}

/* The attempt failed: record it. One in 256 drops what is past everybody's window. */
static void
attempt_failed(const Attempt *attempt)
{
	if (pgaccount_login_max_failures == 0 || pgaccount_login_window == 0)
		return;
	SPI_connect();
	run_on_attempts(PLAN_LOGIN_FAILED,
					OWN_STATEMENT "INSERT INTO account.login_failure (key, at) "
								  "SELECT k.key, pg_catalog.clock_timestamp() "
								  "FROM pg_catalog.unnest(ARRAY[$1, $2]) AS k(key) "
								  "WHERE k.key IS NOT NULL AND $3 IS NOT NULL",
					attempt);
	if (pg_prng_uint64(&pg_global_prng_state) % 256 == 0)
		run_on_attempts(PLAN_LOGIN_PRUNE,
						OWN_STATEMENT "DELETE FROM account.login_failure f "
									  "WHERE f.at OPERATOR(pg_catalog.<=) $3 "
									  "AND ($1 IS NOT NULL OR $2 IS NULL)",
						attempt);
	SPI_finish();
}

/* The attempt succeeded: the login's failures are forgotten, the address's are not. */
static void
attempt_succeeded(const Attempt *attempt)
{
	if (attempt->has_ip)
		throttle_take_back(attempt->ip);
	throttle_reset(attempt->login);
	if (attempt->failures == 0)
		return;
	SPI_connect();
	run_on_attempts(PLAN_LOGIN_FORGET,
					OWN_STATEMENT "DELETE FROM account.login_failure f "
								  "WHERE f.key OPERATOR(pg_catalog.=) $1 "
								  "AND ($2 IS NULL OR $3 IS NOT NULL)",
					attempt);
	SPI_finish();
}

/* Is it the user's password? Takes the same time for all. An error that is not the caller's counts not. */
static bool
verify(const UserRecord *user, text *password, const Attempt *attempt)
{
	volatile bool matches = false;

	PG_TRY();
	{
		if (user != NULL && user->password != NULL)
			matches = password_verify_padded(password, user->password);
		else
			password_dummy_verify(password);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_QUERY_CANCELED)
			attempt_take_back(attempt);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return matches;
}

/* The new hash for a stored one that is stale; NULL: keep it, or its column cannot hold the new one. */
static text *
new_hash(const Model *model, const UserRecord *user, text *password)
{
	int32 room = model->column[USERS_PASSWORD].typmod;
	text *hash;

	if (user->password == NULL || !password_is_stale(user->password))
		return NULL;
	hash = model_hash_password(model, password);
	if (room > 0 && (int32) VARSIZE(hash) > room)
		return NULL;
	return hash;
}

/* A text argument as a C string; NULL for NULL, for an empty and for a too long one. */
static char *
short_argument(FunctionCallInfo fcinfo, int n)
{
	Size size = PG_ARGISNULL(n) ? 0 : toast_raw_datum_size(PG_GETARG_DATUM(n)) - VARHDRSZ;

	return size == 0 || size > MAX_LOGIN ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* The client's agent as an event tells it: the argument, cut, else what the request says. */
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
	char *login = short_argument(fcinfo, 0);
	char *tenant = short_argument(fcinfo, 4);

	for (int try = 0; try < MAX_TRIES; try++)
	{
		CHECK_FOR_INTERRUPTS();
		/* a tenant that cannot be one decides for nobody */
		*user = login == NULL || (tenant == NULL && !PG_ARGISNULL(4))
					? NULL
					: model_user_by_login(model, login, tenant);
		attempt_make(attempt, *user, login ? login : "", PG_GETARG_DATUM(2), PG_ARGISNULL(2));
		if (!attempt_begin(attempt))
		{
			*status = 429;
			return "too_many_attempts";
		}
		*status = 401;
		if (!verify(*user, password, attempt) || *user == NULL)
		{
			attempt_failed(attempt);
			return "invalid_credentials";
		}
		if (!model_user_admitted(*user))
		{
			attempt_take_back(attempt);
			*status = 403;
			return "account_inactive";
		}
		if (session_admit(model, *user, true, new_hash(model, *user, password)))
			return NULL;
		attempt_take_back(attempt); /* the user has changed: look again */
	}
	return "invalid_credentials";
}

/* account.login(login text, password text, ip inet, user_agent text, tenant text): tokens, or why not. */
static Datum
login_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	Attempt attempt;
	Model model;
	UserRecord *user = NULL;
	const char *refused;
	int status;
	JsonbParseState *detail = NULL;
	inet *ip;
	Datum result;

	secret_call_begin(&hiding);
	PreventCommandIfReadOnly("account.login()");
	version_check();
	model = *model_require();
	refused = try_login(fcinfo, &model, &attempt, &user, &status);
	ip = PG_ARGISNULL(2) ? NULL : DatumGetInetPP(PG_GETARG_DATUM(2));
	detail_text(&detail, "user_agent", agent_argument(fcinfo, 3));
	if (refused != NULL)
	{
		int code = status == 429   ? ERRCODE_ACCOUNT_TOO_MANY
				   : status == 403 ? ERRCODE_ACCOUNT_FORBIDDEN
								   : ERRCODE_ACCOUNT_UNAUTHENTICATED;

		result = session_refusal(fcinfo, status, refused);
		detail_text(&detail, "error", refused);
		operation_concerns(user ? user->user_id : NULL, user ? user->tenant_id : NULL);
		operation_refused(code, refused);
		event_refusal_from(ip, EVENT_LOGIN_FAILED, user ? user->user_id : NULL,
						   user ? user->tenant_id : NULL, unpack_sql_state(code),
						   detail_end(&detail));
	}
	else
	{
		result = session_open(fcinfo, &model, user, PG_GETARG_DATUM(2), PG_ARGISNULL(2),
							  PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3));
		attempt_succeeded(&attempt);
		event_success_from(ip, EVENT_LOGIN_SUCCEEDED, user->user_id, user->tenant_id,
						   detail_end(&detail));
	}
	secret_call_end(&hiding);
	return result;
}
