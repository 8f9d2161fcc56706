/*
 * jwt_fuzz.c
 *		libFuzzer target for the token codec: the same sources as the library's, without a server.
 *
 * The first byte chooses what is fuzzed: the text of a token, the claims of a well-signed one, its
 * header, or a key.
 *
 * sources: src/jwt/jws.c src/jwt/json_claims.c src/jwt/base64url.c
 *
 * What the codec signs it must verify, and what it accepts must be canonical.
 */
#include "postgres_fe.h"

#include "jwt/base64url.h"
#include "jwt/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static JwtKey keys[JWT_EDDSA + 1];

/* Stop here: the codec broke a promise. */
static void
check(bool promise)
{
	if (!promise)
		abort();
}

/* Count what the pass reports: names have values, levels balance. */
typedef struct Seen
{
	int depth;
	bool name_pending;
	size_t bytes;
} Seen;

static void
see(void *arg, JsonEvent event, JsonKind kind, const char *text, int len)
{
	Seen *seen = arg;

	for (int i = 0; i < len; i++)
		seen->bytes += (unsigned char) text[i];
	switch (event)
	{
		case JSON_NAME:
			check(!seen->name_pending && seen->depth > 0);
			seen->name_pending = true;
			return;
		case JSON_BEGIN:
			check(kind == JSON_OBJECT || kind == JSON_ARRAY);
			seen->depth++;
			check(seen->depth <= JSON_MAX_DEPTH);
			break;
		case JSON_END:
			check(!seen->name_pending);
			seen->depth--;
			break;
		case JSON_SCALAR:
			check(kind != JSON_ABSENT && kind != JSON_OBJECT && kind != JSON_ARRAY);
			break;
	}
	seen->name_pending = false;
}

/* The whole check of a token with one key, as the SQL functions do it. */
static JwtResult
verify(const char *token, size_t len, const JwtKey *key)
{
	JsonMember members[] = {JWT_REGISTERED_MEMBERS};
	Seen seen = {0};
	Jws jws;
	JwtTimes times;
	char *arena = NULL;
	JwtResult result = jws_parse(&jws, token, len);

	if (result == JWT_OK)
		result = jws_check(&jws, key);
	if (result == JWT_OK)
		result = jwt_scan_claims(jws.payload, jws.payload_len, members, lengthof(members), see,
								 &seen, &arena, &times);
	if (result == JWT_OK)
	{
		check(seen.depth == 0);
		(void) jwt_names_audience(&members[JWT_AUD], "api");
		result = jwt_check_times(&times, INT64CONST(1700000000000000), 30000000);
	}
	check(jwt_reason(result) != NULL);
	if (arena != NULL)
		pfree(arena);
	jws_free(&jws);
	return result;
}

/* What is known by its header must be what a look at the header says. */
static void
parse_known(const char *token, size_t len)
{
	static const char header[] = "eyJhbGciOiJIUzI1NiJ9";
	Jws known;
	Jws parsed;

	if (jws_parse_known(&known, token, len, header, strlen(header), JWT_HS256))
	{
		check(jws_parse(&parsed, token, len) == JWT_OK && parsed.alg == JWT_HS256);
		check(jws_check(&known, &keys[JWT_HS256]) == jws_check(&parsed, &keys[JWT_HS256]));
		jws_free(&known);
		jws_free(&parsed);
	}
}

/* Sign a header and claims, and verify. */
static void
round_trip(const char *header, size_t header_len, const char *claims, size_t len, const JwtKey *key)
{
	size_t token_len = jwt_signed_len(key, header_len, len);
	char *token = palloc(token_len);
	JwtResult result;

	check(jwt_sign_bytes(key, header, header_len, claims, len, token) == JWT_OK);
	result = verify(token, token_len, key);
	check(result != JWT_BAD_SIGNATURE && result != JWT_NOT_THREE_SEGMENTS);
	check(result != JWT_BAD_ENCODING);
	pfree(token);
}

/* What is accepted must be what an encoder writes. */
static void
canonical(const char *text, size_t len)
{
	unsigned char *decoded = palloc(BASE64URL_DECODED_MAX(len) + 1);
	int n = base64url_decode(decoded, text, len);

	if (n >= 0)
	{
		char *again = palloc(BASE64URL_ENCODED_LEN(n) + 1);

		check(base64url_encode(again, decoded, n) == len && memcmp(again, text, len) == 0);
		pfree(again);
	}
	pfree(decoded);
}

/* Keys of every algorithm. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const unsigned char secret[64] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";

	check(sodium_init() >= 0);
	for (int alg = JWT_HS256; alg <= JWT_EDDSA; alg++)
		check(jwt_key_prepare(&keys[alg], alg, secret, alg == JWT_EDDSA ? 32 : 64, JWT_TO_SIGN,
							  false) == JWT_OK);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;
	size_t len;
	char header[64];
	JwtAlg alg;
	JwtKey key;

	if (size < 1)
		return 0;
	len = size - 1;
	alg = JWT_HS256 + (data[0] >> 4) % 4;
	/* A block of exactly this size, so that a byte read too far is seen. */
	text = palloc(len > 0 ? len : 1);
	memcpy(text, data + 1, len);
	switch (data[0] & 3)
	{
		case 0:
			canonical(text, len);
			parse_known(text, len);
			(void) verify(text, len, &keys[alg]);
			break;
		case 1:
			snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", jwt_alg_name(alg));
			round_trip(header, strlen(header), text, len, &keys[alg]);
			break;
		case 2:
			round_trip(text, len, "{\"sub\":\"1\"}", 11, &keys[alg]);
			break;
		case 3:
			if (jwt_key_prepare(&key, alg, (unsigned char *) text, len, JWT_TO_VERIFY,
								(data[0] & 4) != 0) == JWT_OK)
			{
				(void) verify("eyJhbGciOiJFZERTQSJ9.e30.", 25, &key);
				jwt_key_wipe(&key);
			}
			break;
	}
	pfree(text);
	return 0;
}
