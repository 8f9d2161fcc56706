/*
 * invitation_list.h
 *		Invitations that are open: listed, and taken back.
 */
#ifndef PGACCOUNT_INVITATION_LIST_H
#define PGACCOUNT_INVITATION_LIST_H

#ifndef IN_account
#error "private to src/account"
#endif

/* Lock them to the end of the transaction: who accepts one has done so, or waits. */
extern void invitations_lock(const char *email, const char *tenant_id);

/* Take back the open invitations of an email (NULL: none) into a tenant. */
extern void invitations_void(const char *email, const char *tenant_id);

#endif /* PGACCOUNT_INVITATION_LIST_H */
