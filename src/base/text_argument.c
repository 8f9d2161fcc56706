/*
 * text_argument.c
 *		Text arguments of functions, and what they may hold.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "errors.h"
#include "text_argument.h"

/* Longer texts are nobody's id. */
#define MAX_ID 1024

/* Raise 22023 about an argument. */
void
refuse_argument(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is malformed", what),
			 errdetail_internal("%s", detail), errhint("Ask the user for another %s.", what)));
}

/* Bytes of a text argument that is not NULL. */
static Size
argument_size(FunctionCallInfo fcinfo, int n)
{
	return toast_raw_datum_size(PG_GETARG_DATUM(n)) - VARHDRSZ;
}

/* A text argument as a C string. */
char *
text_argument(FunctionCallInfo fcinfo, int n, const char *what, int max)
{
	char *value = NULL;

	if (PG_ARGISNULL(n))
		return NULL;
	if (argument_size(fcinfo, n) <= (Size) max * MAX_MULTIBYTE_CHAR_LEN)
		value = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (value == NULL || pg_mbstrlen(value) > max)
		refuse_argument(what, psprintf("It is longer than %d characters.", max));
	return value;
}

/* An argument that is an id, text or another type's value. */
char *
id_argument(FunctionCallInfo fcinfo, int n)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, n);
	Oid output;
	bool is_varlena;
	char *id;

	if (PG_ARGISNULL(n))
		return NULL;
	if (!OidIsValid(type) || getBaseType(type) == TEXTOID)
		return argument_size(fcinfo, n) > MAX_ID ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
	getTypeOutputInfo(type, &output, &is_varlena);
	id = OidOutputFunctionCall(output, PG_GETARG_DATUM(n));
	if (getBaseType(type) == BPCHAROID) /* as a cast to text cuts it */
		id[bpchartruelen(id, strlen(id))] = '\0';
	return strlen(id) > MAX_ID ? NULL : id;
}

/* The next item of a list, without the spaces around it; NULL: there is none. Moves *rest on. */
static char *
next_item(const char **rest)
{
	while (**rest != '\0')
	{
		const char *comma = strchr(*rest, ',');
		const char *begin = *rest;
		const char *end = comma != NULL ? comma : begin + strlen(begin);

		*rest = comma != NULL ? comma + 1 : end;
		while (begin < end && *begin == ' ')
			begin++;
		while (end > begin && end[-1] == ' ')
			end--;
		if (end > begin)
			return pnstrdup(begin, end - begin);
	}
	return NULL;
}

/* The place of an item in a list. */
int
list_setting_find(const char *setting, const char *item)
{
	char *next;

	for (int place = 0; (next = next_item(&setting)) != NULL; place++)
		if (strcmp(next, item) == 0)
			return place;
	return -1;
}

/* The item at a place. */
char *
list_setting_item(const char *setting, int place)
{
	char *next = NULL;

	for (int i = 0; i <= place; i++)
		if ((next = next_item(&setting)) == NULL)
			return NULL;
	return next;
}

/* Is this a control character? */
bool
is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* Raise 22023 unless the text is a name. */
void
check_name(const char *value, const char *what)
{
	size_t len = strlen(value);

	if (len == 0)
		refuse_argument(what, "It is empty.");
	if (value[0] == ' ' || value[len - 1] == ' ')
		refuse_argument(what, "It begins or ends with a space.");
	for (const char *c = value; *c != '\0'; c++)
		if (is_control((unsigned char) *c))
			refuse_argument(what, "It has a control character.");
}
