/*
 * json_object.h
 *		JSON objects, member by member: what a function answers, what an event tells.
 */
#ifndef PGACCOUNT_JSON_OBJECT_H
#define PGACCOUNT_JSON_OBJECT_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef struct JsonObject
{
	JsonbParseState *state;
} JsonObject;

/* Begin an object. Keys are constants of the program; values are copied, NULL is null. */
extern void json_object_begin(JsonObject *object);
extern void json_object_text(JsonObject *object, const char *key, const char *value);
extern void json_object_bool(JsonObject *object, const char *key, bool value);
extern void json_object_number(JsonObject *object, const char *key, int64 value);
extern void json_object_time(JsonObject *object, const char *key, TimestampTz value);
extern void json_object_null(JsonObject *object, const char *key);
extern void json_object_jsonb(JsonObject *object, const char *key, const Jsonb *value);
extern Jsonb *json_object_end(JsonObject *object);

#endif /* PGACCOUNT_JSON_OBJECT_H */
