/*
 * liveness.c
 *		Is a user or a tenant live, and is it active?
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "liveness.h"

/* What says whether rows of a part are active; MODEL_ATTRIBUTES: nothing. */
static const ModelAttribute active_attributes[MODEL_PARTS] = {
	[MODEL_USERS] = USERS_IS_ACTIVE,
	[MODEL_PROFILES] = MODEL_ATTRIBUTES,
	[MODEL_TENANTS] = TENANTS_IS_ACTIVE,
	[MODEL_MEMBERS] = MEMBERS_IS_ACTIVE,
};

/* SQL: is the row not deleted? */
char *
live_sql(const Model *model, const char *alias, ModelPart part)
{
	Oid relid = model->relation[part];
	const SoftDelete *soft = mapping_declared(relid);
	AttrNumber deleted_at = soft != NULL ? soft->deleted_at : InvalidAttrNumber;
	AttrNumber flag = soft != NULL ? soft->flag : InvalidAttrNumber;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "(true");
	if (deleted_at != InvalidAttrNumber)
		appendStringInfo(&sql, " AND %s.%s IS NULL", alias, sql_column(relid, deleted_at));
	if (part == MODEL_USERS)
	{
		if (model_has(model, USERS_DELETED_AT) &&
			model->column[USERS_DELETED_AT].attnum != deleted_at)
			appendStringInfo(&sql, " AND %s IS NULL", model_sql(model, alias, USERS_DELETED_AT));
		if (model_has(model, USERS_FLAG) && model->column[USERS_FLAG].attnum != flag)
			appendStringInfo(&sql, " AND NOT %s",
							 model_sql_boolean(model, alias, USERS_FLAG, false));
	}
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* SQL: is the row active? */
char *
active_sql(const Model *model, const char *alias, ModelPart part)
{
	ModelAttribute attribute = active_attributes[part];

	if (model->rule[part] != NULL && model_has(model, attribute))
		return model_rule_sql(model->rule[part], model->column[attribute].type,
							  model_sql(model, alias, attribute));
	return model_sql_boolean(model, alias, attribute, true);
}

/* The column of an attribute that holds a truth. */
static TruthColumn
truth_column(const Model *model, ModelAttribute attribute, Relation rel)
{
	TruthColumn column = {.attnum = model_attnum_in(model, attribute, rel)};

	if (column.attnum != InvalidAttrNumber)
	{
		column.type = model->column[attribute].base;
		column.collation = model->column[attribute].collation;
	}
	return column;
}

/* The columns that decide about rows of a relation. */
void
liveness_of(const Model *model, ModelPart part, Relation rel, Liveness *liveness)
{
	const SoftDelete *soft = mapping_declared(RelationGetRelid(rel));
	AttrNumber flag = soft != NULL ? soft->flag : InvalidAttrNumber;

	memset(liveness, 0, sizeof(*liveness));
	liveness->relid = RelationGetRelid(rel);
	if (soft != NULL)
		liveness->deleted_at = soft->deleted_at;
	liveness->is_active = truth_column(model, active_attributes[part], rel);
	liveness->rule = model->rule[part];
	if (part != MODEL_USERS)
		return;
	liveness->mapped_deleted_at = model_attnum_in(model, USERS_DELETED_AT, rel);
	liveness->flag = truth_column(model, USERS_FLAG, rel);
	if (liveness->flag.attnum == flag) /* in sync with deleted_at */
		liveness->flag.attnum = InvalidAttrNumber;
}

/* Is a text one of those that model_sql_boolean() takes for true? */
static bool
text_is_true(const char *text)
{
	static const char *const truths[] = {"t", "true", "y", "yes", "on", "1"};

	for (int i = 0; i < lengthof(truths); i++)
		if (pg_strcasecmp(text, truths[i]) == 0)
			return true;
	return false;
}

/* Is a truth true? NULL and no column are not. As model_sql_boolean() has it. */
static bool
is_true(Oid relid, const TruthColumn *column, TupleTableSlot *slot)
{
	bool isnull;
	Datum value = column_value(relid, slot, column->attnum, &isnull);
	char category;
	bool preferred;
	Oid output;
	bool varlena;
	char *text;

	if (isnull)
		return false;
	if (column->type == BOOLOID)
		return DatumGetBool(value);
	get_type_category_preferred(column->type, &category, &preferred);
	getTypeOutputInfo(column->type, &output, &varlena);
	text = OidOutputFunctionCall(output, value);
	if (category == TYPCATEGORY_NUMERIC)
		return strspn(text, "-0.") != strlen(text);
	if (column->type == BPCHAROID)
		text[bpchartruelen(text, strlen(text))] = '\0';
	return text_is_true(text);
}

/* Is the row not deleted? */
bool
row_is_live(const Liveness *liveness, TupleTableSlot *slot)
{
	if (liveness->deleted_at != InvalidAttrNumber && !slot_attisnull(slot, liveness->deleted_at))
		return false;
	if (liveness->mapped_deleted_at != InvalidAttrNumber)
	{
		bool isnull;

		(void) column_value(liveness->relid, slot, liveness->mapped_deleted_at, &isnull);
		if (!isnull)
			return false;
	}
	return liveness->flag.attnum == InvalidAttrNumber ||
		   !is_true(liveness->relid, &liveness->flag, slot);
}

/* Is the row active? */
bool
row_is_active(const Liveness *liveness, TupleTableSlot *slot)
{
	const TruthColumn *column = &liveness->is_active;
	Datum value;
	bool isnull;

	if (column->attnum == InvalidAttrNumber)
		return true;
	if (liveness->rule == NULL)
		return is_true(liveness->relid, column, slot);
	value = column_value(liveness->relid, slot, column->attnum, &isnull);
	return model_rule_holds(liveness->rule, liveness->relid, column->type, column->collation, value,
							isnull);
}

/* Does a row say that this is true? See the header. */
bool
row_says(const Model *model, ModelAttribute attribute, Relation rel, TupleTableSlot *slot)
{
	TruthColumn column = truth_column(model, attribute, rel);

	return column.attnum != InvalidAttrNumber && is_true(RelationGetRelid(rel), &column, slot);
}
