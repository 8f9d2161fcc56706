/*
 * cleanup_graph.c
 *		What a cleanup of a table, or of some of its rows, reaches, as a Mermaid flowchart.
 *
 * Arrows go from the referencing table to the referenced one, as foreign keys do: solid where rows
 * follow, dotted where keys are set, with a cross where rows stand in the way.
 */
#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "cleanup_plan.h"

ACCOUNT_OPERATION(cleanup_graph, "cleanup_graph", NO_SUBJECT);

/* The nodes of a chart, by number. */
typedef struct Chart
{
	StringInfoData text;
	List *nodes;
} Chart;

/* Append text within a quoted label. */
static void
append_label(StringInfo text, const char *label)
{
	for (; *label != '\0'; label++)
	{
		if (*label == '"')
			appendStringInfoString(text, "#quot;");
		else if (*label == '#')
			appendStringInfoString(text, "#35;");
		else if (*label == '<')
			appendStringInfoString(text, "#lt;");
		else if (*label == '\n')
			appendStringInfoChar(text, ' ');
		else
			appendStringInfoChar(text, *label);
	}
}

/* The number of a node; it is drawn when it is new. rows: negative for none to show. */
static int
draw_node(Chart *chart, FkNode *node, int64 rows)
{
	int number = 0;
	ListCell *lc;

	foreach (lc, chart->nodes)
	{
		if (lfirst(lc) == node)
			return number;
		number++;
	}
	chart->nodes = lappend(chart->nodes, node);
	appendStringInfo(&chart->text, "    t%d[\"", number);
	append_label(&chart->text, display_relation(node->relid));
	if (rows >= 0)
		appendStringInfo(&chart->text, "<br/>" INT64_FORMAT " %s", rows,
						 rows == 1 ? "row" : "rows");
	appendStringInfoString(&chart->text, "\"]\n");
	return number;
}

/* Draw an edge. */
static void
draw_edge(Chart *chart, FkEdge *edge, CleanupAction action, int64 rows)
{
	static const char *const arrows[] = {"-->", "-.->", "-.->", "--x"};
	static const char *const names[] = {"delete", "set null", "set default", "protected"};
	int child = draw_node(chart, edge->child_node, -1);
	int parent = draw_node(chart, edge->parent_node, -1);

	appendStringInfo(&chart->text, "    t%d %s|\"", child, arrows[action]);
	append_label(&chart->text, edge->name);
	appendStringInfo(&chart->text, ": %s", names[action]);
	if (rows >= 0)
		appendStringInfo(&chart->text, " " INT64_FORMAT, rows);
	appendStringInfo(&chart->text, "\"| t%d\n", parent);
}

/* What an edge does to rows that reference a removed one. */
static CleanupAction
edge_action(const FkEdge *edge)
{
	switch (edge->on_delete)
	{
		case FKCONSTR_ACTION_CASCADE:
			return CLEANUP_DELETE;
		case FKCONSTR_ACTION_SETNULL:
			return CLEANUP_SET_NULL;
		case FKCONSTR_ACTION_SETDEFAULT:
			return CLEANUP_SET_DEFAULT;
		default:
			return CLEANUP_PROTECTED;
	}
}

/* All that rows of the table could reach. */
static void
draw_tables(Chart *chart, Cleanup *cleanup)
{
	ListCell *lc;

	(void) draw_node(chart, cleanup->node, -1);
	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);
		ListCell *lc2;

		foreach (lc2, node->referencing)
			draw_edge(chart, lfirst(lc2), edge_action(lfirst(lc2)), -1);
	}
}

/* What the rows of a plan reach. */
static void
draw_plan(Chart *chart, Cleanup *cleanup)
{
	List *steps = cleanup_ordered_steps(cleanup);

	/* the target first */
	for (int i = list_length(steps) - 1; i >= 0; i--)
	{
		CleanupStep *step = list_nth(steps, i);
		RowSet *set = step->node->data ? ((CleanupTable *) step->node->data)->set : NULL;

		(void) draw_node(chart, step->node, set && set->n > 0 ? (int64) set->n : -1);
	}
	for (int i = list_length(steps) - 1; i >= 0; i--)
	{
		CleanupStep *step = list_nth(steps, i);

		if (step->edge != NULL)
			draw_edge(chart, step->edge, step->action, step->rows);
	}
}

/* account.cleanup_graph(target regclass, key "any" | text) RETURNS text */
static Datum
cleanup_graph_operation(PG_FUNCTION_ARGS)
{
	Cleanup *cleanup = cleanup_of_arguments(fcinfo, AccessShareLock, CLEANUP_TO_PLAN);
	Chart chart = {.nodes = NIL};

	initStringInfo(&chart.text);
	appendStringInfoString(&chart.text, "flowchart RL\n");
	if (PG_ARGISNULL(1))
		draw_tables(&chart, cleanup);
	else
	{
		int nest_level = cleanup_join_memory();

		cleanup_close(cleanup, GetActiveSnapshot());
		(void) cleanup_find_outside(cleanup, GetActiveSnapshot(), true);
		AtEOXact_GUC(true, nest_level);
		draw_plan(&chart, cleanup);
	}
	cleanup_free(cleanup);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(chart.text.data, chart.text.len));
}
