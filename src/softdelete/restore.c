/*
 * restore.c
 *		Deleted rows come back: account.restore(), and account.is_deleted().
 *
 * The rows of the target are restored with the caller's own privileges; the children that went with
 * them follow by the triggers of cascade.c. Before anything is touched, all rows that would come
 * back, children included, are looked up in the unique indexes that hold live rows only, so that
 * one error can name every row that has been replaced meanwhile. (Other unique indexes still hold
 * the deleted rows, nothing can collide there. A row that is inserted between check and restore is
 * the index's to refuse.)
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
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "cascade.h"
#include "mapping.h"
#include "restore.h"

ACCOUNT_OPERATION(restore, "restore", NO_SUBJECT);
PG_FUNCTION_INFO_V1(is_deleted);

/* At most so many colliding rows are named; the others are counted. */
#define MAX_LISTED 100

/* Deleted rows of a table that would come back. */
typedef struct RestoreSet
{
	Oid relid;
	Datum tables; /* oid[]: which partition, row by row */
	Datum ctids;  /* tid[] */
	int n;
} RestoreSet;

/* The collisions found so far. */
typedef struct Collisions
{
	StringInfoData detail;
	uint64 n;
	Oid table; /* of the first one */
	Oid index;
} Collisions;

/* The mapping of a table that a caller named to a function; raises where it has none. */
static SoftDelete
mapping_of_target(Oid relid, const char *function)
{
	check_application_table(relid, "soft delete");
	refuse_citus_beside_shards(relid, function, psprintf("%s('%%s', key)", function));
	LockRelationOid(relid, AccessShareLock);
	return *mapping_of_table(relid);
}

/* Tables whose rows may follow this one's, itself first. */
static List *
following_tables(Oid relid)
{
	List *tables = list_make1_oid(relid);

	for (int i = 0; i < list_length(tables); i++)
	{
		ListCell *lc;

		CHECK_FOR_INTERRUPTS();
		foreach (lc, cascade_edges(list_nth_oid(tables, i)))
			tables = list_append_unique_oid(tables, ((FkEdge *) lfirst(lc))->child);
	}
	return tables;
}

/* Raise unless the caller may update the mapped columns of a table. */
static void
check_may_update(Oid relid)
{
	const SoftDelete *found = mapping_declared(relid);
	SoftDelete mapping;
	AttrNumber columns[3];

	if (found == NULL || pg_class_aclcheck(relid, GetUserId(), ACL_UPDATE) == ACLCHECK_OK)
		return;
	mapping = *found;
	columns[0] = mapping.deleted_at;
	columns[1] = mapping.flag;
	columns[2] = mapping.deleted_by;
	for (int i = 0; i < lengthof(columns); i++)
		if (columns[i] != InvalidAttrNumber &&
			pg_attribute_aclcheck(relid, columns[i], GetUserId(), ACL_UPDATE) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));
}

/* The unique indexes of a table that hold only some of its rows. */
static List *
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

/* Read one array result column, as a copy in context. */
static Datum
result_array(int column, Oid element, MemoryContext context)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum copy = isnull ? PointerGetDatum(construct_empty_array(element))
						: PointerGetDatum(DatumGetArrayTypePCopy(value));

	MemoryContextSwitchTo(old);
	return copy;
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

/*
 * Run a query that yields arrays of tableoid and ctid; the set of those rows. Within SPI_connect.
 */
static RestoreSet *
query_row_set(Oid relid, const char *sql, int nargs, Oid *types, Datum *values,
			  MemoryContext context)
{
	RestoreSet *set = MemoryContextAllocZero(context, sizeof(RestoreSet));
	ArrayType *array;

	(void) statement_run_once(sql, nargs, types, values, NULL, NULL);
	set->relid = relid;
	set->tables = result_array(1, OIDOID, context);
	set->ctids = result_array(2, TIDOID, context);
	array = DatumGetArrayTypeP(set->ctids);
	set->n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	statement_free_rows();
	return set;
}

/* The deleted children that follow a set of rows over an edge. Within SPI_connect, as the owner. */
static RestoreSet *
following_rows(const FkEdge *edge, const RestoreSet *parents, MemoryContext context)
{
	const SoftDelete *child_found = mapping_declared(edge->child);
	const SoftDelete *parent_found = mapping_declared(parents->relid);
	StampType child_type;
	StampType parent_type;
	Oid types[] = {OIDARRAYOID, TIDARRAYOID};
	Datum values[] = {parents->tables, parents->ctids};
	char *sql;
	char *child_stamp;
	char *parent_stamp;

	if (child_found == NULL || parent_found == NULL)
		return NULL;
	child_type = child_found->stamp;
	parent_type = parent_found->stamp;
	child_stamp = sql_column(edge->child, child_found->deleted_at);
	parent_stamp = sql_stamp_from(
		&child_type, psprintf("p.%s", sql_column(parents->relid, parent_found->deleted_at)),
		&parent_type);
	sql = psprintf(OWN_STATEMENT
				   "SELECT pg_catalog.array_agg(c.tableoid), pg_catalog.array_agg(c.ctid)"
				   " FROM %s c WHERE EXISTS (SELECT 1 FROM %s p WHERE %s AND %s AND"
				   " c.%s OPERATOR(pg_catalog.=) %s)",
				   sql_relation(edge->child), sql_relation(edge->parent), in_row_set("p"),
				   fk_join(edge, "p", false, "c", false), child_stamp, parent_stamp);
	return query_row_set(edge->child, sql, 2, types, values, context);
}

/* `expression` of an index key column, with the index's collation. */
static char *
index_expression(Oid index_id, int column, Oid collation)
{
	char *expression =
		TextDatumGetCString(DirectFunctionCall3(pg_get_indexdef_ext, ObjectIdGetDatum(index_id),
												Int32GetDatum(column), BoolGetDatum(false)));

	if (OidIsValid(collation))
		return psprintf("((%s) COLLATE %s)", expression, generate_collation_name(collation));
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
	live = sql_column(set->relid, mapping_declared(set->relid)->deleted_at);

	initStringInfo(&sql);
	appendStringInfo(
		&sql,
		OWN_STATEMENT "WITH \"pgaccount coming\" AS MATERIALIZED (SELECT %s FROM (SELECT %s FROM"
					  " %s c"
					  " WHERE %s) AS coming WHERE %s)"
					  " SELECT DISTINCT pg_catalog.concat(%s)"
					  " FROM \"pgaccount coming\" \"pgaccount n\" WHERE EXISTS"
					  " (SELECT 1 FROM %s \"pgaccount live\" WHERE %s IS NULL AND (%s) AND %s)"
					  " UNION SELECT pg_catalog.concat(%s)"
					  " FROM \"pgaccount coming\" \"pgaccount n\"",
		coming.data, restored_columns(set->relid), sql_relation(set->relid), in_row_set("c"),
		predicate, shown.data, sql_relation(set->relid), live, predicate, match.data, shown.data);
	if (!nulls_equal)
		for (int i = 0; i < ncols; i++)
			appendStringInfo(&sql, "%s \"pgaccount n\".e%d IS NOT NULL", i > 0 ? " AND" : " WHERE",
							 i + 1);
	appendStringInfo(&sql, " GROUP BY %s HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1",
					 group.data);
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

/* A row that was seen, of whichever table. */
typedef struct SeenRow
{
	Oid table;
	ItemPointerData ctid;
} SeenRow;

/* All rows of one table that would come back. */
typedef struct TableRows
{
	Oid relid;
	Datum *tables;
	Datum *ctids;
	int n;
	int room;
} TableRows;

/* The rows of a set that were not seen before, as a set; they are added to the table's. */
static RestoreSet *
take_unseen(const RestoreSet *set, HTAB *seen, TableRows *rows)
{
	RestoreSet *unseen = palloc0(sizeof(RestoreSet));
	Datum *tables;
	Datum *ctids;
	int start = rows->n;
	int n;

	deconstruct_array(DatumGetArrayTypeP(set->tables), OIDOID, sizeof(Oid), true, TYPALIGN_INT,
					  &tables, NULL, &n);
	deconstruct_array(DatumGetArrayTypeP(set->ctids), TIDOID, sizeof(ItemPointerData), false,
					  TYPALIGN_SHORT, &ctids, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		SeenRow key;
		bool found;

		CHECK_FOR_INTERRUPTS();
		memset(&key, 0, sizeof(key));
		key.table = DatumGetObjectId(tables[i]);
		key.ctid = *(ItemPointer) DatumGetPointer(ctids[i]);
		(void) hash_search(seen, &key, HASH_ENTER, &found);
		if (found)
			continue;
		if (rows->n == rows->room)
		{
			rows->room = rows->room == 0 ? 16 : rows->room * 2;
			rows->tables = rows->tables ? repalloc(rows->tables, rows->room * sizeof(Datum))
										: palloc(rows->room * sizeof(Datum));
			rows->ctids = rows->ctids ? repalloc(rows->ctids, rows->room * sizeof(Datum))
									  : palloc(rows->room * sizeof(Datum));
		}
		rows->tables[rows->n] = tables[i];
		rows->ctids[rows->n++] = ctids[i];
	}
	unseen->relid = set->relid;
	unseen->n = rows->n - start;
	unseen->tables = PointerGetDatum(
		construct_array(rows->tables + start, unseen->n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	unseen->ctids = PointerGetDatum(construct_array(
		rows->ctids + start, unseen->n, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
	return unseen;
}

/* Index of a table in a list of tables, or -1. */
static int
index_of(List *tables, Oid relid)
{
	ListCell *lc;

	foreach (lc, tables)
		if (lfirst_oid(lc) == relid)
			return foreach_current_index(lc);
	return -1;
}

/*
 * Look up all rows that would come back, following children of children. Within SPI_connect; the
 * first set was read with the caller's rights, the others are read with their owners'.
 */
static void
check_collisions(RestoreSet *first, List *tables, Oid caller)
{
	HASHCTL ctl = {.keysize = sizeof(SeenRow), .entrysize = sizeof(SeenRow)};
	HTAB *seen;
	TableRows *rows = palloc0(list_length(tables) * sizeof(TableRows));
	List *queue = list_make1(first);
	Collisions found = {.n = 0};
	RoleState saved;
	ListCell *lc;

	ctl.hcxt = CurrentMemoryContext;
	seen = hash_create("pgaccount restore", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	while (queue != NIL)
	{
		RestoreSet *set = linitial(queue);
		int index = index_of(tables, set->relid);

		CHECK_FOR_INTERRUPTS();
		queue = list_delete_first(queue);
		if (index < 0)
			continue;
		set = take_unseen(set, seen, &rows[index]);
		if (set->n == 0)
			continue;
		foreach (lc, cascade_edges(set->relid))
		{
			RestoreSet *children;

			saved = run_as(relation_owner(((FkEdge *) lfirst(lc))->child));
			children = following_rows(lfirst(lc), set, CurrentMemoryContext);
			run_as_end(saved);
			if (children != NULL)
				queue = lappend(queue, children);
		}
	}

	initStringInfo(&found.detail);
	foreach (lc, tables)
	{
		TableRows *table = &rows[foreach_current_index(lc)];
		RestoreSet all = {.relid = lfirst_oid(lc), .n = table->n};
		ListCell *index;
		int names;

		if (table->n == 0)
			continue;
		all.tables = PointerGetDatum(
			construct_array(table->tables, table->n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
		all.ctids = PointerGetDatum(construct_array(
			table->ctids, table->n, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
		saved = run_as(relation_owner(all.relid));
		names = names_begin();
		foreach (index, partial_unique_indexes(all.relid))
			find_collisions(&all, lfirst_oid(index), caller, &found);
		names_end(names);
		run_as_end(saved);
	}

	if (found.n > 0)
	{
		char *column = index_subject(found.table, found.index);

		if (found.n > MAX_LISTED)
			appendStringInfo(&found.detail, "\n… and " UINT64_FORMAT " more.",
							 found.n - MAX_LISTED);
		ereport(
			ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("restoring would violate unique constraint \"%s\"", get_rel_name(found.index)),
			 errdetail_row("%s", found.detail.data),
			 errhint("Change or delete the rows that took the keys, or restore fewer rows."),
			 err_generic_string(PG_DIAG_SCHEMA_NAME,
								get_namespace_name(get_rel_namespace(found.table))),
			 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(found.table)),
			 column != NULL ? err_generic_string(PG_DIAG_COLUMN_NAME, column) : 0,
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, get_rel_name(found.index))));
	}
}

/* Bring deleted rows back, with what went with them; see the header. */
uint64
restore_rows(Oid relid, const RestoreKeys *keys, Oid caller)
{
	SoftDelete mapping = *mapping_of_table(relid);
	List *tables = following_tables(relid);
	char *condition =
		psprintf("t.%s IS NOT NULL AND %s", sql_column(relid, mapping.deleted_at), keys->condition);
	char *sql;
	bool may_collide = false;
	bool under_rls = check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED;
	StatementOptions options = {0};
	RoleState saved;
	RestoreSet *found;
	uint64 restored;
	ListCell *lc;

	foreach (lc, tables)
		may_collide |= partial_unique_indexes(lfirst_oid(lc)) != NIL;
	SPI_connect();
	if (may_collide)
	{
		saved = run_as_reader(relid);
		found =
			query_row_set(relid,
						  psprintf(OWN_STATEMENT "SELECT pg_catalog.array_agg(t.tableoid),"
												 " pg_catalog.array_agg(t.ctid) FROM %s t WHERE %s",
								   sql_relation(relid), condition),
						  keys->n, keys->types, keys->values, CurrentMemoryContext);
		run_as_end(saved);
		check_collisions(found, tables, caller);
	}

	(void) cascade_take_count();
	sql = psprintf(OWN_STATEMENT "UPDATE %s t SET %s WHERE %s", sql_relation(relid),
				   sql_set_live(&mapping), condition);
	saved = run_as(relation_owner(relid));
	options.judge = under_rls ? &saved : NULL;
	restored = statement_run_once(sql, keys->n, keys->types, keys->values, NULL, &options);
	run_as_end(saved);
	restored += cascade_take_count();
	SPI_finish();
	return restored;
}

/* account.restore(target regclass, key "any" | text) RETURNS bigint */
static Datum
restore_operation(PG_FUNCTION_ARGS)
{
	Oid relid;
	KeySet *keys;
	RestoreKeys named;
	ListCell *lc;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	relid = PG_GETARG_OID(0);
	(void) mapping_of_target(relid, "account.restore");
	keys = keys_of_argument(fcinfo, 1, relid);
	foreach (lc, following_tables(relid))
		check_may_update(lfirst_oid(lc));
	named.condition = keys_condition(keys, "t", 1);
	named.n = keys->ncols;
	named.types = keys->array_types;
	named.values = keys->arrays;
	PG_RETURN_INT64((int64) restore_rows(relid, &named, GetUserId()));
}

/* account.is_deleted(target regclass, key "any" | text) RETURNS boolean */
Datum
is_deleted(PG_FUNCTION_ARGS)
{
	Oid relid;
	SoftDelete mapping;
	KeySet *keys;
	bool isnull = true;
	bool deleted = false;
	RoleState reader;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	relid = PG_GETARG_OID(0);
	mapping = mapping_of_target(relid, "account.is_deleted");
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL(); /* no row has that key */
	keys = keys_of_argument(fcinfo, 1, relid);
	if (keys->nkeys != 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("account.is_deleted takes one key, not %d", keys->nkeys),
						errdetail("It answers for one row."), errhint("Call it for each key.")));

	SPI_connect();
	reader = run_as_reader(relid);
	if (statement_run_once(psprintf(OWN_STATEMENT "SELECT t.%s IS NOT NULL FROM %s t WHERE %s",
									sql_column(relid, mapping.deleted_at), sql_relation(relid),
									keys_condition(keys, "t", 1)),
						   keys->ncols, keys->array_types, keys->arrays, NULL, NULL) > 0)
		deleted =
			DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	run_as_end(reader);
	SPI_finish();
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(deleted);
}
