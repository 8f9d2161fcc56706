/*
 * cleanup_plan.c
 *		Which rows go when rows of a table are removed, what follows them and what holds them.
 *
 * The delete set is closed over the foreign keys by which rows follow their parents. Components of
 * the graph go parents first, so that the sets a table follows are whole before it is read, and one
 * reading answers for all of them (cleanup_read.c). Within a cycle each round asks only for what
 * references the rows of the last round. All reads are made in one snapshot, with the caller's
 * privileges and policies, and see deleted rows of soft-delete tables. A plan only counts rows of
 * which nothing else is asked.
 *
 * Then each other foreign key to a table with rows is asked for rows outside the set: those that
 * are protected, and those whose key is to be set null or default. Where row security hides rows
 * from the caller, the table's owner is asked as well, as a referential check would: what only the
 * owner sees neither follows nor is changed, it stands in the way. So is the owner of a table that
 * the caller may not read: only where its rows are to change does the caller need rights on it.
 */
#include "postgres.h"

#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "cleanup_plan.h"

ACCOUNT_OPERATION(cleanup_plan, "cleanup_plan", NO_SUBJECT);

/* Memory of each join, in kB: what does not fit is spilled, and slower. */
#define JOIN_MEMORY 32768

/* Note the columns of a node's table that an edge references. */
static void
add_keys(CleanupTable *table, const FkEdge *edge)
{
	for (int i = 0; i < edge->nkeys; i++)
		table->keys = list_append_unique_int(table->keys, cleanup_parent_key(edge, i));
}

/* Does row security apply to the caller on a table? */
bool
cleanup_under_rls(const Cleanup *cleanup, Oid relid)
{
	return !cleanup->as_owners && check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED;
}

/* The tables whose rows may go, and the order of their components. */
static void
find_nodes(Cleanup *cleanup)
{
	cleanup->nodes = list_make1(cleanup->node);
	cleanup->node->member = true;
	for (int i = 0; i < list_length(cleanup->nodes); i++)
	{
		FkNode *node = list_nth(cleanup->nodes, i);
		ListCell *lc;

		foreach (lc, node->referencing)
		{
			FkEdge *edge = lfirst(lc);

			if (!fk_edge_follows(edge, cleanup->force) || edge->child_node->member)
				continue;
			edge->child_node->member = true;
			cleanup->nodes = lappend(cleanup->nodes, edge->child_node);
		}
	}
	cleanup->components = fk_components(cleanup->nodes);
}

/* Note by which edges rows follow into each table. */
static void
find_incoming(Cleanup *cleanup)
{
	for (int i = list_length(cleanup->components) - 1; i >= 0; i--)
	{
		ListCell *lc;

		foreach (lc, list_nth(cleanup->components, i))
		{
			FkNode *node = lfirst(lc);
			ListCell *lc2;

			foreach (lc2, node->referencing)
			{
				FkEdge *edge = lfirst(lc2);
				CleanupTable *child = edge->child_node->data;

				if (fk_edge_follows(edge, cleanup->force))
					child->incoming = lappend(child->incoming, edge);
			}
		}
	}
}

/* Is the edge within a component? */
static bool
is_internal(const FkEdge *edge)
{
	return edge->child_node->data != NULL &&
		   edge->child_node->component == edge->parent_node->component;
}

/* Is it enough to count the rows of a table? If nobody else asks whether one of them goes. */
static bool
may_count(Cleanup *cleanup, CleanupTable *table)
{
	ListCell *lc;

	if (table->node == cleanup->node || table->under_rls || table->keys != NIL ||
		list_length(table->incoming) != 1)
		return false;
	foreach (lc, cleanup->graph->edges)
	{
		FkEdge *edge = lfirst(lc);

		if (edge->child_node == table->node && edge->parent_node->data != NULL &&
			edge != linitial(table->incoming))
			return false;
	}
	return true;
}

/* Make the set of a table. Those of a cycle keep what is new apart. */
static void
make_set(Cleanup *cleanup, CleanupTable *table, CleanupUse use)
{
	bool integers = true;
	bool cycle = false;
	int ways = list_length(table->incoming) + (table->node == cleanup->node ? 1 : 0);
	ListCell *lc;

	table->counted = use == CLEANUP_TO_PLAN && may_count(cleanup, table);
	table->set = row_set_make(table->node->relid, table->keys);
	foreach (lc, table->node->referencing)
	{
		FkEdge *edge = lfirst(lc);

		cycle |= fk_edge_follows(edge, cleanup->force) && is_internal(edge);
		if (cleanup_compares_integers(edge))
			row_set_map_key(table->set, cleanup_parent_key(edge, 0));
		integers &= cleanup_compares_integers(edge) && edge->parent == table->node->relid;
	}
	/* tids and keys are enough where no join needs them side by side */
	if (integers && use != CLEANUP_TO_CUT)
		row_set_keep_places(table->set, ways > 1 && use != CLEANUP_TO_PLAN);
	if (cycle)
		row_set_keep_recent(table->set);
}

/* Make what is known of each table. */
static void
make_tables(Cleanup *cleanup, CleanupUse use)
{
	ListCell *lc;

	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);
		CleanupTable *table = palloc0(sizeof(CleanupTable));
		ListCell *lc2;

		table->node = node;
		table->under_rls = cleanup_under_rls(cleanup, node->relid);
		cleanup->under_rls |= table->under_rls;
		foreach (lc2, node->referencing)
		{
			FkEdge *edge = lfirst(lc2);

			add_keys(table, edge);
			cleanup->under_rls |= cleanup_under_rls(cleanup, edge->child);
		}
		node->data = table;
	}
	find_incoming(cleanup);
	foreach (lc, cleanup->nodes)
		make_set(cleanup, ((FkNode *) lfirst(lc))->data, use);
}

/* Raise 0A000 unless every table whose rows may go is a heap. */
static void
check_are_heaps(Cleanup *cleanup)
{
	ListCell *lc;

	foreach (lc, cleanup->nodes)
		check_heap(((FkNode *) lfirst(lc))->relid,
				   "Its rows could go, and a cleanup knows rows only where heap keeps them.");
}

/* A cleanup of rows of a table. */
Cleanup *
cleanup_make(Oid target, bool force, CleanupUse use, bool as_owners)
{
	Cleanup *cleanup = palloc0(sizeof(Cleanup));

	cleanup->target = target;
	cleanup->force = force;
	cleanup->as_owners = as_owners;
	cleanup->graph = fk_graph_load();
	cleanup->node = fk_graph_node(cleanup->graph, target);
	find_nodes(cleanup);
	check_are_heaps(cleanup);
	make_tables(cleanup, use);
	return cleanup;
}

/* The same for a function, from its arguments. */
Cleanup *
cleanup_of_arguments(FunctionCallInfo fcinfo, LOCKMODE lockmode, CleanupUse use)
{
	Cleanup *cleanup;
	Oid target;
	bool force = false;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	if (PG_NARGS() > 2)
	{
		if (PG_ARGISNULL(2))
			refuse_null_argument("force");
		force = PG_GETARG_BOOL(2);
	}
	target = PG_GETARG_OID(0);
	check_application_table(target, "a cleanup");
	refuse_citus_beside_shards(target, "a cleanup",
							   "json_agg(c) FROM account.cleanup('%s', key) c");
	LockRelationOid(target, lockmode);
	cleanup = cleanup_make(target, force, use, false);
	cleanup->remover = GetUserId();
	if (PG_NARGS() > 2 || !PG_ARGISNULL(1))
		cleanup_seed_keys(cleanup, fcinfo, 1);
	return cleanup;
}

/* Give the joins enough memory to be fast. */
int
cleanup_join_memory(void)
{
	int nest_level = NewGUCNestLevel();

	if (work_mem < JOIN_MEMORY)
		(void) set_config_option("work_mem", psprintf("%d", JOIN_MEMORY), PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return nest_level;
}

/* Let go of the sets. */
void
cleanup_free(Cleanup *cleanup)
{
	ListCell *lc;

	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);

		row_set_free(((CleanupTable *) node->data)->set);
	}
}

/* The rows that the caller names by argument n of the function. */
void
cleanup_seed_keys(Cleanup *cleanup, FunctionCallInfo fcinfo, int n)
{
	KeySet *keys = keys_of_argument(fcinfo, n, cleanup->target);

	cleanup->seed.from = psprintf("%s c WHERE %s", cleanup_table_name(cleanup->target),
								  keys_condition(keys, "c", 1));
	cleanup->seed.nargs = keys->ncols;
	cleanup->seed.types = keys->array_types;
	cleanup->seed.values = keys->arrays;
}

/* The step of an edge and an action; made if there is none. */
CleanupStep *
cleanup_step(Cleanup *cleanup, FkNode *node, FkEdge *edge, CleanupAction action)
{
	CleanupStep *step;
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		step = lfirst(lc);
		if (step->edge == edge && step->action == action)
			return step;
	}
	step = palloc0(sizeof(CleanupStep));
	step->node = node;
	step->edge = edge;
	step->action = action;
	cleanup->steps = lappend(cleanup->steps, step);
	return step;
}

/* The number of a step. */
int
cleanup_step_number(Cleanup *cleanup, CleanupStep *step)
{
	int number = 0;

	while (list_nth(cleanup->steps, number) != step)
		number++;
	return number;
}

/* Rows that join a set, counted in a step. */
typedef struct Joining
{
	RowSet *set;
	CleanupStep *step;
	int number;
	Datum *values;
	bool *nulls;
} Joining;

/* A row joins its set. */
static void
join_set(TupleTableSlot *slot, void *arg)
{
	Joining *joining = arg;
	int nkeys = joining->set->desc->natts - SET_FIXED;

	joining->values[SET_TAB] = slot->tts_values[0];
	joining->values[SET_TID] = slot->tts_values[1];
	joining->values[SET_VIA] = Int32GetDatum(joining->number);
	for (int i = 0; i < nkeys; i++)
	{
		joining->values[SET_FIXED + i] = slot->tts_values[2 + i];
		joining->nulls[SET_FIXED + i] = slot->tts_isnull[2 + i];
	}
	if (row_set_add(joining->set, joining->values, joining->nulls))
		joining->step->rows++;
}

/* Rows are counted that would join a set. */
static void
count_set(TupleTableSlot *slot, void *arg)
{
	Joining *joining = arg;

	joining->step->rows += DatumGetInt64(slot->tts_values[0]);
	joining->set->n += DatumGetInt64(slot->tts_values[0]);
}

/* Let rows join the set of a node, over an edge or, NULL, as the caller's own. */
static Joining
joining_over(Cleanup *cleanup, FkNode *node, FkEdge *edge)
{
	CleanupTable *table = node->data;
	Joining joining;

	joining.set = table->set;
	joining.step = cleanup_step(cleanup, node, edge, CLEANUP_DELETE);
	joining.number = cleanup_step_number(cleanup, joining.step);
	joining.values = palloc0(table->set->desc->natts * sizeof(Datum));
	joining.nulls = palloc0(table->set->desc->natts * sizeof(bool));
	return joining;
}

/* The rows that the caller names join the target's set. */
static void
join_seed(Cleanup *cleanup, Snapshot snapshot)
{
	CleanupSeed *seed = &cleanup->seed;
	Joining joining = joining_over(cleanup, cleanup->node, NULL);
	OneRun run = {.nargs = seed->nargs,
				  .types = seed->types,
				  .values = seed->values,
				  .options = {.env = seed->env, .snapshot = snapshot}};
	RoleState reader = cleanup->as_owners ? run_as(relation_owner(cleanup->target))
										  : run_as_reader(cleanup->target);

	(void) cleanup_query(psprintf(OWN_STATEMENT "SELECT c.tableoid, c.ctid%s FROM %s",
								  cleanup_key_columns(cleanup->node, cleanup->target), seed->from),
						 &run, join_set, &joining);
	run_as_end(reader);
}

/* Over some edges of one table, let the rows join that reference rows of the parents' sets. */
static void
follow_edges(Cleanup *cleanup, List *edges, EdgeQuery query)
{
	int n = list_length(edges);
	Joining *joinings = palloc(n * sizeof(Joining));
	void **args = palloc(n * sizeof(void *));

	query.as_owners = cleanup->as_owners;
	query.dead_only = cleanup->live_rows_hold;
	query.count = ((CleanupTable *) ((FkEdge *) linitial(edges))->child_node->data)->counted;
	for (int i = 0; i < n; i++)
	{
		FkEdge *edge = list_nth(edges, i);

		joinings[i] = joining_over(cleanup, edge->child_node, edge);
		args[i] = &joinings[i];
	}
	cleanup_read_edges(edges, &query, query.count ? count_set : join_set, args);
}

/* Close the sets of one component over the edges within it. */
static void
close_component(Cleanup *cleanup, List *component, Snapshot snapshot)
{
	bool again = true;

	while (again)
	{
		ListCell *lc;

		again = false;
		foreach (lc, component)
		{
			FkNode *node = lfirst(lc);
			CleanupTable *table = node->data;
			Tuplestorestate *recent;
			uint64 n;
			ListCell *lc2;

			recent = row_set_take_recent(table->set, &n);
			if (recent == NULL)
				continue;
			foreach (lc2, node->referencing)
			{
				FkEdge *edge = lfirst(lc2);

				if (fk_edge_follows(edge, cleanup->force) && is_internal(edge))
					follow_edges(cleanup, list_make1(edge),
								 (EdgeQuery){.rows = recent, .n = n, .snapshot = snapshot});
			}
			tuplestore_end(recent);
			again = true;
		}
	}
}

/*
 * Let rows follow into the tables of a component, over edges from components further up, whose sets
 * are whole. all_edges: over those within it, too.
 */
static void
follow_into(Cleanup *cleanup, List *component, Snapshot snapshot, bool all_edges)
{
	ListCell *lc;

	foreach (lc, component)
	{
		CleanupTable *table = ((FkNode *) lfirst(lc))->data;
		List *edges = NIL; /* of one table: the node's, or one of its partitions */
		ListCell *lc2;

		foreach (lc2, table->incoming)
		{
			FkEdge *edge = lfirst(lc2);

			if (((CleanupTable *) edge->parent_node->data)->set->n == 0 ||
				(is_internal(edge) && !all_edges))
				continue;
			if (edges != NIL && ((FkEdge *) linitial(edges))->child != edge->child)
			{
				follow_edges(cleanup, edges, (EdgeQuery){.snapshot = snapshot});
				edges = NIL;
			}
			edges = lappend(edges, edge);
		}
		if (edges != NIL)
			follow_edges(cleanup, edges, (EdgeQuery){.snapshot = snapshot});
	}
}

/* Find all rows that go, in this snapshot. */
void
cleanup_close(Cleanup *cleanup, Snapshot snapshot)
{
	join_seed(cleanup, snapshot);
	for (int i = list_length(cleanup->components) - 1; i >= 0; i--)
	{
		List *component = list_nth(cleanup->components, i);

		follow_into(cleanup, component, snapshot, false);
		close_component(cleanup, component, snapshot);
	}
}

/* Find rows that go and are not known yet, in this snapshot. */
uint64
cleanup_close_again(Cleanup *cleanup, Snapshot snapshot)
{
	uint64 found = 0;
	ListCell *lc;

	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);

		row_set_keep_recent(((CleanupTable *) node->data)->set);
	}
	join_seed(cleanup, snapshot);
	for (int i = list_length(cleanup->components) - 1; i >= 0; i--)
		follow_into(cleanup, list_nth(cleanup->components, i), snapshot, true);
	foreach (lc, cleanup->nodes)
	{
		FkNode *node = lfirst(lc);

		found += ((CleanupTable *) node->data)->set->nrecent;
	}
	return found;
}

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
rows_outside(FkEdge *edge, Snapshot snapshot, bool as_owners)
{
	bool all = edge->child_node->data == NULL;
	EdgeQuery query = {.snapshot = snapshot, .count = all, .as_owners = as_owners};
	Outside outside = {edge->child_node, 0};

	cleanup_read_edge(edge, &query, all ? count_all_outside : count_row_outside, &outside);
	return outside.rows;
}

/* Does a row outside stand in the way of what it references over this edge? */
bool
cleanup_edge_holds(Cleanup *cleanup, const FkEdge *edge)
{
	if (fk_edge_follows(edge, cleanup->force))
		return cleanup->live_rows_hold && mapping_declared(edge->child) != NULL;
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
static bool
is_unreadable(Oid relid)
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
	bool protects = cleanup_edge_holds(cleanup, edge);
	bool follows = !protects && fk_edge_follows(edge, cleanup->force);
	bool unreadable = !follows && !cleanup->as_owners && is_unreadable(edge->child);
	int64 rows = 0;
	int64 holding;

	if (!follows)
		rows = rows_outside(edge, snapshot, unreadable || cleanup->as_owners);
	holding = protects ? rows : 0;
	if (!unreadable && cleanup_under_rls(cleanup, edge->child))
		holding = rows_outside(edge, snapshot, true) - (protects ? 0 : rows);
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

/* Raise 23001 if there are protected rows outside. */
void
cleanup_refuse_protected(Cleanup *cleanup)
{
	StringInfoData detail;
	FkEdge *first = NULL;
	ListCell *lc;

	initStringInfo(&detail);
	foreach (lc, cleanup_ordered_steps(cleanup))
	{
		CleanupStep *step = lfirst(lc);

		if (step->action != CLEANUP_PROTECTED)
			continue;
		if (first == NULL)
			first = step->edge;
		appendStringInfo(&detail, "%s%s.%s: " INT64_FORMAT " rows", detail.len > 0 ? "\n" : "",
						 display_relation(step->node->relid), reference_column(step->edge),
						 step->rows);
	}
	if (first != NULL)
		ereport(ERROR, (errcode(ERRCODE_RESTRICT_VIOLATION),
						errmsg("protected references stand in the way of removing rows of \"%s\"",
							   get_rel_name(cleanup->target)),
						errdetail("%s", detail.data),
						errhint("Remove or change these rows first, or give force => true to "
								"remove them as well."),
						err_constraint(first)));
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
