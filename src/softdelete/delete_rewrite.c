/*
 * delete_rewrite.c
 *		A DELETE of a soft-delete table is planned as an UPDATE of its mapped columns.
 *
 * The Query comes from the rewriter: DELETE's row security policies are in it, and the permissions
 * it asks for are DELETE's. Both stay; only what is done to the rows changes. (UPDATE's policies
 * would also have brought checks of the new row; there are none, and none are wanted.)
 *
 * A MERGE that deletes is changed in its actions, unless row security applies to the caller: the
 * executor would then apply UPDATE's policies to the action. There the row trigger does the work.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "base/base.h"
#include "delete_rewrite.h"
#include "hiding.h"
#include "hierarchy.h"
#include "mapping.h"
#include "soft_delete.h"

/* Append `column = expr` to an UPDATE's target list, and the column to the set of updated ones. */
static List *
add_assignment(List *targets, Bitmapset **updated, Relation rel, AttrNumber attnum, Expr *expr)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	Expr *value;

	value =
		(Expr *) coerce_to_target_type(NULL, (Node *) expr, exprType((Node *) expr), att->atttypid,
									   att->atttypmod, COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
	if (value == NULL)
		elog(ERROR, "column \"%s\" of \"%s\" changed its type", NameStr(att->attname),
			 RelationGetRelationName(rel));
	*updated = bms_add_member(*updated, attnum - FirstLowInvalidHeapAttributeNumber);
	return lappend(targets, makeTargetEntry(value, attnum, pstrdup(NameStr(att->attname)), false));
}

/* Order target entries by column, as the rewriter leaves them. */
static int
compare_resno(const ListCell *a, const ListCell *b)
{
	return ((TargetEntry *) lfirst(a))->resno - ((TargetEntry *) lfirst(b))->resno;
}

/* The time of the transaction, as the column holds it. */
static Expr *
stamp_expression(const StampType *stamp)
{
	Expr *now = (Expr *) makeFuncExpr(F_NOW, TIMESTAMPTZOID, NIL, InvalidOid, InvalidOid,
									  COERCE_EXPLICIT_CALL);
	Const *utc;

	if (stamp->base == TIMESTAMPTZOID)
		return now;
	utc =
		makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum("UTC"), false, false);
	return (Expr *) makeFuncExpr(F_TIMEZONE_TEXT_TIMESTAMPTZ, TIMESTAMPOID, list_make2(utc, now),
								 InvalidOid, DEFAULT_COLLATION_OID, COERCE_EXPLICIT_CALL);
}

/* The target list of the UPDATE: deleted_at = now(), flag = true, deleted_by = account.actor(). */
static List *
deletion_targets(const SoftDelete *mapping, Relation rel, Bitmapset **updated)
{
	List *targets = NIL;

	targets = add_assignment(targets, updated, rel, mapping->deleted_at,
							 stamp_expression(&mapping->stamp));
	if (mapping->flag != InvalidAttrNumber)
		targets = add_assignment(targets, updated, rel, mapping->flag,
								 (Expr *) makeBoolConst(true, false));
	if (mapping->deleted_by != InvalidAttrNumber)
	{
		Oid actor = account_function("actor");

		if (!OidIsValid(actor))
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
							errmsg("function account.actor() does not exist"),
							errdetail("The objects of the extension are older than its library."),
							errhint("Run ALTER EXTENSION pgaccount UPDATE.")));
		targets = add_assignment(targets, updated, rel, mapping->deleted_by,
								 (Expr *) makeFuncExpr(actor, TEXTOID, NIL, DEFAULT_COLLATION_OID,
													   InvalidOid, COERCE_EXPLICIT_CALL));
	}
	list_sort(targets, compare_resno);
	return targets;
}

/* The soft-delete mapping of a Query's target, or NULL. Views and foreign tables have none. */
static const SoftDelete *
target_mapping(RangeTblEntry *rte)
{
	if (rte->rtekind != RTE_RELATION ||
		(rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE))
		return NULL;
	return mapping_active(rte->relid);
}

/* Both conditions, the first of which is judged first. */
static Node *
and_then(Node *first, Node *second)
{
	return second == NULL ? first : (Node *) make_and_qual(first, second);
}

/*
 * Turn the DELETE actions of a MERGE into UPDATE actions on live rows. A deleted row is left alone
 * by the action that would have deleted it: it must not fall through to the next one. That makes
 * two actions of one; whether the row is live is judged before the statement's own condition, so
 * that this is evaluated once, as a volatile one must be.
 */
static void
rewrite_merge(Query *query, RangeTblEntry *rte, const SoftDelete *mapping)
{
	Bitmapset *updated = NULL;
	List *actions = NIL;
	ListCell *lc;

	if (check_enable_rls(rte->relid, compat_check_as_user(query, rte), true) == RLS_ENABLED)
		return;
	foreach (lc, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);
		MergeAction *leave_alone;
		Relation rel;
		Node *live;

		actions = lappend(actions, action);
		if (action->commandType != CMD_DELETE)
			continue;
		live = live_condition(mapping, query->resultRelation);
		leave_alone = copyObject(action);
		leave_alone->commandType = CMD_NOTHING;
		leave_alone->qual =
			and_then((Node *) make_notclause(copyObject((Expr *) live)), leave_alone->qual);
		actions = lappend(actions, leave_alone);

		rel = table_open(rte->relid, NoLock);
		action->commandType = CMD_UPDATE;
		action->targetList = deletion_targets(mapping, rel, &updated);
		action->qual = and_then(live, action->qual);
		table_close(rel, NoLock);
	}
	query->mergeActionList = actions;
	if (updated != NULL)
		compat_add_updated_cols(query, rte, updated);
}

/*
 * Is the deletion to be left to the shards of a table of Citus, which rewrite it themselves? An
 * UPDATE that reaches a shard is judged there as one: where the caller may not update, or row
 * security applies to it, the shard must get the DELETE. (It does not know who is behind it:
 * deleted_by is the role.) In a MERGE Citus takes nothing that would be evaluated here, now() least
 * of all.
 */
static bool
left_to_shards(Query *query, RangeTblEntry *rte)
{
	Oid user = compat_check_as_user(query, rte);

	return is_citus_table(rte->relid) &&
		   (query->commandType == CMD_MERGE ||
			check_enable_rls(rte->relid, user, true) == RLS_ENABLED ||
			pg_class_aclcheck(rte->relid, OidIsValid(user) ? user : GetUserId(), ACL_UPDATE) !=
				ACLCHECK_OK);
}

/* Does a Query delete rows? */
static bool
has_deletion(Query *query)
{
	ListCell *lc;

	foreach (lc, query->mergeActionList)
		if (lfirst_node(MergeAction, lc)->commandType == CMD_DELETE)
			return true;
	return query->commandType == CMD_DELETE;
}

/*
 * Refuse to delete from a partition that is named itself where a deleted row belongs in another: an
 * UPDATE of the partition cannot move it there, and what moves it row by row would not count it.
 */
static void
refuse_move(Query *query, RangeTblEntry *rte, const SoftDelete *mapping)
{
	Relation rel;
	bool moves;

	if (!has_deletion(query) || !get_rel_relispartition(rte->relid))
		return;
	rel = table_open(rte->relid, NoLock);
	moves = decides_partition(rel, mapping);
	table_close(rel, NoLock);
	if (moves)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot delete softly from partition \"%s\" by its name",
						get_rel_name(rte->relid)),
				 errdetail("Whether a row is deleted decides in which partition it belongs."),
				 errhint("Name the partitioned table, %s, in the statement.",
						 display_relation(hierarchy_top(rte->relid)))));
}

/* Make the Query's deletions updates. True: the whole Query was a DELETE. */
bool
delete_rewrite(Query *query)
{
	RangeTblEntry *rte;
	const SoftDelete *found;
	SoftDelete mapping;
	Bitmapset *updated = NULL;
	Relation rel;
	Node *live;

	if (query->commandType != CMD_DELETE && query->commandType != CMD_MERGE)
		return false;
	rte = rt_fetch(query->resultRelation, query->rtable);
	found = target_mapping(rte);
	if (found == NULL)
		return false;
	mapping = *found;
	if (left_to_shards(query, rte))
		return false;
	refuse_move(query, rte, &mapping);

	if (query->commandType == CMD_MERGE)
	{
		rewrite_merge(query, rte, &mapping);
		return false;
	}

	rel = table_open(rte->relid, NoLock);
	query->targetList = deletion_targets(&mapping, rel, &updated);
	table_close(rel, NoLock);
	compat_add_updated_cols(query, rte, updated);
	live = live_condition(&mapping, query->resultRelation);
	query->jointree->quals = query->jointree->quals == NULL
								 ? live
								 : (Node *) make_and_qual(query->jointree->quals, live);
	query->commandType = CMD_UPDATE;
	return true;
}
