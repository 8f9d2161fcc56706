/*
 * identity_value.h
 *		The identity as it is parsed, for those who read it.
 */
#ifndef PGACCOUNT_IDENTITY_VALUE_H
#define PGACCOUNT_IDENTITY_VALUE_H

#ifndef IN_auth
#error "private to src/auth"
#endif

#include "access/xact.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "jwt/jwt.h"

/* A key of a user or tenant, as each type that it may have. */
typedef struct IdentityKey
{
	text *as_text; /* NULL: there is none */
	bool is_bigint;
	bool is_uuid;
	int64 as_bigint;
	pg_uuid_t as_uuid;
} IdentityKey;

/* Fill a key from its text, which must stay. */
extern void identity_key_fill(IdentityKey *key, text *value);

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

/*
 * Parse the value of the setting; members: what a scan of its claims has found, or NULL. Returns a
 * block of the GUC mechanism's memory, or NULL.
 */
extern Identity *identity_parse(const char *value, const JsonMember *members);

/* The identity, be it expired; NULL: none. */
extern Identity *identity;

/* Changes with the identity, for what is kept of it. */
extern uint64 identity_generation;

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

/* Nobody is asking any more. */
extern void identity_clear(void);

#endif /* PGACCOUNT_IDENTITY_VALUE_H */
