/*
 * hierarchy.h
 *		Partitions and inheritance children of a soft-delete table, and whose they are.
 */
#ifndef PGACCOUNT_HIERARCHY_H
#define PGACCOUNT_HIERARCHY_H

#include "nodes/pg_list.h"
#include "storage/lockdefs.h"

/*
 * The tables that take statement triggers of their own: a table, and its partitions but foreign
 * ones, which take none of the kinds we need.
 */
extern List *statement_trigger_tables(Oid relid, LOCKMODE lockmode);

/*
 * The tables that take row triggers of their own: a table and, unless it is partitioned (then
 * PostgreSQL clones), those that inherit from it.
 */
extern List *row_trigger_tables(Oid relid, LOCKMODE lockmode);

/* Both. */
extern List *trigger_tables(Oid relid, LOCKMODE lockmode);

/* The topmost table by whose soft delete a part of it is covered, or InvalidOid. */
extern Oid covered_by(Oid relid);

/* The topmost table of which a table is a partition or inheritance child; or itself. */
extern Oid hierarchy_top(Oid relid);

/*
 * Raise 22023 where a table is a part of one that has no soft delete, or of one that has it: rows
 * would be deleted in one view of them, and live in the other.
 */
extern void check_hierarchy(Oid relid);

/* Raise 22023 where a table is covered by the soft delete of another. */
extern void check_not_covered(Oid relid);

#endif /* PGACCOUNT_HIERARCHY_H */
