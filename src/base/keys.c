/*
 * keys.c
 *		The keys of rows, as callers name them.
 *
 * A key is a value of the primary key's type or one that casts to it, a literal, an array of those,
 * or a jsonb object {"column": value, …} (or an array of such) over the columns of any unique key.
 * Whatever the form, PostgreSQL's own casts make of it one array a column; a value they refuse is
 * no key of the table, 22023. Casts raise, so they run in a subtransaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "cast_code.h"
#include "identifiers.h"
#include "keys.h"
#include "statement.h"
#include "subtransaction.h"

/* Refuse a value that is no key of the table. */
static void
refuse_key(Oid relid, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("not a key of table \"%s\"", get_rel_name(relid)), errdetail("%s", detail),
			 errhint("Give a value of the primary key's type, an array of them, or a jsonb "
					 "object with the columns of a key that is unique over all rows.")));
}

/* An empty set over these columns. */
static KeySet *
make_keys(Oid relid, int ncols, AttrNumber *columns)
{
	KeySet *keys = palloc0(sizeof(KeySet));

	keys->relid = relid;
	keys->ncols = ncols;
	keys->columns = columns;
	keys->types = palloc(ncols * sizeof(Oid));
	keys->array_types = palloc(ncols * sizeof(Oid));
	keys->arrays = palloc0(ncols * sizeof(Datum));
	for (int i = 0; i < ncols; i++)
	{
		keys->types[i] = getBaseType(get_atttype(relid, columns[i]));
		keys->array_types[i] = get_array_type(keys->types[i]);
		if (!OidIsValid(keys->array_types[i]))
			refuse_key(relid, psprintf("Type %s of column \"%s\" has no array type.",
									   format_type_be(keys->types[i]),
									   get_attname(relid, columns[i], false)));
	}
	return keys;
}

/* The columns of a table's primary key, in their order. */
List *
primary_key_columns(Oid relid)
{
	Relation rel = relation_open(relid, AccessShareLock);
	Bitmapset *primary = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	List *columns = NIL;
	int member = -1;

	while ((member = bms_next_member(primary, member)) >= 0)
		columns = lappend_int(columns, member + FirstLowInvalidHeapAttributeNumber);
	relation_close(rel, NoLock);
	return columns;
}

/* The set over the primary key; raises without one. */
static KeySet *
primary_key(Oid relid)
{
	Relation rel = relation_open(relid, AccessShareLock);
	Oid index_id;
	HeapTuple tuple;
	Form_pg_index form;
	AttrNumber *columns;
	int ncols;

	(void) RelationGetIndexList(rel);
	index_id = rel->rd_pkindex;
	relation_close(rel, NoLock);
	if (!OidIsValid(index_id))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("table \"%s\" has no primary key", get_rel_name(relid)),
						errdetail("A row is named by its key."),
						errhint("Add a primary key, or name the row by a jsonb object with the "
								"columns of a unique key.")));
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_id));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", index_id);
	form = (Form_pg_index) GETSTRUCT(tuple);
	ncols = form->indnkeyatts;
	columns = palloc(ncols * sizeof(AttrNumber));
	for (int i = 0; i < ncols; i++)
		columns[i] = form->indkey.values[i];
	ReleaseSysCache(tuple);
	return make_keys(relid, ncols, columns);
}

/*
 * Does a unique index of the table have exactly these columns as its key? *partial: the name of one
 * that does so for some rows alone, or NULL.
 */
static bool
is_unique_key(Oid relid, int ncols, const AttrNumber *columns, char **partial)
{
	Relation rel = relation_open(relid, AccessShareLock);
	List *indexes = RelationGetIndexList(rel);
	bool found = false;
	ListCell *lc;

	*partial = NULL;
	relation_close(rel, NoLock);
	foreach (lc, indexes)
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index form;
		bool same;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_index) GETSTRUCT(tuple);
		same = form->indisunique && form->indisvalid && form->indnkeyatts == ncols;
		for (int i = 0; same && i < ncols; i++)
		{
			bool member = false;

			for (int j = 0; j < ncols; j++)
				member |= form->indkey.values[i] == columns[j];
			same = member;
		}
		if (same && !heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
			*partial = get_rel_name(form->indexrelid);
		else
			found |= same;
		ReleaseSysCache(tuple);
	}
	return found;
}

/*
 * The columns that a jsonb object names, in its order. *unknown: a name that is none, or NULL.
 * Returns how many it names.
 */
static int
object_columns(Oid relid, Jsonb *object, AttrNumber **columns, char **unknown)
{
	JsonbIterator *it = JsonbIteratorInit(&object->root);
	JsonbValue value;
	JsonbIteratorToken token;
	int ncols = 0;

	*columns = palloc(JB_ROOT_COUNT(object) * sizeof(AttrNumber) + 1);
	*unknown = NULL;
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		(*columns)[ncols] =
			strlen(name) < NAMEDATALEN ? get_attnum(relid, name) : InvalidAttrNumber;
		if ((*columns)[ncols++] <= 0 && *unknown == NULL)
			*unknown = name;
	}
	return ncols;
}

/* Does a jsonb object name columns of the table, and nothing else? */
static bool
names_columns(Oid relid, Jsonb *object)
{
	AttrNumber *columns;
	char *unknown;

	return object_columns(relid, object, &columns, &unknown) > 0 && unknown == NULL;
}

/* The set over the columns that a jsonb object names; raises unless they are a unique key. */
static KeySet *
object_key(Oid relid, Jsonb *object)
{
	AttrNumber *columns;
	char *unknown;
	char *partial;
	int ncols = object_columns(relid, object, &columns, &unknown);
	StringInfoData names;

	if (ncols == 0)
		refuse_key(relid, "The object names no column.");
	if (unknown != NULL)
		refuse_key(relid, psprintf("Column \"%s\" does not exist.", unknown));
	if (is_unique_key(relid, ncols, columns, &partial))
		return make_keys(relid, ncols, columns);
	initStringInfo(&names);
	appendStringInfoString(&names, ncols == 1 ? "Column " : "Columns ");
	for (int i = 0; i < ncols; i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "",
						 get_attname(relid, columns[i], false));
	appendStringInfoString(&names, ncols == 1 ? " is" : " are");
	if (partial != NULL)
		refuse_key(relid, psprintf("%s no unique key over all rows: index \"%s\" is over some of "
								   "them alone.",
								   names.data, partial));
	refuse_key(relid, psprintf("%s no unique key over all rows.", names.data));
	return NULL;
}

/*
 * Act as whoever's code may run while values of a type are cast to the set's: a domain within the
 * key's type is the table's owner's, but the caller has chosen the type of the values, and that may
 * have casts of the caller's own. Those of others are refused as the statement is planned.
 */
static RoleState
run_as_caster(const KeySet *keys, Oid from)
{
	for (int i = 0; i < keys->ncols; i++)
	{
		bool arrays = type_is_array(from) && !type_is_array(keys->types[i]);

		if (cast_code_owner(from, arrays ? keys->array_types[i] : keys->types[i],
							COERCION_EXPLICIT) == GetUserId())
			return run_as_self();
	}
	return run_as(relation_owner(keys->relid));
}

/* A query that casts the caller's value, $1, into arrays of keys; each is one result column. */
typedef struct KeyCast
{
	KeySet *keys;
	const char *sql;
	Oid type;
	Datum value;
	Oid from; /* the type of what is cast there */
	MemoryContext context;
} KeyCast;

/* Run it. */
static bool
run_cast(void *arg)
{
	KeyCast *cast = arg;
	KeySet *keys = cast->keys;
	RoleState saved;

	SPI_connect();
	saved = run_as_caster(keys, cast->from);
	if (statement_run_once(cast->sql, 1, &cast->type, &cast->value, NULL, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("the number would be rounded"),
				 errdetail("The key's column holds no such number."),
				 errhint("Give the key as it is stored.")));
	for (int i = 0; i < keys->ncols; i++)
	{
		bool isnull;
		Datum array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);
		MemoryContext spi = MemoryContextSwitchTo(cast->context);

		keys->arrays[i] = isnull ? PointerGetDatum(construct_empty_array(keys->types[i]))
								 : PointerGetDatum(DatumGetArrayTypePCopy(array));
		MemoryContextSwitchTo(spi);
	}
	run_as_end(saved);
	SPI_finish();
	return true;
}

/* Cast a value into the set's arrays. What a cast refuses is no key. */
static void
cast_into(KeySet *keys, const char *sql, Oid type, Datum value, Oid from)
{
	KeyCast cast = {keys, sql, type, value, from, CurrentMemoryContext};
	ErrorData *error = subtransaction_run(run_cast, &cast);

	if (error != NULL)
	{
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION ||
			error->sqlerrcode == ERRCODE_CANNOT_COERCE ||
			error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED || /* NaN as an integer */
			error->sqlerrcode == ERRCODE_INVALID_TEXT_REPRESENTATION ||
			error->sqlerrcode == ERRCODE_DATATYPE_MISMATCH)
			refuse_key(keys->relid, psprintf("It does not convert: %s.", error->message));
		ReThrowError(error);
	}
	for (int i = 0; i < keys->ncols; i++)
	{
		ArrayType *array = DatumGetArrayTypeP(keys->arrays[i]);

		if (ARR_NDIM(array) > 1)
			refuse_key(keys->relid, "An array of keys has one dimension.");
		if (ARR_HASNULL(array) && array_contains_nulls(array))
			refuse_key(keys->relid, "A key is not NULL.");
		keys->nkeys = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	}
}

/* Raise unless the key has one column, which a plain value means. */
static void
check_single(const KeySet *keys)
{
	if (keys->ncols != 1)
		refuse_key(keys->relid, psprintf("Its primary key has %d columns.", keys->ncols));
}

/* The object that a jsonb is, or that its array begins with; NULL: it is of other values. */
static Jsonb *
first_object(Jsonb *jsonb)
{
	JsonbValue *first;

	if (JB_ROOT_IS_OBJECT(jsonb))
		return jsonb;
	if (!JB_ROOT_IS_ARRAY(jsonb) || JB_ROOT_COUNT(jsonb) == 0)
		return NULL;
	first = getIthJsonbValueFromContainer(&jsonb->root, 0);
	return first->type == jbvBinary && JsonContainerIsObject(first->val.binary.data)
			   ? JsonbValueToJsonb(first)
			   : NULL;
}

/* Raise unless the elements of an array are objects that name the columns which the first names. */
static void
check_alike(Oid relid, Jsonb *jsonb, Jsonb *first)
{
	AttrNumber *columns;
	char *unknown;
	int ncols = object_columns(relid, first, &columns, &unknown);

	for (uint32 i = 1; JB_ROOT_IS_ARRAY(jsonb) && i < JB_ROOT_COUNT(jsonb); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(&jsonb->root, i);
		bool alike = element->type == jbvBinary &&
					 JsonContainerIsObject(element->val.binary.data) &&
					 JsonContainerSize(element->val.binary.data) == (uint32) ncols;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; alike && j < ncols; j++)
		{
			char *name = get_attname(relid, columns[j], false);

			alike = getKeyJsonValueFromContainer(element->val.binary.data, name, strlen(name),
												 NULL) != NULL;
		}
		if (!alike)
			refuse_key(relid, "The elements of an array name the same columns.");
	}
}

/* Keys given as jsonb: a scalar, an object, or an array of either. */
static KeySet *
keys_of_jsonb(Oid relid, Jsonb *jsonb)
{
	static const char elements[] =
		" FROM pg_catalog.jsonb_array_elements(CASE WHEN pg_catalog.jsonb_typeof($1)"
		" OPERATOR(pg_catalog.=) 'array' THEN $1 ELSE pg_catalog.jsonb_build_array($1) END)"
		" WITH ORDINALITY AS e(o, n)";
	Jsonb *first = first_object(jsonb);
	KeySet *keys;
	StringInfoData sql;

	initStringInfo(&sql);
	if (first != NULL)
	{
		keys = object_key(relid, first);
		check_alike(relid, jsonb, first);
		appendStringInfoString(&sql, "SELECT ");
		for (int i = 0; i < keys->ncols; i++)
			appendStringInfo(
				&sql, "%spg_catalog.array_agg((o OPERATOR(pg_catalog.->>) %s)::%s ORDER BY n)",
				i > 0 ? ", " : "", sql_literal(get_attname(relid, keys->columns[i], false)),
				sql_type(keys->types[i], -1));
	}
	else
	{
		keys = primary_key(relid);
		/* no keys are of any number of columns */
		if (JB_ROOT_COUNT(jsonb) > 0)
			check_single(keys);
		appendStringInfoString(&sql, "SELECT ");
		for (int i = 0; i < keys->ncols; i++)
			appendStringInfo(
				&sql, "%spg_catalog.array_agg((o OPERATOR(pg_catalog.#>>) '{}')::%s ORDER BY n)",
				i > 0 ? ", " : "", sql_type(keys->types[i], -1));
	}
	appendStringInfoString(&sql, elements);
	cast_into(keys, sql.data, JSONBOID, JsonbPGetDatum(jsonb), TEXTOID);
	return keys;
}

/* Text that is to be read as jsonb. */
typedef struct JsonText
{
	const char *text;
	Jsonb *jsonb;
} JsonText;

/* Read it. */
static bool
read_jsonb(void *arg)
{
	JsonText *read = arg;

	read->jsonb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(read->text)));
	return true;
}

/* Text as jsonb, or NULL when it is none. */
Jsonb *
text_as_jsonb(const char *text)
{
	JsonText read = {.text = text};
	ErrorData *error = subtransaction_run(read_jsonb, &read);

	if (error != NULL && ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		ReThrowError(error);
	return read.jsonb;
}

/* Is a type of keys one of documents? */
static bool
is_json(Oid type)
{
	return type == JSONBOID || type == JSONOID;
}

/*
 * Keys given as text, which is how untyped literals and parameters arrive. Text may be the literal
 * of a value, of an array, or a JSON document; where the key itself is text, it is the value,
 * unless it is an object, or an array of objects, that name columns of the table and nothing else.
 */
KeySet *
keys_of_text(Oid relid, const char *text)
{
	const char *start = text + strspn(text, " \t\r\n");
	KeySet *keys;
	Jsonb *jsonb = NULL;
	Jsonb *object = NULL;
	bool is_array = false;
	char category;
	bool preferred;

	if (*start == '{' || *start == '[')
		jsonb = text_as_jsonb(text);
	if (jsonb != NULL)
		object = first_object(jsonb);
	if (object != NULL && names_columns(relid, object))
		return keys_of_jsonb(relid, jsonb);

	keys = primary_key(relid);
	get_type_category_preferred(keys->types[0], &category, &preferred);
	if (keys->ncols > 1 || (category != TYPCATEGORY_STRING && !is_json(keys->types[0])))
	{
		/* {} is an array without elements as well */
		if (jsonb != NULL && (*start == '[' || JB_ROOT_COUNT(jsonb) > 0))
			return keys_of_jsonb(relid, jsonb);
		is_array = (*start == '{' && type_is_array(keys->types[0]) == false);
	}
	check_single(keys);
	cast_into(keys,
			  psprintf(is_array ? "SELECT $1::%s[]" : "SELECT ARRAY[$1::%s]",
					   sql_type(keys->types[0], -1)),
			  TEXTOID, CStringGetTextDatum(text), TEXTOID);
	return keys;
}

/* A jsonb[] as one jsonb array. */
static Jsonb *
jsonb_of_array(ArrayType *array)
{
	JsonbBuild state = {0};
	Datum *elements;
	bool *nulls;
	int n;

	deconstruct_array(array, JSONBOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	compat_push_jsonb(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		JsonbValue value = {.type = jbvNull};

		CHECK_FOR_INTERRUPTS();
		if (!nulls[i])
		{
			Jsonb *jsonb = DatumGetJsonbP(elements[i]);

			if (JB_ROOT_IS_SCALAR(jsonb))
				(void) JsonbExtractScalar(&jsonb->root, &value);
			else
			{
				value.type = jbvBinary;
				value.val.binary.data = &jsonb->root;
				value.val.binary.len = VARSIZE(jsonb) - VARHDRSZ;
			}
		}
		compat_push_jsonb(&state, WJB_ELEM, &value);
	}
	compat_push_jsonb(&state, WJB_END_ARRAY, NULL);
	return JsonbValueToJsonb(state.result);
}

/* Is this a type of number whose casts round? */
static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID ||
		   type == FLOAT8OID || type == NUMERICOID;
}

/*
 * SQL that casts a plain value, or an array of them, to the key's type. A number is cast back and
 * compared: 1.5 is no key of an integer type, though it casts to one.
 */
static char *
cast_query(Oid key_type, Oid type, bool is_array)
{
	char *target = psprintf("$1::%s%s", sql_type(key_type, -1), is_array ? "[]" : "");
	const char *brackets = is_array ? "[]" : "";
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, is_array ? "SELECT %s" : "SELECT ARRAY[%s]", target);
	if (is_number(type) && is_number(key_type) && type != key_type)
		appendStringInfo(&sql,
						 " WHERE (%s)::pg_catalog.numeric%s OPERATOR(pg_catalog.=)"
						 " $1::pg_catalog.numeric%s",
						 target, brackets, brackets);
	return sql.data;
}

/* The keys in argument n. */
KeySet *
keys_of_argument(FunctionCallInfo fcinfo, int n, Oid relid)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, n);
	Oid element;
	KeySet *keys;
	char category;
	bool preferred;
	bool is_array;

	if (PG_ARGISNULL(n))
		refuse_key(relid, "A key is not NULL.");
	if (!OidIsValid(type))
		elog(ERROR, "could not determine the type of the key");
	type = getBaseType(type);
	element = get_base_element_type(type);
	get_type_category_preferred(type, &category, &preferred);

	if (type == JSONBOID)
		return keys_of_jsonb(relid, PG_GETARG_JSONB_P(n));
	if (type == TEXTOID)
		return keys_of_text(relid, text_to_cstring(PG_GETARG_TEXT_PP(n)));
	if (type == JSONOID || type == UNKNOWNOID || category == TYPCATEGORY_STRING)
	{
		Oid output;
		bool is_varlena;

		getTypeOutputInfo(type, &output, &is_varlena);
		return keys_of_text(relid, OidOutputFunctionCall(output, PG_GETARG_DATUM(n)));
	}
	if (element == JSONBOID)
		return keys_of_jsonb(relid, jsonb_of_array(PG_GETARG_ARRAYTYPE_P(n)));

	keys = primary_key(relid);
	check_single(keys);
	is_array = OidIsValid(element) && !type_is_array(keys->types[0]);
	cast_into(keys, cast_query(keys->types[0], is_array ? element : type, is_array), type,
			  PG_GETARG_DATUM(n), type);
	return keys;
}

/*
 * SQL: the keys as a table with the columns k1, k2 … In the select list, as in FROM a value of a
 * composite type would be as many columns.
 */
char *
keys_table(const KeySet *keys, int first)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "(SELECT ");
	for (int i = 0; i < keys->ncols; i++)
		appendStringInfo(&sql, "%spg_catalog.unnest($%d) AS k%d", i > 0 ? ", " : "", first + i,
						 i + 1);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* SQL: has the row `alias` the key that the row `other` of keys_table() has? */
char *
keys_match(const KeySet *keys, const char *alias, const char *other)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < keys->ncols; i++)
		appendStringInfo(&sql, "%s%s.%s %s %s.k%d", i > 0 ? " AND " : "", alias,
						 sql_column(keys->relid, keys->columns[i]), sql_equality(keys->types[i]),
						 other, i + 1);
	return sql.data;
}

/* SQL: is the row `alias` one of the keys? */
char *
keys_condition(const KeySet *keys, const char *alias, int first)
{
	if (keys->ncols == 1)
		return psprintf("%s.%s %s ANY ($%d)", alias, sql_column(keys->relid, keys->columns[0]),
						sql_equality(keys->types[0]), first);
	return psprintf("EXISTS (SELECT 1 FROM %s AS key WHERE %s)", keys_table(keys, first),
					keys_match(keys, alias, "key"));
}
