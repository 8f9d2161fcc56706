/*
 * invitation_list.h
 *		Invitations that are open: listed, and taken back.
 */
#ifndef PGACCOUNT_INVITATION_LIST_H
#define PGACCOUNT_INVITATION_LIST_H

#ifndef IN_account
#error "private to src/account"
#endif

/* Take back the open invitations of an email (NULL: none) into a tenant. */
extern void invitations_void(const char *email, const char *tenant_id);

#endif /* PGACCOUNT_INVITATION_LIST_H */
