/*
 * user_changes.h
 *		What follows from changes of users, by whatever statement: sessions end, events are
 *		recorded.
 */
#ifndef PGACCOUNT_USER_CHANGES_H
#define PGACCOUNT_USER_CHANGES_H

/* What became of a user. */
typedef enum UserChange
{
	USER_UNCHANGED, /* neither deleted nor restored */
	USER_DELETED,
	USER_DELETED_HARD,
	USER_RESTORED,
	USER_PURGED
} UserChange;

/*
 * A user that is not as it was: its sessions end. Texts as they were before; NULL: there is none.
 */
typedef struct ChangedUser
{
	UserChange change;
	bool removed; /* the row is gone for good */
	bool lapsed;  /* more has become of it than another tenant: mailed tokens are void */
	char *user_id;
	char *tenant_id;
	char *email;
	char *address; /* by which a removed user was invited */
} ChangedUser;

extern void user_changes_init(void);

/*
 * Add a user, for the end of the statement; its texts are copied. is_flushed: what
 * user_changes_are_flushed() says of the row's table, false: what follows is done at once.
 */
extern void user_changes_add(const ChangedUser *user, bool is_flushed);
extern bool user_changes_are_flushed(Oid relid);

/* Do what follows from the users added so far. */
extern void user_changes_flush(void);

#endif /* PGACCOUNT_USER_CHANGES_H */
