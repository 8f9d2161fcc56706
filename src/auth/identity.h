/*
 * identity.h
 *		Who is asking: the identity of the transaction or session.
 */
#ifndef PGACCOUNT_IDENTITY_H
#define PGACCOUNT_IDENTITY_H

#include "fmgr.h"
#include "utils/timestamp.h"

#include "jwt/jwt.h"

/* What a live check compares with the tables, in the database's encoding. NULL: none. */
typedef struct IdentityClaims
{
	const char *uid;
	const char *tenant_id;
	const char *session_id;
} IdentityClaims;

/* What a live check has found. */
typedef struct LiveIdentity
{
	const char *uid;         /* the user's key as its row has it, palloc'd */
	bool has_members;        /* users are of tenants by memberships: the role is a row's */
	const char *tenant_role; /* the membership's, or NULL: none, or no tenant */
} LiveIdentity;

/*
 * Define the setting that holds the identity. Called by settings_init, before the prefix is
 * reserved.
 */
extern void identity_init(void);

/*
 * In live_check.c. Is the user of these claims present, live, active, still of that tenant, its
 * session not ended? Else PT401.
 */
extern void identity_live_check(const IdentityClaims *claims, LiveIdentity *live);

/*
 * In live_check.c. The same key without a look at the row: as the type of keys writes it, if any is
 * mapped.
 */
extern const char *identity_normal_uid(const char *uid);

/*
 * Make these claims, a JSON object in UTF-8 that a scan has accepted, the identity: of the
 * transaction, or of the session until a time (DT_NOEND: for good). members: what that scan found
 * in them, as a CheckedToken has it, or NULL.
 */
extern void identity_set(const char *claims, int len, const JsonMember *members, bool is_local,
						 TimestampTz until);

/*
 * A statement of the client's begins, or goes on: what an identity that has expired meanwhile has
 * left in request.jwt.claims goes.
 */
extern void identity_statement_begins(void);

/*
 * Warn if the call of this function, which sets something for the transaction, does so for itself
 * alone.
 */
extern void identity_warn_if_alone(FunctionCallInfo fcinfo, const char *function);

/* The uid of the identity, or NULL: none, or expired. Valid until the identity changes. */
extern const char *identity_uid(void);

/* Its tenant's id, the same way; NULL also where it has none. */
extern const char *identity_tenant(void);

/* Who acts as that user, by the claim act; NULL: itself. Valid as long. */
extern const char *identity_actor(void);

#endif /* PGACCOUNT_IDENTITY_H */
