/*
 * export_stream.c
 *		The rows of a walk one by one, those that are referenced before those that reference them.
 *
 * Tables come parents first. Where tables reference one another in a circle, or one itself, their
 * rows come in rounds: in each those that reference no row which is still to come. A row that has
 * come counts at once, for those that are read after it; so as a rule, children being younger than
 * their parents, one round does. Later rounds look only at what references rows of the one before.
 *
 * Rows that reference one another in a circle cannot come so. Then a reference of theirs is set
 * aside: one that is checked at the end of a transaction, else one that may be NULL at first.
 *
 * Memory: of each table the tids, as bits, and keys that are beyond work_mem in a file. Tables are
 * read as their owners, by the snapshot of the walk.
 */
#include "postgres.h"

#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "base/base.h"
#include "cleanup/cleanup.h"
#include "export_columns.h"
#include "export_stream.h"

/* A table whose rows come in rounds. */
typedef struct RoundTable
{
	FkNode *node;
	RowSet *set;
	RowSet *done; /* rows that have come */
	RowSet *next; /* NULL: all that have not; else those that may come in this round */
	RowSet *came; /* in this round, with their keys */
} RoundTable;

/* Tables that reference one another in a circle. */
typedef struct Rounds
{
	ExportWalk *walk;
	ExportRow callback;
	void *arg;
	List *tables;    /* RoundTable */
	List *edges;     /* FkEdge between these, but for those that are set aside */
	List *set_aside; /* FkEdge */
} Rounds;

/* Where the rows of a statement go. */
typedef struct RowTarget
{
	Oid relation;
	ExportRow callback;
	void *arg;
	RoundTable *round; /* NULL: rows have one column, the row as jsonb */
	Datum *values;     /* of a row of its sets */
	bool *nulls;
} RowTarget;

/* The set of a node. */
static RowSet *
set_of(const FkNode *node)
{
	return ((CleanupTable *) node->data)->set;
}

/* A row comes; it is the last column. */
static void
take_row(TupleTableSlot *slot, void *arg)
{
	RowTarget *target = arg;
	int last = slot->tts_tupleDescriptor->natts - 1;

	if (target->round != NULL)
	{
		target->values[SET_TAB] = slot->tts_values[0];
		target->values[SET_TID] = slot->tts_values[1];
		for (int i = 2; i < last; i++)
		{
			target->values[SET_FIXED + i - 2] = slot->tts_values[i];
			target->nulls[SET_FIXED + i - 2] = slot->tts_isnull[i];
		}
		if (!row_set_add_tid(target->round->done, SLOT_TAB(slot, 0), SLOT_TID(slot, 0)))
			return;
		(void) row_set_add(target->round->came, target->values, target->nulls);
	}
	target->callback(target->relation, slot->tts_values[last], target->arg);
}

/* SQL: the beginning of a statement that reads rows of a node; columns: before the row. */
static void
append_select(StringInfo sql, ExportWalk *walk, FkNode *node, const char *columns)
{
	appendStringInfo(sql,
					 OWN_STATEMENT "SELECT %spg_catalog.to_jsonb(pgaccount_row) FROM %s c,"
								   " LATERAL (SELECT %s) AS pgaccount_row WHERE ",
					 columns, sql_relation(node->relid),
					 export_columns(walk->model, node->relid, NULL));
}

/* Hand over all rows of a node, as they lie. */
static void
stream_table(ExportWalk *walk, FkNode *node, ExportRow callback, void *arg)
{
	RowSet *set = set_of(node);
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	OneRun run = {.types = types, .values = values, .options.snapshot = GetActiveSnapshot()};
	RowTarget target = {.relation = node->relid, .callback = callback, .arg = arg};
	StringInfoData sql;
	RoleState caller;

	initStringInfo(&sql);
	append_select(&sql, walk, node, "");
	row_set_append_condition(&sql, &run, node->relid, set, 0, row_set_rows(set), set->n);
	caller = run_as(relation_owner(node->relid));
	(void) cleanup_run_knowing(sql.data, &run, (KnownSets){&set, 1}, take_row, &target);
	run_as_end(caller);
}

/* The table of a node in rounds. */
static RoundTable *
round_table(const Rounds *rounds, const FkNode *node)
{
	ListCell *lc;

	foreach (lc, rounds->tables)
		if (((RoundTable *) lfirst(lc))->node == node)
			return lfirst(lc);
	elog(ERROR, "relation %u is in no round", node->relid);
}

/* An empty set for rows of a table as that has them. */
static RowSet *
set_like(const RoundTable *table, bool keys)
{
	return row_set_make(table->node->relid,
						keys ? ((CleanupTable *) table->node->data)->keys : NIL);
}

/* SQL: the partitions of a table, as an array of OIDs. */
static char *
parts_literal(Oid relid)
{
	StringInfoData sql;
	ListCell *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "'{");
	foreach (lc, find_all_inheritors(relid, NoLock, NULL))
		appendStringInfo(&sql, "%s%u", foreach_current_index(lc) > 0 ? "," : "", lfirst_oid(lc));
	appendStringInfoString(&sql, "}'::pg_catalog.oid[]");
	return sql.data;
}

/*
 * SQL: does `c` reference, over an edge, a row that is still to come, and is not itself? The sets
 * of the parent are those of the numbers set and set + 1.
 */
static char *
waits_sql(const FkEdge *edge, int set)
{
	bool whole = edge->child == edge->child_node->relid;

	/* a partition may have its columns in another order: they are asked of its own row */
	return psprintf(
		"EXISTS (SELECT 1 FROM %s p%s%s WHERE %s%s AND account.row_in_set(%d, p.tableoid, p.ctid)"
		" AND NOT account.row_in_set(%d, p.tableoid, p.ctid) AND NOT (p.tableoid"
		" OPERATOR(pg_catalog.=) c.tableoid AND p.ctid OPERATOR(pg_catalog.=) c.ctid))",
		sql_relation(edge->parent), whole ? "" : ", ",
		whole ? "" : psprintf("%s e", sql_relation(edge->child)),
		whole ? ""
			  : psprintf("c.tableoid OPERATOR(pg_catalog.=) ANY (%s) AND e.tableoid"
						 " OPERATOR(pg_catalog.=) c.tableoid AND e.ctid OPERATOR(pg_catalog.=)"
						 " c.ctid AND ",
						 parts_literal(edge->child)),
		fk_join(edge, "p", false, whole ? "c" : "e", false), set, set + 1);
}

/* Hand over the rows of a table that may come in a round and reference none that is to come. */
static void
run_table(Rounds *rounds, RoundTable *table)
{
	RowSet *among = table->next != NULL ? table->next : table->set;
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	OneRun run = {.types = types, .values = values, .options.snapshot = GetActiveSnapshot()};
	RowTarget target = {.relation = table->node->relid,
						.callback = rounds->callback,
						.arg = rounds->arg,
						.round = table,
						.values = palloc0(table->set->desc->natts * sizeof(Datum)),
						.nulls = palloc0(table->set->desc->natts * sizeof(bool))};
	KnownSets known = {palloc((2 + 2 * list_length(rounds->edges)) * sizeof(RowSet *)), 2};
	char *keys = cleanup_key_columns(table->node, table->node->relid);
	StringInfoData sql;
	RoleState caller;
	ListCell *lc;

	if (among->n == 0)
		return;
	known.sets[0] = among;
	known.sets[1] = table->done;
	initStringInfo(&sql);
	append_select(&sql, rounds->walk, table->node, psprintf("c.tableoid, c.ctid%s, ", keys));
	row_set_append_condition(&sql, &run, table->node->relid, among, 0, row_set_rows(among),
							 among->n);
	appendStringInfoString(&sql, " AND NOT account.row_in_set(1, c.tableoid, c.ctid)");
	foreach (lc, rounds->edges)
	{
		FkEdge *edge = lfirst(lc);

		if (edge->child_node != table->node)
			continue;
		appendStringInfo(&sql, " AND NOT %s", waits_sql(edge, known.n));
		known.sets[known.n++] = round_table(rounds, edge->parent_node)->set;
		known.sets[known.n++] = round_table(rounds, edge->parent_node)->done;
	}
	caller = run_as(relation_owner(table->node->relid));
	(void) cleanup_run_knowing(sql.data, &run, known, take_row, &target);
	run_as_end(caller);
}

/* A row that references one that came: it may come in the next round. */
static void
add_next(TupleTableSlot *slot, void *arg)
{
	RoundTable *table = arg;

	if (row_set_contains(table->set, SLOT_TAB(slot, 0), SLOT_TID(slot, 0)) &&
		!row_set_contains(table->done, SLOT_TAB(slot, 0), SLOT_TID(slot, 0)))
		(void) row_set_add_tid(table->next, SLOT_TAB(slot, 0), SLOT_TID(slot, 0));
}

/* Begin a round with what references the rows of the last one. */
static void
begin_round(Rounds *rounds)
{
	ListCell *lc;

	foreach (lc, rounds->tables)
	{
		RoundTable *table = lfirst(lc);

		if (table->next != NULL)
			row_set_free(table->next);
		table->next = set_like(table, false);
	}
	foreach (lc, rounds->edges)
	{
		FkEdge *edge = lfirst(lc);
		RowSet *came = round_table(rounds, edge->parent_node)->came;
		EdgeQuery query = {
			.rows = row_set_rows(came), .n = came->n, .snapshot = GetActiveSnapshot()};
		RoleState caller;

		if (came->n == 0)
			continue;
		caller = run_as(relation_owner(edge->child));
		cleanup_read_edge(edge, &query, add_next, round_table(rounds, edge->child_node));
		run_as_end(caller);
	}
}

/* Hand over what may come in a round. False: nothing did. */
static bool
run_round(Rounds *rounds)
{
	bool some = false;
	ListCell *lc;

	foreach (lc, rounds->tables)
	{
		RoundTable *table = lfirst(lc);

		if (table->came != NULL)
			row_set_free(table->came);
		table->came = set_like(table, true);
		run_table(rounds, table);
		some |= table->came->n > 0;
	}
	return some;
}

/* Are there rows that have not come? */
static bool
is_complete(const Rounds *rounds)
{
	ListCell *lc;

	foreach (lc, rounds->tables)
		if (((RoundTable *) lfirst(lc))->done->n < ((RoundTable *) lfirst(lc))->set->n)
			return false;
	return true;
}

/* How well a reference can be set aside: the less the better. */
static int
cost_of(const FkEdge *edge)
{
	if (!OidIsValid(edge->constraint))
		return 0; /* nobody checks it */
	if (edge->deferrable)
		return 1;
	return fk_edge_is_mandatory(edge) ? 3 : 2;
}

/*
 * Is one of two references to be set aside first? Where all else is alike, of tables found first.
 */
static int
compare_edges(const ListCell *a, const ListCell *b)
{
	const FkEdge *one = lfirst(a);
	const FkEdge *other = lfirst(b);

	if (cost_of(one) != cost_of(other))
		return cost_of(one) - cost_of(other);
	return ((ExportTable *) one->child_node->data)->number -
		   ((ExportTable *) other->child_node->data)->number;
}

/* Does a row wait, over an edge, for one that is to come? */
static bool
some_wait(Rounds *rounds, const FkEdge *edge)
{
	RoundTable *child = round_table(rounds, edge->child_node);
	RoundTable *parent = round_table(rounds, edge->parent_node);
	RowSet *sets[] = {child->set, child->done, parent->set, parent->done};
	OneRun run = {.options.snapshot = GetActiveSnapshot(), .options.limit = 1};
	RoleState caller = run_as(relation_owner(child->node->relid));
	uint64 n;

	SPI_connect();
	n = cleanup_run_knowing(
		psprintf(OWN_STATEMENT "SELECT 1 FROM %s c WHERE account.row_in_set(0, c.tableoid, c.ctid)"
							   " AND NOT account.row_in_set(1, c.tableoid, c.ctid) AND %s",
				 sql_relation(child->node->relid), waits_sql(edge, 2)),
		&run, (KnownSets){sets, lengthof(sets)}, NULL, NULL);
	SPI_finish();
	run_as_end(caller);
	return n > 0;
}

/*
 * Set a reference aside over which rows wait, and begin again with all that has not come. Others
 * are of no account any more.
 */
static void
set_one_aside(Rounds *rounds)
{
	bool waits = false;
	ListCell *lc;

	list_sort(rounds->edges, compare_edges);
	while (!waits && rounds->edges != NIL)
	{
		FkEdge *edge = linitial(rounds->edges);

		waits = some_wait(rounds, edge);
		if (waits)
			rounds->set_aside = lappend(rounds->set_aside, edge);
		rounds->edges = list_delete_first(rounds->edges);
	}
	foreach (lc, rounds->tables)
	{
		RoundTable *table = lfirst(lc);

		if (table->next != NULL)
			row_set_free(table->next);
		table->next = NULL;
	}
}

/* Tell which references hold only when all rows are there. */
static void
tell_set_aside(const Rounds *rounds)
{
	StringInfoData detail;
	ListCell *lc;

	if (rounds->set_aside == NIL)
		return;
	initStringInfo(&detail);
	foreach (lc, rounds->set_aside)
	{
		FkEdge *edge = lfirst(lc);

		appendStringInfo(&detail, "%s%s.%s", foreach_current_index(lc) > 0 ? "\n" : "",
						 display_relation(edge->child), reference_column(edge));
		if (OidIsValid(edge->constraint))
			appendStringInfo(&detail, ": constraint %s, %s", quote_identifier(edge->name),
							 edge->deferrable ? "deferrable" : "not deferrable");
	}
	ereport(NOTICE, (errmsg("rows reference one another in a circle"), errdetail("%s", detail.data),
					 errhint("Load them with these constraints deferred, or fill the columns "
							 "when all rows are there.")));
}

/* Hand over the rows of tables that reference one another in a circle. */
static void
stream_rounds(ExportWalk *walk, List *nodes, List *edges, ExportRow callback, void *arg)
{
	Rounds rounds = {.walk = walk, .callback = callback, .arg = arg, .edges = edges};
	ListCell *lc;

	foreach (lc, nodes)
	{
		RoundTable *table = palloc0(sizeof(RoundTable));

		table->node = lfirst(lc);
		table->set = set_of(table->node);
		table->done = set_like(table, false);
		row_set_keep_places(table->done, false);
		rounds.tables = lappend(rounds.tables, table);
	}
	while (!is_complete(&rounds))
	{
		CHECK_FOR_INTERRUPTS();
		if (run_round(&rounds))
			begin_round(&rounds);
		else if (rounds.edges != NIL)
			set_one_aside(&rounds);
		else
			break; /* a row that is gone; nothing of the kind is seen by one snapshot */
	}
	foreach (lc, rounds.tables)
	{
		RoundTable *table = lfirst(lc);

		row_set_free(table->done);
		row_set_free(table->came);
		if (table->next != NULL)
			row_set_free(table->next);
	}
	tell_set_aside(&rounds);
}

/* The references between some nodes. */
static List *
edges_between(List *nodes)
{
	List *edges = NIL;
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, nodes)
		foreach (lc2, ((FkNode *) lfirst(lc))->referencing)
			if (list_member_ptr(nodes, ((FkEdge *) lfirst(lc2))->child_node))
				edges = lappend(edges, lfirst(lc2));
	return edges;
}

/* Hand over all rows of a walk; see the header. */
void
export_stream(ExportWalk *walk, ExportRow callback, void *arg)
{
	List *nodes = NIL;
	List *components;
	ListCell *lc;

	/* components come children first, and are asked for in the reverse order of discovery */
	for (int i = list_length(walk->nodes) - 1; i >= 0; i--)
	{
		FkNode *node = list_nth(walk->nodes, i);

		if (set_of(node)->n > 0)
			nodes = lappend(nodes, node);
	}
	components = fk_components(nodes);
	for (int i = list_length(components) - 1; i >= 0; i--)
	{
		List *component = list_nth(components, i);
		List *edges = edges_between(component);

		CHECK_FOR_INTERRUPTS();
		if (edges == NIL)
			stream_table(walk, linitial(component), callback, arg);
		else
			stream_rounds(walk, component, edges, callback, arg);
	}
	foreach (lc, walk->nodes)
		row_set_free(set_of(lfirst(lc)));
}
