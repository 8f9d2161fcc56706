/*
 * operation.c
 *		Calls of public functions: measured, counted, and their failures remembered.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/timestamp.h"

#include "operation.h"

/* Run the body of an operation. */
Datum
operation_run(const Operation *operation, PGFunction body, FunctionCallInfo fcinfo)
{
	return body(fcinfo);
}

/* How long what is running has taken; see the header. */
double
operation_elapsed_ms(void)
{
	return (double) (GetCurrentTimestamp() - GetCurrentStatementStartTimestamp()) / 1000.0;
}
