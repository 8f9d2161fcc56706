/*
 * token.h
 *		Access tokens: claims of a user, signed with a key of the store; and their check.
 */
#ifndef PGACCOUNT_TOKEN_H
#define PGACCOUNT_TOKEN_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "jwt/jwt.h"

/* What a token says of a user, in the database's encoding. NULL where there is none. */
typedef struct TokenUser
{
	const char *user_id;
	const char *session_id;
	const char *tenant_id;
	const char *tenant;      /* its slug, else its name */
	bool has_tenant_role;    /* is there such a claim? Where members are mapped */
	const char *tenant_role; /* of the user in this tenant */
	const char *user_role;
	const char *actor; /* who acts as the user */
	bool is_staff;
	/*
	 * The tenant's modules as they are stored: jsonb, json, text[] or varchar[]; anything else
	 * counts as none.
	 */
	Oid modules_type;
	bool modules_isnull;
	Datum modules;
} TokenUser;

/*
 * Make and sign a token. ttl in microseconds. extra: NULL, or an object of further claims; a
 * reserved name is 22023. Raises 55000 if no key signs. user_id is not NULL.
 */
extern text *token_issue(const TokenUser *user, int64 ttl, Jsonb *extra);

/* The claims that such a token would carry, as JSON in UTF-8, appended to buf. Needs no key. */
extern void token_claims(StringInfo buf, const TokenUser *user, int64 ttl);

/* Claims of an access token beside the registered ones. */
enum
{
	TOKEN_SID = JWT_REGISTERED,
	TOKEN_TENANT_ID,
	TOKEN_TENANT,
	TOKEN_MODULES,
	TOKEN_USER_ROLE,
	TOKEN_IS_STAFF,
	TOKEN_TENANT_ROLE,
	TOKEN_ACT,
	TOKEN_MEMBERS
};

/* A token that has been checked, or not. Texts point into it and into the token. */
typedef struct CheckedToken
{
	Jws jws;
	JwtTimes times;
	JsonMember members[TOKEN_MEMBERS];
	char *arena;
} CheckedToken;

/*
 * Check a token with the stored keys: signature, types (sid and tenant_id are strings, or null),
 * exp, nbf, iss, aud. NULL is refused. sink: see json_scan_object. In any case token_free() is due,
 * unless the memory context goes.
 */
extern JwtResult token_check(text *token, CheckedToken *checked, JsonSink sink, void *sink_arg);
extern void token_free(CheckedToken *checked);

/* Initialize members to be scanned. */
extern void token_members_init(JsonMember *members);

#endif /* PGACCOUNT_TOKEN_H */
