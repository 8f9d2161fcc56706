/*
 * one_time_token.c
 *		Tokens that are shown once, and used once: of an invitation, of a mail.
 *
 * A token is 32 random bytes in base64url (RFC 4648 §5). Tables have the SHA-256 of the bytes, by
 * which it is looked for, so nothing of a token can be learnt from a table, nor from the time that
 * a look takes.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/detoast.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "one_time_token.h"

#define TOKEN_BYTES 32
#define TOKEN_CHARS BASE64URL_ENCODED_LEN(TOKEN_BYTES)
#define HASH_BYTES  crypto_hash_sha256_BYTES

/* The longest lifetime. */
#define MAX_TTL ((int64) 3653 * USECS_PER_DAY)

/* The hash of a token's bytes. */
static bytea *
hash_bytes_of(const unsigned char *bytes)
{
	bytea *hash = palloc(VARHDRSZ + HASH_BYTES);

	SET_VARSIZE(hash, VARHDRSZ + HASH_BYTES);
	crypto_hash_sha256((unsigned char *) VARDATA(hash), bytes, TOKEN_BYTES);
	return hash;
}

/* Make a token, and the hash that is stored of it. */
text *
one_time_token_make(bytea **hash)
{
	unsigned char bytes[TOKEN_BYTES];
	text *token = palloc(VARHDRSZ + TOKEN_CHARS);

	randombytes_buf(bytes, sizeof(bytes));
	*hash = hash_bytes_of(bytes);
	SET_VARSIZE(token, VARHDRSZ + TOKEN_CHARS);
	base64url_encode(VARDATA(token), bytes, sizeof(bytes));
	sodium_memzero(bytes, sizeof(bytes));
	return token;
}

/* The hash that is stored of a token; see the header. */
bytea *
one_time_token_hash(FunctionCallInfo fcinfo, int n)
{
	unsigned char bytes[BASE64URL_DECODED_MAX(TOKEN_CHARS)];
	bytea *hash;
	text *token;

	if (PG_ARGISNULL(n) || toast_raw_datum_size(PG_GETARG_DATUM(n)) - VARHDRSZ != TOKEN_CHARS)
		return NULL;
	token = PG_GETARG_TEXT_PP(n);
	if (base64url_decode(bytes, VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token)) != TOKEN_BYTES)
		return NULL;
	hash = hash_bytes_of(bytes);
	sodium_memzero(bytes, sizeof(bytes));
	return hash;
}

/* The argument ttl; see the header. */
int64
ttl_argument(FunctionCallInfo fcinfo, int n, const char *what)
{
	Interval *ttl;
	double usecs;

	if (PG_ARGISNULL(n))
		refuse_null_argument("ttl");
	ttl = PG_GETARG_INTERVAL_P(n);
	usecs = (double) ttl->time + (double) ttl->day * USECS_PER_DAY +
			(double) ttl->month * DAYS_PER_MONTH * USECS_PER_DAY;
	if (usecs <= 0 || usecs > (double) MAX_TTL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"ttl\" is out of range"),
						errdetail("%s lasts longer than nothing, and at most 3653 days.", what),
						errhint("Pass an interval such as '7 days'.")));
	return (int64) usecs;
}
