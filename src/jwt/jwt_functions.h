/*
 * jwt_functions.h
 *		What the SQL functions over the codec share: refusals, times, prepared keys.
 */
#ifndef PGACCOUNT_JWT_FUNCTIONS_H
#define PGACCOUNT_JWT_FUNCTIONS_H

#include "fmgr.h"
#include "datatype/timestamp.h"

#include "base/base.h"
#include "jws.h"

/* Microseconds from 1970, where JOSE begins to count, to 2000, where PostgreSQL does. */
#define JWT_UNIX_TO_POSTGRES (((int64) POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* Make the cryptographic library ready. Called by _PG_init. */
extern void jwt_init(void);

/* Refuse a token: PT401. Neither the token nor the statement it came with is shown. */
compat_noreturn extern void refuse_token(JwtResult reason);

/* Refuse a key or algorithm: 22023. */
extern void refuse_key(JwtResult reason);

/* The algorithm of this name; 22023 for others. */
extern JwtAlg jwt_alg_argument(text *name);

/* The header of a token in the database's encoding, palloc'd. kid: NULL, or the name of its key. */
extern char *jwt_header(JwtAlg alg, const char *kid);

/* The clock, in microseconds since 1970. */
extern int64 jwt_now(void);

/* Are iss and aud of scanned claims what the settings ask for, where they ask? */
extern JwtResult jwt_check_parties(const JsonMember *members);

#endif /* PGACCOUNT_JWT_FUNCTIONS_H */
