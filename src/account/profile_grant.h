/*
 * profile_grant.h
 *		What an invitation or an approval gives: a role, and values of profile columns.
 */
#ifndef PGACCOUNT_PROFILE_GRANT_H
#define PGACCOUNT_PROFILE_GRANT_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "fmgr.h"
#include "utils/jsonb.h"

#include "model/model.h"

/* A role and grants, checked; in the memory context of profile_grant_read(). */
typedef struct ProfileGrant
{
	struct ProfileValues *values;
	Jsonb *applied; /* the grants that have a column */
} ProfileGrant;

/* Argument n, the name of a role; raises 22023 for NULL and for what is no name. */
extern char *role_argument(FunctionCallInfo fcinfo, int n);

/* Argument n, grants; raises 22023 unless it is a JSON object. */
extern Jsonb *grants_argument(FunctionCallInfo fcinfo, int n);

/*
 * Check what giver wants to give: 22023 for a value that its column cannot hold, PT403 for a column
 * that is not to be given, a WARNING for those that do not exist.
 */
extern ProfileGrant *profile_grant_read(const Model *model, const UserRecord *giver,
										const char *role, Jsonb *grants);

/* Give it to a user, whose profile is made where there is none. */
extern void profile_grant_write(const Model *model, const char *user_id, ProfileGrant *grant);

#endif /* PGACCOUNT_PROFILE_GRANT_H */
