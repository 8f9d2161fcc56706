/*
 * discard_sometimes.c
 *		A server with assertions throws its caches away at one of so many steps, chosen at random.
 *
 * debug_discard_caches = 1 throws them away at every look into the catalogs, which takes some hundred
 * times as long. Here it is set, or not, at every step: a statement's start and end, whoever runs it,
 * each command, each call of a function, each object that a command makes or changes. Until the next
 * step it is as the whole suite under debug_discard_caches = 1 would have it. For test/discard-caches.
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "common/pg_prng.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static int every = 20;
static pg_prng_state state;
static object_access_hook_type next_object_access = NULL;
static ExecutorStart_hook_type next_start = NULL;
static ExecutorFinish_hook_type next_finish = NULL;
static ProcessUtility_hook_type next_utility = NULL;

/* Choose until the next step. */
static void
choose(void)
{
	debug_discard_caches = pg_prng_uint32(&state) % every == 0;
}

/* An object is made, changed, or about to be used. */
static void
object_accessed(ObjectAccessType access, Oid classId, Oid objectId, int subId, void *arg)
{
	choose();
	if (next_object_access)
		next_object_access(access, classId, objectId, subId, arg);
}

/* A statement starts. */
static void
start(QueryDesc *query, int flags)
{
	choose();
	if (next_start)
		next_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

/* Its triggers run. */
static void
finish(QueryDesc *query)
{
	choose();
	if (next_finish)
		next_finish(query);
	else
		standard_ExecutorFinish(query);
}

/* A command runs. */
static void
utility(PlannedStmt *statement, const char *sql, bool readOnlyTree, ProcessUtilityContext context,
		ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest,
		QueryCompletion *completion)
{
	choose();
	if (next_utility)
		next_utility(statement, sql, readOnlyTree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(statement, sql, readOnlyTree, context, params, environment, dest,
								completion);
}

void
_PG_init(void)
{
	DefineCustomIntVariable("discard_sometimes.every", "One of how many steps.", NULL, &every, 20,
							1, INT_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
	pg_prng_seed(&state, (uint64) GetCurrentTimestamp() ^ ((uint64) MyProcPid << 32));
	next_object_access = object_access_hook;
	object_access_hook = object_accessed;
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = start;
	next_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
}
