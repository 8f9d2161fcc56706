/*
 * unique_live.h
 *		Indexes over live rows.
 */
#ifndef PGACCOUNT_UNIQUE_LIVE_H
#define PGACCOUNT_UNIQUE_LIVE_H

#include "access/attnum.h"
#include "utils/rel.h"

/* Does an index hold live rows only: is `deleted_at IS NULL` a part of its predicate? */
extern bool holds_only_live_rows(Relation index, AttrNumber deleted_at);

/* What helps where keys of rows that come back are taken. */
#define HINT_TAKEN_KEYS "Change or delete the rows that took the keys, or restore fewer rows."

#endif /* PGACCOUNT_UNIQUE_LIVE_H */
