/*
 * password_format.h
 *		Parsers of stored password hashes. They know no server and no tables, so they can be fuzzed
 *		alone.
 */
#ifndef PGACCOUNT_PASSWORD_FORMAT_H
#define PGACCOUNT_PASSWORD_FORMAT_H

#ifndef IN_password
#error "private to src/password"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How the digest was made. PBKDF2 and "hex digest first" are Django's, scrypt of the password in
 * Unicode's form NFKC is better-auth's; bcrypt and scrypt have many makers.
 */
typedef enum PasswordScheme
{
	PASSWORD_ARGON2ID,
	PASSWORD_ARGON2I,
	PASSWORD_PBKDF2_SHA256,
	PASSWORD_PBKDF2_SHA1,
	PASSWORD_BCRYPT,
	PASSWORD_BCRYPT_SHA256,
	PASSWORD_SCRYPT,
	PASSWORD_SCRYPT_NFKC
} PasswordScheme;

/* The longest text that is read at all: no maker comes near it. */
#define PASSWORD_HASH_MAX_TEXT 512

/*
 * Room for salt and digest; longer ones are refused. RFC 9106 wants 16 and 32, the widest seen is
 * 64.
 */
#define PASSWORD_MAX_SALT   128
#define PASSWORD_MAX_DIGEST 64

/* A bcrypt string: $2a$NN$, 22 characters of salt, 31 of digest. */
#define PASSWORD_BCRYPT_TEXT 60

/* A stored hash, taken apart. */
typedef struct PasswordHash
{
	PasswordScheme scheme;
	bool django;     /* in Django's form: the name of its hasher before the first dollar sign */
	uint32_t memory; /* argon2, scrypt: KiB */
	/* argon2: passes; PBKDF2: iterations; bcrypt: logarithm of the rounds; scrypt: N */
	uint32_t cost;
	uint32_t lanes;  /* argon2, scrypt: parallelism */
	uint32_t block;  /* scrypt: r, the size of a block */
	size_t salt_len; /* all but bcrypt */
	unsigned char salt[PASSWORD_MAX_SALT];
	size_t digest_len; /* all but bcrypt */
	unsigned char digest[PASSWORD_MAX_DIGEST];
	size_t text_len; /* argon2, bcrypt: the string without Django's prefix, NUL-terminated */
	char text[PASSWORD_HASH_MAX_TEXT + 1];
} PasswordHash;

/*
 * Take apart the len bytes at text. False: unusable, malformed or of no known format; *hash is then
 * undefined. Bcrypt strings come out with the prefix $2a$, whichever of $2a$, $2b$, $2y$ they had.
 */
extern bool password_format_parse(const char *text, size_t len, PasswordHash *hash);

/*
 * May a hash of this cost be computed? Argon2 and scrypt may take max_memory KiB, and argon2
 * max_work KiB times passes where that is less than what nobody may ask for; the others have bounds
 * of their own.
 */
extern bool password_format_affordable(const PasswordHash *hash, uint32_t max_memory,
									   uint64_t max_work);

/*
 * Would an argon2id hash of this work, KiB times passes, be better? Better than any format that
 * takes no memory; better than those that do unless they cost more. Never instead of a dearer one.
 */
extern bool password_format_is_lesser(const PasswordHash *hash, uint64_t work);

#endif /* PGACCOUNT_PASSWORD_FORMAT_H */
