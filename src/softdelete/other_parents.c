/*
 * other_parents.c
 *		Rows that a row follows besides the one that comes back.
 *
 * A child that has two parents comes back with the last of them. Whether another parent is deleted
 * is asked as a referential check asks: of the newest version, as the owner of its table, which is
 * locked so that it cannot be deleted until the child is back: FOR KEY SHARE suffices where
 * references are guarded, since a guarded deletion locks its row FOR UPDATE.
 *
 * The children are locked too. So neither their keys nor their stamps change between the question
 * and the answer.
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "utils/timestamp.h"

#include "cascade_edges.h"
#include "mapping.h"
#include "other_parents.h"

/* Is a table a part of a partitioned one, at any level? */
static bool
is_part_of(Oid relid, Oid whole)
{
	return get_rel_relispartition(relid) && list_member_oid(get_partition_ancestors(relid), whole);
}

/* The other edges by which rows that follow over this one follow others. */
List *
other_parents(const FkEdge *edge)
{
	List *tables = list_make1_oid(edge->child);
	List *others = NIL;
	List *seen = list_make1((FkEdge *) edge);
	ListCell *lc;
	ListCell *lc2;

	if (get_rel_relkind(edge->child) == RELKIND_PARTITIONED_TABLE)
		tables = find_all_inheritors(edge->child, NoLock, NULL);
	foreach (lc, tables)
		foreach (lc2, fk_of(lfirst_oid(lc)))
		{
			FkEdge *other = lfirst(lc2);

			if (fk_edge_among(other, seen))
				continue;
			seen = lappend(seen, other);
			if (edge_is_followed(other) && mapping_active(other->parent) != NULL)
				others = lappend(others, other);
		}
	return others;
}

/* The table of those children that both edges say something of. */
static Oid
common_table(const Batch *batch, const FkEdge *other)
{
	return is_part_of(other->child, batch->edge->child) ? other->child : batch->edge->child;
}

/* SQL: is `c` a row that the other edge says something of? */
char *
sql_of_edge(const Batch *batch, const FkEdge *other)
{
	StringInfoData sql;
	ListCell *lc;

	if (!is_part_of(other->child, batch->edge->child))
		return "true";
	initStringInfo(&sql);
	appendStringInfoString(&sql, "c.tableoid OPERATOR(pg_catalog.=) ANY ('{");
	foreach (lc, find_all_inheritors(other->child, NoLock, NULL))
		appendStringInfo(&sql, "%s%u", foreach_current_index(lc) > 0 ? "," : "", lfirst_oid(lc));
	appendStringInfoString(&sql, "}'::pg_catalog.oid[])");
	return sql.data;
}

/* SQL: would `c`, a row of the child's table, come back with the row `k` of a batch? */
char *
sql_returns(const Batch *batch)
{
	const FkEdge *edge = batch->edge;

	if (batch->call != NULL && batch->call->within != NULL)
		return sql_stamp_since(edge->child, "c", edge->parent, "k.new", "k.old");
	return sql_same_stamp(edge->child, "c", edge->parent, "k.old");
}

/* Are keys that their type calls equal one to the edge, so that one of them will do? */
static bool
equal_by_default(const FkEdge *edge)
{
	for (int i = 0; i < edge->nkeys; i++)
	{
		Oid child = getBaseType(get_atttype(edge->child, edge->child_cols[i]));
		Oid parent = getBaseType(get_atttype(edge->parent, edge->parent_cols[i]));

		if (child != parent ||
			lookup_type_cache(child, TYPECACHE_EQ_OPR)->eq_opr != edge->equality[i])
			return false;
	}
	return true;
}

/*
 * The keys that children of the rows of a batch have over another edge, as the owner of their
 * table.
 */
static KeyList *
other_keys(const Batch *batch, const FkEdge *other, OtherKeys which,
		   const StatementOptions *options)
{
	const FkEdge *edge = batch->edge;
	KeyList *keys = palloc(sizeof(KeyList));
	Oid types[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	Datum values[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	int nargs = key_list_types(&batch->rows, 1, types) - 1;
	StringInfoData sql;
	RoleState caller;

	(void) key_list_values(&batch->rows, 1, values);
	key_list_begin(keys, other->child, other->nkeys, other->child_cols);
	initStringInfo(&sql);
	appendStringInfo(&sql, OWN_STATEMENT "SELECT %s", equal_by_default(other) ? "DISTINCT " : "");
	for (int i = 0; i < other->nkeys; i++)
		appendStringInfo(&sql, "%ss.k%d", i > 0 ? ", " : "", i + 1);
	appendStringInfoString(&sql, " FROM (SELECT ");
	for (int i = 0; i < other->nkeys; i++)
		appendStringInfo(&sql, "%sc.%s AS k%d", i > 0 ? ", " : "",
						 sql_column(other->child, other->child_cols[i]), i + 1);
	/* statistics may be older than the deletion: none of the rows would be deleted by them */
	appendStringInfo(&sql, "%s FROM %s c, %s WHERE %s%s%s) AS s WHERE %s",
					 which == OTHER_KEYS_OF_RETURNING
						 ? ""
						 : psprintf(", %s AS stamp", sql_row_stamp(edge->child, "c")),
					 sql_keyed_relation(common_table(batch, other)),
					 key_list_sql(&batch->rows, 1, "k"), fk_join(edge, "k.k", true, "c", false),
					 which == OTHER_KEYS_OF_RETURNING ? psprintf(" AND %s", sql_returns(batch))
													  : "",
					 which == OTHER_KEYS_OF_RETURNING ? " FOR NO KEY UPDATE OF c" : " OFFSET 0",
					 which == OTHER_KEYS_OF_RETURNING ? "" : "s.stamp IS NOT NULL AND ");
	for (int i = 0; i < other->nkeys; i++)
		appendStringInfo(&sql, "%ss.k%d IS NOT NULL", i > 0 ? " AND " : "", i + 1);

	caller = run_as(relation_owner(edge->child));
	(void) statement_run_once(sql.data, nargs, types, values, NULL, options);
	for (uint64 i = 0, n = SPI_processed; i < n; i++)
	{
		Datum key[INDEX_MAX_KEYS];
		bool isnull;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < other->nkeys; j++)
			key[j] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, j + 1, &isnull);
		key_list_add(keys, key, 0, 0);
	}
	statement_free_rows();
	run_as_end(caller);
	return keys;
}

/* The parents that children of the rows of a batch have over another edge, and that are deleted. */
KeyList *
deleted_parents(const Batch *batch, const FkEdge *other, OtherKeys which,
				const StatementOptions *options)
{
	KeyList *keys = other_keys(batch, other, which, options);
	KeyList *deleted = palloc(sizeof(KeyList));
	SoftDelete mapping = *mapping_of_table(other->parent);
	Oid types[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	Datum values[KEY_LIST_PARAMS(INDEX_MAX_KEYS)];
	int nargs = key_list_types(keys, 1, types) - 1;
	StringInfoData sql;
	RoleState caller;

	key_list_begin(deleted, other->parent, other->nkeys, other->parent_cols);
	if (keys->n == 0)
		return deleted;
	(void) key_list_values(keys, 1, values);
	initStringInfo(&sql);
	appendStringInfoString(&sql, OWN_STATEMENT "SELECT ");
	for (int i = 0; i < other->nkeys; i++)
		appendStringInfo(&sql, "p.%s, ", sql_column(other->parent, other->parent_cols[i]));
	appendStringInfo(&sql, "%s FROM %s p, %s WHERE %s%s", sql_row_stamp(other->parent, "p"),
					 sql_keyed_relation(other->parent), key_list_sql(keys, 1, "k"),
					 fk_join(other, "p", false, "k.k", true),
					 which == OTHER_KEYS_OF_DELETED     ? ""
					 : mapping.options.guard_references ? " FOR KEY SHARE OF p"
														: " FOR SHARE OF p");

	caller = run_as(relation_owner(other->parent));
	(void) statement_run_once(sql.data, nargs, types, values, NULL, options);
	for (uint64 i = 0, n = SPI_processed; i < n; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		Datum key[INDEX_MAX_KEYS];
		Datum stamp;
		bool isnull;

		CHECK_FOR_INTERRUPTS();
		stamp = SPI_getbinval(tuple, SPI_tuptable->tupdesc, other->nkeys + 1, &isnull);
		if (isnull)
			continue;
		for (int j = 0; j < other->nkeys; j++)
			key[j] = SPI_getbinval(tuple, SPI_tuptable->tupdesc, j + 1, &isnull);
		key_list_add(deleted, key, DatumGetTimestampTz(stamp), 0);
	}
	statement_free_rows();
	run_as_end(caller);
	return deleted;
}

/* SQL: does `c` reference no row of the list? */
char *
sql_not_of_parents(const Batch *batch, const FkEdge *other, const KeyList *parents, int first,
				   bool same_stamp)
{
	char *condition =
		psprintf("EXISTS (SELECT 1 FROM %s WHERE %s%s%s)", key_list_sql(parents, first, "d"),
				 fk_join(other, "d.k", true, "c", false), same_stamp ? " AND " : "",
				 same_stamp ? sql_same_stamp(batch->edge->child, "c", other->parent, "d.old") : "");

	if (!is_part_of(other->child, batch->edge->child))
		return psprintf("NOT %s", condition);
	return psprintf("NOT (%s AND %s)", sql_of_edge(batch, other), condition);
}

/* May the parent over an edge come back because the child does? */
bool
edge_is_cyclic(const FkEdge *edge)
{
	List *followers = cascade_followers(edge->child, false);
	ListCell *lc;

	foreach (lc, followers)
		if (fk_node_table(lfirst_oid(lc)) == fk_node_table(edge->parent))
			return true;
	return false;
}
