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

/*
 * The user of the identity, if that may come in; raises PT401, and PT403 where somebody else acts
 * as a user that is a superuser by now.
 */
extern UserRecord *authority_actor(const Model *model);

/* The same, its row locked: whatever ends it has been and is seen, or waits for the transaction. */
extern UserRecord *authority_actor_locked(const Model *model);

/* Raise PT403 unless this is staff, or a superuser. */
extern void authority_require_staff(const UserRecord *actor);

/* Raise PT403 unless this is a superuser. */
extern void authority_require_superuser(const UserRecord *actor);

/*
 * What somebody may do in a tenant: staff of it and superusers give every role, members with a role
 * of pgaccount.tenant_admin_roles those that do not come before theirs, others none.
 */
typedef struct TenantRights
{
	bool all;
	int rank; /* of the own role; ROLE_UNRANKED: it administers nothing */
} TenantRights;

extern TenantRights authority_in_tenant(const Model *model, const UserRecord *actor,
										const char *tenant_key);

/*
 * Raise PT403 unless somebody owns a tenant (NULL: there is no such one), by the first role of
 * pgaccount.tenant_admin_roles, or is a superuser.
 */
extern void authority_require_owner(const Model *model, const UserRecord *actor,
									const char *tenant_key);

/* May who has these rights do anything there? With members of this role (NULL: without one)? */
extern bool rights_are_any(const TenantRights *rights);
extern bool rights_cover_role(const TenantRights *rights, const char *role);

/*
 * The key of the live tenant that an argument names; raises PT404. rights: the actor's there;
 * raises PT403 where it has none. *is_active may be NULL.
 */
extern char *authority_tenant(const Model *model, const UserRecord *actor, const char *tenant,
							  TenantRights *rights, bool *is_active);

/* Raise PT403: staff that has memberships, where members are mapped, is in none of its tenants. */
compat_noreturn extern void authority_refuse_outside(void);

/* Raise PT403 about a tenant. */
compat_noreturn extern void authority_refuse_tenant(const char *message, const char *detail);

/*
 * The live user of this id, on whom the identity may act: itself (where self may), staff on users
 * of its own tenant, or of none where it has none, superusers on all. Where members are mapped
 * staff's own tenant is the active one, and users of it are those that are members of no other; who
 * has none has no membership at all. Raises PT401 without an identity whose user may come in,
 * PT403, or PT404. NULL user_id: PT404. *is_self may be NULL.
 */
extern UserRecord *authority_over(const Model *model, const char *user_id, bool self,
								  bool *is_self);

/*
 * The same, its row locked, to be changed or not: it is as it is read until the transaction ends.
 */
extern UserRecord *authority_over_locked(const Model *model, const char *user_id, bool to_change,
										 bool self, bool *is_self);

/* The same of a user that may be deleted: the caller looks at is_live. */
extern UserRecord *authority_over_any(const Model *model, const char *user_id, bool self,
									  bool *is_self);

/* The id of the session of the identity's token, or NULL. */
extern char *authority_own_session(void);

/* Raise PT404: there is no such live user. */
compat_noreturn extern void authority_no_such_user(void);

/* Raise PT404: there is no such user, live or deleted. */
compat_noreturn extern void authority_unknown_user(void);

#endif /* PGACCOUNT_AUTHORITY_H */
