/*
 * identity.h
 *		Who is asking: the identity of the transaction or session.
 */
#ifndef PGACCOUNT_IDENTITY_H
#define PGACCOUNT_IDENTITY_H

#include "utils/timestamp.h"

#include "json_claims.h"

/* What a live check compares with the tables, in the database's encoding. NULL: none. */
typedef struct IdentityClaims
{
	const char *uid;
	const char *tenant_id;
	const char *session_id;
} IdentityClaims;

/* Define the setting that holds the identity. Called by settings_init, before the prefix is reserved. */
extern void identity_init(void);

/* In live_check.c. Is the user of these claims present, live, active, still of that tenant, its session not ended? Else PT401. */
extern void identity_live_check(const IdentityClaims *claims);

/*
 * Make these claims, a JSON object in UTF-8 that a scan has accepted, the identity: of the transaction,
 * or of the session until a time (DT_NOEND: for good). members: what that scan found in them, as a
 * CheckedToken has it, or NULL.
 */
extern void identity_set(const char *claims, int len, const JsonMember *members, bool is_local,
						 TimestampTz until);

/* The uid of the identity, or NULL: none, or expired. Valid until the identity changes. */
extern const char *identity_uid(void);

#endif /* PGACCOUNT_IDENTITY_H */
