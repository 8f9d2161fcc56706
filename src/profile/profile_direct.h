/*
 * profile_direct.h
 *		The profile of one new user, written without a statement.
 */
#ifndef PGACCOUNT_PROFILE_DIRECT_H
#define PGACCOUNT_PROFILE_DIRECT_H

#include "profile_rule.h"

/*
 * Make the profile of the user with this key, made by the command that fired our trigger, unless it has
 * one. As the rule's owner. False: only the statement can.
 */
extern bool profile_make_direct(ProfileRule *rule, Datum key);

#endif /* PGACCOUNT_PROFILE_DIRECT_H */
