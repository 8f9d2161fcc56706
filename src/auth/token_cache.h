/*
 * token_cache.h
 *		Access tokens that this backend has checked before.
 */
#ifndef PGACCOUNT_TOKEN_CACHE_H
#define PGACCOUNT_TOKEN_CACHE_H

#ifndef IN_auth
#error "private to src/auth"
#endif

#include "token.h"

/*
 * The same as token_check() without a sink, but that a token seen before is not taken apart again.
 * On success *checked is valid while token_cache_checks() stays the same; it is not the caller's to
 * free.
 */
extern JwtResult token_check_known(text *token, const CheckedToken **checked);

/*
 * Is a use of the session of a token that token_check_known() gave out due to be written: is it
 * long since this was asked? Then it counts as written now.
 */
extern bool token_cache_due(const CheckedToken *checked, TimestampTz now);

/* How many tokens were taken apart so far. */
extern uint64 token_cache_checks(void);

#endif /* PGACCOUNT_TOKEN_CACHE_H */
