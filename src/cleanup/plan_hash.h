/*
 * plan_hash.h
 *		The hash of what a cleanup would do.
 */
#ifndef PGACCOUNT_PLAN_HASH_H
#define PGACCOUNT_PLAN_HASH_H

#ifndef IN_cleanup
#error "private to src/cleanup"
#endif

#include "cleanup_closure.h"

/* Raise PT409 unless it is the one that was approved. */
extern void plan_check_approved(Cleanup *cleanup, Snapshot snapshot, const char *approved);

/* Raise PT409. */
extern void plan_refuse_other(Oid target);

#endif /* PGACCOUNT_PLAN_HASH_H */
