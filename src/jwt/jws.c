/*
 * jws.c
 *		Codec of signed tokens: JWS compact serialization (RFC 7515) of JWT claims (RFC 7519).
 *
 * The algorithm is the key's (RFC 8725 §3.1): what the header says is compared with it, never
 * obeyed. No extension is understood, so every crit is refused (RFC 7515 §4.1.11). Signatures are
 * looked at before the claims are.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/sha2.h"

#include "base64url.h"
#include "jws.h"

/* The longest signature: Ed25519 and HMAC-SHA512 alike. */
#define MAX_SIGNATURE 64

/* Members of a header that mean something here. */
enum
{
	HEADER_ALG,
	HEADER_TYP,
	HEADER_KID,
	HEADER_CRIT,
	HEADER_B64,
	HEADER_MEMBERS
};

/*
 * Algorithms: name, bytes of key (least, or exact), bytes of signature. RFC 7518 §3.1, RFC 8037
 * §3.1.
 */
static const struct
{
	const char *name;
	size_t key_bytes;
	size_t signature_bytes;
} algorithms[] = {
	[JWT_ALG_UNKNOWN] = {"unknown", 0, 0}, [JWT_HS256] = {"HS256", 32, 32},
	[JWT_HS384] = {"HS384", 48, 48},       [JWT_HS512] = {"HS512", 64, 64},
	[JWT_EDDSA] = {"EdDSA", 32, 64},
};

/* Why a token or key is refused. */
const char *
jwt_reason(JwtResult result)
{
	switch (result)
	{
		case JWT_OK:
			break;
		case JWT_TOO_LARGE:
			return "The token is larger than 64 kB.";
		case JWT_NOT_THREE_SEGMENTS:
			return "The token does not have exactly three segments.";
		case JWT_BAD_ENCODING:
			return "A segment of the token is not canonical base64url.";
		case JWT_BAD_HEADER:
			return "The header of the token is not a strict JSON object.";
		case JWT_HEADER_TYPE:
			return "A member of the token's header has a type it must not have.";
		case JWT_OTHER_ALGORITHM:
			return "The token is not made with the key's algorithm.";
		case JWT_CRITICAL:
			return "The token asks for an extension that is not understood.";
		case JWT_BAD_SIGNATURE:
			return "The signature of the token is wrong.";
		case JWT_BAD_CLAIMS:
			return "The claims of the token are not a strict JSON object.";
		case JWT_CLAIM_TYPE:
			return "A claim of the token has a type or value it must not have.";
		case JWT_EXPIRED:
			return "The token has expired.";
		case JWT_NOT_YET_VALID:
			return "The token is not valid yet.";
		case JWT_NEVER_VALID:
			return "The token expires before it becomes valid.";
		case JWT_NO_EXPIRY:
			return "The token has no expiry.";
		case JWT_NO_SUBJECT:
			return "The token has no subject.";
		case JWT_OTHER_ISSUER:
			return "The token is of another issuer.";
		case JWT_OTHER_AUDIENCE:
			return "The token is for another audience.";
		case JWT_UNKNOWN_KEY:
			return "The token is signed with a key that is unknown or retired.";
		case JWT_MISSING:
			return "There is no token.";
		case JWT_KEY_SHORT:
			return "The key is shorter than the output of the algorithm's hash (RFC 7518, section "
				   "3.2).";
		case JWT_KEY_LENGTH:
			return "An Ed25519 key has 32 bytes: the seed to sign, the public key to verify.";
		case JWT_CRYPTO_FAILED:
			return "The cryptographic library failed.";
		case JWT_KEY_WEAK:
			return "The Ed25519 public key is not a point of the main subgroup.";
	}
	return "The token is valid.";
}

/* The algorithm of this exact name. */
JwtAlg
jwt_alg_by_name(const char *name, size_t len)
{
	for (int i = JWT_HS256; i <= JWT_EDDSA; i++)
		if (strlen(algorithms[i].name) == len && memcmp(algorithms[i].name, name, len) == 0)
			return (JwtAlg) i;
	return JWT_ALG_UNKNOWN;
}

/* The name of an algorithm. */
const char *
jwt_alg_name(JwtAlg alg)
{
	return algorithms[alg].name;
}

/* Least bytes of a secret, or the exact length of an Ed25519 key. */
size_t
jwt_key_bytes(JwtAlg alg)
{
	return algorithms[alg].key_bytes;
}

/* Keep an HS384 key as RFC 2104 has it: one longer than a block is replaced by its hash. */
static bool
prepare_hs384(JwtKey *key, const unsigned char *bytes, size_t len)
{
	pg_cryptohash_ctx *ctx;
	bool done;

	if (len <= sizeof(key->u.hs384.bytes))
	{
		memcpy(key->u.hs384.bytes, bytes, len);
		key->u.hs384.len = len;
		return true;
	}
	ctx = pg_cryptohash_create(PG_SHA384);
	done = ctx != NULL && pg_cryptohash_init(ctx) >= 0 &&
		   pg_cryptohash_update(ctx, bytes, len) >= 0 &&
		   pg_cryptohash_final(ctx, key->u.hs384.bytes, PG_SHA384_DIGEST_LENGTH) >= 0;
	pg_cryptohash_free(ctx);
	key->u.hs384.len = PG_SHA384_DIGEST_LENGTH;
	return done;
}

/* Prepare a key; see jwt.h. */
JwtResult
jwt_key_prepare(JwtKey *key, JwtAlg alg, const unsigned char *bytes, size_t len, JwtKeyUse use,
				bool any_length)
{
	JwtResult result = JWT_OK;

	if (alg == JWT_EDDSA)
	{
		if (len != algorithms[alg].key_bytes)
			return JWT_KEY_LENGTH;
	}
	else if (len < algorithms[alg].key_bytes && !(any_length && len > 0))
		return JWT_KEY_SHORT;

	key->alg = alg;
	switch (alg)
	{
		case JWT_ALG_UNKNOWN:
			return JWT_OTHER_ALGORITHM;
		case JWT_HS256:
			crypto_auth_hmacsha256_init(&key->u.hs256, bytes, len);
			break;
		case JWT_HS384:
			if (!prepare_hs384(key, bytes, len))
				result = JWT_CRYPTO_FAILED;
			break;
		case JWT_HS512:
			crypto_auth_hmacsha512_init(&key->u.hs512, bytes, len);
			break;
		case JWT_EDDSA:
			if (use == JWT_TO_SIGN)
				crypto_sign_ed25519_seed_keypair(key->u.eddsa.public_key, key->u.eddsa.secret_key,
												 bytes);
			else if (crypto_core_ed25519_is_valid_point(bytes) != 1)
				result = JWT_KEY_WEAK;
			else
				memcpy(key->u.eddsa.public_key, bytes, sizeof(key->u.eddsa.public_key));
			break;
	}
	if (result != JWT_OK)
		jwt_key_wipe(key);
	return result;
}

/* Wipe a key. */
void
jwt_key_wipe(JwtKey *key)
{
	sodium_memzero(key, sizeof(*key));
}

/* HMAC of a message with a prepared key, into mac. */
static bool
authenticate_message(const JwtKey *key, const char *message, size_t len, unsigned char *mac)
{
	const unsigned char *bytes = (const unsigned char *) message;

	if (key->alg == JWT_HS256)
	{
		crypto_auth_hmacsha256_state state = key->u.hs256;

		crypto_auth_hmacsha256_update(&state, bytes, len);
		crypto_auth_hmacsha256_final(&state, mac);
		return true;
	}
	else if (key->alg == JWT_HS512)
	{
		crypto_auth_hmacsha512_state state = key->u.hs512;

		crypto_auth_hmacsha512_update(&state, bytes, len);
		crypto_auth_hmacsha512_final(&state, mac);
		return true;
	}
	else
	{
		pg_hmac_ctx *ctx = pg_hmac_create(PG_SHA384);
		bool done;

		done = ctx != NULL && pg_hmac_init(ctx, key->u.hs384.bytes, key->u.hs384.len) >= 0 &&
			   pg_hmac_update(ctx, bytes, len) >= 0 &&
			   pg_hmac_final(ctx, mac, PG_SHA384_DIGEST_LENGTH) >= 0;
		pg_hmac_free(ctx);
		return done;
	}
}

/* Bytes of the token that jwt_sign_bytes makes. */
size_t
jwt_signed_len(const JwtKey *key, size_t header_len, size_t payload_len)
{
	return BASE64URL_ENCODED_LEN(header_len) + 1 + BASE64URL_ENCODED_LEN(payload_len) + 1 +
		   BASE64URL_ENCODED_LEN(algorithms[key->alg].signature_bytes);
}

/* Make a token (RFC 7515 §5.1). */
JwtResult
jwt_sign_bytes(const JwtKey *key, const char *header, size_t header_len, const char *payload,
			   size_t payload_len, char *out)
{
	unsigned char signature[MAX_SIGNATURE];
	char *p = out;

	p += base64url_encode(p, (const unsigned char *) header, header_len);
	*p++ = '.';
	p += base64url_encode(p, (const unsigned char *) payload, payload_len);
	if (key->alg == JWT_EDDSA)
		crypto_sign_ed25519_detached(signature, NULL, (unsigned char *) out, p - out,
									 key->u.eddsa.secret_key);
	else if (!authenticate_message(key, out, p - out, signature))
		return JWT_CRYPTO_FAILED;
	*p++ = '.';
	base64url_encode(p, signature, algorithms[key->alg].signature_bytes);
	return JWT_OK;
}

/* Find the three segments. */
static JwtResult
split(Jws *jws)
{
	const char *first = memchr(jws->token, '.', jws->len);
	const char *second;
	const char *end = jws->token + jws->len;

	if (first == NULL)
		return JWT_NOT_THREE_SEGMENTS;
	second = memchr(first + 1, '.', end - first - 1);
	if (second == NULL || memchr(second + 1, '.', end - second - 1) != NULL)
		return JWT_NOT_THREE_SEGMENTS;
	jws->payload_offset = first + 1 - jws->token;
	jws->signed_len = second - jws->token;
	jws->signature_offset = jws->signed_len + 1;
	return JWT_OK;
}

/* Check the members of a header that mean something here (RFC 7515 §4, RFC 7797 §7). */
static JwtResult
check_header(Jws *jws, const JsonMember *members)
{
	const JsonMember *alg = &members[HEADER_ALG];
	const JsonMember *kid = &members[HEADER_KID];
	const JsonMember *typ = &members[HEADER_TYP];
	const JsonMember *b64 = &members[HEADER_B64];

	if (alg->kind != JSON_STRING || (typ->kind != JSON_ABSENT && typ->kind != JSON_STRING) ||
		(kid->kind != JSON_ABSENT && kid->kind != JSON_STRING))
		return JWT_HEADER_TYPE;
	if (members[HEADER_CRIT].kind != JSON_ABSENT ||
		(b64->kind != JSON_ABSENT && b64->kind != JSON_TRUE))
		return JWT_CRITICAL;
	jws->alg = jwt_alg_by_name(alg->text, alg->len);
	if (kid->kind == JSON_STRING)
	{
		jws->kid = kid->text;
		jws->kid_len = kid->len;
	}
	return JWT_OK;
}

/* Begin to take a token apart. */
static JwtResult
begin(Jws *jws, const char *token, size_t len)
{
	JwtResult result;
	size_t room;

	memset(jws, 0, offsetof(Jws, few));
	jws->token = token;
	jws->len = len;
	if (len > JWT_MAX_TOKEN)
		return JWT_TOO_LARGE;
	result = split(jws);
	if (result != JWT_OK)
		return result;
	room = BASE64URL_DECODED_MAX(jws->signed_len) + 1;
	jws->work = room <= sizeof(jws->few) ? jws->few : palloc(room);
	return JWT_OK;
}

/* Take a token apart and check its header (RFC 7515 §5.2, steps 1 to 5). */
JwtResult
jws_parse(Jws *jws, const char *token, size_t len)
{
	JsonMember members[HEADER_MEMBERS] = {JSON_MEMBER("alg"), JSON_MEMBER("typ"),
										  JSON_MEMBER("kid"), JSON_MEMBER("crit"),
										  JSON_MEMBER("b64")};
	JwtResult result;

	result = begin(jws, token, len);
	if (result != JWT_OK)
		return result;

	jws->header = jws->work;
	jws->header_len = base64url_decode((unsigned char *) jws->work, token, jws->payload_offset - 1);
	if (jws->header_len < 0)
		return JWT_BAD_ENCODING;
	if (json_scan_object(jws->header, jws->header_len, members, HEADER_MEMBERS, NULL, NULL,
						 &jws->arena) != JSON_OK)
		return JWT_BAD_HEADER;
	return check_header(jws, members);
}

/* Take a token apart whose header is given; see jws.h. */
bool
jws_parse_known(Jws *jws, const char *token, size_t len, const char *header, size_t header_len,
				JwtAlg alg)
{
	if (len <= header_len || token[header_len] != '.' || memcmp(token, header, header_len) != 0)
		return false;
	if (begin(jws, token, len) != JWT_OK)
		return false;
	jws->alg = alg;
	return true;
}

/* Free what a token taken apart holds. */
void
jws_free(Jws *jws)
{
	if (jws->work != NULL && jws->work != jws->few)
		pfree(jws->work);
	if (jws->arena != NULL)
		pfree(jws->arena);
	jws->work = jws->arena = NULL;
}

/* Decode the payload of a parsed token. */
JwtResult
jws_decode_payload(Jws *jws)
{
	char *payload = jws->work + jws->header_len;
	int len = base64url_decode((unsigned char *) payload, jws->token + jws->payload_offset,
							   jws->signed_len - jws->payload_offset);

	if (len < 0)
		return JWT_BAD_ENCODING;
	jws->payload = payload;
	jws->payload_len = len;
	return JWT_OK;
}

/* Is a parsed token signed with this key (RFC 7515 §5.2, steps 6 to 8)? */
JwtResult
jws_check(Jws *jws, const JwtKey *key)
{
	unsigned char signature[MAX_SIGNATURE];
	unsigned char mac[MAX_SIGNATURE];
	size_t expected = algorithms[key->alg].signature_bytes;
	size_t encoded = jws->len - jws->signature_offset;

	if (jws->alg != key->alg)
		return JWT_OTHER_ALGORITHM;
	if (encoded != BASE64URL_ENCODED_LEN(expected))
		return JWT_BAD_SIGNATURE;
	if (base64url_decode(signature, jws->token + jws->signature_offset, encoded) != (int) expected)
		return JWT_BAD_ENCODING;
	if (key->alg == JWT_EDDSA)
	{
		if (crypto_sign_ed25519_verify_detached(signature, (const unsigned char *) jws->token,
												jws->signed_len, key->u.eddsa.public_key) != 0)
			return JWT_BAD_SIGNATURE;
	}
	else
	{
		if (!authenticate_message(key, jws->token, jws->signed_len, mac))
			return JWT_CRYPTO_FAILED;
		if (sodium_memcmp(signature, mac, expected) != 0)
			return JWT_BAD_SIGNATURE;
	}
	return jws_decode_payload(jws);
}

/* Accept any string. */
static bool
accept_string(void *arg, const char *text, int len)
{
	return true;
}

/* The NumericDate of a member, if there is one. False: it is of another type, or out of range. */
static bool
numeric_date(const JsonMember *member, bool *present, double *value)
{
	*present = member->kind != JSON_ABSENT;
	return !*present ||
		   (member->kind == JSON_NUMBER && json_numeric_date(member->text, member->len, value));
}

/* One pass over a set of claims; see jwt.h. */
JwtResult
jwt_scan_claims(const char *text, size_t len, JsonMember *members, int nmembers, JsonSink sink,
				void *sink_arg, char **arena, JwtTimes *times)
{
	static const int strings[] = {JWT_ISS, JWT_SUB, JWT_JTI};
	const JsonMember *aud = &members[JWT_AUD];
	bool has_iat;
	double iat;

	if (json_scan_object(text, len, members, nmembers, sink, sink_arg, arena) != JSON_OK)
		return JWT_BAD_CLAIMS;
	for (size_t i = 0; i < lengthof(strings); i++)
		if (members[strings[i]].kind != JSON_ABSENT && members[strings[i]].kind != JSON_STRING)
			return JWT_CLAIM_TYPE;
	if (aud->kind != JSON_ABSENT && aud->kind != JSON_STRING &&
		!(aud->kind == JSON_ARRAY && json_walk_strings(aud->text, aud->len, accept_string, NULL)))
		return JWT_CLAIM_TYPE;
	if (!numeric_date(&members[JWT_EXP], &times->has_exp, &times->exp) ||
		!numeric_date(&members[JWT_NBF], &times->has_nbf, &times->nbf) ||
		!numeric_date(&members[JWT_IAT], &has_iat, &iat))
		return JWT_CLAIM_TYPE;
	return JWT_OK;
}

/*
 * Is now within the times of a token? On or after exp it has expired (RFC 7519 §4.1.4).
 * Microseconds are compared as doubles, which hold the present ones exactly and can overflow
 * nowhere.
 */
JwtResult
jwt_check_times(const JwtTimes *times, int64 now, int64 leeway)
{
	if (times->has_exp && times->has_nbf && times->nbf > times->exp)
		return JWT_NEVER_VALID;
	if (times->has_exp && !((double) now - (double) leeway < times->exp * 1e6))
		return JWT_EXPIRED;
	if (times->has_nbf && !((double) now + (double) leeway >= times->nbf * 1e6))
		return JWT_NOT_YET_VALID;
	return JWT_OK;
}

/* Does a member hold exactly this string? */
bool
jwt_member_equals(const JsonMember *member, const char *text)
{
	return member->kind == JSON_STRING && (size_t) member->len == strlen(text) &&
		   memcmp(member->text, text, member->len) == 0;
}

/* Go on while an element of aud is another audience. */
static bool
other_audience(void *arg, const char *text, int len)
{
	const char *audience = arg;

	return !(strlen(audience) == (size_t) len && memcmp(audience, text, len) == 0);
}

/* Does the claim aud name this audience (RFC 7519 §4.1.3)? */
bool
jwt_names_audience(const JsonMember *aud, const char *audience)
{
	if (aud->kind == JSON_ARRAY)
		return !json_walk_strings(aud->text, aud->len, other_audience,
								  unconstify(char *, audience));
	return jwt_member_equals(aud, audience);
}
