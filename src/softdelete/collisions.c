/*
 * collisions.c
 *		Which keys of rows that would come back are taken meanwhile.
 *
 * A restore that fails because a key is taken asks here, so that one error names every such row,
 * children included. They are looked up in the unique indexes that hold some rows only, live ones,
 * and in those whose keys say whether a row is deleted: (email, is_deleted). Other unique indexes
 * hold the deleted rows under the keys that they come back with, nothing can collide there.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
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
#include "unique_live.h"

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

/* The columns that an expression of a table names. */
static Bitmapset *
columns_of(Node *expression)
{
	Bitmapset *columns = NULL;

	pull_varattnos(expression, 1, &columns);
	return columns;
}

/*
 * The columns of a table that a restore changes: those of its deletion, and what is computed of
 * them. Numbers are offset, as those of columns_of(). NULL: it has no soft delete.
 */
static Bitmapset *
changing_columns(Relation rel)
{
	const SoftDelete *found = mapping_declared(RelationGetRelid(rel));
	TupleDesc desc = RelationGetDescr(rel);
	Bitmapset *deletion = NULL;
	Bitmapset *changing;
	AttrNumber columns[3];

	if (found == NULL)
		return NULL;
	columns[0] = found->deleted_at;
	columns[1] = found->flag;
	columns[2] = found->deleted_by;
	for (int i = 0; i < lengthof(columns); i++)
		if (columns[i] != InvalidAttrNumber)
			deletion = bms_add_member(deletion, columns[i] - FirstLowInvalidHeapAttributeNumber);
	changing = bms_copy(deletion);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && att->attgenerated == ATTRIBUTE_GENERATED_STORED &&
			bms_overlap(columns_of(build_column_default(rel, att->attnum)), deletion))
			changing = bms_add_member(changing, att->attnum - FirstLowInvalidHeapAttributeNumber);
	}
	return changing;
}

/* The columns of the keys of an index. Runs nobody's code. */
static Bitmapset *
key_columns(HeapTuple tuple)
{
	Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
	Bitmapset *columns = NULL;
	bool isnull;
	Datum expressions = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indexprs, &isnull);

	if (!isnull)
		columns = columns_of(stringToNode(TextDatumGetCString(expressions)));
	for (int i = 0; i < form->indnkeyatts; i++)
		if (form->indkey.values[i] > 0)
			columns = bms_add_member(columns,
									 form->indkey.values[i] - FirstLowInvalidHeapAttributeNumber);
	return columns;
}

/* Is it a unique index? One that keeps periods apart is none here (18). */
static bool
is_unique(HeapTuple tuple)
{
	Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
	HeapTuple class;
	bool unique;

	if (!form->indisunique || !form->indisvalid)
		return false;
	class = SearchSysCache1(RELOID, ObjectIdGetDatum(form->indexrelid));
	if (!HeapTupleIsValid(class))
		return false;
	unique = ((Form_pg_class) GETSTRUCT(class))->relam == BTREE_AM_OID;
	ReleaseSysCache(class);
	return unique;
}

/*
 * The unique indexes of a table in which a row that comes back may meet another: they hold only
 * some rows, or their keys are of columns that a restore changes.
 */
static List *
colliding_indexes(Oid relid)
{
	Relation rel = relation_open(relid, AccessShareLock);
	List *indexes = RelationGetIndexList(rel);
	Bitmapset *changing = changing_columns(rel);
	List *result = NIL;
	ListCell *lc;

	relation_close(rel, NoLock);
	foreach (lc, indexes)
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		if (is_unique(tuple) && (!heap_attisnull(tuple, Anum_pg_index_indpred, NULL) ||
								 bms_overlap(key_columns(tuple), changing)))
			result = lappend_oid(result, lfirst_oid(lc));
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

/* SQL: what a column of a restored row holds, in the row `c` as it is deleted. */
static char *
restored_value(const SoftDelete *mapping, Form_pg_attribute att)
{
	if (att->attnum == mapping->deleted_at || att->attnum == mapping->deleted_by)
		return psprintf("NULL::%s", sql_type(att->atttypid, att->atttypmod));
	if (att->attnum == mapping->flag)
		return psprintf("false::%s", sql_type(att->atttypid, -1));
	return psprintf("c.%s", quote_identifier(NameStr(att->attname)));
}

/* SQL: what a column holds that is computed of others, which are at hand by their names. */
static char *
computed_value(Relation rel, AttrNumber attnum)
{
	return psprintf("(%s)", deparse_expression(build_column_default(rel, attnum),
											   deparse_context_for(RelationGetRelationName(rel),
																   RelationGetRelid(rel)),
											   false, false));
}

/*
 * SQL: rows of a table as they will be once they are restored, `FROM (SELECT ...) AS coming`. What
 * is computed of the columns of their deletion is computed of those as they will be.
 */
static char *
sql_restored_rows(const RestoreSet *set)
{
	Relation rel = relation_open(set->relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	const SoftDelete mapping = *mapping_of_table(set->relid);
	Bitmapset *changing = changing_columns(rel);
	StringInfoData values;
	StringInfoData computed;

	initStringInfo(&values);
	initStringInfo(&computed);
	appendStringInfoString(&values, "c.tableoid");
	appendStringInfoString(&computed, "restored.tableoid");
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		const char *name = quote_identifier(NameStr(att->attname));
		bool is_computed =
			att->attgenerated == ATTRIBUTE_GENERATED_STORED && att->attnum != mapping.flag &&
			bms_is_member(att->attnum - FirstLowInvalidHeapAttributeNumber, changing);

		if (att->attisdropped)
			continue;
		appendStringInfo(&values, ", %s AS %s", restored_value(&mapping, att), name);
		appendStringInfo(
			&computed, ", %s AS %s",
			is_computed ? computed_value(rel, att->attnum) : psprintf("restored.%s", name), name);
	}
	relation_close(rel, NoLock);
	return psprintf("(SELECT %s FROM (SELECT %s FROM %s c WHERE %s) AS restored) AS coming",
					computed.data, values.data, sql_keyed_relation(set->relid), in_row_set("c"));
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

/* SQL: the predicate of an index, of whichever table is at hand; `true`: it holds all rows. */
static char *
sql_predicate(Oid relid, Oid index_id)
{
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_id));
	Datum predicate;
	bool isnull;
	char *sql = "true";

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", index_id);
	predicate = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indpred, &isnull);
	if (!isnull)
		sql = TextDatumGetCString(
			DirectFunctionCall2(pg_get_expr, predicate, ObjectIdGetDatum(relid)));
	ReleaseSysCache(tuple);
	return sql;
}

/* The columns, or expressions, of an index, for a message. */
static char *
index_columns(Relation index)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "",
						 TextDatumGetCString(DirectFunctionCall3(
							 pg_get_indexdef_ext, ObjectIdGetDatum(RelationGetRelid(index)),
							 Int32GetDatum(i + 1), BoolGetDatum(true))));
	return names.data;
}

/*
 * SQL: the keys of rows that come back and then meet another row in a unique index, or one another.
 * One that stays deleted may be met, too, where the index has columns of the deletion.
 */
static char *
sql_collisions(const RestoreSet *set, Relation index)
{
	Oid index_id = RelationGetRelid(index);
	int ncols = index->rd_index->indnkeyatts;
	bool nulls_equal = index->rd_index->indnullsnotdistinct;
	char *predicate = sql_predicate(set->relid, index_id);
	StringInfoData coming;
	StringInfoData match;
	StringInfoData group;
	StringInfoData shown;
	StringInfoData sql;

	initStringInfo(&coming);
	initStringInfo(&match);
	initStringInfo(&group);
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
		appendStringInfo(&shown, "%sCOALESCE((\"pgaccount n\".e%d)::pg_catalog.text, 'null')",
						 i > 0 ? ", ', ', " : "", i + 1);
	}

	initStringInfo(&sql);
	appendStringInfo(
		&sql,
		OWN_STATEMENT "WITH \"pgaccount coming\" AS MATERIALIZED (SELECT %s FROM %s WHERE %s)"
					  " SELECT DISTINCT pg_catalog.concat(%s)"
					  " FROM \"pgaccount coming\" \"pgaccount n\" WHERE EXISTS"
					  " (SELECT 1 FROM %s \"pgaccount other\" WHERE (%s IS NULL OR NOT"
					  " (\"pgaccount other\".tableoid, \"pgaccount other\".ctid)"
					  " OPERATOR(pg_catalog.=) ANY (SELECT s.o, s.t FROM ROWS FROM"
					  " (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS s(o, t)))"
					  " AND (%s) AND %s)"
					  " UNION SELECT pg_catalog.concat(%s)"
					  " FROM \"pgaccount coming\" \"pgaccount n\"",
		coming.data, sql_restored_rows(set), predicate, shown.data, sql_keyed_relation(set->relid),
		sql_column(set->relid, mapping_of_table(set->relid)->deleted_at), predicate, match.data,
		shown.data);
	if (!nulls_equal)
		for (int i = 0; i < ncols; i++)
			appendStringInfo(&sql, "%s \"pgaccount n\".e%d IS NOT NULL", i > 0 ? " AND" : " WHERE",
							 i + 1);
	appendStringInfo(&sql, " GROUP BY %s HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1",
					 group.data);
	return sql.data;
}

/*
 * Look a set of rows up in one unique index. Within SPI_connect, as the table's owner.
 *
 * The rows are taken as they will be; those that then belong into the index must not be there
 * already, nor be there twice among themselves.
 */
static void
find_collisions(const RestoreSet *set, Oid index_id, Oid caller, Collisions *found)
{
	Relation index = relation_open(index_id, AccessShareLock);
	Oid types[] = {OIDARRAYOID, TIDARRAYOID};
	Datum values[] = {set->tables, set->ctids};
	int qualified = names_begin(); /* what is deparsed */
	char *sql = sql_collisions(set, index);
	char *names = index_columns(index);

	names_end(qualified);
	(void) statement_run_once(sql, lengthof(types), types, values, NULL, NULL);

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
							 "Key (%s)=(%s) of table \"%s\" is taken by another row.", names,
							 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1),
							 get_rel_name(set->relid));
		else
			appendStringInfo(&found->detail, "A key (%s) of table \"%s\" is taken by another row.",
							 names, get_rel_name(set->relid));
	}
	statement_free_rows();
	relation_close(index, NoLock);
}

/* Is a table of rows that come back this one, or a partition of it? */
static bool
is_part(const ComebackTable *table, Oid relid)
{
	return table->relid == relid || fk_node_table(table->relid) == relid;
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
		if (is_part(lfirst(lc), relid))
			room += ((ComebackTable *) lfirst(lc))->n;
	tables = palloc(Max(room, 1) * sizeof(Datum));
	ctids = palloc(Max(room, 1) * sizeof(Datum));
	foreach (lc, comeback->tables)
	{
		ComebackTable *table = lfirst(lc);

		if (!is_part(table, relid))
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
			 errdetail_row("%s", found->detail.data), errhint(HINT_TAKEN_KEYS),
			 err_generic_string(PG_DIAG_SCHEMA_NAME,
								get_namespace_name(get_rel_namespace(found->table))),
			 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(found->table)),
			 column != NULL ? err_generic_string(PG_DIAG_COLUMN_NAME, column) : 0,
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, get_rel_name(found->index))));
}

/* Look the rows of a table, or a partition, up in its own indexes. */
static void
find_collisions_of(const Comeback *comeback, Oid relid, Oid caller, Collisions *found)
{
	RestoreSet set = set_of_table(comeback, relid);
	RoleState saved = run_as(relation_owner(relid));
	ListCell *lc;

	CHECK_FOR_INTERRUPTS();
	foreach (lc, colliding_indexes(relid))
		if (!get_rel_relispartition(lfirst_oid(lc)))
			find_collisions(&set, lfirst_oid(lc), caller, found);
	run_as_end(saved);
}

/* Raise 23505 if keys of rows that come back are taken. Within SPI_connect. */
void
refuse_taken_keys(const Comeback *comeback, Oid caller)
{
	Collisions found = {.n = 0};
	List *tables = NIL;
	ListCell *lc;

	foreach (lc, comeback->tables)
	{
		Oid relid = ((ComebackTable *) lfirst(lc))->relid;

		tables = list_append_unique_oid(tables, fk_node_table(relid));
		tables = list_append_unique_oid(tables, relid);
	}
	initStringInfo(&found.detail);
	foreach (lc, tables)
		find_collisions_of(comeback, lfirst_oid(lc), caller, &found);
	if (found.n > 0)
		refuse_collisions(&found);
}
