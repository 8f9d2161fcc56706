/*
 * key_bitmap.c
 *		Sets of integers that are asked for one by one, many times.
 *
 * A hash table of words of 64 bits, each for 64 neighbouring integers. Keys mostly come from sequences,
 * so that a word has many of them: a set of 200,000 stays in the processor's nearest cache, where a
 * hash table of rows does not. Keys that are far from each other take 24 bytes and up each, which is why
 * a set has a limit.
 */
#include "postgres.h"

#include "key_bitmap.h"

typedef struct KeyWord
{
	int64 number; /* hash key: the integers divided by 64 */
	uint64 bits;
	char status;
} KeyWord;

/* Neighbouring words must not be neighbours in the table: runs would grow together. */
#define WORD_HASH(number)    ((uint32) (((uint64) (number) *UINT64CONST(0x9E3779B97F4A7C15)) >> 32))

#define SH_PREFIX            words
#define SH_ELEMENT_TYPE      KeyWord
#define SH_KEY_TYPE          int64
#define SH_KEY               number
#define SH_HASH_KEY(tb, key) WORD_HASH(key)
#define SH_EQUAL(tb, a, b)   ((a) == (b))
#define SH_SCOPE             static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

struct KeyBitmap
{
	words_hash *words;
	uint64 most; /* words */
	bool whole;
};

/* An empty set. */
KeyBitmap *
key_bitmap_make(int kilobytes)
{
	KeyBitmap *bitmap = palloc(sizeof(KeyBitmap));

	bitmap->words = words_create(CurrentMemoryContext, 256, NULL);
	/* the table doubles, and has its old self beside it while it does */
	bitmap->most = (uint64) kilobytes * 1024 / sizeof(KeyWord) / 3;
	bitmap->whole = true;
	return bitmap;
}

/* Add a key. */
bool
key_bitmap_add(KeyBitmap *bitmap, int64 key)
{
	uint64 bit = UINT64CONST(1) << (key & 63);
	KeyWord *word;
	bool found;

	if (!bitmap->whole)
		return false;
	word = words_insert(bitmap->words, key >> 6, &found);
	if (!found)
		word->bits = 0;
	if ((word->bits & bit) != 0)
		return false;
	word->bits |= bit;
	bitmap->whole = bitmap->words->members < bitmap->most;
	return true;
}

/* Is the key in the set? */
bool
key_bitmap_contains(KeyBitmap *bitmap, int64 key)
{
	KeyWord *word = words_lookup(bitmap->words, key >> 6);

	return word != NULL && (word->bits & (UINT64CONST(1) << (key & 63))) != 0;
}

/* Has every key been kept? */
bool
key_bitmap_is_whole(const KeyBitmap *bitmap)
{
	return bitmap->whole;
}
