/*
 * session.h
 *		Sessions of users: what a login opens, a refresh goes on with, and a change of the user ends.
 */
#ifndef PGACCOUNT_SESSION_H
#define PGACCOUNT_SESSION_H

#include "model_user.h"

/* Why a session ended, as account.session has it. */
#define SESSION_END_LOGOUT   "logout"
#define SESSION_END_REVOKED  "revoked"
#define SESSION_END_REUSED   "token_reused"
#define SESSION_END_USER     "user_changed"
#define SESSION_END_TENANT   "tenant_changed"
#define SESSION_END_UNMAPPED "tables_changed"

/* Put the triggers that end sessions on the mapped tables; tenants may be InvalidOid. Within SPI_connect. */
extern void session_attach(Oid users, Oid tenants);

/*
 * Take the triggers from the tables mapped so far, and end all sessions unless the users table stays
 * this one. Within SPI_connect.
 */
extern void session_detach(Oid users);

/* End the sessions of a user, but the one of this id (NULL: all). Returns their number. */
extern uint64 session_end_user(const char *user_id, const char *except, const char *reason);

/*
 * While the caller itself changes the password of this user, the trigger ends no session (keep_all), or
 * all but the one of this id. session_keep_end() is due on every path.
 */
extern void session_keep(const char *user_id, bool keep_all, const char *session_id);
extern void session_keep_end(void);

#endif /* PGACCOUNT_SESSION_H */
