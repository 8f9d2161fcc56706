/*
 * session.h
 *		Sessions of users: what a login opens, a refresh goes on with, and a change of the user
 *		ends.
 */
#ifndef PGACCOUNT_SESSION_H
#define PGACCOUNT_SESSION_H

#include "fmgr.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

#include "model/model.h"
#include "token.h"

/* Why a session ended, as account.session has it. */
#define SESSION_END_LOGOUT   "logout"
#define SESSION_END_REVOKED  "revoked"
#define SESSION_END_REUSED   "token_reused"
#define SESSION_END_USER     "user_changed"
#define SESSION_END_TENANT   "tenant_changed"
#define SESSION_END_MEMBER   "member_changed"
#define SESSION_END_UNMAPPED "tables_changed"

/*
 * End all sessions: users are those of another table by now, or gone all at once. Returns their
 * number. Within SPI_connect.
 */
extern uint64 session_end_all(const char *reason);

/* End the sessions of a user, but the one of this id (NULL: all). Returns their number. */
extern uint64 session_end_user(const char *user_id, const char *except, const char *reason);

/*
 * End the sessions of users whose rows have changed: they are not admitted any more as they were.
 */
extern void session_end_users(char **user_ids, int n);

/* End those of a user whose password changed, as session_keep() says, and those of a tenant. */
extern void session_end_password(const char *user_id);
extern void session_end_tenant(const char *tenant_id);

/* End those of users in tenants, pair by pair, and those in any tenant, which are counted. */
extern void session_end_members(char **user_ids, char **tenant_ids, int n);
extern uint64 session_end_in_tenants(const char *reason);

/*
 * While the caller itself changes the password of this user, the trigger ends no session
 * (keep_all), or all but the one of this id. session_keep_end() is due on every path.
 */
extern void session_keep(const char *user_id, bool keep_all, const char *session_id);
extern void session_keep_end(void);
extern bool session_keeps_all(const char *user_id);

/*
 * Record that so many sessions of a user were ended by a call; in one by who acts as it, or NULL.
 */
extern void session_event_revoked(const char *user_id, const char *tenant_id, uint64 sessions,
								  const char *reason, const char *actor);

/* What login, refresh and issue_tokens answer: account.token_pair. NULL where there is none. */
typedef struct TokenPair
{
	int status;
	const char *error;
	text *access_token;
	text *refresh_token;
	const char *user_id;
	const char *tenant_id;
} TokenPair;

/* A refusal as a row. */
extern Datum session_refusal(FunctionCallInfo fcinfo, int status, const char *error);

/*
 * Let a user in that was read before: lock its row, and see that all that was read still holds:
 * live, active, of that tenant, in an active one. False: it does not, read again. login: write
 * last_login, and the new hash in place of the one that was verified, where there is a new one.
 */
extern bool session_admit(const Model *model, const UserRecord *user, bool login, text *new_hash);

/*
 * Open a session of an admitted user, in which actor (NULL: itself) acts; answer with its tokens.
 */
extern Datum session_open(FunctionCallInfo fcinfo, const UserRecord *user, const char *actor,
						  Datum ip, bool ip_isnull, text *user_agent);

/*
 * Where members are mapped, put a user, who may come in, into a tenant as a login does: the one
 * that is named by slug or id (NULL: it is the name of none), if is_named; else its only one, or
 * else that of its last session, or else none. False: it is no active member of the named one.
 */
extern bool session_choose_tenant(const Model *model, UserRecord *user, bool is_named,
								  const char *tenant);

/*
 * The live and active user whose id argument n is, in the tenant that a login would choose; raises
 * PT404 or PT403.
 */
extern UserRecord *session_user_argument(FunctionCallInfo fcinfo, int n, const Model *model);

/*
 * Who acts as a user, by argument n, or NULL; raises 22023 for what is no name, PT403 where the
 * user is a superuser.
 */
extern char *session_actor_argument(FunctionCallInfo fcinfo, int n, const UserRecord *user);

/* What a token says of the user, and of who acts as it (NULL: itself). */
extern void session_token_user(const UserRecord *user, const char *session_id, const char *actor,
							   TokenUser *claims);

/* Whose session this is; NULL: there is none. */
extern char *session_user_of(const pg_uuid_t *session);

/* End a session, unless it has ended. *tenant_id: its tenant, or NULL. */
extern bool session_end_one(const pg_uuid_t *session, const char *reason, char **tenant_id);

#endif /* PGACCOUNT_SESSION_H */
