/*
 * login.h
 *		What comes of a login, and of what is refused as one.
 */
#ifndef PGACCOUNT_LOGIN_H
#define PGACCOUNT_LOGIN_H

#include "fmgr.h"
#include "utils/inet.h"

#include "login_attempt.h"

/* The call of a function that answers as account.login() does. NULL: not known. */
typedef struct LoginCall
{
	FunctionCallInfo fcinfo;
	inet *ip;
	const char *login;
	const char *agent;
} LoginCall;

/* The login in argument n; NULL for NULL, and for what is empty or too long to name anybody. */
extern char *login_argument(FunctionCallInfo fcinfo, int n);

/* Refuse it, by a row, and record that. user: whom it is about, or NULL. */
extern Datum login_refused(const LoginCall *call, const UserRecord *user, int status,
						   const char *error);

/* Open a session of an admitted user, and record that; its failures so far are forgotten. */
extern Datum login_succeeded(const LoginCall *call, const UserRecord *user, const Attempt *attempt,
							 text *user_agent);

#endif /* PGACCOUNT_LOGIN_H */
