/*
 * json_claims.c
 *		One strict pass over a JSON object: a JOSE header or a set of claims (RFC 8259, RFC 7519
 *		§4).
 *
 * Stricter than jsonb, which keeps the last of duplicate members without a word: a member seen
 * twice, at any depth, is refused, since two readers of one token must not see two values. Depth is
 * bounded by a fixed stack, memory by the size of the text.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "mb/pg_wchar.h"

#include "json_claims.h"

/* Names of one object beyond which duplicates are found by sorting instead of comparing. */
#define MANY_NAMES 32

typedef struct MemberName
{
	const char *text;
	int len;
} MemberName;

/* An array or object that is open. */
typedef struct Level
{
	JsonKind kind;
	int first_name; /* of this object, in names */
	uint64 seen;    /* one bit for each hash of a name; for an object of few names */
} Level;

typedef struct Scan
{
	const char *start;
	const char *p;
	const char *end;
	JsonMember *members;
	int nmembers;
	JsonSink sink;
	void *sink_arg;
	char *arena;
	size_t arena_used;
	Level levels[JSON_MAX_DEPTH];
	int depth;
	JsonMember *wanted; /* the member whose value is next or open, if any */
	MemberName *names;
	int nnames;
	int max_names;
	MemberName few_names[64];
} Scan;

/* Bytes of a string that need a look: end, escape, control, not ASCII. */
static inline bool
is_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

/*
 * Pass plain bytes of a string, eight at a time while there are that many: the high bit of a byte
 * of odd is set if it is special, or stands above one that is.
 */
static inline const char *
skip_plain(const char *p, const char *end)
{
	const uint64 ones = UINT64CONST(0x0101010101010101);

	while (end - p >= 8)
	{
		uint64 w;
		uint64 quote;
		uint64 backslash;
		uint64 odd;

		memcpy(&w, p, 8);
		quote = w ^ (ones * '"');
		backslash = w ^ (ones * '\\');
		odd = w | ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) |
			  ((backslash - ones) & ~backslash);
		if ((odd & (ones * 0x80)) != 0)
			break;
		p += 8;
	}
	while (p < end && !is_special((unsigned char) *p))
		p++;
	return p;
}

/* Is this white space of JSON? */
static inline bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Is this a digit? */
static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Value of four hexadecimal digits, or -1. */
static int
hex4(const char *p, const char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		char c = p[i];

		value <<= 4;
		if (is_digit(c))
			value |= c - '0';
		else if (c >= 'a' && c <= 'f')
			value |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value |= c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

/*
 * Resolve the escape at *from (after the backslash) into *to, moving both on. U+0000 and surrogates
 * without their other half are refused: neither is text to PostgreSQL.
 */
static bool
resolve_escape(const char **from, const char *end, char **to)
{
	const char *p = *from;
	int code;

	if (p >= end)
		return false;
	switch (*p++)
	{
		case '"':
			*(*to)++ = '"';
			break;
		case '\\':
			*(*to)++ = '\\';
			break;
		case '/':
			*(*to)++ = '/';
			break;
		case 'b':
			*(*to)++ = '\b';
			break;
		case 'f':
			*(*to)++ = '\f';
			break;
		case 'n':
			*(*to)++ = '\n';
			break;
		case 'r':
			*(*to)++ = '\r';
			break;
		case 't':
			*(*to)++ = '\t';
			break;
		case 'u':
			code = hex4(p, end);
			if (code <= 0 || (code >= 0xDC00 && code <= 0xDFFF))
				return false;
			p += 4;
			if (code >= 0xD800 && code <= 0xDBFF)
			{
				int low;

				if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
					return false;
				low = hex4(p + 2, end);
				if (low < 0xDC00 || low > 0xDFFF)
					return false;
				p += 6;
				code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
			}
			unicode_to_utf8(code, (unsigned char *) *to);
			*to += pg_utf_mblen((unsigned char *) *to);
			break;
		default:
			return false;
	}
	*from = p;
	return true;
}

/*
 * Read a string whose opening quote is past. *text and *len get what it says: the bytes where they
 * stand, or, after the first escape, a copy in the arena.
 */
static JsonResult
scan_string(Scan *scan, const char **text, int *len)
{
	const char *first = scan->p;
	const char *p = first;
	const char *end = scan->end;
	char *out = NULL;
	char *out_start = NULL;

	for (;;)
	{
		const char *run = p;
		unsigned char c;

		p = skip_plain(p, end);
		if (out != NULL && p > run)
		{
			memcpy(out, run, p - run);
			out += p - run;
		}
		if (p >= end)
			return JSON_BAD_SYNTAX;
		c = (unsigned char) *p;
		if (c == '"')
			break;
		if (c < 0x20)
			return JSON_BAD_SYNTAX;
		if (c == '\\')
		{
			if (out == NULL)
			{
				/* Resolved text is never longer than the text it stands for. */
				if (scan->arena == NULL)
					scan->arena = palloc(scan->end - scan->start);
				out_start = scan->arena + scan->arena_used;
				memcpy(out_start, first, p - first);
				out = out_start + (p - first);
			}
			p++;
			if (!resolve_escape(&p, end, &out))
				return JSON_BAD_ESCAPE;
		}
		else
		{
			int n = pg_utf_mblen((const unsigned char *) p);

			if (n < 2 || end - p < n || !pg_utf8_islegal((const unsigned char *) p, n))
				return JSON_BAD_UTF8;
			if (out != NULL)
			{
				memcpy(out, p, n);
				out += n;
			}
			p += n;
		}
	}
	if (out != NULL)
	{
		*text = out_start;
		*len = out - out_start;
		scan->arena_used = out - scan->arena;
	}
	else
	{
		*text = first;
		*len = p - first;
	}
	scan->p = p + 1;
	return JSON_OK;
}

/* Read a number: the grammar of RFC 8259 §6, and bounded, so that numeric can hold it. */
static JsonResult
scan_number(Scan *scan)
{
	const char *first = scan->p;
	const char *p = first;
	const char *end = scan->end;

	if (*p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else if (p < end && is_digit(*p))
	{
		while (p < end && is_digit(*p))
			p++;
	}
	else
		return JSON_BAD_SYNTAX;
	if (p < end && *p == '.')
	{
		p++;
		if (p >= end || !is_digit(*p))
			return JSON_BAD_SYNTAX;
		while (p < end && is_digit(*p))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E'))
	{
		int exponent = 0;

		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (p >= end || !is_digit(*p))
			return JSON_BAD_SYNTAX;
		for (; p < end && is_digit(*p); p++)
		{
			exponent = exponent * 10 + (*p - '0');
			if (exponent > JSON_MAX_NUMBER)
				return JSON_BAD_NUMBER;
		}
	}
	if (p - first > JSON_MAX_NUMBER)
		return JSON_BAD_NUMBER;
	scan->p = p;
	return JSON_OK;
}

/* Order names for the search of duplicates: shorter first, then by bytes. */
static int
compare_names(const void *a, const void *b)
{
	const MemberName *x = a;
	const MemberName *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->text, y->text, x->len);
}

/* Keep a name of the innermost object. False if the object is known to have it already. */
static bool
keep_name(Scan *scan, const char *text, int len)
{
	Level *level = &scan->levels[scan->depth - 1];
	uint64 bit = UINT64CONST(1) << ((len * 7 + (len > 0 ? text[0] * 5 + text[len - 1] : 0)) & 63);
	int count = scan->nnames - level->first_name;

	if (count <= MANY_NAMES && (level->seen & bit) != 0)
	{
		for (int i = level->first_name; i < scan->nnames; i++)
			if (scan->names[i].len == len && memcmp(scan->names[i].text, text, len) == 0)
				return false;
	}
	level->seen |= bit;

	if (scan->nnames == scan->max_names)
	{
		MemberName *more = palloc(sizeof(MemberName) * scan->max_names * 2);

		memcpy(more, scan->names, sizeof(MemberName) * scan->nnames);
		if (scan->names != scan->few_names)
			pfree(scan->names);
		scan->names = more;
		scan->max_names *= 2;
	}
	scan->names[scan->nnames].text = text;
	scan->names[scan->nnames].len = len;
	scan->nnames++;
	return true;
}

/* Leave an object: have its names been different, where keep_name did not look? */
static bool
names_differ(Scan *scan, int first)
{
	int count = scan->nnames - first;

	if (count > MANY_NAMES)
	{
		qsort(scan->names + first, count, sizeof(MemberName), compare_names);
		for (int i = first + 1; i < scan->nnames; i++)
			if (compare_names(&scan->names[i - 1], &scan->names[i]) == 0)
				return false;
	}
	scan->nnames = first;
	return true;
}

/* The caller's entry for this member of the outermost object, or NULL. */
static JsonMember *
find_member(Scan *scan, const char *text, int len)
{
	if (len == 0)
		return NULL;
	for (int i = 0; i < scan->nmembers; i++)
	{
		JsonMember *member = &scan->members[i];

		if (member->name_len == len && member->name[0] == text[0] &&
			memcmp(member->name, text, len) == 0)
			return member;
	}
	return NULL;
}

/* Skip white space. */
static inline void
skip_space(Scan *scan)
{
	while (scan->p < scan->end && is_space(*scan->p))
		scan->p++;
}

/* Does the text go on with this word? Then pass it. */
static inline bool
pass_word(Scan *scan, const char *word, int len)
{
	if (scan->end - scan->p < len || memcmp(scan->p, word, len) != 0)
		return false;
	scan->p += len;
	return true;
}

/* Read the name of a member and its colon. */
static JsonResult
scan_name(Scan *scan)
{
	const char *text;
	int len;
	JsonResult result;

	if (scan->p >= scan->end || *scan->p != '"')
		return JSON_BAD_SYNTAX;
	scan->p++;
	result = scan_string(scan, &text, &len);
	if (result != JSON_OK)
		return result;
	if (!keep_name(scan, text, len))
		return JSON_DUPLICATE;
	if (scan->depth == 1)
		scan->wanted = find_member(scan, text, len);
	if (scan->sink)
		scan->sink(scan->sink_arg, JSON_NAME, JSON_STRING, text, len);
	skip_space(scan);
	if (scan->p >= scan->end || *scan->p != ':')
		return JSON_BAD_SYNTAX;
	scan->p++;
	return JSON_OK;
}

/* Open an array or object, whose bracket is at p. */
static JsonResult
open_level(Scan *scan, JsonKind kind)
{
	Level *level;

	if (scan->depth == JSON_MAX_DEPTH)
		return JSON_TOO_DEEP;
	if (scan->depth == 1 && scan->wanted != NULL)
	{
		scan->wanted->kind = kind;
		scan->wanted->text = scan->p;
	}
	level = &scan->levels[scan->depth++];
	level->kind = kind;
	level->first_name = scan->nnames;
	level->seen = 0;
	scan->p++;
	if (scan->sink)
		scan->sink(scan->sink_arg, JSON_BEGIN, kind, NULL, 0);
	return JSON_OK;
}

/* Close the innermost array or object, whose bracket is at p. */
static JsonResult
close_level(Scan *scan)
{
	Level *level = &scan->levels[scan->depth - 1];

	if (level->kind == JSON_OBJECT && !names_differ(scan, level->first_name))
		return JSON_DUPLICATE;
	scan->p++;
	scan->depth--;
	if (scan->depth == 1 && scan->wanted != NULL)
	{
		scan->wanted->len = scan->p - scan->wanted->text;
		scan->wanted = NULL;
	}
	if (scan->sink)
		scan->sink(scan->sink_arg, JSON_END, level->kind, NULL, 0);
	return JSON_OK;
}

/* Read a value that is neither array nor object. */
static JsonResult
scan_scalar(Scan *scan)
{
	const char *text = scan->p;
	int len = 0;
	JsonKind kind;
	JsonResult result = JSON_OK;

	switch (*scan->p)
	{
		case '"':
			kind = JSON_STRING;
			scan->p++;
			result = scan_string(scan, &text, &len);
			break;
		case 't':
			kind = JSON_TRUE;
			if (!pass_word(scan, "true", 4))
				return JSON_BAD_SYNTAX;
			len = 4;
			break;
		case 'f':
			kind = JSON_FALSE;
			if (!pass_word(scan, "false", 5))
				return JSON_BAD_SYNTAX;
			len = 5;
			break;
		case 'n':
			kind = JSON_NULL;
			if (!pass_word(scan, "null", 4))
				return JSON_BAD_SYNTAX;
			len = 4;
			break;
		default:
			kind = JSON_NUMBER;
			result = scan_number(scan);
			len = scan->p - text;
			break;
	}
	if (result != JSON_OK)
		return result;
	if (scan->depth == 1 && scan->wanted != NULL)
	{
		scan->wanted->kind = kind;
		scan->wanted->text = text;
		scan->wanted->len = len;
		scan->wanted = NULL;
	}
	if (scan->sink)
		scan->sink(scan->sink_arg, JSON_SCALAR, kind, text, len);
	return JSON_OK;
}

/*
 * Read to the end of the outermost array or object, whose bracket is past. The innermost open one
 * and whether something stands before p in it are all the state there is.
 */
static JsonResult
scan_levels(Scan *scan)
{
	bool empty = true; /* nothing read yet in the innermost array or object */

	while (scan->depth > 0)
	{
		JsonKind inside = scan->levels[scan->depth - 1].kind;
		JsonResult result;

		skip_space(scan);
		if (scan->p >= scan->end)
			return JSON_BAD_SYNTAX;
		if (*scan->p == (inside == JSON_OBJECT ? '}' : ']'))
		{
			result = close_level(scan);
			if (result != JSON_OK)
				return result;
			empty = false;
			continue;
		}
		if (!empty)
		{
			if (*scan->p != ',')
				return JSON_BAD_SYNTAX;
			scan->p++;
			skip_space(scan);
		}
		if (inside == JSON_OBJECT)
		{
			result = scan_name(scan);
			if (result != JSON_OK)
				return result;
			skip_space(scan);
		}
		if (scan->p >= scan->end)
			return JSON_BAD_SYNTAX;
		if (*scan->p == '{' || *scan->p == '[')
		{
			result = open_level(scan, *scan->p == '{' ? JSON_OBJECT : JSON_ARRAY);
			empty = true;
		}
		else
		{
			result = scan_scalar(scan);
			empty = false;
		}
		if (result != JSON_OK)
			return result;
	}
	return JSON_OK;
}

/* Prepare a pass. */
static void
scan_init(Scan *scan, const char *text, size_t len)
{
	scan->start = scan->p = text;
	scan->end = text + len;
	scan->members = NULL;
	scan->nmembers = 0;
	scan->sink = NULL;
	scan->arena = NULL;
	scan->arena_used = 0;
	scan->depth = 0;
	scan->wanted = NULL;
	scan->names = scan->few_names;
	scan->nnames = 0;
	scan->max_names = lengthof(scan->few_names);
}

/* Scan a JSON object; see json_claims.h. */
JsonResult
json_scan_object(const char *text, size_t len, JsonMember *members, int nmembers, JsonSink sink,
				 void *sink_arg, char **arena)
{
	Scan scan;
	JsonResult result;

	scan_init(&scan, text, len);
	scan.members = members;
	scan.nmembers = nmembers;
	scan.sink = sink;
	scan.sink_arg = sink_arg;

	skip_space(&scan);
	if (scan.p >= scan.end || *scan.p != '{')
		result = JSON_NO_OBJECT;
	else
	{
		result = open_level(&scan, JSON_OBJECT);
		if (result == JSON_OK)
			result = scan_levels(&scan);
		if (result == JSON_OK)
		{
			skip_space(&scan);
			if (scan.p < scan.end)
				result = JSON_TRAILING;
		}
	}
	if (scan.names != scan.few_names)
		pfree(scan.names);
	*arena = scan.arena;
	return result;
}

/* Walk an accepted array of strings; see json_claims.h. */
bool
json_walk_strings(const char *array, int len, JsonElement element, void *arg)
{
	Scan scan;
	bool result = true;

	scan_init(&scan, array, len);
	for (scan.p++; result; scan.p++)
	{
		const char *text;
		int text_len;

		skip_space(&scan);
		if (*scan.p == ']')
			break;
		if (*scan.p != '"')
			result = false;
		else
		{
			scan.p++;
			scan.arena_used = 0;
			result =
				scan_string(&scan, &text, &text_len) == JSON_OK && element(arg, text, text_len);
		}
		skip_space(&scan);
		if (!result || *scan.p == ']')
			break;
	}
	if (scan.arena != NULL)
		pfree(scan.arena);
	return result;
}

/* The NumericDate that an accepted literal stands for; see json_claims.h. */
bool
json_numeric_date(const char *literal, int len, double *value)
{
	char copy[JSON_MAX_NUMBER + 1];
	double number = 0;
	int i = 0;
	bool negative = len > 0 && literal[0] == '-';

	/* Nearly always a few digits: at most 15 are exact. */
	for (i = negative; i < len && i < 15 && is_digit(literal[i]); i++)
		number = number * 10 + (literal[i] - '0');
	if (i < len)
	{
		if (len > JSON_MAX_NUMBER)
			return false;
		memcpy(copy, literal, len);
		copy[len] = '\0';
		number = strtod(copy, NULL);
	}
	else if (negative)
		number = -number;

	/* Written so that NaN fails too. */
	if (!(number > -9007199254740992.0 && number < 9007199254740992.0))
		return false;
	*value = number;
	return true;
}
