/*
 * throttle.h
 *		Failed logins, counted in shared memory, where no ROLLBACK reaches.
 */
#ifndef PGACCOUNT_THROTTLE_H
#define PGACCOUNT_THROTTLE_H

#include "digest_table.h"

/* Bytes of a key: a digest of a login or an address. */
#define THROTTLE_KEY_BYTES DIGEST_BYTES

/* Ask for shared memory. Effective only while the server preloads its libraries. */
extern void throttle_init(void);

/*
 * Count an attempt that is beginning, as a failure for now. False: too many of this key have failed
 * in the window; then it is not counted. Always true where the library was not preloaded.
 */
extern bool throttle_begin(const unsigned char *key);

/* Count an attempt that is beginning, however many have failed. */
extern void throttle_add(const unsigned char *key);

/* The attempt was no failure: take it back. */
extern void throttle_take_back(const unsigned char *key);

/* Forget the failures of a key. */
extern void throttle_reset(const unsigned char *key);

#endif /* PGACCOUNT_THROTTLE_H */
