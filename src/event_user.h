/*
 * event_user.h
 *		Events of users that are deleted, restored or removed, by whatever statement.
 */
#ifndef PGACCOUNT_EVENT_USER_H
#define PGACCOUNT_EVENT_USER_H

#include "commands/trigger.h"

#include "model.h"

extern void event_user_init(void);

/* A row of the mapped users table, or of its partition, was updated or deleted. Of an AFTER trigger for each row. */
extern void event_user_changed(const Model *model, TriggerData *trigger);

/* Write the events of the rows seen so far. */
extern void event_user_flush(void);

#endif /* PGACCOUNT_EVENT_USER_H */
