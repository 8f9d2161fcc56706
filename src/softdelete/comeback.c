/*
 * comeback.c
 *		Rows that come back together: with others, and because of one another.
 *
 * As a rule rows come back one after the other, each with what it follows (follow_return.c). Where
 * rows follow one another in a circle none would be the first: an organisation of another one whose
 * owner is its own member. So all rows that may come back are gathered, by following the foreign
 * keys from those that do; then those go that follow a deleted row which is none of them, and those
 * that follow these. What is left comes back together.
 *
 * The same set tells account.restore() what its rows collide with.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "cascade_edges.h"
#include "comeback.h"
#include "mapping.h"
#include "other_parents.h"
#include "rewrite.h"

/* What a row of the set is found by. */
typedef struct RowKey
{
	Oid tab;
	ItemPointerData tid;
} RowKey;

/* An empty set. */
Comeback *
comeback_begin(const Interval *within, bool lock)
{
	Comeback *comeback = palloc0(sizeof(Comeback));
	HASHCTL ctl = {.keysize = offsetof(RowKey, tid) + sizeof(ItemPointerData),
				   .entrysize = sizeof(ComebackRow),
				   .hcxt = CurrentMemoryContext};

	comeback->context = CurrentMemoryContext;
	comeback->within = within;
	comeback->lock = lock;
	comeback->rows =
		hash_create("pgaccount comeback", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	action_snapshot_begin(&comeback->options);
	comeback->options.callback = rewrite_restore_start;
	return comeback;
}

/* No more is asked of it. */
void
comeback_end(Comeback *comeback)
{
	action_snapshot_end(&comeback->options);
}

/* A row of a set, or NULL. */
static ComebackRow *
find_row(HTAB *rows, Oid tab, ItemPointer tid)
{
	RowKey key;

	memset(&key, 0, sizeof(key));
	key.tab = tab;
	key.tid = *tid;
	return hash_search(rows, &key, HASH_FIND, NULL);
}

/* The rows of a table in the set. */
static ComebackTable *
table_of(Comeback *comeback, Oid relid)
{
	ComebackTable *table;
	ListCell *lc;

	foreach (lc, comeback->tables)
	{
		table = lfirst(lc);
		if (table->relid == relid)
			return table;
	}
	table = palloc0(sizeof(ComebackTable));
	table->relid = relid;
	table->room = 16;
	table->rows = palloc(table->room * sizeof(ComebackRow *));
	comeback->tables = lappend(comeback->tables, table);
	return table;
}

/* Add a row. */
static void
add_row(Comeback *comeback, Oid tab, ItemPointer tid, TimestampTz stamp, bool root)
{
	MemoryContext old = MemoryContextSwitchTo(comeback->context);
	ComebackRow *row;
	ComebackTable *table;
	RowKey key;
	bool found;

	memset(&key, 0, sizeof(key));
	key.tab = tab;
	key.tid = *tid;
	row = hash_search(comeback->rows, &key, HASH_ENTER, &found);
	if (!found)
	{
		table = table_of(comeback, tab);
		row->table = table;
		row->stamp = stamp;
		row->root = root;
		row->blocked = false;
		row->takes_over = false;
		row->dependents = NIL;
		if (table->n == table->room)
		{
			table->room *= 2;
			table->rows = repalloc_huge(table->rows, table->room * sizeof(ComebackRow *));
		}
		table->rows[table->n++] = row;
	}
	MemoryContextSwitchTo(old);
}

/* Add the rows that a statement has found; see the header. */
void
comeback_add_found(Comeback *comeback, bool root)
{
	TupleDesc desc = SPI_tuptable->tupdesc;

	for (uint64 i = 0, n = SPI_processed; i < n; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		bool isnull;
		Oid tab = DatumGetObjectId(SPI_getbinval(tuple, desc, 1, &isnull));
		ItemPointer tid = (ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 2, &isnull));

		CHECK_FOR_INTERRUPTS();
		add_row(comeback, tab, tid, DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &isnull)),
				root);
	}
	statement_free_rows();
}

/* Add the children that would come back with rows of a batch. */
void
comeback_add_children(Comeback *comeback, const Batch *batch)
{
	const FkEdge *edge = batch->edge;
	Oid types[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	Datum values[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	int nargs = key_list_types(&batch->rows, 1, types) - 1;
	RoleState caller;
	char *sql;

	if (batch->rows.n == 0)
		return;
	(void) key_list_values(&batch->rows, 1, values);
	sql = psprintf(OWN_STATEMENT "SELECT c.tableoid, c.ctid, %s FROM %s c, %s WHERE %s AND %s%s",
				   sql_row_stamp(edge->child, "c"), sql_keyed_relation(edge->child),
				   key_list_sql(&batch->rows, 1, "k"), fk_join(edge, "k.k", true, "c", false),
				   sql_returns(batch), comeback->lock ? " FOR NO KEY UPDATE OF c" : "");
	caller = run_as(relation_owner(edge->child));
	(void) statement_run_once(sql, nargs, types, values, NULL, &comeback->options);
	comeback_add_found(comeback, false);
	run_as_end(caller);
}

/* tid[] of rows. */
static Datum
tid_array(ComebackRow **rows, int n)
{
	Datum *tids = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		tids[i] = PointerGetDatum(&rows[i]->tid);
	return PointerGetDatum(
		construct_array(tids, n, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
}

/*
 * Read columns of rows of a table, as its owner: named as those of `of` are, which it is or is a
 * part of. Each row whose columns are all there is added to keys, and to *found; its number there
 * is the list's new, its stamp is old.
 */
static void
read_keys(Comeback *comeback, ComebackTable *table, int from, Oid of, int ncols,
		  const AttrNumber *columns, KeyList *keys, ComebackRow ***found)
{
	Oid types[] = {TIDARRAYOID};
	Datum values[] = {tid_array(table->rows + from, table->n - from)};
	StringInfoData sql;
	RoleState caller = run_as(relation_owner(table->relid));

	initStringInfo(&sql);
	appendStringInfoString(&sql, OWN_STATEMENT "SELECT c.ctid");
	for (int i = 0; i < ncols; i++)
		appendStringInfo(&sql, ", c.%s", sql_column(of, columns[i]));
	appendStringInfo(&sql, " FROM ONLY %s c WHERE c.ctid OPERATOR(pg_catalog.=) ANY ($1)",
					 sql_relation(table->relid));
	(void) statement_run_once(sql.data, 1, types, values, NULL, &comeback->options);
	key_list_begin(keys, of, ncols, columns);
	*found = palloc(Max(SPI_processed, 1) * sizeof(ComebackRow *));
	for (uint64 i = 0, n = SPI_processed; i < n; i++)
	{
		TupleDesc desc = SPI_tuptable->tupdesc;
		HeapTuple tuple = SPI_tuptable->vals[i];
		Datum key[INDEX_MAX_KEYS];
		bool isnull;
		bool some_null = false;
		ComebackRow *row =
			find_row(comeback->rows, table->relid,
					 (ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 1, &isnull)));

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < ncols; j++)
		{
			key[j] = SPI_getbinval(tuple, desc, j + 2, &isnull);
			some_null |= isnull;
		}
		if (some_null || row == NULL)
			continue;
		(*found)[keys->n] = row;
		key_list_add(keys, key, row->stamp, (TimestampTz) keys->n);
	}
	statement_free_rows();
	run_as_end(caller);
}

/* Add the children of the rows of a table that have not been asked for them. */
static void
add_children_of(Comeback *comeback, ComebackTable *table)
{
	RestoreCall call = {.within = comeback->within};
	int from = table->done;
	int n = table->n;
	ListCell *lc;

	table->done = n;
	foreach (lc, cascade_edges(table->relid))
	{
		FkEdge *edge = lfirst(lc);
		Batch batch = {.edge = edge, .change = CHANGE_RESTORED, .call = &call};
		ComebackRow **rows;
		int all = table->n;

		table->n = n; /* an edge to the table itself adds to it */
		read_keys(comeback, table, from, edge->parent, edge->nkeys, edge->parent_cols, &batch.rows,
				  &rows);
		table->n = all;
		for (int i = 0; i < batch.rows.n; i++)
			batch.rows.new[i] = TimestampTzGetDatum(first_stamp(rows[i]->stamp, comeback->within));
		comeback_add_children(comeback, &batch);
	}
}

/* Find which rows of a table follow, over an edge, a row that is deleted. */
static void
ask_parents(Comeback *comeback, ComebackTable *table, const FkEdge *edge)
{
	SoftDelete mapping = *mapping_of_table(edge->parent);
	KeyList keys;
	ComebackRow **rows;
	Oid types[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	Datum values[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	MemoryContext old;
	RoleState caller;
	char *sql;
	int nargs;

	read_keys(comeback, table, 0, edge->child, edge->nkeys, edge->child_cols, &keys, &rows);
	if (keys.n == 0)
		return;
	nargs = key_list_types(&keys, 1, types) - 1;
	(void) key_list_values(&keys, 1, values);
	sql = psprintf(OWN_STATEMENT "SELECT k.new, p.tableoid, p.ctid, %s FROM %s p, %s WHERE %s%s",
				   sql_row_stamp(edge->parent, "p"), sql_keyed_relation(edge->parent),
				   key_list_sql(&keys, 1, "k"), fk_join(edge, "p", false, "k.k", true),
				   !comeback->lock                    ? ""
				   : mapping.options.guard_references ? " FOR KEY SHARE OF p"
													  : " FOR SHARE OF p");
	caller = run_as(relation_owner(edge->parent));
	(void) statement_run_once(sql, nargs, types, values, NULL, &comeback->options);
	old = MemoryContextSwitchTo(comeback->context);
	for (uint64 i = 0, n = SPI_processed; i < n; i++)
	{
		TupleDesc desc = SPI_tuptable->tupdesc;
		HeapTuple tuple = SPI_tuptable->vals[i];
		bool is_live;
		bool isnull;
		Datum stamp = SPI_getbinval(tuple, desc, 4, &is_live);
		ComebackRow *row = rows[DatumGetTimestampTz(SPI_getbinval(tuple, desc, 1, &isnull))];
		Oid tab = DatumGetObjectId(SPI_getbinval(tuple, desc, 2, &isnull));
		ComebackRow *parent;

		CHECK_FOR_INTERRUPTS();
		if (is_live || row->root)
			continue;
		parent = find_row(comeback->rows, tab,
						  (ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 3, &isnull)));
		if (parent != NULL)
			parent->dependents = lappend(parent->dependents, row);
		else
		{
			row->blocked = row->takes_over = true;
			row->blocker = DatumGetTimestampTz(stamp);
		}
	}
	MemoryContextSwitchTo(old);
	statement_free_rows();
	run_as_end(caller);
}

/* Rows that follow one which stays deleted stay so, too. */
static void
block_dependents(Comeback *comeback)
{
	List *blocked = NIL;
	ListCell *lc;

	foreach (lc, comeback->tables)
	{
		ComebackTable *table = lfirst(lc);

		for (int i = 0; i < table->n; i++)
			if (table->rows[i]->blocked)
				blocked = lappend(blocked, table->rows[i]);
	}
	while (blocked != NIL)
	{
		ComebackRow *row = llast(blocked);

		CHECK_FOR_INTERRUPTS();
		blocked = list_delete_last(blocked);
		foreach (lc, row->dependents)
		{
			ComebackRow *dependent = lfirst(lc);

			if (dependent->blocked)
				continue;
			dependent->blocked = true;
			blocked = lappend(blocked, dependent);
		}
	}
}

/* Add what follows, and find which of all stay deleted. */
void
comeback_close(Comeback *comeback)
{
	bool more;
	ListCell *lc;
	ListCell *lc2;

	do
	{
		more = false;
		foreach (lc, comeback->tables)
		{
			ComebackTable *table = lfirst(lc);

			CHECK_FOR_INTERRUPTS();
			if (table->done == table->n)
				continue;
			add_children_of(comeback, table);
			more = true;
		}
	} while (more);
	foreach (lc, comeback->tables)
	{
		ComebackTable *table = lfirst(lc);

		foreach (lc2, fk_of(table->relid))
		{
			FkEdge *edge = lfirst(lc2);

			CHECK_FOR_INTERRUPTS();
			if (edge_is_followed(edge) && mapping_active(edge->parent) != NULL)
				ask_parents(comeback, table, edge);
		}
	}
	block_dependents(comeback);
}

/* Those rows of a table that stay deleted, or that do not. */
static ComebackRow **
select_rows(const ComebackTable *table, bool taking_over, int *n)
{
	ComebackRow **rows = palloc(Max(table->n, 1) * sizeof(ComebackRow *));

	*n = 0;
	for (int i = 0; i < table->n; i++)
	{
		ComebackRow *row = table->rows[i];

		if (taking_over ? row->takes_over && row->blocker != row->stamp : !row->blocked)
			rows[(*n)++] = row;
	}
	return rows;
}

/* Raise 27000 where not all rows came back that come back together. */
static void
refuse_kept_rows(Oid relid, uint64 n)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("rows of \"%s\" were kept from coming back with those that they "
					"reference",
					get_rel_name(relid)),
			 errdetail("%s: " UINT64_FORMAT " rows, which reference one another in a circle.",
					   display_relation(relid), n),
			 errhint("Look at the UPDATE triggers of the table.")));
}

/* Bring the rows of a table back. */
static uint64
run_table(Comeback *comeback, ComebackTable *table)
{
	Oid whole = fk_node_table(table->relid);
	SoftDelete mapping = *mapping_of_table(whole);
	Oid types[] = {OIDOID, TIDARRAYOID};
	Datum values[2] = {ObjectIdGetDatum(table->relid)};
	int n;
	ComebackRow **rows = select_rows(table, false, &n);
	RoleState caller;
	uint64 returned;

	if (n == 0)
		return 0;
	values[1] = tid_array(rows, n);
	caller = run_as(relation_owner(whole));
	returned = cascade_run_once(
		psprintf(OWN_STATEMENT "UPDATE %s c SET %s WHERE c.tableoid OPERATOR(pg_catalog.=) $1 AND"
							   " c.ctid OPERATOR(pg_catalog.=) ANY ($2)",
				 sql_keyed_relation(whole), sql_set_live(&mapping)),
		2, types, values, &comeback->options);
	run_as_end(caller);
	if (returned != (uint64) n)
		refuse_kept_rows(table->relid, n - returned);
	return returned;
}

/* Have rows of a table that stay deleted take over the stamps of those that they follow. */
static void
take_over_stamps(Comeback *comeback, ComebackTable *table)
{
	Oid whole = fk_node_table(table->relid);
	SoftDelete mapping = *mapping_of_table(whole);
	Oid types[] = {OIDOID, TIDARRAYOID, get_array_type(TIMESTAMPTZOID)};
	Datum values[3] = {ObjectIdGetDatum(table->relid)};
	Datum *stamps;
	int n;
	ComebackRow **rows = select_rows(table, true, &n);
	RoleState caller;

	if (n == 0)
		return;
	stamps = palloc(n * sizeof(Datum));
	for (int i = 0; i < n; i++)
		stamps[i] = TimestampTzGetDatum(rows[i]->blocker);
	values[1] = tid_array(rows, n);
	values[2] = PointerGetDatum(construct_array(stamps, n, TIMESTAMPTZOID, sizeof(TimestampTz),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	caller = run_as(relation_owner(whole));
	(void) cascade_run_once(
		psprintf(OWN_STATEMENT "UPDATE %s c SET %s = %s FROM ROWS FROM"
							   " (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS s(t, stamp)"
							   " WHERE c.tableoid OPERATOR(pg_catalog.=) $1 AND"
							   " c.ctid OPERATOR(pg_catalog.=) s.t",
				 sql_keyed_relation(whole), sql_column(whole, mapping.deleted_at),
				 sql_stamp_value(whole, "s.stamp")),
		3, types, values, &comeback->options);
	run_as_end(caller);
}

/* Bring them back. */
uint64
comeback_run(Comeback *comeback)
{
	uint64 returned = 0;
	ListCell *lc;

	foreach (lc, comeback->tables)
		returned += run_table(comeback, lfirst(lc));
	FAILURE_POINT("take-over");
	foreach (lc, comeback->tables)
		take_over_stamps(comeback, lfirst(lc));
	return returned;
}
