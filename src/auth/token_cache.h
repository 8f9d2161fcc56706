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

/* How many tokens were taken apart so far. */
extern uint64 token_cache_checks(void);

#endif /* PGACCOUNT_TOKEN_CACHE_H */
