/*
 * judge.c
 *		A statement that the caller's policies judge, while the owner of the table acts.
 *
 * It is parsed as the caller, so that the caller's policies are in it, and made to ask for the
 * caller's privileges. The parts of its plan that find rows, and the policies' checks of new rows,
 * run as the caller, under the caller's search_path; whatever runs in between (planning, triggers,
 * constraints, indexes) as the owner.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/execnodes.h"

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

/*
 * Evaluate a policy's check of a new row, as the caller. The expression may choose another
 * evaluator for itself.
 */
static Datum
check_as_caller(ExprState *state, ExprContext *econtext, bool *isnull)
{
	for (Judge *judge = judges; judge != NULL; judge = judge->outer)
	{
		ListCell *check;
		ListCell *eval;

		forboth (check, judge->checks, eval, judge->evals)
		{
			RoleState owner;
			Datum result;

			if (lfirst(check) != state)
				continue;
			state->evalfunc = (ExprStateEvalFunc) lfirst(eval);
			owner = run_as_caller(judge->caller);
			result = state->evalfunc(state, econtext, isnull);
			run_as_end(owner);
			lfirst(eval) = (void *) state->evalfunc;
			state->evalfunc = check_as_caller;
			return result;
		}
	}
	elog(ERROR, "a policy is evaluated outside its statement");
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
		{
			ExprState *check = lfirst(expr);

			judge->checks = lappend(judge->checks, check);
			judge->evals = lappend(judge->evals, (void *) check->evalfunc);
			check->evalfunc = check_as_caller;
		}
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
