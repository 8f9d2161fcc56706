/*
 * erasure.h
 *		What owners say of the erasure of their tables' columns.
 */
#ifndef PGACCOUNT_ERASURE_H
#define PGACCOUNT_ERASURE_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

typedef enum ErasureMethod
{
	ERASE_NULL,
	ERASE_DEFAULT,
	ERASE_HASH,
	ERASE_CONSTANT
} ErasureMethod;

/* A column that is erased. */
typedef struct ErasureColumn
{
	AttrNumber attnum;
	ErasureMethod method;
	char *constant; /* of ERASE_CONSTANT */
} ErasureColumn;

/*
 * Those of a table, by number, as is said of it or of tables that it inherits from. In the current
 * memory context. Within SPI_connect.
 */
extern List *erasure_columns(Oid relid);

/* Does purge erase the rows of a table, in place of removing them? Within SPI_connect. */
extern bool erasure_by_purge(Oid relid);

/*
 * Is a column unique, over all rows or some, by itself or with others that do not have the primary
 * key among them? By an index over it, over what is computed from it, or an exclusion constraint.
 */
extern bool erasure_is_unique(Oid relid, AttrNumber attnum);

/* The characters that a column takes; -1: any number. */
extern int erasure_characters(Oid relid, AttrNumber attnum);

/*
 * Raise, with this SQLSTATE, for a column that says which row it is, whether it is deleted, or
 * which others it belongs with.
 */
extern void erasure_check_is_no_key(Oid relid, AttrNumber attnum, int sqlstate);

/*
 * The same for a column that would be hashed and is of no type of text, or whose type does not take
 * the constant.
 */
extern void erasure_check_type(Oid relid, const ErasureColumn *column, int sqlstate);

#endif /* PGACCOUNT_ERASURE_H */
