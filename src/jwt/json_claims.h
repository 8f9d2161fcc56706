/*
 * json_claims.h
 *		One strict pass over a JSON object: a JOSE header or a set of claims.
 *
 * No recursion, no tables, no catalogs; works on a server's UTF-8 bytes as well as on a fuzzer's.
 */
#ifndef PGACCOUNT_JSON_CLAIMS_H
#define PGACCOUNT_JSON_CLAIMS_H

/* Objects and arrays may stand in one another this deep; the outermost object is 1. */
#define JSON_MAX_DEPTH 64

/* The longest number, and the largest exponent, that a claim may have. */
#define JSON_MAX_NUMBER 1000

typedef enum JsonResult
{
	JSON_OK,
	JSON_BAD_SYNTAX,
	JSON_BAD_UTF8,
	JSON_BAD_ESCAPE,
	JSON_BAD_NUMBER,
	JSON_NO_OBJECT,
	JSON_TOO_DEEP,
	JSON_DUPLICATE,
	JSON_TRAILING
} JsonResult;

typedef enum JsonKind
{
	JSON_ABSENT,
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
} JsonKind;

/*
 * A member of the outermost object that the caller asks for. The caller sets name and
 * name_len; the pass sets the rest. text is what the string says, escapes resolved, else the
 * literal or the whole array or object; it points into the scanned text or into the pass's arena.
 */
typedef struct JsonMember
{
	const char *name;
	int name_len;
	JsonKind kind;
	const char *text;
	int len;
} JsonMember;

#define JSON_MEMBER(name)                                                                          \
	{                                                                                              \
		name, sizeof(name) - 1, JSON_ABSENT, NULL, 0                                               \
	}

typedef enum JsonEvent
{
	JSON_BEGIN, /* of an array or object */
	JSON_END,
	JSON_NAME, /* of a member; its value follows */
	JSON_SCALAR
} JsonEvent;

/*
 * Called for each thing seen, in order. text (of a name, string or number) lives as the arena does.
 */
typedef void (*JsonSink)(void *arg, JsonEvent event, JsonKind kind, const char *text, int len);

/*
 * Scan text, len bytes, which need no terminator. members (NULL: none) are filled. sink may be
 * NULL. *arena is set to palloc'd memory that resolved strings lie in, or to NULL where no string
 * had an escape; the caller frees it. After a failure members and arena are as the pass left them.
 */
extern JsonResult json_scan_object(const char *text, size_t len, JsonMember *members, int nmembers,
								   JsonSink sink, void *sink_arg, char **arena);

/* Called for each element of a scanned array of strings; false ends the walk. */
typedef bool (*JsonElement)(void *arg, const char *text, int len);

/*
 * Walk an array that a pass has accepted. Returns false if an element is no string, or element()
 * says so. text of an element is resolved, and valid during the call only.
 */
extern bool json_walk_strings(const char *array, int len, JsonElement element, void *arg);

/*
 * The number that an accepted literal stands for, if its absolute value is below 2^53: RFC 7519 §2
 * NumericDate, which no conversion may clamp or wrap.
 */
extern bool json_numeric_date(const char *literal, int len, double *value);

#endif /* PGACCOUNT_JSON_CLAIMS_H */
