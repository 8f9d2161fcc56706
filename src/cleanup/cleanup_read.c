/*
 * cleanup_read.c
 *		Which rows reference rows of a set.
 *
 * There are three ways to ask, and the planner is shown what it needs to judge them. Few keys are
 * given as an array, for which it knows how many rows have them. More are joined with, as a table
 * of so many rows, if the plan for that looks each of them up in an index. Else the table is read:
 * if the keys are integers each row asks the set's bitmap (account.key_in_set), which no join can
 * match, and one pass answers for several foreign keys of the table; other keys are joined with,
 * mostly by hash.
 *
 * The planner thinks of an index as read from disk, block by block. Where what is looked up was
 * just read it is not: a removal in batches asks for what references rows whose followers have gone
 * in the batches before. There many more rows are worth a pass over the table than lookups.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "cleanup_read.h"

/* Keys that are given as an array. */
#define FEW_KEYS 100

/* To look up a key in memory takes as long as to read so many rows in their order. */
#define LOOKUP_WORTH 16

/*
 * How much more than a table's the planner's cost of a whole index may be, and it is still faster.
 */
#define INDEX_WORTH 1.25

/*
 * The column of `to` that is called as column attnum of `from`: partitions may number theirs
 * otherwise.
 */
static AttrNumber
same_column(Oid from, AttrNumber attnum, Oid to)
{
	return from == to ? attnum : get_attnum(to, get_attname(from, attnum, false));
}

/* Key column i that an edge references, as the table of its node numbers it. */
AttrNumber
cleanup_parent_key(const FkEdge *edge, int i)
{
	return same_column(edge->parent, edge->parent_cols[i], edge->parent_node->relid);
}

/* Column i of an edge's child, as the table of its node numbers it. */
AttrNumber
cleanup_child_key(const FkEdge *edge, int i)
{
	return same_column(edge->child, edge->child_cols[i], edge->child_node->relid);
}

/* Is a column an integer, or of a domain over it? */
static bool
is_integer(Oid relid, AttrNumber attnum)
{
	switch (getBaseType(get_atttype(relid, attnum)))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return true;
		default:
			return false;
	}
}

/* Does an edge compare integers, and nothing else: not what is cast to integers, either? */
bool
cleanup_compares_integers(const FkEdge *edge)
{
	if (edge->nkeys != 1)
		return false;
	switch (get_opcode(edge->equality[0]))
	{
		case F_INT2EQ:
		case F_INT4EQ:
		case F_INT8EQ:
		case F_INT24EQ:
		case F_INT28EQ:
		case F_INT42EQ:
		case F_INT48EQ:
		case F_INT82EQ:
		case F_INT84EQ:
			return is_integer(edge->child, edge->child_cols[0]) &&
				   is_integer(edge->parent, edge->parent_cols[0]);
		default:
			return false;
	}
}

/* SQL: the columns that a set of the node keeps, of table `c` named relid; begins with a comma. */
char *
cleanup_key_columns(FkNode *node, Oid relid)
{
	CleanupTable *table = node->data;

	return cleanup_columns(node, relid, table != NULL ? table->keys : NIL);
}

/* The same of any columns. */
char *
cleanup_columns(FkNode *node, Oid relid, const List *columns)
{
	StringInfoData sql;
	ListCell *lc;

	initStringInfo(&sql);
	foreach (lc, columns)
		appendStringInfo(
			&sql, ", c.%s",
			sql_column(relid, same_column(node->relid, (AttrNumber) lfirst_int(lc), relid)));
	return sql.data;
}

/* Is the row one that goes? */
bool
cleanup_has_row(FkNode *node, TupleTableSlot *slot)
{
	CleanupTable *table = node->data;

	return table != NULL && row_set_contains(table->set, DatumGetObjectId(slot->tts_values[0]),
											 (ItemPointer) DatumGetPointer(slot->tts_values[1]));
}

/* Does a plan look rows up, one set row after the other, and not read a whole table? */
static bool
looks_up(Plan *plan)
{
	ListCell *lc;

	switch (nodeTag(plan))
	{
		case T_Agg:
		case T_Memoize:
			return looks_up(outerPlan(plan));
		case T_NestLoop:
			return looks_up(outerPlan(plan)) && looks_up(innerPlan(plan));
		case T_Append:
			foreach (lc, ((Append *) plan)->appendplans)
				if (!looks_up(lfirst(lc)))
					return false;
			return true;
		case T_NamedTuplestoreScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
			return true;
		default:
			return false;
	}
}

/* SQL: the rows that reference rows of the set SET_NAME, `s`, over an edge. */
static char *
joined_with_set(const FkEdge *edge)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "%s c, " SET_NAME " s WHERE ", sql_keyed_relation(edge->child));
	for (int i = 0; i < edge->nkeys; i++)
		appendStringInfo(&sql, "%ss.k%d%s %s c.%s", i > 0 ? " AND " : "",
						 cleanup_parent_key(edge, i), fk_join_collation(edge, i),
						 sql_operator(edge->equality[i]),
						 sql_column(edge->child, edge->child_cols[i]));
	return sql.data;
}

/* Let a statement that is joined with a set read only rows of a part of a partitioned table. */
void
cleanup_add_parts_condition(StringInfo sql, OneRun *run, Oid relid)
{
	run->nargs = 1;
	run->types = palloc(sizeof(Oid));
	run->types[0] = OIDARRAYOID;
	run->values = palloc(sizeof(Datum));
	run->values[0] = oid_array(find_all_inheritors(relid, NoLock, NULL));
	appendStringInfoString(sql, " AND s.tab OPERATOR(pg_catalog.=) ANY ($1)");
}

/* The set whose rows an edge references. */
static RowSet *
set_of(const FkEdge *edge)
{
	return ((CleanupTable *) edge->parent_node->data)->set;
}

/* SQL: what is read of a row that references. */
static char *
read_columns(const FkEdge *edge, const EdgeQuery *query)
{
	if (query->count)
		return pstrdup("pg_catalog.count(*)");
	return psprintf("c.tableoid, c.ctid%s", cleanup_key_columns(edge->child_node, edge->child));
}

/* SQL: what else is asked of a row; begins with AND. */
static const char *
read_condition(const FkEdge *edge, const EdgeQuery *query)
{
	const SoftDelete *mapping = query->deleted_only ? mapping_declared(edge->child) : NULL;

	return mapping ? psprintf(" AND c.%s IS NOT NULL", sql_column(edge->child, mapping->deleted_at))
				   : "";
}

/* A statement that asks for the rows that reference over an edge, and how it is run. */
typedef struct EdgeRead
{
	StringInfoData sql;
	OneRun run;
	bool mapped;      /* a pass over the table could answer it */
	bool reads_table; /* and should, as the plan is to read it all */
} EdgeRead;

/* The number of the edge's keys in the set they are in, if all are known there; -1: no. */
static int
mapped_keys(const FkEdge *edge, const EdgeQuery *query)
{
	RowSet *set = set_of(edge);

	if (query->rows != NULL || query->parents || edge->parent != edge->parent_node->relid ||
		!cleanup_compares_integers(edge))
		return -1;
	return row_set_mapped_key(set, cleanup_parent_key(edge, 0), true);
}

/* Are so many keys few beside the rows of a table? */
static bool
are_few(uint64 n, Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double rows = 0;

	if (HeapTupleIsValid(tuple))
	{
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	/* of a table that was not analyzed nothing is known */
	return rows <= 0 || (double) n * LOOKUP_WORTH < rows;
}

/* The plan of a statement that joins a table with n rows of a set. */
static PlannedStmt *
plan_join(EdgeRead *read, const FkEdge *edge, const EdgeQuery *query, uint64 n)
{
	PlannedStmt *plan = plan_once(read->sql.data, &read->run);
	OneRun without = read->run;
	PlannedStmt *other;

	if (!query->lookups || looks_up(plan->planTree) || !are_few(n, edge->child))
		return plan;
	without.options.without = "enable_hashjoin, enable_mergejoin";
	other = plan_once(read->sql.data, &without);
	return looks_up(other->planTree) ? other : plan;
}

/* Make the statement that looks up what references the keys of a set, few or many. */
static EdgeRead
make_read(FkEdge *edge, const EdgeQuery *query)
{
	RowSet *set = set_of(edge);
	int mapped = mapped_keys(edge, query);
	EdgeRead read = {.run = {.options = {.snapshot = query->snapshot, .limit = query->limit}}};

	initStringInfo(&read.sql);
	if (mapped >= 0 && set->n <= FEW_KEYS)
	{
		read.run.nargs = 1;
		read.run.types = palloc(sizeof(Oid));
		read.run.types[0] = INT8ARRAYOID;
		read.run.values = palloc(sizeof(Datum));
		read.run.values[0] = row_set_key_array(set, mapped);
		appendStringInfo(&read.sql,
						 OWN_STATEMENT
						 "SELECT %s FROM %s c WHERE c.%s OPERATOR(pg_catalog.=) ANY ($1)%s",
						 read_columns(edge, query), sql_keyed_relation(edge->child),
						 sql_column(edge->child, edge->child_cols[0]), read_condition(edge, query));
	}
	else
	{
		read.run.options.env = create_queryEnv();
		appendStringInfo(&read.sql, OWN_STATEMENT "SELECT %s%s FROM %s%s",
						 read_columns(edge, query), query->parents ? ", s.tab, s.tid" : "",
						 joined_with_set(edge), read_condition(edge, query));
		if (edge->parent != edge->parent_node->relid)
			cleanup_add_parts_condition(&read.sql, &read.run, edge->parent);
		row_set_register(read.run.options.env, SET_NAME, set->desc, query->rows,
						 query->rows ? query->n : set->n);
	}
	read.mapped = mapped >= 0;
	if (read.mapped || query->lookups)
	{
		read.run.options.plan =
			plan_join(&read, edge, query, query->rows != NULL ? query->n : set->n);
		read.reads_table = read.mapped && !looks_up(read.run.options.plan->planTree);
	}
	return read;
}

/* Give a statement that is joined with a whole set the rows of it. */
static void
give_rows(EdgeRead *read, const FkEdge *edge)
{
	RowSet *set = set_of(edge);
	EphemeralNamedRelation enr = get_ENR(read->run.options.env, SET_NAME);
	int mapped = -1;

	if (set->places_only)
		mapped = row_set_mapped_key(set, cleanup_parent_key(edge, 0), false);
	enr->reldata = mapped >= 0 ? row_set_keys(set, mapped) : row_set_rows(set);
}

/*
 * Count from an index if one has the key, and every row has to be looked at anyhow: it is smaller
 * than the table. The planner thinks of each of its blocks as read at random, but they are read in
 * order.
 */
static PlannedStmt *
prefer_index(const char *sql, const OneRun *run)
{
	PlannedStmt *plan = plan_once(sql, run);
	OneRun without = *run;
	PlannedStmt *other;

	without.options.without = "enable_seqscan";
	other = plan_once(sql, &without);
	if (IsA(other->planTree, Agg) && IsA(outerPlan(other->planTree), IndexOnlyScan) &&
		other->planTree->total_cost < plan->planTree->total_cost * INDEX_WORTH)
		return other;
	return plan;
}

/* What is done with the rows of several edges. */
typedef struct ManyEdges
{
	RowCallback callback;
	void **args;
} ManyEdges;

/* A row comes that references over the edge whose number is its last column. */
static void
hand_on(TupleTableSlot *slot, void *arg)
{
	ManyEdges *many = arg;
	int last = slot->tts_tupleDescriptor->natts - 1;

	many->callback(slot, many->args[DatumGetInt32(slot->tts_values[last])]);
}

/* Read the rows that reference over n edges from their table, in one pass over it. */
static void
read_table(FkEdge **edges, int n, const EdgeQuery *query, RowCallback callback, void **args)
{
	FkEdge *first = edges[0];
	KnownSets known = {palloc(n * sizeof(RowSet *)), n};
	OneRun run = {.options = {.snapshot = query->snapshot, .limit = query->limit}};
	ManyEdges many = {callback, args};
	StringInfoData sql;
	StringInfoData number;
	StringInfoData condition;

	initStringInfo(&sql);
	initStringInfo(&number);
	initStringInfo(&condition);
	for (int i = 0; i < n; i++)
	{
		char *asks = psprintf("account.key_in_set(%d, %d, c.%s)", i, mapped_keys(edges[i], query),
							  sql_column(edges[i]->child, edges[i]->child_cols[0]));

		known.sets[i] = set_of(edges[i]);
		appendStringInfo(&condition, "%s%s", i > 0 ? " OR " : "", asks);
		if (i < n - 1)
			appendStringInfo(&number, " WHEN %s THEN %d", asks, i);
	}
	appendStringInfo(&sql, OWN_STATEMENT "SELECT %s", read_columns(first, query));
	if (n > 1)
		appendStringInfo(&sql, ", CASE%s ELSE %d END", number.data, n - 1);
	appendStringInfo(&sql, " FROM %s c WHERE (%s)%s", sql_keyed_relation(first->child),
					 condition.data, read_condition(first, query));
	if (query->count)
		run.options.plan = prefer_index(sql.data, &run);
	(void) cleanup_run_knowing(sql.data, &run, known, n > 1 ? hand_on : callback,
							   n > 1 ? (void *) &many : args[0]);
}

/* Read the rows that reference rows of sets over edges of one table. */
void
cleanup_read_edges(List *edges, const EdgeQuery *query, RowCallback callback, void **args)
{
	int n = list_length(edges);
	EdgeRead *reads = palloc(n * sizeof(EdgeRead));
	FkEdge **all = palloc(n * sizeof(FkEdge *));
	RoleState caller;
	int next;

	CHECK_FOR_INTERRUPTS();
	/* before statements name it and its columns */
	LockRelationOid(((FkEdge *) linitial(edges))->child, AccessShareLock);
	caller = query->as_owners ? run_as(relation_owner(((FkEdge *) linitial(edges))->child))
							  : run_as_reader(((FkEdge *) linitial(edges))->child);
	for (int i = 0; i < n; i++)
	{
		all[i] = list_nth(edges, i);
		reads[i] = make_read(all[i], query);
	}
	/* in their order, for a row is counted where it is found first */
	for (int i = 0; i < n; i = next)
	{
		bool reads_table = reads[i].reads_table;

		next = i + 1;
		while (reads[i].mapped && next < n && reads[next].mapped)
			reads_table |= reads[next++].reads_table;
		if (reads_table)
		{
			read_table(all + i, next - i, query, callback, args + i);
			continue;
		}
		for (int j = i; j < next; j++)
		{
			if (reads[j].run.options.env != NULL && query->rows == NULL)
				give_rows(&reads[j], all[j]);
			(void) cleanup_query(reads[j].sql.data, &reads[j].run, callback, args[j]);
		}
	}
	run_as_end(caller);
}

/* Read the rows that reference rows of a set over an edge. */
void
cleanup_read_edge(FkEdge *edge, const EdgeQuery *query, RowCallback callback, void *arg)
{
	cleanup_read_edges(list_make1(edge), query, callback, &arg);
}

/* Read the rows that have a key of a set. */
void
cleanup_read_keys(const FkEdge *edge, RowCallback callback, void *arg)
{
	RowSet *set = set_of(edge);
	OneRun run = {.options.env = create_queryEnv()};
	RoleState reader = run_as_reader(edge->parent);
	int mapped = -1;
	StringInfoData sql;

	if (set->places_only)
		mapped = row_set_mapped_key(set, cleanup_parent_key(edge, 0), false);
	row_set_register(run.options.env, SET_NAME, set->desc,
					 mapped >= 0 ? row_set_keys(set, mapped) : row_set_rows(set), set->n);
	initStringInfo(&sql);
	appendStringInfo(&sql,
					 OWN_STATEMENT "SELECT c.tableoid, c.ctid FROM %s c, " SET_NAME " s WHERE ",
					 sql_keyed_relation(edge->parent));
	for (int i = 0; i < edge->nkeys; i++)
		appendStringInfo(&sql, "%ss.k%d %s c.%s", i > 0 ? " AND " : "", cleanup_parent_key(edge, i),
						 sql_operator(edge->equality[i]),
						 sql_column(edge->parent, edge->parent_cols[i]));
	(void) cleanup_query(sql.data, &run, callback, arg);
	run_as_end(reader);
}
