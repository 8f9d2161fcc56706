/*
 * actor.c
 *		Who acts: the verified identity, else the role of the session.
 *
 * A record of what happened also takes who the application says it acts for, in settings that
 * anybody may set; it is marked as unverified there, and decides nothing.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/base.h"
#include "actor.h"
#include "client.h"

PG_FUNCTION_INFO_V1(actor);

static const char *(*uid_source)(void) = NULL;
static const char *(*behind_source)(void) = NULL;

/* The role of the session, for when the catalog cannot be asked. */
static Oid session_role = InvalidOid;
static char session_role_name[NAMEDATALEN] = "";

/* Say where the verified identity comes from. */
void
actor_register(const char *(*verified_uid)(void), const char *(*verified_actor)(void) )
{
	uid_source = verified_uid;
	behind_source = verified_actor;
}

/* Who acts as the verified user. */
const char *
actor_behind(void)
{
	return behind_source == NULL ? NULL : behind_source();
}

/* The verified uid, else the role of the session. */
const char *
actor_name(void)
{
	const char *uid = uid_source == NULL ? NULL : uid_source();

	return uid != NULL ? uid : GetUserNameFromId(GetSessionUserId(), false);
}

/* Who acts, for the record; see the header. */
const char *
actor_for_record(const char **unverified)
{
	static const struct
	{
		const char *setting;
		const char *member;
	} sources[] = {{"request.jwt.claims", "sub"}, {"pghistory.context_metadata", "user"}};
	const char *uid = uid_source == NULL ? NULL : uid_source();

	*unverified = NULL;
	if (uid != NULL)
		return uid;
	for (int i = 0; i < lengthof(sources); i++)
	{
		uid = request_member(sources[i].setting, sources[i].member);
		if (uid != NULL)
		{
			*unverified = sources[i].setting;
			return uid;
		}
	}
	return session_role == GetSessionUserId() ? session_role_name : NULL;
}

/* Keep the name of the session's role. */
void
actor_note_session(void)
{
	char *name;

	if (session_role == GetSessionUserId())
		return;
	name = GetUserNameFromId(GetSessionUserId(), true);
	if (name == NULL)
		return;
	strlcpy(session_role_name, name, NAMEDATALEN);
	session_role = GetSessionUserId();
	pfree(name);
}

/* Is there a verified identity? */
bool
actor_is_verified(void)
{
	return uid_source != NULL && uid_source() != NULL;
}

/* account.actor() RETURNS text: who acts, as deleted_by records it. */
Datum
actor(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(actor_name()));
}
