/*
 * key_bitmap.h
 *		Sets of integers that are asked for one by one, many times.
 */
#ifndef PGACCOUNT_KEY_BITMAP_H
#define PGACCOUNT_KEY_BITMAP_H

typedef struct KeyBitmap KeyBitmap;

/* An empty set, in the current memory context. */
extern KeyBitmap *key_bitmap_make(void);

/* Add a key; true: it is new. */
extern bool key_bitmap_add(KeyBitmap *bitmap, int64 key);

/* Is the key in the set? */
extern bool key_bitmap_contains(KeyBitmap *bitmap, int64 key);

/*
 * Does the set take more than this many bytes? It may take twice as many for a moment when it
 * grows.
 */
extern bool key_bitmap_exceeds(const KeyBitmap *bitmap, Size bytes);

/* Called for each key. */
typedef void (*KeyCallback)(int64 key, void *arg);

/* Hand all keys to callback, neighbours together; the set must not change meanwhile. */
extern void key_bitmap_each(KeyBitmap *bitmap, KeyCallback callback, void *arg);

/* Called for 64 neighbouring keys from the first on, of which bits says which are in the set. */
typedef void (*WordCallback)(int64 first, uint64 bits, void *arg);

/* The same by words, in no order. */
extern void key_bitmap_each_word(KeyBitmap *bitmap, WordCallback callback, void *arg);

#endif /* PGACCOUNT_KEY_BITMAP_H */
