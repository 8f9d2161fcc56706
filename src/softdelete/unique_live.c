/*
 * unique_live.c
 *		account.unique_among_live(): unique among live rows only, so that a deleted row's email is
 *		free.
 *
 * The index is made anew with the live condition, under its old name: errors go on naming the
 * constraint that applications look for. All else stays as it was: columns, expressions, operator
 * classes, collations, INCLUDE, NULLS NOT DISTINCT, storage options, tablespace, comment,
 * statistics targets. But a table is clustered by no partial index, and none is deferrable.
 *
 * Building holds the strongest lock. Where there is an index over live rows already, which somebody
 * built CONCURRENTLY, it is taken, and the old one goes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "monitor/monitor.h"
#include "mapping.h"
#include "unique_live.h"

ACCOUNT_OPERATION(unique_among_live_columns, "unique_among_live", NO_SUBJECT);
ACCOUNT_OPERATION(unique_among_live_index, "unique_among_live", NO_SUBJECT);

/* A unique index that is to hold live rows only. */
typedef struct UniqueIndex
{
	Oid index;
	Oid table;
	Oid constraint; /* InvalidOid: a plain index */
	char *name;
	bool is_live_already;
	bool is_unflagged; /* the application's own: over rows whose flag is false */
} UniqueIndex;

/* Is it `deleted_at IS NULL`? */
static bool
is_live_condition(Node *node, AttrNumber deleted_at)
{
	NullTest *test = (NullTest *) node;

	return IsA(node, NullTest) && test->nulltesttype == IS_NULL && IsA(test->arg, Var) &&
		   ((Var *) test->arg)->varattno == deleted_at;
}

/* Does an index hold live rows only? */
bool
holds_only_live_rows(Relation index, AttrNumber deleted_at)
{
	ListCell *lc;

	foreach (lc, index_predicate(index))
		if (is_live_condition(lfirst(lc), deleted_at))
			return true;
	return false;
}

/* Is it that the flag is false: `NOT flag`, `flag = false`, `flag IS FALSE`, `flag IS NOT TRUE`? */
static bool
is_flag_condition(Node *node, AttrNumber flag)
{
	Node *arg = NULL;

	if (IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop == NOT_EXPR)
		arg = linitial(((BoolExpr *) node)->args);
	else if (IsA(node, BooleanTest) && (((BooleanTest *) node)->booltesttype == IS_FALSE ||
										((BooleanTest *) node)->booltesttype == IS_NOT_TRUE))
		arg = (Node *) ((BooleanTest *) node)->arg;
	while (arg != NULL && IsA(arg, RelabelType))
		arg = (Node *) ((RelabelType *) arg)->arg;
	return arg != NULL && IsA(arg, Var) && flag != InvalidAttrNumber &&
		   ((Var *) arg)->varattno == flag;
}

/* Does an index hold no deleted row, for its predicate says so of the flag? */
static bool
holds_unflagged_rows(Relation index, AttrNumber flag)
{
	ListCell *lc;

	foreach (lc, index_predicate(index))
		if (is_flag_condition(lfirst(lc), flag))
			return true;
	return false;
}

/* The predicate of an index but for `deleted_at IS NULL`. */
static List *
predicate_beside(Relation index, AttrNumber deleted_at)
{
	List *rest = NIL;
	ListCell *lc;

	foreach (lc, index_predicate(index))
		if (!is_live_condition(lfirst(lc), deleted_at))
			rest = lappend(rest, lfirst(lc));
	return rest;
}

/* What is the nth key of an index: a column, or an expression? */
static Node *
key_expression(Relation index, List *expressions, int n)
{
	int before = 0;

	if (index->rd_index->indkey.values[n] != 0)
		return NULL;
	for (int i = 0; i < n; i++)
		before += index->rd_index->indkey.values[i] == 0;
	return list_nth(expressions, before);
}

/* Have two indexes of a table the same keys, in any order, that are equal by the same rules? */
static bool
same_keys(Relation one, Relation other)
{
	int n = one->rd_index->indnkeyatts;
	List *mine = index_expressions(one);
	List *theirs = index_expressions(other);

	if (other->rd_index->indnkeyatts != n)
		return false;
	for (int i = 0; i < n; i++)
	{
		bool found = false;

		for (int j = 0; j < n && !found; j++)
			found = one->rd_index->indkey.values[i] == other->rd_index->indkey.values[j] &&
					one->rd_opfamily[i] == other->rd_opfamily[j] &&
					one->rd_opcintype[i] == other->rd_opcintype[j] &&
					one->rd_indcollation[i] == other->rd_indcollation[j] &&
					equal(key_expression(one, mine, i), key_expression(other, theirs, j));
		if (!found)
			return false;
	}
	return true;
}

/* Does an index do among live rows what another does among all? */
static bool
takes_the_place(Relation live, Relation old, AttrNumber deleted_at)
{
	return old->rd_index->indisunique && !old->rd_index->indisprimary &&
		   live->rd_index->indisunique && live->rd_index->indisvalid &&
		   live->rd_index->indisready && live->rd_index->indimmediate &&
		   live->rd_rel->relkind == old->rd_rel->relkind &&
		   live->rd_index->indnullsnotdistinct == old->rd_index->indnullsnotdistinct &&
		   holds_only_live_rows(live, deleted_at) && !holds_only_live_rows(old, deleted_at) &&
		   same_keys(live, old) &&
		   equal(predicate_beside(live, deleted_at), predicate_beside(old, deleted_at));
}

/* Must an index hold all rows, whatever others there are? */
static bool
must_hold_all(Relation index)
{
	return index->rd_index->indisreplident ||
		   get_index_ref_constraints(RelationGetRelid(index)) != NIL;
}

/*
 * The indexes of a table that take the place of one, or, with is_live, whose place it takes and
 * that can go.
 */
static List *
counterparts(Oid table, Oid index_id, bool is_live)
{
	AttrNumber deleted_at = mapping_of_table(table)->deleted_at;
	Relation rel = relation_open(table, NoLock);
	List *indexes = RelationGetIndexList(rel);
	Relation index = index_open(index_id, AccessShareLock);
	List *found = NIL;
	ListCell *lc;

	relation_close(rel, NoLock);
	foreach (lc, indexes)
	{
		Relation other = index_open(lfirst_oid(lc), AccessShareLock);

		if (is_live ? takes_the_place(index, other, deleted_at) && !must_hold_all(other)
					: takes_the_place(other, index, deleted_at))
			found = lappend_oid(found, lfirst_oid(lc));
		index_close(other, NoLock);
	}
	index_close(index, NoLock);
	return found;
}

/* Refuse an index that cannot become one over live rows. */
static void
refuse_index(const char *name, const char *detail, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"%s\" cannot be made unique among live rows", name),
					errdetail("%s", detail), errhint("%s", hint)));
}

/* Look at an index of a soft-delete table; raises for one that must stay as it is. */
static UniqueIndex
examine_index(Oid index_id)
{
	Relation index = relation_open(index_id, AccessShareLock);
	Form_pg_index form = index->rd_index;
	UniqueIndex found = {.index = index_id, .table = form->indrelid};
	const SoftDelete *mapping;
	AttrNumber flag;
	List *references;

	found.name = pstrdup(RelationGetRelationName(index));
	found.constraint = get_index_constraint(index_id);
	mapping = mapping_of_table(found.table);
	flag = mapping->flag;
	found.is_live_already = holds_only_live_rows(index, mapping->deleted_at);
	found.is_unflagged = !found.is_live_already && holds_unflagged_rows(index, flag);

	if (!form->indisunique)
		refuse_index(found.name, "The index is not unique.", "Name a unique index.");
	if (form->indisprimary)
		refuse_index(found.name, "It is the primary key.",
					 "A deleted row keeps its key: name another unique constraint or index.");
	if (index->rd_rel->relam != BTREE_AM_OID)
		refuse_index(found.name, "It is an index that keeps periods apart (WITHOUT OVERLAPS).",
					 "Make it an exclusion constraint WHERE (deleted_at IS NULL).");
	if (!form->indisvalid)
		refuse_index(found.name, "The index is not valid.", "REINDEX or drop it first.");
	if (index->rd_rel->relispartition)
		refuse_index(found.name, "It belongs to an index of the partitioned table.",
					 "Name the partitioned table, or its index.");
	if (form->indisreplident)
		refuse_index(found.name, "It is the table's replica identity, which must hold all rows.",
					 "Choose another REPLICA IDENTITY first.");
	references = get_index_ref_constraints(index_id);
	if (references != NIL)
		refuse_index(found.name,
					 psprintf("Foreign key \"%s\" references it, and deleted rows with it.",
							  get_constraint_name(linitial_oid(references))),
					 "Let the foreign key reference the primary key instead.");
	if (!form->indimmediate && !found.is_live_already)
		ereport(NOTICE, (errmsg("\"%s\" is not deferrable any more", found.name),
						 errdetail("PostgreSQL has no deferrable partial unique index.")));
	relation_close(index, NoLock);
	return found;
}

/* The definition of an index, with the live condition added to its predicate. */
static char *
live_definition(const UniqueIndex *unique)
{
	char *definition = pg_get_indexdef_string(unique->index);
	const SoftDelete *mapping = mapping_of_table(unique->table);
	char *live = psprintf("%s IS NULL", sql_column(unique->table, mapping->deleted_at));
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(unique->index));
	Datum value;
	bool isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", unique->index);
	value = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indpred, &isnull);
	if (!isnull)
	{
		/* the predicate is the last part of a definition */
		char *predicate = TextDatumGetCString(
			DirectFunctionCall2(pg_get_expr, value, ObjectIdGetDatum(unique->table)));
		char *clause = psprintf(" WHERE %s", predicate);
		size_t keep = strlen(definition) - strlen(clause);

		if (strlen(definition) < strlen(clause) || strcmp(definition + keep, clause) != 0)
			elog(ERROR, "could not find the predicate in \"%s\"", definition);
		definition[keep] = '\0';
		live = psprintf("(%s) AND %s", predicate, live);
	}
	ReleaseSysCache(tuple);
	return psprintf("%s WHERE %s", definition, live);
}

/* What an index has that its definition does not say. */
typedef struct IndexTraits
{
	Oid table; /* that it is on */
	char *name;
	char *comment; /* NULL: none */
	List *changes; /* char *: what follows ALTER INDEX name */
} IndexTraits;

/* The rows of a query about an index, as what follows ALTER INDEX. Within SPI_connect. */
static List *
changes_of(Oid index_id, const char *query)
{
	Oid types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(index_id)};
	uint64 n = statement_run_once(query, lengthof(types), types, values, NULL, NULL);
	List *changes = NIL;

	for (uint64 i = 0; i < n; i++)
		changes = lappend(changes, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
	return changes;
}

/* The traits of an index. Within SPI_connect. */
static IndexTraits *
read_traits(Oid index_id)
{
	IndexTraits *traits = palloc0(sizeof(IndexTraits));
	Oid constraint = get_index_constraint(index_id);

	traits->table = IndexGetRelation(index_id, false);
	traits->name = get_rel_name(index_id);
	traits->comment = GetComment(index_id, RelationRelationId, 0);
	if (traits->comment == NULL && OidIsValid(constraint))
		traits->comment = GetComment(constraint, ConstraintRelationId, 0);
	traits->changes = changes_of(
		index_id, "SELECT pg_catalog.format('ALTER COLUMN %s SET STATISTICS %s', a.attnum,"
				  " a.attstattarget) FROM pg_catalog.pg_attribute AS a"
				  " WHERE a.attrelid OPERATOR(pg_catalog.=) $1"
				  " AND a.attstattarget OPERATOR(pg_catalog.>=) 0 ORDER BY a.attnum");
	/* a partition's may differ from those that the whole index says */
	traits->changes = list_concat(
		traits->changes,
		changes_of(index_id,
				   "SELECT pg_catalog.format('SET (%s)', o) FROM pg_catalog.pg_class AS c,"
				   " pg_catalog.array_to_string(c.reloptions, ', ') AS o"
				   " WHERE c.oid OPERATOR(pg_catalog.=) $1 AND c.relispartition"
				   " AND o IS NOT NULL"));
	traits->changes = list_concat(
		traits->changes,
		changes_of(index_id, "SELECT pg_catalog.format('SET TABLESPACE %I', t.spcname)"
							 " FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_tablespace AS t"
							 " ON t.oid OPERATOR(pg_catalog.=) c.reltablespace"
							 " WHERE c.oid OPERATOR(pg_catalog.=) $1 AND c.relispartition"
							 " AND c.relkind OPERATOR(pg_catalog.=) 'i'"));
	traits->changes = list_concat(
		traits->changes,
		changes_of(index_id, "SELECT pg_catalog.format('DEPENDS ON EXTENSION %I', e.extname)"
							 " FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_extension AS e"
							 " ON e.oid OPERATOR(pg_catalog.=) d.refobjid"
							 " WHERE d.classid OPERATOR(pg_catalog.=)"
							 " 'pg_catalog.pg_class'::pg_catalog.regclass"
							 " AND d.objid OPERATOR(pg_catalog.=) $1"
							 " AND d.refclassid OPERATOR(pg_catalog.=)"
							 " 'pg_catalog.pg_extension'::pg_catalog.regclass"
							 " AND d.deptype OPERATOR(pg_catalog.=) 'x' ORDER BY e.extname"));
	return traits;
}

/* Give them to the index that has taken its place. Within SPI_connect. */
static void
give_traits(Oid index_id, const IndexTraits *traits)
{
	ListCell *lc;

	if (strcmp(get_rel_name(index_id), traits->name) != 0)
	{
		run_sql("ALTER INDEX %s RENAME TO %s", sql_relation(index_id),
				quote_identifier(traits->name));
		CommandCounterIncrement();
	}
	foreach (lc, traits->changes)
		run_sql("ALTER INDEX %s %s", sql_relation(index_id), (char *) lfirst(lc));
	if (traits->comment != NULL)
		run_sql("COMMENT ON INDEX %s IS %s", sql_relation(index_id), sql_literal(traits->comment));
}

/* Tell where a table is clustered by an index: by one over some rows it cannot be. */
static void
tell_clustered(Oid index_id)
{
	if (get_index_isclustered(index_id))
		ereport(
			NOTICE,
			(errmsg("%s is not clustered by \"%s\" any more",
					display_relation(IndexGetRelation(index_id, false)), get_rel_name(index_id)),
			 errdetail("PostgreSQL clusters a table by no partial index."),
			 errhint("To have CLUSTER go on, name another index: ALTER TABLE ... CLUSTER ON.")));
}

/* The index that an index of a partitioned table has on a partition, or InvalidOid. */
static Oid
partition_index(Oid index_id, Oid partition)
{
	ListCell *lc;

	foreach (lc, find_all_inheritors(index_id, NoLock, NULL))
		if (IndexGetRelation(lfirst_oid(lc), false) == partition)
			return lfirst_oid(lc);
	return InvalidOid;
}

/* Drop an index, and the constraint that it is of. Within SPI_connect. */
static void
drop_index(const UniqueIndex *unique)
{
	ListCell *lc;

	foreach (lc, find_all_inheritors(unique->index, NoLock, NULL))
		tell_clustered(lfirst_oid(lc));
	if (OidIsValid(unique->constraint))
		run_sql("ALTER TABLE %s DROP CONSTRAINT %s", sql_relation(unique->table),
				quote_identifier(get_constraint_name(unique->constraint)));
	else
		run_sql("DROP INDEX %s", sql_relation(unique->index));
}

/*
 * Make an index one over live rows, under its name; so also on the partitions, whose names it is
 * that errors carry. Within SPI_connect.
 */
static void
make_live(const UniqueIndex *unique)
{
	List *traits = NIL;
	ListCell *lc;
	int names_saved = names_begin();
	char *definition = live_definition(unique);
	Oid index_id;

	foreach (lc, find_all_inheritors(unique->index, AccessExclusiveLock, NULL))
		traits = lappend(traits, read_traits(lfirst_oid(lc)));
	drop_index(unique);
	run_sql("%s", definition);
	index_id = get_relname_relid(unique->name, get_rel_namespace(unique->table));
	foreach (lc, traits)
	{
		IndexTraits *of = lfirst(lc);
		Oid part = partition_index(index_id, of->table);

		if (OidIsValid(part))
			give_traits(part, of);
	}
	names_end(names_saved);
}

/*
 * Let an index be over live rows: take one that is there already in its place, or make it so. What
 * an index that is so already takes the place of goes, too. One that the flag keeps free of deleted
 * rows stays as it is, for the application's ON CONFLICT names its predicate. Returns the name of
 * the index. Within SPI_connect.
 */
static const char *
settle_live(const UniqueIndex *unique)
{
	const char *name = unique->name;
	List *others;
	ListCell *lc;

	if (unique->is_unflagged)
		return name;
	others = counterparts(unique->table, unique->index, unique->is_live_already);
	if (unique->is_live_already)
		foreach (lc, others)
		{
			UniqueIndex old = examine_index(lfirst_oid(lc));

			drop_index(&old);
		}
	else if (others == NIL)
		make_live(unique);
	else
	{
		name = get_rel_name(linitial_oid(others));
		drop_index(unique);
	}
	return name;
}

/* Raise unless a table may be worked on, and lock it. */
static void
begin_table(Oid relid)
{
	check_application_table(relid, "soft delete");
	check_owner(relid);
	lock_checked_table(relid, AccessExclusiveLock, "soft delete", true);
	(void) mapping_of_table(relid);
}

/* The columns in a name[] argument, as attribute numbers. */
static AttrNumber *
columns_argument(Oid relid, ArrayType *names, int *ncols)
{
	Datum *elements;
	bool *nulls;
	AttrNumber *columns;

	deconstruct_array(names, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &elements, &nulls, ncols);
	if (*ncols == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no column is named"),
						errdetail("The array is empty."),
						errhint("Name the columns of the unique constraint or index.")));
	columns = palloc(*ncols * sizeof(AttrNumber));
	for (int i = 0; i < *ncols; i++)
	{
		if (nulls[i])
			refuse_null_argument("columns");
		columns[i] = find_column(relid, NameStr(*DatumGetName(elements[i])), "columns");
		if (columns[i] == InvalidAttrNumber)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" of table \"%s\" does not exist",
								   NameStr(*DatumGetName(elements[i])), get_rel_name(relid)),
							errdetail("The table has no column of that name."),
							errhint("Name columns of the table; for an index over expressions "
									"name the index.")));
	}
	return columns;
}

/* Has the index exactly these columns, in any order? */
static bool
same_columns(Form_pg_index form, int ncols, const AttrNumber *columns)
{
	if (form->indnkeyatts != ncols)
		return false;
	for (int i = 0; i < ncols; i++)
	{
		bool member = false;

		for (int j = 0; j < ncols; j++)
			member |= form->indkey.values[i] == columns[j];
		if (!member)
			return false;
	}
	return true;
}

/* account.unique_among_live(target regclass, VARIADIC columns name[]) RETURNS name */
static Datum
unique_among_live_columns_operation(PG_FUNCTION_ARGS)
{
	Oid relid;
	AttrNumber *columns;
	int ncols;
	Relation rel;
	List *indexes;
	const char *name = NULL;
	bool from_constraint = false;
	Name result = palloc0(NAMEDATALEN);
	ListCell *lc;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	if (PG_ARGISNULL(1))
		refuse_null_argument("columns");
	relid = PG_GETARG_OID(0);
	begin_table(relid);
	columns = columns_argument(relid, PG_GETARG_ARRAYTYPE_P(1), &ncols);

	rel = relation_open(relid, NoLock);
	indexes = RelationGetIndexList(rel);
	relation_close(rel, NoLock);
	SPI_connect();
	foreach (lc, indexes)
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index form;
		bool wanted;
		UniqueIndex unique;
		const char *settled;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_index) GETSTRUCT(tuple);
		wanted = form->indisunique && !form->indisprimary && same_columns(form, ncols, columns);
		ReleaseSysCache(tuple);
		if (!wanted)
			continue;
		unique = examine_index(lfirst_oid(lc));
		settled = settle_live(&unique);
		if (name == NULL || (OidIsValid(unique.constraint) && !from_constraint))
		{
			name = settled;
			from_constraint = OidIsValid(unique.constraint);
		}
	}
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table \"%s\" has no unique constraint or index on these columns",
						get_rel_name(relid)),
				 errdetail("The primary key does not count, nor do more or fewer columns."),
				 errhint("Create a unique index WHERE (deleted_at IS NULL), or name an index "
						 "over expressions by its own name.")));
	namestrcpy(result, name);
	SPI_finish();
	PG_RETURN_NAME(result);
}

/* Raise unless it is an index. */
static void
check_index(Oid index_id)
{
	char relkind = get_rel_relkind(index_id);

	if (relkind == '\0')
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", index_id),
						errdetail("It may have been dropped by another session."),
						errhint("Name a unique index, or a table and the columns of one.")));
	if (relkind != RELKIND_INDEX && relkind != RELKIND_PARTITIONED_INDEX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"%s\" is not an index", get_rel_name(index_id)),
						errdetail("Called with one argument, the function takes an index."),
						errhint("Name a unique index, or a table and the columns of one.")));
}

/* account.unique_among_live(index regclass) RETURNS name */
static Datum
unique_among_live_index_operation(PG_FUNCTION_ARGS)
{
	Oid index_id;
	UniqueIndex unique;
	Name result = palloc0(NAMEDATALEN);

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("index");
	index_id = PG_GETARG_OID(0);
	check_index(index_id);
	begin_table(IndexGetRelation(index_id, false));
	check_index(index_id);
	unique = examine_index(index_id);
	SPI_connect();
	namestrcpy(result, settle_live(&unique));
	SPI_finish();
	PG_RETURN_NAME(result);
}
