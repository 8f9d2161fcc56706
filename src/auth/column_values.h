/*
 * column_values.h
 *		Values for the columns of rows that are made here.
 */
#ifndef PGACCOUNT_COLUMN_VALUES_H
#define PGACCOUNT_COLUMN_VALUES_H

#ifndef IN_auth
#error "private to src/auth"
#endif

#include "access/tupdesc.h"
#include "lib/stringinfo.h"
#include "utils/rel.h"

#include "model/model.h"

/* Columns of foreign keys, and of unique indexes; offset by FirstLowInvalidHeapAttributeNumber. */
extern Bitmapset *constrained_columns(Relation rel);

/* Must a statement give the column a value? */
extern bool column_needs_value(Relation rel, Form_pg_attribute column);

/*
 * Append neutral values of the mandatory columns that are not in given; raises 55000 where there is
 * none.
 */
extern void append_neutral_values(Relation rel, StringInfo columns, StringInfo values,
								  Bitmapset *given);

/* SQL: true or false, as the column's type says it. */
extern const char *boolean_value(Form_pg_attribute column, bool value);

/*
 * SQL: a value of the column that says which rows of a part are active, with which one is; NULL:
 * leave it NULL.
 */
extern const char *active_value(const Model *model, ModelPart part, Form_pg_attribute column);

/* Append column and value to the two lists of an INSERT. */
extern void append_value(StringInfo columns, StringInfo values, Form_pg_attribute column,
						 const char *value);

#endif /* PGACCOUNT_COLUMN_VALUES_H */
