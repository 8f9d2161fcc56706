/*
 * subtransaction.h
 *		Work that is undone if it fails.
 */
#ifndef PGACCOUNT_SUBTRANSACTION_H
#define PGACCOUNT_SUBTRANSACTION_H

#include "postgres.h"

/* What is to be done, in the caller's memory context; false: undo it, without an error. */
typedef bool (*SubtransactionWork)(void *arg);

/*
 * Do it in a subtransaction. NULL: it has not failed. Else it is undone, and the error is an
 * answer, in the caller's memory context, or is raised again with ReThrowError().
 */
extern ErrorData *subtransaction_run(SubtransactionWork work, void *arg);

/* Raise an error again that says nothing of the work: it was cancelled, or lacked resources. */
extern void error_raise_foreign(ErrorData *error);

#endif /* PGACCOUNT_SUBTRANSACTION_H */
