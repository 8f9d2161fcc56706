/*
 * user_changes.h
 *		What follows from changes of users, by whatever statement: sessions end, events are recorded.
 */
#ifndef PGACCOUNT_USER_CHANGES_H
#define PGACCOUNT_USER_CHANGES_H

#include "commands/trigger.h"

#include "model.h"

extern void user_changes_init(void);

/*
 * A row of the mapped users table, or of its partition, was deleted, or updated so that the sessions of
 * the user that it was must end. Of an AFTER trigger for each row.
 */
extern void user_changes_add(const Model *model, TriggerData *trigger);

/* Do what follows from the rows seen so far. */
extern void user_changes_flush(void);

#endif /* PGACCOUNT_USER_CHANGES_H */
