/*
 * planning.c
 *		How statements of the extension are parsed, under pg_catalog, and planned.
 */
#include "postgres.h"

#include "access/table.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteDefine.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"

#include "compat.h"
#include "planning.h"
#include "query_code.h"
#include "run_as.h"
#include "table_code.h"

/*
 * The text of ours that is being planned, perhaps twice, to compare a generic plan with another.
 * What planning runs meanwhile has texts of its own.
 */
static const char *planned_text = NULL;
static OwnStatement planned_as = NOT_OWN_STATEMENT;
static const char *planned_under = NULL; /* the search_path */
static bool planned_judged = false;      /* as the caller, whose policies decide */
static bool planned_kept = false;        /* the server may have parsed it anew */

/* What is set while a statement of ours is planned, and was before. */
typedef struct PlanningState
{
	const char *text;
	OwnStatement as;
	const char *under;
	bool judged;
	bool kept;
	bool print_plan;
} PlanningState;

/* What the planner is planning. */
OwnStatement
planning_own(const char *sql)
{
	return sql != NULL && sql == planned_text ? planned_as : NOT_OWN_STATEMENT;
}

/* Does a rule, or a view, have a query write a table that its text did not name? */
static bool
is_redirected(Query *query)
{
	RangeTblEntry *target;
	ListCell *lc;

	foreach (lc, query->cteList)
	{
		Node *part = lfirst_node(CommonTableExpr, lc)->ctequery;

		if (IsA(part, Query) && is_redirected((Query *) part))
			return true;
	}
	if (query->resultRelation == 0)
		return false;
	target = rt_fetch(query->resultRelation, query->rtable);
	if (OidIsValid(compat_check_as_user(query, target)))
		return true;
	foreach (lc, query->rtable)
		if (lfirst_node(RangeTblEntry, lc)->relkind == RELKIND_VIEW &&
			lfirst_node(RangeTblEntry, lc)->rellockmode == RowExclusiveLock)
			return true;
	return false;
}

/* Plan a query, as whoever is to run it, if it is ours; see table_code.c. */
PlannedStmt *
plan_as_own(COMPAT_PLANNER_PARAMS, planner_hook_type planner)
{
	PlannedStmt *volatile plan = NULL;
	volatile int level = 0;
	Planning planning;

	if (planning_own(query_string) == NOT_OWN_STATEMENT)
		return planner(COMPAT_PLANNER_ARGS);
	if (strcmp(planned_under, namespace_search_path) != 0) /* it was parsed anew */
		level = path_begin(planned_under);
	if (planned_kept && is_redirected(parse))
		refuse_rules(query_string);
	query_code_check(parse, planned_judged);
	planning_begin(&planning, parse);
	PG_TRY();
	{
		plan = planner(COMPAT_PLANNER_ARGS);
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

/* Raise for a statement that a rule has made several of, none, or another. */
void
refuse_rules(const char *sql)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("a rule on the table changes the statements of pgaccount"),
					errdetail("The statement was \"%s\".", sql),
					errhint("Drop the table's rules, or make them triggers.")));
}

/* The tables that a query writes, its own and those of its common table expressions, as oids. */
static List *
written_tables(const Query *query)
{
	List *tables = list_make1_oid(query->resultRelation == 0
									  ? InvalidOid
									  : rt_fetch(query->resultRelation, query->rtable)->relid);
	ListCell *lc;

	foreach (lc, query->cteList)
	{
		const Node *part = lfirst_node(CommonTableExpr, lc)->ctequery;

		if (IsA(part, Query))
			tables = list_concat(tables, written_tables((const Query *) part));
	}
	return tables;
}

/* Does a statement return what it has written, which a rule in place of it may not? */
static bool
returns_what_a_rule_writes(const Query *query)
{
	char fires = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ? RULE_FIRES_ON_REPLICA
																			: RULE_FIRES_ON_ORIGIN;
	bool found = false;
	Relation rel;

	if (query->returningList == NIL)
		return false;
	rel = table_open(rt_fetch(query->resultRelation, query->rtable)->relid, NoLock);
	for (int i = 0; rel->rd_rules != NULL && i < rel->rd_rules->numLocks; i++)
	{
		const RewriteRule *rule = rel->rd_rules->rules[i];

		found |= rule->event == query->commandType && rule->isInstead &&
				 (rule->enabled == fires || rule->enabled == RULE_FIRES_ALWAYS);
	}
	table_close(rel, NoLock);
	return found;
}

/*
 * Parse and rewrite a text under pg_catalog; see the header. A rule that has the same command write
 * another table is refused as well: that may be one of another owner, as whom it would be run.
 */
Query *
plan_analyze(RawStmt *raw, const char *sql, const Oid *types, int nargs, QueryEnvironment *env)
{
	int level = names_begin();
	Query *query = parse_analyze_fixedparams(raw, sql, types, nargs, env);
	CmdType command = query->commandType;
	List *written = written_tables(query);
	List *queries;

	if (returns_what_a_rule_writes(query))
		refuse_rules(sql);
	queries = pg_rewrite_query(query);
	names_end(level);
	if (list_length(queries) != 1)
		refuse_rules(sql);
	query = linitial_node(Query, queries);
	if (query->commandType != command || !equal(written_tables(query), written))
		refuse_rules(sql);
	return query;
}

/* Parameters, in the current memory context. */
ParamListInfo
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

/*
 * Begin to plan. A plan has the values of parameters, hashes too: it is not printed, whatever the
 * caller has set.
 */
static PlanningState
begin_planning(const char *sql, bool physical, bool judged, bool kept)
{
	PlanningState outer = {planned_text,   planned_as,   planned_under,
						   planned_judged, planned_kept, Debug_print_plan};

	planned_text = sql;
	planned_as = physical ? OWN_PHYSICAL : OWN_LOGICAL;
	planned_under = namespace_search_path;
	planned_judged = judged;
	planned_kept = kept;
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
	planned_judged = outer.judged;
	planned_kept = outer.kept;
	Debug_print_plan = outer.print_plan;
}

/* The plan of a source to run, planned anew as the plan cache decides. */
CachedPlan *
plan_own_source(CachedPlanSource *source, ParamListInfo params, QueryEnvironment *env,
				bool physical)
{
	CachedPlan *volatile plan = NULL;
	PlanningState outer = begin_planning(source->query_string, physical, false, true);

	PG_TRY();
	{
		plan = GetCachedPlan(source, params, CurrentResourceOwner, env);
	}
	PG_CATCH();
	{
		end_planning(outer);
		source->is_valid = false; /* what its names have come to mean may be the reason */
		PG_RE_THROW();
	}
	PG_END_TRY();
	end_planning(outer);
	return plan;
}

/* Plan a query. */
PlannedStmt *
plan_own_query(Query *query, const char *sql, ParamListInfo params, bool physical, bool judged)
{
	PlannedStmt *volatile plan = NULL;
	PlanningState outer = begin_planning(sql, physical, judged, false);

	PG_TRY();
	{
		plan = compat_plan_query(query, sql, params);
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
 * Plan without kinds of nodes until AtEOXact_GUC(), where that can be. Where it cannot, the cost of
 * the plan is beyond all measure, and it would be compiled each time it runs: a second for each
 * login.
 */
void
plan_without(const char *settings)
{
	char *names = pstrdup(settings);
	char *rest = names;
	char *name;

	while ((name = strsep(&rest, ", ")) != NULL)
		if (name[0] != '\0')
			turn_off(name);
	turn_off("jit");
	pfree(names);
}
