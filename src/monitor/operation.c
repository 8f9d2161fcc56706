/*
 * operation.c
 *		Calls of public functions: measured, counted, and their failures remembered.
 *
 * The frames of the calls that are running are on the C stack, chained. An error unwinds them: each
 * counts its own failure, and the innermost remembers it, in the queue and in the server's log,
 * before anybody can catch it. So a failure that a PL/pgSQL block swallows is remembered, and one
 * that nobody catches is remembered once.
 *
 * A session that fails without end fills neither the log nor the queue: what it may log and have
 * recorded is bounded, and what is left out is counted, in the statistics as any call, and reported
 * by one event (failure_queue.c), and in the log with the next failure that is logged, or at the
 * session's end.
 *
 * While an error is unwinding no catalog may be read: a record of a failure has what the call has
 * already. Its message goes with it, unless a procedural language raised it: an application's
 * trigger may put anything there, a row with its password hash too.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "actor.h"
#include "client.h"
#include "failure_queue.h"
#include "operation.h"
#include "stats.h"

/* A session may fail so often at once, and then so often a second, and each failure is reported. */
#define FAILURE_BURST       100
#define FAILURES_PER_SECOND 10

/* How many more failures may be reported now. */
typedef struct Allowance
{
	double left;
	TimestampTz at;
} Allowance;

/*
 * Of failures that raise, and of refusals, which are logged alone: one is not at the other's cost.
 */
static Allowance failure_allowance = {FAILURE_BURST, 0};
static Allowance refusal_allowance = {FAILURE_BURST, 0};

/* Failures of this session that were left out of the log, which has not reported them yet. */
static int64 unlogged = 0;

/* The operation that is running; NULL: none. */
static OperationFrame *current = NULL;

/* Milliseconds since a frame was begun. */
static double
elapsed_ms(const OperationFrame *frame)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, frame->start);
	return INSTR_TIME_GET_MILLISEC(now);
}

/* How long what is running has taken; see the header. */
double
operation_elapsed_ms(void)
{
	OperationFrame *frame = current;

	if (frame == NULL)
		return (double) (GetCurrentTimestamp() - GetCurrentStatementStartTimestamp()) / 1000.0;
	while (frame->outer != NULL)
		frame = frame->outer;
	return elapsed_ms(frame);
}

/* Copy a text into an array, as much of it as fits. */
static void
copy_clipped(char *target, size_t size, const char *text, size_t len)
{
	len = pg_mbcliplen(text, len, size - 1);
	memcpy(target, text, len);
	target[len] = '\0';
}

/* Say whom the running operation is about; see the header. */
void
operation_concerns(const char *subject, const char *tenant_id)
{
	if (current == NULL)
		return;
	if (subject != NULL)
		copy_clipped(current->subject, sizeof(current->subject), subject, strlen(subject));
	if (tenant_id != NULL)
		copy_clipped(current->tenant_id, sizeof(current->tenant_id), tenant_id, strlen(tenant_id));
}

/* Say which address the running operation was given; see the header. */
void
operation_comes_from(inet *ip)
{
	if (current == NULL || ip == NULL || VARSIZE(ip) > sizeof(current->ip_bytes))
		return;
	current->has_ip = true;
	memcpy(&current->ip, ip, VARSIZE(ip));
}

/*
 * The running operation's statement carries a secret: current_query() has none until its end, for
 * triggers of the tables' owners run meanwhile.
 */
static void
call_is_secret(void)
{
	if (current == NULL || current->fcinfo == NULL)
		return;
	current->secret = true;
	debug_query_string = NULL;
}

/*
 * Whatever is raised underneath, keep the statement and the context out of the log. Code of others
 * sees no context of the call: statements of the caller's functions may carry the secret, too. arg:
 * what comes next.
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
	call_is_secret();
}

/* Stop hiding statements. A cancellation that is pending is taken here, while they are hidden. */
void
secret_call_end(ErrorContextCallback *callback)
{
	CHECK_FOR_INTERRUPTS();
	error_context_stack = callback->arg;
}

/* The running operation is about to answer a refusal; see the header. */
void
operation_refused(int sqlerrcode, const char *reason)
{
	if (current == NULL)
		return;
	current->refused = sqlerrcode;
	strlcpy(current->refusal, reason, sizeof(current->refusal));
}

/* Whom the call is about, by its argument: only what can be read without asking anything. */
static void
take_subject(OperationFrame *frame)
{
	FunctionCallInfo fcinfo = frame->fcinfo;
	int n = frame->operation->subject;
	struct varlena *value;
	Oid type;

	if (frame->subject[0] != '\0' || fcinfo == NULL || n == NO_SUBJECT || fcinfo->nargs <= n ||
		fcinfo->args[n].isnull)
		return;
	type = get_fn_expr_argtype(fcinfo->flinfo, n);
	if (OidIsValid(type) && type != TEXTOID)
		return; /* an id of another type: whoever reads it says whose it is */
	value = (struct varlena *) DatumGetPointer(fcinfo->args[n].value);
	if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value))
		return;
	copy_clipped(frame->subject, sizeof(frame->subject), VARDATA_ANY(value),
				 VARSIZE_ANY_EXHDR(value));
}

/* May an error's message be remembered? */
static bool
message_is_known(const ErrorData *error)
{
	static const char *const languages[] = {"pl_exec.c", "plperl.c", "plpy_elog.c",
											"plpy_plpymodule.c", "pltcl.c"};
	const char *file = error->filename != NULL ? error->filename : "";
	const char *slash = strrchr(file, '/');

	if (slash != NULL)
		file = slash + 1;
	for (int i = 0; i < lengthof(languages); i++)
		if (strcmp(file, languages[i]) == 0)
			return false;
	return true;
}

/* May one more failure be reported? */
static bool
take_allowance(Allowance *allowance)
{
	TimestampTz now = GetCurrentTimestamp();

	if (now > allowance->at)
		allowance->left =
			Min(FAILURE_BURST, allowance->left + (double) (now - allowance->at) / USECS_PER_SEC *
													 FAILURES_PER_SECOND);
	allowance->at = now;
	if (allowance->left < 1)
		return false;
	allowance->left -= 1;
	return true;
}

/* The session ends: report what was left out of the log. */
static void
tell_unlogged(int code, Datum arg)
{
	if (unlogged > 0)
		ereport(LOG_SERVER_ONLY,
				(errmsg(INT64_FORMAT " failed operations of this session were left out", unlogged),
				 errhidestmt(true), errhidecontext(true)));
	unlogged = 0;
}

/* Leave a failure out of the log. */
static void
leave_out_of_log(void)
{
	static bool registered = false;

	unlogged++;
	if (!registered)
		before_shmem_exit(tell_unlogged, (Datum) 0);
	registered = true;
}

/* DETAIL in the server's log: whom an operation is about, and how long it took. */
static int
errdetail_operation(const Failure *failure)
{
	char address[64] = "";

	if (failure->has_ip &&
		pg_inet_net_ntop(ip_family(&failure->ip), ip_addr(&failure->ip), ip_bits(&failure->ip),
						 address, sizeof(address)) == NULL)
		address[0] = '\0';
	return errdetail_internal("actor=%s%s%s%s subject=%s tenant=%s ip=%s%s duration=%.3f ms",
							  failure->actor, failure->unverified[0] ? " (unverified)" : "",
							  failure->act[0] ? " act=" : "", failure->act, failure->subject,
							  failure->tenant_id, address,
							  failure->ip_unverified ? " (unverified)" : "", failure->duration_ms);
}

/* Write a failure to the server's log, never to the client, without the statement. */
static void
log_failure(const Failure *failure)
{
	char left_out[64] = "";

	if (unlogged > 0)
		snprintf(left_out, sizeof(left_out), " (" INT64_FORMAT " others were left out)", unlogged);
	ereport(LOG_SERVER_ONLY,
			(errcode(failure->sqlerrcode),
			 errmsg("operation \"%s\" failed: SQLSTATE %s%s%s%s", failure->operation,
					unpack_sql_state(failure->sqlerrcode), failure->message[0] ? ", " : "",
					failure->message, left_out),
			 errdetail_operation(failure), errhidestmt(true), errhidecontext(true)));
	unlogged = 0;
}

/* Is a call that took so long slow? */
static bool
is_slow(double ms)
{
	return pgaccount_slow_threshold >= 0 && ms >= pgaccount_slow_threshold;
}

/* A failure, as it is to be recorded. */
static void
describe_failure(Failure *failure, OperationFrame *frame, int sqlerrcode, const char *message,
				 double ms)
{
	const char *unverified = NULL;
	const char *actor = actor_for_record(&unverified);
	const char *act = actor_behind();
	const char *unverified_ip = NULL;
	inet *ip = frame->has_ip ? &frame->ip : client_ip(&unverified_ip);

	take_subject(frame);
	memset(failure, 0, sizeof(*failure));
	failure->at = GetCurrentTimestamp();
	failure->duration_ms = ms;
	failure->sqlerrcode = sqlerrcode;
	strlcpy(failure->operation, frame->operation->name, sizeof(failure->operation));
	strlcpy(failure->subject, frame->subject, sizeof(failure->subject));
	strlcpy(failure->tenant_id, frame->tenant_id, sizeof(failure->tenant_id));
	copy_clipped(failure->message, sizeof(failure->message), message, strlen(message));
	if (actor != NULL)
		copy_clipped(failure->actor, sizeof(failure->actor), actor, strlen(actor));
	if (act != NULL)
		copy_clipped(failure->act, sizeof(failure->act), act, strlen(act));
	if (unverified != NULL)
		strlcpy(failure->unverified, unverified, sizeof(failure->unverified));
	if (ip != NULL && VARSIZE(ip) <= sizeof(failure->ip_bytes))
	{
		failure->has_ip = true;
		failure->ip_unverified = unverified_ip != NULL;
		memcpy(&failure->ip, ip, VARSIZE(ip));
	}
}

/* Have a failure recorded, and log it; or leave it out. */
static void
tell_failure(OperationFrame *frame, int sqlerrcode, const char *message, double ms)
{
	Failure failure;

	if (!take_allowance(&failure_allowance))
	{
		if (pgaccount_log_events)
			failure_queue_leave_out();
		leave_out_of_log();
		return;
	}
	describe_failure(&failure, frame, sqlerrcode, message, ms);
	if (pgaccount_log_events)
		failure_queue_push(&failure);
	log_failure(&failure);
}

/* Log a refusal that is data, or leave it out; its event is the transaction's own. */
static void
tell_refusal(OperationFrame *frame, double ms)
{
	Failure failure;

	if (!take_allowance(&refusal_allowance))
	{
		leave_out_of_log();
		return;
	}
	describe_failure(&failure, frame, frame->refused, frame->refusal, ms);
	log_failure(&failure);
}

/*
 * Warn of a call that was slow, in the server's log alone: whoever sent a plain statement expects
 * no word of ours, and its client may take one for a failure.
 */
static void
warn_slow(OperationFrame *frame, double ms)
{
	int for_client = client_min_messages;
	Failure call;

	describe_failure(&call, frame, 0, "", ms);
	PG_TRY();
	{
		client_min_messages = ERROR;
		ereport(WARNING, (errmsg("operation \"%s\" was slow: %.3f ms", call.operation, ms),
						  errdetail_operation(&call),
						  errhint("Calls above pgaccount.slow_threshold (%d ms) are logged.",
								  pgaccount_slow_threshold),
						  errhidestmt(true), errhidecontext(true)));
	}
	PG_FINALLY();
	{
		client_min_messages = for_client;
	}
	PG_END_TRY();
}

/* Begin an operation. */
void
operation_begin(OperationFrame *frame, const Operation *operation, FunctionCallInfo fcinfo)
{
	frame->operation = operation;
	frame->fcinfo = fcinfo;
	frame->context = CurrentMemoryContext;
	frame->secret = false;
	frame->refused = 0;
	frame->inner_error = 0;
	frame->subject[0] = '\0';
	frame->tenant_id[0] = '\0';
	frame->has_ip = false;
	frame->outer = current;
	actor_note_session();
	INSTR_TIME_SET_CURRENT(frame->start);
	current = frame;
}

/* Suspend a running operation. */
void
operation_suspend(OperationFrame *frame)
{
	Assert(current == frame);
	current = frame->outer;
}

/* Take it up again. */
void
operation_resume(OperationFrame *frame)
{
	frame->outer = current;
	current = frame;
}

/* The operation came to its end. */
void
operation_end(OperationFrame *frame)
{
	StatsCall call = {frame->operation->name};

	Assert(current == frame);
	current = frame->outer;
	call.ms = elapsed_ms(frame);
	call.slow = is_slow(call.ms);
	call.sqlerrcode = frame->refused;
	call.message = frame->refused != 0 ? frame->refusal : NULL;
	stats_count(&call);
	if (frame->refused != 0)
		tell_refusal(frame, call.ms);
	if (call.slow)
		warn_slow(frame, call.ms);
}

/* The operation failed: an error is unwinding it, and goes on when this returns. */
void
operation_fail(OperationFrame *frame)
{
	MemoryContext old = MemoryContextSwitchTo(frame->context);
	StatsCall call = {frame->operation->name};
	ErrorData *error;
	const char *message;
	uint32 identity;

	/* first: the frame goes, also if there is no memory for the rest */
	current = frame->outer;
	error = CopyErrorData();
	message = message_is_known(error) && error->message != NULL ? error->message : "";
	identity =
		hash_bytes((const unsigned char *) message, strlen(message)) ^ (uint32) error->sqlerrcode;
	call.ms = elapsed_ms(frame);
	call.slow = is_slow(call.ms);
	call.sqlerrcode = error->sqlerrcode;
	call.message = message[0] != '\0' ? message : unpack_sql_state(error->sqlerrcode);
	stats_count(&call);
	/* an operation inside this one has remembered the same error */
	if (frame->inner_error != identity)
		tell_failure(frame, error->sqlerrcode, message, call.ms);
	if (frame->outer != NULL)
		frame->outer->inner_error = identity;
	if (call.slow)
		warn_slow(frame, call.ms);
	FreeErrorData(error);
	MemoryContextSwitchTo(old);
}

/* Fire the deferred triggers of a call. */
static void
fire_deferred(bool secret)
{
	ErrorContextCallback hiding;

	if (secret)
		secret_call_begin(&hiding);
	deferred_fire();
	if (secret)
		secret_call_end(&hiding);
}

/* Run the body of an operation. */
Datum
operation_run(const Operation *operation, PGFunction body, FunctionCallInfo fcinfo)
{
	OperationFrame frame;
	const char *query = debug_query_string;
	volatile Datum result = (Datum) 0;
	int depth = deferred_begin();

	operation_begin(&frame, operation, fcinfo);
	PG_TRY();
	{
		result = body(fcinfo);
		if (depth == 0)
			fire_deferred(frame.secret);
	}
	PG_CATCH();
	{
		debug_query_string = query;
		deferred_end(depth);
		operation_fail(&frame);
		PG_RE_THROW();
	}
	PG_END_TRY();
	debug_query_string = query;
	deferred_end(depth);
	operation_end(&frame);
	return result;
}
