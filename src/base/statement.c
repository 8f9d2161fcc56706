/*
 * statement.c
 *		How statements of the extension are run: the only way.
 *
 * SPI parses, plans and runs under one search_path. Ours are parsed under pg_catalog and run under
 * that of whoever they run as, so this does what SPI does, and leaves its results where SPI does.
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
#include "query_code.h"
#include "secret.h"
#include "statement.h"
#include "table_code.h"

/* A receiver that leaves rows as SPI does. */
typedef struct RowsReceiver
{
	DestReceiver pub;
	SPITupleTable *table;
} RowsReceiver;

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

/* A value of a row as text; see the header. */
char *
row_text(uint64 row, int column, MemoryContext context)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

/* As a boolean; see the header. */
bool
row_boolean(uint64 row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

/* Free the rows in SPI_tuptable. */
void
statement_free_rows(void)
{
	if (SPI_tuptable != NULL)
		MemoryContextDelete(SPI_tuptable->tuptabcxt);
	SPI_tuptable = NULL;
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

/* The snapshots that the server's referential actions use, as in ri_PerformCheck(). */
void
action_snapshot_begin(StatementOptions *options)
{
	memset(options, 0, sizeof(StatementOptions));
	CommandCounterIncrement();
	if (IsolationUsesXactSnapshot())
	{
		options->snapshot = RegisterSnapshot(GetLatestSnapshot());
		options->crosscheck = GetTransactionSnapshot();
	}
	else
		options->snapshot = RegisterSnapshot(GetTransactionSnapshot());
}

void
action_snapshot_end(const StatementOptions *options)
{
	UnregisterSnapshot(options->snapshot);
}

/*
 * Parse and plan a text; the snapshot is pushed. The judge's policies and privileges are in it, if
 * there is one, who plans it, too. tables: NIL, or the tables whose rows alone it writes, or does
 * not write.
 */
static PlannedStmt *
plan_once(const char *sql, int nargs, const Oid *types, ParamListInfo params,
		  const StatementOptions *options, List *tables, bool others)
{
	RawStmt *raw = linitial_node(RawStmt, pg_parse_query(sql));
	Query *query;
	PlannedStmt *plan;
	RoleState owner = {InvalidOid};
	int level;

	if (options->judge != NULL)
		owner = run_as_caller(options->judge);
	query = plan_analyze(raw, sql, types, nargs, options->env);
	if (options->judge != NULL || tables != NIL) /* who starts it is another */
		privileges_of(query, GetUserId());
	if (options->judge != NULL)
	{
		run_as_end(owner);
		query_code_settle(query);
	}
	if (tables != NIL)
		leaf_owners_restrict(query, tables, others);
	level = NewGUCNestLevel();
	if (options->without != NULL)
		plan_without(options->without);
	if (options->judge != NULL)
	{
		/*
		 * Partitions would be left out as the executor starts, by what policies say of who starts
		 * it; and those that rows may move to would lack the checks that the caller makes.
		 */
		plan_without("enable_partition_pruning, constraint_exclusion");
		owner = run_as_caller(options->judge);
	}
	plan = plan_own_query(query, sql, params, options->physical, options->judge != NULL);
	if (options->judge != NULL)
		run_as_end(owner);
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
	if (options->callback != NULL)
		options->callback(desc->estate, options->arg);
	if (options->caller != NULL) /* never with as: see run_plan() */
		saved = run_as_caller(options->caller);
	compat_ExecutorRun(desc, options->limit);
	processed = desc->estate->es_processed;
	ExecutorFinish(desc);
	if (judge.caller != NULL)
		judge_end(&judge);
	if (OidIsValid(as) || options->caller != NULL)
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
	QueryDesc *desc = CreateQueryDesc(stmt, sql, GetActiveSnapshot(), options->crosscheck, dest,
									  params, options->env, 0);
	volatile uint64 processed = 0;
	char *secret = NULL;
	List *targets = compat_result_relations(stmt);

	/* of a table of hashes nobody is shown a row, its owner neither */
	if (stmt->commandType != CMD_SELECT && targets != NIL)
		secret = secret_table(rt_fetch(linitial_int(targets), stmt->rtable)->relid);
	PG_TRY();
	{
		processed = execute(desc, options, as);
	}
	PG_CATCH();
	{
		judge_back_to(judge);
		if (!other && secret == NULL)
			discreet_rethrow(context);
		secret_rethrow(context, secret);
	}
	PG_END_TRY();
	FreeQueryDesc(desc);
	return processed;
}

/*
 * Run a statement that writes tables of several owners: once for each, over the owner's tables, in
 * the same snapshot but for what the ones before have changed.
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
	List *foreign = options->caller == NULL ? leaf_owners_find(stmt) : NIL;
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
 * Run a kept statement. It may be thrown away meanwhile (a trigger's DDL): nothing but the plan
 * that the resource owner holds, and a source that stays to the end of the transaction, is used.
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
	plan = plan_get(source, params, options->env, options->physical);
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
	/*
	 * of a utility statement the server looks up the names while it runs; what SET LOCAL sets is to
	 * stay
	 */
	if (!IsA(raw->stmt, VariableSetStmt))
		level = names_begin();
	result = SPI_execute(sql.data, false, 0);
	if (level > 0)
		names_end(level);
	if (result < 0)
		elog(ERROR, "SPI_execute returned %s for %s", SPI_result_code_string(result), sql.data);
	return SPI_processed;
}
