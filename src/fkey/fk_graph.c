/*
 * fk_graph.c
 *		References as data: foreign keys, read from pg_constraint, and those that none declares.
 *
 * A key of, or to, a partitioned table has a row in pg_constraint for every partition too; those
 * are left out, so each edge is one that somebody declared. Policies (fk_policy.c) are applied:
 * what an edge does on delete is what the application says, which an ORM hides from the catalog.
 * Lists are made in the caller's memory context. Nothing is locked: callers hold locks on the
 * tables they start from.
 *
 * In the graph a table is a node, all its partitions folded into the topmost table. Keys that the
 * server does not enforce are no edges. Keys over periods (18) are edges of the graph: a row
 * references those that have its key and are of its time, of which there is one at any moment, so
 * it cannot do without any. Rows never follow over them. Where the value of a key is looked for, as
 * fk_of() and fk_referencing() are asked, they are left out.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_operator.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "fk_graph.h"
#include "fk_policy.h"
#include "fk_reference.h"

/* The last columns of a key over a period are compared by whether they overlap. */
static void
compare_periods(FkEdge *edge)
{
	int last = edge->nkeys - 1;
	Oid type = getBaseType(get_atttype(edge->parent, edge->parent_cols[last]));

	edge->equality[last] =
		type_is_range(type) ? OID_RANGE_OVERLAP_OP : OID_MULTIRANGE_OVERLAPS_MULTIRANGE_OP;
}

/* Make an edge of a row of pg_constraint; policies as of fk_policies(). */
static FkEdge *
make_edge(HeapTuple tuple, List *policies)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	FkEdge *edge = palloc0(sizeof(FkEdge));
	const FkPolicy *policy;
	AttrNumber del_set_cols[INDEX_MAX_KEYS];
	Oid pp[INDEX_MAX_KEYS];
	Oid ff[INDEX_MAX_KEYS];
	int n_del_set_cols;

	edge->constraint = form->oid;
	edge->name = pstrdup(NameStr(form->conname));
	edge->child = form->conrelid;
	edge->parent = form->confrelid;
	edge->catalog_action = form->confdeltype;
	edge->period = compat_is_period(form);
	policy = edge->period ? NULL : fk_policy_of(policies, edge->child, edge->name);
	edge->on_delete =
		policy && policy->action != FK_POLICY_NONE ? policy->action : edge->catalog_action;
	edge->on_soft_delete = policy ? policy->on_soft_delete : FK_SOFT_DEFAULT;
	edge->proven = form->convalidated;
	edge->deferrable = form->condeferrable;
	edge->deferred = form->condeferred;
	edge->child_cols = palloc(INDEX_MAX_KEYS * sizeof(AttrNumber));
	edge->parent_cols = palloc(INDEX_MAX_KEYS * sizeof(AttrNumber));
	edge->equality = palloc(INDEX_MAX_KEYS * sizeof(Oid));
	DeconstructFkConstraintRow(tuple, &edge->nkeys, edge->child_cols, edge->parent_cols,
							   edge->equality, pp, ff, &n_del_set_cols, del_set_cols);
	if (edge->period)
		compare_periods(edge);
	if (n_del_set_cols == 0 || edge->on_delete != edge->catalog_action)
	{
		edge->nset = edge->nkeys;
		edge->set_cols = edge->child_cols;
	}
	else
	{
		edge->nset = n_del_set_cols;
		edge->set_cols = palloc(n_del_set_cols * sizeof(AttrNumber));
		memcpy(edge->set_cols, del_set_cols, n_del_set_cols * sizeof(AttrNumber));
	}
	return edge;
}

/*
 * Whether a row of pg_constraint is a key that PostgreSQL itself follows: declared, not a
 * partition's clone, and enforced.
 */
static bool
is_followed(Form_pg_constraint form)
{
	return form->contype == CONSTRAINT_FOREIGN && !OidIsValid(form->conparentid) &&
		   compat_is_enforced(form);
}

/*
 * The foreign keys whose column `attribute` of pg_constraint is one of relids, and the references
 * that are declared of these tables. periods: those over periods, too.
 */
static List *
scan_edges(List *relids, AttrNumber attribute, bool periods)
{
	Relation rel = table_open(ConstraintRelationId, AccessShareLock);
	bool by_child = (attribute == Anum_pg_constraint_conrelid);
	List *policies = fk_policies();
	List *edges = NIL;
	ListCell *lc;

	foreach (lc, relids)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple tuple;

		ScanKeyInit(&key, attribute, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(lfirst_oid(lc)));
		scan = systable_beginscan(rel, by_child ? ConstraintRelidTypidNameIndexId : InvalidOid,
								  by_child, NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

			if (is_followed(form) && (periods || !compat_is_period(form)))
				edges = lappend(edges, make_edge(tuple, policies));
		}
		systable_endscan(scan);
	}
	table_close(rel, AccessShareLock);
	return list_concat(edges, fk_reference_edges(relids, by_child));
}

/* The relation and the partitioned tables it is a partition of. */
static List *
with_ancestors(Oid relid)
{
	List *relids = list_make1_oid(relid);

	if (get_rel_relispartition(relid))
		relids = list_concat(relids, get_partition_ancestors(relid));
	return relids;
}

/* The references to a table. */
List *
fk_referencing(Oid parent)
{
	return scan_edges(with_ancestors(parent), Anum_pg_constraint_confrelid, false);
}

/* The references that a table has. */
List *
fk_of(Oid child)
{
	return scan_edges(with_ancestors(child), Anum_pg_constraint_conrelid, false);
}

/* The references that a table has, those over periods among them. */
List *
fk_of_with_periods(Oid child)
{
	return scan_edges(with_ancestors(child), Anum_pg_constraint_conrelid, true);
}

/* The table that a relation is part of: the topmost partitioned one, or itself. */
Oid
fk_node_table(Oid relid)
{
	return get_rel_relispartition(relid) ? llast_oid(get_partition_ancestors(relid)) : relid;
}

/* The node of a table; made if there is none. */
FkNode *
fk_graph_node(FkGraph *graph, Oid relid)
{
	FkNode *node;
	bool found;

	relid = fk_node_table(relid);
	node = hash_search(graph->nodes, &relid, HASH_ENTER, &found);
	if (!found)
	{
		memset(node, 0, sizeof(FkNode));
		node->relid = relid;
	}
	return node;
}

/* An edge with the name by which edges are put in order. */
typedef struct NamedEdge
{
	char *table;
	FkEdge *edge;
} NamedEdge;

/* Order edges by table and name, so that two databases with the same tables give the same order. */
static int
compare_edges(const void *a, const void *b)
{
	const NamedEdge *left = a;
	const NamedEdge *right = b;
	int result = strcmp(left->table, right->table);

	if (result == 0)
		result = strcmp(left->edge->name, right->edge->name);
	/* what no foreign key declares may have the name of one */
	return result != 0 ? result
					   : (left->edge->declared > right->edge->declared) -
							 (left->edge->declared < right->edge->declared);
}

/*
 * An array of edges in order; *n: how many. Those whose table another session is dropping are left
 * out.
 */
static NamedEdge *
sort_edges(List *edges, int *n)
{
	NamedEdge *sorted = palloc(Max(list_length(edges), 1) * sizeof(NamedEdge));
	ListCell *lc;

	*n = 0;
	foreach (lc, edges)
	{
		FkEdge *edge = lfirst(lc);
		char *table = get_rel_name(edge->child);
		char *schema = table ? get_namespace_name(get_rel_namespace(edge->child)) : NULL;

		if (schema == NULL || get_rel_name(edge->parent) == NULL)
			continue;
		sorted[*n].table = psprintf("%s.%s", schema, table);
		sorted[(*n)++].edge = edge;
	}
	qsort(sorted, *n, sizeof(NamedEdge), compare_edges);
	return sorted;
}

/* All foreign keys of the database. */
static List *
all_foreign_keys(void)
{
	Relation rel = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List *policies = fk_policies();
	List *edges = NIL;
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (is_followed((Form_pg_constraint) GETSTRUCT(tuple)))
			edges = lappend(edges, make_edge(tuple, policies));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return edges;
}

/* All references of the database as a graph, in the current memory context. */
FkGraph *
fk_graph_load(void)
{
	FkGraph *graph = palloc0(sizeof(FkGraph));
	HASHCTL ctl = {
		.keysize = sizeof(Oid), .entrysize = sizeof(FkNode), .hcxt = CurrentMemoryContext};
	int n;
	NamedEdge *edges =
		sort_edges(list_concat(all_foreign_keys(), fk_reference_edges(NIL, false)), &n);

	graph->nodes = hash_create("pgaccount graph", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int i = 0; i < n; i++)
	{
		FkEdge *edge = edges[i].edge;

		edge->child_node = fk_graph_node(graph, edge->child);
		edge->parent_node = fk_graph_node(graph, edge->parent);
		edge->parent_node->referencing = lappend(edge->parent_node->referencing, edge);
		graph->edges = lappend(graph->edges, edge);
	}
	return graph;
}

/* What the walk for components keeps. */
typedef struct ComponentWalk
{
	int counter;
	List *stack;
	List *components;
} ComponentWalk;

/* Visit a node and what is reached from it (Tarjan's algorithm). */
static void
visit(FkNode *node, ComponentWalk *walk)
{
	ListCell *lc;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	node->order = node->low = ++walk->counter;
	node->on_stack = true;
	walk->stack = lappend(walk->stack, node);
	foreach (lc, node->referencing)
	{
		FkNode *child = ((FkEdge *) lfirst(lc))->child_node;

		if (!child->member)
			continue;
		if (child->order == 0)
			visit(child, walk);
		if (child->on_stack)
			node->low = Min(node->low, child->low);
	}
	if (node->low == node->order)
	{
		List *component = NIL;
		FkNode *member;

		do
		{
			member = llast(walk->stack);
			walk->stack = list_delete_last(walk->stack);
			member->on_stack = false;
			member->component = list_length(walk->components);
			component = lcons(member, component);
		} while (member != node);
		walk->components = lappend(walk->components, component);
	}
}

/*
 * The strongly connected components of some nodes, a list of lists, children first: no table of a
 * component is referenced from a later one.
 */
List *
fk_components(List *nodes)
{
	ComponentWalk walk = {0, NIL, NIL};
	ListCell *lc;

	foreach (lc, nodes)
	{
		FkNode *node = lfirst(lc);

		node->member = true;
		node->order = 0;
	}
	foreach (lc, nodes)
		if (((FkNode *) lfirst(lc))->order == 0)
			visit(lfirst(lc), &walk);
	foreach (lc, nodes)
		((FkNode *) lfirst(lc))->member = false;
	return walk.components;
}
