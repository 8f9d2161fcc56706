/*
 * rewrite.c
 *		The walk over a statement that is about to be planned.
 *
 * After the rewriter, so that views are expanded and row security has been applied, and before
 * planning, each Query of the statement is visited once: a DELETE of a soft-delete table becomes an
 * UPDATE (delete_rewrite.c), and the tables it reads lose their deleted rows (hiding.c).
 *
 * Which statements see all rows? Our own, which base/statement.c marks while it plans them; the
 * server's referential checks and actions; a COPY of the table under row security, pg_dump and a
 * subscription's first copy; and everybody's under pgaccount.show_deleted. None of this guards
 * anything: hiding is convenience, row security is the boundary. A referential DELETE is not
 * rewritten either, because its caller counts on a DELETE: referential.c knows it, and
 * account.soft_delete(), the row trigger, judges what it deletes. A statement of somebody's trigger
 * inside such an action is treated like any.
 *
 * SQL functions in FROM are expanded by the planner after this walk, and what they read would not
 * be hidden. So they are expanded here, by the planner's own function, into the same subquery.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "executor/execdesc.h"
#include "miscadmin.h"
#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "replication/walsender.h"
#include "utils/rel.h"

#include "utils/syscache.h"

#include "base/base.h"
#include "conflict.h"
#include "delete_rewrite.h"
#include "hiding.h"
#include "mapping.h"
#include "referential.h"
#include "rewrite.h"
#include "soft_delete.h"

typedef struct RewriteContext
{
	bool hide;         /* deleted rows are hidden in this statement */
	bool rewrite;      /* DELETE is rewritten in this statement */
	PlannerInfo *root; /* a planner's state, just enough to expand functions; made when needed */
	ParamListInfo params;
	RewriteResult *result;
} RewriteContext;

static bool show_all_once = false;

static bool rewrite_walker(Node *node, RewriteContext *context);

/* A table's contents are being copied out: the next statement planned, if any, shows all rows. */
void
rewrite_show_all_once(bool copying)
{
	show_all_once = copying;
}

/* Does a utility statement copy a table out as it is? */
bool
rewrite_copies_table(Node *statement)
{
	if (IsA(statement, CopyStmt))
		return ((CopyStmt *) statement)->relation != NULL && !((CopyStmt *) statement)->is_from;
	return IsA(statement, DeclareCursorStmt) &&
		   strcmp(((DeclareCursorStmt *) statement)->portalname, "_pg_dump_cursor") == 0;
}

/*
 * Does this session copy tables as they are: a subscription's first copy, which has a replication
 * connection to itself, or a shard of Citus that moves?
 */
static bool
session_copies_tables(void)
{
	return am_walsender || citus_copies_shard();
}

/* Is this a function in FROM that the planner may expand: a set, one function alone, in SQL? */
static bool
may_expand(RangeTblEntry *rte)
{
	FuncExpr *call;
	HeapTuple tuple;
	bool is_sql;

	if (rte->funcordinality || list_length(rte->functions) != 1)
		return false;
	call = (FuncExpr *) linitial_node(RangeTblFunction, rte->functions)->funcexpr;
	if (!IsA(call, FuncExpr) || !call->funcretset)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(call->funcid));
	if (!HeapTupleIsValid(tuple))
		return false;
	is_sql = ((Form_pg_proc) GETSTRUCT(tuple))->prolang == SQLlanguageId;
	ReleaseSysCache(tuple);
	return is_sql;
}

/* Expand an SQL function in FROM as the planner would, so that what it reads is walked too. */
static void
expand_function(RangeTblEntry *rte, RewriteContext *context)
{
	PlannerInfo *root = context->root;
	Query *subquery;

	if (!may_expand(rte))
		return;
	if (root == NULL)
	{
		root = makeNode(PlannerInfo);
		root->glob = makeNode(PlannerGlobal);
		root->glob->boundParams = context->params;
		root->parse = makeNode(Query);
		context->root = root;
	}
	rte->functions = (List *) eval_const_expressions(root, (Node *) rte->functions);
	subquery = compat_inline_function(root, rte);
	if (subquery != NULL)
	{
		rte->rtekind = RTE_SUBQUERY;
		rte->subquery = subquery;
		rte->security_barrier = false;
		/* rte->functions stays, as in preprocess_function_rtes: whole-row Vars are made from it */
		rte->funcordinality = false;
	}
}

/* Visit one Query, then those within it. */
static void
rewrite_query(Query *query, RewriteContext *context)
{
	bool rewritten = false;
	ListCell *lc;

	check_stack_depth();

	if (context->rewrite)
		rewritten = delete_rewrite(query);
	if (context->hide && query->commandType != CMD_UTILITY)
		hide_deleted(query, rewritten);
	conflict_rewrite(query, context->hide);

	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_FUNCTION && context->hide)
			expand_function(rte, context);
		if (rte->rtekind == RTE_SUBQUERY)
			rewrite_query(rte->subquery, context);
	}
	foreach (lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (IsA(cte->ctequery, Query))
			rewrite_query((Query *) cte->ctequery, context);
	}
	if (query->hasSubLinks)
		query_tree_walker(query, rewrite_walker, context,
						  QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_CTE_SUBQUERIES);
}

/* Find the Queries of sublinks. */
static bool
rewrite_walker(Node *node, RewriteContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		rewrite_query((Query *) node, context);
		return false;
	}
	return expression_tree_walker(node, rewrite_walker, context);
}

/* Does a table hide its deleted rows? */
static bool
hides_rows(Oid relid)
{
	const SoftDelete *mapping = mapping_active(relid);

	return mapping != NULL && mapping->options.hide;
}

/* Rewrite deletions and hide deleted rows, in place. */
void
rewrite_statement(Query *query, const char *query_string, ParamListInfo params,
				  RewriteResult *result)
{
	RewriteContext context = {.params = params, .result = result};
	OwnStatement own = planning_own(query_string);
	bool show_all = show_all_once;
	const char *text = query_string ? query_string : "";

	memset(result, 0, sizeof(*result));
	show_all_once = false;
	if (query->commandType == CMD_UTILITY || !OidIsValid(account_schema()))
		return;

	citus_rebuild(query, hides_rows);
	context.rewrite = pgaccount_rewrite && own != OWN_PHYSICAL;
	context.hide =
		own == NOT_OWN_STATEMENT && !show_all && !shows_all_deleted() && !session_copies_tables();
	if (context.hide || context.rewrite)
	{
		if (own == NOT_OWN_STATEMENT && is_referential_statement(query, text))
			context.hide = context.rewrite = false;
		else if (is_referential_validation(query))
			context.hide = false;
	}
	if (!context.hide && !context.rewrite)
		return;

	result->deletes = (query->commandType == CMD_DELETE);
	rewrite_query(query, &context);
	result->deletes = result->deletes && query->commandType == CMD_UPDATE;
	if (context.root != NULL)
	{
		result->inval_items = context.root->glob->invalItems;
		result->depends_on_role = context.root->glob->dependsOnRole;
	}
}

/*
 * Tell the finished plan. A rewritten statement is a DELETE again for everyone who asks, while its
 * ModifyTable node goes on updating: the executor looks at the node, the command tag, SPI and
 * ROW_COUNT at the statement.
 */
void
rewrite_finish(PlannedStmt *plan, const RewriteResult *result)
{
	if (result->deletes)
		plan->commandType = CMD_DELETE;
	plan->invalItems = list_concat(plan->invalItems, result->inval_items);
	plan->dependsOnRole |= result->depends_on_role;
}

/*
 * May the BEFORE UPDATE sync trigger of a table be disabled in this statement? A rewritten DELETE
 * sets deleted_at and its flag together, and an UPDATE of other columns leaves both alone. The
 * companion stays where rows may move between partitions, and where a deletion is to be guarded.
 */
static bool
needs_no_step(EState *estate, ResultRelInfo *target, const SoftDelete *mapping, bool deletion)
{
	Bitmapset *updated;

	if (target->ri_RelationDesc->rd_rel->relispartition)
		return false;
	if (deletion)
		return !mapping->options.guard_references;
	updated = ExecGetUpdatedCols(target, estate);
	return !bms_is_member(mapping->deleted_at - FirstLowInvalidHeapAttributeNumber, updated) &&
		   (mapping->flag == InvalidAttrNumber ||
			!bms_is_member(mapping->flag - FirstLowInvalidHeapAttributeNumber, updated));
}

/* The mapping of a table that a statement writes, where its sync trigger fires before an UPDATE. */
static const SoftDelete *
mapping_in_sync(const ResultRelInfo *target)
{
	const TriggerDesc *triggers = target->ri_TrigDesc;
	const SoftDelete *mapping;

	if (triggers == NULL || !triggers->trig_update_before_row)
		return NULL;
	mapping = mapping_active(RelationGetRelid(target->ri_RelationDesc));
	return mapping != NULL && OidIsValid(mapping->sync_trigger) ? mapping : NULL;
}

/*
 * Called after ExecutorStart. Without a BEFORE UPDATE trigger the executor need not lock each row
 * beforehand. Other BEFORE triggers may change any column, so with them the companion stays as
 * well.
 */
void
rewrite_executor_start(QueryDesc *desc)
{
	ModifyTable *node = (ModifyTable *) desc->plannedstmt->planTree;
	ListCell *lc;

	if (node == NULL || !IsA(node, ModifyTable) || node->operation != CMD_UPDATE)
		return;

	foreach (lc, desc->estate->es_opened_result_relations)
	{
		ResultRelInfo *target = lfirst(lc);
		const SoftDelete *mapping = mapping_in_sync(target);
		bool deletion;

		if (mapping == NULL)
			continue;
		/* targets of data-modifying CTEs are in the list too, with statements of their own */
		deletion = desc->operation == CMD_DELETE &&
				   list_member_int(node->resultRelations, target->ri_RangeTableIndex);
		if (needs_no_step(desc->estate, target, mapping, deletion))
			disable_sync_trigger(target->ri_TrigDesc, mapping->sync_trigger);
	}
}

/*
 * ExecutorCallback of an UPDATE of ours that sets deleted_at and its flag together, to live: the
 * same for it. Nothing is to be guarded where rows come back.
 */
void
rewrite_restore_start(EState *estate, void *arg)
{
	ListCell *lc;

	foreach (lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *target = lfirst(lc);
		const SoftDelete *mapping = mapping_in_sync(target);

		if (mapping != NULL && !target->ri_RelationDesc->rd_rel->relispartition)
			disable_sync_trigger(target->ri_TrigDesc, mapping->sync_trigger);
	}
}
