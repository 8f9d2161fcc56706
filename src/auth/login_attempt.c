/*
 * login_attempt.c
 *		Passwords that are tried: counted, so that guessing ends.
 *
 * An attempt counts in shared memory before the password is looked at, where the library is
 * preloaded, so that neither a ROLLBACK nor many callers at once gain one; and in
 * account.login_failure when its transaction commits, which outlives a restart.
 *
 * Failures count by login, by address, and at an address that the user is known at
 * (known_address.c) by both together: there the login's count decides nothing, so that failures
 * elsewhere lock nobody out.
 *
 * Attempts are kept by keyed digests of login and address: people type passwords into the wrong
 * field.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/inet.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "password/password.h"
#include "known_address.h"
#include "login_attempt.h"
#include "refresh_token.h"

#define FAILURES "login_failure"

/* Since when failures count. */
static TimestampTz
window_begin(void)
{
	return GetCurrentTimestamp() - (int64) pgaccount_login_window * USECS_PER_SEC;
}

/* $1 the keys, $2 the begin of the window. */
static const TableStatement count_failure = {
	PLAN_LOGIN_FAILED,
	FAILURES,
	OWN_STATEMENT "INSERT INTO account.login_failure (key, at) "
				  "SELECT k.key, pg_catalog.clock_timestamp() "
				  "FROM pg_catalog.unnest($1) AS k(key) WHERE $2 IS NOT NULL",
	2,
	{BYTEAARRAYOID, TIMESTAMPTZOID}};
/* What another is at is left to it: nobody who logs in waits for who has failed to. */
static const TableStatement prune_failures = {
	PLAN_LOGIN_PRUNE,
	FAILURES,
	OWN_STATEMENT "DELETE FROM account.login_failure f WHERE f.ctid OPERATOR(pg_catalog.=) ANY "
				  "(ARRAY(SELECT e.ctid FROM account.login_failure e WHERE e.at "
				  "OPERATOR(pg_catalog.<=) $2 AND $1 IS NOT NULL FOR UPDATE SKIP LOCKED))",
	2,
	{BYTEAARRAYOID, TIMESTAMPTZOID}};
static const TableStatement forget_failures = {
	PLAN_LOGIN_FORGET,
	FAILURES,
	OWN_STATEMENT "DELETE FROM account.login_failure f "
				  "WHERE f.key OPERATOR(pg_catalog.=) ANY ($1) AND $2 IS NOT NULL",
	2,
	{BYTEAARRAYOID, TIMESTAMPTZOID}};

/* Run a statement on the attempts. Within SPI_connect. */
static void
run_on_attempts(const TableStatement *statement, const unsigned char *const *keys, int nkeys)
{
	Datum elements[3];
	Datum values[2];

	for (int i = 0; i < nkeys; i++)
		elements[i] = digest_datum(keys[i]);
	values[0] =
		PointerGetDatum(construct_array(elements, nkeys, BYTEAOID, -1, false, TYPALIGN_INT));
	values[1] = TimestampTzGetDatum(window_begin());
	(void) own_statement_run(statement, values, NULL);
}

/*
 * Prepare to count an attempt of this user, or of this login where it names none. Whether the
 * address is known is looked up for all, so that the time shows nothing.
 */
void
attempt_make(Attempt *attempt, const UserRecord *user, const char *login, Datum ip, bool ip_isnull)
{
	const char *given = login != NULL ? login : "";
	const char *name =
		user != NULL ? user->user_id : str_tolower(given, strlen(given), DEFAULT_COLLATION_OID);
	char *address;

	memset(attempt, 0, sizeof(*attempt));
	session_key_digest(user != NULL ? "user" : "login", name, attempt->login);
	attempt->has_ip = !ip_isnull;
	if (ip_isnull)
		return;
	address = address_for_count(DatumGetInetPP(ip));
	session_key_digest("ip", address, attempt->ip);
	known_address_digest(user != NULL, name, address, attempt->login_at_ip);
	attempt->known = known_address_is(attempt->login_at_ip);
}

/* Does this key have too many recorded failures? *any is set if it has some. */
static bool
has_failed_enough(const unsigned char *key, bool *any)
{
	int n = digest_table_count(FAILURES, key, window_begin(), pgaccount_login_max_failures);

	*any |= n > 0;
	return n >= pgaccount_login_max_failures;
}

/*
 * May the attempt be made? Then it counts as failed until it is taken back. At an address that the
 * user is known at, failures from elsewhere do not decide; those there count elsewhere too.
 */
bool
attempt_begin(Attempt *attempt)
{
	const unsigned char *decides = attempt->known ? attempt->login_at_ip : attempt->login;
	bool ignored = false;
	bool refused;

	if (pgaccount_login_max_failures == 0 || pgaccount_login_window == 0)
		return true;
	refused = has_failed_enough(attempt->login, &attempt->has_failures) && !attempt->known;
	if (attempt->known)
		refused = has_failed_enough(attempt->login_at_ip, &attempt->has_failures);
	if (attempt->has_ip && has_failed_enough(attempt->ip, &ignored))
		refused = true;
	if (refused || !throttle_begin(decides))
		return false;
	if (attempt->has_ip && !throttle_begin(attempt->ip))
	{
		throttle_take_back(decides);
		return false;
	}
	if (attempt->known)
		throttle_add(attempt->login);
	return true;
}

/* Count what is bounded as attempts are; see the header. */
bool
attempt_key_begin(const unsigned char *key)
{
	bool any = false;

	if (pgaccount_login_max_failures == 0 || pgaccount_login_window == 0)
		return true;
	return !has_failed_enough(key, &any) && throttle_begin(key);
}

/* Remember these at commit. One in 256 drops what is past everybody's window. */
void
attempt_keys_note(const unsigned char *const *keys, int n)
{
	if (pgaccount_login_max_failures == 0 || pgaccount_login_window == 0)
		return;
	SPI_connect();
	run_on_attempts(&count_failure, keys, n);
	if (pg_prng_uint64(&pg_global_prng_state) % 256 == 0)
		run_on_attempts(&prune_failures, keys, n);
	SPI_finish();
}

/* The attempt was no failure. */
void
attempt_take_back(const Attempt *attempt)
{
	throttle_take_back(attempt->login);
	if (attempt->known)
		throttle_take_back(attempt->login_at_ip);
	if (attempt->has_ip)
		throttle_take_back(attempt->ip);
}

/* The attempt failed: record it. */
void
attempt_failed(const Attempt *attempt)
{
	const unsigned char *keys[3] = {attempt->login};
	int n = 1;

	if (attempt->has_ip)
		keys[n++] = attempt->ip;
	if (attempt->known)
		keys[n++] = attempt->login_at_ip;
	attempt_keys_note(keys, n);
}

/* The attempt succeeded: the login's failures are forgotten, the address's are not. */
void
attempt_succeeded(const Attempt *attempt)
{
	const unsigned char *keys[] = {attempt->login, attempt->login_at_ip};

	if (attempt->has_ip)
		throttle_take_back(attempt->ip);
	throttle_reset(attempt->login);
	if (attempt->known)
		throttle_reset(attempt->login_at_ip);
	if (!attempt->has_failures)
		return;
	SPI_connect();
	run_on_attempts(&forget_failures, keys, attempt->known ? 2 : 1);
	SPI_finish();
}

/*
 * Is it the user's password? Takes the same time for all. An error that is not the caller's counts
 * not.
 */
bool
attempt_verify(const Attempt *attempt, const UserRecord *user, text *password)
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

/* The user has proved who it is by other means: what failed before is forgotten. */
void
attempts_forget(const UserRecord *user)
{
	Attempt attempt;

	attempt_make(&attempt, user, NULL, (Datum) 0, true);
	attempt.has_failures = true;
	attempt_succeeded(&attempt);
}
