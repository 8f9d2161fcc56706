/*
 * token_cache.c
 *		Access tokens that this backend has checked before.
 *
 * An application sends the same token with each of its requests. What does not change about it (its
 * signature is right, its claims are these) is kept, for as long as the keys are the same; what
 * does (exp and nbf against the clock, iss and aud against the settings) is asked each time.
 *
 * As many are kept as pgaccount.known_tokens says; one more drives out the one that was not asked
 * for the longest. Only what has been checked gets in, so that nobody drives out tokens by forging
 * others. They are found by the last characters of their signatures, and compared as a whole, the
 * signature first and in constant time: a guess learns nothing of what is kept.
 */
#include "postgres.h"

#include <sodium.h>

#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "jwt/jwt.h"
#include "key_store.h"
#include "session_use.h"
#include "token_cache.h"

/* Longer tokens are not kept. */
#define LONGEST_KEPT 4096

/* So many characters at the end of a token are of its signature, and more than can be guessed. */
#define SIGNATURE_TAIL 43

/* By so many of them it is found. */
#define KEY_TAIL 16

/* A token, and all that was read from it, in a memory context of its own. */
typedef struct KnownToken
{
	dlist_node by_use; /* the last used first */
	char tail[KEY_TAIL];
	uint64 keys;          /* the state of the keys that it was checked with */
	TimestampTz noted_at; /* when a use of its session was written, or need not be */
	text *token;
	CheckedToken checked;
	MemoryContext context;
} KnownToken;

typedef struct KnownEntry
{
	char tail[KEY_TAIL];
	KnownToken *known;
} KnownEntry;

static HTAB *entries = NULL;
static dlist_head by_use = DLIST_STATIC_INIT(by_use);
static int kept = 0;

/* Where the next token is checked: its memory lasts until the one after that, kept or not. */
static KnownToken *spare = NULL;

static uint64 checks = 0;

/* The characters that a token is found by. */
static void
read_tail(const char *token, size_t len, char *tail)
{
	size_t n = Min(len, KEY_TAIL);

	memset(tail, 0, KEY_TAIL);
	memcpy(tail, token + len - n, n);
}

/* Is it this token that is kept, checked with the keys as they are? */
static bool
keeps(const KnownToken *known, const char *token, size_t len)
{
	size_t tail = Min(len, SIGNATURE_TAIL);
	const char *bytes = VARDATA_ANY(known->token);

	return known->keys == key_store_state() && VARSIZE_ANY_EXHDR(known->token) == len &&
		   sodium_memcmp(bytes + len - tail, token + len - tail, tail) == 0 &&
		   memcmp(bytes, token, len - tail) == 0;
}

/* The kept token of these characters, or NULL. */
static KnownToken *
find_known(const char *token, size_t len)
{
	char tail[KEY_TAIL];
	KnownEntry *entry;

	if (entries == NULL || len > LONGEST_KEPT || pgaccount_known_tokens == 0)
		return NULL;
	read_tail(token, len, tail);
	entry = hash_search(entries, tail, HASH_FIND, NULL);
	return entry != NULL && keeps(entry->known, token, len) ? entry->known : NULL;
}

/* A token is kept no more: its place is the spare one, or goes. */
static void
let_go(KnownToken *known)
{
	dlist_delete(&known->by_use);
	kept--;
	if (spare == NULL)
		spare = known;
	else
	{
		MemoryContextDelete(known->context);
		pfree(known);
	}
}

/* Keep the token in the spare place, which was checked. */
static void
keep(size_t len)
{
	KnownToken *known = spare;
	KnownToken *other;
	KnownEntry *entry;
	bool found;

	if (entries == NULL)
	{
		HASHCTL ctl = {.keysize = KEY_TAIL, .entrysize = sizeof(KnownEntry)};

		entries = hash_create("pgaccount tokens", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	read_tail(VARDATA_ANY(known->token), len, known->tail);
	entry = hash_search(entries, known->tail, HASH_ENTER, &found);
	other = found ? entry->known : NULL;
	entry->known = known;
	dlist_push_head(&by_use, &known->by_use);
	kept++;
	spare = NULL;
	if (other != NULL)
		let_go(other); /* it was checked with other keys, or ends like this one */
	while (kept > pgaccount_known_tokens)
	{
		other = dlist_tail_element(KnownToken, by_use, &by_use);
		(void) hash_search(entries, other->tail, HASH_REMOVE, NULL);
		let_go(other);
	}
}

/* Check a token anew, in the spare place. */
static JwtResult
check_anew(text *token)
{
	MemoryContext old;
	JwtResult result;

	checks++;
	if (spare == NULL)
	{
		KnownToken *made = MemoryContextAllocZero(TopMemoryContext, sizeof(KnownToken));

		made->context = AllocSetContextCreate(TopMemoryContext, "pgaccount token", 0, 2048, 8192);
		spare = made;
	}
	MemoryContextReset(spare->context);
	/* as they are before: a key that goes meanwhile makes another state */
	spare->keys = key_store_state();
	spare->noted_at = 0;
	old = MemoryContextSwitchTo(spare->context);
	spare->token = cstring_to_text_with_len(VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token));
	result = token_check(spare->token, &spare->checked, NULL, NULL);
	MemoryContextSwitchTo(old);
	return result;
}

/* Is a use of the session due to be written? See the header. */
bool
token_cache_due(const CheckedToken *checked, TimestampTz now)
{
	KnownToken *known = (KnownToken *) ((char *) unconstify(CheckedToken *, checked) -
										offsetof(KnownToken, checked));

	if (now - known->noted_at < SESSION_USE_GRAIN)
		return false;
	known->noted_at = now;
	return true;
}

/* How many tokens were taken apart so far. */
uint64
token_cache_checks(void)
{
	return checks;
}

/* Check a token; see the header. */
JwtResult
token_check_known(text *token, const CheckedToken **checked)
{
	const char *bytes = VARDATA_ANY(token);
	size_t len = VARSIZE_ANY_EXHDR(token);
	KnownToken *known = find_known(bytes, len);
	JwtResult result;

	if (known == NULL)
	{
		result = check_anew(token);
		*checked = &spare->checked;
		if (result == JWT_OK && len <= LONGEST_KEPT && pgaccount_known_tokens > 0)
			keep(len);
		return result;
	}
	dlist_move_head(&by_use, &known->by_use);
	*checked = &known->checked;
	result =
		jwt_check_times(&known->checked.times, jwt_now(), (int64) pgaccount_leeway * USECS_PER_SEC);
	return result == JWT_OK ? jwt_check_parties(known->checked.members) : result;
}
