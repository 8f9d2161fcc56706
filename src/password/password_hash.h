/*
 * password_hash.h
 *		Hashing and verifying passwords.
 *
 * Arguments may be toasted; NULL pointers stand for SQL NULL. No function puts a password or a hash
 * into a message, and errors raised in them are logged without the statement.
 */
#ifndef PGACCOUNT_PASSWORD_HASH_H
#define PGACCOUNT_PASSWORD_HASH_H

/*
 * The argon2id hash of the password at the current cost, palloc'd. A NULL, empty or too long one:
 * 22023.
 */
extern text *password_hash(text *password);

/* The same in the form that Django reads: before the hash the name of its hasher. */
extern text *password_hash_django(text *password);

/* Is the hash one in that form? Of any hasher of Django's; not of what is no hash, or unusable. */
extern bool password_is_django(text *hash);

/* Is it the password of this hash? False also for what cannot be one or the other. */
extern bool password_verify(text *password, text *hash);

/*
 * The same, taking at least the time of a hash of the current cost, whatever the hash is: for
 * logins, so that time does not distinguish cheap, foreign, unusable and absent hashes from current
 * ones.
 */
extern bool password_verify_padded(text *password, text *hash);

/* The work of password_verify_padded() for a user that does not exist. */
extern void password_dummy_verify(text *password);

/*
 * What a login puts in place of a hash that it has verified, by pgaccount.rehash; NULL: it is kept.
 * The new one is in Django's form where the old one is, or where django says so and the old one is
 * no argon2id.
 */
extern text *password_rehash(text *password, text *hash, bool django);

/* Raise 22023 if a new password has fewer characters than pgaccount.password_min_length. */
extern void password_require_length(text *password, const char *argument);

extern void password_init(void);

#endif /* PGACCOUNT_PASSWORD_HASH_H */
