/*
 * statement.c
 *		How statements of the extension are run: the only way.
 *
 * SPI parses, plans and runs under one search_path. Ours are parsed under pg_catalog and run under that of
 * whoever they run as, so this does what SPI does, and leaves its results where SPI does.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "identifiers.h"
#include "judge.h"
#include "leaf_owners.h"
#include "statement.h"
#include "table_code.h"

/*
 * The text of ours that is being planned, perhaps twice, to compare a generic plan with another. What planning runs
 * meanwhile has texts of its own.
 */
static const char *planned_text = NULL;
static OwnStatement planned_as = NOT_OWN_STATEMENT;
static const char *planned_under = NULL; /* the search_path */

/* What is set while a statement of ours is planned, and was before. */
typedef struct PlanningState
{
	const char *text;
	OwnStatement as;
	const char *under;
	bool print_plan;
} PlanningState;

static SecretTable is_secret_table = NULL;

/* A receiver that leaves rows as SPI does. */
typedef struct RowsReceiver
{
	DestReceiver pub;
	SPITupleTable *table;
} RowsReceiver;

/* What the planner is planning. */
OwnStatement
planning_own(const char *sql)
{
	return sql != NULL && sql == planned_text ? planned_as : NOT_OWN_STATEMENT;
}

/* Plan a query, as whoever is to run it, if it is ours; see table_code.c. */
PlannedStmt *
plan_as_own(Query *query, const char *sql, int options, ParamListInfo params,
			planner_hook_type planner)
{
	PlannedStmt *volatile plan = NULL;
	int level = 0;
	Planning planning;

	if (planning_own(sql) == NOT_OWN_STATEMENT)
		return planner(query, sql, options, params);
	if (strcmp(planned_under, namespace_search_path) != 0) /* it was parsed anew */
		level = path_begin(planned_under);
	planning_begin(&planning, query);
	PG_TRY();
	{
		plan = planner(query, sql, options, params);
	}
	PG_FINALLY();
	{
		planning_end(&planning);
	}
	PG_END_TRY();
	if (level > 0)
		names_end(level);
	return plan;
}

/* Who knows the tables that hold secrets. */
void
statement_secrets_are(SecretTable is_secret)
{
	is_secret_table = is_secret;
}

/* Raise for a statement that a rule has made several of, none, or another. */
static void
refuse_rules(const char *sql)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("a rule on the table changes the statements of pgaccount"),
					errdetail("The statement was \"%s\".", sql),
					errhint("Drop the table's rules, or make them triggers.")));
}

/* What a text asks for. */
static CmdType
command_of(const RawStmt *raw)
{
	switch (nodeTag(raw->stmt))
	{
		case T_InsertStmt:
			return CMD_INSERT;
		case T_UpdateStmt:
			return CMD_UPDATE;
		case T_DeleteStmt:
			return CMD_DELETE;
		default:
			return CMD_SELECT;
	}
}

/* Parse and rewrite a text under pg_catalog; see the header. */
Query *
statement_analyze(RawStmt *raw, const char *sql, const Oid *types, int nargs, QueryEnvironment *env)
{
	int level = names_begin();
	List *queries = pg_analyze_and_rewrite_fixedparams(raw, sql, types, nargs, env);

	names_end(level);
	if (list_length(queries) != 1 || linitial_node(Query, queries)->commandType != command_of(raw))
		refuse_rules(sql);
	return linitial_node(Query, queries);
}

/* Parameters, in the current memory context. */
static ParamListInfo
make_params(int nargs, const Oid *types, Datum *values, const char *nulls)
{
	ParamListInfo params;

	if (nargs == 0)
		return NULL;
	params = makeParamList(nargs);
	for (int i = 0; i < nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = nulls != NULL && nulls[i] == 'n';
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = types[i];
	}
	return params;
}

/* Begin to plan. A plan has the values of parameters, hashes too: it is not printed, whatever the caller has set. */
static PlanningState
begin_planning(const char *sql, bool physical)
{
	PlanningState outer = {planned_text, planned_as, planned_under, Debug_print_plan};

	planned_text = sql;
	planned_as = physical ? OWN_PHYSICAL : OWN_LOGICAL;
	planned_under = namespace_search_path;
	Debug_print_plan = false;
	return outer;
}

/* Planned. */
static void
end_planning(PlanningState outer)
{
	planned_text = outer.text;
	planned_as = outer.as;
	planned_under = outer.under;
	Debug_print_plan = outer.print_plan;
}

/* The plan of a source to run, planned anew as the plan cache decides. */
static CachedPlan *
get_plan(CachedPlanSource *source, ParamListInfo params, QueryEnvironment *env, bool physical)
{
	CachedPlan *volatile plan = NULL;
	PlanningState outer = begin_planning(source->query_string, physical);

	plan_parsing();
	PG_TRY();
	{
		plan = GetCachedPlan(source, params, CurrentResourceOwner, env);
	}
	PG_FINALLY();
	{
		end_planning(outer);
	}
	PG_END_TRY();
	plan_parsed();
	return plan;
}

/* Plan a query. */
static PlannedStmt *
plan_query(Query *query, const char *sql, ParamListInfo params, bool physical)
{
	PlannedStmt *volatile plan = NULL;
	PlanningState outer = begin_planning(sql, physical);

	PG_TRY();
	{
		plan = pg_plan_query(query, sql, 0, params);
	}
	PG_FINALLY();
	{
		end_planning(outer);
	}
	PG_END_TRY();
	return plan;
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

/* Make the plan of a kept statement now, without a kind of node. */
void
statement_plan_without(KeptStatement *statement, const char *setting, Datum *values,
					   const char *nulls, QueryEnvironment *env)
{
	CachedPlanSource *source = plan_source(statement, env);
	const Oid *types;
	int nargs = plan_parameters(statement, &types);
	int level;

	if (source->gplan != NULL && source->gplan->is_valid)
		return;
	level = NewGUCNestLevel();
	plan_without(setting);
	ReleaseCachedPlan(
		get_plan(source, values ? make_params(nargs, types, values, nulls) : NULL, env, false),
		CurrentResourceOwner);
	AtEOXact_GUC(false, level);
}

/* ---- Rows, as SPI leaves them ---- */

/* The rows' form. */
static void
rows_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	SPITupleTable *table = ((RowsReceiver *) self)->table;
	MemoryContext old = MemoryContextSwitchTo(table->tuptabcxt);

	if (table->tupdesc == NULL)
		table->tupdesc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(old);
}

/* A row. */
static bool
rows_receive(TupleTableSlot *slot, DestReceiver *self)
{
	SPITupleTable *table = ((RowsReceiver *) self)->table;
	MemoryContext old = MemoryContextSwitchTo(table->tuptabcxt);

	if (table->numvals == table->alloced)
	{
		table->alloced = table->alloced * 2;
		table->vals = repalloc_huge(table->vals, table->alloced * sizeof(HeapTuple));
	}
	table->vals[table->numvals++] = ExecCopySlotHeapTuple(slot);
	MemoryContextSwitchTo(old);
	return true;
}

/* Nothing is left to do. */
static void
rows_end(DestReceiver *self)
{
}

/* Make a receiver, with an empty table in a memory context of its own. */
static RowsReceiver *
make_receiver(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "pgaccount rows", ALLOCSET_SMALL_SIZES);
	SPITupleTable *table = MemoryContextAllocZero(context, sizeof(SPITupleTable));
	RowsReceiver *receiver = MemoryContextAllocZero(context, sizeof(RowsReceiver));

	table->tuptabcxt = context;
	table->alloced = 4;
	table->vals = MemoryContextAlloc(context, table->alloced * sizeof(HeapTuple));
	receiver->pub.receiveSlot = rows_receive;
	receiver->pub.rStartup = rows_startup;
	receiver->pub.rShutdown = rows_end;
	receiver->pub.rDestroy = rows_end;
	receiver->pub.mydest = DestNone;
	receiver->table = table;
	return receiver;
}

/* Free the rows in SPI_tuptable. */
void
statement_free_rows(void)
{
	if (SPI_tuptable != NULL)
		MemoryContextDelete(SPI_tuptable->tuptabcxt);
	SPI_tuptable = NULL;
}

/* ---- Errors ---- */

/* No error shows so many characters of a hash. */
#define HASH_CHARS 10

/* Does the text of an error quote a value that may be a hash? The server quotes names, too, but these are no data. */
static bool
quotes_value(const char *text)
{
	const char *start = text;

	while ((start = strchr(start, '"')) != NULL)
	{
		const char *end = strchr(++start, '"');

		if (end == NULL || end - start >= HASH_CHARS)
			return true;
		start = end + 1;
	}
	return false;
}

/* Does the text of an error that is no data's, but about a name, quote a value that looks like a hash? */
static bool
names_hash(const char *text)
{
	const char *start = text;

	while ((start = strchr(start, '"')) != NULL)
	{
		const char *end = strchr(++start, '"');
		size_t len = end != NULL ? end - start : strlen(start);

		if (len >= HASH_CHARS && strcspn(start, "$:") < len)
			return true;
		if (end == NULL)
			return false;
		start = end + 1;
	}
	return false;
}

/* The name of a table if it holds secrets, else NULL. */
char *
statement_secret(Oid relid)
{
	return is_secret_table != NULL && is_secret_table(relid) ? get_rel_name(relid) : NULL;
}

/*
 * Raise an error again, without the values of the row; see the header. What an application's code raises (a RAISE of
 * PL/pgSQL's, of any SQLSTATE but of the server's own data exceptions) is its own text.
 */
void
statement_rethrow(MemoryContext context, const char *secret)
{
	ErrorData *error;
	int category;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
	/* such as the server's of a hash that an expression takes for the name of a table or a setting */
	if (secret != NULL && category != ERRCODE_TO_CATEGORY(ERRCODE_RAISE_EXCEPTION) &&
		names_hash(error->message))
		category = ERRCODE_DATA_EXCEPTION;
	switch (category)
	{
		case ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION:
			if (error->sqlerrcode != ERRCODE_CHECK_VIOLATION &&
				error->sqlerrcode != ERRCODE_NOT_NULL_VIOLATION &&
				(secret == NULL || (error->sqlerrcode != ERRCODE_EXCLUSION_VIOLATION &&
									(error->detail == NULL || strchr(error->detail, '$') == NULL))))
				break;
			error->detail = NULL;
			error->detail_log = NULL;
			break;
		case ERRCODE_DATA_EXCEPTION:
			if (secret == NULL)
				break;
			if (quotes_value(error->message))
				error->message = psprintf("an expression of table \"%s\" failed", secret);
			error->detail = "What else it says is not shown, as it may quote a password hash.";
			error->detail_log = NULL;
			error->hint = NULL;
			error->context = NULL;
			error->internalquery = NULL;
			break;
	}
	FlushErrorState();
	ReThrowError(error);
}

/* ---- Running ---- */

/* Push the snapshot that a statement is run in. */
static void
push_snapshot(const StatementOptions *options)
{
	Snapshot snapshot = options->snapshot;

	if (options->look == SNAPSHOT_ACTIVE)
	{
		PushActiveSnapshot(GetActiveSnapshot());
		return;
	}
	CommandCounterIncrement();
	if (snapshot == NULL)
		snapshot =
			options->look == SNAPSHOT_OF_NOW ? GetLatestSnapshot() : GetTransactionSnapshot();
	PushCopiedSnapshot(snapshot);
	UpdateActiveSnapshotCommandId();
}

/*
 * Parse and plan a text; the snapshot is pushed. The judge's policies and privileges are in it, if there is one.
 * tables: NIL, or the tables whose rows alone it writes, or does not write.
 */
static PlannedStmt *
plan_once(const char *sql, int nargs, const Oid *types, ParamListInfo params,
		  const StatementOptions *options, List *tables, bool others)
{
	RawStmt *raw = linitial_node(RawStmt, pg_parse_query(sql));
	Query *query;
	PlannedStmt *plan;
	RoleState owner;
	int level;

	if (options->judge != NULL)
		owner = run_as_caller(options->judge);
	query = statement_analyze(raw, sql, types, nargs, options->env);
	if (options->judge != NULL || tables != NIL) /* who starts it is another */
		privileges_of(query, GetUserId());
	if (options->judge != NULL)
		run_as_end(owner);
	if (tables != NIL)
		leaf_owners_restrict(query, tables, others);
	level = NewGUCNestLevel();
	if (options->without != NULL)
		plan_without(options->without);
	plan = plan_query(query, sql, params, options->physical);
	AtEOXact_GUC(false, level);
	return plan;
}

/* Start, run and end the executor; as: InvalidOid, or the role that acts. */
static uint64
execute(QueryDesc *desc, const StatementOptions *options, Oid as)
{
	int flags = options->within ? EXEC_FLAG_SKIP_TRIGGERS : 0;
	Judge judge = {.caller = options->judge};
	RoleState saved;
	uint64 processed;

	if (OidIsValid(as))
		saved = run_as(as);
	ExecutorStart(desc, flags);
	if (judge.caller != NULL)
		judge_begin(&judge, desc);
	if (options->tweak != NULL)
		options->tweak(desc->estate, options->arg);
	compat_ExecutorRun(desc, options->limit);
	processed = desc->estate->es_processed;
	ExecutorFinish(desc);
	if (judge.caller != NULL)
		judge_end(&judge);
	if (OidIsValid(as))
		run_as_end(saved);
	ExecutorEnd(desc);
	return processed;
}

/* Run a planned statement in the snapshot that is pushed. */
static uint64
run_planned(PlannedStmt *stmt, const char *sql, ParamListInfo params,
			const StatementOptions *options, DestReceiver *dest, Oid as)
{
	MemoryContext context = CurrentMemoryContext;
	bool other = run_as_other() || OidIsValid(as);
	Judge *judge = judge_now();
	QueryDesc *desc = CreateQueryDesc(stmt, sql, GetActiveSnapshot(), InvalidSnapshot, dest, params,
									  options->env, 0);
	volatile uint64 processed = 0;
	char *secret = NULL;

	if (stmt->commandType != CMD_SELECT && stmt->resultRelations != NIL && other)
		secret =
			statement_secret(rt_fetch(linitial_int(stmt->resultRelations), stmt->rtable)->relid);
	PG_TRY();
	{
		processed = execute(desc, options, as);
	}
	PG_CATCH();
	{
		judge_back_to(judge);
		if (!other)
			PG_RE_THROW();
		statement_rethrow(context, secret);
	}
	PG_END_TRY();
	FreeQueryDesc(desc);
	return processed;
}

/*
 * Run a statement that writes tables of several owners: once for each, over the owner's tables, in the same snapshot
 * but for what the ones before have changed.
 */
static uint64
run_by_owner(List *foreign, const char *sql, ParamListInfo params, const StatementOptions *options,
			 DestReceiver *dest)
{
	int nargs = params != NULL ? params->numParams : 0;
	Oid *types = palloc(Max(nargs, 1) * sizeof(Oid));
	List *owners = list_make1_oid(InvalidOid);
	uint64 processed = 0;
	ListCell *lc;

	for (int i = 0; i < nargs; i++)
		types[i] = params->params[i].ptype;
	foreach (lc, foreign)
		owners = list_append_unique_oid(owners, relation_owner(lfirst_oid(lc)));
	foreach (lc, owners)
	{
		Oid owner = lfirst_oid(lc);
		List *tables = NIL;
		ListCell *lc2;

		if (OidIsValid(owner))
			foreach (lc2, foreign)
				if (relation_owner(lfirst_oid(lc2)) == owner)
					tables = lappend_oid(tables, lfirst_oid(lc2));
		processed +=
			run_planned(plan_once(sql, nargs, types, params, options,
								  OidIsValid(owner) ? tables : foreign, !OidIsValid(owner)),
						sql, params, options, dest, owner);
		CommandCounterIncrement();
		UpdateActiveSnapshotCommandId();
	}
	return processed;
}

/* Run a planned statement; the snapshot is pushed, and popped. */
static uint64
run_plan(PlannedStmt *stmt, const char *sql, ParamListInfo params, const StatementOptions *options)
{
	RowsReceiver *receiver = options->dest == NULL ? make_receiver(CurrentMemoryContext) : NULL;
	DestReceiver *dest = receiver != NULL ? &receiver->pub : options->dest;
	List *foreign = leaf_owners_find(stmt);
	uint64 processed = foreign == NIL ? run_planned(stmt, sql, params, options, dest, InvalidOid)
									  : run_by_owner(foreign, sql, params, options, dest);

	PopActiveSnapshot();
	if (options->look != SNAPSHOT_ACTIVE)
		CommandCounterIncrement();
	SPI_processed = processed;
	SPI_tuptable = receiver != NULL ? receiver->table : NULL;
	return processed;
}

/*
 * Run a kept statement. It may be thrown away meanwhile (a trigger's DDL): nothing but the plan that the resource
 * owner holds, and a source that stays to the end of the transaction, is used.
 */
uint64
statement_run(KeptStatement *statement, Datum *values, const char *nulls,
			  const StatementOptions *options)
{
	static const StatementOptions plain = {0};
	const Oid *types;
	int nargs = plan_parameters(statement, &types);
	ParamListInfo params = make_params(nargs, types, values, nulls);
	CachedPlanSource *source;
	CachedPlan *plan;
	uint64 processed;

	if (options == NULL)
		options = &plain;
	push_snapshot(options);
	source = plan_source(statement, options->env);
	plan = get_plan(source, params, options->env, options->physical);
	if (list_length(plan->stmt_list) != 1)
	{
		char *sql = pstrdup(plan_text(statement));

		plan_forget(statement);
		refuse_rules(sql);
	}
	processed = run_plan(linitial_node(PlannedStmt, plan->stmt_list), source->query_string, params,
						 options);
	ReleaseCachedPlan(plan, CurrentResourceOwner);
	return processed;
}

/* Plan a text, to look at the plan first. */
PlannedStmt *
statement_plan_once(const char *sql, int nargs, const Oid *types, Datum *values,
					const StatementOptions *options)
{
	PlannedStmt *plan;

	push_snapshot(options);
	plan =
		plan_once(sql, nargs, types, make_params(nargs, types, values, NULL), options, NIL, false);
	PopActiveSnapshot();
	return plan;
}

/* Run a text that is planned for this run. */
uint64
statement_run_once(const char *sql, int nargs, const Oid *types, Datum *values, const char *nulls,
				   const StatementOptions *options)
{
	static const StatementOptions plain = {0};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context =
		AllocSetContextCreate(caller, "pgaccount statement", ALLOCSET_DEFAULT_SIZES);
	ParamListInfo params;
	PlannedStmt *plan;
	uint64 processed;

	if (options == NULL)
		options = &plain;
	MemoryContextSwitchTo(context);
	params = make_params(nargs, types, values, nulls);
	push_snapshot(options);
	plan = options->plan != NULL ? options->plan
								 : plan_once(sql, nargs, types, params, options, NIL, false);
	processed = run_plan(plan, sql, params, options);
	if (SPI_tuptable != NULL)
		MemoryContextSetParent(SPI_tuptable->tuptabcxt, caller);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return processed;
}

/* Look for a row. */
bool
statement_finds_row(KeptStatement *statement, Datum *values, const char *nulls)
{
	StatementOptions options = {.look = SNAPSHOT_OF_NOW, .limit = 1};

	return statement_run(statement, values, nulls, &options) > 0;
}

/* Run a formatted text without parameters. */
uint64
run_sql(const char *fmt, ...)
{
	StringInfoData sql;
	RawStmt *raw;
	int level = 0;
	int result;

	initStringInfo(&sql);
	for (;;)
	{
		va_list args;
		int needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&sql, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&sql, needed);
	}
	raw = linitial_node(RawStmt, pg_parse_query(sql.data));
	if (analyze_requires_snapshot(raw))
		return statement_run_once(sql.data, 0, NULL, NULL, NULL, NULL);
	/* of a utility statement the server looks up the names while it runs; what SET LOCAL sets is to stay */
	if (!IsA(raw->stmt, VariableSetStmt))
		level = names_begin();
	result = SPI_execute(sql.data, false, 0);
	if (level > 0)
		names_end(level);
	if (result < 0)
		elog(ERROR, "SPI_execute returned %s for %s", SPI_result_code_string(result), sql.data);
	return SPI_processed;
}
