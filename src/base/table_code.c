/*
 * table_code.c
 *		Code of a table's owner that the server runs when it looks at the table, before it looks at
 *		a row.
 *
 * An immutable function of constants is evaluated as soon as somebody looks at the expression that
 * it is in: when the relation cache reads the expressions of an index or a partition key, for it
 * keeps them so, and when a statement is planned. Whoever looks first is the one it runs as. So
 * here they are read as the owner of the table, and the planner finds them read. What it would
 * evaluate anew each time, it is not shown.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic_ext.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "identifiers.h"
#include "run_as.h"
#include "table_code.h"
#include "version.h"

/* Has an index this attribute of pg_index? */
static bool
has(Relation index, AttrNumber attnum)
{
	return !heap_attisnull(index->rd_indextuple, attnum, NULL);
}

/* The expressions of an index. */
List *
index_expressions(Relation index)
{
	RoleState saved;
	List *result;

	if (!has(index, Anum_pg_index_indexprs))
		return NIL;
	if (index->rd_indexprs != NIL) /* read before */
		return RelationGetIndexExpressions(index);
	saved = run_as(index->rd_rel->relowner);
	result = RelationGetIndexExpressions(index);
	run_as_end(saved);
	return result;
}

/*
 * Its predicate. One that is always true the server would not keep, and evaluate again, unless it
 * is kept here.
 */
List *
index_predicate(Relation index)
{
	RoleState saved;
	List *result;

	if (!has(index, Anum_pg_index_indpred))
		return NIL;
	if (index->rd_indpred != NIL) /* read before */
		return RelationGetIndexPredicate(index);
	saved = run_as(index->rd_rel->relowner);
	result = RelationGetIndexPredicate(index);
	run_as_end(saved);
	if (result == NIL && index->rd_indexcxt != NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(index->rd_indexcxt);

		index->rd_indpred = list_make1(makeBoolConst(true, false));
		MemoryContextSwitchTo(caller);
		result = RelationGetIndexPredicate(index);
	}
	return result;
}

/* Have the expressions of a table's indexes read. */
static void
read_indexes(Relation rel)
{
	ListCell *lc;

	foreach (lc, RelationGetIndexList(rel))
	{
		Relation index;

		if (!index_has_code(lfirst_oid(lc)))
			continue;
		index = index_open(lfirst_oid(lc), AccessShareLock);
		(void) index_expressions(index);
		(void) index_predicate(index);
		index_close(index, NoLock);
	}
}

/* Open the indexes of a table. */
void
open_indexes(ResultRelInfo *target)
{
	read_indexes(target->ri_RelationDesc);
	ExecOpenIndices(target, false);
}

/* Have the key of a partitioned table read. */
static void
read_partition_key(Relation rel)
{
	RoleState saved;

	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	saved = run_as(rel->rd_rel->relowner);
	(void) RelationGetPartitionKey(rel);
	run_as_end(saved);
}

/* Has a table statistics of expressions? */
static bool
has_expression_statistics(Relation rel)
{
	ListCell *lc;
	bool found = false;

	foreach (lc, RelationGetStatExtList(rel))
	{
		HeapTuple tuple = SearchSysCache1(STATEXTOID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		found |= !heap_attisnull(tuple, Anum_pg_statistic_ext_stxexprs, NULL);
		ReleaseSysCache(tuple);
	}
	return found;
}

/* Let the planner find a table of somebody else read. */
static void
read_table(Planning *planning, Oid relid)
{
	Relation rel;

	if (relation_owner(relid) == GetUserId())
		return;
	rel = table_open(relid, NoLock);
	read_indexes(rel);
	read_partition_key(rel);
	if (planning->guc_level == 0)
	{
		planning->guc_level = NewGUCNestLevel();
		(void) set_config_option("constraint_exclusion", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	}
	if (!has_expression_statistics(rel))
	{
		table_close(rel, NoLock);
		return;
	}
	planning->without_statistics = lappend(planning->without_statistics, rel);
	list_free(rel->rd_statlist);
	rel->rd_statlist = NIL;
	rel->rd_statvalid = true;
}

/* Collect the tables of a query. */
static bool
collect_tables(Node *node, void *context)
{
	List **tables = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_tables, context, QTW_EXAMINE_RTES_BEFORE);
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			*tables = lappend(*tables, node);
		return false;
	}
	return expression_tree_walker(node, collect_tables, context);
}

/* Before a statement is planned. */
void
planning_begin(Planning *planning, Query *query)
{
	List *tables = NIL;
	ListCell *lc;

	planning->without_statistics = NIL;
	planning->guc_level = 0;
	(void) collect_tables((Node *) query, &tables);
	foreach (lc, tables)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		ListCell *child;

		if (rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE &&
			rte->relkind != RELKIND_MATVIEW && rte->relkind != RELKIND_FOREIGN_TABLE)
			continue;
		if (!rte->inh || !has_subclass(rte->relid))
			read_table(planning, rte->relid);
		else
			foreach (child, find_all_inheritors(rte->relid, AccessShareLock, NULL))
				read_table(planning, lfirst_oid(child));
	}
}

/* After it. */
void
planning_end(Planning *planning)
{
	ListCell *lc;

	foreach (lc, planning->without_statistics)
	{
		Relation rel = lfirst(lc);

		rel->rd_statvalid = false;
		table_close(rel, NoLock);
	}
	if (planning->guc_level > 0)
		AtEOXact_GUC(false, planning->guc_level);
}

/* Refuse a function that a role may not call. */
static bool
check_function(Oid function, void *context)
{
	Oid role = *(Oid *) context;

	if (compat_may_execute(function, role))
		return false;
	aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function));
	return true;
}

/* The same for all that a query, or a part of it, reads and calls. */
static bool
set_privileges(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query *query = (Query *) node;
		ListCell *lc;

		foreach (lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION && !OidIsValid(compat_check_as_user(query, rte)))
				compat_set_check_as_user(query, rte, *(Oid *) context);
		}
		return query_tree_walker(query, set_privileges, context, 0);
	}
	(void) check_functions_in_node(node, check_function, context);
	return expression_tree_walker(node, set_privileges, context);
}

/* Have the privileges that a statement needs be those of a role. */
void
privileges_of(Query *query, Oid role)
{
	(void) set_privileges((Node *) query, &role);
}

/* Does this index run functions that somebody wrote? */
bool
index_has_code(Oid index_id)
{
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index_id));
	bool found;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = !heap_attisnull(tuple, Anum_pg_index_indexprs, NULL) ||
			!heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	ReleaseSysCache(tuple);
	return found;
}

/* Functions of the server that run a query they are given. */
static const char *const query_runners[] = {"query_to_xml",
											"query_to_xmlschema",
											"query_to_xml_and_xmlschema",
											"cursor_to_xml",
											"cursor_to_xmlschema",
											"table_to_xml",
											"table_to_xmlschema",
											"table_to_xml_and_xmlschema",
											"schema_to_xml",
											"schema_to_xmlschema",
											"schema_to_xml_and_xmlschema",
											"database_to_xml",
											"database_to_xmlschema",
											"database_to_xml_and_xmlschema",
											"ts_stat",
											"ts_rewrite"};

/* What of a function says what it may do. */
typedef struct FunctionTraits
{
	bool internal;
	bool c;
	bool immutable;
	bool is_volatile;
	bool has_arguments;
	bool runs_query; /* that it is given */
	bool ours;
} FunctionTraits;

/* Read them. False: there is no such function. */
static bool
read_traits(Oid function, FunctionTraits *traits)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	*traits = (FunctionTraits){.internal = form->prolang == INTERNALlanguageId,
							   .c = form->prolang == ClanguageId,
							   .immutable = form->provolatile == PROVOLATILE_IMMUTABLE,
							   .is_volatile = form->provolatile == PROVOLATILE_VOLATILE,
							   .has_arguments = form->pronargs > 0,
							   .ours = form->pronamespace == account_schema()};
	for (int i = 0; traits->internal && i < lengthof(query_runners); i++)
		traits->runs_query |= strcmp(NameStr(form->proname), query_runners[i]) == 0;
	ReleaseSysCache(tuple);
	return true;
}

/* Might this function run somebody's SQL? */
static bool
runs_user_code(Oid function, void *context)
{
	FunctionTraits traits;

	if (!read_traits(function, &traits))
		return true;
	return traits.internal ? traits.runs_query
						   : !traits.c || (!traits.immutable && traits.has_arguments);
}

/* Does it do what it is told, as whoever calls it? See the header. */
bool
function_does_as_told(Oid function)
{
	FunctionTraits traits;

	if (!read_traits(function, &traits))
		return false;
	if (traits.internal)
		return traits.runs_query || (traits.is_volatile && traits.has_arguments);
	return traits.c && traits.has_arguments && !traits.immutable &&
		   (traits.is_volatile || !traits.ours);
}

/* The same, for check_functions_in_node(). */
static bool
does_as_told(Oid function, void *context)
{
	return function_does_as_told(function);
}

/* Does an expression call a function that might run somebody's SQL, or check a domain? */
static bool
calls_code(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, runs_user_code, NULL))
		return true;
	if (IsA(node, CoerceToDomain) &&
		compat_domain_has_constraints(((CoerceToDomain *) node)->resulttype))
		return true;
	return expression_tree_walker(node, calls_code, context);
}

/* The same, and such as do what they are told, but no domains. */
static bool
calls_functions(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, runs_user_code, NULL) ||
		   check_functions_in_node(node, does_as_told, NULL) ||
		   expression_tree_walker(node, calls_functions, context);
}

bool
expression_calls_functions(Node *expression)
{
	return calls_functions(expression, NULL);
}

bool
expression_calls_code(Node *expression)
{
	return calls_code(expression, NULL);
}

/* The same for an index. */
bool
index_calls_code(Oid index_id)
{
	Relation index;
	bool result;

	if (!index_has_code(index_id))
		return false;
	index = index_open(index_id, AccessShareLock);
	result = expression_calls_code((Node *) index_expressions(index)) ||
			 expression_calls_code((Node *) index_predicate(index));
	index_close(index, AccessShareLock);
	return result;
}

/* Is there anything in an expression but columns, constants and IS NOT NULL? */
static bool
calls_something(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_List:
		case T_Var:
		case T_Const:
		case T_NullTest:
		case T_BoolExpr:
			return expression_tree_walker(node, calls_something, context);
		default:
			return true;
	}
}

/*
 * Does entering a row into an open index run anything that somebody wrote? Operator classes are
 * superusers'.
 */
static bool
entry_runs_code(const IndexInfo *info)
{
	return info->ii_Am != BTREE_AM_OID || info->ii_ExclusionOps != NULL ||
		   info->ii_Expressions != NIL || calls_something((Node *) info->ii_Predicate, NULL);
}

/* Does writing a row run anything that somebody wrote? See the header. */
bool
write_runs_code(const ResultRelInfo *target, CmdType command)
{
	const TupleConstr *constr = RelationGetDescr(target->ri_RelationDesc)->constr;
	const TriggerDesc *triggers = target->ri_TrigDesc;

	if (triggers != NULL &&
		(command == CMD_INSERT
			 ? triggers->trig_insert_before_row || triggers->trig_insert_after_row
			 : triggers->trig_update_before_row || triggers->trig_update_after_row))
		return true;
	if (target->ri_RelationDesc->rd_rel->relispartition ||
		(constr != NULL && (constr->num_check > 0 || constr->has_generated_stored)))
		return true;
	for (int i = 0; i < target->ri_NumIndices; i++)
		if (entry_runs_code(target->ri_IndexRelationInfo[i]))
			return true;
	return false;
}
