/*
 * dependent_rows.h
 *		What the extension's own tables hold of users: it goes with them.
 */
#ifndef PGACCOUNT_DEPENDENT_ROWS_H
#define PGACCOUNT_DEPENDENT_ROWS_H

#ifndef IN_auth
#error "private to src/auth"
#endif

/*
 * Users are removed for good: so are their sessions, applications and invitations. addresses: what
 * each was invited by, its email; NULL: not known. Events stay, for their retention.
 */
extern void dependent_rows_remove(char **user_ids, char **addresses, int n);

/*
 * The same of all users, whose ids are those of others by now. How many applications and
 * invitations there were is added to the two. Within SPI_connect.
 */
extern void dependent_rows_remove_all(uint64 *applications, uint64 *invitations);

/*
 * Tenants' ids are those of others by now: open invitations into one are void, and go, and an
 * application does not say any more in which tenant it was made. Returns how many invitations.
 * Within SPI_connect.
 */
extern uint64 dependent_rows_leave_tenants(void);

#endif /* PGACCOUNT_DEPENDENT_ROWS_H */
