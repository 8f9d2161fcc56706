/*
 * keys.h
 *		The keys of rows, as callers name them.
 */
#ifndef PGACCOUNT_KEYS_H
#define PGACCOUNT_KEYS_H

#include "access/attnum.h"
#include "fmgr.h"
#include "utils/jsonb.h"

/* Keys of one table: for each column of one of its unique keys an array of values. */
typedef struct KeySet
{
	Oid relid;
	int ncols;
	AttrNumber *columns;
	Oid *types;       /* of the columns, domains resolved */
	Oid *array_types; /* of the arrays, as parameters */
	Datum *arrays;
	int nkeys;
} KeySet;

/*
 * The keys in argument n of a function of two forms, key "any" and key text. Raises 22023 for what
 * is no key of the table, NULL included. Not within SPI_connect; the result is in the current
 * context.
 */
extern KeySet *keys_of_argument(FunctionCallInfo fcinfo, int n, Oid relid);

/* The same of a text, which was such an argument. */
extern KeySet *keys_of_text(Oid relid, const char *text);

/* Text that is to be read as jsonb, or NULL when it is none. */
extern Jsonb *text_as_jsonb(const char *text);

/*
 * The columns of a table's primary key, as a list of attribute numbers, in their order; NIL: none.
 */
extern struct List *primary_key_columns(Oid relid);

/* SQL: is the row `alias` one of the keys? Parameters $first… are the arrays. */
extern char *keys_condition(const KeySet *keys, const char *alias, int first);

/*
 * SQL: the keys as a table, for FROM, with the columns k1, k2 …, and: has the row `alias` the key
 * that a row of it, `other`, has? The parameters are the same.
 */
extern char *keys_table(const KeySet *keys, int first);
extern char *keys_match(const KeySet *keys, const char *alias, const char *other);

#endif /* PGACCOUNT_KEYS_H */
