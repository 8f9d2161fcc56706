/*
 * last_member_removal.h
 *		A removal in batches that would take a last member is refused before it begins.
 */
#ifndef PGACCOUNT_LAST_MEMBER_REMOVAL_H
#define PGACCOUNT_LAST_MEMBER_REMOVAL_H

extern void last_member_removal_init(void);

#endif /* PGACCOUNT_LAST_MEMBER_REMOVAL_H */
