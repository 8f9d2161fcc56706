/*
 * leaf_owners.c
 *		Partitions, and tables that inherit, whose owner is another than that of what a statement
 *		names.
 *
 * A statement about the parent would run their triggers and checks as the owner of the parent. So
 * it is run once for each owner, over the tables of that owner. One that writes several tables at
 * once, of a cycle, is refused, and so is one that may move rows to a partition of somebody else:
 * then triggers of both would run.
 *
 * Code comes down, too: partitions have the row triggers, checks and indexes of the tables above
 * them, each of which may have an owner of its own.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_constraint.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "identifiers.h"
#include "leaf_owners.h"
#include "table_code.h"
#include "version.h"

/* Has a table a CHECK of its own, that it does not inherit? */
static bool
has_own_check(Oid relid)
{
	Relation constraints = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool found = false;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(constraints, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		found = form->contype == CONSTRAINT_CHECK && form->coninhcount == 0;
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	return found;
}

/* Is a partitioned table's key, or that of one that a partition is in, made of expressions? */
static bool
has_key_expressions(Oid relid)
{
	List *tables =
		lcons_oid(relid, get_rel_relispartition(relid) ? get_partition_ancestors(relid) : NIL);
	bool found = false;
	ListCell *lc;

	foreach (lc, tables)
	{
		HeapTuple tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		found |= relation_owner(lfirst_oid(lc)) != GetUserId() &&
				 !heap_attisnull(tuple, Anum_pg_partitioned_table_partexprs, NULL);
		ReleaseSysCache(tuple);
	}
	return found;
}

/* Does the key of a partitioned table call functions? */
static bool
key_calls_code(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(relid));
	bool isnull = true;
	bool found = false;
	Datum expressions;

	if (!HeapTupleIsValid(tuple))
		return false;
	expressions = SysCacheGetAttr(PARTRELID, tuple, Anum_pg_partitioned_table_partexprs, &isnull);
	if (!isnull)
		found = expression_calls_code(stringToNode(TextDatumGetCString(expressions)));
	ReleaseSysCache(tuple);
	return found;
}

/* The stored expression of a generated column, or NULL. */
static Node *
generated_expression(Relation rel, const char *column)
{
	TupleConstr *constr = RelationGetDescr(rel)->constr;

	for (int i = 0; constr != NULL && i < constr->num_defval; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), constr->defval[i].adnum - 1);

		if (attr->attgenerated == ATTRIBUTE_GENERATED_STORED &&
			strcmp(NameStr(attr->attname), column) == 0)
			return stringToNode(constr->defval[i].adbin);
	}
	return NULL;
}

/* Are all generated columns of a partition computed as they are above it? */
static bool
generates_as(Relation rel, Relation parent)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		Node *expression;

		if (attr->attisdropped || attr->attgenerated != ATTRIBUTE_GENERATED_STORED)
			continue;
		expression = generated_expression(parent, NameStr(attr->attname));
		if (expression == NULL ||
			!equal(linitial(map_partition_varattnos(list_make1(expression), 1, rel, parent)),
				   generated_expression(rel, NameStr(attr->attname))))
			return false;
	}
	return true;
}

/*
 * Has a table a generated column that no ancestor of the present user's computes so? From 16 on it
 * may have.
 */
static bool
has_own_generated(Relation rel)
{
	ListCell *lc;

	if (!compat_own_generated || RelationGetDescr(rel)->constr == NULL ||
		!RelationGetDescr(rel)->constr->has_generated_stored)
		return false;
	if (!rel->rd_rel->relispartition)
		return true;
	foreach (lc, get_partition_ancestors(RelationGetRelid(rel)))
	{
		Relation parent;
		bool same;

		if (relation_owner(lfirst_oid(lc)) != GetUserId())
			continue;
		parent = table_open(lfirst_oid(lc), AccessShareLock);
		same = generates_as(rel, parent);
		table_close(parent, AccessShareLock);
		if (same)
			return false;
	}
	return true;
}

/* Has a table a trigger that was made for it, which is none of ours? row: one for each row. */
static bool
has_own_trigger(Relation rel, bool row)
{
	TriggerDesc *triggers = CopyTriggerDesc(rel->trigdesc);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (!trigger->tgisinternal && !trigger->tgisclone &&
			(!row || TRIGGER_FOR_ROW(trigger->tgtype)) &&
			get_func_namespace(trigger->tgfoid) != account_schema())
			return true;
	}
	return false;
}

/* Has it an index that was made for it and runs functions? any: or has a condition at all. */
static bool
has_own_index_code(Relation rel, bool any)
{
	bool found = false;
	ListCell *lc;

	foreach (lc, RelationGetIndexList(rel))
		if (!get_rel_relispartition(lfirst_oid(lc)))
			found |= any ? index_has_code(lfirst_oid(lc)) : index_calls_code(lfirst_oid(lc));
	return found;
}

/*
 * May a write of this table, in a statement about its parent, run code that is its owner's own, not
 * its parent's?
 */
static bool
has_own_code(Relation rel)
{
	TupleConstr *constr = RelationGetDescr(rel)->constr;

	return (constr != NULL && constr->num_check > 0 && has_own_check(RelationGetRelid(rel))) ||
		   has_own_generated(rel) || has_key_expressions(RelationGetRelid(rel)) ||
		   has_own_trigger(rel, false) || has_own_index_code(rel, true);
}

/* Has a partitioned table code of its own that its partitions have from it? */
static bool
hands_code_down(Oid relid)
{
	Relation rel = table_open(relid, AccessShareLock);
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	bool found = has_own_trigger(rel, true) || has_own_index_code(rel, false);

	for (int i = 0; !found && constr != NULL && i < constr->num_check; i++)
		found = expression_calls_code(stringToNode(constr->check[i].ccbin)) && has_own_check(relid);
	for (int i = 0; !found && constr != NULL && i < constr->num_defval; i++)
		found = TupleDescAttr(RelationGetDescr(rel), constr->defval[i].adnum - 1)->attgenerated ==
					ATTRIBUTE_GENERATED_STORED &&
				expression_calls_code(stringToNode(constr->defval[i].adbin));
	table_close(rel, AccessShareLock);
	return found || key_calls_code(relid);
}

/* Does a table belong to somebody else, and have code of its own? */
static bool
is_foreign(Oid relid)
{
	Relation rel;
	bool result;

	/* a partition may be dropped at this moment */
	if (get_rel_relkind(relid) == '\0' || relation_owner(relid) == GetUserId())
		return false;
	rel = table_open(relid, AccessShareLock);
	result = has_own_code(rel);
	table_close(rel, AccessShareLock);
	return result;
}

/* Refuse to write a table where code of another would run as the present user. */
static void
refuse_code_of(Oid relid, Oid other, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("partition \"%s\" belongs to another role than \"%s\"",
						   get_rel_name(relid), get_rel_name(other)),
					errdetail("Its triggers, checks or indexes would run as \"%s\".",
							  GetUserNameFromId(GetUserId(), false)),
					errhint("%s", hint)));
}

/* Refuse to route rows to partitions of another owner. */
static void
check_routing(Oid root)
{
	ListCell *lc;

	/* as many locks as there are partitions would be too many for an INSERT of one row */
	foreach (lc, find_all_inheritors(root, NoLock, NULL))
		if (is_foreign(lfirst_oid(lc)))
			refuse_code_of(lfirst_oid(lc), root, "Give the partition the owner of its table.");
	if (!get_rel_relispartition(root))
		return;
	foreach (lc, get_partition_ancestors(root))
		if (relation_owner(lfirst_oid(lc)) != GetUserId() && hands_code_down(lfirst_oid(lc)))
			refuse_code_of(root, lfirst_oid(lc), "Give the partition the owner of its table.");
}

/* May an UPDATE give a row of this table values that belong into another partition? */
static bool
decides_partition(Oid relid, const List *columns)
{
	Relation rel = table_open(relid, NoLock);
	Bitmapset *deciding = NULL;
	bool found = false;
	ListCell *lc;

	pull_varattnos((Node *) RelationGetPartitionQual(rel), 1, &deciding);
	table_close(rel, NoLock);
	foreach (lc, columns)
		found |= bms_is_member(lfirst_int(lc) - FirstLowInvalidHeapAttributeNumber, deciding);
	return found;
}

/*
 * Refuse an UPDATE that may move rows, by what it sets, where there are partitions of another owner
 * that they may come into.
 */
static void
check_moves(const PlannedStmt *stmt, const Plan *plan)
{
	const ModifyTable *node = (const ModifyTable *) plan;
	ListCell *target;
	ListCell *columns;

	if (plan == NULL || !IsA(plan, ModifyTable) || node->operation != CMD_UPDATE ||
		node->rootRelation == 0)
		return;
	forboth (target, node->resultRelations, columns, node->updateColnosLists)
	{
		Oid relid = rt_fetch(lfirst_int(target), stmt->rtable)->relid;

		if (get_rel_relispartition(relid) && decides_partition(relid, lfirst(columns)))
		{
			check_routing(rt_fetch(node->rootRelation, stmt->rtable)->relid);
			return;
		}
	}
}

/*
 * The tables above those that a statement writes which hand code down to them, where not all have
 * one owner, the present user.
 */
static List *
code_above(PlannedStmt *stmt)
{
	List *tables = NIL;
	List *found = NIL;
	bool others = false;
	ListCell *lc;

	foreach (lc, stmt->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_PARTITIONED_TABLE &&
			rte->rellockmode == RowExclusiveLock)
			tables = list_append_unique_oid(tables, rte->relid);
	}
	foreach (lc, compat_result_relations(stmt))
	{
		const RangeTblEntry *rte = rt_fetch(lfirst_int(lc), stmt->rtable);

		others |= relation_owner(rte->relid) != GetUserId();
		if (tables == NIL && get_rel_relispartition(rte->relid))
			tables = list_copy(get_partition_ancestors(rte->relid));
	}
	foreach (lc, tables)
	{
		if (get_rel_relispartition(lfirst_oid(lc)))
			tables = list_concat_unique_oid(tables, get_partition_ancestors(lfirst_oid(lc)));
		others |= relation_owner(lfirst_oid(lc)) != GetUserId();
	}
	if (!others)
		return NIL;
	foreach (lc, tables)
		if (hands_code_down(lfirst_oid(lc)))
			found = lappend_oid(found, lfirst_oid(lc));
	return found;
}

/* A table that hands code down to this one, and is not the role's own; InvalidOid: none. */
static Oid
code_of_another(Oid relid, const List *above, Oid role)
{
	List *ancestors;
	ListCell *lc;

	if (above == NIL || !get_rel_relispartition(relid))
		return InvalidOid;
	ancestors = get_partition_ancestors(relid);
	foreach (lc, above)
		if (relation_owner(lfirst_oid(lc)) != role && list_member_oid(ancestors, lfirst_oid(lc)))
			return lfirst_oid(lc);
	return InvalidOid;
}

/* Refuse a table that has code of another than the role as which it is written. */
static void
refuse_mixed(Oid relid, const List *above, Oid role)
{
	Oid other = code_of_another(relid, above, role);

	if (OidIsValid(other))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("partition \"%s\" belongs to another role than \"%s\"",
							   get_rel_name(relid), get_rel_name(other)),
						errdetail("Triggers, checks or indexes of \"%s\" would run as \"%s\".",
								  get_rel_name(other), GetUserNameFromId(role, false)),
						errhint("Give the partition the owner of its parent.")));
}

/* The tables of other owners that a statement may write; see the header. */
List *
leaf_owners_find(PlannedStmt *stmt)
{
	List *above = code_above(stmt);
	List *found = NIL;
	ListCell *lc;

	check_moves(stmt, stmt->planTree);
	foreach (lc, stmt->subplans)
		check_moves(stmt, lfirst(lc));
	foreach (lc, compat_result_relations(stmt))
	{
		RangeTblEntry *rte = rt_fetch(lfirst_int(lc), stmt->rtable);

		if (stmt->commandType == CMD_INSERT && rte->relkind == RELKIND_PARTITIONED_TABLE)
			check_routing(rte->relid);
		else if (is_foreign(rte->relid) ||
				 (relation_owner(rte->relid) != GetUserId() &&
				  OidIsValid(code_of_another(rte->relid, above, GetUserId()))))
		{
			refuse_mixed(rte->relid, above, relation_owner(rte->relid));
			found = lappend_oid(found, rte->relid);
		}
		else
			refuse_mixed(rte->relid, above, GetUserId());
	}
	if (found != NIL && stmt->hasModifyingCTE)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("tables of several owners have to be written in one statement"),
						errdetail("The triggers of \"%s\" would run as \"%s\".",
								  get_rel_name(linitial_oid(found)),
								  GetUserNameFromId(GetUserId(), false)),
						errhint("Give tables that reference each other in a cycle one owner, or "
								"drop their triggers.")));
	return found;
}

/*
 * Refuse to set columns of partitions, as their owner, to what functions give that the owner of the
 * whole has chosen: its defaults.
 */
static void
check_values(const Query *query, Oid part)
{
	Oid whole = rt_fetch(query->resultRelation, query->rtable)->relid;
	ListCell *lc;

	foreach (lc, query->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);

		if (!target->resjunk && expression_calls_functions((Node *) target->expr))
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("partition \"%s\" belongs to another role than \"%s\"",
								   get_rel_name(part), get_rel_name(whole)),
							errdetail("The default of column \"%s\" of \"%s\" would run as \"%s\".",
									  get_attname(whole, target->resno, false), get_rel_name(whole),
									  GetUserNameFromId(relation_owner(part), false)),
							errhint("Give the partition the owner of its table.")));
	}
}

/* Restrict a statement to rows of some tables. */
void
leaf_owners_restrict(Query *query, List *tables, bool others)
{
	ScalarArrayOpExpr *among = makeNode(ScalarArrayOpExpr);
	Node *condition = (Node *) among;

	if (!others)
		check_values(query, linitial_oid(tables));
	among->opno = lookup_type_cache(OIDOID, TYPECACHE_EQ_OPR)->eq_opr;
	among->opfuncid = get_opcode(among->opno);
	among->useOr = true;
	among->args = list_make2(
		makeVar(query->resultRelation, TableOidAttributeNumber, OIDOID, -1, InvalidOid, 0),
		makeConst(OIDARRAYOID, -1, InvalidOid, -1, oid_array(tables), false, false));
	if (others)
		condition = (Node *) makeBoolExpr(NOT_EXPR, list_make1(among), -1);
	query->jointree->quals = make_and_qual(query->jointree->quals, condition);
}
