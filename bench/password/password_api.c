/*
 * password_api.c
 *		SQL functions, for the benchmark alone, over the C interface of passwords that logins use.
 *
 * Linked into the library that is measured, which shows nothing of its C interface to others. Each cost_...
 * returns the CPU milliseconds that the call took.
 */
#include "postgres.h"

#include <sodium.h>
#include <sys/resource.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/base.h"
#include "password/password.h"

PG_FUNCTION_INFO_V1(cost_of_verify);
PG_FUNCTION_INFO_V1(cost_of_verify_padded);
PG_FUNCTION_INFO_V1(cost_of_dummy_verify);
PG_FUNCTION_INFO_V1(cost_of_hash);
PG_FUNCTION_INFO_V1(cost_of_libsodium);
PG_FUNCTION_INFO_V1(libsodium_hash);
PG_FUNCTION_INFO_V1(libsodium_verify);

/* CPU milliseconds this process has used. */
static double
cpu_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
		   (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* The argument, or NULL. */
static text *
argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : (text *) PG_GETARG_POINTER(n);
}

/* cost_of_verify(password, hash, expected): of password_verify(). */
Datum
cost_of_verify(PG_FUNCTION_ARGS)
{
	double start = cpu_ms();

	if (password_verify(argument(fcinfo, 0), argument(fcinfo, 1)) != PG_GETARG_BOOL(2))
		elog(ERROR, "not as expected");
	PG_RETURN_FLOAT8(cpu_ms() - start);
}

/* cost_of_verify_padded(password, hash, expected): of password_verify_padded(). */
Datum
cost_of_verify_padded(PG_FUNCTION_ARGS)
{
	double start = cpu_ms();

	if (password_verify_padded(argument(fcinfo, 0), argument(fcinfo, 1)) != PG_GETARG_BOOL(2))
		elog(ERROR, "not as expected");
	PG_RETURN_FLOAT8(cpu_ms() - start);
}

/* cost_of_dummy_verify(password): of password_dummy_verify(). */
Datum
cost_of_dummy_verify(PG_FUNCTION_ARGS)
{
	double start = cpu_ms();

	password_dummy_verify(argument(fcinfo, 0));
	PG_RETURN_FLOAT8(cpu_ms() - start);
}

/* cost_of_hash(password): of password_hash(). */
Datum
cost_of_hash(PG_FUNCTION_ARGS)
{
	double start = cpu_ms();

	(void) password_hash(argument(fcinfo, 0));
	PG_RETURN_FLOAT8(cpu_ms() - start);
}

/* The hash of a password at the current cost, by libsodium alone. */
static void
hash_by_libsodium(char *hash, const text *password)
{
	if (crypto_pwhash_str_alg(hash, VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password),
							  pgaccount_password_ops, (size_t) pgaccount_password_memory * 1024,
							  crypto_pwhash_ALG_ARGON2ID13) != 0)
		elog(ERROR, "out of memory");
}

/* cost_of_libsodium(password): the floor of password_hash(), the same hash by libsodium alone. */
Datum
cost_of_libsodium(PG_FUNCTION_ARGS)
{
	char hash[crypto_pwhash_STRBYTES];
	double start = cpu_ms();

	hash_by_libsodium(hash, argument(fcinfo, 0));
	PG_RETURN_FLOAT8(cpu_ms() - start);
}

/* libsodium_hash(password): what an application does at a registration. */
Datum
libsodium_hash(PG_FUNCTION_ARGS)
{
	char hash[crypto_pwhash_STRBYTES];

	hash_by_libsodium(hash, argument(fcinfo, 0));
	PG_RETURN_TEXT_P(cstring_to_text(hash));
}

/* libsodium_verify(hash, password): what it does at a login. */
Datum
libsodium_verify(PG_FUNCTION_ARGS)
{
	char hash[crypto_pwhash_STRBYTES] = {0};
	text *password = argument(fcinfo, 1);

	text_to_cstring_buffer(argument(fcinfo, 0), hash, sizeof(hash));
	if (crypto_pwhash_str_verify(hash, VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password)) != 0)
		elog(ERROR, "not its password");
	PG_RETURN_BOOL(true);
}
