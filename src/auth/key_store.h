/*
 * key_store.h
 *		The signing keys of this database, kept ready for use in each backend.
 */
#ifndef PGACCOUNT_KEY_STORE_H
#define PGACCOUNT_KEY_STORE_H

#include "jwt/jwt.h"

/* A key that is not retired. */
typedef struct StoredKey
{
	char *kid;
	int kid_len;
	bool signs;
	bool usable;  /* false: its secret is sealed and cannot be opened; EdDSA still verifies */
	char *header; /* of the tokens made with it, encoded */
	int header_len;
	JwtKey key;
} StoredKey;

/* Register the invalidation of the cache. Called by _PG_init. */
extern void key_store_init(void);

/*
 * The keys that are not retired, the one that signs first. Valid until the next call of a function
 * of this header. *nkeys gets their number. Reads the table only after a change; takes no role's
 * privileges.
 */
extern const StoredKey *key_store_keys(int *nkeys);

/*
 * Another number, never 0, whenever the keys may have changed. Asks for changes as key_store_keys()
 * does.
 */
extern uint64 key_store_state(void);

/* The key of this name, or NULL: unknown or retired. Raises 55000 if it cannot be used. */
extern const StoredKey *key_store_find(const char *kid, int kid_len);

/* The key that signs. Raises 55000 if there is none. */
extern const StoredKey *key_store_signing(void);

#endif /* PGACCOUNT_KEY_STORE_H */
