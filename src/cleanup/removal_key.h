/*
 * removal_key.h
 *		The key of the row that a removal is about, as it lasts.
 */
#ifndef PGACCOUNT_REMOVAL_KEY_H
#define PGACCOUNT_REMOVAL_KEY_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "base/base.h"

/*
 * The text that names the same rows in every session, whatever is changed meanwhile, and is one for
 * each row: its primary key. The one that was given where the table has none, or the row is not
 * there. keys: those it names in this session. In the current memory context. Not within
 * SPI_connect.
 */
extern const char *removal_key_text(const KeySet *keys, const char *given);

/* The keys that such a text names. */
extern KeySet *removal_key_read(Oid target, const char *text);

#endif /* PGACCOUNT_REMOVAL_KEY_H */
