/*
 * mapping.h
 *		Which columns of a table say that a row is deleted, read from the trigger that declares it.
 */
#ifndef PGACCOUNT_MAPPING_H
#define PGACCOUNT_MAPPING_H

#include "access/attnum.h"
#include "access/htup.h"
#include "datatype/timestamp.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "stamp.h"

/* What becomes of a row when a parent it references ON DELETE CASCADE is removed for good. */
typedef enum ParentDelete
{
	PARENT_DELETE_REFUSE,
	PARENT_DELETE_DELETE
} ParentDelete;

/* What becomes of an INSERT whose key a deleted row holds. */
typedef enum OnReinsert
{
	ON_REINSERT_REFUSE,
	ON_REINSERT_REPLACE
} OnReinsert;

/* The options of enable_soft_delete, as the arguments of its trigger carry them. */
typedef struct SoftDeleteOptions
{
	bool hide;
	bool guard_references;
	bool children;
	ParentDelete on_parent_delete;
	OnReinsert on_reinsert;
} SoftDeleteOptions;

/* Those of a table of which nothing was said. */
extern const SoftDeleteOptions soft_delete_defaults;

/* The words for the values. */
extern const char *parent_delete_name(ParentDelete value);
extern const char *reinsert_name(OnReinsert value);

/* A soft-delete table. Valid until the next relation cache invalidation: copy what must last. */
typedef struct SoftDelete
{
	Oid relid;
	AttrNumber deleted_at;
	AttrNumber flag;       /* 0: none */
	AttrNumber deleted_by; /* 0: none */
	StampType stamp;       /* of deleted_at */
	SoftDeleteOptions options;
	Oid trigger;      /* the declaring trigger */
	Oid sync_trigger; /* its BEFORE UPDATE sync trigger, or InvalidOid */
	char enabled;     /* tgenabled of the declaring trigger */
} SoftDelete;

/*
 * Names of the triggers. BEFORE triggers fire in the order of their names: the deletion is decided
 * before anybody else sees a DELETE, and the columns are brought in sync after everybody else (a
 * tilde sorts behind all letters).
 */
#define TRIGGER_SOFT_DELETE  "00_account_soft_delete"
#define TRIGGER_TRUNCATE     "00_account_soft_delete_truncate"
#define TRIGGER_STEP         "~account_soft_delete_step"
#define TRIGGER_STEP_INSERT  "~account_soft_delete_insert"
#define TRIGGER_REPLACE      "~account_soft_delete_replace"
#define TRIGGER_CHANGED      "zz_account_soft_delete_changed"
#define TRIGGER_FLUSH        "zz_account_soft_delete_flush"
#define TRIGGER_GUARD_PREFIX "zz_account_guard_"

extern void mapping_init(void);

/* May columns of this type be deleted_at, flag, deleted_by? */
extern bool fits_deleted_at(Oid type);
extern bool fits_flag(Oid type);
extern bool fits_deleted_by(Oid type);

/*
 * The mapping of a table, or NULL when it has no soft delete, or when its trigger does not fire in
 * this session (disabled, or session_replication_role). The caller holds a lock on the table.
 */
extern const SoftDelete *mapping_active(Oid relid);

/* The same, whether the trigger fires or not. */
extern const SoftDelete *mapping_declared(Oid relid);

/* The same; raises 22023 where the table has no soft delete. */
extern const SoftDelete *mapping_of_table(Oid relid);

/*
 * SQL: the assignments of an UPDATE that deletes rows softly; stamp and actor are expressions, such
 * as parameters: the statement runs as a table's owner, who may have no rights in our schema. stamp
 * is of the base type of the column; see stamp.h.
 */
extern char *sql_set_deleted(const SoftDelete *mapping, const char *stamp, const char *actor);

/* SQL: the assignments of an UPDATE that brings rows back. */
extern char *sql_set_live(const SoftDelete *mapping);

/*
 * How stamps of rows are read and compared, and nowhere else: as instants, timestamptz, whatever
 * the type of deleted_at; compared in the coarser of the two precisions.
 */
extern TimestampTz row_stamp(HeapTuple tuple, TupleDesc desc, const SoftDelete *mapping,
							 bool *is_live);

/* The first stamp that is not earlier than an interval, NULL for none, before a stamp. */
extern TimestampTz first_stamp(TimestampTz stamp, const Interval *within);

/* SQL: the stamp of a row `alias` as a timestamptz. */
extern char *sql_row_stamp(Oid relid, const char *alias);

/* SQL: a timestamptz as the column of a table has it. */
extern char *sql_stamp_value(Oid relid, const char *instant);

/* SQL: has the row `alias` of child this stamp, that of a row of parent which it follows? */
extern char *sql_same_stamp(Oid child, const char *alias, Oid parent, const char *instant);

/* SQL: the same, or an earlier one, not earlier than since. */
extern char *sql_stamp_since(Oid child, const char *alias, Oid parent, const char *since,
							 const char *instant);

/* OID of account.purge(regclass, interval, bigint, boolean), else InvalidOid. */
extern Oid account_purge_function(void);

#endif /* PGACCOUNT_MAPPING_H */
