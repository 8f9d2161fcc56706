/*
 * model_rule.c
 *		A rule: what the values of a column say of a row, where no boolean column says it.
 *
 * A value is compared by its text. Only types are taken whose equal values have one text, or can be
 * given one: no input function runs, and no setting (DateStyle, extra_float_digits) decides who may
 * come in.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "model_rule.h"

struct ModelRule
{
	bool negated;   /* fulfilled by what is none of the values */
	bool with_null; /* NULL is one of them */
	int n;
	Datum *values; /* text */
};

/* How values of a type get their one text. */
typedef enum RuleKind
{
	RULE_NULLS, /* not at all: the rule can only ask for NULL */
	RULE_BOOLEAN,
	RULE_NUMBER,
	RULE_ENUM,
	RULE_UUID,
	RULE_STRING,
	RULE_FOLDED /* a string that is compared without case */
} RuleKind;

/* Is a type citext, or a domain over it, whatever schema that is in? */
bool
type_is_citext(Oid type)
{
	char *name = get_typisdefined(type) ? format_type_be(getBaseType(type)) : "";
	const char *dot = strrchr(name, '.');

	return strcmp(dot != NULL ? dot + 1 : name, "citext") == 0;
}

/* How the values of a type are compared. */
static RuleKind
kind_of(Oid type)
{
	Oid base = getBaseType(type);
	char category;
	bool preferred;

	switch (base)
	{
		case BOOLOID:
			return RULE_BOOLEAN;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
			return RULE_NUMBER;
		case UUIDOID:
			return RULE_UUID;
		default:
			break;
	}
	get_type_category_preferred(base, &category, &preferred);
	if (category == TYPCATEGORY_ENUM)
		return RULE_ENUM;
	if (category != TYPCATEGORY_STRING)
		return RULE_NULLS;
	return type_is_citext(base) ? RULE_FOLDED : RULE_STRING;
}

/* The collation by which texts of a column are compared. */
static Oid
text_collation(Oid collation)
{
	return OidIsValid(collation) ? collation : DEFAULT_COLLATION_OID;
}

/* A text without case. */
static char *
fold(const char *text, Oid collation)
{
	return str_tolower(text, strlen(text), text_collation(collation));
}

/* The text of a number that a caller gives, as a cast of the column to text writes it. */
static char *
number_text(Numeric number)
{
	Datum trimmed = DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(number));

	return DatumGetCString(DirectFunctionCall1(numeric_out, trimmed));
}

/* Take a text for a value. */
static void
take_text(JsonbValue *value, char *text)
{
	value->type = jbvString;
	value->val.string.val = text;
	value->val.string.len = strlen(text);
}

/* A value that a caller gives, as a column of a type has it. False: it has no such value. */
static bool
normalize(JsonbValue *value, Oid type, Oid collation)
{
	char *text =
		value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
	RuleKind kind = kind_of(type);
	pg_uuid_t uuid;

	if (kind == RULE_BOOLEAN)
		return value->type == jbvBool;
	if (kind == RULE_NUMBER)
		return value->type == jbvNumeric;
	if (kind == RULE_NULLS || text == NULL)
		return false;
	if (kind == RULE_ENUM)
		return strlen(text) < NAMEDATALEN &&
			   SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(getBaseType(type)),
									 CStringGetDatum(text));
	if (kind == RULE_UUID)
	{
		if (!uuid_text_read(text, &uuid))
			return false;
		text = uuid_text_write(&uuid);
	}
	else if (kind == RULE_FOLDED)
		text = fold(text, collation);
	else if (getBaseType(type) == BPCHAROID) /* a cast to text cuts the padding off */
		text[bpchartruelen(text, strlen(text))] = '\0';
	take_text(value, text);
	return true;
}

/* The list of a rule's object; *name says which it is. NULL: it has none, or both. */
static JsonbContainer *
list_of(JsonbContainer *object, const char **name)
{
	static const char *const names[] = {"in", "not_in"};
	JsonbContainer *list = NULL;

	for (int i = 0; i < lengthof(names); i++)
	{
		JsonbValue *value = getKeyJsonValueFromContainer(object, names[i], strlen(names[i]), NULL);

		if (value == NULL)
			continue;
		if (list != NULL || value->type != jbvBinary ||
			!JsonContainerIsArray(value->val.binary.data))
			return NULL;
		list = value->val.binary.data;
		*name = names[i];
	}
	return list;
}

/* The stored form of a rule; see the header. */
Jsonb *
model_rule_make(JsonbContainer *object, Oid type, Oid collation, const char **problem)
{
	const char *name = NULL;
	JsonbContainer *list = list_of(object, &name);
	JsonbBuild build = {0};
	JsonbValue key;

	*problem =
		"A rule is {\"column\": \"status\", \"in\": [\"active\"]}, or has \"not_in\" instead.";
	if (list == NULL || JsonContainerSize(object) != 2 || JsonContainerSize(list) == 0)
		return NULL;
	compat_push_jsonb(&build, WJB_BEGIN_OBJECT, NULL);
	take_text(&key, "column");
	compat_push_jsonb(&build, WJB_KEY, &key);
	compat_push_jsonb(&build, WJB_VALUE,
					  getKeyJsonValueFromContainer(object, "column", strlen("column"), NULL));
	take_text(&key, pstrdup(name));
	compat_push_jsonb(&build, WJB_KEY, &key);
	compat_push_jsonb(&build, WJB_BEGIN_ARRAY, NULL);
	for (uint32 i = 0; i < JsonContainerSize(list); i++)
	{
		JsonbValue value = *getIthJsonbValueFromContainer(list, i);

		if (value.type != jbvNull && !normalize(&value, type, collation))
		{
			*problem = psprintf("Value %u of \"%s\" is none of type %s that can be compared.",
								i + 1, name, format_type_be(type));
			return NULL;
		}
		compat_push_jsonb(&build, WJB_ELEM, &value);
	}
	compat_push_jsonb(&build, WJB_END_ARRAY, NULL);
	compat_push_jsonb(&build, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(build.result);
}

/* The rule of a stored form. */
ModelRule *
model_rule_read(Jsonb *stored)
{
	const char *name = NULL;
	JsonbContainer *list = JB_ROOT_IS_OBJECT(stored) ? list_of(&stored->root, &name) : NULL;
	ModelRule *rule = palloc0(sizeof(ModelRule));

	if (list == NULL)
		return rule; /* fulfilled by nothing */
	rule->negated = strcmp(name, "not_in") == 0;
	rule->values = palloc(JsonContainerSize(list) * sizeof(Datum) + 1);
	for (uint32 i = 0; i < JsonContainerSize(list); i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(list, i);

		if (value->type == jbvNull)
			rule->with_null = true;
		else if (value->type == jbvString)
			rule->values[rule->n++] = PointerGetDatum(
				cstring_to_text_with_len(value->val.string.val, value->val.string.len));
		else if (value->type == jbvBool)
			rule->values[rule->n++] = CStringGetTextDatum(value->val.boolean ? "true" : "false");
		else if (value->type == jbvNumeric)
			rule->values[rule->n++] = CStringGetTextDatum(number_text(value->val.numeric));
	}
	return rule;
}

/* The text of a column's value that is not NULL. */
static text *
value_text(Oid relid, Oid type, Oid collation, Datum value)
{
	Oid base = getBaseType(type);
	Oid output;
	bool is_varlena;

	if (base == NUMERICOID)
		return cstring_to_text(number_text(DatumGetNumeric(value)));
	if (kind_of(base) != RULE_FOLDED)
		return cast_code_text(relid, base, text_collation(collation), value);
	getTypeOutputInfo(base, &output, &is_varlena);
	return cstring_to_text(fold(OidOutputFunctionCall(output, value), collation));
}

/* Does a value fulfil the rule? */
bool
model_rule_holds(const ModelRule *rule, Oid relid, Oid type, Oid collation, Datum value,
				 bool isnull)
{
	bool listed = isnull && rule->with_null;

	if (!isnull && rule->n > 0)
	{
		Datum text = PointerGetDatum(value_text(relid, type, collation, value));

		for (int i = 0; i < rule->n && !listed; i++)
			listed = DatumGetBool(
				DirectFunctionCall2Coll(texteq, text_collation(collation), text, rule->values[i]));
	}
	return listed != rule->negated;
}

/* SQL: does the column fulfil the rule? */
char *
model_rule_sql(const ModelRule *rule, Oid type, const char *column)
{
	RuleKind kind = kind_of(type);
	const char *value = kind == RULE_NUMBER && getBaseType(type) == NUMERICOID
							? psprintf("pg_catalog.trim_scale(%s)", column)
							: column;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "(%s(", rule->negated ? "NOT " : "");
	if (rule->n == 0)
		appendStringInfoString(&sql, "false");
	else
	{
		appendStringInfo(&sql,
						 kind == RULE_FOLDED ? "(pg_catalog.lower((%s)::pg_catalog.text)"
											 : "((%s)::pg_catalog.text",
						 value);
		for (int i = 0; i < rule->n; i++)
			appendStringInfo(&sql, "%s%s", i == 0 ? " OPERATOR(pg_catalog.=) ANY (ARRAY[" : ", ",
							 sql_literal(TextDatumGetCString(rule->values[i])));
		appendStringInfoString(&sql, "]::pg_catalog.text[])) IS TRUE");
	}
	if (rule->with_null)
		appendStringInfo(&sql, " OR %s IS NULL", column);
	appendStringInfoString(&sql, "))");
	return sql.data;
}

/* SQL: a value with which a row fulfils the rule; see the header. */
char *
model_rule_value(const ModelRule *rule, Oid type)
{
	if (!rule->negated)
		return rule->n > 0 ? sql_literal(TextDatumGetCString(rule->values[0])) : NULL;
	if (kind_of(type) != RULE_BOOLEAN)
		return NULL;
	for (int truth = 0; truth < 2; truth++)
		if (model_rule_holds(rule, InvalidOid, BOOLOID, InvalidOid, BoolGetDatum(truth), false))
			return truth ? "'true'" : "'false'";
	return NULL;
}
