/*
 * removal_key.c
 *		The key of the row that a removal is about, as it lasts.
 *
 * A removal goes on in other transactions, and in other sessions; whoever writes a reference reads
 * its key, too. Another unique key than the primary key may be given to another row meanwhile, how
 * a session reads a date is set there, and a key can be given in several ways: so the primary key
 * is kept, in one form.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "removal_key.h"

/* Have equal values of this type one text, as it is given and as it is stored? */
static bool
has_one_form(Oid type, Oid collation)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case UUIDOID:
			return true;
		case TEXTOID:
		case VARCHAROID:
		case NAMEOID:
			return !OidIsValid(collation) || get_collation_isdeterministic(collation);
		default:
			return type_is_enum(type);
	}
}

/* Are the columns of these keys a table's primary key, and the values in one form? */
static bool
lasts(const KeySet *keys, const List *primary)
{
	if (keys->ncols != list_length(primary))
		return false;
	for (int i = 0; i < keys->ncols; i++)
	{
		int32 typmod;
		Oid type;
		Oid collation;

		get_atttypetypmodcoll(keys->relid, keys->columns[i], &type, &typmod, &collation);
		if (!list_member_int(primary, keys->columns[i]) || !has_one_form(keys->types[i], collation))
			return false;
	}
	return true;
}

/* The texts of some keys, a column of the primary key after the other. */
typedef struct KeyTexts
{
	Oid target;
	List *primary;
	int n;
	char **texts;
} KeyTexts;

/* Add the text of a value. */
static void
put_text(KeyTexts *texts, int row, AttrNumber column, char *text)
{
	ListCell *lc;

	foreach (lc, texts->primary)
		if (lfirst_int(lc) == column)
			texts->texts[row * list_length(texts->primary) + foreach_current_index(lc)] = text;
}

/* The texts of keys as the caller gave them. */
static KeyTexts
texts_given(const KeySet *keys, List *primary)
{
	KeyTexts texts = {keys->relid, primary, keys->nkeys};

	texts.texts = palloc0(Max(texts.n, 1) * keys->ncols * sizeof(char *));
	for (int i = 0; i < keys->ncols; i++)
	{
		int16 len;
		bool by_value;
		char align;
		Datum *values;
		bool *nulls;
		int n;
		Oid output;
		bool is_varlena;

		get_typlenbyvalalign(keys->types[i], &len, &by_value, &align);
		deconstruct_array(DatumGetArrayTypeP(keys->arrays[i]), keys->types[i], len, by_value, align,
						  &values, &nulls, &n);
		getTypeOutputInfo(keys->types[i], &output, &is_varlena);
		for (int row = 0; row < n; row++)
			put_text(&texts, row, keys->columns[i], OidOutputFunctionCall(output, values[row]));
	}
	return texts;
}

/* The texts of the primary keys of the rows that have these keys. Within SPI_connect. */
static KeyTexts
texts_stored(const KeySet *keys, List *primary, MemoryContext context)
{
	KeyTexts texts = {keys->relid, primary};
	StringInfoData sql;
	RoleState caller;
	MemoryContext old;
	ListCell *lc;

	initStringInfo(&sql);
	foreach (lc, primary)
		appendStringInfo(&sql, "%s c.%s", sql.len == 0 ? OWN_STATEMENT "SELECT" : ",",
						 sql_column(keys->relid, (AttrNumber) lfirst_int(lc)));
	appendStringInfo(&sql, " FROM %s c WHERE %s ORDER BY c.ctid", sql_keyed_relation(keys->relid),
					 keys_condition(keys, "c", 1));
	caller = run_as(relation_owner(keys->relid));
	texts.n = (int) statement_run_once(sql.data, keys->ncols, keys->array_types, keys->arrays, NULL,
									   &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	run_as_end(caller);
	old = MemoryContextSwitchTo(context);
	texts.texts = palloc0(Max(texts.n, 1) * list_length(primary) * sizeof(char *));
	for (int row = 0; row < texts.n; row++)
		foreach (lc, primary)
			put_text(&texts, row, (AttrNumber) lfirst_int(lc),
					 SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
								  foreach_current_index(lc) + 1));
	MemoryContextSwitchTo(old);
	statement_free_rows();
	return texts;
}

/* Is a text read as no document, and so as what it is? */
static bool
is_plain(const char *text)
{
	const char *start = text + strspn(text, " \t\r\n");

	return *start != '{' && *start != '[';
}

/*
 * One text of some keys: of one value itself, so that however it was given there is one removal of
 * its row; else documents.
 */
static char *
text_of(const KeyTexts *texts)
{
	int ncols = list_length(texts->primary);
	StringInfoData text;

	if (texts->n == 1 && ncols == 1 && is_plain(texts->texts[0]))
		return texts->texts[0];
	initStringInfo(&text);
	for (int row = 0; row < texts->n; row++)
	{
		ListCell *lc;

		CHECK_FOR_INTERRUPTS();
		appendStringInfoString(&text, row > 0 ? ", " : texts->n > 1 ? "[" : "");
		foreach (lc, texts->primary)
		{
			int i = foreach_current_index(lc);

			appendStringInfoString(&text, i > 0 ? ", " : "{");
			escape_json(&text, get_attname(texts->target, (AttrNumber) lfirst_int(lc), false));
			appendStringInfoString(&text, ": ");
			escape_json(&text, texts->texts[row * ncols + i]);
		}
		appendStringInfoChar(&text, '}');
	}
	if (texts->n > 1)
		appendStringInfoChar(&text, ']');
	return text.data;
}

/* The text that lasts; see the header. */
const char *
removal_key_text(const KeySet *keys, const char *given)
{
	MemoryContext context = CurrentMemoryContext;
	List *primary = primary_key_columns(keys->relid);
	KeyTexts texts;
	int level;

	if (primary == NIL)
		return given;
	level = value_formats_begin();
	if (lasts(keys, primary))
		texts = texts_given(keys, primary);
	else
	{
		SPI_connect();
		texts = texts_stored(keys, primary, context);
		SPI_finish();
	}
	AtEOXact_GUC(true, level);
	return texts.n > 0 ? text_of(&texts) : given;
}

/* The keys that it names. */
KeySet *
removal_key_read(Oid target, const char *text)
{
	int level = value_formats_begin();
	KeySet *keys = keys_of_text(target, text);

	AtEOXact_GUC(true, level);
	return keys;
}
