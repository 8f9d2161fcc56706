/*
 * actor.c
 *		Who acts: the verified identity, else the role of the session.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "actor.h"

PG_FUNCTION_INFO_V1(actor);

static const char *(*uid_source)(void) = NULL;

/* Say where the verified identity comes from. */
void
actor_register(const char *(*verified_uid)(void) )
{
	uid_source = verified_uid;
}

/* The verified uid, else the role of the session. */
const char *
actor_name(void)
{
	const char *uid = uid_source == NULL ? NULL : uid_source();

	return uid != NULL ? uid : GetUserNameFromId(GetSessionUserId(), false);
}

/* account.actor() RETURNS text: who acts, as deleted_by records it. */
Datum
actor(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(actor_name()));
}
