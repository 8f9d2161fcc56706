/*
 * member_write.h
 *		Memberships made, revived, changed and removed.
 *
 * Written as the owner of members, on a snapshot of now. The mapping has members in all that
 * follows; keys are texts as the rows have them.
 */
#ifndef PGACCOUNT_MEMBER_WRITE_H
#define PGACCOUNT_MEMBER_WRITE_H

#include "model/model.h"

/* Has the setting pgaccount.tenant_admin_roles this role? Its place there; ROLE_UNRANKED: no. */
#define ROLE_UNRANKED INT_MAX
extern int member_role_rank(const char *role);

/* The role at this place of the setting, palloc'd; NULL: it has not so many. */
extern char *member_role_at(int rank);

/* Raise 22023 unless the column of roles can hold this one, or 55000 where there is none. */
extern void member_role_check(const Model *model, const char *role);

/* A membership as it is found, of a live row. */
typedef struct MemberRow
{
	char *role; /* or NULL */
	bool is_active;
} MemberRow;

/*
 * Lock the live memberships of some users in a tenant, active or not, to change them: in one order,
 * whoever asks. found: NULL where a user has none.
 */
extern void member_lock(const Model *model, const char *tenant_key, const char *const *user_ids,
						int n, MemberRow **found);

/*
 * Make the user an active member of a tenant, or revive its membership. role NULL: as the table has
 * it by default, or one that administers nothing. An active member keeps a role that comes before
 * this one. False: it was an active member. The caller has locked the user's row to change it.
 */
extern bool member_join(const Model *model, const char *user_id, const char *tenant_key,
						const char *role);

/*
 * Give a live membership of role former (or NULL), whose row is locked, another. Raises 55000 where
 * a trigger keeps the row back, or the former role.
 */
extern void member_set_role(const Model *model, const char *user_id, const char *tenant_key,
							const char *former, const char *role);

/* Remove a live membership, softly where the table has soft delete. Raises the same. */
extern void member_remove(const Model *model, const char *user_id, const char *tenant_key);

#endif /* PGACCOUNT_MEMBER_WRITE_H */
