/*
 * secret_call.c
 *		Calls that carry a password, a token or a key: what they raise is logged without the statement.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "operation.h"
#include "run_as.h"
#include "secret_call.h"

/*
 * Whatever is raised underneath, keep the statement and the context out of the log. Code of others sees no context of
 * the call: statements of the caller's functions may carry the secret, too. arg: what comes next.
 */
static void
hide_statement(void *arg)
{
	ErrorContextCallback *callback = error_context_stack;

	errhidestmt(true);
	errhidecontext(true);
	while (callback->callback != hide_statement || callback->arg != arg)
		callback = callback->previous;
	callback->previous = run_as_other() ? NULL : arg;
}

/* Begin to hide statements. */
void
secret_call_begin(ErrorContextCallback *callback)
{
	callback->callback = hide_statement;
	callback->arg = error_context_stack;
	callback->previous = error_context_stack;
	error_context_stack = callback;
	operation_is_secret();
}

/* Stop hiding statements. A cancellation that is pending is taken here, while they are hidden. */
void
secret_call_end(ErrorContextCallback *callback)
{
	CHECK_FOR_INTERRUPTS();
	error_context_stack = callback->arg;
}
