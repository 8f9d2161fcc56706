/*
 * value_formats.c
 *		Values as text, whatever the session's settings.
 *
 * A key that is kept as text is read by other sessions, whose settings may have it mean another.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "value_formats.h"

/* Have values read and written in one form. */
int
value_formats_begin(void)
{
	static const char *const settings[][2] = {
		{"datestyle", "ISO, YMD"},   {"intervalstyle", "postgres"}, {"timezone", "UTC"},
		{"extra_float_digits", "3"}, {"bytea_output", "hex"},       {"lc_monetary", "C"}};
	int level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* A bytea as text; see the header. */
char *
bytea_as_text(bytea *value)
{
	int len = VARSIZE_ANY_EXHDR(value);
	char *text = palloc(2 * (Size) len + 3);

	text[0] = '\\';
	text[1] = 'x';
	text[2 + hex_encode(VARDATA_ANY(value), len, text + 2)] = '\0';
	return text;
}

/*
 * Read one byte of a bytea that is written in the escape format; false: it is none. *text moves on.
 */
static bool
read_escaped(const char **text, char *byte)
{
	const char *c = *text;

	if (c[0] != '\\')
	{
		*byte = c[0];
		*text += 1;
		return true;
	}
	if (c[1] == '\\')
	{
		*byte = '\\';
		*text += 2;
		return true;
	}
	if (c[1] < '0' || c[1] > '3' || c[2] < '0' || c[2] > '7' || c[3] < '0' || c[3] > '7')
		return false;
	*byte = (char) ((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0'));
	*text += 4;
	return true;
}

/* A text in one of the formats of bytea, as bytea_as_text() writes it; NULL: it is in none. */
char *
bytea_text_normal(const char *text)
{
	char *normal;
	char *end;

	if (text[0] == '\\' && text[1] == 'x')
	{
		Size digits = strspn(text + 2, "0123456789abcdefABCDEF");

		if (digits % 2 != 0 || text[2 + digits] != '\0')
			return NULL;
		normal = pstrdup(text);
		for (end = normal; *end != '\0'; end++)
			*end = pg_ascii_tolower((unsigned char) *end);
		return normal;
	}
	normal = palloc(2 * strlen(text) + 3);
	end = normal + 2;
	normal[0] = '\\';
	normal[1] = 'x';
	while (*text != '\0')
	{
		char byte;

		if (!read_escaped(&text, &byte))
			return NULL;
		end += hex_encode(&byte, 1, end);
	}
	*end = '\0';
	return normal;
}

/* SQL: a value of a type as text. */
char *
sql_as_text(const char *value, Oid type)
{
	if (getBaseType(type) == BYTEAOID)
		return psprintf("(E'\\\\x' OPERATOR(pg_catalog.||) pg_catalog.encode(%s, 'hex'))", value);
	return psprintf("(%s)::pg_catalog.text", value);
}
