/*
 * removal_users.h
 *		Users who are being removed in batches.
 */
#ifndef PGACCOUNT_REMOVAL_USERS_H
#define PGACCOUNT_REMOVAL_USERS_H

/* Have a removal end the sessions of its users. Called while the library is loaded. */
extern void removal_users_init(void);

#endif /* PGACCOUNT_REMOVAL_USERS_H */
