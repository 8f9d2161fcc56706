/*
 * operation.h
 *		Calls of public functions: measured, counted, and their failures remembered.
 */
#ifndef PGACCOUNT_OPERATION_H
#define PGACCOUNT_OPERATION_H

#include "fmgr.h"

/* A public function, as statistics and events name it. */
typedef struct Operation
{
	const char *name;
	int subject; /* the text argument that says whom it is about; NO_SUBJECT: none does */
} Operation;

#define NO_SUBJECT (-1)

/*
 * In place of PG_FUNCTION_INFO_V1: defines function(PG_FUNCTION_ARGS), which measures and counts its
 * calls under this name, and remembers those that fail. The room defines function_operation with the same
 * arguments, static, which does the work.
 */
#define ACCOUNT_OPERATION(function, name, subject)                                                 \
	static Datum function##_operation(PG_FUNCTION_ARGS);                                           \
	PG_FUNCTION_INFO_V1(function);                                                                 \
	Datum function(PG_FUNCTION_ARGS)                                                               \
	{                                                                                              \
		static const Operation operation = {name, subject};                                        \
                                                                                                   \
		return operation_run(&operation, function##_operation, fcinfo);                            \
	}                                                                                              \
	extern Datum function(PG_FUNCTION_ARGS)

/* Run the body of an operation; see ACCOUNT_OPERATION. */
extern Datum operation_run(const Operation *operation, PGFunction body, FunctionCallInfo fcinfo);

/* Milliseconds since the outermost operation that is running began; since the statement began, if none is. */
extern double operation_elapsed_ms(void);

#endif /* PGACCOUNT_OPERATION_H */
