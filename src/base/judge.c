/*
 * judge.c
 *		A statement that the caller's policies judge, while the owner of the table acts.
 *
 * It is parsed and planned as the caller, so that the caller's policies are in it and what planning
 * evaluates of them runs as the caller, and made to ask for the caller's privileges. The parts of
 * its plan that find rows, and the policies' checks of new rows, run as the caller, under the
 * caller's search_path; whatever else runs (what columns are set to: defaults, domains; triggers,
 * constraints, indexes) as the owner.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"

#include "judge.h"

static Judge *judges = NULL; /* of the statements that are running */

/* Run a part of the plan that finds rows, as the caller. */
static TupleTableSlot *
find_as_caller(PlanState *node)
{
	for (Judge *judge = judges; judge != NULL; judge = judge->outer)
	{
		ListCell *plan;
		ListCell *run;

		forboth (plan, judge->plans, run, judge->nodes)
		{
			RoleState owner;
			TupleTableSlot *slot;

			if (lfirst(plan) != node)
				continue;
			owner = run_as_caller(judge->caller);
			slot = ((ExecProcNodeMtd) lfirst(run))(node);
			run_as_end(owner);
			return slot;
		}
	}
	elog(ERROR, "a plan is run outside its statement");
}

/* An expression that is not evaluated as who happens to run it. */
typedef struct JudgedExpr
{
	ExprState *state;
	ExprStateEvalFunc eval;
	bool by_actor; /* what columns are set to; else the check of a policy */
} JudgedExpr;

/* Evaluate such an expression. It may choose another evaluator for itself. */
static Datum
evaluate_judged(ExprState *state, ExprContext *econtext, bool *isnull)
{
	for (Judge *judge = judges; judge != NULL; judge = judge->outer)
	{
		ListCell *lc;

		foreach (lc, judge->states)
		{
			JudgedExpr *expr = lfirst(lc);
			RoleState saved;
			Datum result;

			if (expr->state != state)
				continue;
			state->evalfunc = expr->eval;
			saved = expr->by_actor ? run_as(judge->actor) : run_as_caller(judge->caller);
			result = state->evalfunc(state, econtext, isnull);
			run_as_end(saved);
			expr->eval = state->evalfunc;
			state->evalfunc = evaluate_judged;
			return result;
		}
	}
	elog(ERROR, "a policy is evaluated outside its statement");
}

/* Have an expression evaluated as the caller, or as who acts. */
static void
judge_expression(Judge *judge, ExprState *state, bool by_actor)
{
	JudgedExpr *expr = palloc(sizeof(JudgedExpr));

	*expr = (JudgedExpr){.state = state, .eval = state->evalfunc, .by_actor = by_actor};
	state->evalfunc = evaluate_judged;
	judge->states = lappend(judge->states, expr);
}

/* Are these but columns and values that are there? */
static bool
are_plain(const List *targets)
{
	ListCell *lc;

	foreach (lc, targets)
	{
		const Expr *expr = lfirst_node(TargetEntry, lc)->expr;

		if (!IsA(expr, Var) && !IsA(expr, Const) && !IsA(expr, Param))
			return false;
	}
	return true;
}

/*
 * What the parts of a plan compute, but for the conditions by which they find rows: the values that
 * columns are set to. Policies are such conditions, and what is below them is not looked at.
 */
static void
judge_values(Judge *judge, PlanState *node)
{
	PlanState **parts = NULL;
	int nparts = 0;

	if (node == NULL)
		return;
	if (node->ps_ProjInfo != NULL && !are_plain(node->plan->targetlist))
		judge_expression(judge, &node->ps_ProjInfo->pi_state, true);
	judge_values(judge, outerPlanState(node));
	judge_values(judge, innerPlanState(node));
	if (IsA(node, SubqueryScanState))
		judge_values(judge, ((SubqueryScanState *) node)->subplan);
	if (IsA(node, AppendState))
	{
		parts = ((AppendState *) node)->appendplans;
		nparts = ((AppendState *) node)->as_nplans;
	}
	if (IsA(node, MergeAppendState))
	{
		parts = ((MergeAppendState *) node)->mergeplans;
		nparts = ((MergeAppendState *) node)->ms_nplans;
	}
	for (int i = 0; i < nparts; i++)
		judge_values(judge, parts[i]);
}

/* Let a part of the plan run as the caller. */
static void
judge_plan(Judge *judge, PlanState *node)
{
	if (node == NULL)
		return;
	judge->plans = lappend(judge->plans, node);
	judge->nodes = lappend(judge->nodes, (void *) node->ExecProcNodeReal);
	node->ExecProcNodeReal = find_as_caller;
	judge_values(judge, node);
}

/*
 * Let whatever of a started statement belongs to the judge run as the caller. Rows that another
 * transaction changes meanwhile are judged by a plan of their own, which is made here for that.
 */
void
judge_begin(Judge *judge, QueryDesc *desc)
{
	List *writers =
		list_append_unique_ptr(list_copy(desc->estate->es_auxmodifytables), desc->planstate);
	ListCell *lc;

	judge->outer = judges;
	judge->actor = GetUserId();
	judges = judge;
	foreach (lc, writers)
	{
		ModifyTableState *state = lfirst_node(ModifyTableState, lc);

		judge_plan(judge, outerPlanState(state));
		EvalPlanQualBegin(&state->mt_epqstate);
		judge_plan(judge, state->mt_epqstate.recheckplanstate);
	}
	foreach (lc, desc->estate->es_opened_result_relations)
	{
		ListCell *expr;

		foreach (expr, ((ResultRelInfo *) lfirst(lc))->ri_WithCheckOptionExprs)
			judge_expression(judge, lfirst(expr), false);
	}
}

/* The statement is over. */
void
judge_end(Judge *judge)
{
	judges = judge->outer;
}

/* Who judges at present, and: an error has unwound the statements since. */
Judge *
judge_now(void)
{
	return judges;
}

void
judge_back_to(Judge *judge)
{
	judges = judge;
}
