/*
 * confirmation.h
 *		A user that is logged in gives its password again.
 */
#ifndef PGACCOUNT_CONFIRMATION_H
#define PGACCOUNT_CONFIRMATION_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "model/model.h"

/*
 * Is it the user's password (NULL: none)? Raises PT403, or PT429 after too many that were wrong, as
 * a login counts them.
 */
extern void confirmation_by_password(const UserRecord *user, text *password);

/* The same of a user that deletes itself, whose password may not be asked for. */
extern void confirmation_of_deletion(const UserRecord *user, text *password);

/* Is the hash that is stored now (NULL: none) the one that was verified? */
extern bool confirmed_hash_is(const text *verified, const text *stored);

#endif /* PGACCOUNT_CONFIRMATION_H */
