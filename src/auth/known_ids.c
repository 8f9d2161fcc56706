/*
 * known_ids.c
 *		What the extension knows of users and tenants by their ids, where these are others' by now.
 *
 * Another table is mapped, or another column of it, or all rows are gone at once: who comes with a
 * session, a mailed token or an invitation that names id 1 would be taken for who has it now.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "dependent_rows.h"
#include "known_address.h"
#include "known_ids.h"
#include "mailed_token.h"
#include "own_deletion.h"
#include "session.h"

/* The ids of users are those of others; see the header. */
void
known_ids_forget_users(const char *reason, KnownIds *known)
{
	KnownIds ignored = {0};

	if (known == NULL)
		known = &ignored;
	known->sessions += session_end_all(reason);
	known->mailed_tokens += mailed_tokens_void_all();
	known->own_deletions += own_deletions_forget_all();
	known_addresses_forget_all();
	dependent_rows_remove_all(&known->applications, &known->invitations);
}

/* The ids of tenants are those of others; see the header. */
void
known_ids_forget_tenants(const char *reason, KnownIds *known)
{
	KnownIds ignored = {0};

	if (known == NULL)
		known = &ignored;
	known->sessions += session_end_in_tenants(reason);
	known->invitations += dependent_rows_leave_tenants();
}

/* Is there none of it? */
bool
known_ids_are_none(const KnownIds *known)
{
	return known->sessions == 0 && known->mailed_tokens == 0 && known->invitations == 0 &&
		   known->applications == 0 && known->own_deletions == 0;
}

/* Append one kind of it. */
static void
append_known(StringInfo to, uint64 n, const char *one, const char *many)
{
	if (n > 0)
		appendStringInfo(to, "%s" UINT64_FORMAT " %s", to->len > 0 ? ", " : "", n,
						 n == 1 ? one : many);
}

/* It as a text; see the header. */
char *
known_ids_text(const KnownIds *known)
{
	StringInfoData text;

	initStringInfo(&text);
	append_known(&text, known->sessions, "session", "sessions");
	append_known(&text, known->mailed_tokens, "mailed token", "mailed tokens");
	append_known(&text, known->invitations, "invitation", "invitations");
	append_known(&text, known->applications, "application for a role", "applications for roles");
	append_known(&text, known->own_deletions, "deletion to be taken back",
				 "deletions to be taken back");
	return text.data;
}
