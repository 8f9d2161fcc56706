/*
 * jwt_functions.c
 *		jwt_sign, jwt_verify, jws_valid, and pgjwt's sign and verify: any key, no table.
 *
 * A key is prepared once for all calls of one expression with it, and wiped when the expression's
 * memory goes.
 */
#include "postgres.h"

#include "funcapi.h"
#include "common/int.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "claims_jsonb.h"
#include "jwt_functions.h"

PG_FUNCTION_INFO_V1(jwt_sign);
PG_FUNCTION_INFO_V1(jwt_verify);
PG_FUNCTION_INFO_V1(jws_valid);
PG_FUNCTION_INFO_V1(pgjwt_sign);
PG_FUNCTION_INFO_V1(pgjwt_verify);

/* A key prepared for the calls of one expression. */
typedef struct KeptKey
{
	MemoryContextCallback wipe;
	JwtKey key;
	JwtKeyUse use;
	unsigned char *bytes; /* NULL: nothing prepared yet */
	size_t len;
} KeptKey;

/* Make libsodium ready: it chooses its implementations and opens its source of randomness. */
void
jwt_init(void)
{
	if (sodium_init() < 0)
		elog(ERROR, "could not initialize libsodium");
}

/* Refuse a token. */
void
refuse_token(JwtResult reason)
{
	if (reason == JWT_CRYPTO_FAILED)
		refuse_key(reason);
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_UNAUTHENTICATED), errmsg("token is not valid"),
					errdetail_row("%s", jwt_reason(reason)),
					errhint("Ask for a new token, by login or refresh."), errhidesecrets()));
}

/* Refuse a key. */
void
refuse_key(JwtResult reason)
{
	if (reason == JWT_CRYPTO_FAILED)
		ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not compute a signature"),
						errdetail("%s", jwt_reason(reason)),
						errhint("Is the server short of memory, or the algorithm disabled by a "
								"policy of the system?"),
						errhidesecrets()));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("key does not suit the algorithm"), errdetail("%s", jwt_reason(reason)),
					errhint("Make one of enough random bytes, for example with "
							"account.create_key()."),
					errhidesecrets()));
}

/* The algorithm of this name. The name is not repeated: it may be a secret in the wrong place. */
JwtAlg
jwt_alg_argument(text *name)
{
	JwtAlg alg = jwt_alg_by_name(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));

	if (alg == JWT_ALG_UNKNOWN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unsupported algorithm"),
						errdetail("The names are case-sensitive."),
						errhint("Use HS256, HS384, HS512 or EdDSA."), errhidesecrets()));
	return alg;
}

/* The clock, in microseconds since 1970. */
int64
jwt_now(void)
{
	return GetCurrentTimestamp() + JWT_UNIX_TO_POSTGRES;
}

/* Are iss and aud of scanned claims what the settings ask for, where they ask? */
JwtResult
jwt_check_parties(const JsonMember *members)
{
	if (pgaccount_issuer[0] != '\0' && !jwt_member_equals(&members[JWT_ISS], pgaccount_issuer))
		return JWT_OTHER_ISSUER;
	if (pgaccount_audience[0] != '\0' && !jwt_names_audience(&members[JWT_AUD], pgaccount_audience))
		return JWT_OTHER_AUDIENCE;
	return JWT_OK;
}

/* Wipe a kept key; called when the memory of its expression goes. */
static void
wipe_kept_key(void *arg)
{
	KeptKey *kept = arg;

	jwt_key_wipe(&kept->key);
	if (kept->bytes != NULL)
		sodium_memzero(kept->bytes, kept->len);
	kept->bytes = NULL;
}

/*
 * The key of this call, prepared; the last one is kept. Raises 22023 for a key that does not suit.
 */
static const JwtKey *
prepared_key(FmgrInfo *flinfo, JwtAlg alg, const void *bytes, size_t len, JwtKeyUse use,
			 bool any_length)
{
	KeptKey *kept = flinfo->fn_extra;
	unsigned char *copy;
	JwtResult result;

	if (kept != NULL && kept->bytes != NULL && kept->key.alg == alg && kept->use == use &&
		kept->len == len && sodium_memcmp(kept->bytes, bytes, len) == 0)
		return &kept->key;

	if (kept == NULL)
	{
		kept = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(KeptKey));
		kept->wipe.func = wipe_kept_key;
		kept->wipe.arg = kept;
		MemoryContextRegisterResetCallback(flinfo->fn_mcxt, &kept->wipe);
		flinfo->fn_extra = kept;
	}
	else if (kept->bytes != NULL)
	{
		copy = kept->bytes;
		wipe_kept_key(kept);
		pfree(copy);
	}
	result = jwt_key_prepare(&kept->key, alg, bytes, len, use, any_length);
	if (result != JWT_OK)
		refuse_key(result);
	copy = MemoryContextAlloc(flinfo->fn_mcxt, len);
	memcpy(copy, bytes, len);
	kept->use = use;
	kept->len = len;
	kept->bytes = copy;
	return &kept->key;
}

/* Refuse NULL for an argument. */
static void
refuse_null(FunctionCallInfo fcinfo, int argno, const char *name)
{
	if (PG_ARGISNULL(argno))
		refuse_null_beside_secret(name);
}

/* Make a token of a payload in the database's encoding. */
static text *
make_token(const JwtKey *key, const char *header, const char *payload, int payload_len)
{
	char *utf8_header = pg_server_to_any(header, strlen(header), PG_UTF8);
	char *utf8 = pg_server_to_any(payload, payload_len, PG_UTF8);
	size_t header_len = strlen(utf8_header);
	size_t len = utf8 == payload ? (size_t) payload_len : strlen(utf8);
	size_t token_len = jwt_signed_len(key, header_len, len);
	text *token;
	JwtResult result;

	if (token_len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("claims are too large"),
						errdetail("The token would be larger than a value can be."),
						errhint("Verifiers refuse tokens over 64 kB."), errhidesecrets()));
	token = palloc(token_len + VARHDRSZ);
	SET_VARSIZE(token, token_len + VARHDRSZ);
	result = jwt_sign_bytes(key, utf8_header, header_len, utf8, len, VARDATA(token));
	if (result != JWT_OK)
		refuse_key(result);
	return token;
}

/* The header of a token without or with the name of its key. */
char *
jwt_header(JwtAlg alg, const char *kid)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"alg\":\"%s\",\"typ\":\"JWT\"", jwt_alg_name(alg));
	if (kid != NULL)
	{
		appendStringInfoString(&buf, ",\"kid\":");
		escape_json(&buf, kid);
	}
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* account.jwt_sign(claims jsonb, key bytea, alg text, kid text): a signed token. */
Datum
jwt_sign(PG_FUNCTION_ARGS)
{
	Jsonb *claims;
	bytea *secret;
	JwtAlg alg;
	char *kid = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	const JwtKey *key;
	StringInfoData payload;

	refuse_null(fcinfo, 0, "claims");
	refuse_null(fcinfo, 1, "key");
	refuse_null(fcinfo, 2, "alg");
	claims = PG_GETARG_JSONB_P(0);
	secret = PG_GETARG_BYTEA_PP(1);
	alg = jwt_alg_argument(PG_GETARG_TEXT_PP(2));
	if (!JB_ROOT_IS_OBJECT(claims))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("claims must be an object"),
				 errdetail("RFC 7519 has them as the members of one JSON object."),
				 errhint("Pass the claims as a JSON object, for example {\"sub\": \"42\"}."),
				 errhidesecrets()));
	key = prepared_key(fcinfo->flinfo, alg, VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret),
					   JWT_TO_SIGN, false);
	initStringInfo(&payload);
	JsonbToCString(&payload, &claims->root, VARSIZE(claims));
	PG_RETURN_TEXT_P(make_token(key, jwt_header(alg, kid), payload.data, payload.len));
}

/* account.sign(payload json, secret text, algorithm text): pgjwt's. */
Datum
pgjwt_sign(PG_FUNCTION_ARGS)
{
	text *payload;
	text *secret;
	JwtAlg alg;
	const JwtKey *key;

	refuse_null(fcinfo, 0, "payload");
	refuse_null(fcinfo, 1, "secret");
	refuse_null(fcinfo, 2, "algorithm");
	payload = PG_GETARG_TEXT_PP(0);
	secret = PG_GETARG_TEXT_PP(1);
	alg = jwt_alg_argument(PG_GETARG_TEXT_PP(2));
	key = prepared_key(fcinfo->flinfo, alg, VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret),
					   JWT_TO_SIGN, true);
	PG_RETURN_TEXT_P(
		make_token(key, jwt_header(alg, NULL), VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload)));
}

/* Microseconds of a leeway; 22023 if it is negative or no length of time. */
static int64
leeway_argument(Interval *leeway)
{
	int64 days = (int64) leeway->month * DAYS_PER_MONTH + leeway->day;
	int64 usecs;

	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &usecs) ||
		pg_add_s64_overflow(usecs, leeway->time, &usecs) || usecs < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("leeway must be a length of time, not negative"),
						errdetail("It is what clocks may differ by."),
						errhint("Pass an interval such as '30 seconds'."), errhidesecrets()));
	return usecs;
}

/* Microseconds since 1970 of the time to check at; 22023 for an infinite one. */
static int64
at_argument(TimestampTz at)
{
	int64 now;

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("time must be finite"),
						errdetail("Infinity is before or after every claim."),
						errhint("Pass NULL for the clock's."), errhidesecrets()));
	return pg_add_s64_overflow(at, JWT_UNIX_TO_POSTGRES, &now) ? PG_INT64_MAX : now;
}

/* account.jwt_verify(token, key, alg, at, leeway): the claims, or PT401. */
Datum
jwt_verify(PG_FUNCTION_ARGS)
{
	JsonMember members[] = {JWT_REGISTERED_MEMBERS};
	text *token;
	bytea *secret;
	const JwtKey *key;
	int64 leeway = PG_ARGISNULL(4) ? 0 : leeway_argument(PG_GETARG_INTERVAL_P(4));
	int64 now = PG_ARGISNULL(3) ? jwt_now() : at_argument(PG_GETARG_TIMESTAMPTZ(3));
	Jws jws;
	JwtTimes times;
	JwtResult result;
	ClaimsJsonb builder = {0};
	char *arena;
	Jsonb *claims;

	refuse_null(fcinfo, 1, "key");
	refuse_null(fcinfo, 2, "alg");
	secret = PG_GETARG_BYTEA_PP(1);
	key = prepared_key(fcinfo->flinfo, jwt_alg_argument(PG_GETARG_TEXT_PP(2)), VARDATA_ANY(secret),
					   VARSIZE_ANY_EXHDR(secret), JWT_TO_VERIFY, false);
	if (PG_ARGISNULL(0))
		refuse_token(JWT_MISSING);
	token = PG_GETARG_TEXT_PP(0);
	result = jws_parse(&jws, VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token));
	if (result == JWT_OK)
		result = jws_check(&jws, key);
	if (result == JWT_OK)
		result = jwt_scan_claims(jws.payload, jws.payload_len, members, lengthof(members),
								 claims_jsonb_sink, &builder, &arena, &times);
	if (result == JWT_OK)
		result = jwt_check_times(&times, now, leeway);
	if (result == JWT_OK)
		result = jwt_check_parties(members);
	if (result != JWT_OK)
		refuse_token(result);
	claims = claims_jsonb_result(&builder);
	if (claims == NULL)
		refuse_token(JWT_BAD_CLAIMS);
	PG_RETURN_JSONB_P(claims);
}

/* account.jws_valid(token, key, alg): is the signature right? Nothing is said of the claims. */
Datum
jws_valid(PG_FUNCTION_ARGS)
{
	bytea *secret;
	text *token;
	const JwtKey *key;
	Jws jws;
	JwtResult result;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(false);
	token = PG_GETARG_TEXT_PP(0);
	secret = PG_GETARG_BYTEA_PP(1);
	key = prepared_key(fcinfo->flinfo, jwt_alg_argument(PG_GETARG_TEXT_PP(2)), VARDATA_ANY(secret),
					   VARSIZE_ANY_EXHDR(secret), JWT_TO_VERIFY, false);
	result = jws_parse(&jws, VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token));
	if (result == JWT_OK)
		result = jws_check(&jws, key);
	jws_free(&jws);
	if (result == JWT_CRYPTO_FAILED)
		refuse_key(result);
	PG_RETURN_BOOL(result == JWT_OK);
}

/*
 * UTF-8 that a scan has accepted as a json Datum; *isnull if the database's encoding cannot hold
 * it.
 */
static Datum
json_datum(const char *text, int len, bool *isnull)
{
	int server_len;
	const char *server = utf8_to_server(text, len, &server_len);

	*isnull = server == NULL;
	return *isnull ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(server, server_len));
}

/* Fill header, payload and valid of a token for pgjwt's verify. */
static void
inspect_token(text *token, const JwtKey *key, Datum *values, bool *nulls)
{
	JsonMember members[] = {JWT_REGISTERED_MEMBERS};
	Jws jws;
	JwtTimes times;
	JwtResult parsed;
	JwtResult checked;
	JwtResult scanned;
	char *arena;

	parsed = jws_parse(&jws, VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token));
	if (parsed != JWT_OK)
		return;
	values[0] = json_datum(jws.header, jws.header_len, &nulls[0]);
	checked = jws_check(&jws, key);
	if (checked == JWT_CRYPTO_FAILED)
		refuse_key(checked);
	if (checked != JWT_OK && jws_decode_payload(&jws) != JWT_OK)
		return;
	scanned = jwt_scan_claims(jws.payload, jws.payload_len, members, lengthof(members), NULL, NULL,
							  &arena, &times);
	if (scanned == JWT_BAD_CLAIMS)
		return;
	values[1] = json_datum(jws.payload, jws.payload_len, &nulls[1]);
	values[2] = BoolGetDatum(checked == JWT_OK && scanned == JWT_OK && !nulls[1] &&
							 jwt_check_times(&times, jwt_now(), 0) == JWT_OK);
}

/* account.verify(token, secret, algorithm): pgjwt's; one row, whatever the token. */
Datum
pgjwt_verify(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	Datum values[3] = {0};
	bool nulls[3] = {true, true, false};
	text *secret;
	JwtAlg alg;
	JwtKey key;
	JwtResult result;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc tupdesc;

		funcctx = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		funcctx->tuple_desc = BlessTupleDesc(tupdesc);
		funcctx->max_calls = 1;
		MemoryContextSwitchTo(old);
	}
	funcctx = SRF_PERCALL_SETUP();
	if (funcctx->call_cntr >= funcctx->max_calls)
		SRF_RETURN_DONE(funcctx);

	refuse_null(fcinfo, 1, "secret");
	refuse_null(fcinfo, 2, "algorithm");
	secret = PG_GETARG_TEXT_PP(1);
	alg = jwt_alg_argument(PG_GETARG_TEXT_PP(2));
	result = jwt_key_prepare(&key, alg, (unsigned char *) VARDATA_ANY(secret),
							 VARSIZE_ANY_EXHDR(secret), JWT_TO_VERIFY, true);
	if (result != JWT_OK)
		refuse_key(result);
	values[2] = BoolGetDatum(false);
	if (!PG_ARGISNULL(0))
		inspect_token(PG_GETARG_TEXT_PP(0), &key, values, nulls);
	jwt_key_wipe(&key);
	SRF_RETURN_NEXT(funcctx,
					HeapTupleGetDatum(heap_form_tuple(funcctx->tuple_desc, values, nulls)));
}
