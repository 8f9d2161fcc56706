/*
 * identity.c
 *		Who is asking: the identity of the transaction or session.
 *
 * The claims live in the setting pgaccount.identity, whose check hook refuses every source but our
 * own call and the start of a parallel worker. PostgreSQL then ends it with the transaction, rolls
 * it back with savepoints, clears it by DISCARD ALL and carries it to parallel workers. The check
 * hook parses the value into one block of memory, the assign hook points at it, so that a helper in
 * a policy reads a pointer.
 *
 * The value: "L" (the transaction's) or "S" (the session's), the time it ends, a space, the claims.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/execdesc.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "nodes/primnodes.h"
#include "tcop/pquery.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "monitor/monitor.h"
#include "identity.h"
#include "session_use.h"
#include "token.h"
#include "token_cache.h"

ACCOUNT_OPERATION(authenticate, "authenticate", NO_SUBJECT);
PG_FUNCTION_INFO_V1(sign_out);
PG_FUNCTION_INFO_V1(uid);
PG_FUNCTION_INFO_V1(uid_bigint);
PG_FUNCTION_INFO_V1(uid_uuid);
PG_FUNCTION_INFO_V1(tenant_id);
PG_FUNCTION_INFO_V1(tenant_bigint);
PG_FUNCTION_INFO_V1(tenant_uuid);
PG_FUNCTION_INFO_V1(user_role);
PG_FUNCTION_INFO_V1(tenant_role);
PG_FUNCTION_INFO_V1(has_tenant_role);
PG_FUNCTION_INFO_V1(claims);
PG_FUNCTION_INFO_V1(claim);
PG_FUNCTION_INFO_V1(has_module);
PG_FUNCTION_INFO_V1(is_staff);
PG_FUNCTION_INFO_V1(is_authenticated);

#define IDENTITY_SETTING "pgaccount.identity"
#define REQUEST_CLAIMS   "request.jwt.claims"

/* A key of a user or tenant, as each type that it may have. */
typedef struct IdentityKey
{
	text *as_text; /* NULL: there is none */
	bool is_bigint;
	bool is_uuid;
	int64 as_bigint;
	pg_uuid_t as_uuid;
} IdentityKey;

/* The parsed form of the setting, one block; pointers go into data. */
typedef struct Identity
{
	bool session;
	TimestampTz until;
	IdentityKey uid;
	IdentityKey tenant_id;
	text *user_role;
	text *tenant_role;
	text *actor; /* who acts as the user, by the claim act */
	bool is_staff;
	const char *claims; /* JSON in UTF-8 */
	int claims_len;
	text **modules;
	int nmodules;
	char data[FLEXIBLE_ARRAY_MEMBER];
} Identity;

/* What a helper keeps from call to call of one expression: its last value. */
typedef struct KeptValue
{
	uint64 generation;
	Datum value;
} KeptValue;

static char *identity_setting = NULL;
static Identity *identity = NULL;

/* Changes with the identity; see KeptValue. */
static uint64 identity_generation = 1;

/* True while we set the setting ourselves; then its members, where they are parsed already. */
static bool setting_identity = false;
static const JsonMember *setting_members = NULL;

/* Room for a text of len bytes, aligned. */
#define TEXT_ROOM(len) MAXALIGN(VARHDRSZ + (len))

/*
 * Write a text at *p, moving it on. UTF-8 in, the database's encoding out; NULL if it lacks a
 * character.
 */
static text *
put_text(char **p, const char *utf8, int len)
{
	int server_len;
	const char *server = utf8_to_server(utf8, len, &server_len);
	text *result = (text *) *p;

	if (server == NULL)
		return NULL;
	SET_VARSIZE(result, VARHDRSZ + server_len);
	memcpy(VARDATA(result), server, server_len);
	*p += TEXT_ROOM(server_len);
	return result;
}

/* The bigint that a text is the one spelling of. */
static bool
canonical_bigint(text *value, int64 *result)
{
	const char *s = VARDATA(value);
	int len = VARSIZE(value) - VARHDRSZ;
	char spelt[MAXINT8LEN + 1];
	uint64 number = 0;
	int i = len > 0 && s[0] == '-';

	if (len - i < 1 || len - i > 19)
		return false;
	for (; i < len; i++)
	{
		if (s[i] < '0' || s[i] > '9')
			return false;
		number = number * 10 + (s[i] - '0');
	}
	*result = s[0] == '-' ? (int64) (0 - number) : (int64) number;
	/* Leading zeros, -0 and what does not fit come back otherwise. */
	return pg_lltoa(*result, spelt) == len && memcmp(spelt, s, len) == 0;
}

/* Fill a key from its claim, a string. */
static void
put_key(IdentityKey *key, char **p, const JsonMember *member)
{
	memset(key, 0, sizeof(*key));
	if (member->kind != JSON_STRING)
		return;
	key->as_text = put_text(p, member->text, member->len);
	if (key->as_text == NULL)
		return;
	key->is_bigint = canonical_bigint(key->as_text, &key->as_bigint);
	key->is_uuid = VARSIZE(key->as_text) - VARHDRSZ == UUID_TEXT_LEN &&
				   uuid_text_usual(VARDATA(key->as_text), &key->as_uuid);
}

/* Collects the modules of an identity. */
typedef struct ModuleWalk
{
	Identity *identity;
	char *p;
} ModuleWalk;

/* Keep a module. */
static bool
put_module(void *arg, const char *name, int len)
{
	ModuleWalk *walk = arg;
	text *module = put_text(&walk->p, name, len);

	if (module != NULL)
		walk->identity->modules[walk->identity->nmodules++] = module;
	return true;
}

/* Who acts, by the claim act (RFC 8693 §4.1): its sub. NULL: it has none. */
static text *
put_actor(char **p, const JsonMember *act)
{
	JsonMember sub = JSON_MEMBER("sub");
	char *arena = NULL;
	text *actor = NULL;

	if (act->kind != JSON_OBJECT)
		return NULL;
	if (json_scan_object(act->text, act->len, &sub, 1, NULL, NULL, &arena) == JSON_OK &&
		sub.kind == JSON_STRING)
		actor = put_text(p, sub.text, sub.len);
	if (arena != NULL)
		pfree(arena);
	return actor;
}

/* Parse the value of the setting. Returns a block of the GUC mechanism's memory, or NULL. */
static Identity *
parse_identity(const char *value)
{
	JsonMember members[TOKEN_MEMBERS];
	const char *space = strchr(value, ' ');
	JwtTimes times;
	char *arena = NULL;
	Identity *result = NULL;
	const char *json = space == NULL ? NULL : space + 1;
	size_t len = json == NULL ? 0 : strlen(json);
	char *p;
	ModuleWalk walk;
	size_t list_room;

	if (setting_members != NULL)
		memcpy(members, setting_members, sizeof(members));
	else
		token_members_init(members);
	if (json == NULL)
		goto done;
	if (setting_members == NULL &&
		jwt_scan_claims(json, len, members, TOKEN_MEMBERS, NULL, NULL, &arena, &times) != JWT_OK)
		goto done;

	/*
	 * The claims, and the texts taken from them: none longer than where it stands in the claims,
	 * times what its encoding adds, and a header. A module takes at least 3 bytes of the claims.
	 */
	list_room = MAXALIGN((len / 3 + 1) * sizeof(text *));
	result = compat_guc_malloc(offsetof(Identity, data) + MAXALIGN(len + 1) + list_room +
							   (len / 3 + 8) * TEXT_ROOM(0) + len * MAX_CONVERSION_GROWTH + 64);
	if (result == NULL)
		goto done;
	memset(result, 0, sizeof(*result));
	result->session = value[0] == 'S';
	result->until = strtoll(value + 1, NULL, 10);
	p = (char *) MAXALIGN(result->data);
	result->claims = memcpy(p, json, len + 1);
	result->claims_len = len;
	p += MAXALIGN(len + 1);
	result->modules = (text **) p;
	p += list_room;

	put_key(&result->uid, &p, &members[JWT_SUB]);
	put_key(&result->tenant_id, &p, &members[TOKEN_TENANT_ID]);
	if (members[TOKEN_USER_ROLE].kind == JSON_STRING)
		result->user_role =
			put_text(&p, members[TOKEN_USER_ROLE].text, members[TOKEN_USER_ROLE].len);
	if (members[TOKEN_TENANT_ROLE].kind == JSON_STRING)
		result->tenant_role =
			put_text(&p, members[TOKEN_TENANT_ROLE].text, members[TOKEN_TENANT_ROLE].len);
	result->actor = put_actor(&p, &members[TOKEN_ACT]);
	result->is_staff = members[TOKEN_IS_STAFF].kind == JSON_TRUE;
	walk.identity = result;
	walk.p = p;
	if (members[TOKEN_MODULES].kind == JSON_ARRAY)
		(void) json_walk_strings(members[TOKEN_MODULES].text, members[TOKEN_MODULES].len,
								 put_module, &walk);
done:
	if (arena != NULL)
		pfree(arena);
	return result;
}

/* Check hook: believe nobody but ourselves, and the leader of a parallel worker. */
static bool
check_identity(char **newval, void **extra, GucSource source)
{
	if (source == PGC_S_DEFAULT && (*newval == NULL || **newval == '\0'))
		return true;
	if (!setting_identity && !(InitializingParallelWorker && source == PGC_S_SESSION))
	{
		GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
		GUC_check_errmsg("parameter \"%s\" cannot be set", IDENTITY_SETTING);
		GUC_check_errhint("Call account.authenticate() with a token.");
		return false;
	}
	if (**newval == '\0')
		return true;
	*extra = parse_identity(*newval);
	return *extra != NULL;
}

/* Assign hook: point at the parsed form. */
static void
assign_identity(const char *newval, void *extra)
{
	identity = extra;
	identity_generation++;
}

/* Define the setting that holds the identity. */
void
identity_init(void)
{
	DefineCustomStringVariable(
		IDENTITY_SETTING, "Identity of the transaction or session.",
		"Set by account.authenticate() alone.", &identity_setting, "", PGC_SUSET,
		GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_SUPERUSER_ONLY,
		check_identity, assign_identity, NULL);
}

/* Set request.jwt.claims. */
static void
put_request_claims(const char *claims, GucAction action)
{
	(void) set_config_option(REQUEST_CLAIMS, claims, PGC_USERSET, PGC_S_SESSION, action, true, 0,
							 false);
}

/*
 * Set request.jwt.claims beside an identity, which they must not outlive. The session's are taken
 * back by the first statement after its end; where the hooks that do so are not installed, they are
 * the transaction's.
 */
static void
set_request_claims(const char *claims, bool is_local, TimestampTz until)
{
	if (!is_local && GetCurrentStatementStartTimestamp() >= until)
		claims = "";
	else if (!is_local && until != DT_NOEND && !hooks_installed())
	{
		put_request_claims("", GUC_ACTION_SET);
		is_local = true;
	}
	put_request_claims(claims, is_local ? GUC_ACTION_LOCAL : GUC_ACTION_SET);
}

/* Set the setting that holds the identity. */
static void
store_identity(const char *value, const JsonMember *members, GucAction action)
{
	setting_identity = true;
	setting_members = members;
	PG_TRY();
	{
		(void) set_config_option(IDENTITY_SETTING, value, PGC_SUSET, PGC_S_SESSION, action, true, 0,
								 false);
	}
	PG_FINALLY();
	{
		setting_identity = false;
		setting_members = NULL;
	}
	PG_END_TRY();
}

/* Make these claims the identity; see identity.h. */
void
identity_set(const char *claims, int len, const JsonMember *members, bool is_local,
			 TimestampTz until)
{
	char *value = palloc(1 + MAXINT8LEN + 1 + len + 1);
	char *p = value;
	int server_len;
	const char *server = utf8_to_server(claims, len, &server_len);

	if (server == NULL)
		refuse_token(JWT_BAD_CLAIMS);
	*p++ = is_local ? 'L' : 'S';
	p += pg_lltoa(until, p);
	*p++ = ' ';
	memcpy(p, claims, len);
	p[len] = '\0';
	store_identity(value, members, is_local ? GUC_ACTION_LOCAL : GUC_ACTION_SET);
	if (pgaccount_set_request_claims)
		set_request_claims(pnstrdup(server, server_len), is_local, until);
}

/* Has the identity, of the session, expired? */
static inline bool
identity_has_expired(void)
{
	return identity != NULL && identity->session &&
		   GetCurrentStatementStartTimestamp() >= identity->until;
}

/* The identity, unless the session's has expired. */
static inline const Identity *
current_identity(void)
{
	return identity_has_expired() ? NULL : identity;
}

/*
 * What an identity that has expired has left in request.jwt.claims goes. It is looked at by what is
 * there, since a rollback may have brought it back. In a parallel operation its leader has seen to
 * it. Claims that somebody else has set stay.
 */
void
identity_statement_begins(void)
{
	const char *found;
	const char *ours;
	int len;

	if (!identity_has_expired() || !IsTransactionState() || IsInParallelMode())
		return;
	found = GetConfigOption(REQUEST_CLAIMS, true, false);
	if (found == NULL || found[0] == '\0')
		return;
	ours = utf8_to_server(identity->claims, identity->claims_len, &len);
	if (ours != NULL && strlen(found) == (size_t) len && memcmp(found, ours, len) == 0)
		put_request_claims("", GUC_ACTION_SET);
}

/*
 * Warn if a function that sets something for the transaction is called by the client's own
 * statement outside a transaction block: it ends with this statement, as SET LOCAL does.
 *
 * The client's own statement is the portal that is running, where the call is one of its own
 * executor's: a function in SQL has an executor of its own, and one in another language has a
 * connection of SPI, as its cursors have, which no running portal of a client has.
 * (SPI_unregister_relation() says whether there is one, and does nothing for a name that nobody
 * has.)
 */
void
identity_warn_if_alone(FunctionCallInfo fcinfo, const char *function)
{
	if (IsTransactionBlock() || IsSubTransaction() || ActivePortal == NULL ||
		ActivePortal->queryDesc == NULL || ActivePortal->queryDesc->estate == NULL ||
		fcinfo->flinfo->fn_mcxt != ActivePortal->queryDesc->estate->es_query_cxt ||
		SPI_unregister_relation("pgaccount: nobody's") != SPI_ERROR_UNCONNECTED)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
			 errmsg("%s can only be used in transaction blocks", function),
			 errdetail("The identity is of the transaction, which ends with this statement."),
			 errhint("BEGIN first, or set it for the session with is_local => false."),
			 errhidesecrets()));
}

/* The uid of the identity, or NULL. */
const char *
identity_uid(void)
{
	const Identity *who = current_identity();

	return who == NULL || who->uid.as_text == NULL ? NULL : text_to_cstring(who->uid.as_text);
}

/* The tenant's id of the identity, or NULL. */
const char *
identity_tenant(void)
{
	const Identity *who = current_identity();

	return who == NULL || who->tenant_id.as_text == NULL ? NULL
														 : text_to_cstring(who->tenant_id.as_text);
}

/* Who acts as the identity's user, or NULL. */
const char *
identity_actor(void)
{
	const Identity *who = current_identity();

	return who == NULL || who->actor == NULL ? NULL : text_to_cstring(who->actor);
}

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
	if (live->is_member)
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
	if (!live->is_member)
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
	{
		store_identity("", NULL, GUC_ACTION_SET);
		if (pgaccount_set_request_claims)
			put_request_claims("", GUC_ACTION_SET);
	}
	PG_RETURN_VOID();
}

/*
 * A text of the identity as a result. Calls of one expression get the same copy while the identity
 * stays; it must outlive the identity, which may change under the statement.
 */
static Datum
return_text(FunctionCallInfo fcinfo, const text *value)
{
	KeptValue *kept = fcinfo->flinfo->fn_extra;
	text *copy;

	if (value == NULL)
		PG_RETURN_NULL();
	if (kept != NULL && kept->generation == identity_generation)
		return kept->value;

	if (kept == NULL)
	{
		kept = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(KeptValue));
		copy = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, VARSIZE(value));
		kept->generation = identity_generation;
		kept->value = PointerGetDatum(copy);
		fcinfo->flinfo->fn_extra = kept;
	}
	else
		copy = palloc(VARSIZE(value));
	memcpy(copy, value, VARSIZE(value));
	return PointerGetDatum(copy);
}

/* account.uid(): the user's id. */
Datum
uid(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	return return_text(fcinfo, who == NULL ? NULL : who->uid.as_text);
}

/* account.tenant_id(): the tenant's id. */
Datum
tenant_id(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	return return_text(fcinfo, who == NULL ? NULL : who->tenant_id.as_text);
}

/* account.user_role(): the role in the application. */
Datum
user_role(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	return return_text(fcinfo, who == NULL ? NULL : who->user_role);
}

/* account.tenant_role(): the role in the tenant. */
Datum
tenant_role(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	return return_text(fcinfo, who == NULL ? NULL : who->tenant_role);
}

/* account.has_tenant_role(VARIADIC roles text[]): is the role in the tenant one of these? */
Datum
has_tenant_role(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();
	const text *role = who == NULL ? NULL : who->tenant_role;
	ArrayIterator iterator;
	Datum element;
	bool isnull;
	bool found = false;

	if (role == NULL || PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	iterator = array_create_iterator(PG_GETARG_ARRAYTYPE_P(0), 0, NULL);
	while (!found && array_iterate(iterator, &element, &isnull))
	{
		text *one = isnull ? NULL : DatumGetTextPP(element);

		found = one != NULL && VARSIZE(role) - VARHDRSZ == VARSIZE_ANY_EXHDR(one) &&
				memcmp(VARDATA(role), VARDATA_ANY(one), VARSIZE_ANY_EXHDR(one)) == 0;
	}
	array_free_iterator(iterator);
	PG_RETURN_BOOL(found);
}

/* account.uid_bigint(): the user's id; NULL if it is none of that type. */
Datum
uid_bigint(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	if (who == NULL || !who->uid.is_bigint)
		PG_RETURN_NULL();
	PG_RETURN_INT64(who->uid.as_bigint);
}

/* account.tenant_bigint(): the tenant's id; NULL if it is none of that type. */
Datum
tenant_bigint(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	if (who == NULL || !who->tenant_id.is_bigint)
		PG_RETURN_NULL();
	PG_RETURN_INT64(who->tenant_id.as_bigint);
}

/* A copy of a uuid of the identity. */
static Datum
return_uuid(const pg_uuid_t *value)
{
	pg_uuid_t *copy = palloc(sizeof(pg_uuid_t));

	*copy = *value;
	PG_RETURN_UUID_P(copy);
}

/* account.uid_uuid(): the user's id; NULL if it is none of that type. */
Datum
uid_uuid(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	if (who == NULL || !who->uid.is_uuid)
		PG_RETURN_NULL();
	return return_uuid(&who->uid.as_uuid);
}

/* account.tenant_uuid(): the tenant's id; NULL if it is none of that type. */
Datum
tenant_uuid(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	if (who == NULL || !who->tenant_id.is_uuid)
		PG_RETURN_NULL();
	return return_uuid(&who->tenant_id.as_uuid);
}

/* account.is_staff(): does the token say so? */
Datum
is_staff(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();

	PG_RETURN_BOOL(who != NULL && who->is_staff);
}

/* account.is_authenticated(): is there an identity? */
Datum
is_authenticated(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(current_identity() != NULL);
}

/* Is this one of the modules of an identity? */
static bool
find_module(const Identity *who, const text *module)
{
	for (int i = 0; i < who->nmodules; i++)
		if (VARSIZE(who->modules[i]) - VARHDRSZ == VARSIZE_ANY_EXHDR(module) &&
			memcmp(VARDATA(who->modules[i]), VARDATA_ANY(module), VARSIZE_ANY_EXHDR(module)) == 0)
			return true;
	return false;
}

/*
 * Is the first argument of a call written out in the query? A parameter changes while its
 * expression is kept.
 */
static bool
argument_is_constant(const FmgrInfo *flinfo)
{
	return flinfo->fn_expr != NULL && IsA(flinfo->fn_expr, FuncExpr) &&
		   IsA(linitial(((FuncExpr *) flinfo->fn_expr)->args), Const);
}

/* account.has_module(module text): has the tenant this module? What a constant gave is kept. */
Datum
has_module(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();
	KeptValue *kept = fcinfo->flinfo->fn_extra;
	bool result;

	if (who == NULL || PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	if (kept != NULL && kept->generation == identity_generation)
		return kept->value;

	result = find_module(who, PG_GETARG_TEXT_PP(0));
	if (kept == NULL && argument_is_constant(fcinfo->flinfo))
		fcinfo->flinfo->fn_extra = kept =
			MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(KeptValue));
	if (kept != NULL)
	{
		kept->generation = identity_generation;
		kept->value = BoolGetDatum(result);
	}
	PG_RETURN_BOOL(result);
}

/* The claims of an identity as jsonb. */
static Jsonb *
identity_jsonb(const Identity *who)
{
	ClaimsJsonb builder = {0};
	char *arena;

	/* They were accepted when they were set. */
	(void) json_scan_object(who->claims, who->claims_len, NULL, 0, claims_jsonb_sink, &builder,
							&arena);
	return claims_jsonb_result(&builder);
}

/* account.claims(): all claims. */
Datum
claims(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();
	Jsonb *result = who == NULL ? NULL : identity_jsonb(who);

	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(result);
}

/* account.claim(name text): one claim as text, as ->> has it. */
Datum
claim(PG_FUNCTION_ARGS)
{
	const Identity *who = current_identity();
	Jsonb *all = who == NULL || PG_ARGISNULL(0) ? NULL : identity_jsonb(who);
	text *name;
	JsonbValue value;

	if (all == NULL)
		PG_RETURN_NULL();
	name = PG_GETARG_TEXT_PP(0);
	if (getKeyJsonValueFromContainer(&all->root, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name),
									 &value) == NULL)
		PG_RETURN_NULL();
	switch (value.type)
	{
		case jbvString:
			PG_RETURN_TEXT_P(cstring_to_text_with_len(value.val.string.val, value.val.string.len));
		case jbvBool:
			PG_RETURN_TEXT_P(cstring_to_text(value.val.boolean ? "true" : "false"));
		case jbvNumeric:
			PG_RETURN_TEXT_P(cstring_to_text(DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)))));
		case jbvBinary:
			PG_RETURN_TEXT_P(
				cstring_to_text(JsonbToCString(NULL, value.val.binary.data, value.val.binary.len)));
		default:
			PG_RETURN_NULL();
	}
}
