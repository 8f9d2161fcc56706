/*
 * token_known.c
 *		Access tokens that this backend has checked before.
 *
 * An application sends the same token with each of its requests. What does not change about it (its
 * signature is right, its claims are these) is kept, for as long as the keys are the same; what does (exp
 * and nbf against the clock, iss and aud against the settings) is asked each time.
 *
 * The last characters of a token, which are of the signature, say in which row of places it is; it drives
 * out the one of that row that was not asked for the longest. So memory is bounded by the number of
 * places, each of at most a few kilobytes. Only whole tokens are compared, the signature first and in
 * constant time: a guess learns nothing of what is kept.
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

#define ROWS           64
#define PLACES_PER_ROW 4
#define LONGEST_KEPT   4096

/* So many characters at the end of a token are of its signature, and more than can be guessed. */
#define SIGNATURE_TAIL 43

/* A token, and all that was read from it, in a memory context of its own. */
typedef struct KnownToken
{
	uint64 keys; /* the state of the keys that it was checked with; 0: nothing is kept */
	uint64 used; /* by the count of uses, when last */
	text *token;
	CheckedToken checked;
	MemoryContext context;
} KnownToken;

static KnownToken *places[ROWS][PLACES_PER_ROW];
static uint64 checks = 0;
static uint64 uses = 0;

/* Is it this token that is kept, checked with the keys in this state? */
static bool
keeps(const KnownToken *known, uint64 keys, const char *token, size_t len)
{
	size_t tail = Min(len, SIGNATURE_TAIL);
	const char *kept;

	if (known->keys != keys || VARSIZE_ANY_EXHDR(known->token) != len)
		return false;
	kept = VARDATA_ANY(known->token);
	return sodium_memcmp(kept + len - tail, token + len - tail, tail) == 0 &&
		   memcmp(kept, token, len - tail) == 0;
}

/* Make an empty place. */
static KnownToken *
make_place(void)
{
	KnownToken *made = MemoryContextAllocZero(TopMemoryContext, sizeof(KnownToken));

	made->context =
		AllocSetContextCreate(TopMemoryContext, "pgaccount token", ALLOCSET_SMALL_SIZES);
	return made;
}

/* The place of a token; *kept: it is there, else what is there is to be driven out. */
static KnownToken *
place_of(const char *token, size_t len, bool *kept)
{
	size_t tail = Min(len, 16);
	KnownToken **row =
		places[hash_bytes((const unsigned char *) token + len - tail, (int) tail) % ROWS];
	KnownToken *oldest = row[0];
	uint64 keys = key_store_state();

	*kept = false;
	for (int i = 0; i < PLACES_PER_ROW; i++)
	{
		if (row[i] == NULL)
			return row[i] = make_place();
		*kept = keeps(row[i], keys, token, len);
		if (*kept)
			return row[i];
		if (row[i]->used < oldest->used)
			oldest = row[i];
	}
	return oldest;
}

/* Check a token anew, in its place. */
static JwtResult
check_anew(KnownToken *known, text *token)
{
	MemoryContext old;
	JwtResult result;

	checks++;
	known->keys = 0;
	known->used = 0; /* what is refused is driven out first */
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
	bool kept;
	KnownToken *known = place_of(bytes, len, &kept);
	JwtResult result;

	*checked = &known->checked;
	if (!kept)
	{
		result = check_anew(known, token);
		if (len > LONGEST_KEPT)
			known->keys = 0; /* good for this call: its memory goes with the next */
		else if (result == JWT_OK)
			known->used = ++uses;
		return result;
	}
	known->used = ++uses;
	result =
		jwt_check_times(&known->checked.times, jwt_now(), (int64) pgaccount_leeway * USECS_PER_SEC);
	return result == JWT_OK ? jwt_check_parties(known->checked.members) : result;
}
