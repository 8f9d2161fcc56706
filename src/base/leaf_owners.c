/*
 * leaf_owners.c
 *		Partitions, and tables that inherit, whose owner is another than that of what a statement
 *		names.
 *
 * A statement about the parent would run their triggers and checks as the owner of the parent. So
 * it is run once for each owner, over the tables of that owner. One that writes several tables at
 * once, of a cycle, is refused.
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
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
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

/*
 * May a write of this table, in a statement about its parent, run code that is its owner's own, not
 * its parent's?
 */
static bool
has_own_code(Relation rel)
{
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	TriggerDesc *triggers = CopyTriggerDesc(rel->trigdesc);
	ListCell *lc;

	if ((constr != NULL && constr->num_check > 0 && has_own_check(RelationGetRelid(rel))) ||
		has_own_generated(rel))
		return true;
	if (has_key_expressions(RelationGetRelid(rel)))
		return true;
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (!triggers->triggers[i].tgisinternal && !triggers->triggers[i].tgisclone &&
			get_func_namespace(triggers->triggers[i].tgfoid) != account_schema())
			return true;
	foreach (lc, RelationGetIndexList(rel))
		if (!get_rel_relispartition(lfirst_oid(lc)) && index_has_code(lfirst_oid(lc)))
			return true;
	return false;
}

/*
 * Refuse a partition that has code of its own owner's and of its parent's: one would run as the
 * owner of the other.
 */
static void
refuse_mixed(Oid relid)
{
	Relation rel = table_open(relid, NoLock);
	TriggerDesc *triggers = CopyTriggerDesc(rel->trigdesc);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgisclone && !trigger->tgisinternal &&
			get_func_namespace(trigger->tgfoid) != account_schema())
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("partition \"%s\" belongs to another role than its parent",
							RelationGetRelationName(rel)),
					 errdetail("The parent's trigger \"%s\" would run as \"%s\".", trigger->tgname,
							   GetUserNameFromId(rel->rd_rel->relowner, false)),
					 errhint("Give the partition the owner of its parent.")));
	}
	table_close(rel, NoLock);
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

/* Refuse to route rows to partitions of another owner. */
static void
check_routing(Oid root)
{
	ListCell *lc;

	/* as many locks as there are partitions would be too many for an INSERT of one row */
	foreach (lc, find_all_inheritors(root, NoLock, NULL))
		if (is_foreign(lfirst_oid(lc)))
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("partition \"%s\" belongs to another role than \"%s\"",
								   get_rel_name(lfirst_oid(lc)), get_rel_name(root)),
							errdetail("Its triggers, checks or indexes would run as \"%s\".",
									  GetUserNameFromId(GetUserId(), false)),
							errhint("Give the partition the owner of its table.")));
}

/* The tables of other owners that a statement may write; see the header. */
List *
leaf_owners_find(PlannedStmt *stmt)
{
	List *found = NIL;
	ListCell *lc;

	foreach (lc, compat_result_relations(stmt))
	{
		RangeTblEntry *rte = rt_fetch(lfirst_int(lc), stmt->rtable);

		if (stmt->commandType == CMD_INSERT && rte->relkind == RELKIND_PARTITIONED_TABLE)
			check_routing(rte->relid);
		else if (is_foreign(rte->relid))
		{
			refuse_mixed(rte->relid);
			found = lappend_oid(found, rte->relid);
		}
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

/* Restrict a statement to rows of some tables. */
void
leaf_owners_restrict(Query *query, List *tables, bool others)
{
	Datum *oids = palloc(list_length(tables) * sizeof(Datum));
	ScalarArrayOpExpr *among = makeNode(ScalarArrayOpExpr);
	Node *condition = (Node *) among;
	ListCell *lc;

	foreach (lc, tables)
		oids[foreach_current_index(lc)] = ObjectIdGetDatum(lfirst_oid(lc));
	among->opno = lookup_type_cache(OIDOID, TYPECACHE_EQ_OPR)->eq_opr;
	among->opfuncid = get_opcode(among->opno);
	among->useOr = true;
	among->args = list_make2(
		makeVar(query->resultRelation, TableOidAttributeNumber, OIDOID, -1, InvalidOid, 0),
		makeConst(OIDARRAYOID, -1, InvalidOid, -1,
				  PointerGetDatum(construct_array(oids, list_length(tables), OIDOID, sizeof(Oid),
												  true, TYPALIGN_INT)),
				  false, false));
	if (others)
		condition = (Node *) makeBoolExpr(NOT_EXPR, list_make1(among), -1);
	query->jointree->quals = make_and_qual(query->jointree->quals, condition);
}
