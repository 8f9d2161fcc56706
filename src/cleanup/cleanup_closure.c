/*
 * cleanup_closure.c
 *		Which rows go when rows of a table are removed: those, and what follows them.
 *
 * The delete set is closed over the foreign keys by which rows follow their parents. Components of
 * the graph go parents first, so that the sets a table follows are whole before it is read, and one
 * reading answers for all of them (cleanup_read.c). Within a cycle each round asks only for what
 * references the rows of the last round. All reads are made in one snapshot, with the caller's
 * privileges and policies, and see deleted rows of soft-delete tables. A plan only counts rows of
 * which nothing else is asked.
 */
#include "postgres.h"

#include "executor/tuptable.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "cleanup_closure.h"

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
	if (integers && (use != CLEANUP_TO_CUT || table->node->referencing == NIL))
		row_set_keep_places(table->set, ways > 1 && use != CLEANUP_TO_PLAN);
	if (cycle)
		row_set_keep_recent(table->set);
}

/* Make the sets of the tables. */
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

/* Begin a cleanup of rows of a table. */
static Cleanup *
begin_cleanup(Oid target, bool force, bool as_owners)
{
	Cleanup *cleanup = palloc0(sizeof(Cleanup));

	cleanup->target = target;
	cleanup->force = force;
	cleanup->as_owners = as_owners;
	cleanup->graph = fk_graph_load();
	cleanup->node = fk_graph_node(cleanup->graph, target);
	return cleanup;
}

/* Find out which tables it reaches. */
static Cleanup *
reach_tables(Cleanup *cleanup, CleanupUse use)
{
	find_nodes(cleanup);
	check_are_heaps(cleanup);
	make_tables(cleanup, use);
	return cleanup;
}

/* The first table that is no heap, of those whose rows could go; InvalidOid if there is none. */
Oid
cleanup_no_heap(Oid target)
{
	Cleanup *cleanup = begin_cleanup(target, false, true);
	ListCell *lc;

	find_nodes(cleanup);
	foreach (lc, cleanup->nodes)
		if (!is_heap(((FkNode *) lfirst(lc))->relid))
			return ((FkNode *) lfirst(lc))->relid;
	return InvalidOid;
}

/* A cleanup of rows of a table. */
Cleanup *
cleanup_make(Oid target, bool force, CleanupUse use, bool as_owners)
{
	return reach_tables(begin_cleanup(target, force, as_owners), use);
}

/* Does an edge compare these columns of the tables of its nodes? */
static bool
compares(const FkEdge *edge, AttrNumber child, AttrNumber parent)
{
	for (int i = 0; i < edge->nkeys; i++)
		if (cleanup_child_key(edge, i) == child && cleanup_parent_key(edge, i) == parent)
			return true;
	return false;
}

/* The same, that takes rows along whose key says that they stand in its way. */
Cleanup *
cleanup_make_taking(Oid target, bool force, const TakenAlong *along)
{
	Cleanup *cleanup = begin_cleanup(target, force, false);
	ListCell *lc;

	/* without soft delete nothing says which of them are deleted; and nodes number columns */
	if (along != NULL && cleanup->node->relid == target &&
		(!along->deleted || mapping_declared(along->relid) != NULL))
		foreach (lc, cleanup->node->referencing)
		{
			FkEdge *edge = lfirst(lc);

			if (fk_edge_protects(edge) && edge->child_node->relid == along->relid &&
				compares(edge, along->column, along->parent_column))
			{
				edge->on_delete = FKCONSTR_ACTION_CASCADE;
				if (!along->deleted)
					cleanup->live_too = lappend(cleanup->live_too, edge);
			}
		}
	return reach_tables(cleanup, CLEANUP_TO_EXECUTE);
}

/*
 * The same for rows that go because of what they reference: rows of other soft-delete tables stand
 * in the way where on_parent_delete refuses.
 */
Cleanup *
cleanup_make_by_parents(Oid target)
{
	Cleanup *cleanup = begin_cleanup(target, false, true);
	ListCell *lc;

	foreach (lc, cleanup->graph->edges)
	{
		FkEdge *edge = lfirst(lc);
		const SoftDelete *soft;

		if (!fk_edge_follows(edge, false) || edge->child_node == cleanup->node)
			continue;
		soft = mapping_declared(edge->child);
		if (soft != NULL && soft->options.on_parent_delete == PARENT_DELETE_REFUSE)
			edge->on_delete = FKCONSTR_ACTION_RESTRICT;
	}
	cleanup->remover = relation_owner(target);
	cleanup->as_delete = true;
	cleanup->hint = "Remove or change these rows first, or let account.set_reference_policy say "
					"what becomes of them.";
	return reach_tables(cleanup, CLEANUP_TO_EXECUTE);
}

/* The same for rows that are erased: those follow that follow a deletion, softly or for good. */
Cleanup *
cleanup_make_to_erase(Oid target)
{
	Cleanup *cleanup = begin_cleanup(target, false, true);
	ListCell *lc;

	foreach (lc, cleanup->graph->edges)
	{
		FkEdge *edge = lfirst(lc);

		if (edge->on_soft_delete == FK_SOFT_FOLLOW)
			edge->on_delete = FKCONSTR_ACTION_CASCADE;
		else if (edge->on_soft_delete == FK_SOFT_KEEP || edge->on_soft_delete == FK_SOFT_REFUSE)
			edge->on_delete = FKCONSTR_ACTION_RESTRICT;
	}
	return reach_tables(cleanup, CLEANUP_TO_EXECUTE);
}

/* The rows that the caller names by argument n of the function. */
static void
seed_keys(Cleanup *cleanup, FunctionCallInfo fcinfo, int n)
{
	KeySet *keys = keys_of_argument(fcinfo, n, cleanup->target);

	cleanup->seed.from = psprintf("%s c WHERE %s", sql_keyed_relation(cleanup->target),
								  keys_condition(keys, "c", 1));
	cleanup->seed.run.nargs = keys->ncols;
	cleanup->seed.run.types = keys->array_types;
	cleanup->seed.run.values = keys->arrays;
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
	lock_checked_table(target, lockmode, "a cleanup", false);
	cleanup = cleanup_make(target, force, use, false);
	cleanup->remover = GetUserId();
	if (PG_NARGS() > 2 || !PG_ARGISNULL(1))
		seed_keys(cleanup, fcinfo, 1);
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

/* The step of an edge and an action; made if there is none. */
CleanupStep *
cleanup_step(Cleanup *cleanup, FkNode *node, FkEdge *edge, CleanupAction action)
{
	CleanupStep *step;
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		step = lfirst(lc);
		if (step->node == node && step->edge == edge && step->action == action)
			return step;
	}
	step = palloc0(sizeof(CleanupStep));
	step->node = node;
	step->edge = edge;
	step->action = action;
	cleanup->steps = lappend(cleanup->steps, step);
	return step;
}

/* The number of a step, as in SET_VIA. */
static int
step_number(Cleanup *cleanup, CleanupStep *step)
{
	int number = 0;

	while (list_nth(cleanup->steps, number) != step)
		number++;
	return number;
}

/* Rows that join a set, counted in a step. */
typedef struct Joining
{
	Cleanup *cleanup;
	RowSet *set;
	CleanupStep *step;
	int number;
	Datum *values;
	bool *nulls;
} Joining;

/* A row has joined its set. */
static void
count_joined(Joining *joining, Oid tab, ItemPointer tid)
{
	Cleanup *cleanup = joining->cleanup;

	joining->step->rows++;
	cleanup->rows++;
	if (cleanup->joined != NULL)
		cleanup->joined(tab, tid, cleanup->arg);
}

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
		count_joined(joining, SLOT_TAB(slot, 0), SLOT_TID(slot, 0));
}

/* Rows of a page join a set that keeps no keys. */
static void
join_page(Oid tab, BlockNumber block, OffsetNumber first, uint64 bits, void *arg)
{
	Joining *joining = arg;

	for (; bits != 0; bits &= bits - 1)
	{
		ItemPointerData tid;

		ItemPointerSet(&tid, block, first + pg_rightmost_one_pos64(bits));
		joining->values[SET_TAB] = ObjectIdGetDatum(tab);
		joining->values[SET_TID] = PointerGetDatum(&tid);
		joining->values[SET_VIA] = Int32GetDatum(joining->number);
		if (row_set_add(joining->set, joining->values, joining->nulls))
			count_joined(joining, tab, &tid);
	}
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

	joining.cleanup = cleanup;
	joining.set = table->set;
	joining.step = cleanup_step(cleanup, node, edge, CLEANUP_DELETE);
	joining.number = step_number(cleanup, joining.step);
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
	OneRun run = seed->run;
	RoleState reader;

	if (seed->from == NULL)
		return;
	reader = cleanup->as_owners ? run_as(relation_owner(cleanup->target))
								: run_as_reader(cleanup->target);

	run.options.snapshot = snapshot;
	(void) cleanup_query(psprintf(OWN_STATEMENT "SELECT c.tableoid, c.ctid%s FROM %s",
								  cleanup_key_columns(cleanup->node, cleanup->target), seed->from),
						 &run, join_set, &joining);
	run_as_end(reader);
}

/* Let rows of a set of tids join. */
void
cleanup_add_rows(Cleanup *cleanup, FkNode *node, RowSet *rows, Snapshot snapshot)
{
	Joining joining = joining_over(cleanup, node, NULL);
	KnownSets known = {&rows, 1};
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	OneRun run = {.types = types, .values = values, .options.snapshot = snapshot};
	RoleState reader;
	StringInfoData sql;

	if (rows->n == 0)
		return;
	if (((CleanupTable *) node->data)->keys == NIL)
	{
		row_set_each_page(rows, join_page, &joining);
		return;
	}
	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT c.tableoid, c.ctid%s FROM %s c WHERE ",
					 cleanup_key_columns(node, node->relid), sql_keyed_relation(node->relid));
	row_set_append_condition(&sql, &run, node->relid, rows, 0, NULL, rows->n);
	reader = cleanup->as_owners ? run_as(relation_owner(node->relid)) : run_as_reader(node->relid);
	(void) cleanup_run_knowing(sql.data, &run, known, join_set, &joining);
	run_as_end(reader);
}

/* Do live rows of a soft-delete table hold over an edge? See the header. */
bool
cleanup_live_rows_hold(const Cleanup *cleanup, const FkEdge *edge)
{
	return cleanup->live_rows_hold && !list_member_ptr(cleanup->live_too, edge);
}

/* How many rows are read at most that may join a set: enough to see that it becomes too large. */
static uint64
read_limit(Cleanup *cleanup, const RowSet *set)
{
	return cleanup->limit == 0 ? 0
							   : cleanup->limit + 1 - Min(cleanup->rows, cleanup->limit) + set->n;
}

/*
 * Over some edges of one table, let the rows join that reference rows of the parents' sets. Live
 * rows hold over all of them, or over none.
 */
static void
follow_edges(Cleanup *cleanup, List *edges, EdgeQuery query)
{
	int n = list_length(edges);
	Joining *joinings = palloc(n * sizeof(Joining));
	void **args = palloc(n * sizeof(void *));

	query.as_owners = cleanup->as_owners;
	query.lookups = cleanup->lookups;
	query.deleted_only = cleanup_live_rows_hold(cleanup, linitial(edges));
	query.count = ((CleanupTable *) ((FkEdge *) linitial(edges))->child_node->data)->counted;
	query.limit =
		read_limit(cleanup, ((CleanupTable *) ((FkEdge *) linitial(edges))->child_node->data)->set);
	for (int i = 0; i < n; i++)
	{
		FkEdge *edge = list_nth(edges, i);

		joinings[i] = joining_over(cleanup, edge->child_node, edge);
		args[i] = &joinings[i];
	}
	cleanup_read_edges(edges, &query, query.count ? count_set : join_set, args);
	cleanup->exceeded |= cleanup->limit > 0 && cleanup->rows > cleanup->limit;
}

/* Close the sets of one component over the edges within it. */
static void
close_component(Cleanup *cleanup, List *component, Snapshot snapshot)
{
	bool again = true;

	while (again && !cleanup->exceeded)
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

				if (fk_edge_follows(edge, cleanup->force) && is_internal(edge) &&
					!cleanup->exceeded)
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
			if (edges != NIL && (((FkEdge *) linitial(edges))->child != edge->child ||
								 cleanup_live_rows_hold(cleanup, linitial(edges)) !=
									 cleanup_live_rows_hold(cleanup, edge)))
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
	FAILURE_POINT("cleanup-close");
	join_seed(cleanup, snapshot);
	for (int i = list_length(cleanup->components) - 1; i >= 0 && !cleanup->exceeded; i--)
	{
		List *component = list_nth(cleanup->components, i);

		follow_into(cleanup, component, snapshot, false);
		close_component(cleanup, component, snapshot);
	}
}

/* Find rows that go and are not in the sets yet, in this snapshot. */
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
	if (!cleanup->seed.by_tid)
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
