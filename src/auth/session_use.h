/*
 * session_use.h
 *		When a session was used last.
 */
#ifndef PGACCOUNT_SESSION_USE_H
#define PGACCOUNT_SESSION_USE_H

#include "utils/timestamp.h"
#include "utils/uuid.h"

/* A use is written so long after the last one that was. */
#define SESSION_USE_GRAIN USECS_PER_MINUTE

/* A session begins. */
extern void session_use_begin(const pg_uuid_t *session, TimestampTz now);

/*
 * A session is used: write so, if that was long ago, and nothing stands in the way of writing.
 * Nobody waits, and nobody waits for it who has not used the session as well.
 */
extern void session_use_note(const pg_uuid_t *session, TimestampTz now);

/* When it was; 0: nobody knows. */
extern TimestampTz session_use_last(const pg_uuid_t *session);

/* Forget some of what was long ago. */
extern void session_uses_prune(TimestampTz before);

#endif /* PGACCOUNT_SESSION_USE_H */
