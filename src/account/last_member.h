/*
 * last_member.h
 *		The last member of a role in a tenant stays.
 */
#ifndef PGACCOUNT_LAST_MEMBER_H
#define PGACCOUNT_LAST_MEMBER_H

extern void last_member_init(void);

#endif /* PGACCOUNT_LAST_MEMBER_H */
