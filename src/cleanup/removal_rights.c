/*
 * removal_rights.c
 *		Who may remove rows for good, and as whom it is done.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "removal_rights.h"

/*
 * Act as the owner of these tables, which are written in one statement; run: it. Where row security
 * applies to the caller its policies judge. Tables of a cycle that have several owners are written
 * as the caller, where nobody's code can run: else the statement is refused.
 */
void
removal_run_as_owner(Cleanup *cleanup, const List *relids, OneRun *run, RoleState *caller)
{
	Oid owner = relation_owner(linitial_oid(relids));
	bool under_rls = false;
	bool several = false;
	ListCell *lc;

	foreach (lc, relids)
	{
		under_rls |= cleanup_under_rls(cleanup, lfirst_oid(lc));
		several |= relation_owner(lfirst_oid(lc)) != owner;
	}
	*caller = several ? run_as_self() : run_as(owner);
	if (under_rls && !several)
		run->options.judge = caller;
}

/*
 * Raise unless rows of a table may be removed for good on behalf of who asked for it: where a
 * DELETE keeps them, its privilege is not enough. That is for the table's owner, and for whoever
 * may purge.
 */
static void
check_may_lose_rows(Cleanup *cleanup, Oid relid, bool is_target)
{
	const SoftDelete *soft = mapping_declared(relid);
	Oid purge = account_purge_function();

	if (soft == NULL || compat_object_ownercheck(RelationRelationId, relid, cleanup->remover) ||
		(OidIsValid(purge) && compat_may_execute(purge, cleanup->remover)))
		return;
	if (cleanup->as_delete && !is_target && soft->options.on_parent_delete == PARENT_DELETE_DELETE)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("rows of \"%s\" cannot be removed for good", get_rel_name(relid)),
			 errdetail("%s has soft delete: its rows are removed by its owner, and by roles "
					   "that may EXECUTE account.purge.",
					   display_relation(relid)),
			 errhint("%s", cleanup->as_delete
							   ? "Enable soft delete for the users, or, with "
								 "on_parent_delete => 'delete', let these rows go with them."
							   : "DELETE deletes them softly. To remove them, let the owner "
								 "call this, or grant EXECUTE on account.purge."),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, get_namespace_name(get_rel_namespace(relid))),
			 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(relid))));
}

/* The same for the rows of one table in the set. A partition may have soft delete for itself. */
static void
check_may_remove_for_good(Cleanup *cleanup, FkNode *node)
{
	RowSet *set = ((CleanupTable *) node->data)->set;

	if (!OidIsValid(cleanup->remover))
		return;
	check_may_lose_rows(cleanup, node->relid, node == cleanup->node);
	for (int i = 0; i < set->ntabs && mapping_declared(node->relid) == NULL; i++)
		check_may_lose_rows(cleanup, set->tabs[i], node == cleanup->node);
}

/*
 * Raise unless the caller may delete the rows of a table. Its owner deletes, so the server does not
 * ask.
 */
void
cleanup_check_delete(Cleanup *cleanup, FkNode *node)
{
	AclResult result = pg_class_aclcheck(node->relid, GetUserId(), ACL_DELETE);

	if (result != ACLCHECK_OK && !cleanup->as_owners)
		aclcheck_error(result, OBJECT_TABLE, get_rel_name(node->relid));
	check_may_remove_for_good(cleanup, node);
}

/* Raise unless the caller may set the keys that an edge sets. */
void
cleanup_check_set(const Cleanup *cleanup, const FkEdge *edge)
{
	if (cleanup->as_owners || cleanup->may_set ||
		pg_class_aclcheck(edge->child, GetUserId(), ACL_UPDATE) == ACLCHECK_OK)
		return;
	for (int i = 0; i < edge->nset; i++)
		if (pg_attribute_aclcheck(edge->child, edge->set_cols[i], GetUserId(), ACL_UPDATE) !=
			ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(edge->child));
}

/* Raise unless the caller may delete the rows that go. */
void
cleanup_check_deletions(Cleanup *cleanup)
{
	ListCell *lc;

	foreach (lc, cleanup->nodes)
		if (cleanup_set_size(lfirst(lc)) > 0)
			cleanup_check_delete(cleanup, lfirst(lc));
}

/* Raise unless the caller may do what a closed cleanup would. */
void
cleanup_check_allowed(Cleanup *cleanup)
{
	ListCell *lc;

	cleanup_check_deletions(cleanup);
	foreach (lc, cleanup->steps)
	{
		CleanupStep *step = lfirst(lc);

		if ((step->action == CLEANUP_SET_NULL || step->action == CLEANUP_SET_DEFAULT) &&
			step->rows > 0)
			cleanup_check_set(cleanup, step->edge);
	}
}
