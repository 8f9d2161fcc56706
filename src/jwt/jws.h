/*
 * jws.h
 *		Codec of signed tokens: JWS compact serialization (RFC 7515) of JWT claims (RFC 7519).
 *
 * Knows no tables, no catalogs and no clock: bytes, a key and a time in, a result out. Nothing here
 * raises, except palloc when memory is out.
 */
#ifndef PGACCOUNT_JWS_H
#define PGACCOUNT_JWS_H

#include <sodium.h>

#include "json_claims.h"

/* Longer tokens are refused before anything is decoded. */
#define JWT_MAX_TOKEN 65536

typedef enum JwtAlg
{
	JWT_ALG_UNKNOWN,
	JWT_HS256,
	JWT_HS384,
	JWT_HS512,
	JWT_EDDSA
} JwtAlg;

typedef enum JwtResult
{
	JWT_OK,
	/* the token */
	JWT_TOO_LARGE,
	JWT_NOT_THREE_SEGMENTS,
	JWT_BAD_ENCODING,
	JWT_BAD_HEADER,
	JWT_HEADER_TYPE,
	JWT_OTHER_ALGORITHM,
	JWT_CRITICAL,
	JWT_BAD_SIGNATURE,
	JWT_BAD_CLAIMS,
	JWT_CLAIM_TYPE,
	JWT_EXPIRED,
	JWT_NOT_YET_VALID,
	JWT_NEVER_VALID,
	JWT_NO_EXPIRY,
	JWT_NO_SUBJECT,
	JWT_OTHER_ISSUER,
	JWT_OTHER_AUDIENCE,
	JWT_UNKNOWN_KEY,
	JWT_MISSING,
	/* the key */
	JWT_KEY_SHORT,
	JWT_KEY_LENGTH,
	JWT_KEY_WEAK,
	/* neither: out of memory, or refused by the system's policy */
	JWT_CRYPTO_FAILED
} JwtResult;

/* What a key is prepared for. */
typedef enum JwtKeyUse
{
	JWT_TO_SIGN,
	JWT_TO_VERIFY
} JwtKeyUse;

/*
 * A key, ready for use: the schedule of an HMAC key is done once, and copied for each token. Wipe
 * it with jwt_key_wipe before its memory goes.
 */
typedef struct JwtKey
{
	JwtAlg alg;
	union
	{
		crypto_auth_hmacsha256_state hs256;
		crypto_auth_hmacsha512_state hs512;
		struct
		{
			size_t len;
			unsigned char bytes[128]; /* at most the block of SHA-384 */
		} hs384;
		struct
		{
			unsigned char public_key[crypto_sign_ed25519_PUBLICKEYBYTES];
			unsigned char
				secret_key[crypto_sign_ed25519_SECRETKEYBYTES]; /* where prepared to sign */
		} eddsa;
	} u;
} JwtKey;

/* A token taken apart. Strings point into token, work or arena. */
typedef struct Jws
{
	const char *token;
	size_t signed_len;     /* header and payload, as they are signed */
	size_t payload_offset; /* of the encoded payload */
	size_t signature_offset;
	size_t len;
	JwtAlg alg;      /* as the header says: to be compared, never to be obeyed */
	const char *kid; /* NULL: none */
	int kid_len;
	const char *header;
	int header_len;
	const char *payload; /* set by jws_decode_payload */
	int payload_len;
	char *work; /* decoded segments: few, or palloc'd */
	char *arena;
	char few[768]; /* not to be copied: work points here for tokens of the usual size */
} Jws;

/*
 * Places of the registered claims of RFC 7519 §4.1 in an array of members; a caller's own follow.
 */
enum
{
	JWT_ISS,
	JWT_SUB,
	JWT_AUD,
	JWT_EXP,
	JWT_NBF,
	JWT_IAT,
	JWT_JTI,
	JWT_REGISTERED
};

/* Initializer of the first JWT_REGISTERED elements. */
#define JWT_REGISTERED_MEMBERS                                                                     \
	JSON_MEMBER("iss"), JSON_MEMBER("sub"), JSON_MEMBER("aud"), JSON_MEMBER("exp"),                \
		JSON_MEMBER("nbf"), JSON_MEMBER("iat"), JSON_MEMBER("jti")

/* NumericDates of a set of claims: seconds since 1970. */
typedef struct JwtTimes
{
	bool has_exp;
	bool has_nbf;
	double exp;
	double nbf;
} JwtTimes;

/* Why a token or key is refused: a whole sentence without any of it. */
extern const char *jwt_reason(JwtResult result);

/* The algorithm of this exact name, else JWT_ALG_UNKNOWN; and back. */
extern JwtAlg jwt_alg_by_name(const char *name, size_t len);
extern const char *jwt_alg_name(JwtAlg alg);

/* Least bytes of a secret (RFC 7518 §3.2), or the exact length of an Ed25519 key. */
extern size_t jwt_key_bytes(JwtAlg alg);

/*
 * Prepare a key. An EdDSA key is the 32-byte seed to sign, the 32-byte public key to verify.
 * any_length lets an HMAC secret be of any length but 0, as pgjwt does. On failure *key holds
 * nothing.
 */
extern JwtResult jwt_key_prepare(JwtKey *key, JwtAlg alg, const unsigned char *bytes, size_t len,
								 JwtKeyUse use, bool any_length);
extern void jwt_key_wipe(JwtKey *key);

/* Bytes of the token that jwt_sign_bytes makes. */
extern size_t jwt_signed_len(const JwtKey *key, size_t header_len, size_t payload_len);

/* Make a token of a header and a payload in UTF-8; out has room for jwt_signed_len bytes. */
extern JwtResult jwt_sign_bytes(const JwtKey *key, const char *header, size_t header_len,
								const char *payload, size_t payload_len, char *out);

/* Take a token apart and check its header. In any case, jws_free() is due afterwards. */
extern JwtResult jws_parse(Jws *jws, const char *token, size_t len);
extern void jws_free(Jws *jws);

/*
 * The same for a token whose encoded header is this one, which its maker knows to be good. False:
 * it has another, or is malformed; ask jws_parse.
 */
extern bool jws_parse_known(Jws *jws, const char *token, size_t len, const char *header,
							size_t header_len, JwtAlg alg);

/* Decode the payload of a parsed token, its signature unseen. Any bytes may come out. */
extern JwtResult jws_decode_payload(Jws *jws);

/* Is a parsed token signed with this key? Decodes the payload too. */
extern JwtResult jws_check(Jws *jws, const JwtKey *key);

/*
 * One pass over a set of claims: members (the registered ones, then the caller's own) are filled,
 * the registered ones' types checked. sink and arena: see json_scan_object.
 */
extern JwtResult jwt_scan_claims(const char *text, size_t len, JsonMember *members, int nmembers,
								 JsonSink sink, void *sink_arg, char **arena, JwtTimes *times);

/* Is now, in microseconds since 1970, within the times of a token? */
extern JwtResult jwt_check_times(const JwtTimes *times, int64 now, int64 leeway);

/* Does the claim aud, scanned and checked, name this audience? */
extern bool jwt_names_audience(const JsonMember *aud, const char *audience);

/* Does a member hold exactly this string? */
extern bool jwt_member_equals(const JsonMember *member, const char *text);

#endif /* PGACCOUNT_JWS_H */
