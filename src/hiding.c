/*
 * hiding.c
 *		Deleted rows are gone for every query.
 *
 * The live condition of a table goes where the table stands in the join tree: into the WHERE of the
 * level it is a plain member of, else, under a join, into a FromExpr of its own around it. That is
 * the tree which the planner itself makes of `(SELECT * FROM users WHERE deleted_at IS NULL)`, so
 * outer joins, aggregates, locking clauses, partial indexes and row estimates come out as written by
 * hand. (As a security-level condition it would do the same, but every operator that is not marked
 * leakproof, LIKE and citext's equality among them, would then be kept away from its index.)
 *
 * A MERGE puts its target into the join tree only later; there a security-level condition it is.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "hiding.h"

/* `deleted_at IS NULL` of a range table entry. */
Node *
live_condition(const SoftDelete *mapping, Index rtindex)
{
	NullTest *test = makeNode(NullTest);

	test->arg = (Expr *) makeVar(rtindex, mapping->deleted_at, TIMESTAMPTZOID, -1, InvalidOid, 0);
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

	if (rte->rtekind != RTE_RELATION ||
		(rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE))
		return NULL;
	mapping = mapping_active(rte->relid);
	if (mapping == NULL || !mapping->options.hide)
		return NULL;
	return live_condition(mapping, rtindex);
}

/* Add a condition to the quals of a join tree level. */
static Node *
and_quals(Node *quals, Node *condition)
{
	return quals == NULL ? condition : (Node *) make_and_qual(quals, condition);
}

/*
 * Hide below a node of the join tree; returns what stands in its place. level is the FromExpr that
 * the node is a plain member of, NULL under a join. skip is a range table entry to leave alone.
 */
static Node *
hide_in_jointree(Query *query, Node *node, FromExpr *level, Index skip)
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
		if (level == NULL)
			return (Node *) makeFromExpr(list_make1(node), condition);
		level->quals = and_quals(level->quals, condition);
		return node;
	}
	if (IsA(node, FromExpr))
	{
		FromExpr *from = (FromExpr *) node;
		ListCell *lc;

		foreach (lc, from->fromlist)
			lfirst(lc) = hide_in_jointree(query, lfirst(lc), from, skip);
		return node;
	}
	if (IsA(node, JoinExpr))
	{
		JoinExpr *join = (JoinExpr *) node;

		join->larg = hide_in_jointree(query, join->larg, NULL, skip);
		join->rarg = hide_in_jointree(query, join->rarg, NULL, skip);
		return node;
	}
	elog(ERROR, "unrecognized node type: %d", (int) nodeTag(node));
}

/* Hide the deleted rows of the tables this Query reads itself. target_done: its target is live. */
void
hide_deleted(Query *query, bool target_done)
{
	Index target = query->resultRelation;
	Node *condition;

	if (query->rtable == NIL)
		return;
	if (query->commandType == CMD_MERGE)
	{
		ListCell *lc;

		/* the quals of this level are the ON condition: a deleted source row must not get that far */
		foreach (lc, query->jointree->fromlist)
			lfirst(lc) = hide_in_jointree(query, lfirst(lc), NULL, 0);
	}
	else
		hide_in_jointree(query, (Node *) query->jointree, NULL, target_done ? target : 0);

	if (target == 0)
		return;
	if (query->commandType == CMD_MERGE)
	{
		RangeTblEntry *rte = rt_fetch(target, query->rtable);

		condition = hidden_condition(query, target);
		if (condition != NULL)
			rte->securityQuals = lappend(rte->securityQuals, condition);
	}
	else if (query->commandType == CMD_INSERT && query->onConflict != NULL &&
			 query->onConflict->arbiterElems != NIL)
	{
		/* ON CONFLICT (email) means the index over live rows; others are implied all the same */
		condition = hidden_condition(query, target);
		if (condition != NULL)
			query->onConflict->arbiterWhere = and_quals(query->onConflict->arbiterWhere, condition);
	}
}
