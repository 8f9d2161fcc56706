/*
 * compat.h
 *		Every difference between the PostgreSQL majors that pgaccount supports (15 to 19).
 *
 * No other file of the project looks at PG_VERSION_NUM.
 */
#ifndef PGACCOUNT_COMPAT_H
#define PGACCOUNT_COMPAT_H

#include "access/attmap.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "optimizer/planner.h"
#include "parser/parse_relation.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150002
#error "pgaccount needs PostgreSQL 15.2 or later"
#endif

/* 16 moved the macros of variable-length values into a header of their own. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * The library hides its symbols (-fvisibility=hidden), but for what the server calls. From 16 on
 * the server's headers say so; all functions of SQL are in files that include this one.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(name)                                                                  \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                               \
	extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, name)(void);                    \
	const Pg_finfo_record *CppConcat(pg_finfo_, name)(void)                                        \
	{                                                                                              \
		static const Pg_finfo_record info = {1};                                                   \
		return &info;                                                                              \
	}                                                                                              \
	extern int no_such_variable
#endif

/*
 * A place where tests make an operation fail or wait, where the server was built with injection
 * points (17 and later): pgaccount-<name>. Elsewhere it is nothing.
 */
#ifdef USE_INJECTION_POINTS
#include "utils/injection_point.h"
#if PG_VERSION_NUM >= 180000
#define FAILURE_POINT(name) INJECTION_POINT("pgaccount-" name, NULL)
#else
#define FAILURE_POINT(name) INJECTION_POINT("pgaccount-" name)
#endif
#else
#define FAILURE_POINT(name) ((void) 0)
#endif

/* 18 shows name and version of a loaded library. */
#ifdef PG_MODULE_MAGIC_EXT
#define COMPAT_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "pgaccount", .version = PGACCOUNT_VERSION)
#else
#define COMPAT_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* 16 made one function of the ownership checks. */
#if PG_VERSION_NUM >= 160000
#define compat_object_ownercheck(classid, objid, roleid) object_ownercheck(classid, objid, roleid)
#else
/* Is the role the owner of this relation? The only class asked for is pg_class. */
static inline bool
compat_object_ownercheck(Oid classid, Oid objid, Oid roleid)
{
	Assert(classid == RelationRelationId);
	return pg_class_ownercheck(objid, roleid);
}
#endif

/* Is the role the owner of this extension? */
static inline bool
compat_extension_ownercheck(Oid extension, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(ExtensionRelationId, extension, roleid);
#else
	return pg_extension_ownercheck(extension, roleid);
#endif
}

/* May the role use the schema? 16 made one function of the privilege checks, too. */
static inline bool
compat_may_use_schema(Oid schema, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(NamespaceRelationId, schema, roleid, ACL_USAGE) == ACLCHECK_OK;
#else
	return pg_namespace_aclcheck(schema, roleid, ACL_USAGE) == ACLCHECK_OK;
#endif
}

/* May the role call the function? */
static inline bool
compat_may_execute(Oid function, Oid roleid)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, roleid, ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(function, roleid, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

/*
 * Say that an UPDATE sets these columns of its target (a bitmapset of attribute numbers, offset by
 * FirstLowInvalidHeapAttributeNumber). 16 moved the set from the range table entry into
 * RTEPermissionInfo. (The generated columns that follow are found by the executor, since 15.2.)
 */
static inline void
compat_add_updated_cols(Query *query, RangeTblEntry *rte, Bitmapset *cols)
{
#if PG_VERSION_NUM >= 160000
	RTEPermissionInfo *perminfo = getRTEPermissionInfo(query->rteperminfos, rte);

	perminfo->updatedCols = bms_add_members(perminfo->updatedCols, cols);
#else
	rte->updatedCols = bms_add_members(rte->updatedCols, cols);
#endif
}

/*
 * Make an executor state that knows one table, as an UPDATE of these columns would have it, for
 * callers that write tuples themselves. The table is number 1 of its range table.
 */
static inline void
compat_init_range_table(EState *estate, Relation rel, Bitmapset *updated)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(rel);
	rte->relkind = rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
	{
		List *perminfos = NIL;

		addRTEPermissionInfo(&perminfos, rte)->updatedCols = updated;
#if PG_VERSION_NUM >= 180000
		ExecInitRangeTable(estate, list_make1(rte), perminfos, bms_make_singleton(1));
#else
		ExecInitRangeTable(estate, list_make1(rte), perminfos);
#endif
	}
#else
	rte->updatedCols = updated;
	ExecInitRangeTable(estate, list_make1(rte));
#endif
}

/* Up to 15 the sixth argument has a function of its own. */
#if PG_VERSION_NUM >= 160000
#define compat_EvalPlanQualInit(epq, estate) EvalPlanQualInit(epq, estate, NULL, NIL, -1, NIL)
#else
#define compat_EvalPlanQualInit(epq, estate) EvalPlanQualInit(epq, estate, NULL, NIL, -1)
#endif

/* Fire the BEFORE UPDATE triggers of a row, which may change the new one. False: it stays. */
static inline bool
compat_fire_before_update(EState *estate, EPQState *epq, ResultRelInfo *target, ItemPointer tid,
						  TupleTableSlot *slot)
{
#if PG_VERSION_NUM >= 180000
	return ExecBRUpdateTriggers(estate, epq, target, tid, NULL, slot, NULL, NULL, false);
#elif PG_VERSION_NUM >= 160000
	return ExecBRUpdateTriggers(estate, epq, target, tid, NULL, slot, NULL, NULL);
#else
	return ExecBRUpdateTriggers(estate, epq, target, tid, NULL, slot, NULL);
#endif
}

/* 18 has foreign keys that are there but not enforced, and foreign keys over periods. */
#if PG_VERSION_NUM >= 180000
#define compat_is_enforced(constraint_form) ((constraint_form)->conenforced)
#define compat_is_period(constraint_form)   ((constraint_form)->conperiod)
#else
#define compat_is_enforced(constraint_form) true
#define compat_is_period(constraint_form)   false
#endif

/* 18 has generated columns whose values are computed when they are read, and are in no row. */
#if PG_VERSION_NUM >= 180000
#define compat_is_virtual(att)           ((att)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#define compat_generated_as(rel, attnum) build_generation_expression(rel, attnum)
#else
#define compat_is_virtual(att)           ((void) (att), false)
#define compat_generated_as(rel, attnum) build_column_default(rel, attnum)
#endif

/*
 * The role whose privileges and policies apply to this range table entry; InvalidOid: the caller's.
 */
static inline Oid
compat_check_as_user(Query *query, RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 160000
	if (rte->perminfoindex == 0)
		return InvalidOid;
	return getRTEPermissionInfo(query->rteperminfos, rte)->checkAsUser;
#else
	return rte->checkAsUser;
#endif
}

/* Have the privileges on this range table entry be those of a role. */
static inline void
compat_set_check_as_user(Query *query, RangeTblEntry *rte, Oid role)
{
#if PG_VERSION_NUM >= 160000
	if (rte->perminfoindex != 0)
		getRTEPermissionInfo(query->rteperminfos, rte)->checkAsUser = role;
#else
	rte->checkAsUser = role;
#endif
}

/*
 * Since 16 a partition or a table that inherits may compute a generated column in another way than
 * its parent.
 */
#define compat_own_generated (PG_VERSION_NUM >= 160000)

/*
 * ExecInsertIndexTuples and its kin take the same arguments throughout; ExecutorRun lost one in 18.
 */
#if PG_VERSION_NUM >= 180000
#define compat_ExecutorRun(queryDesc, count) ExecutorRun(queryDesc, ForwardScanDirection, count)
#else
#define compat_ExecutorRun(queryDesc, count)                                                       \
	ExecutorRun(queryDesc, ForwardScanDirection, count, true)
#endif

/* A setting by its name, which must be there: 16 looks it up in a hash table. */
static inline struct config_generic *
compat_guc_find(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, LOG);
#else
	struct config_generic **settings = get_guc_variables();

	for (int i = GetNumConfigOptions() - 1; i >= 0; i--)
		if (strcmp(settings[i]->name, name) == 0)
			return settings[i];
	return NULL;
#endif
}

/*
 * Was the source of a plan made under the present search_path? 17 gave the saved path another name.
 */
#if PG_VERSION_NUM >= 170000
#define compat_path_is_current(source) SearchPathMatchesCurrentEnvironment((source)->search_path)
#else
#define compat_path_is_current(source) OverrideSearchPathMatchesCurrent((source)->search_path)
#endif

/* The arguments of the executor's hook, as a function has them and as it hands them on. */
#if PG_VERSION_NUM >= 180000
#define COMPAT_EXECUTOR_RUN_PARAMS QueryDesc *desc, ScanDirection direction, uint64 count
#define COMPAT_EXECUTOR_RUN_ARGS   desc, direction, count
#else
#define COMPAT_EXECUTOR_RUN_PARAMS                                                                 \
	QueryDesc *desc, ScanDirection direction, uint64 count, bool execute_once
#define COMPAT_EXECUTOR_RUN_ARGS desc, direction, count, execute_once
#endif

/* The arguments of the planner's hook, in the same way; 19 tells who explains. */
#if PG_VERSION_NUM >= 190000
#define COMPAT_PLANNER_PARAMS                                                                      \
	Query *parse, const char *query_string, int cursor_options, ParamListInfo params,              \
		ExplainState *explain
#define COMPAT_PLANNER_ARGS                   parse, query_string, cursor_options, params, explain
#define compat_plan_query(query, sql, params) pg_plan_query(query, sql, 0, params, NULL)
#else
#define COMPAT_PLANNER_PARAMS                                                                      \
	Query *parse, const char *query_string, int cursor_options, ParamListInfo params
#define COMPAT_PLANNER_ARGS                   parse, query_string, cursor_options, params
#define compat_plan_query(query, sql, params) pg_plan_query(query, sql, 0, params)
#endif

/* The range table indexes of a statement's target tables: a set in 19, a list before. */
static inline List *
compat_result_relations(const PlannedStmt *stmt)
{
#if PG_VERSION_NUM >= 190000
	List *relations = NIL;
	int rtindex = -1;

	while ((rtindex = bms_next_member(stmt->resultRelationRelids, rtindex)) >= 0)
		relations = lappend_int(relations, rtindex);
	return relations;
#else
	return stmt->resultRelations;
#endif
}

/* Expand a function in FROM: 19 can do so to functions of other languages, too. */
#if PG_VERSION_NUM >= 190000
#define compat_inline_function(root, rte) inline_function_in_from(root, rte)
#else
#define compat_inline_function(root, rte) inline_set_returning_function(root, rte)
#endif

/*
 * A jsonb that is being made. 19 keeps what has been made of it in the state, and returns nothing.
 */
#if PG_VERSION_NUM >= 190000
typedef JsonbInState JsonbBuild;
#else
typedef struct JsonbBuild
{
	JsonbValue *result; /* the whole, when its end was pushed */
	JsonbParseState *parseState;
} JsonbBuild;
#endif

/* Add to a jsonb that is being made. */
static inline void
compat_push_jsonb(JsonbBuild *build, JsonbIteratorToken token, JsonbValue *value)
{
#if PG_VERSION_NUM >= 190000
	pushJsonbValue(build, token, value);
#else
	build->result = pushJsonbValue(&build->parseState, token, value);
#endif
}

/* A description of tuples whose columns are all there: 19 computes where they lie. */
#if PG_VERSION_NUM >= 190000
#define compat_tupdesc_finish(desc) TupleDescFinalize(desc)
#else
#define compat_tupdesc_finish(desc) ((void) 0)
#endif

/* 19 says beside whether a domain's constraints are volatile. */
#if PG_VERSION_NUM >= 190000
#define compat_domain_has_constraints(type) DomainHasConstraints(type, NULL)
#else
#define compat_domain_has_constraints(type) DomainHasConstraints(type)
#endif

/* A hash table in shared memory of a fixed size: 19 knows no other. */
#if PG_VERSION_NUM >= 190000
#define compat_shmem_hash(name, size, ctl, flags) ShmemInitHash(name, size, ctl, flags)
#else
#define compat_shmem_hash(name, size, ctl, flags) ShmemInitHash(name, size, size, ctl, flags)
#endif

/* 18 counts index searches for EXPLAIN, 17 and before do not; 19 has flags. */
#if PG_VERSION_NUM >= 190000
#define compat_index_beginscan(heap, index, snapshot, nkeys)                                       \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0, SO_NONE)
#elif PG_VERSION_NUM >= 180000
#define compat_index_beginscan(heap, index, snapshot, nkeys)                                       \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define compat_index_beginscan(heap, index, snapshot, nkeys)                                       \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif

/* What an index scan fetches rows of its table by; 19 has flags. */
#if PG_VERSION_NUM >= 190000
#define compat_index_fetch_begin(rel) table_index_fetch_begin(rel, SO_NONE)
#else
#define compat_index_fetch_begin(rel) table_index_fetch_begin(rel)
#endif

/* A scan of a whole table; 19 has flags. */
#if PG_VERSION_NUM >= 190000
#define compat_table_beginscan(rel, snapshot) table_beginscan(rel, snapshot, 0, NULL, SO_NONE)
#else
#define compat_table_beginscan(rel, snapshot) table_beginscan(rel, snapshot, 0, NULL)
#endif

/* The file of a table, by its name of before 16 or by that of since. */
#if PG_VERSION_NUM >= 160000
#define compat_locator(rel) ((rel)->rd_locator)
#else
#define compat_locator(rel) ((rel)->rd_node)
#endif

/* The index of a table's primary key; 18 asks whether it may be deferrable. */
#if PG_VERSION_NUM >= 180000
#define compat_primary_key_index(rel) RelationGetPrimaryKeyIndex(rel, false)
#else
#define compat_primary_key_index(rel) RelationGetPrimaryKeyIndex(rel)
#endif

/* The sequence of an identity column; 17 asks for the relation. */
#if PG_VERSION_NUM >= 170000
#define compat_identity_sequence(rel, attnum) getIdentitySequence(rel, attnum, false)
#else
#define compat_identity_sequence(rel, attnum)                                                      \
	getIdentitySequence(RelationGetRelid(rel), attnum, false)
#endif

/*
 * Memory of a check hook's extra, which the GUC mechanism frees: 16 gave it a context of its own.
 */
static inline void *
compat_guc_malloc(size_t size)
{
#if PG_VERSION_NUM >= 160000
	return guc_malloc(LOG, size);
#else
	return malloc(size);
#endif
}

/* A function that does not return, said before its declaration: 18 has a keyword for it. */
#if PG_VERSION_NUM >= 180000
#define compat_noreturn pg_noreturn
#else
#define compat_noreturn pg_attribute_noreturn()
#endif

/* Names of wait events came with 17; before, an extension's waits all look alike. */
#if PG_VERSION_NUM >= 170000
#define compat_wait_event_new(name) WaitEventExtensionNew(name)
#else
#define compat_wait_event_new(name) PG_WAIT_EXTENSION
#endif

/* Has this session a lock? 17 asks whether a stronger one would do. */
#if PG_VERSION_NUM >= 170000
#define compat_lock_held(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define compat_lock_held(tag, mode) LockHeldByMe(tag, mode)
#endif

/* 17 has infinite intervals. */
#ifdef INTERVAL_NOT_FINITE
#define compat_interval_is_finite(interval) (!INTERVAL_NOT_FINITE(interval))
#else
#define compat_interval_is_finite(interval) ((interval) != NULL)
#endif

#endif /* PGACCOUNT_COMPAT_H */
