/*
 * confirmation.c
 *		A user that is logged in gives its password again.
 */
#include "postgres.h"

#include <sodium.h>

#include "auth/auth.h"
#include "base/base.h"
#include "confirmation.h"

/* Raise PT403 for want of the user's password. */
static void
refuse(const char *detail, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_ACCOUNT_FORBIDDEN), errmsg("not confirmed"),
					errdetail_internal("%s", detail), errhint("%s", hint)));
}

/* Is it the user's password? See the header. */
void
confirmation_by_password(const UserRecord *user, text *password)
{
	Attempt attempt;

	attempt_make(&attempt, user, NULL, (Datum) 0, true);
	if (!attempt_begin(&attempt))
		ereport(ERROR, (errcode(ERRCODE_ACCOUNT_TOO_MANY), errmsg("too many attempts"),
						errdetail("Too many passwords of this user were wrong."),
						errhint("Wait for pgaccount.login_window.")));
	if (!attempt_verify(&attempt, user, password))
		refuse("The password is not the user's.", "Ask the user for its password again.");
	attempt_succeeded(&attempt);
}

/* The same of a user that deletes itself. */
void
confirmation_of_deletion(const UserRecord *user, text *password)
{
	if (password != NULL)
		confirmation_by_password(user, password);
	else if (pgaccount_require_confirmation)
		refuse("A user that deletes itself must give its password.",
			   "Ask the user for its password.");
}

/* Is it the hash that it was? See the header. */
bool
confirmed_hash_is(const text *verified, const text *stored)
{
	if (verified == NULL || stored == NULL)
		return verified == stored;
	return VARSIZE_ANY_EXHDR(verified) == VARSIZE_ANY_EXHDR(stored) &&
		   sodium_memcmp(VARDATA_ANY(verified), VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)) ==
			   0;
}
