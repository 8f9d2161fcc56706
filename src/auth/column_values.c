/*
 * column_values.c
 *		Values for the columns of rows that are made here: of those that nobody has a value for, and
 *		of those that say who is active.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "base/base.h"
#include "column_values.h"

/* Must a statement give the column a value? */
bool
column_needs_value(Relation rel, Form_pg_attribute column)
{
	return column->attnotnull && !column->attgenerated && !column->attidentity &&
		   build_column_default(rel, column->attnum) == NULL;
}

/*
 * SQL: a neutral value for a mandatory column that nobody has a value for: frameworks such as
 * Django keep their defaults to themselves. NULL: there is none for the type.
 */
static const char *
neutral_value(Form_pg_attribute column)
{
	Oid type = getBaseType(column->atttypid);
	char category;
	bool preferred;

	if (type == UUIDOID)
		return "pg_catalog.gen_random_uuid()";
	if (type == JSONOID || type == JSONBOID)
		return "'{}'";
	get_type_category_preferred(type, &category, &preferred);
	switch (category)
	{
		case TYPCATEGORY_STRING:
			return "''";
		case TYPCATEGORY_BOOLEAN:
			return "false";
		case TYPCATEGORY_NUMERIC:
			return "0";
		case TYPCATEGORY_DATETIME:
			return "pg_catalog.now()";
		case TYPCATEGORY_ARRAY:
			return "'{}'";
		default:
			return NULL;
	}
}

/*
 * Columns of a foreign key, or of a unique index: a neutral value would be wrong, or not for long.
 */
Bitmapset *
constrained_columns(Relation rel)
{
	Bitmapset *columns = bms_copy(RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY));
	ListCell *cell;

	foreach (cell, RelationGetFKeyList(rel))
	{
		ForeignKeyCacheInfo *key = lfirst(cell);

		for (int i = 0; i < key->nkeys; i++)
			columns = bms_add_member(columns, key->conkey[i] - FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

/* Append column and value to the two lists of an INSERT. */
void
append_value(StringInfo columns, StringInfo values, Form_pg_attribute column, const char *value)
{
	appendStringInfo(columns, "%s%s", columns->len > 0 ? ", " : "",
					 quote_identifier(NameStr(column->attname)));
	appendStringInfo(values, "%s%s", values->len > 0 ? ", " : "", value);
}

/*
 * Append neutral values of the mandatory columns that are not in given (by attribute number).
 * Raises 55000 for those that have none.
 */
void
append_neutral_values(Relation rel, StringInfo columns, StringInfo values, Bitmapset *given)
{
	Bitmapset *constrained = constrained_columns(rel);

	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);
		const char *value;

		if (column->attisdropped || bms_is_member(column->attnum, given) ||
			!column_needs_value(rel, column))
			continue;
		value = neutral_value(column);
		if (bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber, constrained) &&
			getBaseType(column->atttypid) != UUIDOID)
			value = NULL;
		if (value == NULL)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("column \"%s\" of %s needs a value", NameStr(column->attname),
								   display_relation(RelationGetRelid(rel))),
							errdetail("It is NOT NULL and has no default."),
							errhint("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT ...",
									sql_relation(RelationGetRelid(rel)),
									quote_identifier(NameStr(column->attname))),
							errtablecol(rel, column->attnum)));
		append_value(columns, values, column, value);
	}
}

/* SQL: true or false, as the column's type says it. */
const char *
boolean_value(Form_pg_attribute column, bool value)
{
	char category;
	bool preferred;

	get_type_category_preferred(getBaseType(column->atttypid), &category, &preferred);
	if (category == TYPCATEGORY_BOOLEAN)
		return value ? "true" : "false";
	return category == TYPCATEGORY_NUMERIC ? (value ? "1" : "0") : (value ? "'true'" : "'false'");
}

/* A value of the column that says who is active, with which the row is; NULL: leave it NULL. */
const char *
active_value(const Model *model, ModelPart part, Form_pg_attribute column)
{
	const char *value;

	if (model->rule[part] == NULL)
		return boolean_value(column, true);
	value = model_rule_value(model->rule[part], column->atttypid);
	return value == NULL ? NULL
						 : psprintf("%s::%s", value, sql_type(column->atttypid, column->atttypmod));
}
