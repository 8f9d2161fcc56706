/*
 * other_library.c
 *		What other libraries do in the same server: they take places for callbacks, and plan statements.
 *
 * For test/tap/other_libraries.pl. Loading it takes as many relation cache callbacks as Citus does. With
 * other_library.plans = on it plans every INSERT into a table "profiles" as Citus plans those into its
 * tables: the plan opens no table here.
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

PG_MODULE_MAGIC;

#define CALLBACKS 5
#define TABLE     "profiles"

void _PG_init(void);

static planner_hook_type next_planner = NULL;
static bool plans = false;

/* Nothing hangs on relations here. */
static void
relation_changed(Datum arg, Oid relid)
{
}

/* 19 tells the planner who explains. */
#if PG_VERSION_NUM >= 190000
#define EXPLAIN_PARAM , ExplainState *explain
#define EXPLAIN_ARG   , explain
#define EXPLAIN_NONE  , NULL
#else
#define EXPLAIN_PARAM
#define EXPLAIN_ARG
#define EXPLAIN_NONE
#endif

/* Plan an INSERT as an empty SELECT. */
static PlannedStmt *
other_planner(Query *parse, const char *query_string, int cursor_options,
			  ParamListInfo params EXPLAIN_PARAM)
{
	if (plans && parse->commandType == CMD_INSERT &&
		strcmp(get_rel_name(rt_fetch(parse->resultRelation, parse->rtable)->relid), TABLE) == 0)
	{
		const char *empty = "SELECT WHERE false";
		RawStmt *raw = linitial_node(RawStmt, pg_parse_query(empty));
		Query *query =
			linitial_node(Query, pg_analyze_and_rewrite_fixedparams(raw, empty, NULL, 0, NULL));
		PlannedStmt *plan = standard_planner(query, empty, cursor_options, NULL EXPLAIN_NONE);

		plan->commandType = CMD_INSERT;
		return plan;
	}
	if (next_planner != NULL)
		return next_planner(parse, query_string, cursor_options, params EXPLAIN_ARG);
	return standard_planner(parse, query_string, cursor_options, params EXPLAIN_ARG);
}

/* Take the callbacks and the hook. */
void
_PG_init(void)
{
	DefineCustomBoolVariable("other_library.plans", "Plans INSERTs as nothing.", NULL, &plans,
							 false, PGC_USERSET, 0, NULL, NULL, NULL);
	for (int i = 0; i < CALLBACKS; i++)
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	next_planner = planner_hook;
	planner_hook = other_planner;
}
