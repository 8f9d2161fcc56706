/*
 * session_lock.h
 *		Advisory locks of the extension, to the end of the transaction.
 */
#ifndef PGACCOUNT_SESSION_LOCK_H
#define PGACCOUNT_SESSION_LOCK_H

/* Lock a tenant: shared to open a session in it, exclusive to end all of them. */
extern void session_lock_tenant(const char *tenant_id, bool exclusive);

/* Lock a name (an email, a username) that is about to be taken; all names are shared before. */
extern void session_lock_name(const char *name);

/* Lock all names: shared to take some of them, exclusive to take many. */
extern void session_lock_names(bool exclusive);

#endif /* PGACCOUNT_SESSION_LOCK_H */
