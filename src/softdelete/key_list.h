/*
 * key_list.h
 *		Rows that a statement is given: keys over the columns of a foreign key, and stamps.
 */
#ifndef PGACCOUNT_KEY_LIST_H
#define PGACCOUNT_KEY_LIST_H

#ifndef IN_softdelete
#error "private to src/softdelete"
#endif

#include "access/attnum.h"
#include "datatype/timestamp.h"

/* Column by column, as arrays are made of them. Lives in the memory context it was begun in. */
typedef struct KeyList
{
	int ncols;
	Oid *types; /* of the keys, domains resolved */
	int16 *lens;
	bool *by_values;
	int n;
	int room;
	Datum **keys; /* [column][row] */
	Datum *old;   /* stamps; 0 for rows that were live */
	Datum *new;   /* 0 for rows that are */
	MemoryContext context;
} KeyList;

/* Parameters of a list: its keys, old, new. */
#define KEY_LIST_PARAMS(ncols) ((ncols) + 2)

/* Begin an empty list of keys as these columns hold them. In the current memory context. */
extern void key_list_begin(KeyList *list, Oid relid, int ncols, const AttrNumber *columns);

/* Add a row; the keys are copied. */
extern void key_list_add(KeyList *list, const Datum *keys, TimestampTz old, TimestampTz new);

/*
 * The list as parameters, from number `first` on: their types and values, put at types[first - 1],
 * values[first - 1] ...; returns the number of the next parameter.
 */
extern int key_list_types(const KeyList *list, int first, Oid *types);
extern int key_list_values(const KeyList *list, int first, Datum *values);

/* SQL: the list as a table `alias` with columns k1, k2 ..., old, new. */
extern char *key_list_sql(const KeyList *list, int first, const char *alias);

#endif /* PGACCOUNT_KEY_LIST_H */
