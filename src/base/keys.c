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

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
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
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "identifiers.h"
#include "keys.h"
#include "statement.h"

/* Refuse a value that is no key of the table. */
static void
refuse_key(Oid relid, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("not a key of table \"%s\"", get_rel_name(relid)), errdetail("%s", detail),
			 errhint("Give a value of the primary key's type, an array of them, or a jsonb "
					 "object with the columns of a unique key.")));
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

/* Does a unique index of the table have exactly these columns as its key? */
static bool
is_unique_key(Oid relid, int ncols, const AttrNumber *columns)
{
	Relation rel = relation_open(relid, AccessShareLock);
	List *indexes = RelationGetIndexList(rel);
	bool found = false;
	ListCell *lc;

	relation_close(rel, NoLock);
	foreach (lc, indexes)
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index form;
		bool same;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_index) GETSTRUCT(tuple);
		same = form->indisunique && form->indisvalid && form->indnkeyatts == ncols &&
			   heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
		for (int i = 0; same && i < ncols; i++)
		{
			bool member = false;

			for (int j = 0; j < ncols; j++)
				member |= form->indkey.values[i] == columns[j];
			same = member;
		}
		found |= same;
		ReleaseSysCache(tuple);
	}
	return found;
}

/* The set over the columns that a jsonb object names; NULL: they are no unique key. */
static KeySet *
object_key(Oid relid, Jsonb *object)
{
	JsonbIterator *it = JsonbIteratorInit(&object->root);
	AttrNumber *columns = palloc(JB_ROOT_COUNT(object) * sizeof(AttrNumber) + 1);
	JsonbValue value;
	JsonbIteratorToken token;
	int ncols = 0;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		AttrNumber attnum;

		if (token != WJB_KEY)
			continue;
		attnum = value.val.string.len < NAMEDATALEN
					 ? get_attnum(relid, pnstrdup(value.val.string.val, value.val.string.len))
					 : InvalidAttrNumber;
		if (attnum <= 0)
			return NULL;
		columns[ncols++] = attnum;
	}
	if (ncols == 0 || !is_unique_key(relid, ncols, columns))
		return NULL;
	return make_keys(relid, ncols, columns);
}

/*
 * Run a query that casts the caller's value, $1, into the set's arrays; each is one result column.
 * What a cast refuses is no key.
 */
static void
cast_into(KeySet *keys, const char *sql, Oid type, Datum value)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		RoleState saved;

		SPI_connect();
		/* a domain's check is the code of whoever owns the table */
		saved = run_as(relation_owner(keys->relid));
		if (statement_run_once(sql, 1, &type, &value, NULL, NULL) != 1)
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("the number would be rounded"),
							errdetail("The key's column holds no such number."),
							errhint("Give the key as it is stored.")));
		for (int i = 0; i < keys->ncols; i++)
		{
			bool isnull;
			Datum array =
				SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull);
			MemoryContext spi = MemoryContextSwitchTo(context);

			keys->arrays[i] = isnull ? PointerGetDatum(construct_empty_array(keys->types[i]))
									 : PointerGetDatum(DatumGetArrayTypePCopy(array));
			MemoryContextSwitchTo(spi);
		}
		run_as_end(saved);
		SPI_finish();
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION ||
			error->sqlerrcode == ERRCODE_CANNOT_COERCE ||
			error->sqlerrcode == ERRCODE_INVALID_TEXT_REPRESENTATION ||
			error->sqlerrcode == ERRCODE_DATATYPE_MISMATCH)
			refuse_key(keys->relid, psprintf("It does not convert: %s.", error->message));
		ReThrowError(error);
	}
	PG_END_TRY();

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

/* Keys given as jsonb: a scalar, an object, or an array of either. */
static KeySet *
keys_of_jsonb(Oid relid, Jsonb *jsonb)
{
	static const char elements[] =
		" FROM pg_catalog.jsonb_array_elements(CASE WHEN pg_catalog.jsonb_typeof($1)"
		" OPERATOR(pg_catalog.=) 'array' THEN $1 ELSE pg_catalog.jsonb_build_array($1) END)"
		" WITH ORDINALITY AS e(o, n)";
	Jsonb *first = jsonb;
	KeySet *keys;
	StringInfoData sql;

	if (JB_ROOT_IS_ARRAY(jsonb) && !JB_ROOT_IS_SCALAR(jsonb) && JB_ROOT_COUNT(jsonb) > 0)
		first = JsonbValueToJsonb(getIthJsonbValueFromContainer(&jsonb->root, 0));

	initStringInfo(&sql);
	if (JB_ROOT_IS_OBJECT(first))
	{
		keys = object_key(relid, first);
		if (keys == NULL)
			refuse_key(relid, "The object's names are not the columns of a unique key.");
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
		check_single(keys);
		appendStringInfo(
			&sql,
			"SELECT pg_catalog.array_agg((o OPERATOR(pg_catalog.#>>) '{}')::%s ORDER BY"
			" n)",
			sql_type(keys->types[0], -1));
	}
	appendStringInfoString(&sql, elements);
	cast_into(keys, sql.data, JSONBOID, JsonbPGetDatum(jsonb));
	return keys;
}

/* Text that is to be read as jsonb, or NULL when it is none. */
static Jsonb *
text_as_jsonb(const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	Jsonb *volatile result = NULL;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		result = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			ReThrowError(error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return result;
}

/*
 * Keys given as text, which is how untyped literals and parameters arrive. Text may be the literal
 * of a value, of an array, or a JSON document; where the key itself is text, it is the value,
 * unless it is an object that names the columns of a unique key.
 */
static KeySet *
keys_of_text(Oid relid, const char *text)
{
	const char *start = text + strspn(text, " \t\r\n");
	KeySet *keys;
	Jsonb *jsonb = NULL;
	bool is_array = false;
	char category;
	bool preferred;

	if (*start == '{' || *start == '[')
		jsonb = text_as_jsonb(text);
	if (jsonb != NULL && JB_ROOT_IS_OBJECT(jsonb))
	{
		if (JB_ROOT_COUNT(jsonb) > 0 && object_key(relid, jsonb) != NULL)
			return keys_of_jsonb(relid, jsonb);
	}
	else if (jsonb != NULL && JB_ROOT_COUNT(jsonb) > 0)
	{
		JsonbValue *first = getIthJsonbValueFromContainer(&jsonb->root, 0);

		if (first->type == jbvBinary && JsonContainerIsObject(first->val.binary.data) &&
			object_key(relid, JsonbValueToJsonb(first)) != NULL)
			return keys_of_jsonb(relid, jsonb);
	}

	keys = primary_key(relid);
	check_single(keys);
	get_type_category_preferred(keys->types[0], &category, &preferred);
	if (category != TYPCATEGORY_STRING)
	{
		if (jsonb != NULL && *start == '[')
			return keys_of_jsonb(relid, jsonb);
		is_array = (*start == '{' && type_is_array(keys->types[0]) == false);
	}
	cast_into(keys,
			  psprintf(is_array ? "SELECT $1::%s[]" : "SELECT ARRAY[$1::%s]",
					   sql_type(keys->types[0], -1)),
			  TEXTOID, CStringGetTextDatum(text));
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
			  PG_GETARG_DATUM(n));
	return keys;
}

/* SQL: is the row `alias` one of the keys? */
char *
keys_condition(const KeySet *keys, const char *alias, int first)
{
	StringInfoData sql;

	if (keys->ncols == 1)
		return psprintf("%s.%s %s ANY ($%d)", alias, sql_column(keys->relid, keys->columns[0]),
						sql_equality(keys->types[0]), first);

	initStringInfo(&sql);
	appendStringInfoString(&sql, "EXISTS (SELECT 1 FROM ROWS FROM (");
	for (int i = 0; i < keys->ncols; i++)
		appendStringInfo(&sql, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", first + i);
	appendStringInfoString(&sql, ") AS key(");
	for (int i = 0; i < keys->ncols; i++)
		appendStringInfo(&sql, "%sk%d", i > 0 ? ", " : "", i + 1);
	appendStringInfoString(&sql, ") WHERE ");
	for (int i = 0; i < keys->ncols; i++)
		appendStringInfo(&sql, "%s%s.%s %s key.k%d", i > 0 ? " AND " : "", alias,
						 sql_column(keys->relid, keys->columns[i]), sql_equality(keys->types[i]),
						 i + 1);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}
