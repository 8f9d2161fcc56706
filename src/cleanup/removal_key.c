/*
 * removal_key.c
 *		The key of the row that a removal is about, as it lasts.
 *
 * A removal goes on in other transactions, and in other sessions; whoever writes a reference reads
 * its key, too. Another unique key than the primary key may be given to another row meanwhile, and
 * how a session reads a date is set there: then the primary key is kept, in one form.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "removal_key.h"

/* Is the text of a value of this type the same in every session? */
static bool
has_one_form(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case OIDOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case UUIDOID:
			return true;
		default:
			return type_is_enum(type);
	}
}

/* Does a text that names these keys of a table with this primary key go on to do so? */
static bool
lasts(const KeySet *keys, const List *primary)
{
	if (keys->ncols != list_length(primary))
		return false;
	for (int i = 0; i < keys->ncols; i++)
		if (!list_member_int(primary, keys->columns[i]) || !has_one_form(keys->types[i]))
			return false;
	return true;
}

/* Add a row's primary key as an object. */
static void
append_row(StringInfo text, Oid target, const List *primary, SPITupleTable *rows, uint64 row)
{
	ListCell *lc;

	appendStringInfoChar(text, '{');
	foreach (lc, primary)
	{
		int i = foreach_current_index(lc);

		if (i > 0)
			appendStringInfoString(text, ", ");
		escape_json(text, get_attname(target, (AttrNumber) lfirst_int(lc), false));
		appendStringInfoString(text, ": ");
		escape_json(text, SPI_getvalue(rows->vals[row], rows->tupdesc, i + 1));
	}
	appendStringInfoChar(text, '}');
}

/* Find the rows, and name them by their primary key. NULL: there are none. Within SPI_connect. */
static char *
name_rows(const KeySet *keys, const List *primary)
{
	StringInfoData text;
	StringInfoData sql;
	RoleState caller;
	ListCell *lc;
	uint64 n;
	int level;

	initStringInfo(&sql);
	foreach (lc, primary)
		appendStringInfo(&sql, "%s c.%s", sql.len == 0 ? OWN_STATEMENT "SELECT" : ",",
						 sql_column(keys->relid, (AttrNumber) lfirst_int(lc)));
	appendStringInfo(&sql, " FROM %s c WHERE %s ORDER BY c.ctid", sql_keyed_relation(keys->relid),
					 keys_condition(keys, "c", 1));
	level = value_formats_begin();
	caller = run_as(relation_owner(keys->relid));
	n = statement_run_once(sql.data, keys->ncols, keys->array_types, keys->arrays, NULL,
						   &(StatementOptions){.look = SNAPSHOT_OF_NOW});
	initStringInfo(&text);
	for (uint64 row = 0; row < n; row++)
	{
		appendStringInfoString(&text, row > 0 ? ", " : n > 1 ? "[" : "");
		append_row(&text, keys->relid, primary, SPI_tuptable, row);
	}
	if (n > 1)
		appendStringInfoChar(&text, ']');
	run_as_end(caller);
	AtEOXact_GUC(true, level);
	statement_free_rows();
	return n > 0 ? text.data : NULL;
}

/* The text that lasts; see the header. */
const char *
removal_key_text(const KeySet *keys, const char *given)
{
	MemoryContext context = CurrentMemoryContext;
	List *primary = primary_key_columns(keys->relid);
	const char *text;

	if (primary == NIL || lasts(keys, primary))
		return given;
	SPI_connect();
	text = name_rows(keys, primary);
	if (text != NULL)
		text = MemoryContextStrdup(context, text);
	SPI_finish();
	return text != NULL ? text : given;
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
