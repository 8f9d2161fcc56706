/*
 * lifecycle.h
 *		The end of an account and its return.
 */
#ifndef PGACCOUNT_LIFECYCLE_H
#define PGACCOUNT_LIFECYCLE_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "fmgr.h"
#include "utils/jsonb.h"

#include "model/model.h"

/* The argument reason, of which an event is told; raises 22023 where it is too long. */
extern char *reason_argument(FunctionCallInfo fcinfo, int n);

/*
 * Delete a live user, as the owner of users; returns the answer of account.delete_user(). Raises
 * PT403 where a superuser would follow and it is by none.
 */
extern Jsonb *lifecycle_delete(const Model *model, const UserRecord *user, bool by_superuser,
							   const char *reason);

/*
 * Bring a deleted user back, with what went with it. Returns how many rows; raises 23505 where the
 * email or username is taken.
 */
extern uint64 lifecycle_restore(const Model *model, const UserRecord *user, const char *reason);

/* SQL: when user u was deleted, a timestamptz; NULL where no column says so. */
extern char *lifecycle_deleted_at(const Model *model);

/* Raise PT400: there is nothing to do. */
compat_noreturn extern void refuse_nothing_to_do(const char *message, const char *hint);

/* When what was deleted then may be removed for good. */
extern TimestampTz grace_period_end(TimestampTz deleted_at);

#endif /* PGACCOUNT_LIFECYCLE_H */
