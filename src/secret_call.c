/*
 * secret_call.c
 *		Calls that carry a password, a token or a key: what they raise is logged without the statement.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "secret_call.h"

/* Whatever is raised underneath, keep the statement and the context out of the log. */
static void
hide_statement(void *arg)
{
	errhidestmt(true);
	errhidecontext(true);
}

/* Begin to hide statements. */
void
secret_call_begin(ErrorContextCallback *callback)
{
	callback->callback = hide_statement;
	callback->arg = NULL;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

/* Stop hiding statements. A cancellation that is pending is taken here, while they are hidden. */
void
secret_call_end(ErrorContextCallback *callback)
{
	CHECK_FOR_INTERRUPTS();
	error_context_stack = callback->previous;
}
