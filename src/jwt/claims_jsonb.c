/*
 * claims_jsonb.c
 *		A scanned set of claims as jsonb, made in the same pass.
 *
 * Claims are UTF-8, whatever the database's encoding; what it cannot hold makes no error here, but
 * a token that is refused.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "claims_jsonb.h"

/* Does the text have ASCII characters only? */
static bool
is_ascii(const char *text, int len)
{
	for (int i = 0; i < len; i++)
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	return true;
}

/* Valid UTF-8 in the database's encoding; see claims_jsonb.h. */
const char *
utf8_to_server(const char *text, int len, int *out_len)
{
	int encoding = GetDatabaseEncoding();
	Oid conversion;
	char *out;
	int room;

	*out_len = len;
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || is_ascii(text, len))
		return text;
	conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	if (!OidIsValid(conversion))
		return NULL;
	room = len * MAX_CONVERSION_GROWTH + 1;
	out = palloc(room);
	if (pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding,
									  (unsigned char *) unconstify(char *, text), len,
									  (unsigned char *) out, room, true) != len)
		return NULL;
	*out_len = strlen(out);
	return out;
}

/* Make a jsonb string of a name or string. */
static bool
make_string(JsonbValue *value, const char *text, int len)
{
	int server_len;
	const char *server = utf8_to_server(text, len, &server_len);

	if (server == NULL)
		return false;
	value->type = jbvString;
	value->val.string.val = unconstify(char *, server);
	value->val.string.len = server_len;
	return true;
}

/* Make a jsonb number of a literal that the scan has accepted, so that numeric holds it. */
static void
make_number(JsonbValue *value, const char *text, int len)
{
	value->type = jbvNumeric;
	if (len <= 18 && strspn(text, "0123456789") >= (size_t) len)
	{
		int64 number = 0;

		for (int i = 0; i < len; i++)
			number = number * 10 + (text[i] - '0');
		value->val.numeric = int64_to_numeric(number);
	}
	else
		value->val.numeric =
			DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(text, len)),
												ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* Add what the scan has seen. */
void
claims_jsonb_sink(void *arg, JsonEvent event, JsonKind kind, const char *text, int len)
{
	ClaimsJsonb *builder = arg;
	JsonbValue value;
	bool in_array;

	if (builder->untranslatable)
		return;
	switch (event)
	{
		case JSON_BEGIN:
			compat_push_jsonb(&builder->state,
							  kind == JSON_OBJECT ? WJB_BEGIN_OBJECT : WJB_BEGIN_ARRAY, NULL);
			return;
		case JSON_END:
			compat_push_jsonb(&builder->state, kind == JSON_OBJECT ? WJB_END_OBJECT : WJB_END_ARRAY,
							  NULL);
			return;
		case JSON_NAME:
			if (make_string(&value, text, len))
				compat_push_jsonb(&builder->state, WJB_KEY, &value);
			else
				builder->untranslatable = true;
			return;
		case JSON_SCALAR:
			break;
	}
	switch (kind)
	{
		case JSON_STRING:
			if (!make_string(&value, text, len))
			{
				builder->untranslatable = true;
				return;
			}
			break;
		case JSON_NUMBER:
			make_number(&value, text, len);
			break;
		case JSON_TRUE:
		case JSON_FALSE:
			value.type = jbvBool;
			value.val.boolean = kind == JSON_TRUE;
			break;
		default:
			value.type = jbvNull;
			break;
	}
	in_array = builder->state.parseState->contVal.type == jbvArray;
	compat_push_jsonb(&builder->state, in_array ? WJB_ELEM : WJB_VALUE, &value);
}

/* The jsonb of a scan that succeeded; see claims_jsonb.h. */
Jsonb *
claims_jsonb_result(ClaimsJsonb *builder)
{
	return builder->untranslatable ? NULL : JsonbValueToJsonb(builder->state.result);
}
