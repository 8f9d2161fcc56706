/*
 * master_key.h
 *		Sealing of secrets at rest with the key in pgaccount.master_key_file.
 */
#ifndef PGACCOUNT_MASTER_KEY_H
#define PGACCOUNT_MASTER_KEY_H

#ifndef IN_auth
#error "private to src/auth"
#endif

/* Is there a master key file? */
extern bool master_key_configured(void);

/* Seal len bytes: a palloc'd bytea. Raises 55000 if the file cannot be used. */
extern bytea *master_key_seal(const unsigned char *secret, size_t len);

/*
 * Open what master_key_seal made: palloc'd bytes, for the caller to wipe; *len gets their number.
 * Without raise, NULL where it cannot be opened; with it, 55000 says why.
 */
extern unsigned char *master_key_open(const bytea *sealed, size_t *len, bool raise);

#endif /* PGACCOUNT_MASTER_KEY_H */
