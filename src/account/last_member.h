/*
 * last_member.h
 *		The last member of a role in a tenant stays.
 */
#ifndef PGACCOUNT_LAST_MEMBER_H
#define PGACCOUNT_LAST_MEMBER_H

extern void last_member_init(void);

#ifdef IN_account
#include "last_member_look.h"
#include "last_member_rule.h"

/*
 * How many live tenants have no member of the role who counts, in the snapshot that is active. Each
 * table is looked at as its owner: whoever asks runs nobody's code.
 */
extern int64 last_member_count_without(const LastMemberRule *rule);

/* Leave out tenants that are being removed in batches, members first. */
extern void last_member_leave_out_removed(const LastMemberRule *rule, KeyTexts *tenants);

/* Raise 23514 about a tenant, or 40001: this transaction still sees a member. */
compat_noreturn extern void last_member_refuse(const LastMemberRule *rule, const KeyTexts *without);
#endif

#endif /* PGACCOUNT_LAST_MEMBER_H */
