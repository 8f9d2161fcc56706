/*
 * authenticate.c
 *		A token makes an identity, where its user is still there.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "monitor/monitor.h"
#include "identity.h"
#include "identity_value.h"
#include "session_use.h"
#include "token.h"
#include "token_cache.h"

ACCOUNT_OPERATION(authenticate, "authenticate", NO_SUBJECT);
PG_FUNCTION_INFO_V1(sign_out);

/* A string member in the database's encoding, or NULL. */
static const char *
member_string(const JsonMember *member)
{
	int len;
	const char *server;

	if (member->kind != JSON_STRING)
		return NULL;
	server = utf8_to_server(member->text, member->len, &len);
	return server == NULL ? NULL : pnstrdup(server, len);
}

/* Push a claim onto an object; NULL is null. */
static void
push_claim(JsonbBuild *state, const char *name, const char *claim)
{
	JsonbValue key = {.type = jbvString};
	JsonbValue value = {.type = claim == NULL ? jbvNull : jbvString};

	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	if (claim != NULL)
	{
		value.val.string.val = unconstify(char *, claim);
		value.val.string.len = strlen(claim);
	}
	compat_push_jsonb(state, WJB_KEY, &key);
	compat_push_jsonb(state, WJB_VALUE, &value);
}

/*
 * The claims of a checked token, in UTF-8, with what the rows say in place of it: the subject's
 * spelling, and the role in the tenant.
 */
static const char *
live_claims(const CheckedToken *checked, const LiveIdentity *live)
{
	ClaimsJsonb builder = {0};
	JsonbBuild state = {0};
	Jsonb *claims;
	Jsonb *other;
	char *arena;
	char *text;

	(void) json_scan_object(checked->jws.payload, checked->jws.payload_len, NULL, 0,
							claims_jsonb_sink, &builder, &arena);
	claims = claims_jsonb_result(&builder);
	if (claims == NULL)
		refuse_token(JWT_BAD_CLAIMS);
	compat_push_jsonb(&state, WJB_BEGIN_OBJECT, NULL);
	push_claim(&state, "sub", live->uid);
	if (live->has_members)
		push_claim(&state, "tenant_role", live->tenant_role);
	compat_push_jsonb(&state, WJB_END_OBJECT, NULL);
	other = JsonbValueToJsonb(state.result);
	claims = DatumGetJsonbP(
		DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(claims), JsonbPGetDatum(other)));
	text = JsonbToCString(NULL, &claims->root, VARSIZE(claims));
	return pg_server_to_any(text, strlen(text), PG_UTF8);
}

/* Do the claims of a token say what the rows say? */
static bool
claims_are_live(const JsonMember *members, const char *subject, const LiveIdentity *live)
{
	const char *role;

	if (subject != NULL && strcmp(live->uid, subject) != 0)
		return false;
	if (!live->has_members)
		return true;
	role = member_string(&members[TOKEN_TENANT_ROLE]);
	return role == NULL || live->tenant_role == NULL ? role == live->tenant_role
													 : strcmp(role, live->tenant_role) == 0;
}

/* The session of a token is used; looked at once a minute for each token that is kept. */
static void
note_use(const CheckedToken *checked)
{
	const char *sid = NULL;
	TimestampTz now = GetCurrentTimestamp();
	pg_uuid_t session;

	if (checked->members[TOKEN_SID].kind == JSON_STRING && token_cache_due(checked, now))
		sid = member_string(&checked->members[TOKEN_SID]);
	if (sid != NULL && uuid_text_read(sid, &session))
		session_use_note(&session, now);
}

/* account.authenticate(token text, is_local boolean): the uid, or PT401. */
static Datum
authenticate_operation(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hiding;
	const CheckedToken *checked;
	JwtResult result;
	double end;
	TimestampTz until;
	const Identity *who;
	const char *subject;
	LiveIdentity live = {0};

	secret_call_begin(&hiding);
	if (PG_ARGISNULL(1))
		refuse_null_argument("is_local");
	if (PG_ARGISNULL(0))
		refuse_token(JWT_MISSING);
	result = token_check_known(PG_GETARG_TEXT_PP(0), &checked);
	if (result != JWT_OK)
		refuse_token(result);
	if (checked->members[JWT_SUB].kind != JSON_STRING || checked->members[JWT_SUB].len == 0)
		refuse_token(JWT_NO_SUBJECT);

	/*
	 * Leeway lets a token in, it makes none last longer. Beyond PostgreSQL's time there is no end.
	 */
	end = checked->times.exp * USECS_PER_SEC - (double) JWT_UNIX_TO_POSTGRES;
	until = end < (double) END_TIMESTAMP ? (TimestampTz) end : DT_NOEND;
	subject = member_string(&checked->members[JWT_SUB]);
	if (!pgaccount_live_check)
		live.uid = identity_normal_uid(subject);
	else
	{
		IdentityClaims said = {subject, member_string(&checked->members[TOKEN_TENANT_ID]),
							   member_string(&checked->members[TOKEN_SID])};
		uint64 checks = token_cache_checks();

		identity_live_check(&said, &live);

		/* It may have run an application's code, and that may have authenticated. */
		if (checks != token_cache_checks())
			result = token_check_known(PG_GETARG_TEXT_PP(0), &checked);
		if (result != JWT_OK)
			refuse_token(result);
	}
	if (claims_are_live(checked->members, subject, &live))
		identity_set(checked->jws.payload, checked->jws.payload_len, checked->members,
					 PG_GETARG_BOOL(1), until);
	else
	{
		const char *claims = live_claims(checked, &live);

		identity_set(claims, strlen(claims), NULL, PG_GETARG_BOOL(1), until);
	}
	who = identity;
	if (who == NULL || who->uid.as_text == NULL)
		refuse_token(JWT_BAD_CLAIMS);
	note_use(checked);
	if (PG_GETARG_BOOL(1))
		identity_warn_if_alone(fcinfo, "account.authenticate()");
	secret_call_end(&hiding);
	PG_RETURN_TEXT_P(
		cstring_to_text_with_len(VARDATA(who->uid.as_text), VARSIZE(who->uid.as_text) - VARHDRSZ));
}

/* account.sign_out(): nobody is asking any more. */
Datum
sign_out(PG_FUNCTION_ARGS)
{
	if (identity != NULL)
		identity_clear();
	PG_RETURN_VOID();
}
