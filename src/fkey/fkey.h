/*
 * fkey.h
 *		What the other folders may use of foreign keys as data.
 */
#ifndef PGACCOUNT_FKEY_H
#define PGACCOUNT_FKEY_H

#include "fk_compare.h"
#include "fk_graph.h"
#include "policy_follower.h"

#endif /* PGACCOUNT_FKEY_H */
