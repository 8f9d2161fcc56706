/*
 * sealed_rows.c
 *		Rows that removals in batches are about keep their keys, and no others have these.
 *
 * By its key a removal finds its row again, in the next batch and in the next call: what has the
 * key by then is what it removes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/partition.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "base/base.h"
#include "removal_key.h"
#include "removal_task.h"
#include "sealed_rows.h"

/* Rows of a table that one removal is about. */
typedef struct SealedRows
{
	int ncols;
	AttrNumber columns[INDEX_MAX_KEYS]; /* of their key, in the table itself */
	FmgrInfo equality[INDEX_MAX_KEYS];
	Oid collations[INDEX_MAX_KEYS];
	int nrows;
	Datum *values[INDEX_MAX_KEYS]; /* of each column */
} SealedRows;

/* Did an UPDATE change one of these columns? See the header. */
bool
columns_changed(Relation rel, HeapTuple old, HeapTuple new, const Bitmapset *columns, bool to_null)
{
	TupleDesc desc = RelationGetDescr(rel);
	int column = -1;

	while ((column = bms_next_member(columns, column)) >= 0)
	{
		Form_pg_attribute att = TupleDescAttr(desc, column - 1);
		bool was_null;
		bool is_null;
		Datum was = heap_getattr(old, column, desc, &was_null);
		Datum is = heap_getattr(new, column, desc, &is_null);

		if (is_null ? to_null && !was_null
					: was_null || !datum_image_eq(was, is, att->attbyval, att->attlen))
			return true;
	}
	return false;
}

/* Is it the table of a removal, or a partition of it? */
static bool
is_of_target(Relation rel, Oid target)
{
	return RelationGetRelid(rel) == target ||
		   (rel->rd_rel->relispartition &&
			list_member_oid(get_partition_ancestors(RelationGetRelid(rel)), target));
}

/* The rows that a removal is about. */
static SealedRows *
read_rows(Relation rel, Oid target, const char *key)
{
	const KeySet *keys = removal_key_read(target, key);
	SealedRows *rows = palloc0(sizeof(SealedRows));

	rows->ncols = keys->ncols;
	rows->nrows = keys->nkeys;
	for (int i = 0; i < keys->ncols; i++)
	{
		char *name = get_attname(target, keys->columns[i], false);
		Oid equality = lookup_type_cache(keys->types[i], TYPECACHE_EQ_OPR)->eq_opr;
		int16 len;
		bool by_value;
		char align;
		bool *nulls;
		int n;

		rows->columns[i] = get_attnum(RelationGetRelid(rel), name);
		rows->collations[i] =
			TupleDescAttr(RelationGetDescr(rel), rows->columns[i] - 1)->attcollation;
		fmgr_info(get_opcode(equality), &rows->equality[i]);
		get_typlenbyvalalign(keys->types[i], &len, &by_value, &align);
		deconstruct_array(DatumGetArrayTypeP(keys->arrays[i]), keys->types[i], len, by_value, align,
						  &rows->values[i], &nulls, &n);
	}
	return rows;
}

/* Is a row one of them, by its key? */
static bool
is_sealed_row(SealedRows *rows, Relation rel, HeapTuple tuple)
{
	for (int row = 0; row < rows->nrows; row++)
	{
		int i;

		for (i = 0; i < rows->ncols; i++)
		{
			bool isnull;
			Datum value = heap_getattr(tuple, rows->columns[i], RelationGetDescr(rel), &isnull);

			if (isnull || !DatumGetBool(FunctionCall2Coll(&rows->equality[i], rows->collations[i],
														  rows->values[i][row], value)))
				break;
		}
		if (i == rows->ncols)
			return true;
	}
	return false;
}

/* The rows of a table that removals are about. */
List *
sealed_rows_read(Relation rel, const List *targets)
{
	List *rows = NIL;
	ListCell *lc;

	foreach (lc, targets)
	{
		Oid target = lfirst_oid(lc);
		ListCell *lc2;

		if (get_rel_name(target) == NULL || !is_of_target(rel, target))
			continue;
		foreach (lc2, removal_task_seals(target))
			rows = lappend(rows, read_rows(rel, target, ((RemovalSeal *) lfirst(lc2))->key));
	}
	return rows;
}

/* Raise 23503 for another key; see the header. */
void
sealed_rows_refuse(Relation rel, const List *all, HeapTuple old, HeapTuple new)
{
	ListCell *lc;

	foreach (lc, all)
	{
		SealedRows *rows = lfirst(lc);
		Bitmapset *columns = NULL;

		for (int i = 0; i < rows->ncols; i++)
			columns = bms_add_member(columns, rows->columns[i]);
		if (old != NULL && !columns_changed(rel, old, new, columns, true))
			continue;
		if (!is_sealed_row(rows, rel, new) && (old == NULL || !is_sealed_row(rows, rel, old)))
			continue;
		ereport(
			ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("a row of \"%s\" that is being removed keeps its key, and no other has it",
					RelationGetRelationName(rel)),
			 errdetail("By the key account.cleanup_batches finds the row."),
			 errhint("account.removal shows how far it is; account.cancel_removal() ends it."),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, get_namespace_name(RelationGetNamespace(rel))),
			 err_generic_string(PG_DIAG_TABLE_NAME, RelationGetRelationName(rel))));
	}
}
