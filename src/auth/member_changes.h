/*
 * member_changes.h
 *		What follows from memberships that end, by whatever statement: sessions in the tenant end.
 */
#ifndef PGACCOUNT_MEMBER_CHANGES_H
#define PGACCOUNT_MEMBER_CHANGES_H

extern void member_changes_init(void);

/*
 * Add a membership that counts no more, for the end of the statement; the keys are copied.
 * is_flushed: what user_changes_are_flushed() says of the row's table; false: what follows is done
 * at once.
 */
extern void member_changes_add(const char *user_id, const char *tenant_id, bool is_flushed);

/* Do what follows from the memberships added so far. */
extern void member_changes_flush(void);

#endif /* PGACCOUNT_MEMBER_CHANGES_H */
