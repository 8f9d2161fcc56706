/*
 * export_walk.h
 *		All rows that are about a user.
 */
#ifndef PGACCOUNT_EXPORT_WALK_H
#define PGACCOUNT_EXPORT_WALK_H

#ifndef IN_account
#error "private to src/account"
#endif

#include "model/model.h"

/*
 * The user of this id, its profile, every row that references the user, and what reaches those ON
 * DELETE CASCADE, by catalog or policy: an object of arrays of rows by `schema.table`. Reads as the
 * owners of the tables, in the active snapshot, deleted rows too: the caller has seen to it that
 * whoever asks may.
 */
extern Jsonb *export_rows(const Model *model, const char *user_id);

#endif /* PGACCOUNT_EXPORT_WALK_H */
