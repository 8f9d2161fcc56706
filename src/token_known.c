/*
 * token_known.c
 *		Access tokens that this backend has checked before.
 *
 * An application sends the same token with each of its requests. What does not change about it (its
 * signature is right, its claims are these) is kept, for as long as the keys are the same; what does (exp
 * and nbf against the clock, iss and aud against the settings) is asked each time.
 *
 * A token has its place by its last characters, which are of the signature, and drives out the one that
 * was there: memory is bounded by the number of places, each of at most a few kilobytes. Only whole
 * tokens are compared, and in constant time: a guess learns nothing of what is kept.
 */
#include "postgres.h"

#include <sodium.h>

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "jwt_functions.h"
#include "key_store.h"
#include "settings.h"
#include "token_known.h"

#define PLACES       64
#define LONGEST_KEPT 4096

/* A token, and all that was read from it, in a memory context of its own. */
typedef struct KnownToken
{
	uint64 keys; /* the state of the keys that it was checked with; 0: nothing is kept */
	text *token;
	CheckedToken checked;
	MemoryContext context;
} KnownToken;

static KnownToken *places[PLACES];
static uint64 checks = 0;

/* The place of a token, made when it is asked for the first time. */
static KnownToken *
place_of(const char *token, size_t len)
{
	size_t tail = Min(len, 16);
	KnownToken **place =
		&places[hash_bytes((const unsigned char *) token + len - tail, (int) tail) % PLACES];

	if (*place == NULL)
	{
		KnownToken *made = MemoryContextAllocZero(TopMemoryContext, sizeof(KnownToken));

		made->context =
			AllocSetContextCreate(TopMemoryContext, "pgaccount token", ALLOCSET_SMALL_SIZES);
		*place = made;
	}
	return *place;
}

/* Check a token anew, in its place. */
static JwtResult
check_anew(KnownToken *known, text *token)
{
	MemoryContext old;
	JwtResult result;

	checks++;
	known->keys = 0;
	MemoryContextReset(known->context);
	old = MemoryContextSwitchTo(known->context);
	known->token = cstring_to_text_with_len(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token));
	result = token_check(known->token, &known->checked, NULL, NULL);
	MemoryContextSwitchTo(old);
	if (result == JWT_OK)
		known->keys = key_store_state();
	return result;
}

/* How many tokens were taken apart so far. */
uint64
token_known_checks(void)
{
	return checks;
}

/* Check a token; see the header. */
JwtResult
token_check_known(text *token, const CheckedToken **checked)
{
	const char *bytes = VARDATA_ANY(token);
	size_t len = VARSIZE_ANY_EXHDR(token);
	KnownToken *known = place_of(bytes, len);
	JwtResult result;

	*checked = &known->checked;
	if (known->keys == 0 || known->keys != key_store_state() ||
		VARSIZE_ANY_EXHDR(known->token) != len ||
		sodium_memcmp(VARDATA_ANY(known->token), bytes, len) != 0)
	{
		result = check_anew(known, token);
		if (len > LONGEST_KEPT)
			known->keys = 0; /* good for this call: its memory goes with the next */
		return result;
	}
	result =
		jwt_check_times(&known->checked.times, jwt_now(), (int64) pgaccount_leeway * USECS_PER_SEC);
	return result == JWT_OK ? jwt_check_parties(known->checked.members) : result;
}
