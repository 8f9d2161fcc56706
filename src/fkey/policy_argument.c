/*
 * policy_argument.c
 *		The policies that callers name.
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "fk_policy.h"
#include "policy_argument.h"
#include "policy_follower.h"

/* The name of a policy. */
const char *
policy_argument(FunctionCallInfo fcinfo, int n)
{
	char *policy = PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));

	/* what SQL calls it is another name of the same */
	if (policy != NULL && strcmp(policy, "restrict") == 0)
		return "protect";
	if (policy != NULL && fk_policy_named(policy) == FK_POLICY_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown value for \"policy\""),
				 errdetail("It is \"%.64s\".", policy),
				 errhint("Give 'cascade', 'protect', 'set null', or NULL for what the "
						 "catalog says.")));
	return policy;
}

/* The name of what becomes of rows whose parent is deleted softly. */
const char *
soft_delete_argument(FunctionCallInfo fcinfo, int n)
{
	char *on_soft_delete = PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));

	if (on_soft_delete != NULL && fk_soft_delete_named(on_soft_delete) == FK_SOFT_DEFAULT)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("unknown value for \"on_soft_delete\""),
						errdetail("It is \"%.64s\".", on_soft_delete),
						errhint("Give 'follow', 'keep', 'remove', 'refuse', or NULL for the "
								"default.")));
	return on_soft_delete;
}

/* Refuse 'set null' for a column that takes no NULL, or none that is given. */
static void
check_nullable(const FkEdge *edge)
{
	for (int i = 0; i < edge->nkeys; i++)
	{
		HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(edge->child),
										  Int16GetDatum(edge->child_cols[i]));
		bool not_null;
		bool generated;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for attribute %d of relation %u", edge->child_cols[i],
				 edge->child);
		not_null = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
		generated = ((Form_pg_attribute) GETSTRUCT(tuple))->attgenerated != '\0';
		ReleaseSysCache(tuple);
		if (generated)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" of \"%s\" cannot be set null",
								   get_attname(edge->child, edge->child_cols[i], false),
								   get_rel_name(edge->child)),
							errdetail("It is a generated column."),
							errhint("Give 'cascade' or 'protect'.")));
		if (not_null)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" of \"%s\" cannot be set null",
								   get_attname(edge->child, edge->child_cols[i], false),
								   get_rel_name(edge->child)),
							errdetail("It is NOT NULL."),
							errhint("Give 'cascade' or 'protect', or drop NOT NULL first.")));
	}
}

/* Refuse what the referencing table cannot do. */
void
check_policies(const FkEdge *edge, const char *policy, const char *on_soft_delete)
{
	if (policy != NULL && fk_policy_named(policy) == FKCONSTR_ACTION_SETNULL)
		check_nullable(edge);
	if (on_soft_delete != NULL && fk_soft_delete_named(on_soft_delete) == FK_SOFT_FOLLOW &&
		!fk_policies_follower()->has_soft_delete(edge->child))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows of \"%s\" cannot follow deleted rows", get_rel_name(edge->child)),
				 errdetail("The table has no soft delete."),
				 errhint("Call account.enable_soft_delete for it first, or give 'keep', 'remove' "
						 "or 'refuse'.")));
}

/* Raise unless policies may be given to references of a table. */
void
check_policy_owner(Oid child)
{
	check_application_table(child, "a reference policy");
	refuse_citus_table(child, "a reference policy",
					   "Declare ON DELETE with the foreign key: shards follow the catalog.");
	check_owner(child);
}
