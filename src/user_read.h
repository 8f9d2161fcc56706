/*
 * user_read.h
 *		The record of a user, read without a statement.
 */
#ifndef PGACCOUNT_USER_READ_H
#define PGACCOUNT_USER_READ_H

#include "storage/itemptr.h"

#include "model_rows.h"
#include "model_user.h"

/*
 * Can records be read by model_rows_find() and what is here? Then they say what the statement of
 * model_user.c says. rows is opened with profiles.
 */
extern bool user_read_direct(const ModelRows *rows);

/* The user with this key (model_key_value()), or in this place; NULL: there is none. Registered snapshot. */
extern UserRecord *user_read_key(const ModelRows *rows, Datum key, Snapshot snapshot);
extern UserRecord *user_read_place(const ModelRows *rows, ItemPointer place, Snapshot snapshot);

#endif /* PGACCOUNT_USER_READ_H */
