/*
 * fk_compare.h
 *		Keys of rows, compared as the check of a reference would.
 */
#ifndef PGACCOUNT_FK_COMPARE_H
#define PGACCOUNT_FK_COMPARE_H

#include "fmgr.h"
#include "nodes/execnodes.h"
#include "pg_config_manual.h"

#include "fk_edge.h"

/* How a value becomes what an operator takes; as the referenced table's owner. */
typedef struct FkCast
{
	ExprState *expression; /* NULL: it is that already */
	ExprContext *econtext;
	Oid owner;
	int16 len; /* of the result's type */
	bool byval;
} FkCast;

/* How keys over an edge are compared. */
typedef struct FkComparison
{
	FmgrInfo equality[INDEX_MAX_KEYS];
	Oid collations[INDEX_MAX_KEYS];
	FkCast parent_casts[INDEX_MAX_KEYS];
	FkCast child_casts[INDEX_MAX_KEYS];
} FkComparison;

/* Prepare to compare keys over an edge; lives in the current memory context. */
extern FkComparison *fk_comparison(const FkEdge *edge);

/*
 * The value, which is not NULL, of column i of the parent's key as fk_equal() takes it. A copy in
 * the current memory context.
 */
extern Datum fk_parent_value(FkComparison *comparison, int i, Datum value);

/*
 * Does column i of the child's key, which is not NULL, equal that of the parent's? Both raise 22004
 * where a cast makes a value NULL.
 */
extern bool fk_equal(FkComparison *comparison, int i, Datum parent, Datum child);

#endif /* PGACCOUNT_FK_COMPARE_H */
