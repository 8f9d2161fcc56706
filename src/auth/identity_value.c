/*
 * identity_value.c
 *		The identity as it is parsed, for those who read it.
 *
 * The value of the setting: "L" (the transaction's) or "S" (the session's), the time it ends, a
 * space, the claims as JSON in UTF-8. It is parsed into one block of memory, in the types that
 * helpers return.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "identity_value.h"
#include "token.h"

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

/* Fill a key from its text, which stays. */
void
identity_key_fill(IdentityKey *key, text *value)
{
	memset(key, 0, sizeof(*key));
	key->as_text = value;
	key->is_bigint = canonical_bigint(value, &key->as_bigint);
	key->is_uuid = VARSIZE(value) - VARHDRSZ == UUID_TEXT_LEN &&
				   uuid_text_usual(VARDATA(value), &key->as_uuid);
}

/* Fill a key from its claim, a string. */
static void
put_key(IdentityKey *key, char **p, const JsonMember *member)
{
	text *value = member->kind == JSON_STRING ? put_text(p, member->text, member->len) : NULL;

	if (value != NULL)
		identity_key_fill(key, value);
	else
		memset(key, 0, sizeof(*key));
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

/* Parse the value of the setting. */
Identity *
identity_parse(const char *value, const JsonMember *known)
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

	if (known != NULL)
		memcpy(members, known, sizeof(members));
	else
		token_members_init(members);
	if (json == NULL)
		goto done;
	if (known == NULL &&
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
