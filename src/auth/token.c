/*
 * token.c
 *		Access tokens: claims of a user, signed with a key of the store; and their check.
 *
 * Whatever a user's row lacks, there is a token: no tenant, no modules, no role are claims with
 * a defined value, never an error at login.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "monitor/monitor.h"
#include "key_store.h"
#include "token.h"

PG_FUNCTION_INFO_V1(verify_access_token);

/* Random bytes of a jti. */
#define JTI_BYTES 16

/*
 * Claims that an issuer's extra ones must not be; the last where the token has one of that name.
 */
static const char *const reserved_claims[] = {
	"iss",       "sub",    "aud",     "exp",       "nbf",      "iat",  "jti", "sid",
	"tenant_id", "tenant", "modules", "user_role", "is_staff", "role", "act", "tenant_role"};

/* Append a string of the database's encoding as a JSON string in UTF-8; NULL is null. */
static void
append_string(StringInfo buf, const char *value)
{
	if (value == NULL)
		appendStringInfoString(buf, "null");
	else
		escape_json(buf, pg_server_to_any(value, strlen(value), PG_UTF8));
}

/*
 * Append a list that a table holds as JSON text, if it is one; else the empty one. The text is
 * wrapped into an object and scanned, so that what json allows and a token does not is no list.
 */
static void
append_json_list(StringInfo buf, const char *json)
{
	JsonMember member = JSON_MEMBER("list");
	StringInfoData object;
	char *arena;

	initStringInfo(&object);
	appendStringInfo(&object, "{\"list\":%s}", pg_server_to_any(json, strlen(json), PG_UTF8));
	if (json_scan_object(object.data, object.len, &member, 1, NULL, NULL, &arena) == JSON_OK &&
		member.kind == JSON_ARRAY)
		appendBinaryStringInfo(buf, member.text, member.len);
	else
		appendStringInfoString(buf, "[]");
	pfree(object.data);
}

/* Append the elements of a text[] or varchar[]; NULL elements are left out. */
static void
append_text_array(StringInfo buf, ArrayType *array)
{
	Datum *elements;
	bool *nulls;
	int n;
	const char *separator = "";

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	appendStringInfoChar(buf, '[');
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			continue;
		appendStringInfoString(buf, separator);
		append_string(buf, TextDatumGetCString(elements[i]));
		separator = ",";
	}
	appendStringInfoChar(buf, ']');
}

/* Append the modules of a user's tenant: always an array. */
static void
append_modules(StringInfo buf, const TokenUser *user)
{
	Oid type = user->modules_isnull ? InvalidOid : getBaseType(user->modules_type);

	switch (type)
	{
		case JSONBOID:
		{
			Jsonb *jsonb = DatumGetJsonbP(user->modules);

			append_json_list(buf, JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb)));
			break;
		}
		case JSONOID:
			append_json_list(buf, TextDatumGetCString(user->modules));
			break;
		case TEXTARRAYOID:
		case VARCHARARRAYOID:
			append_text_array(buf, DatumGetArrayTypeP(user->modules));
			break;
		default:
			appendStringInfoString(buf, "[]");
			break;
	}
}

/* Append further claims, of names that are free: 22023 for others. */
static void
append_extra(StringInfo buf, Jsonb *extra, bool has_tenant_role)
{
	size_t reserved = lengthof(reserved_claims) - (has_tenant_role ? 0 : 1);
	char *json;

	if (!JB_ROOT_IS_OBJECT(extra))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("extra claims must be an object"),
				 errdetail("They become members of the claims."),
				 errhint("Pass them as a JSON object, for example {\"plan\": \"pro\"}."),
				 errhidesecrets()));
	for (size_t i = 0; i < reserved; i++)
	{
		JsonbValue value;

		if (getKeyJsonValueFromContainer(&extra->root, reserved_claims[i],
										 strlen(reserved_claims[i]), &value) != NULL)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("claim \"%s\" is reserved", reserved_claims[i]),
							errdetail("The token has a claim of that name of its own."),
							errhint("Give the extra claim another name."), errhidesecrets()));
	}
	if (JB_ROOT_COUNT(extra) == 0)
		return;
	json = JsonbToCString(NULL, &extra->root, VARSIZE(extra));
	json = pg_server_to_any(json, strlen(json), PG_UTF8);
	/* Its members go on with ours: the brackets fall away. */
	appendStringInfoChar(buf, ',');
	appendBinaryStringInfo(buf, json + 1, strlen(json) - 2);
}

/* The claims of a token, in UTF-8. */
static void
make_claims(StringInfo buf, const TokenUser *user, int64 now, int64 ttl, Jsonb *extra)
{
	unsigned char random[JTI_BYTES];
	char jti[BASE64URL_ENCODED_LEN(JTI_BYTES) + 1];

	randombytes_buf(random, sizeof(random));
	jti[base64url_encode(jti, random, sizeof(random))] = '\0';

	appendStringInfoChar(buf, '{');
	if (pgaccount_issuer[0] != '\0')
	{
		appendStringInfoString(buf, "\"iss\":");
		append_string(buf, pgaccount_issuer);
		appendStringInfoChar(buf, ',');
	}
	if (pgaccount_audience[0] != '\0')
	{
		appendStringInfoString(buf, "\"aud\":");
		append_string(buf, pgaccount_audience);
		appendStringInfoChar(buf, ',');
	}
	appendStringInfoString(buf, "\"sub\":");
	append_string(buf, user->user_id);
	appendStringInfo(buf,
					 ",\"iat\":" INT64_FORMAT ",\"nbf\":" INT64_FORMAT ",\"exp\":" INT64_FORMAT
					 ",\"jti\":\"%s\",\"sid\":",
					 now / USECS_PER_SEC, now / USECS_PER_SEC, (now + ttl) / USECS_PER_SEC, jti);
	append_string(buf, user->session_id);
	appendStringInfoString(buf, ",\"tenant_id\":");
	append_string(buf, user->tenant_id);
	appendStringInfoString(buf, ",\"tenant\":");
	append_string(buf, user->tenant);
	if (user->has_tenant_role)
	{
		appendStringInfoString(buf, ",\"tenant_role\":");
		append_string(buf, user->tenant_role);
	}
	appendStringInfoString(buf, ",\"modules\":");
	append_modules(buf, user);
	appendStringInfoString(buf, ",\"user_role\":");
	append_string(buf, user->user_role);
	appendStringInfo(buf, ",\"is_staff\":%s", user->is_staff ? "true" : "false");
	if (user->actor != NULL) /* RFC 8693 §4.1 */
	{
		appendStringInfoString(buf, ",\"act\":{\"sub\":");
		append_string(buf, user->actor);
		appendStringInfoChar(buf, '}');
	}
	if (pgaccount_db_role[0] != '\0')
	{
		appendStringInfoString(buf, ",\"role\":");
		append_string(buf, pgaccount_db_role);
	}
	if (extra != NULL)
		append_extra(buf, extra, user->has_tenant_role);
	appendStringInfoChar(buf, '}');
}

/* Refuse further claims that no check would take: too deep, or a number that is too long. */
static void
require_readable(StringInfo claims)
{
	char *arena;

	if (json_scan_object(claims->data, claims->len, NULL, 0, NULL, NULL, &arena) != JSON_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("extra claims cannot be verified"),
				 errdetail("A token nests at most %d deep, and a number in it has at most %d "
						   "characters.",
						   JSON_MAX_DEPTH, JSON_MAX_NUMBER),
				 errhint("Give simpler extra claims."), errhidesecrets()));
}

/* The claims that a token would carry; see token.h. */
void
token_claims(StringInfo buf, const TokenUser *user, int64 ttl)
{
	make_claims(buf, user, jwt_now(), ttl, NULL);
}

/* Make and sign a token; see token.h. */
text *
token_issue(const TokenUser *user, int64 ttl, Jsonb *extra)
{
	const StoredKey *stored;
	StringInfoData claims;
	char *header;
	int64 now = jwt_now();
	size_t len;
	text *token;
	JwtResult result;

	/* Up to the largest NumericDate that is read back. */
	if (ttl < 0 || ttl > INT64CONST(1000) * 366 * USECS_PER_DAY)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("token lifetime must be between 0 and 1000 years"),
						errdetail("Its end would be no time that a reader takes."),
						errhint("Pass an interval such as '15 minutes'."), errhidesecrets()));
	initStringInfo(&claims);
	make_claims(&claims, user, now, ttl, extra);
	if (extra != NULL && JB_ROOT_COUNT(extra) > 0)
		require_readable(&claims);

	stored = key_store_signing();
	header = jwt_header(stored->key.alg, stored->kid);
	len = jwt_signed_len(&stored->key, strlen(header), claims.len);
	if (len > JWT_MAX_TOKEN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("claims are too large"),
						errdetail("A token has at most %d bytes.", JWT_MAX_TOKEN),
						errhint("Give fewer extra claims."), errhidesecrets()));
	token = palloc(VARHDRSZ + len);
	SET_VARSIZE(token, VARHDRSZ + len);
	result = jwt_sign_bytes(&stored->key, header, strlen(header), claims.data, claims.len,
							VARDATA(token));
	if (result != JWT_OK)
		refuse_key(result);
	return token;
}

/* Initialize members to be scanned. */
void
token_members_init(JsonMember *members)
{
	static const JsonMember empty[TOKEN_MEMBERS] = {
		JWT_REGISTERED_MEMBERS,  JSON_MEMBER("sid"),         JSON_MEMBER("tenant_id"),
		JSON_MEMBER("tenant"),   JSON_MEMBER("modules"),     JSON_MEMBER("user_role"),
		JSON_MEMBER("is_staff"), JSON_MEMBER("tenant_role"), JSON_MEMBER("act")};

	memcpy(members, empty, sizeof(empty));
}

/*
 * Take a token apart and check its signature with the key that the header names. Tokens made here
 * are known by their header. One that names no key, as some makers' do, is tried with each of its
 * algorithm.
 */
static JwtResult
check_signature(Jws *jws, const char *token, size_t len)
{
	int count;
	const StoredKey *all = key_store_keys(&count);
	JwtResult result;

	for (int i = 0; i < count; i++)
		if (all[i].usable &&
			jws_parse_known(jws, token, len, all[i].header, all[i].header_len, all[i].key.alg))
			return jws_check(jws, &all[i].key);

	result = jws_parse(jws, token, len);
	if (result != JWT_OK)
		return result;
	if (jws->kid != NULL)
	{
		const StoredKey *stored = key_store_find(jws->kid, jws->kid_len);

		return stored == NULL ? JWT_UNKNOWN_KEY : jws_check(jws, &stored->key);
	}
	result = JWT_UNKNOWN_KEY;
	for (int i = 0; i < count && result != JWT_OK; i++)
		if (all[i].key.alg == jws->alg && (all[i].usable || jws->alg == JWT_EDDSA))
			result = jws_check(jws, &all[i].key);
	return result;
}

/*
 * Have the claims that a live check looks at the types that it reads? One of another type would say
 * nothing to it, and something to who reads the claims. What grants nothing unless it is true, or a
 * string, or a list of strings (is_staff, user_role, tenant, modules) needs no such care.
 */
static bool
types_fit(const JsonMember *members)
{
	static const int strings[] = {TOKEN_SID, TOKEN_TENANT_ID};

	for (size_t i = 0; i < lengthof(strings); i++)
	{
		JsonKind kind = members[strings[i]].kind;

		if (kind != JSON_ABSENT && kind != JSON_NULL && kind != JSON_STRING)
			return false;
	}
	return true;
}

/* Check a token with the stored keys; see token.h. */
JwtResult
token_check(text *token, CheckedToken *checked, JsonSink sink, void *sink_arg)
{
	JwtResult result;

	checked->arena = NULL;
	token_members_init(checked->members);
	result = check_signature(&checked->jws, VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token));
	if (result == JWT_OK)
		result = jwt_scan_claims(checked->jws.payload, checked->jws.payload_len, checked->members,
								 TOKEN_MEMBERS, sink, sink_arg, &checked->arena, &checked->times);
	if (result == JWT_OK && !types_fit(checked->members))
		result = JWT_CLAIM_TYPE;
	if (result == JWT_OK && !checked->times.has_exp)
		result = JWT_NO_EXPIRY;
	if (result == JWT_OK)
		result =
			jwt_check_times(&checked->times, jwt_now(), (int64) pgaccount_leeway * USECS_PER_SEC);
	if (result == JWT_OK)
		result = jwt_check_parties(checked->members);
	return result;
}

/* Free what a checked token holds. */
void
token_free(CheckedToken *checked)
{
	jws_free(&checked->jws);
	if (checked->arena != NULL)
		pfree(checked->arena);
	checked->arena = NULL;
}

/*
 * account.verify_access_token(token text): the claims of a token made with a stored key, or PT401.
 */
Datum
verify_access_token(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	CheckedToken checked;
	ClaimsJsonb builder = {0};
	JwtResult result;
	Jsonb *claims;

	secret_call_begin(&hiding);
	if (PG_ARGISNULL(0))
		refuse_token(JWT_MISSING);
	result = token_check(PG_GETARG_TEXT_PP(0), &checked, claims_jsonb_sink, &builder);
	if (result != JWT_OK)
		refuse_token(result);
	claims = claims_jsonb_result(&builder);
	if (claims == NULL)
		refuse_token(JWT_BAD_CLAIMS);
	token_free(&checked);
	secret_call_end(&hiding);
	PG_RETURN_JSONB_P(claims);
}
