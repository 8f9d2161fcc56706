/*
 * kept_back.h
 *		What a trigger of the application has undone, of what an account call was to do.
 */
#ifndef PGACCOUNT_KEPT_BACK_H
#define PGACCOUNT_KEPT_BACK_H

#include "compat.h"

/*
 * Raise 55000: a trigger or rule of the table has kept the row back, or a trigger has let it pass,
 * and has kept its old values. what: "the user was not deleted".
 */
compat_noreturn extern void refuse_row_kept_back(Oid relid, const char *what);
compat_noreturn extern void refuse_values_kept(Oid relid, const char *what);

#endif /* PGACCOUNT_KEPT_BACK_H */
