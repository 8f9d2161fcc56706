/*
 * membership.h
 *		Users in tenants, where a members table says which: the memberships that count.
 *
 * One counts if it is live and active, and its tenant is (and is there, where tenants are mapped).
 * That its user is, too, is asked where the user is. The mapping has members in all that follows.
 */
#ifndef PGACCOUNT_MEMBERSHIP_H
#define PGACCOUNT_MEMBERSHIP_H

#include "user_read.h"

/*
 * SQL: FROM and WHERE of the memberships that count, as m, with their tenants as t where these are
 * mapped; further conditions may follow after AND.
 */
extern char *membership_sql(const Model *model);

/*
 * Put a user into a tenant, whose key is given as text: its record is then of this tenant. False:
 * it has no membership there that counts, and the record stays as it is.
 */
extern bool membership_enter(const Model *model, UserRecord *user, const char *tenant_key);

/*
 * Has a user such a membership? *role: its role, palloc'd, or NULL; role may be NULL. By a snapshot
 * of now.
 */
extern bool membership_counts(const Model *model, const char *user_id, const char *tenant_key,
							  char **role);

/* The key of the only tenant in which a user has a membership that counts; NULL: none, several. */
extern char *membership_only(const Model *model, const char *user_id);

/* The roles of all memberships of a user that count; those without one are left out. */
extern List *membership_roles(const Model *model, const char *user_id);

/*
 * Lock a membership that is live and active to the end of the transaction, against changes. False:
 * there is none. Who removes it waits, or has been waited for. As the owner of members.
 */
extern bool membership_lock(const Model *model, const char *user_id, const char *tenant_key);

#endif /* PGACCOUNT_MEMBERSHIP_H */
