/*
 * key_list.c
 *		Rows that a statement is given: keys over the columns of a foreign key, and stamps.
 *
 * Each column is one array. Keys of a type that has no arrays, such as arrays themselves, are given
 * as text, which the statement casts back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/base.h"
#include "key_list.h"

/* Begin an empty list. */
void
key_list_begin(KeyList *list, Oid relid, int ncols, const AttrNumber *columns)
{
	memset(list, 0, sizeof(KeyList));
	list->context = CurrentMemoryContext;
	list->ncols = ncols;
	list->room = 8;
	list->types = palloc(ncols * sizeof(Oid));
	list->lens = palloc(ncols * sizeof(int16));
	list->by_values = palloc(ncols * sizeof(bool));
	list->keys = palloc(ncols * sizeof(Datum *));
	for (int i = 0; i < ncols; i++)
	{
		list->types[i] = getBaseType(get_atttype(relid, columns[i]));
		get_typlenbyval(list->types[i], &list->lens[i], &list->by_values[i]);
		list->keys[i] = palloc(list->room * sizeof(Datum));
	}
	list->old = palloc(list->room * sizeof(Datum));
	list->new = palloc(list->room * sizeof(Datum));
}

/* Make room for twice as many rows. */
static void
grow(KeyList *list)
{
	Size size;

	list->room *= 2;
	size = mul_size(list->room, sizeof(Datum));
	for (int i = 0; i < list->ncols; i++)
		list->keys[i] = repalloc_huge(list->keys[i], size);
	list->old = repalloc_huge(list->old, size);
	list->new = repalloc_huge(list->new, size);
}

/* Add a row. */
void
key_list_add(KeyList *list, const Datum *keys, TimestampTz old, TimestampTz new)
{
	MemoryContext caller = MemoryContextSwitchTo(list->context);

	if (list->n == list->room)
		grow(list);
	for (int i = 0; i < list->ncols; i++)
		list->keys[i][list->n] = datumCopy(keys[i], list->by_values[i], list->lens[i]);
	list->old[list->n] = TimestampTzGetDatum(old);
	list->new[list->n++] = TimestampTzGetDatum(new);
	MemoryContextSwitchTo(caller);
}

/* The types of the parameters. */
int
key_list_types(const KeyList *list, int first, Oid *types)
{
	for (int i = 0; i < list->ncols; i++)
	{
		Oid array = get_array_type(list->types[i]);

		types[first++ - 1] = OidIsValid(array) ? array : TEXTARRAYOID;
	}
	types[first++ - 1] = get_array_type(TIMESTAMPTZOID);
	types[first++ - 1] = get_array_type(TIMESTAMPTZOID);
	return first;
}

/*
 * An array of values of a type. Of a copy of them: construct_array() puts values without toast in
 * their place, which do not last as long as the list.
 */
static Datum
make_array(const Datum *values, int n, Oid type)
{
	Datum *copy = palloc(Max(n, 1) * sizeof(Datum));
	int16 len;
	bool by_value;
	char align;

	get_typlenbyvalalign(type, &len, &by_value, &align);
	memcpy(copy, values, n * sizeof(Datum));
	return PointerGetDatum(construct_array(copy, n, type, len, by_value, align));
}

/* The same of their texts. */
static Datum
make_text_array(Datum *values, int n, Oid type)
{
	Datum *texts = palloc(Max(n, 1) * sizeof(Datum));
	Oid output;
	bool is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);
	for (int i = 0; i < n; i++)
		texts[i] = CStringGetTextDatum(OidOutputFunctionCall(output, values[i]));
	return make_array(texts, n, TEXTOID);
}

/* The values of the parameters. In the current memory context. */
int
key_list_values(const KeyList *list, int first, Datum *values)
{
	for (int i = 0; i < list->ncols; i++)
		values[first++ - 1] = OidIsValid(get_array_type(list->types[i]))
								  ? make_array(list->keys[i], list->n, list->types[i])
								  : make_text_array(list->keys[i], list->n, list->types[i]);
	values[first++ - 1] = make_array(list->old, list->n, TIMESTAMPTZOID);
	values[first++ - 1] = make_array(list->new, list->n, TIMESTAMPTZOID);
	return first;
}

/*
 * SQL: the list as a table. Not as functions in FROM, where an array of composite values would come
 * as many columns.
 */
char *
key_list_sql(const KeyList *list, int first, const char *alias)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "(SELECT ");
	for (int i = 0; i < list->ncols; i++)
	{
		appendStringInfo(&sql, "pg_catalog.unnest($%d)", first++);
		if (!OidIsValid(get_array_type(list->types[i])))
			appendStringInfo(&sql, "::%s", sql_type(list->types[i], -1));
		appendStringInfo(&sql, " AS k%d, ", i + 1);
	}
	appendStringInfo(&sql, "pg_catalog.unnest($%d) AS old, pg_catalog.unnest($%d) AS new) AS %s",
					 first, first + 1, alias);
	return sql.data;
}
