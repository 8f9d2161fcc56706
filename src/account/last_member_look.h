/*
 * last_member_look.h
 *		What the check of the last members asks of tenants, members and users.
 */
#ifndef PGACCOUNT_LAST_MEMBER_LOOK_H
#define PGACCOUNT_LAST_MEMBER_LOOK_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "base/base.h"
#include "last_member_rule.h"

/* Keys as text. */
typedef struct KeyTexts
{
	int n;
	int room;
	char **texts;
	bool has_last; /* the value that the last one was made of */
	Datum last;
} KeyTexts;

/* Add a key, to the memory of a context. Some that are there already are left out. */
extern void key_texts_add(KeyTexts *keys, MemoryContext context, const char *text);

/* Sort keys, and leave out what is there twice. */
extern void key_texts_sort(KeyTexts *keys);

/* Where a text is among sorted ones; -1: it is not, or NULL. */
extern int key_texts_place(const KeyTexts *keys, const char *text);

/* What is asked, of keys. */
typedef enum Look
{
	LOOK_TENANTS_OF,  /* of users: the tenants in which they have the role */
	LOOK_TENANTS,     /* the live ones, locked */
	LOOK_LIVE,        /* of nothing: all live tenants */
	LOOK_MEMBERS,     /* of tenants: key and user of each member that has the role */
	LOOK_USERS,       /* those that count, */
	LOOK_USERS_FREE,  /* of which nobody has locked the row, which is locked then, */
	LOOK_USERS_HELD,  /* or whose row is waited for */
	LOOK_USERS_ENDED, /* those that do not count, and which transaction made the row so: its xid */
	LOOK_ALL_TENANTS  /* in which anybody has the role */
} Look;

/*
 * Run a statement, which returns keys and what belongs to each, or NULL; texts in the current
 * memory context. other may be NULL.
 */
extern KeyTexts last_member_look(const LastMemberRule *rule, Look look, const KeyTexts *keys,
								 KeyTexts *other, StatementSnapshot snapshot);

#endif /* PGACCOUNT_LAST_MEMBER_LOOK_H */
