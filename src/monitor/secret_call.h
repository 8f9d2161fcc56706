/*
 * secret_call.h
 *		Calls that carry a password, a token or a key: what they raise is logged without the statement.
 */
#ifndef PGACCOUNT_SECRET_CALL_H
#define PGACCOUNT_SECRET_CALL_H

#include "utils/elog.h"

/* Hide the statement and context of whatever is raised until secret_call_end(); an error ends it, too. */
extern void secret_call_begin(ErrorContextCallback *callback);
extern void secret_call_end(ErrorContextCallback *callback);

#endif /* PGACCOUNT_SECRET_CALL_H */
