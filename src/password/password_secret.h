/*
 * password_secret.h
 *		A password in memory, which is wiped.
 */
#ifndef PGACCOUNT_PASSWORD_SECRET_H
#define PGACCOUNT_PASSWORD_SECRET_H

#ifndef IN_password
#error "private to src/password"
#endif

#include <sodium.h>

/* The longest password, in bytes of UTF-8. */
#define MAX_PASSWORD 4096

/* Is the password one that can be hashed? */
typedef enum SecretState
{
	SECRET_USABLE,
	SECRET_EMPTY,
	SECRET_TOO_LONG,
	SECRET_NOT_UTF8
} SecretState;

/* A password. It lives in the memory context that it names, and is wiped when that goes. */
typedef struct Secret
{
	MemoryContext context;
	MemoryContextCallback wipe;
	SecretState state;
	Size size;   /* bytes to wipe at value */
	text *value; /* the password in UTF-8, whatever the server's encoding; a NUL follows */
	crypto_auth_hmacsha256_state keyed;
} Secret;

/* Take a password, which lives until secret_free() or the end of the current memory context. */
extern Secret *secret_make(text *password);

/* Put other text in its place; the one before is wiped. */
extern void secret_replace(Secret *secret, const char *replacement, Size len);

/*
 * Bring it into Unicode's form NFKC (UAX #15). What is no UTF-8, in a database of SQL_ASCII, stays
 * as it is.
 */
extern void secret_normalize(Secret *secret);

/* Wipe and free. */
extern void secret_free(Secret *secret);

/* Raise 22023 unless the password can be hashed. */
extern void secret_require_usable(const Secret *secret);

#endif /* PGACCOUNT_PASSWORD_SECRET_H */
