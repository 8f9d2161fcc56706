/*
 * cleanup_plan.c
 *		What a cleanup would do, step by step, and what stands in its way.
 *
 * Once the set of rows that go is whole (cleanup_closure.c), each other foreign key to a table with
 * such rows is asked for rows outside the set: those that are protected, and those whose key is to
 * be set null or default. Where row security hides rows from the caller, the table's owner is asked
 * as well, as a referential check would: what only the owner sees neither follows nor is changed,
 * it stands in the way. So is the owner of a table that the caller may not read: only where its
 * rows are to change does the caller need rights on it.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "cleanup_plan.h"

ACCOUNT_OPERATION(cleanup_plan, "cleanup_plan", NO_SUBJECT);

/* Rows of an edge that are not in the set of their table. */
typedef struct Outside
{
	FkNode *node;
	int64 rows;
} Outside;

/* Count a row that is outside. */
static void
count_row_outside(TupleTableSlot *slot, void *arg)
{
	Outside *outside = arg;

	if (!cleanup_has_row(outside->node, slot))
		outside->rows++;
}

/* All rows are outside: they were counted. */
static void
count_all_outside(TupleTableSlot *slot, void *arg)
{
	((Outside *) arg)->rows = DatumGetInt64(slot->tts_values[0]);
}

/* The rows outside that reference rows inside, over one edge. */
static int64
rows_outside(const Cleanup *cleanup, FkEdge *edge, Snapshot snapshot, bool as_owners)
{
	/* what row security hides is the difference of two numbers */
	bool is_limited = cleanup->limit > 0 && !cleanup->under_rls;
	bool all = edge->child_node->data == NULL && !is_limited;
	EdgeQuery query = {
		.snapshot = snapshot, .count = all, .as_owners = as_owners, .lookups = cleanup->lookups};
	Outside outside = {edge->child_node, 0};

	/* one more than may be set at once is enough to know */
	if (is_limited)
		query.limit =
			cleanup->limit + 1 +
			(edge->child_node->data != NULL ? ((CleanupTable *) edge->child_node->data)->set->n
											: 0);

	cleanup_read_edge(edge, &query, all ? count_all_outside : count_row_outside, &outside);
	return outside.rows;
}

/* Does a row outside stand in the way of what it references over this edge? */
static bool
edge_holds(Cleanup *cleanup, const FkEdge *edge)
{
	if (fk_edge_follows(edge, cleanup->force))
		return cleanup_live_rows_hold(cleanup, edge) && mapping_declared(edge->child) != NULL;
	return fk_edge_protects(edge);
}

/* The action that sets the keys of rows that reference over an edge. */
static CleanupAction
setting_action(const FkEdge *edge)
{
	return edge->on_delete == FKCONSTR_ACTION_SETNULL ? CLEANUP_SET_NULL : CLEANUP_SET_DEFAULT;
}

/*
 * May the caller not even look at a table? Its referential checks are the owner's, so it need not,
 * and all rows count.
 */
bool
cleanup_is_unreadable(Oid relid)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
		   !compat_may_use_schema(get_rel_namespace(relid), GetUserId());
}

/*
 * Count the rows outside that reference rows inside over one edge. Returns those whose key is to be
 * set.
 */
static int64
find_outside(Cleanup *cleanup, FkEdge *edge, Snapshot snapshot, bool count_set)
{
	bool protects = edge_holds(cleanup, edge);
	bool follows = !protects && fk_edge_follows(edge, cleanup->force);
	bool unreadable = !follows && !cleanup->as_owners && cleanup_is_unreadable(edge->child);
	int64 rows = 0;
	int64 holding;

	if (!follows)
		rows = rows_outside(cleanup, edge, snapshot, unreadable || cleanup->as_owners);
	holding = protects ? rows : 0;
	if (!unreadable && cleanup_under_rls(cleanup, edge->child))
		holding = rows_outside(cleanup, edge, snapshot, true) - (protects ? 0 : rows);
	if (holding > 0)
		cleanup_step(cleanup, edge->child_node, edge, CLEANUP_PROTECTED)->rows = holding;
	if (follows || protects)
		return 0;
	if (count_set && rows > 0)
		cleanup_step(cleanup, edge->child_node, edge, setting_action(edge))->rows = rows;
	return rows;
}

/* Count the rows outside that reference rows inside, over all edges. */
uint64
cleanup_find_outside(Cleanup *cleanup, Snapshot snapshot, bool count_set)
{
	uint64 to_set = 0;
	ListCell *lc;

	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);
		ListCell *lc2;

		if (((CleanupTable *) node->data)->set->n == 0)
			continue;
		foreach (lc2, node->referencing)
			to_set += find_outside(cleanup, lfirst(lc2), snapshot, count_set);
	}
	return to_set;
}

/* The step of an edge and an action if it has rows. */
static CleanupStep *
find_step(Cleanup *cleanup, FkNode *node, FkEdge *edge, CleanupAction action)
{
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		CleanupStep *step = lfirst(lc);

		if (step->node == node && step->edge == edge && step->action == action && step->rows > 0)
			return step;
	}
	return NULL;
}

/* Append what stands outside and references a table: its keys are set before its rows go. */
static List *
outside_steps(Cleanup *cleanup, FkNode *node, List *ordered)
{
	static const CleanupAction actions[] = {CLEANUP_PROTECTED, CLEANUP_SET_NULL,
											CLEANUP_SET_DEFAULT};
	ListCell *lc;

	foreach (lc, node->referencing)
	{
		FkEdge *edge = lfirst(lc);

		for (int i = 0; i < lengthof(actions); i++)
		{
			CleanupStep *step = find_step(cleanup, edge->child_node, edge, actions[i]);

			if (step != NULL)
				ordered = lappend(ordered, step);
		}
	}
	return ordered;
}

/* The steps with rows, in order of execution. */
List *
cleanup_ordered_steps(Cleanup *cleanup)
{
	CleanupStep *last = find_step(cleanup, cleanup->node, NULL, CLEANUP_DELETE);
	List *ordered = NIL;
	ListCell *lc;

	foreach (lc, cleanup->components)
	{
		ListCell *lc2;

		foreach (lc2, lfirst(lc))
			ordered = outside_steps(cleanup, lfirst(lc2), ordered);
		foreach (lc2, lfirst(lc))
		{
			FkNode *node = lfirst(lc2);
			ListCell *lc3;

			foreach (lc3, cleanup->graph->edges)
			{
				CleanupStep *step = find_step(cleanup, node, lfirst(lc3), CLEANUP_DELETE);

				if (step != NULL)
					ordered = lappend(ordered, step);
			}
		}
	}
	return last ? lappend(ordered, last) : ordered;
}

/*
 * What a caller can do about protected rows. hidden: some would go, if row security showed them;
 * protect: some would not.
 */
static const char *
hint_of(const Cleanup *cleanup, bool hidden, bool protect)
{
	if (cleanup->hint != NULL)
		return cleanup->hint;
	if (hidden && protect)
		return "Row security hides some of these rows from the caller: let a role that sees them "
			   "call this, with force => true or once the others are removed or changed.";
	if (hidden)
		return "Row security hides these rows from the caller: let a role that sees them call "
			   "this.";
	return "Remove or change these rows first, or give force => true to remove them as well.";
}

/* Raise 23001 if there are protected rows outside. */
void
cleanup_refuse_protected(Cleanup *cleanup)
{
	StringInfoData detail;
	FkEdge *first = NULL;
	bool hidden = false;
	bool protect = false;
	ListCell *lc;

	initStringInfo(&detail);
	foreach (lc, cleanup_ordered_steps(cleanup))
	{
		CleanupStep *step = lfirst(lc);

		if (step->action != CLEANUP_PROTECTED)
			continue;
		if (first == NULL)
			first = step->edge;
		if (cleanup->force || !fk_edge_protects(step->edge))
			hidden = true;
		else
			protect = true;
		appendStringInfo(&detail, "%s%s.%s: " INT64_FORMAT " rows", detail.len > 0 ? "\n" : "",
						 display_relation(step->node->relid), reference_column(step->edge),
						 step->rows);
	}
	if (first != NULL)
		ereport(ERROR, (errcode(ERRCODE_RESTRICT_VIOLATION),
						errmsg("protected references stand in the way of removing rows of \"%s\"",
							   get_rel_name(cleanup->target)),
						errdetail("%s", detail.data),
						errhint("%s", hint_of(cleanup, hidden, protect)), err_constraint(first)));
}

/* The result of a function that returns steps. */
void
cleanup_return(FunctionCallInfo fcinfo, Cleanup *cleanup)
{
	static const char *const actions[] = {"delete", "set null", "set default", "protected"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int number = 0;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, cleanup_ordered_steps(cleanup))
	{
		CleanupStep *step = lfirst(lc);
		Datum values[5];
		bool nulls[5] = {false};
		NameData via;

		values[0] = Int32GetDatum(++number);
		values[1] = ObjectIdGetDatum(step->node->relid);
		if (step->edge != NULL)
			namestrcpy(&via, step->edge->name);
		values[2] = NameGetDatum(&via);
		nulls[2] = step->edge == NULL;
		values[3] = CStringGetTextDatum(actions[step->action]);
		values[4] = Int64GetDatum(step->rows);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* account.cleanup_plan(target regclass, key "any" | text, force boolean) RETURNS TABLE (...) */
static Datum
cleanup_plan_operation(PG_FUNCTION_ARGS)
{
	Cleanup *cleanup = cleanup_of_arguments(fcinfo, AccessShareLock, CLEANUP_TO_PLAN);
	int nest_level = cleanup_join_memory();

	cleanup_close(cleanup, GetActiveSnapshot());
	(void) cleanup_find_outside(cleanup, GetActiveSnapshot(), true);
	AtEOXact_GUC(true, nest_level);
	cleanup_return(fcinfo, cleanup);
	cleanup_free(cleanup);
	return (Datum) 0;
}
