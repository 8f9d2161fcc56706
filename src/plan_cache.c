/*
 * plan_cache.c
 *		Prepared statements of the extension, kept per backend, and how they are run.
 *
 * Plans are kept by {kind, relation, other relation}. Texts hold names from the catalog, so a plan
 * that became invalid is thrown away and its text built anew by its room, as ri_triggers.c does.
 * Everything lives for the backend, in TopMemoryContext; an entry is valid from the moment its plan
 * pointer is stored.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "plan_cache.h"

typedef struct PlanKey
{
	int32 kind;
	Oid relid;
	Oid other;
} PlanKey;

typedef struct PlanEntry
{
	PlanKey key;
	SPIPlanPtr plan;
} PlanEntry;

static HTAB *plans = NULL;

/*
 * Plans that are not valid any more, freed at the end of the transaction: an outer call may still be
 * running one, while what it fires asks for it anew.
 */
static List *retired = NIL; /* in TopMemoryContext */

/* Set for the one planner call that makes a physical plan; see planning_physical(). */
static bool physical_planning = false;

/* The transaction is over, so nothing runs a retired plan. */
static void
transaction_ends(XactEvent event, void *arg)
{
	ListCell *lc;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	foreach (lc, retired)
		SPI_freeplan(lfirst(lc));
	list_free(retired);
	retired = NIL;
}

/* Set a plan aside, to be freed at the end of the transaction. */
static void
retire(SPIPlanPtr plan)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	retired = lappend(retired, plan);
	MemoryContextSwitchTo(old);
}

/* Make the empty cache. */
void
plan_cache_init(void)
{
	HASHCTL ctl = {.keysize = sizeof(PlanKey), .entrysize = sizeof(PlanEntry)};

	plans = hash_create("pgaccount plans", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	RegisterXactCallback(transaction_ends, NULL);
}

/* The kept plan, or NULL: none yet, or something it depends on changed. */
SPIPlanPtr
plan_lookup(PlanKind kind, Oid relid, Oid other)
{
	PlanKey key = {kind, relid, other};
	PlanEntry *entry = hash_search(plans, &key, HASH_FIND, NULL);

	if (entry == NULL || entry->plan == NULL)
		return NULL;
	if (SPI_plan_is_valid(entry->plan))
		return entry->plan;

	retire(entry->plan);
	entry->plan = NULL;
	return NULL;
}

/* Prepare sql and keep it, with the cursor options that say how to choose between plans. */
static SPIPlanPtr
keep(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs, Oid *argtypes, int options)
{
	PlanKey key = {kind, relid, other};
	PlanEntry *entry;
	SPIPlanPtr plan;
	bool found;

	plan = SPI_prepare_cursor(sql, nargs, argtypes, options);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare returned %s for %s", SPI_result_code_string(SPI_result), sql);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	entry = hash_search(plans, &key, HASH_ENTER, &found);
	if (found && entry->plan != NULL)
		retire(entry->plan);
	entry->plan = plan;
	return plan;
}

/* Prepare sql and keep it. */
SPIPlanPtr
plan_keep(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs, Oid *argtypes)
{
	return keep(kind, relid, other, sql, nargs, argtypes, 0);
}

/* Prepare sql and keep it, with one generic plan from the first run on. */
SPIPlanPtr
plan_keep_generic(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs, Oid *argtypes)
{
	return keep(kind, relid, other, sql, nargs, argtypes, CURSOR_OPT_GENERIC_PLAN);
}

/* The same for a statement that looks rows up by a key: its plan is made here and now. */
SPIPlanPtr
plan_keep_lookup(PlanKind kind, Oid relid, Oid other, const char *sql, int nargs, Oid *argtypes)
{
	SPIPlanPtr plan = plan_keep_generic(kind, relid, other, sql, nargs, argtypes);

	plan_make_without(plan, "enable_seqscan", NULL, NULL, NULL);
	return plan;
}

/* Act as role until run_as_end(). */
RoleState
run_as(Oid role)
{
	RoleState saved;

	GetUserIdAndSecContext(&saved.userid, &saved.sec_context);
	SetUserIdAndSecContext(role,
						   saved.sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	return saved;
}

/* The same as for DDL: what runs may not change the session's state, and lasts no longer than this. */
RoleState
run_as_restricted(Oid role)
{
	RoleState saved = run_as(role);

	SetUserIdAndSecContext(role, saved.sec_context | SECURITY_LOCAL_USERID_CHANGE |
									 SECURITY_NOFORCE_RLS | SECURITY_RESTRICTED_OPERATION);
	return saved;
}

/* Act as role where a superuser acts; see the header. */
RoleState
run_down_to(Oid role)
{
	RoleState saved;

	if (OidIsValid(role) && role != GetUserId() && superuser())
		return run_as(role);
	GetUserIdAndSecContext(&saved.userid, &saved.sec_context);
	return saved;
}

/* Forget a kept plan that a rule changed, and say so. */
void
plan_refuse(PlanKind kind, Oid relid, Oid other)
{
	PlanKey key = {kind, relid, other};
	PlanEntry *entry = hash_search(plans, &key, HASH_FIND, NULL);
	char *statement = "";

	if (entry != NULL && entry->plan != NULL)
	{
		CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(entry->plan));

		statement = pstrdup(source->query_string);
		retire(entry->plan);
		entry->plan = NULL;
	}
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("a rule on the table changes the statements of pgaccount"),
					errdetail("The statement was \"%s\".", statement),
					errhint("Drop the table's rules, or make them triggers.")));
}

/* Return to the caller's identity. */
void
run_as_end(RoleState saved)
{
	SetUserIdAndSecContext(saved.userid, saved.sec_context);
}

/* Look names up in pg_catalog alone until names_end(). */
int
names_begin(void)
{
	int saved = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return saved;
}

/* Look names up where the caller does. */
void
names_end(int saved)
{
	AtEOXact_GUC(false, saved);
}

/* Is the statement now being planned one of plan_run's physical ones? Asking consumes the mark. */
bool
planning_physical(void)
{
	bool result = physical_planning;

	physical_planning = false;
	return result;
}

/* Parameters of a plan, copied into the current context. */
static ParamListInfo
make_params(SPIPlanPtr plan, Datum *values, const char *nulls)
{
	int nargs = SPI_getargcount(plan);
	ParamListInfo params;

	if (nargs == 0)
		return NULL;
	params = makeParamList(nargs);
	for (int i = 0; i < nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = nulls != NULL && nulls[i] == 'n';
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = SPI_getargtypeid(plan, i);
	}
	return params;
}

/* The plan to run, planned anew as the plan cache decides; physical marks that planning. */
static CachedPlan *
get_plan(CachedPlanSource *source, ParamListInfo params, QueryEnvironment *env, bool physical)
{
	CachedPlan *volatile plan = NULL;

	PG_TRY();
	{
		physical_planning = physical;
		plan = GetCachedPlan(source, params, CurrentResourceOwner, env);
	}
	PG_FINALLY();
	{
		physical_planning = false;
	}
	PG_END_TRY();
	return plan;
}

/* Raise for a statement that a rule has made several of, or none. */
void
refuse_rules(const char *sql)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("a rule on the table changes the statements of pgaccount"),
					errdetail("The statement was \"%s\".", sql),
					errhint("Drop the table's rules, or make them triggers.")));
}

/*
 * Run a kept one-statement plan in a query descriptor of our own; latest: in a
 * snapshot of now rather than the transaction's; eflags go to ExecutorStart. The
 * plan may be thrown away meanwhile (a trigger's DDL): nothing but the plan the resource owner holds,
 * and a copy of its text, is used.
 */
static uint64
run(SPIPlanPtr plan, Datum *values, const char *nulls, QueryEnvironment *env, bool physical,
	ExecutorTweak tweak, void *arg, bool latest, int eflags)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
	ParamListInfo volatile params = make_params(plan, values, nulls);
	CachedPlan *cplan;
	PlannedStmt *stmt;
	QueryDesc *desc;
	uint64 processed;

	CommandCounterIncrement();
	PushCopiedSnapshot(latest ? GetLatestSnapshot() : GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();

	cplan = get_plan(source, params, env, physical);
	if (list_length(cplan->stmt_list) != 1)
		refuse_rules(source->query_string);
	stmt = linitial_node(PlannedStmt, cplan->stmt_list);

	desc = CreateQueryDesc(stmt, pstrdup(source->query_string), GetActiveSnapshot(),
						   InvalidSnapshot, None_Receiver, params, env, 0);
	ExecutorStart(desc, eflags);
	if (tweak != NULL)
		tweak(desc->estate, arg);
	compat_ExecutorRun(desc);
	processed = desc->estate->es_processed;
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	ReleaseCachedPlan(cplan, CurrentResourceOwner);
	PopActiveSnapshot();
	CommandCounterIncrement();
	return processed;
}

/* Run a kept plan as a statement of its own. */
uint64
plan_run(SPIPlanPtr plan, Datum *values, const char *nulls, QueryEnvironment *env, bool physical,
		 ExecutorTweak tweak, void *arg)
{
	return run(plan, values, nulls, env, physical, tweak, arg, false, 0);
}

/* Run a kept plan in a snapshot of now. */
uint64
plan_run_latest(SPIPlanPtr plan, Datum *values, const char *nulls, ExecutorTweak tweak, void *arg)
{
	return run(plan, values, nulls, NULL, false, tweak, arg, true, 0);
}

/* Look for one row in a snapshot of now. */
static bool
find_row(SPIPlanPtr plan, Datum *values, const char *nulls, bool locks)
{
	Snapshot snapshot;

	/* what this command has changed counts too */
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (SPI_execute_snapshot(plan, values, nulls, snapshot, InvalidSnapshot, !locks, locks, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not look for a row");
	UnregisterSnapshot(snapshot);
	return SPI_processed > 0;
}

/* Look for one row and lock it. */
bool
plan_lock_row(SPIPlanPtr plan, Datum *values, const char *nulls)
{
	return find_row(plan, values, nulls, true);
}

/* Is there a row? */
bool
plan_finds_row(SPIPlanPtr plan, Datum *values, const char *nulls)
{
	return find_row(plan, values, nulls, false);
}

/* Run a kept plan as part of the statement that is running. */
uint64
plan_run_within(SPIPlanPtr plan, Datum *values, const char *nulls, bool physical,
				ExecutorTweak tweak, void *arg)
{
	return run(plan, values, nulls, NULL, physical, tweak, arg, false, EXEC_FLAG_SKIP_TRIGGERS);
}

/* Turn a setting off until AtEOXact_GUC(). */
static void
turn_off(const char *setting)
{
	(void) set_config_option(setting, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/*
 * Plan without a kind of node until AtEOXact_GUC(), where that can be. Where it cannot, the cost of the plan is
 * beyond all measure, and it would be compiled each time it runs: a second for each login.
 */
static void
plan_without(const char *setting)
{
	turn_off(setting);
	turn_off("jit");
}

/* Make a kept plan now, without a kind of node. */
void
plan_make_without(SPIPlanPtr plan, const char *setting, Datum *values, const char *nulls,
				  QueryEnvironment *env)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
	int saved;

	if (source->gplan != NULL && source->gplan->is_valid)
		return;
	saved = NewGUCNestLevel();
	plan_without(setting);
	ReleaseCachedPlan(
		get_plan(source, values ? make_params(plan, values, nulls) : NULL, env, false),
		CurrentResourceOwner);
	AtEOXact_GUC(false, saved);
}

/* Plan a query; physical marks that planning. */
static PlannedStmt *
plan_query(Query *query, const char *sql, ParamListInfo params, bool physical)
{
	PlannedStmt *volatile plan = NULL;

	PG_TRY();
	{
		physical_planning = physical;
		plan = pg_plan_query(query, sql, 0, params);
	}
	PG_FINALLY();
	{
		physical_planning = false;
	}
	PG_END_TRY();
	return plan;
}

/* The parameters of a statement that is planned for one run. */
static ParamListInfo
once_params(const OneRun *run)
{
	ParamListInfo params;

	if (run->nargs == 0)
		return NULL;
	params = makeParamList(run->nargs);
	for (int i = 0; i < run->nargs; i++)
	{
		params->params[i].value = run->values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = run->types[i];
	}
	return params;
}

/* Push the snapshot that a statement is run in. */
static void
push_once_snapshot(const OneRun *run)
{
	CommandCounterIncrement();
	PushCopiedSnapshot(run->snapshot ? run->snapshot : GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
}

/* Analyse and plan a statement; the snapshot is pushed. */
static PlannedStmt *
make_once(const char *sql, const OneRun *run, ParamListInfo params)
{
	List *queries = pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, pg_parse_query(sql)),
													   sql, run->types, run->nargs, run->env);
	PlannedStmt *plan;
	int saved;

	if (list_length(queries) != 1)
		refuse_rules(sql);
	saved = NewGUCNestLevel();
	if (run->without != NULL)
		plan_without(run->without);
	plan = plan_query(linitial_node(Query, queries), sql, params, run->physical);
	AtEOXact_GUC(false, saved);
	return plan;
}

/* Plan a statement for one run. */
PlannedStmt *
plan_once(const char *sql, const OneRun *run)
{
	PlannedStmt *plan;

	push_once_snapshot(run);
	plan = make_once(sql, run, once_params(run));
	PopActiveSnapshot();
	return plan;
}

/* Plan a statement and run it once. */
uint64
run_once(const char *sql, const OneRun *run)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pgaccount statement", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ParamListInfo params = once_params(run);
	QueryDesc *desc;
	uint64 processed;

	push_once_snapshot(run);
	desc = CreateQueryDesc(run->plan ? run->plan : make_once(sql, run, params), sql,
						   GetActiveSnapshot(), InvalidSnapshot,
						   run->dest ? run->dest : None_Receiver, params, run->env, 0);
	ExecutorStart(desc, 0);
	if (run->tweak != NULL)
		run->tweak(desc->estate, run->arg);
	compat_ExecutorRun(desc);
	processed = desc->estate->es_processed;
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
	CommandCounterIncrement();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return processed;
}

/* SPI_execute of formatted text; raises unless it succeeds. */
uint64
run_sql(const char *fmt, ...)
{
	StringInfoData buf;
	int result;

	initStringInfo(&buf);
	for (;;)
	{
		va_list args;
		int needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&buf, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&buf, needed);
	}
	result = SPI_execute(buf.data, false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute returned %s for %s", SPI_result_code_string(result), buf.data);
	return SPI_processed;
}
