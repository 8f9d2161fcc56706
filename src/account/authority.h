/*
 * authority.h
 *		Who may act on which user.
 */
#ifndef PGACCOUNT_AUTHORITY_H
#define PGACCOUNT_AUTHORITY_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "base/base.h"
#include "model/model.h"

/* The user of the identity, if that may come in; raises PT401. */
extern UserRecord *authority_actor(const Model *model);

/* Raise PT403 unless this is staff, or a superuser. */
extern void authority_require_staff(const UserRecord *actor);

/* May staff, or a superuser, act on users of this tenant (NULL: on those of none)? */
extern bool authority_covers_tenant(const UserRecord *actor, const char *tenant_key);

/*
 * The live user of this id, on whom the identity may act: itself (where self may), staff on users
 * of its own tenant, or of none where it has none, superusers on all. Raises PT401 without an
 * identity whose user may come in, PT403, or PT404. NULL user_id: PT404. *is_self may be NULL.
 */
extern UserRecord *authority_over(const Model *model, const char *user_id, bool self,
								  bool *is_self);

/* The same of a user that may be deleted: the caller looks at is_live. */
extern UserRecord *authority_over_any(const Model *model, const char *user_id, bool self,
									  bool *is_self);

/* The id of the session of the identity's token, or NULL. */
extern char *authority_own_session(void);

/* Raise PT404: there is no such user. */
compat_noreturn extern void authority_no_such_user(void);

#endif /* PGACCOUNT_AUTHORITY_H */
