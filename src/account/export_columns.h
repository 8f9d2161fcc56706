/*
 * export_columns.h
 *		Which columns of a table are exported.
 */
#ifndef PGACCOUNT_EXPORT_COLUMNS_H
#define PGACCOUNT_EXPORT_COLUMNS_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "model/model.h"

/*
 * SQL: the columns of a table that are exported, of `c`: those that hold no secret. *order: the
 * primary key, of a row `pgaccount_row` of these, NULL without one; order may be NULL.
 */
extern char *export_columns(const Model *model, Oid relid, char **order);

#endif /* PGACCOUNT_EXPORT_COLUMNS_H */
