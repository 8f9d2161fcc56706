/*
 * floor.c
 *		The floors that token.sql measures against: libsodium's one-shot HMAC and a base64 table in a
 *		loop, with none of the checks; and a function that does nothing. No part of the extension.
 */
#include "postgres.h"

#include <sodium.h>
#include <time.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/base.h"

#include "jwt/base64url.c"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(cpu_us);
PG_FUNCTION_INFO_V1(floor_empty);
PG_FUNCTION_INFO_V1(floor_sign);
PG_FUNCTION_INFO_V1(floor_verify);

/* CPU microseconds that this backend has used: what others do on the machine does not count. */
Datum
cpu_us(PG_FUNCTION_ARGS)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	PG_RETURN_FLOAT8(now.tv_sec * 1e6 + now.tv_nsec / 1e3);
}

/* Nothing. */
Datum
floor_empty(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(42);
}

/* HMAC-SHA256 with a key that is scheduled anew. */
static void
one_shot(unsigned char *mac, const char *message, size_t len, text *key)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, (unsigned char *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *) message, len);
	crypto_auth_hmacsha256_final(&state, mac);
}

/* floor_sign(claims text, key text): a token. */
Datum
floor_sign(PG_FUNCTION_ARGS)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	text *claims = PG_GETARG_TEXT_PP(0);
	size_t len = VARSIZE_ANY_EXHDR(claims);
	text *token = palloc(VARHDRSZ + BASE64URL_ENCODED_LEN(strlen(header)) +
						 BASE64URL_ENCODED_LEN(len) + BASE64URL_ENCODED_LEN(32) + 2);
	char *start = VARDATA(token);
	char *p = start;
	unsigned char mac[32];

	p += base64url_encode(p, (const unsigned char *) header, strlen(header));
	*p++ = '.';
	p += base64url_encode(p, (unsigned char *) VARDATA_ANY(claims), len);
	one_shot(mac, start, p - start, PG_GETARG_TEXT_PP(1));
	*p++ = '.';
	p += base64url_encode(p, mac, sizeof(mac));
	SET_VARSIZE(token, VARHDRSZ + (p - start));
	PG_RETURN_TEXT_P(token);
}

/* floor_verify(token text, key text): the claims as text. */
Datum
floor_verify(PG_FUNCTION_ARGS)
{
	text *token = PG_GETARG_TEXT_PP(0);
	const char *start = VARDATA_ANY(token);
	const char *end = start + VARSIZE_ANY_EXHDR(token);
	const char *first = memchr(start, '.', end - start);
	const char *second = memchr(first + 1, '.', end - first - 1);
	text *claims = palloc(VARHDRSZ + BASE64URL_DECODED_MAX(second - first));
	unsigned char signature[40];
	unsigned char mac[32];

	one_shot(mac, start, second - start, PG_GETARG_TEXT_PP(1));
	if (base64url_decode(signature, second + 1, end - second - 1) != sizeof(mac) ||
		sodium_memcmp(mac, signature, sizeof(mac)) != 0)
		elog(ERROR, "wrong signature");
	SET_VARSIZE(claims, VARHDRSZ + base64url_decode((unsigned char *) VARDATA(claims), first + 1,
													second - first - 1));
	PG_RETURN_TEXT_P(claims);
}
