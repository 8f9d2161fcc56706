/*
 * profile_settable.h
 *		Which columns of a profile may somebody set who is not its owner: in a registration, by a
 *		grant.
 */
#ifndef PGACCOUNT_PROFILE_SETTABLE_H
#define PGACCOUNT_PROFILE_SETTABLE_H

#include "utils/rel.h"

#include "model/model.h"

/*
 * Why giver may not set a column of profiles; NULL: it may. giver: NULL is nobody, as in a
 * registration. The column that is mapped to the role is never set like this: a role is given by
 * itself.
 */
extern const char *profile_refusal(const Model *model, const UserRecord *giver, Relation profiles,
								   Form_pg_attribute column);

/* Does the column belong to the account, where users and profiles are one table? */
extern bool profile_column_of_account(const Model *model, AttrNumber attnum);

#endif /* PGACCOUNT_PROFILE_SETTABLE_H */
