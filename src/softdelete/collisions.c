/*
 * collisions.c
 *		Which keys of rows that would come back are taken meanwhile.
 *
 * A restore that fails because a key is taken asks here, so that one error names every such row,
 * children included. They are looked up in the unique indexes that hold live rows only; other
 * unique indexes still hold the deleted rows, nothing can collide there.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "collisions.h"
#include "mapping.h"

/* At most so many colliding rows are named; the others are counted. */
#define MAX_LISTED 100

/* Rows of a table that would come back. */
typedef struct RestoreSet
{
	Oid relid;
	Datum tables; /* oid[]: which partition, row by row */
	Datum ctids;  /* tid[] */
} RestoreSet;

/* The collisions found so far. */
typedef struct Collisions
{
	StringInfoData detail;
	uint64 n;
	Oid table; /* of the first one */
	Oid index;
} Collisions;

/* The unique indexes of a table that hold only some of its rows. */
List *
partial_unique_indexes(Oid relid)
{
	Relation rel = relation_open(relid, AccessShareLock);
	List *indexes = RelationGetIndexList(rel);
	List *result = NIL;
	ListCell *lc;

	relation_close(rel, NoLock);
	foreach (lc, indexes)
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index form;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_index) GETSTRUCT(tuple);
		if (form->indisunique && form->indisvalid &&
			!heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
			result = lappend_oid(result, form->indexrelid);
		ReleaseSysCache(tuple);
	}
	return result;
}

/* SQL: is `alias` one of the rows in $1 (tables) and $2 (ctids)? Reads just those. */
static char *
in_row_set(const char *alias)
{
	return psprintf("%s.ctid OPERATOR(pg_catalog.=) ANY ($2) AND EXISTS (SELECT 1 FROM ROWS FROM"
					" (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS s(o, t) WHERE"
					" %s.tableoid OPERATOR(pg_catalog.=) s.o AND"
					" %s.ctid OPERATOR(pg_catalog.=) s.t)",
					alias, alias, alias);
}

/* `expression` of an index key column, with the index's collation. */
static char *
index_expression(Oid index_id, int column, Oid collation)
{
	char *expression =
		TextDatumGetCString(DirectFunctionCall3(pg_get_indexdef_ext, ObjectIdGetDatum(index_id),
												Int32GetDatum(column), BoolGetDatum(false)));

	if (OidIsValid(collation))
		return psprintf("((%s) COLLATE %s)", expression, sql_collation(collation));
	return psprintf("(%s)", expression);
}

/* The columns of a table as restored rows have them: `c.a, NULL::timestamptz AS deleted_at, …`. */
static char *
restored_columns(Oid relid)
{
	Relation rel = relation_open(relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	const SoftDelete *mapping = mapping_declared(relid);
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		const char *name = quote_identifier(NameStr(att->attname));

		if (att->attisdropped)
			continue;
		if (sql.len > 0)
			appendStringInfoString(&sql, ", ");
		if (att->attnum == mapping->deleted_at || att->attnum == mapping->deleted_by)
			appendStringInfo(&sql, "NULL::%s AS %s", sql_type(att->atttypid, att->atttypmod), name);
		else if (att->attnum == mapping->flag)
			appendStringInfo(&sql, "false::%s AS %s", sql_type(att->atttypid, -1), name);
		else
			appendStringInfo(&sql, "c.%s", name);
	}
	relation_close(rel, NoLock);
	return sql.data;
}

/* The column that an index is about, for an error; NULL: there are several. */
static char *
index_subject(Oid table, Oid index_id)
{
	Relation index = relation_open(index_id, AccessShareLock);
	Bitmapset *columns = NULL;
	int member;
	char *name = NULL;

	pull_varattnos((Node *) index_expressions(index), 1, &columns);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
		if (index->rd_index->indkey.values[i] > 0)
			columns = bms_add_member(columns, index->rd_index->indkey.values[i] -
												  FirstLowInvalidHeapAttributeNumber);
	if (bms_get_singleton_member(columns, &member))
		name = get_attname(table, member + FirstLowInvalidHeapAttributeNumber, true);
	relation_close(index, NoLock);
	return name;
}

/* May the caller see the values of this table's rows? */
static bool
may_read(Oid relid, Oid caller)
{
	return pg_class_aclcheck(relid, caller, ACL_SELECT) == ACLCHECK_OK &&
		   check_enable_rls(relid, caller, true) != RLS_ENABLED;
}

/*
 * Look a set of rows up in one partial unique index. Within SPI_connect, as the table's owner.
 *
 * The rows are taken as they will be; those that then belong into the index must not be there
 * already, nor be there twice among themselves.
 */
static void
find_collisions(const RestoreSet *set, Oid index_id, Oid caller, Collisions *found)
{
	Relation index = relation_open(index_id, AccessShareLock);
	int ncols = index->rd_index->indnkeyatts;
	bool nulls_equal = index->rd_index->indnullsnotdistinct;
	StringInfoData coming;
	StringInfoData match;
	StringInfoData group;
	StringInfoData sql;
	StringInfoData names;
	StringInfoData shown;
	char *predicate;
	char *live;
	HeapTuple tuple;
	bool isnull;
	Datum pred;
	Oid types[] = {OIDARRAYOID, TIDARRAYOID};
	Datum values[] = {set->tables, set->ctids};
	int qualified = names_begin(); /* what is deparsed */

	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_id));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", index_id);
	pred = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indpred, &isnull);
	predicate =
		TextDatumGetCString(DirectFunctionCall2(pg_get_expr, pred, ObjectIdGetDatum(set->relid)));
	ReleaseSysCache(tuple);

	initStringInfo(&coming);
	initStringInfo(&match);
	initStringInfo(&group);
	initStringInfo(&names);
	initStringInfo(&shown);
	for (int i = 0; i < ncols; i++)
	{
		char *expression = index_expression(index_id, i + 1, index->rd_indcollation[i]);
		Oid equality = get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
										   index->rd_opcintype[i], BTEqualStrategyNumber);
		const char *sep = i > 0 ? ", " : "";

		if (!OidIsValid(equality))
			elog(ERROR, "no equality operator for column %d of index \"%s\"", i + 1,
				 RelationGetRelationName(index));
		appendStringInfo(&coming, "%s%s AS e%d", sep, expression, i + 1);
		appendStringInfo(&match, "%s(%s %s \"pgaccount n\".e%d", i > 0 ? " AND " : "", expression,
						 sql_operator(equality), i + 1);
		if (nulls_equal)
			appendStringInfo(&match, " OR %s IS NULL AND \"pgaccount n\".e%d IS NULL", expression,
							 i + 1);
		appendStringInfoChar(&match, ')');
		appendStringInfo(&group, "%s\"pgaccount n\".e%d", sep, i + 1);
		appendStringInfo(
			&names, "%s%s", sep,
			TextDatumGetCString(DirectFunctionCall3(pg_get_indexdef_ext, ObjectIdGetDatum(index_id),
													Int32GetDatum(i + 1), BoolGetDatum(true))));
		appendStringInfo(&shown, "%s(\"pgaccount n\".e%d)::pg_catalog.text",
						 i > 0 ? ", ', ', " : "", i + 1);
	}
	live = sql_column(set->relid, mapping_of_table(set->relid)->deleted_at);

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 OWN_STATEMENT
					 "WITH \"pgaccount coming\" AS MATERIALIZED (SELECT %s FROM (SELECT %s FROM"
					 " %s c"
					 " WHERE %s) AS coming WHERE %s)"
					 " SELECT DISTINCT pg_catalog.concat(%s)"
					 " FROM \"pgaccount coming\" \"pgaccount n\" WHERE EXISTS"
					 " (SELECT 1 FROM %s \"pgaccount live\" WHERE %s IS NULL AND (%s) AND %s)"
					 " UNION SELECT pg_catalog.concat(%s)"
					 " FROM \"pgaccount coming\" \"pgaccount n\"",
					 coming.data, restored_columns(set->relid), sql_keyed_relation(set->relid),
					 in_row_set("c"), predicate, shown.data, sql_keyed_relation(set->relid), live,
					 predicate, match.data, shown.data);
	if (!nulls_equal)
		for (int i = 0; i < ncols; i++)
			appendStringInfo(&sql, "%s \"pgaccount n\".e%d IS NOT NULL", i > 0 ? " AND" : " WHERE",
							 i + 1);
	appendStringInfo(&sql, " GROUP BY %s HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1",
					 group.data);
	names_end(qualified);
	(void) statement_run_once(sql.data, 2, types, values, NULL, NULL);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (found->n++ == 0)
		{
			found->table = set->relid;
			found->index = index_id;
		}
		if (found->n > MAX_LISTED)
			continue;
		if (found->detail.len > 0)
			appendStringInfoChar(&found->detail, '\n');
		if (may_read(set->relid, caller))
			appendStringInfo(&found->detail,
							 "Key (%s)=(%s) of table \"%s\" is taken by another row.", names.data,
							 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1),
							 get_rel_name(set->relid));
		else
			appendStringInfo(&found->detail, "A key (%s) of table \"%s\" is taken by another row.",
							 names.data, get_rel_name(set->relid));
	}
	statement_free_rows();
	relation_close(index, NoLock);
}

/* The rows of a table, of all its partitions, that come back. */
static RestoreSet
set_of_table(const Comeback *comeback, Oid relid)
{
	RestoreSet set = {.relid = relid};
	Datum *tables;
	Datum *ctids;
	int room = 0;
	int n = 0;
	ListCell *lc;

	foreach (lc, comeback->tables)
		if (fk_node_table(((ComebackTable *) lfirst(lc))->relid) == relid)
			room += ((ComebackTable *) lfirst(lc))->n;
	tables = palloc(Max(room, 1) * sizeof(Datum));
	ctids = palloc(Max(room, 1) * sizeof(Datum));
	foreach (lc, comeback->tables)
	{
		ComebackTable *table = lfirst(lc);

		if (fk_node_table(table->relid) != relid)
			continue;
		for (int i = 0; i < table->n; i++)
			if (!table->rows[i]->blocked)
			{
				tables[n] = ObjectIdGetDatum(table->relid);
				ctids[n++] = PointerGetDatum(&table->rows[i]->tid);
			}
	}
	set.tables =
		PointerGetDatum(construct_array(tables, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	set.ctids = PointerGetDatum(
		construct_array(ctids, n, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
	return set;
}

/* Raise 23505 for what was found. */
static void
refuse_collisions(Collisions *found)
{
	char *column = index_subject(found->table, found->index);

	if (found->n > MAX_LISTED)
		appendStringInfo(&found->detail, "\n… and " UINT64_FORMAT " more.", found->n - MAX_LISTED);
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("restoring would violate unique constraint \"%s\"", get_rel_name(found->index)),
			 errdetail_row("%s", found->detail.data),
			 errhint("Change or delete the rows that took the keys, or restore fewer rows."),
			 err_generic_string(PG_DIAG_SCHEMA_NAME,
								get_namespace_name(get_rel_namespace(found->table))),
			 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(found->table)),
			 column != NULL ? err_generic_string(PG_DIAG_COLUMN_NAME, column) : 0,
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, get_rel_name(found->index))));
}

/* Raise 23505 if keys of rows that come back are taken. Within SPI_connect. */
void
refuse_taken_keys(const Comeback *comeback, Oid caller)
{
	Collisions found = {.n = 0};
	List *tables = NIL;
	ListCell *lc;
	ListCell *lc2;

	foreach (lc, comeback->tables)
		tables =
			list_append_unique_oid(tables, fk_node_table(((ComebackTable *) lfirst(lc))->relid));
	initStringInfo(&found.detail);
	foreach (lc, tables)
	{
		RestoreSet set = set_of_table(comeback, lfirst_oid(lc));
		RoleState saved = run_as(relation_owner(set.relid));

		CHECK_FOR_INTERRUPTS();
		foreach (lc2, partial_unique_indexes(set.relid))
			find_collisions(&set, lfirst_oid(lc2), caller, &found);
		run_as_end(saved);
	}
	if (found.n > 0)
		refuse_collisions(&found);
}
