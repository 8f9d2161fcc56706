/*
 * erasure.c
 *		What owners say of the erasure of their tables' columns, and of purges.
 *
 * account.erasure has a row for each column that is erased, account.purge_action one for each table
 * whose rows a purge erases. They follow the names of columns, and go with these and with tables;
 * the table has a note of them, see erasure_note.c.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "fkey/fkey.h"
#include "monitor/monitor.h"
#include "softdelete/softdelete.h"
#include "erasure.h"
#include "erasure_note.h"

ACCOUNT_OPERATION(set_erasure, "set_erasure", NO_SUBJECT);
ACCOUNT_OPERATION(set_purge, "set_purge", NO_SUBJECT);
PG_FUNCTION_INFO_V1(erasure_dropped);
PG_FUNCTION_INFO_V1(erasure_renamed);

#define CONSTANT "constant:"

/* A method that is longer is none. */
#define MAX_METHOD 10000

/* Read a method's name. False: there is none of that name. */
static bool
read_method(const char *name, ErasureColumn *column)
{
	column->constant = NULL;
	if (strcmp(name, "null") == 0)
		column->method = ERASE_NULL;
	else if (strcmp(name, "default") == 0)
		column->method = ERASE_DEFAULT;
	else if (strcmp(name, "hash") == 0)
		column->method = ERASE_HASH;
	else if (strncmp(name, CONSTANT, strlen(CONSTANT)) == 0)
	{
		column->method = ERASE_CONSTANT;
		column->constant = pstrdup(name + strlen(CONSTANT));
	}
	else
		return false;
	return true;
}

/* Order of columns. */
static int
compare_columns(const ListCell *a, const ListCell *b)
{
	return ((const ErasureColumn *) lfirst(a))->attnum -
		   ((const ErasureColumn *) lfirst(b))->attnum;
}

/* A table and those that it inherits from, nearest first, as oid[]: what is said of one holds. */
static Datum
tables_that_say(Oid relid)
{
	return oid_array(tables_above(relid));
}

/* Is a column among these? */
static bool
has_column(const List *columns, AttrNumber attnum)
{
	ListCell *lc;

	foreach (lc, columns)
		if (((ErasureColumn *) lfirst(lc))->attnum == attnum)
			return true;
	return false;
}

/* The columns of a table that are erased. */
List *
erasure_columns(Oid relid)
{
	Oid types[] = {OIDARRAYOID};
	Datum values[] = {tables_that_say(relid)};
	RoleState caller = run_as_owner("erasure");
	uint64 n = statement_run_once(
		"SELECT e.column_name::pg_catalog.text, e.method FROM account.erasure AS e"
		" WHERE e.target::pg_catalog.oid OPERATOR(pg_catalog.=) ANY ($1)"
		" ORDER BY pg_catalog.array_position($1, e.target::pg_catalog.oid)",
		1, types, values, NULL, NULL);
	SPITupleTable *rows = SPI_tuptable;
	List *columns = NIL;

	run_as_end(caller);
	for (uint64 i = 0; i < n; i++)
	{
		ErasureColumn *column = palloc(sizeof(ErasureColumn));

		column->attnum = get_attnum(relid, SPI_getvalue(rows->vals[i], rows->tupdesc, 1));
		if (column->attnum > 0 && !has_column(columns, column->attnum) &&
			read_method(SPI_getvalue(rows->vals[i], rows->tupdesc, 2), column))
			columns = lappend(columns, column);
	}
	list_sort(columns, compare_columns);
	return columns;
}

/* Does purge erase the rows of a table? */
bool
erasure_by_purge(Oid relid)
{
	Oid types[] = {OIDARRAYOID};
	Datum values[] = {tables_that_say(relid)};
	RoleState caller;
	uint64 n;

	caller = run_as_owner("purge_action");
	n = statement_run_once("SELECT 1 FROM account.purge_action AS p"
						   " WHERE p.target::pg_catalog.oid OPERATOR(pg_catalog.=) ANY ($1)"
						   " AND p.action OPERATOR(pg_catalog.=) 'erase'",
						   1, types, values, NULL, NULL);
	run_as_end(caller);
	return n > 0;
}

/* A column, and those that are generated from it, as the server numbers them in sets. */
static Bitmapset *
and_generated(Relation rel, AttrNumber attnum)
{
	AttrNumber self = attnum - FirstLowInvalidHeapAttributeNumber;
	Bitmapset *columns = bms_make_singleton(self);

	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);
		Bitmapset *used = NULL;

		if (att->attisdropped || att->attgenerated == '\0')
			continue;
		pull_varattnos(build_column_default(rel, i + 1), 1, &used);
		if (bms_is_member(self, used))
			columns = bms_add_member(columns, i + 1 - FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

/* Would rows that differ in nothing but their primary key, and have one value, break an index? */
static bool
is_unique_in(Relation index, const Bitmapset *values, const Bitmapset *primary_key)
{
	Form_pg_index form = index->rd_index;
	Bitmapset *columns = NULL;
	Bitmapset *expressions = NULL;

	for (int i = 0; i < form->indnkeyatts; i++)
		if (form->indkey.values[i] != 0)
			columns = bms_add_member(columns,
									 form->indkey.values[i] - FirstLowInvalidHeapAttributeNumber);
	pull_varattnos((Node *) index_expressions(index), 1, &expressions);
	return (bms_overlap(values, columns) || bms_overlap(values, expressions)) &&
		   (bms_is_empty(primary_key) || !bms_is_subset(primary_key, columns));
}

/* Is a column unique, by itself or with others? */
bool
erasure_is_unique(Oid relid, AttrNumber attnum)
{
	Relation rel = table_open(relid, AccessShareLock);
	List *indexes = RelationGetIndexList(rel);
	Bitmapset *values = and_generated(rel, attnum);
	Bitmapset *primary_key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	bool is_unique = false;
	ListCell *lc;

	foreach (lc, indexes)
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);

		if (!is_unique && (index->rd_index->indisunique || index->rd_index->indisexclusion))
			is_unique = is_unique_in(index, values, primary_key);
		index_close(index, AccessShareLock);
	}
	table_close(rel, AccessShareLock);
	return is_unique;
}

/* The characters that a column takes; -1: any number. */
int
erasure_characters(Oid relid, AttrNumber attnum)
{
	Oid type;
	int32 typmod;
	Oid collation;
	Oid base;

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	base = getBaseTypeAndTypmod(type, &typmod);
	if ((base == VARCHAROID || base == BPCHAROID) && typmod >= (int32) VARHDRSZ)
		return typmod - VARHDRSZ;
	return base == NAMEOID ? NAMEDATALEN - 1 : base == CHAROID ? 1 : -1;
}

/* Raise for a column that cannot be erased so. */
static void
refuse_column(Oid relid, AttrNumber attnum, int sqlstate, const char *why, const char *hint)
{
	ereport(ERROR, (errcode(sqlstate),
					errmsg("column \"%s\" of \"%s\" cannot be erased so",
						   get_attname(relid, attnum, false), get_rel_name(relid)),
					errdetail("%s", why), errhint("%s", hint)));
}

/* Is one of some columns among these of a reference? */
static bool
is_among(const Bitmapset *columns, int n, const AttrNumber *of_reference)
{
	for (int i = 0; i < n; i++)
		if (bms_is_member(of_reference[i] - FirstLowInvalidHeapAttributeNumber, columns))
			return true;
	return false;
}

/* Raise for a column that says which row it is; see the header. */
void
erasure_check_is_no_key(Oid relid, AttrNumber attnum, int sqlstate)
{
	static const char *const hint = "Erase the columns that say who somebody is; keys and "
									"references stay.";
	const SoftDelete *soft = mapping_declared(relid);
	Relation rel;
	Bitmapset *columns;
	bool in_key;
	bool in_partition_key;
	ListCell *lc;

	if (soft != NULL && (soft->deleted_at == attnum || soft->flag == attnum))
		refuse_column(relid, attnum, sqlstate, "It says whether a row is deleted.", hint);
	rel = table_open(relid, AccessShareLock);
	columns = and_generated(rel, attnum);
	in_key = bms_overlap(columns, RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY));
	in_partition_key = has_partition_attrs(rel, columns, NULL);
	table_close(rel, NoLock);
	if (in_key)
		refuse_column(relid, attnum, sqlstate, "It is part of the primary key.", hint);
	if (in_partition_key)
		refuse_column(relid, attnum, sqlstate, "It decides in which partition a row is.", hint);
	foreach (lc, fk_of(relid))
	{
		FkEdge *edge = lfirst(lc);

		if (is_among(columns, edge->nkeys, edge->child_cols))
			refuse_column(relid, attnum, sqlstate,
						  psprintf("It is part of the reference \"%s\".", edge->name), hint);
	}
	foreach (lc, fk_referencing(relid))
	{
		FkEdge *edge = lfirst(lc);

		if (edge->parent == relid && is_among(columns, edge->nkeys, edge->parent_cols))
			refuse_column(relid, attnum, sqlstate,
						  psprintf("Rows of %s reference it.", display_relation(edge->child)),
						  hint);
	}
}

/* Raise unless the type of a column takes a value. As the table's owner. */
static void
check_constant(Oid relid, AttrNumber attnum, const char *constant, int sqlstate)
{
	int characters = erasure_characters(relid, attnum);
	Oid types[] = {TEXTOID};
	Datum values[] = {CStringGetTextDatum(constant)};
	MemoryContext memory = CurrentMemoryContext;
	RoleState caller;

	/* a cast would cut it */
	if (characters >= 0 && pg_mbstrlen(constant) > characters)
		refuse_column(relid, attnum, sqlstate,
					  psprintf("The constant is longer than its %d characters.", characters),
					  "Give a shorter one.");
	caller = run_as(relation_owner(relid));
	PG_TRY();
	{
		(void) statement_run_once(psprintf("SELECT $1::%s", sql_column_type(relid, attnum)), 1,
								  types, values, NULL, NULL);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION ||
			ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		{
			error->sqlerrcode = sqlstate;
			error->detail = psprintf("Column \"%s\" does not take the constant.",
									 get_attname(relid, attnum, false));
			error->hint = "Give a value of its type.";
		}
		FlushErrorState();
		ReThrowError(error);
	}
	PG_END_TRY();
	run_as_end(caller);
}

/* Raise for a column whose type does not take what it is set to; see the header. */
void
erasure_check_type(Oid relid, const ErasureColumn *column, int sqlstate)
{
	char category;
	bool preferred;

	get_type_category_preferred(getBaseType(get_atttype(relid, column->attnum)), &category,
								&preferred);
	if (column->method == ERASE_HASH && category != TYPCATEGORY_STRING)
		refuse_column(relid, column->attnum, sqlstate, "A hash is text, and its type is another.",
					  "Use 'null', 'default' or 'constant:' and a value.");
	if (column->method == ERASE_CONSTANT)
		check_constant(relid, column->attnum, column->constant, sqlstate);
}

/* What a column is like. */
static Form_pg_attribute
attribute_of(Oid relid, AttrNumber attnum)
{
	HeapTuple tuple = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for attribute %d of relation %u", attnum, relid);
	return (Form_pg_attribute) GETSTRUCT(tuple);
}

/* Is a type a domain that is NOT NULL? */
static bool
is_not_null_domain(Oid type)
{
	bool not_null = false;

	while (!not_null && get_typtype(type) == TYPTYPE_DOMAIN)
	{
		HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for type %u", type);
		not_null = ((Form_pg_type) GETSTRUCT(tuple))->typnotnull;
		type = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
	}
	return not_null;
}

/* Is the default of a column another one each time? *none: it has none. */
static bool
default_varies(Oid relid, AttrNumber attnum, bool *none)
{
	Relation rel = table_open(relid, AccessShareLock);
	Node *expression = build_column_default(rel, attnum);
	bool varies = expression != NULL && contain_volatile_functions(expression);

	*none = expression == NULL;
	table_close(rel, NoLock);
	return varies;
}

/* Raise 22023 unless a column can be erased by a method. */
static void
check_method(Oid relid, const ErasureColumn *column)
{
	AttrNumber attnum = column->attnum;
	Form_pg_attribute att = attribute_of(relid, attnum);
	bool is_unique = erasure_is_unique(relid, attnum);
	bool no_default = false;
	bool varies = column->method == ERASE_DEFAULT && default_varies(relid, attnum, &no_default);
	bool becomes_null =
		column->method == ERASE_NULL || (column->method == ERASE_DEFAULT && no_default);

	erasure_check_is_no_key(relid, attnum, ERRCODE_INVALID_PARAMETER_VALUE);
	if (att->attgenerated != '\0' || att->attidentity != '\0')
		refuse_column(relid, attnum, ERRCODE_INVALID_PARAMETER_VALUE, "Its values are computed.",
					  "Erase the columns that it is computed from.");
	if (becomes_null && (att->attnotnull || is_not_null_domain(att->atttypid)))
		refuse_column(relid, attnum, ERRCODE_INVALID_PARAMETER_VALUE, "It is NOT NULL.",
					  "Use 'hash', 'default' or 'constant:' and a value.");
	if (is_unique && !becomes_null &&
		(column->method == ERASE_CONSTANT || (column->method == ERASE_DEFAULT && !varies)))
		refuse_column(relid, attnum, ERRCODE_INVALID_PARAMETER_VALUE,
					  "It is unique: erased rows would have the same value.",
					  "Use 'hash' or 'null'.");
	erasure_check_type(relid, column, ERRCODE_INVALID_PARAMETER_VALUE);
}

/* The table argument of its owner. */
static Oid
target_argument(FunctionCallInfo fcinfo)
{
	Oid target;

	version_check();
	if (PG_ARGISNULL(0))
		refuse_null_argument("target");
	target = PG_GETARG_OID(0);
	check_application_table(target, "an erasure");
	if (get_rel_relispartition(target))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"%s\" is a partition", get_rel_name(target)),
						errdetail("Rows are erased in all partitions alike."),
						errhint("Name %s.", display_relation(fk_node_table(target)))));
	check_owner(target);
	/* that of the trigger that has the note */
	lock_checked_table(target, ShareRowExclusiveLock, "an erasure", true);
	return target;
}

/* account.set_erasure(target regclass, column_name name, method text) RETURNS void */
static Datum
set_erasure_operation(PG_FUNCTION_ARGS)
{
	Oid types[] = {REGCLASSOID, NAMEOID, TEXTOID};
	Datum values[3];
	Oid target = target_argument(fcinfo);
	ErasureColumn column;
	char *method;
	RoleState caller;

	if (PG_ARGISNULL(1))
		refuse_null_argument("column_name");
	column.attnum = find_column(target, NameStr(*PG_GETARG_NAME(1)), "column_name");
	if (column.attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of \"%s\" does not exist", NameStr(*PG_GETARG_NAME(1)),
						get_rel_name(target)),
				 errdetail("There is nothing to erase."), errhint("Name a column of the table.")));
	method = text_argument(fcinfo, 2, "method", MAX_METHOD);
	if (method != NULL && !read_method(method, &column))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown method of erasure"),
				 errdetail("It is none of null, default, hash and constant:."),
				 errhint("Give 'null', 'default', 'hash', or 'constant:' and a value.")));
	values[0] = ObjectIdGetDatum(target);
	values[1] = PG_GETARG_DATUM(1);
	SPI_connect();
	if (method != NULL)
	{
		check_method(target, &column);
		values[2] = CStringGetTextDatum(method);
	}
	caller = run_as_owner("erasure");
	if (method != NULL)
		(void) statement_run_once("INSERT INTO account.erasure (target, column_name, method)"
								  " VALUES ($1, $2, $3) ON CONFLICT (target, column_name)"
								  " DO UPDATE SET method = EXCLUDED.method",
								  3, types, values, NULL, NULL);
	else
		(void) statement_run_once("DELETE FROM account.erasure AS e"
								  " WHERE e.target OPERATOR(pg_catalog.=) $1"
								  " AND e.column_name OPERATOR(pg_catalog.=) $2",
								  2, types, values, NULL, NULL);
	run_as_end(caller);
	note_erasure(target);
	SPI_finish();
	PG_RETURN_VOID();
}

/* account.set_purge(target regclass, action text) RETURNS void */
static Datum
set_purge_operation(PG_FUNCTION_ARGS)
{
	Oid types[] = {REGCLASSOID};
	Datum values[1];
	Oid target = target_argument(fcinfo);
	char *action = text_argument(fcinfo, 1, "action", MAX_METHOD);
	bool erases = action != NULL && strcmp(action, "erase") == 0;
	RoleState caller;

	if (action != NULL && !erases && strcmp(action, "remove") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown action of purge"),
						errdetail("It is neither remove nor erase."),
						errhint("Give 'remove' or 'erase'.")));
	values[0] = ObjectIdGetDatum(target);
	SPI_connect();
	if (erases && erasure_columns(target) == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("no column of \"%s\" is erased", get_rel_name(target)),
						errdetail("A purge would leave its rows as they are."),
						errhint("Call account.set_erasure first.")));
	if (erases && primary_key_columns(target) == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table \"%s\" has no primary key", get_rel_name(target)),
				 errdetail("Erased rows are remembered by it."), errhint("Add a primary key.")));
	caller = run_as_owner("purge_action");
	if (erases)
		(void) statement_run_once("INSERT INTO account.purge_action (target, action)"
								  " VALUES ($1, 'erase') ON CONFLICT (target) DO NOTHING",
								  1, types, values, NULL, NULL);
	else
		(void) statement_run_once("DELETE FROM account.purge_action AS p"
								  " WHERE p.target OPERATOR(pg_catalog.=) $1",
								  1, types, values, NULL, NULL);
	run_as_end(caller);
	note_erasure(target);
	SPI_finish();
	PG_RETURN_VOID();
}

/* Has this database anything that an event trigger would see to? */
static bool
has_declarations(void)
{
	static const char *const tables[] = {"erasure", "purge_action", "erased_row"};
	bool any = false;

	if (creating_extension || !OidIsValid(account_schema()))
		return false;
	for (int i = 0; i < lengthof(tables); i++)
	{
		Relation rel = own_table_open(tables[i], AccessShareLock);

		if (rel == NULL)
			return false;
		any |= RelationGetNumberOfBlocks(rel) > 0;
		table_close(rel, AccessShareLock);
	}
	return any;
}

/* account.erasure_dropped() RETURNS event_trigger, ON sql_drop. */
Datum
erasure_dropped(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"erasure", "purge_action", "erased_row"};

	(void) called_as_event_trigger(fcinfo, "erasure_dropped");
	if (!has_declarations())
		PG_RETURN_NULL();
	SPI_connect();
	for (int i = 0; i < lengthof(tables); i++)
	{
		RoleState caller = run_as_owner(tables[i]);

		run_sql("DELETE FROM account.%s AS r"
				" USING pg_catalog.pg_event_trigger_dropped_objects() AS d"
				" WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
				" AND d.objid OPERATOR(pg_catalog.=) r.target::pg_catalog.oid"
				" AND (d.objsubid OPERATOR(pg_catalog.=) 0%s)",
				tables[i],
				i == 0 ? " OR d.address_names[3] OPERATOR(pg_catalog.=) r.column_name" : "");
		run_as_end(caller);
	}
	SPI_finish();
	PG_RETURN_NULL();
}

/* account.erasure_renamed() RETURNS event_trigger, ON ddl_command_end of ALTER TABLE. */
Datum
erasure_renamed(PG_FUNCTION_ARGS)
{
	Oid types[] = {OIDARRAYOID, NAMEOID, NAMEOID};
	RenameStmt *stmt = (RenameStmt *) called_as_event_trigger(fcinfo, "erasure_renamed")->parsetree;
	Datum values[3];
	Oid relid;
	SPITupleTable *renamed;
	uint64 n;
	RoleState caller;

	if (stmt == NULL || !IsA(stmt, RenameStmt) || stmt->renameType != OBJECT_COLUMN ||
		!has_declarations())
		PG_RETURN_NULL();
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (!OidIsValid(relid))
		PG_RETURN_NULL();
	values[0] = oid_array(find_all_inheritors(relid, NoLock, NULL));
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(stmt->subname));
	values[2] = DirectFunctionCall1(namein, CStringGetDatum(stmt->newname));
	SPI_connect();
	caller = run_as_owner("erasure");
	n = statement_run_once("UPDATE account.erasure AS e SET column_name = $3"
						   " WHERE e.target::pg_catalog.oid OPERATOR(pg_catalog.=) ANY ($1)"
						   " AND e.column_name OPERATOR(pg_catalog.=) $2"
						   " RETURNING e.target::pg_catalog.oid",
						   3, types, values, NULL, NULL);
	renamed = SPI_tuptable;
	run_as_end(caller);
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		Datum target = SPI_getbinval(renamed->vals[i], renamed->tupdesc, 1, &isnull);

		note_erasure(DatumGetObjectId(target));
	}
	SPI_finish();
	PG_RETURN_NULL();
}
