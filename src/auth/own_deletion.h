/*
 * own_deletion.h
 *		Users who have deleted themselves: they may take it back.
 */
#ifndef PGACCOUNT_OWN_DELETION_H
#define PGACCOUNT_OWN_DELETION_H

#include "postgres.h"

/*
 * The user that a call deletes softly next is the one who asks for it, though there is no identity;
 * NULL, due on every path: that is over.
 */
extern void own_deletion_begin(const char *user_id);

/* Is a user that is being deleted the one who asks for it? */
extern bool own_deletion_is(const char *user_id);

/*
 * Remember that a user has deleted itself (NULL: none has), and forget what was known of others.
 * Harmless where there is no table yet.
 */
extern void own_deletions_note(const char *own, char **others, int n);

/*
 * Forget all: users are those of another table by now. Returns their number. Within SPI_connect.
 */
extern uint64 own_deletions_forget_all(void);

/* The ids, text[], of those who have deleted themselves since. */
extern Datum own_deletions_since(TimestampTz since);

#endif /* PGACCOUNT_OWN_DELETION_H */
