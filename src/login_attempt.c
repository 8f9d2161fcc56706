/*
 * login_attempt.c
 *		Passwords that are tried: counted, so that guessing ends.
 *
 * An attempt counts in shared memory before the password is looked at, where the library is preloaded, so
 * that neither a ROLLBACK nor many callers at once gain one; and in account.login_failure when its
 * transaction commits, which outlives a restart.
 *
 * Attempts are kept by keyed digests of login and address: people type passwords into the wrong field.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/inet.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "extension.h"
#include "key_scan.h"
#include "login_attempt.h"
#include "password.h"
#include "profile_rule.h"
#include "refresh_token.h"
#include "row_writer.h"
#include "settings.h"
#include "statement.h"

/* Columns of account.login_failure, by their numbers. */
enum
{
	FAILURE_KEY = 1,
	FAILURE_AT
};

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
	RoleState saved = run_as_owner("login_failure");
	KeptStatement *plan = plan_lookup(kind, InvalidOid, InvalidOid);

	if (plan == NULL)
		plan = plan_keep_lookup(kind, InvalidOid, InvalidOid, sql, 3, types);
	(void) statement_run(plan, values, nulls, &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	run_as_end(saved);
}

/* Prepare to count an attempt of this user, or of this login where it names none. */
void
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

/* The index of failures by key and time; InvalidOid: there is none that can be asked. */
static Oid
index_of_failures(Relation failures)
{
	Oid found = InvalidOid;
	ListCell *cell;

	foreach (cell, RelationGetIndexList(failures))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (key_index_serves(index) && form->indnkeyatts == 2 &&
			form->indkey.values[0] == FAILURE_KEY && form->indkey.values[1] == FAILURE_AT &&
			index->rd_opcintype[0] == BYTEAOID && index->rd_opcintype[1] == TIMESTAMPTZOID &&
			RelationGetIndexPredicate(index) == NIL)
			found = RelationGetRelid(index);
		index_close(index, NoLock);
	}
	return found;
}

/* How many failures with this key there are since then: up to as many as are too many. */
static int
count_failures(Relation failures, Oid index, const unsigned char *digest, TimestampTz since,
			   Snapshot snapshot)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	int n = 0;

	ScanKeyInit(&keys[0], FAILURE_KEY, BTEqualStrategyNumber, F_BYTEAEQ, digest_datum(digest));
	ScanKeyInit(&keys[1], FAILURE_AT, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT,
				TimestampTzGetDatum(since));
	scan = systable_beginscan(failures, index, OidIsValid(index), snapshot, 2, keys);
	while (n < pgaccount_login_max_failures && HeapTupleIsValid(systable_getnext(scan)))
		n++;
	systable_endscan(scan);
	return n;
}

/* Count the recorded failures of an attempt's login; true: these, or those of its address, are too many. */
static bool
has_failed_enough(Attempt *attempt)
{
	TimestampTz since = GetCurrentTimestamp() - (int64) pgaccount_login_window * USECS_PER_SEC;
	Relation failures = own_table_require("login_failure", AccessShareLock);
	Oid index = index_of_failures(failures);
	Snapshot snapshot;
	int by_ip = 0;

	CommandCounterIncrement(); /* what this command has recorded counts too */
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	attempt->failures = count_failures(failures, index, attempt->login, since, snapshot);
	if (attempt->has_ip)
		by_ip = count_failures(failures, index, attempt->ip, since, snapshot);
	UnregisterSnapshot(snapshot);
	table_close(failures, NoLock);
	return attempt->failures >= pgaccount_login_max_failures ||
		   by_ip >= pgaccount_login_max_failures;
}

/* May the attempt be made? Then it counts as failed until it is taken back. */
bool
attempt_begin(Attempt *attempt)
{
	if (pgaccount_login_max_failures == 0 || pgaccount_login_window == 0)
		return true;
	if (has_failed_enough(attempt) || !throttle_begin(attempt->login))
		return false;
	if (attempt->has_ip && !throttle_begin(attempt->ip))
	{
		throttle_take_back(attempt->login);
		return false;
	}
	return true;
}

/* The attempt was no failure. */
void
attempt_take_back(const Attempt *attempt)
{
	throttle_take_back(attempt->login);
	if (attempt->has_ip)
		throttle_take_back(attempt->ip);
}

/* The attempt failed: record it. One in 256 drops what is past everybody's window. */
void
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
void
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
