/*
 * json_object.c
 *		JSON objects, member by member: what a function answers, what an event tells.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "compat.h"
#include "json_object.h"

/* Begin an object. */
void
json_object_begin(JsonObject *object)
{
	object->state = NULL;
	(void) pushJsonbValue(&object->state, WJB_BEGIN_OBJECT, NULL);
}

/* Add a member. */
static void
add(JsonObject *object, const char *key, JsonbValue *value)
{
	JsonbValue name = {.type = jbvString};

	name.val.string.val = pstrdup(key);
	name.val.string.len = strlen(key);
	(void) pushJsonbValue(&object->state, WJB_KEY, &name);
	(void) pushJsonbValue(&object->state, WJB_VALUE, value);
}

/* Add null. */
void
json_object_null(JsonObject *object, const char *key)
{
	JsonbValue value = {.type = jbvNull};

	add(object, key, &value);
}

/* Add a text. */
void
json_object_text(JsonObject *object, const char *key, const char *text)
{
	JsonbValue value = {.type = jbvString};

	if (text == NULL)
	{
		json_object_null(object, key);
		return;
	}
	value.val.string.val = pstrdup(text);
	value.val.string.len = strlen(text);
	add(object, key, &value);
}

/* Add true or false. */
void
json_object_bool(JsonObject *object, const char *key, bool boolean)
{
	JsonbValue value = {.type = jbvBool};

	value.val.boolean = boolean;
	add(object, key, &value);
}

/* Add a whole number. */
void
json_object_number(JsonObject *object, const char *key, int64 number)
{
	JsonbValue value = {.type = jbvNumeric};

	value.val.numeric = int64_to_numeric(number);
	add(object, key, &value);
}

/* Add a time, as to_jsonb() writes it. */
void
json_object_time(JsonObject *object, const char *key, TimestampTz time)
{
	char text[MAXDATELEN + 1];

	(void) JsonEncodeDateTime(text, TimestampTzGetDatum(time), TIMESTAMPTZOID, NULL);
	json_object_text(object, key, text);
}

/* Add an object or array. */
void
json_object_jsonb(JsonObject *object, const char *key, const Jsonb *json)
{
	JsonbValue value = {.type = jbvBinary};

	if (json == NULL)
	{
		json_object_null(object, key);
		return;
	}
	value.val.binary.data = unconstify(JsonbContainer *, &json->root);
	value.val.binary.len = VARSIZE(json) - VARHDRSZ;
	add(object, key, &value);
}

/* The object. */
Jsonb *
json_object_end(JsonObject *object)
{
	return JsonbValueToJsonb(pushJsonbValue(&object->state, WJB_END_OBJECT, NULL));
}
