/*
 * profile.h
 *		What the other folders may use of profiles.
 */
#ifndef PGACCOUNT_PROFILE_H
#define PGACCOUNT_PROFILE_H

#include "profile_rule.h"
#include "profile_trigger.h"

#endif /* PGACCOUNT_PROFILE_H */
