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

/* The same of all users, who are gone all at once. Within SPI_connect. */
extern void dependent_rows_remove_all(void);

#endif /* PGACCOUNT_DEPENDENT_ROWS_H */
