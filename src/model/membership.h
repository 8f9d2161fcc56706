/*
 * membership.h
 *		Users in tenants, where a members table says which: the memberships that count.
 *
 * One counts if it is live and active, and its tenant is (and is there, where tenants are mapped).
 * That its user is, too, is asked where the user is. The mapping has members in all that follows
 * but tenant_users().
 */
#ifndef PGACCOUNT_MEMBERSHIP_H
#define PGACCOUNT_MEMBERSHIP_H

#include "user_read.h"

/*
 * Put a user into a tenant, whose key is given as text: its record is then of this tenant. False:
 * it has no membership there that counts, and the record stays as it is.
 */
extern bool membership_enter(const Model *model, UserRecord *user, const char *tenant_key);
extern bool membership_rows_enter(const ModelRows *rows, UserRecord *user, const char *tenant_key);

/*
 * Has a user such a membership? *role: its role, palloc'd, or NULL; role may be NULL. By a snapshot
 * of now.
 */
extern bool membership_counts(const Model *model, const char *user_id, const char *tenant_key,
							  char **role);

/* The key of the only tenant in which a user has a membership that counts; NULL: none, several. */
extern char *membership_only(const Model *model, const char *user_id);

/* A live membership of a user. Texts palloc'd, or NULL. */
typedef struct Membership
{
	char *tenant_key;
	char *role;
	bool is_active;
	bool counts;
	UserRecord in; /* its tenant's part of a record, with tenant_is_active; of a live tenant */
} Membership;

/* All live memberships of a user in tenants that are live, in the order of their keys. */
extern List *membership_list(const Model *model, const char *user_id);

/*
 * Lock a membership that is live and active to the end of the transaction, against changes, and
 * read it; its tenant is not looked at. False: there is none. Who removes it waits, or has been
 * waited for. As the owner of members.
 */
extern bool membership_lock(const ModelRows *rows, const char *user_id, const char *tenant_key,
							Membership *member);

/*
 * Put a user into the tenant of its membership, which is locked: membership_enter() without looking
 * at it again. False: the tenant does not count.
 */
extern bool membership_take(const ModelRows *rows, UserRecord *user, Membership *member);

/*
 * The keys of the users of a tenant, at most so many: its members, whether they count or not, or
 * those whose row has the tenant where no members are mapped. text[] in the current memory context;
 * (Datum) 0: it has none. *n: how many. By a snapshot of now.
 */
extern Datum tenant_users(const Model *model, const char *tenant_key, uint64 limit, uint64 *n);

#endif /* PGACCOUNT_MEMBERSHIP_H */
