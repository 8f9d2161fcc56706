/*
 * profile_settable.c
 *		Which columns of a profile may somebody set who is not its owner: in a registration, by a
 *		grant.
 *
 * A profile says what its user is like. What makes the account is not for the asking, nor whose or
 * in which tenant the profile is: no column of a key, of a foreign key, of soft delete, none that
 * is generated, and none that belongs to the account where users and profiles are one table.
 * Columns that row security looks at, and those that go by the names of what makes the account in a
 * users table (is_superuser, is_staff, tenant_id ..., or as the mapped columns are called), are for
 * superusers to give: an application that keeps these in its profiles means the same by them.
 *
 * Row security is that of the profiles themselves for staff, who give out roles that policies of
 * other tables look at, too. Who registers has nobody's leave: there it is that of any table, as
 * for the role. What a policy looks at is known from the catalog (pg_depend); behind a function or
 * a view it is not seen.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_policy.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/base.h"
#include "softdelete/softdelete.h"
#include "column_values.h"
#include "profile_settable.h"

/* A search for a table's rows as a whole in an expression of a policy. */
typedef struct RowSearch
{
	Oid relid;
	bool is_own;   /* the policy is the table's own */
	List *queries; /* around the place, the innermost first */
} RowSearch;

/* Is the row as a whole in the expression, subqueries included? */
static bool
uses_row(Node *node, RowSearch *search)
{
	bool found;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var *var = (Var *) node;
		RangeTblEntry *rte;

		if (var->varattno != InvalidAttrNumber)
			return false;
		if ((int) var->varlevelsup >= list_length(search->queries))
			return search->is_own;
		rte = rt_fetch(var->varno, ((Query *) list_nth(search->queries, var->varlevelsup))->rtable);
		return rte->rtekind == RTE_RELATION && rte->relid == search->relid;
	}
	if (!IsA(node, Query))
		return expression_tree_walker(node, uses_row, search);
	search->queries = lcons(node, search->queries);
	found = query_tree_walker((Query *) node, uses_row, search, 0);
	search->queries = list_delete_first(search->queries);
	return found;
}

/* The same in one of the expressions of a policy. */
static bool
policy_uses_row(Relation policies, HeapTuple policy, Oid relid)
{
	static const AttrNumber expressions[] = {Anum_pg_policy_polqual, Anum_pg_policy_polwithcheck};
	RowSearch search = {relid, ((Form_pg_policy) GETSTRUCT(policy))->polrelid == relid, NIL};
	bool found = false;

	for (int i = 0; i < lengthof(expressions); i++)
	{
		bool isnull;
		Datum expression =
			heap_getattr(policy, expressions[i], RelationGetDescr(policies), &isnull);

		if (!isnull)
			found = found || uses_row(stringToNode(TextDatumGetCString(expression)), &search);
	}
	return found;
}

/* Is row security enabled for a table? */
static bool
is_under_rls(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool under_rls = false;

	if (HeapTupleIsValid(tuple))
	{
		under_rls = ((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity;
		ReleaseSysCache(tuple);
	}
	return under_rls;
}

/*
 * Does this policy, which depends on a column of a table or (0) on the table, look at the column?
 */
static bool
policy_looks_at(Oid policy, Oid relid, AttrNumber depends_on, AttrNumber attnum, bool of_any_table)
{
	Relation policies = table_open(PolicyRelationId, AccessShareLock);
	bool looks = false;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_policy_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(policy));
	scan = systable_beginscan(policies, PolicyOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Oid secures = ((Form_pg_policy) GETSTRUCT(tuple))->polrelid;

		looks = (of_any_table || secures == relid) && is_under_rls(secures) &&
				(depends_on == attnum || policy_uses_row(policies, tuple, relid));
	}
	systable_endscan(scan);
	table_close(policies, AccessShareLock);
	return looks;
}

/* Does row security, of the table itself or of any, look at a column? */
static bool
row_security_looks_at(Oid relid, AttrNumber attnum, bool of_any_table)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	bool found = false;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == PolicyRelationId &&
			(form->refobjsubid == attnum || form->refobjsubid == InvalidAttrNumber))
			found = policy_looks_at(form->objid, relid, (AttrNumber) form->refobjsubid, attnum,
									of_any_table);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

/* Does row security decide by a column, or by one that is generated from it? */
static bool
decides_row_security(Relation profiles, AttrNumber attnum, bool of_any_table)
{
	TupleDesc desc = RelationGetDescr(profiles);
	Oid relid = RelationGetRelid(profiles);

	if (row_security_looks_at(relid, attnum, of_any_table))
		return true;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		Bitmapset *made_of = NULL;

		if (column->attisdropped || !column->attgenerated)
			continue;
		pull_varattnos(build_column_default(profiles, column->attnum), 1, &made_of);
		if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, made_of) &&
			row_security_looks_at(relid, column->attnum, of_any_table))
			return true;
	}
	return false;
}

/* Does the column belong to the account, where users and profiles are one table? */
bool
profile_column_of_account(const Model *model, AttrNumber attnum)
{
	const SoftDelete *soft = mapping_declared(model->relation[MODEL_USERS]);

	if (model->relation[MODEL_PROFILES] != model->relation[MODEL_USERS])
		return false;
	for (ModelAttribute a = USERS_ID; a <= USERS_FLAG; a++)
		if (model->column[a].attnum == attnum)
			return true;
	return soft != NULL &&
		   (attnum == soft->deleted_at || attnum == soft->flag || attnum == soft->deleted_by);
}

/*
 * Is this one of the names that an attribute of users goes by, or the name of its column in users?
 */
static bool
is_named_as(const Model *model, ModelAttribute attribute, const char *name)
{
	if (model_name_fits(attribute, name))
		return true;
	return model_has(model, attribute) &&
		   strcmp(name, get_attname(model->relation[MODEL_USERS], model->column[attribute].attnum,
									false)) == 0;
}

/* Why giver may not set a column; NULL: it may. */
const char *
profile_refusal(const Model *model, const UserRecord *giver, Relation profiles,
				Form_pg_attribute column)
{
	static const ModelAttribute for_superusers[] = {USERS_PASSWORD, USERS_IS_ACTIVE, USERS_IS_STAFF,
													USERS_IS_SUPERUSER, USERS_TENANT};
	const SoftDelete *soft = mapping_declared(RelationGetRelid(profiles));
	AttrNumber attnum = column->attnum;

	if (model_has(model, PROFILES_ROLE) && attnum == model->column[PROFILES_ROLE].attnum)
		return "It holds the role, which is given by itself.";
	if (attnum == model->column[PROFILES_USER].attnum ||
		bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, constrained_columns(profiles)))
		return "It belongs to a key.";
	if (soft != NULL &&
		(attnum == soft->deleted_at || attnum == soft->flag || attnum == soft->deleted_by))
		return "It belongs to soft delete.";
	if (profile_column_of_account(model, attnum))
		return "It belongs to the account, not to the profile.";
	if (column->attgenerated || column->attidentity)
		return "It is a generated column.";
	if (giver != NULL && giver->is_superuser)
		return NULL;
	if (decides_row_security(profiles, attnum, giver == NULL))
		return "Row security looks at it: only a superuser may give it.";
	for (int i = 0; i < lengthof(for_superusers); i++)
		if (is_named_as(model, for_superusers[i], NameStr(column->attname)))
			return "Only a superuser may give it.";
	return NULL;
}
