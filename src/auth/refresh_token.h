/*
 * refresh_token.h
 *		Refresh tokens: which session, the how manieth, and the proof that we made it.
 */
#ifndef PGACCOUNT_REFRESH_TOKEN_H
#define PGACCOUNT_REFRESH_TOKEN_H

#include "utils/uuid.h"

#define REFRESH_PROOF_BYTES 32
#define REFRESH_HASH_BYTES  32

/* A token taken apart. */
typedef struct RefreshToken
{
	pg_uuid_t session;
	uint64 counter;
	unsigned char proof[REFRESH_PROOF_BYTES];
} RefreshToken;

/* Make the token of a session with this counter, and the hash that is stored of it. */
extern text *refresh_token_make(const pg_uuid_t *session, uint64 counter, unsigned char *hash);

/* Take a token apart; false: we did not make it. Cheap, and reads no session. */
extern bool refresh_token_read(text *token, RefreshToken *read);

/* The hash that is stored of a token. */
extern void refresh_token_hash(const RefreshToken *token, unsigned char *hash);

/* A keyed hash of a text, for tables that must not show what was typed. */
extern void session_key_digest(const char *purpose, const char *value, unsigned char *digest);

#endif /* PGACCOUNT_REFRESH_TOKEN_H */
