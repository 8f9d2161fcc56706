/*
 * object_checks.h
 *		Which relations, and which columns of theirs, a caller may name.
 */
#ifndef PGACCOUNT_OBJECT_CHECKS_H
#define PGACCOUNT_OBJECT_CHECKS_H

#include "access/attnum.h"
#include "storage/lockdefs.h"

/* Raise unless relid is an application's table, plain or partitioned. what: "soft delete", … */
extern void check_application_table(Oid relid, const char *what);

/*
 * Raise 0A000 unless a table, and each of its partitions, is a heap. why: a sentence for the
 * DETAIL.
 */
extern void check_heap(Oid relid, const char *why);

/* Is it so? */
extern bool is_heap(Oid relid);

/* Raise unless the current user owns the relation. */
extern void check_owner(Oid relid);

/*
 * Lock a table that was checked, and check it again as it is then: another session may have dropped
 * it meanwhile, or given it to somebody else. owned: check_owner(), too.
 */
extern void lock_checked_table(Oid relid, LOCKMODE mode, const char *what, bool owned);

/* The attribute number of a user column; InvalidAttrNumber: none of that name. System: 22023. */
extern AttrNumber find_column(Oid relid, const char *name, const char *argument);

#endif /* PGACCOUNT_OBJECT_CHECKS_H */
