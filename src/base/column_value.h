/*
 * column_value.h
 *		The value of a column of a row at hand, also of a column that rows do not hold.
 */
#ifndef PGACCOUNT_COLUMN_VALUE_H
#define PGACCOUNT_COLUMN_VALUE_H

#include "executor/tuptable.h"
#include "utils/rel.h"

/* Is it a column whose values are computed when they are read (18)? */
extern bool column_is_virtual(Relation rel, AttrNumber attnum);

/*
 * The value in a row of the relation, which the caller has open. By reference it is as good as the
 * slot, or in the present memory context.
 */
extern Datum column_value(Oid relid, TupleTableSlot *slot, AttrNumber attnum, bool *isnull);

#endif /* PGACCOUNT_COLUMN_VALUE_H */
