/*
 * hiding.c
 *		Deleted rows are gone for every query.
 *
 * The live condition of a table goes where one would write it: into the WHERE of the level it
 * stands in, or into the ON of the join that it is on the nullable side of. So the tree stays one
 * that anybody can plan, or deparse; outer joins, aggregates, locking clauses, partial indexes and
 * row estimates come out as written by hand. (As a security-level condition it would do the same,
 * but every operator that is not marked leakproof, LIKE and citext's equality among them, would
 * then be kept away from its index.) Below a full join neither place will do: there the table gets
 * a FromExpr of its own, which is what the planner makes of `(SELECT * FROM users WHERE deleted_at
 * IS NULL)`.
 *
 * The tables of a MERGE are put together by the planner later, in a way of its own: its target, and
 * a source that is one table, do get a security-level condition.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "base/base.h"
#include "hiding.h"

/* `deleted_at IS NULL` of a range table entry. */
Node *
live_condition(const SoftDelete *mapping, Index rtindex)
{
	NullTest *test = makeNode(NullTest);

	/*
	 * typmod and all as in the predicate of an index, or it would be another column to the planner
	 */
	test->arg = (Expr *) makeVar(rtindex, mapping->deleted_at, mapping->stamp.declared,
								 mapping->stamp.declared_typmod, InvalidOid, 0);
	test->nulltesttype = IS_NULL;
	test->argisrow = false;
	test->location = -1;
	return (Node *) test;
}

/* The live condition of a range table entry, or NULL where nothing is to be hidden. */
static Node *
hidden_condition(Query *query, Index rtindex)
{
	RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
	const SoftDelete *mapping;
	Node *condition;

	if (rte->rtekind != RTE_RELATION ||
		(rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE))
		return NULL;
	mapping = mapping_active(rte->relid);
	if (mapping == NULL || !mapping->options.hide)
		return NULL;
	condition = live_condition(mapping, rtindex);
	return shows_deleted_of(rte->relid) ? NULL : condition;
}

/* Add a condition to the quals of a join tree level. */
static Node *
and_quals(Node *quals, Node *condition)
{
	return quals == NULL ? condition : (Node *) make_and_qual(quals, condition);
}

/*
 * Hide below a node of the join tree; returns what stands in its place. quals is where conditions
 * on tables that are not nulled at this place go, NULL where there is no such place. skip is a
 * range table entry to leave alone.
 */
static Node *
hide_in_jointree(Query *query, Node *node, Node **quals, Index skip)
{
	check_stack_depth();

	if (node == NULL)
		return NULL;
	if (IsA(node, RangeTblRef))
	{
		Index rtindex = ((RangeTblRef *) node)->rtindex;
		Node *condition = rtindex == skip ? NULL : hidden_condition(query, rtindex);

		if (condition == NULL)
			return node;
		if (quals == NULL)
		{
			/* Citus could not write that as text; each shard hides its own rows */
			if (is_citus_table(rt_fetch(rtindex, query->rtable)->relid))
				return node;
			return (Node *) makeFromExpr(list_make1(node), condition);
		}
		*quals = and_quals(*quals, condition);
		return node;
	}
	if (IsA(node, FromExpr))
	{
		FromExpr *from = (FromExpr *) node;
		ListCell *lc;

		foreach (lc, from->fromlist)
			lfirst(lc) = hide_in_jointree(query, lfirst(lc), &from->quals, skip);
		return node;
	}
	if (IsA(node, JoinExpr))
	{
		JoinExpr *join = (JoinExpr *) node;
		Node **left = NULL;
		Node **right = NULL;

		switch (join->jointype)
		{
			case JOIN_INNER:
				left = right = &join->quals;
				break;
			case JOIN_LEFT:
				left = quals;
				right = &join->quals;
				break;
			case JOIN_RIGHT:
				left = &join->quals;
				right = quals;
				break;
			default:
				break;
		}
		join->larg = hide_in_jointree(query, join->larg, left, skip);
		join->rarg = hide_in_jointree(query, join->rarg, right, skip);
		return node;
	}
	elog(ERROR, "unrecognized node type: %d", (int) nodeTag(node));
}

/* Hide the deleted rows of a range table entry by a security-level condition. */
static void
hide_by_security(Query *query, Index rtindex)
{
	RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
	Node *condition = hidden_condition(query, rtindex);

	if (condition != NULL)
		rte->securityQuals = lappend(rte->securityQuals, condition);
}

/* Hide the deleted rows of the tables this Query reads itself. target_done: its target is live. */
void
hide_deleted(Query *query, bool target_done)
{
	Index target = query->resultRelation;

	if (query->rtable == NIL)
		return;
	if (query->commandType == CMD_MERGE)
	{
		ListCell *lc;

		/*
		 * the quals of this level are the ON condition: a deleted source row must not get that far
		 */
		foreach (lc, query->jointree->fromlist)
		{
			if (IsA(lfirst(lc), RangeTblRef))
				hide_by_security(query, lfirst_node(RangeTblRef, lc)->rtindex);
			else
				lfirst(lc) = hide_in_jointree(query, lfirst(lc), NULL, 0);
		}
		hide_by_security(query, target);
		return;
	}
	hide_in_jointree(query, (Node *) query->jointree, NULL, target_done ? target : 0);
}
