/*
 * blocked_rows.c
 *		Deleted rows that must stay, because of what still references them.
 *
 * Blocked is a row of a cleanup that a row outside references, and what a blocked row itself
 * references must stay with it, up to rows of the target.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/base.h"
#include "blocked_rows.h"
#include "held_rows.h"

/* At most so many kept rows are named; the others are counted. */
#define MAX_LISTED 100

/* A reference, or a hold, that holds rows. */
typedef struct Holder
{
	char *name;
	bool is_hold;
	int64 rows;
} Holder;

/* Blocked rows of the tables of a cleanup; FkNode.data has the sets of those that go. */
typedef struct Holding
{
	Cleanup *cleanup;
	FkEdge *edge;
	RowSet *children; /* the blocked rows on both sides of the edge */
	RowSet *parents;
	RowSet *let_go; /* NULL, or the rows whose key on the edge the caller can set null */
	HTAB *blocked;  /* FkNode to RowSet */
	MemoryContext memory;
	bool grown;
} Holding;

typedef struct BlockedRows
{
	FkNode *node; /* hash key */
	RowSet *rows;
} BlockedRows;

/* The blocked rows of a table; made if there are none. */
static RowSet *
blocked_rows(Holding *holding, FkNode *node)
{
	bool found;
	BlockedRows *entry = hash_search(holding->blocked, &node, HASH_ENTER, &found);

	if (!found)
		entry->rows = row_set_make(node->relid, NIL);
	return entry->rows;
}

/* A row references one of the set: does that have to stay? */
static void
note_blocked(TupleTableSlot *slot, void *arg)
{
	Holding *holding = arg;
	FkNode *child = holding->edge->child_node;
	int parent = slot->tts_tupleDescriptor->natts - 2;
	Oid tab = SLOT_TAB(slot, 0);
	ItemPointer tid = SLOT_TID(slot, 0);

	if (holding->let_go != NULL && row_set_contains(holding->let_go, tab, tid))
		return;
	if (!cleanup_has_row(child, slot) || row_set_contains(holding->children, tab, tid))
		holding->grown |=
			row_set_add_tid(holding->parents, SLOT_TAB(slot, parent), SLOT_TID(slot, parent));
}

/* A row that the caller sees. */
static void
note_visible(TupleTableSlot *slot, void *arg)
{
	(void) row_set_add_tid(arg, SLOT_TAB(slot, 0), SLOT_TID(slot, 0));
}

/* Find the rows of a node's set that must stay because of what references them over an edge. */
static void
find_blocked_over(Holding *holding, FkNode *node, FkEdge *edge)
{
	Cleanup *cleanup = holding->cleanup;
	RowSet *set = ((CleanupTable *) node->data)->set;
	EdgeQuery query = {
		.rows = set->all, .n = set->n, .snapshot = GetActiveSnapshot(), .parents = true};

	/* not made in the memory of the statement */
	holding->edge = edge;
	holding->children = blocked_rows(holding, edge->child_node);
	holding->parents = blocked_rows(holding, node);
	holding->let_go = NULL;
	if (!fk_edge_follows(edge, cleanup->force) && !fk_edge_protects(edge))
	{
		/* a key that is set null lets go of what it references, unless row security hides it */
		if (!cleanup_under_rls(cleanup, edge->child))
			return;
		holding->let_go = row_set_make(edge->child, NIL);
		cleanup_read_edge(edge, &query, note_visible, holding->let_go);
	}
	/* as referential checks ask; what the caller cannot see is not in the set, and holds */
	query.as_owners = true;
	cleanup_read_edge(edge, &query, note_blocked, holding);
	if (holding->let_go != NULL)
		row_set_free(holding->let_go);
}

/* A row is under a hold. */
static void
note_held(FkNode *node, Oid tab, ItemPointer tid, int64 hold, void *arg)
{
	Holding *holding = arg;
	MemoryContext old = MemoryContextSwitchTo(holding->memory);

	(void) row_set_add_tid(blocked_rows(holding, node), tab, tid);
	MemoryContextSwitchTo(old);
}

/* Find the rows of the target that must stay. */
RowSet *
blocked_find(Cleanup *cleanup)
{
	HASHCTL ctl = {.keysize = sizeof(FkNode *),
				   .entrysize = sizeof(BlockedRows),
				   .hcxt = CurrentMemoryContext};
	Holding holding = {.cleanup = cleanup, .memory = CurrentMemoryContext};

	holding.blocked =
		hash_create("pgaccount blocked", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	(void) cleanup_find_held(cleanup, note_held, &holding);
	do
	{
		ListCell *lc;

		holding.grown = false;
		foreach (lc, holding.cleanup->nodes)
		{
			FkNode *node = lfirst(lc);
			ListCell *lc2;

			if (((CleanupTable *) node->data)->set->n == 0)
				continue;
			foreach (lc2, node->referencing)
				find_blocked_over(&holding, node, lfirst(lc2));
		}
	} while (holding.grown);
	return blocked_rows(&holding, cleanup->node);
}

/* Is there a hold? */
static void
note_any(FkNode *node, Oid tab, ItemPointer tid, int64 hold, void *arg)
{
	*(bool *) arg = true;
}

/* Is anything in the way? */
bool
blocked_any(Cleanup *cleanup)
{
	bool held = false;
	ListCell *lc;

	foreach (lc, cleanup->steps)
		if (((CleanupStep *) lfirst(lc))->action == CLEANUP_PROTECTED &&
			((CleanupStep *) lfirst(lc))->rows > 0)
			return true;
	(void) cleanup_find_held(cleanup, note_any, &held);
	return held;
}

/* Add rows to those that somebody holds, whose name is the list's afterwards. */
static List *
note_holder(List *holders, char *name, bool is_hold, int64 rows)
{
	Holder *holder;
	ListCell *lc;

	foreach (lc, holders)
	{
		holder = lfirst(lc);
		if (strcmp(holder->name, name) == 0)
		{
			holder->rows += rows;
			pfree(name);
			return holders;
		}
	}
	holder = palloc(sizeof(Holder));
	holder->name = name;
	holder->is_hold = is_hold;
	holder->rows = rows;
	return lappend(holders, holder);
}

/* Add a row that a hold keeps. */
List *
blocked_note_hold(List *holders, int64 hold)
{
	return note_holder(holders, psprintf("hold " INT64_FORMAT, hold), true, 1);
}

/* Holders that a callback adds to, and their memory. */
typedef struct HolderList
{
	List *holders;
	MemoryContext memory;
} HolderList;

/* A row is under a hold: note which. */
static void
note_hold(FkNode *node, Oid tab, ItemPointer tid, int64 hold, void *arg)
{
	HolderList *list = arg;
	MemoryContext old = MemoryContextSwitchTo(list->memory);

	list->holders = blocked_note_hold(list->holders, hold);
	MemoryContextSwitchTo(old);
}

/* Add what holds rows of a cleanup to the holders. */
List *
blocked_note(List *holders, Cleanup *cleanup)
{
	HolderList list = {holders, CurrentMemoryContext};
	ListCell *lc;

	foreach (lc, cleanup->steps)
	{
		CleanupStep *step = lfirst(lc);

		if (step->action == CLEANUP_PROTECTED && step->rows > 0)
			list.holders = note_holder(list.holders,
									   psprintf("%s.%s", display_relation(step->node->relid),
												reference_column(step->edge)),
									   false, step->rows);
	}
	(void) cleanup_find_held(cleanup, note_hold, &list);
	return list.holders;
}

/*
 * SQL: a row's primary key as text; its columns' names, and what orders by them. NULL without one.
 */
static char *
key_as_text(Oid relid, char **names, char **order)
{
	Relation rel = relation_open(relid, AccessShareLock);
	Bitmapset *key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	StringInfoData columns;
	StringInfoData values;
	StringInfoData ordering;
	int member = -1;

	initStringInfo(&columns);
	initStringInfo(&values);
	initStringInfo(&ordering);
	while ((member = bms_next_member(key, member)) >= 0)
	{
		char *column = sql_column(relid, member + FirstLowInvalidHeapAttributeNumber);

		appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "", column);
		appendStringInfo(&values, "%sc.%s", values.len > 0 ? ", ', ', " : "", column);
		appendStringInfo(&ordering, "%sc.%s", ordering.len > 0 ? ", " : "", column);
	}
	relation_close(rel, NoLock);
	*names = columns.data;
	*order = ordering.data;
	return values.len > 0 ? psprintf("pg_catalog.concat(%s)", values.data) : NULL;
}

/* The lines of a NOTICE that name kept rows. */
typedef struct Naming
{
	const char *names;
	StringInfoData text;
} Naming;

/* Name a kept row. */
static void
name_row(TupleTableSlot *slot, void *arg)
{
	Naming *naming = arg;

	appendStringInfo(&naming->text, "Key (%s)=(%s) is kept.\n", naming->names,
					 TextDatumGetCString(slot->tts_values[0]));
}

/* Append what holds rows: `schema.table.column: N rows` each. */
void
blocked_append(StringInfo text, const List *holders, const char *between)
{
	ListCell *lc;

	foreach (lc, holders)
	{
		Holder *holder = lfirst(lc);

		appendStringInfo(text, "%s%s: " INT64_FORMAT " rows",
						 foreach_current_index(lc) > 0 ? between : "", holder->name, holder->rows);
	}
}

/* Report which rows were kept, and what holds them. */
void
blocked_report(Oid target, RowSet *blocked, const List *holders)
{
	Naming naming;
	char *names;
	char *order;
	char *key = key_as_text(target, &names, &order);
	KnownSets known = {&blocked, 1};
	Oid types[] = {TIDARRAYOID};
	Datum values[1];
	OneRun run = {.nargs = 1, .types = types, .values = values};
	bool under_hold = false;
	bool referenced = false;
	ListCell *lc;

	initStringInfo(&naming.text);
	naming.names = names;
	if (key != NULL)
	{
		RoleState reader = run_as_reader(target);

		values[0] = row_set_tids(blocked->desc, blocked->all, blocked->n);
		(void) cleanup_run_knowing(psprintf(OWN_STATEMENT
											"SELECT %s FROM %s c WHERE"
											" c.ctid OPERATOR(pg_catalog.=) ANY ($1) AND"
											" account.row_in_set(0, c.tableoid, c.ctid)"
											" ORDER BY %s LIMIT %d",
											key, sql_keyed_relation(target), order, MAX_LISTED),
								   &run, known, name_row, &naming);
		run_as_end(reader);
	}
	blocked_append(&naming.text, holders, "\n");
	foreach (lc, holders)
	{
		under_hold |= ((Holder *) lfirst(lc))->is_hold;
		referenced |= !((Holder *) lfirst(lc))->is_hold;
	}
	ereport(
		NOTICE,
		(under_hold
			 ? errmsg(
				   "deleted rows of \"%s\" that are under a legal hold%s are kept: " UINT64_FORMAT,
				   get_rel_name(target), referenced ? ", or that others still reference," : "",
				   blocked->n)
			 : errmsg("deleted rows of \"%s\" that others still reference are kept: " UINT64_FORMAT,
					  get_rel_name(target), blocked->n),
		 errdetail_row("%s", naming.text.data),
		 under_hold
			 ? errhint("A hold keeps rows until account.release_hold() ends it, "
					   "whatever force says.")
			 : errhint("Remove what references them, or call account.purge(%s, force => true).",
					   sql_literal(sql_relation(target)))));
}
