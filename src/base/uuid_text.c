/*
 * uuid_text.c
 *		Texts of uuids.
 */
#include "postgres.h"

#include "uuid_text.h"

#define IS_DIGIT 0x10

/* The values of hexadecimal digits, marked as such. */
static const uint8 values[256] = {
	['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15,
	['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b,
	['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f, ['A'] = 0x1a, ['B'] = 0x1b,
	['C'] = 0x1c, ['D'] = 0x1d, ['E'] = 0x1e, ['F'] = 0x1f,
};

/* Read two digits. Returns IS_DIGIT if both are. */
static inline uint8
read_byte(const char *text, unsigned char *byte)
{
	uint8 high = values[(unsigned char) text[0]];
	uint8 low = values[(unsigned char) text[1]];

	*byte = high << 4 | (low & 0x0f);
	return high & low & IS_DIGIT;
}

/* Read the usual form. */
bool
uuid_text_usual(const char *text, pg_uuid_t *uuid)
{
	static const uint8 places[UUID_LEN] = {0,  2,  4,  6,  9,  11, 14, 16,
										   19, 21, 24, 26, 28, 30, 32, 34};
	uint8 all = IS_DIGIT;

	for (int i = 0; i < UUID_LEN; i++)
		all &= read_byte(text + places[i], &uuid->data[i]);
	return all != 0 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
}

/* Read any form: braces, and a hyphen after each four digits, may be there. */
bool
uuid_text_read(const char *text, pg_uuid_t *uuid)
{
	bool braces = text[0] == '{';

	if (strlen(text) == UUID_TEXT_LEN && uuid_text_usual(text, uuid))
		return true;
	text += braces;
	for (int i = 0; i < UUID_LEN; i++)
	{
		if (text[0] == '\0' || !read_byte(text, &uuid->data[i]))
			return false;
		text += 2;
		if (*text == '-' && i % 2 == 1 && i < UUID_LEN - 1)
			text++;
	}
	return strcmp(text, braces ? "}" : "") == 0;
}

/* Write the usual form. */
char *
uuid_text_write(const pg_uuid_t *uuid)
{
	static const char digits[] = "0123456789abcdef";
	char *text = palloc(UUID_TEXT_LEN + 1);
	char *p = text;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[uuid->data[i] >> 4];
		*p++ = digits[uuid->data[i] & 0x0f];
	}
	*p = '\0';
	return text;
}
