/*
 * ascent.c
 *		Which rows follow the rows that a removal is about: the way up, not down.
 *
 * A removal in batches remembers rows by their tids from one transaction to the next, when a row
 * may have been changed, moved to another parent, or removed, and its place given to another. So
 * each batch asks of its rows, in its own snapshot, whether they follow the root still. That is
 * asked upwards: a row's parents are found by their keys, and there are fewer and fewer of them,
 * while what follows the root may be millions of rows.
 *
 * The rows and their ways up are a graph in memory, as large as a batch with its parents. A row
 * belongs when a parent does that it follows; edges that lead nearer to the target are asked first,
 * and others only for rows that are not found to belong by those.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "base/base.h"
#include "ascent.h"

/* Where a row is; compared byte by byte. */
typedef struct AscentKey
{
	Oid tab;
	ItemPointerData tid;
} AscentKey;

/* A row on the way up. */
typedef struct AscentRow
{
	AscentKey key; /* hash key */
	bool belongs;
	List *followers; /* AscentRow, of those that were asked for, or lead to such */
} AscentRow;

/* What is known of a table. */
typedef struct AscentTable
{
	FkNode *node;
	int distance;  /* edges to the target, at least */
	List *edges;   /* by which its rows follow, those that lead nearer to the target first */
	List *columns; /* of its table, which these edges need */
	RowSet *fresh; /* rows that came since its edges were asked; NULL: none */
	List *items;   /* of these */
} AscentTable;

struct Ascent
{
	Cleanup *cleanup;
	Snapshot snapshot;
	HTAB *rows;
	List *tables; /* AscentTable */
};

/* The table of a node. */
static AscentTable *
table_of(Ascent *ascent, const FkNode *node)
{
	ListCell *lc;

	foreach (lc, ascent->tables)
		if (((AscentTable *) lfirst(lc))->node == node)
			return lfirst(lc);
	elog(ERROR, "table %u is not part of the cleanup", node->relid);
}

/* The row at a place; made if there is none, which *is_new says. */
static AscentRow *
item_at(Ascent *ascent, Oid tab, ItemPointer tid, bool *is_new)
{
	AscentKey key;
	bool found;
	AscentRow *item;

	memset(&key, 0, sizeof(key));
	key.tab = tab;
	key.tid = *tid;
	item = hash_search(ascent->rows, &key, HASH_ENTER, &found);
	if (!found)
	{
		item->belongs = false;
		item->followers = NIL;
	}
	*is_new = !found;
	return item;
}

/* A row belongs, and so do those that follow it. */
static void
mark(AscentRow *item)
{
	List *marked;

	if (item->belongs)
		return;
	item->belongs = true;
	marked = list_make1(item);
	while (marked != NIL)
	{
		AscentRow *last = llast(marked);
		ListCell *lc;

		CHECK_FOR_INTERRUPTS();
		marked = list_delete_last(marked);
		foreach (lc, last->followers)
		{
			AscentRow *follower = lfirst(lc);

			if (follower->belongs)
				continue;
			follower->belongs = true;
			marked = lappend(marked, follower);
		}
	}
}

/* How far each table is from the target. */
static void
measure(Ascent *ascent)
{
	List *reached = list_make1(table_of(ascent, ascent->cleanup->node));

	((AscentTable *) linitial(reached))->distance = 0;
	for (int i = 0; i < list_length(reached); i++)
	{
		AscentTable *table = list_nth(reached, i);
		ListCell *lc;

		foreach (lc, table->node->referencing)
		{
			FkEdge *edge = lfirst(lc);
			AscentTable *child;

			if (!fk_edge_follows(edge, ascent->cleanup->force))
				continue;
			child = table_of(ascent, edge->child_node);
			child->edges = lappend(child->edges, edge);
			for (int j = 0; j < edge->nkeys; j++)
				child->columns = list_append_unique_int(child->columns, cleanup_child_key(edge, j));
			if (child->distance >= 0)
				continue;
			child->distance = table->distance + 1;
			reached = lappend(reached, child);
		}
	}
}

/* Look up from rows of the tables of a cleanup. */
Ascent *
ascent_make(Cleanup *cleanup, RowSet *roots, Snapshot snapshot)
{
	HASHCTL ctl = {
		.keysize = sizeof(AscentKey), .entrysize = sizeof(AscentRow), .hcxt = CurrentMemoryContext};
	Ascent *ascent = palloc0(sizeof(Ascent));
	TupleTableSlot *slot = MakeSingleTupleTableSlot(roots->desc, &TTSOpsMinimalTuple);
	Tuplestorestate *rows = row_set_rows(roots);
	ListCell *lc;

	ascent->cleanup = cleanup;
	ascent->snapshot = snapshot;
	ascent->rows =
		hash_create("pgaccount ascent", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach (lc, cleanup->nodes)
	{
		AscentTable *table = palloc0(sizeof(AscentTable));

		table->node = lfirst(lc);
		table->distance = -1;
		ascent->tables = lappend(ascent->tables, table);
	}
	/* tables come in the order of their distance, so do the edges that lead to them */
	measure(ascent);
	row_set_rewind(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool is_new;

		slot_getallattrs(slot);
		item_at(ascent, SLOT_TAB(slot, SET_TAB), SLOT_TID(slot, SET_TAB), &is_new)->belongs = true;
	}
	ExecDropSingleTupleTableSlot(slot);
	return ascent;
}

/* A row comes that was not there before, or was: its place and columns begin at one of the slot. */
static AscentRow *
take_row(Ascent *ascent, AscentTable *table, TupleTableSlot *slot, int first)
{
	bool is_new;
	AscentRow *item = item_at(ascent, SLOT_TAB(slot, first), SLOT_TID(slot, first), &is_new);
	int ncolumns = list_length(table->columns);
	Datum values[SET_FIXED + MaxHeapAttributeNumber];
	bool nulls[SET_FIXED + MaxHeapAttributeNumber];

	if (!is_new || item->belongs)
		return item;
	if (table->fresh == NULL)
		table->fresh = row_set_make(table->node->relid, table->columns);
	values[SET_TAB] = slot->tts_values[first];
	values[SET_TID] = slot->tts_values[first + 1];
	values[SET_VIA] = Int32GetDatum(0);
	nulls[SET_TAB] = nulls[SET_TID] = nulls[SET_VIA] = false;
	for (int i = 0; i < ncolumns; i++)
	{
		values[SET_FIXED + i] = slot->tts_values[first + 2 + i];
		nulls[SET_FIXED + i] = slot->tts_isnull[first + 2 + i];
	}
	(void) row_set_add(table->fresh, values, nulls);
	table->items = lappend(table->items, item);
	return item;
}

/* What is being read. */
typedef struct Reading
{
	Ascent *ascent;
	AscentTable *table;
	MemoryContext context;
} Reading;

/* A row is asked for. */
static void
add_row(TupleTableSlot *slot, void *arg)
{
	Reading *reading = arg;
	MemoryContext old = MemoryContextSwitchTo(reading->context);

	(void) take_row(reading->ascent, reading->table, slot, 0);
	MemoryContextSwitchTo(old);
}

/* Act as who may read a table. */
static RoleState
begin_reading(const Ascent *ascent, Oid relid)
{
	return ascent->cleanup->as_owners ? run_as(relation_owner(relid)) : run_as_reader(relid);
}

/* Ask for rows of a node's table. */
void
ascent_add(Ascent *ascent, FkNode *node, RowSet *rows)
{
	Reading reading = {ascent, table_of(ascent, node), CurrentMemoryContext};
	KnownSets known = {&rows, 1};
	Oid types[ROW_SET_CONDITION_ARGS];
	Datum values[ROW_SET_CONDITION_ARGS];
	OneRun run = {.types = types, .values = values, .options.snapshot = ascent->snapshot};
	RoleState reader;
	StringInfoData sql;

	if (rows->n == 0)
		return;
	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT c.tableoid, c.ctid%s FROM %s c WHERE ",
					 cleanup_columns(node, node->relid, reading.table->columns),
					 sql_keyed_relation(node->relid));
	row_set_append_condition(&sql, &run, node->relid, rows, 0, NULL, rows->n);
	reader = begin_reading(ascent, node->relid);
	(void) cleanup_run_knowing(sql.data, &run, known, add_row, &reading);
	run_as_end(reader);
}

/* A row and its parent, over an edge. */
static void
add_parent(TupleTableSlot *slot, void *arg)
{
	Reading *reading = arg;
	MemoryContext old = MemoryContextSwitchTo(reading->context);
	bool is_new;
	AscentRow *child = item_at(reading->ascent, SLOT_TAB(slot, 0), SLOT_TID(slot, 0), &is_new);

	if (!child->belongs)
	{
		AscentRow *parent = take_row(reading->ascent, reading->table, slot, 2);

		if (parent->belongs)
			mark(child);
		else
			parent->followers = lappend(parent->followers, child);
	}
	MemoryContextSwitchTo(old);
}

/* Find the parents of rows over an edge. */
static void
read_parents(Ascent *ascent, FkEdge *edge, RowSet *rows)
{
	Reading reading = {ascent, table_of(ascent, edge->parent_node), CurrentMemoryContext};
	OneRun run = {.options = {.snapshot = ascent->snapshot, .env = create_queryEnv()}};
	RoleState reader;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 OWN_STATEMENT "SELECT s.tab, s.tid, c.tableoid, c.ctid%s"
								   " FROM %s c, " SET_NAME " s WHERE ",
					 cleanup_columns(edge->parent_node, edge->parent, reading.table->columns),
					 sql_keyed_relation(edge->parent));
	for (int i = 0; i < edge->nkeys; i++)
		appendStringInfo(&sql, "%sc.%s%s %s s.k%d", i > 0 ? " AND " : "",
						 sql_column(edge->parent, edge->parent_cols[i]), fk_join_collation(edge, i),
						 sql_operator(edge->equality[i]), cleanup_child_key(edge, i));
	if (edge->child != edge->child_node->relid)
		cleanup_add_parts_condition(&sql, &run, edge->child);
	row_set_register(run.options.env, SET_NAME, rows->desc, row_set_rows(rows), rows->n);
	reader = begin_reading(ascent, edge->parent);
	(void) cleanup_query(sql.data, &run, add_parent, &reading);
	run_as_end(reader);
}

/* Do all of some rows belong? */
static bool
all_belong(const List *items)
{
	ListCell *lc;

	foreach (lc, items)
		if (!((AscentRow *) lfirst(lc))->belongs)
			return false;
	return true;
}

/* Look one edge further up from the rows of a table that are new. */
static void
ascend_from(Ascent *ascent, AscentTable *table)
{
	RowSet *rows = table->fresh;
	List *items = table->items;
	ListCell *lc;

	table->fresh = NULL;
	table->items = NIL;
	foreach (lc, table->edges)
	{
		if (all_belong(items))
			break;
		read_parents(ascent, lfirst(lc), rows);
	}
	row_set_free(rows);
	list_free(items);
}

/* Find out which rows follow the roots. */
void
ascent_run(Ascent *ascent)
{
	bool again;

	do
	{
		ListCell *lc;

		CHECK_FOR_INTERRUPTS();
		again = false;
		foreach (lc, ascent->tables)
		{
			AscentTable *table = lfirst(lc);

			if (table->fresh == NULL)
				continue;
			ascend_from(ascent, table);
			again = true;
		}
	} while (again);
}

/* Was this row asked for, and does it follow the roots? */
bool
ascent_belongs(Ascent *ascent, Oid tab, ItemPointer tid)
{
	AscentKey key;
	AscentRow *item;

	memset(&key, 0, sizeof(key));
	key.tab = tab;
	key.tid = *tid;
	item = hash_search(ascent->rows, &key, HASH_FIND, NULL);
	return item != NULL && item->belongs;
}
