/*
 * planning.h
 *		How statements of the extension are parsed, under pg_catalog, and planned.
 */
#ifndef PGACCOUNT_PLANNING_H
#define PGACCOUNT_PLANNING_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "utils/plancache.h"
#include "utils/queryenvironment.h"

#include "compat.h"

/* What the planner is planning, for its hook, which is given a text. */
typedef enum OwnStatement
{
	NOT_OWN_STATEMENT = 0,
	OWN_LOGICAL, /* one of ours: it sees all rows, its DELETEs are soft */
	OWN_PHYSICAL /* one of ours, as it stands */
} OwnStatement;

extern OwnStatement planning_own(const char *sql);

/*
 * For the planner's hook: have a planner plan, so that no code of a table's owner runs meanwhile as
 * somebody else.
 */
extern PlannedStmt *plan_as_own(COMPAT_PLANNER_PARAMS, planner_hook_type planner);

/* Parse and rewrite a text. Raises 55000 where a rule makes something else of it. */
extern Query *plan_analyze(RawStmt *raw, const char *sql, const Oid *types, int nargs,
						   QueryEnvironment *env);

/* Raise 55000 for a statement that a rule has made several of, none, or another. */
compat_noreturn extern void refuse_rules(const char *sql);

/* Parameters, in the current memory context; NULL for none. */
extern ParamListInfo make_params(int nargs, const Oid *types, Datum *values, const char *nulls);

/*
 * Plan a query, or a source of the server's plan cache, as one of ours. physical: a DELETE removes
 * rows. judged: query_code_settle() has seen to what its columns are set to.
 */
extern PlannedStmt *plan_own_query(Query *query, const char *sql, ParamListInfo params,
								   bool physical, bool judged);
extern CachedPlan *plan_own_source(CachedPlanSource *source, ParamListInfo params,
								   QueryEnvironment *env, bool physical);

/*
 * Plan without kinds of nodes (settings such as "enable_seqscan"), where that can be, until
 * AtEOXact_GUC().
 */
extern void plan_without(const char *settings);

#endif /* PGACCOUNT_PLANNING_H */
