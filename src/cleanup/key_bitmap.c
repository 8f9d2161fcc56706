/*
 * key_bitmap.c
 *		Sets of integers that are asked for one by one, many times.
 *
 * A hash table of words of 64 bits, each for 64 neighbouring integers. Keys mostly come from
 * sequences, so that a word has many of them: a set of 200,000 stays in the processor's nearest
 * cache, where a hash table of rows does not. Keys that are far from each other take 24 bytes and
 * up each: callers look how large a set becomes.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"

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
	int64 last_number; /* the word asked for last; neighbours are asked for one after the other */
	uint64 last_bits;  /* 0 if there is none */
};

/* An empty set. */
KeyBitmap *
key_bitmap_make(void)
{
	KeyBitmap *bitmap = palloc(sizeof(KeyBitmap));

	bitmap->words = words_create(CurrentMemoryContext, 256, NULL);
	bitmap->last_number = 0;
	bitmap->last_bits = 0;
	return bitmap;
}

/* Add a key. */
bool
key_bitmap_add(KeyBitmap *bitmap, int64 key)
{
	uint64 bit = UINT64CONST(1) << (key & 63);
	KeyWord *word;
	bool found;

	word = words_insert(bitmap->words, key >> 6, &found);
	if (!found)
		word->bits = 0;
	if ((word->bits & bit) != 0)
		return false;
	word->bits |= bit;
	if (word->number == bitmap->last_number)
		bitmap->last_bits = word->bits;
	return true;
}

/* Is the key in the set? */
bool
key_bitmap_contains(KeyBitmap *bitmap, int64 key)
{
	int64 number = key >> 6;

	if (number != bitmap->last_number)
	{
		KeyWord *word = words_lookup(bitmap->words, number);

		bitmap->last_number = number;
		bitmap->last_bits = word ? word->bits : 0;
	}
	return (bitmap->last_bits & (UINT64CONST(1) << (key & 63))) != 0;
}

/* Does the set take more than this many bytes? */
bool
key_bitmap_exceeds(const KeyBitmap *bitmap, Size bytes)
{
	return bitmap->words->size * sizeof(KeyWord) > bytes;
}

/* Hand all keys to callback. */
void
key_bitmap_each(KeyBitmap *bitmap, KeyCallback callback, void *arg)
{
	words_iterator iterator;
	KeyWord *word;

	words_start_iterate(bitmap->words, &iterator);
	while ((word = words_iterate(bitmap->words, &iterator)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		for (uint64 bits = word->bits; bits != 0; bits &= bits - 1)
			callback(word->number * 64 + pg_rightmost_one_pos64(bits), arg);
	}
}

/* Hand all words to callback. */
void
key_bitmap_each_word(KeyBitmap *bitmap, WordCallback callback, void *arg)
{
	words_iterator iterator;
	KeyWord *word;

	words_start_iterate(bitmap->words, &iterator);
	while ((word = words_iterate(bitmap->words, &iterator)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		callback(word->number * 64, word->bits, arg);
	}
}
