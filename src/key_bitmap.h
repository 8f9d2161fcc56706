/*
 * key_bitmap.h
 *		Sets of integers that are asked for one by one, many times.
 */
#ifndef PGACCOUNT_KEY_BITMAP_H
#define PGACCOUNT_KEY_BITMAP_H

typedef struct KeyBitmap KeyBitmap;

/* An empty set, in the current memory context, of at most this many kB. */
extern KeyBitmap *key_bitmap_make(int kilobytes);

/*
 * Add a key; true: it is new. Once the set has outgrown its memory nothing is added any more: see
 * key_bitmap_is_whole().
 */
extern bool key_bitmap_add(KeyBitmap *bitmap, int64 key);

/* Is the key in the set? */
extern bool key_bitmap_contains(KeyBitmap *bitmap, int64 key);

/* Has every key been kept? */
extern bool key_bitmap_is_whole(const KeyBitmap *bitmap);

#endif /* PGACCOUNT_KEY_BITMAP_H */
