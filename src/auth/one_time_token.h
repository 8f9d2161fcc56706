/*
 * one_time_token.h
 *		Tokens that are shown once, and used once: of an invitation, of a mail.
 */
#ifndef PGACCOUNT_ONE_TIME_TOKEN_H
#define PGACCOUNT_ONE_TIME_TOKEN_H

#include "fmgr.h"

/* Make a token, and the hash that is stored of it. */
extern text *one_time_token_make(bytea **hash);

/* The hash that is stored of the token in argument n; NULL: we made no such token. */
extern bytea *one_time_token_hash(FunctionCallInfo fcinfo, int n);

/*
 * The argument ttl of what (the subject of a sentence), in microseconds; raises 22023 unless it is
 * longer than nothing, and at most ten years.
 */
extern int64 ttl_argument(FunctionCallInfo fcinfo, int n, const char *what);

#endif /* PGACCOUNT_ONE_TIME_TOKEN_H */
