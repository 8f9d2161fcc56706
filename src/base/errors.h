/*
 * errors.h
 *		SQLSTATEs of pgaccount (see account.http_status) and the macros that make them.
 */
#ifndef PGACCOUNT_ERRORS_H
#define PGACCOUNT_ERRORS_H

#include "utils/elog.h"

#include "compat.h"
#include "settings.h"

/*
 * Class PT: what PostgREST, and account.http_status for everyone else, turn into that HTTP status.
 */
#define ERRCODE_ACCOUNT_NOTHING_TO_DO   MAKE_SQLSTATE('P', 'T', '4', '0', '0')
#define ERRCODE_ACCOUNT_UNAUTHENTICATED MAKE_SQLSTATE('P', 'T', '4', '0', '1')
#define ERRCODE_ACCOUNT_FORBIDDEN       MAKE_SQLSTATE('P', 'T', '4', '0', '3')
#define ERRCODE_ACCOUNT_NOT_FOUND       MAKE_SQLSTATE('P', 'T', '4', '0', '4')
#define ERRCODE_ACCOUNT_CONFLICT        MAKE_SQLSTATE('P', 'T', '4', '0', '9')
#define ERRCODE_ACCOUNT_HELD            MAKE_SQLSTATE('P', 'T', '4', '2', '3')
#define ERRCODE_ACCOUNT_TOO_MANY        MAKE_SQLSTATE('P', 'T', '4', '2', '9')

/* Does pgaccount.error_detail allow row data in DETAIL? Use: errdetail_row("...", ...) */
#define errdetail_row(...)                                                                         \
	(pgaccount_error_detail == ERROR_DETAIL_VERBOSE ? errdetail(__VA_ARGS__)                       \
													: errdetail_log(__VA_ARGS__))

/*
 * Keep the statement and the context, either of which may carry a secret, out of the server's log.
 */
#define errhidesecrets() (errhidestmt(true), errhidecontext(true))

/*
 * Refuse a NULL argument of a function that is not STRICT, because NULL must not pass in silence.
 */
extern void refuse_null_argument(const char *argument);

/* The same in a function that is called with secrets: the log does not get the statement. */
extern void refuse_null_beside_secret(const char *argument);

/* With pgaccount.error_detail = 'generic': the DETAIL of an error goes to the log alone. */
extern void error_be_discreet(ErrorData *error);

/*
 * In PG_CATCH, once the memory context has been left: raise the error again. With
 * pgaccount.error_detail = 'generic' its DETAIL, which an application's table may have filled with
 * a row, goes to the log alone.
 */
extern void rethrow_discreetly(ErrorData *error);

#endif /* PGACCOUNT_ERRORS_H */
