/*
 * account.h
 *		What the front door calls of what callers ask for.
 */
#ifndef PGACCOUNT_ACCOUNT_H
#define PGACCOUNT_ACCOUNT_H

#include "last_member.h"
#include "last_member_removal.h"

#endif /* PGACCOUNT_ACCOUNT_H */
