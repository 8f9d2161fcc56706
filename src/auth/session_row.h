/*
 * session_row.h
 *		Rows of account.session, looked up and written without statements: each request, refresh and
 *		login needs one.
 */
#ifndef PGACCOUNT_SESSION_ROW_H
#define PGACCOUNT_SESSION_ROW_H

#ifndef IN_auth
#error "private to src/auth"
#endif

#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "refresh_token.h"

/* Columns of account.session, by their numbers. */
enum
{
	SESSION_ID = 1,
	SESSION_USER_ID,
	SESSION_TENANT_ID,
	SESSION_COUNTER,
	SESSION_TOKEN_HASH,
	SESSION_CREATED_AT,
	SESSION_REFRESHED_AT,
	SESSION_EXPIRES_AT,
	SESSION_ENDED_AT,
	SESSION_END_REASON,
	SESSION_IP,
	SESSION_USER_AGENT,
	SESSION_COLUMNS = SESSION_USER_AGENT
};

/*
 * A session. Once its row is locked all of it; texts in the memory of who locked it. Until then its
 * user alone.
 */
typedef struct SessionRow
{
	char *user_id;
	char *tenant_id; /* or NULL */
	char *actor;     /* the same */
	uint64 counter;
	unsigned char hash[REFRESH_HASH_BYTES];
	TimestampTz refreshed_at;
	TimestampTz expires_at;
	bool ended;
	Relation rel;
	Snapshot snapshot;
	ItemPointerData tid;  /* the version that this sees */
	TupleTableSlot *slot; /* the last one */
} SessionRow;

/* What a token of a session is, stored: the counter, the hash of its proof, and its end. */
typedef struct SessionToken
{
	uint64 counter;
	const unsigned char *hash;
	TimestampTz issued_at;
	TimestampTz expires_at;
} SessionToken;

/*
 * Write the row of a new session. actor: who acts as the user. ip 0, texts NULL: none, not known.
 */
extern void session_row_write(const pg_uuid_t *id, const char *user_id, const char *tenant_id,
							  const char *actor, const SessionToken *token, Datum ip,
							  text *user_agent);

/* Find a session. False: there is none. True: session_row_close() is due. */
extern bool session_row_find(const pg_uuid_t *id, SessionRow *row);

/*
 * Lock and read a session that was found, to the end of the transaction, in its last version,
 * whatever the snapshot of the transaction; but in SERIALIZABLE one that it does not see is 40001.
 * False: it has gone, and is closed.
 */
extern bool session_row_lock(SessionRow *row);
extern void session_row_close(SessionRow *row);

/*
 * Write its next token, and the tenant that it is in; ip 0: the address stays. Or the tenant alone.
 * Or end it, unless it has ended. One of these, once.
 */
extern void session_row_rotate(SessionRow *row, const SessionToken *token, Datum ip,
							   const char *tenant_id);
extern void session_row_move(SessionRow *row, const char *tenant_id);
extern void session_row_end(SessionRow *row, const char *reason);

/* Is there a session of this id that has not ended, and is it this user's? Registered snapshot. */
extern bool session_row_is_live(const pg_uuid_t *id, const char *user_id, Snapshot snapshot);

/*
 * May there be a session of this user, ended or not, by a snapshot of now? Without an index there
 * may.
 */
extern bool session_rows_any(const char *user_id);

/* How many blocks the sessions take. */
extern BlockNumber session_rows_blocks(void);

/*
 * End the sessions of a user, row by row, as session_row_find() finds them. What the running
 * command has changed is left as it is. False: there is no index to find them by.
 */
extern bool session_rows_end(const char *user_id, const char *reason);

#endif /* PGACCOUNT_SESSION_ROW_H */
