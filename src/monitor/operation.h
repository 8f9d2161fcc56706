/*
 * operation.h
 *		Calls of public functions: measured, counted, and their failures remembered.
 */
#ifndef PGACCOUNT_OPERATION_H
#define PGACCOUNT_OPERATION_H

#include "fmgr.h"
#include "portability/instr_time.h"
#include "utils/inet.h"

/* A public function, as statistics and events name it. */
typedef struct Operation
{
	const char *name;
	int subject; /* the argument that says whom it is about, if text; NO_SUBJECT: none does */
} Operation;

#define NO_SUBJECT (-1)

/*
 * In place of PG_FUNCTION_INFO_V1: defines function(PG_FUNCTION_ARGS), which measures and counts
 * its calls under this name, and remembers those that fail. The module defines function_operation
 * with the same arguments, static, which does the work.
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

/* A call that is running. Texts are cut to fit. */
typedef struct OperationFrame
{
	const Operation *operation;
	FunctionCallInfo fcinfo; /* NULL: no call of a function */
	MemoryContext context;
	struct OperationFrame *outer;
	instr_time start;
	uint32 inner_error; /* what an operation within this one has remembered; 0: nothing */
	bool secret;        /* its statement carries a secret */
	int refused;        /* SQLSTATE of a refusal that is data; 0: it is none */
	char refusal[40];
	char subject[128];
	char tenant_id[64];
	bool has_ip; /* it was given an address */
	union
	{
		inet ip;
		char ip_bytes[32];
		int32 aligned;
	};
} OperationFrame;

/*
 * The same for what is no function: begin, then end or, in PG_CATCH, fail, then throw on. The frame
 * is the caller's, and what was begun last ends first.
 */
extern void operation_begin(OperationFrame *frame, const Operation *operation,
							FunctionCallInfo fcinfo);
extern void operation_end(OperationFrame *frame);
extern void operation_fail(OperationFrame *frame);

/* Suspend a running operation, and resume it: its time goes on. */
extern void operation_suspend(OperationFrame *frame);
extern void operation_resume(OperationFrame *frame);

/* Say whom the running operation is about, for the event of its failure. NULL: not known. */
extern void operation_concerns(const char *subject, const char *tenant_id);

/* Say which address the running operation was given, for the same. NULL: the client's. */
extern void operation_comes_from(inet *ip);

/*
 * A call carries a password, a token or a key: the statement and context of whatever is raised
 * until secret_call_end() are not logged, and triggers of tables' owners see no statement; an error
 * ends it, too.
 */
extern void secret_call_begin(ErrorContextCallback *callback);
extern void secret_call_end(ErrorContextCallback *callback);

/*
 * The running operation is about to answer a refusal as data: it counts, and is logged, as a
 * failure.
 */
extern void operation_refused(int sqlerrcode, const char *reason);

/*
 * Milliseconds since the outermost operation that is running began; since the statement began, if
 * none is.
 */
extern double operation_elapsed_ms(void);

#endif /* PGACCOUNT_OPERATION_H */
