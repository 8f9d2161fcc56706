/*
 * query_code.c
 *		Whose code a statement of ours would run.
 *
 * Which cast or operator a text means is looked up by the types of the columns, and whoever owns a
 * type makes casts of it; an operator of an extension's type is named by a schema in which others
 * may create one that fits better, such as one of a domain. The policies of a table run as whoever
 * reads it. Where that is the caller, so it is to be; but where we read tables of several owners as
 * one of them, that one has not asked for it.
 *
 * Texts name tables, and whoever owns one can give its name to another, or to a view, while we wait
 * for the lock. So whatever comes to be read that is not the acting role's own is looked at, as if
 * somebody else had written it: views are refused, and casts that nobody wrote are as those that we
 * write. Of the acting role's own tables these are left alone; see doc/security.md: foreign keys.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "cast_code.h"
#include "compat.h"
#include "identifiers.h"
#include "query_code.h"
#include "run_as.h"
#include "table_code.h"

/* What is found in a query. */
typedef struct Found
{
	bool makes_json;
	List *types;     /* of its columns */
	bool of_others;  /* it names a table of another role, no superuser's */
	List *unwritten; /* the functions of casts that nobody wrote */
} Found;

static bool check_expression(Node *node, void *context);

/* Is an operator of an operator class? These are superusers'. */
static bool
is_of_class(Oid operator_id)
{
	CatCList *members = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(operator_id));
	bool some = members->n_members > 0;

	ReleaseSysCacheList(members);
	return some;
}

/* Raise for an operator of somebody else. */
static void
check_operator(Oid operator_id)
{
	Oid owner = code_owner(get_opcode(operator_id));

	if (OidIsValid(owner) && owner != GetUserId() && !is_of_class(operator_id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("operator %s is the code of \"%s\"", format_operator(operator_id),
						GetUserNameFromId(owner, false)),
				 errdetail("It would run as \"%s\".", GetUserNameFromId(GetUserId(), false)),
				 errhint("It fits types of columns better than the operator of their keys: drop "
						 "it, and let nobody else create objects in its schema.")));
}

/* Raise for what a policy of a table calls. */
static void
refuse_policy(Oid relid, const char *what, Oid owner)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a policy of table \"%s\" calls %s, the code of \"%s\"", get_rel_name(relid),
					what, GetUserNameFromId(owner, false)),
			 errdetail("It would run as \"%s\", who owns another table that is read.",
					   GetUserNameFromId(GetUserId(), false)),
			 errhint("Let both tables have one owner, or let a superuser own the function.")));
}

/*
 * Raise for a function of a policy of the table in context, if it is somebody else's, or does what
 * the policy tells it.
 */
static bool
check_policy_function(Oid function, void *context)
{
	Oid relid = *(Oid *) context;
	Oid owner = code_owner(function);

	if (OidIsValid(owner) && owner != GetUserId())
		refuse_policy(relid, psprintf("function %s", format_procedure(function)), owner);
	if (function_does_as_told(function))
		refuse_policy(relid, psprintf("function %s", format_procedure(function)),
					  relation_owner(relid));
	return false;
}

/* The same for what a domain checks, or one that it is over. */
static void
check_policy_domain(Oid relid, Oid domain)
{
	while (get_typtype(domain) == TYPTYPE_DOMAIN)
	{
		HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(domain));
		Form_pg_type form;
		Oid owner;
		Oid base;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for type %u", domain);
		form = (Form_pg_type) GETSTRUCT(tuple);
		owner = form->typowner;
		base = form->typbasetype;
		ReleaseSysCache(tuple);
		if (owner != GetUserId() && !superuser_arg(owner) && compat_domain_has_constraints(domain))
			refuse_policy(relid, psprintf("the checks of domain %s", format_type_be(domain)),
						  owner);
		domain = base;
	}
}

/* The same for all of a policy, and of the policies of tables that it reads. */
static bool
check_policy(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_policy, context, 0);
	(void) check_functions_in_node(node, check_policy_function, context);
	if (IsA(node, CoerceToDomain))
		check_policy_domain(*(Oid *) context, ((CoerceToDomain *) node)->resulttype);
	return expression_tree_walker(node, check_policy, context);
}

/* The same for policies of a table that a statement names, unless its owner acts, or the caller. */
static void
check_policies(List *policies, Oid relid)
{
	if (policies != NIL && run_as_acts() && relation_owner(relid) != GetUserId())
		(void) check_policy((Node *) policies, &relid);
}

/*
 * Raise for a view of somebody else: we name none, but a table that has given its name to it since.
 */
static void
check_view(Oid relid)
{
	Oid owner = relation_owner(relid);

	if (owner != GetUserId() && !superuser_arg(owner))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("\"%s\" has become a view of \"%s\"", get_rel_name(relid),
							   GetUserNameFromId(owner, false)),
						errdetail("What it calls would run as \"%s\".",
								  GetUserNameFromId(GetUserId(), false)),
						errhint("Try again: then the table is found by its new name.")));
}

/* Look at what a query names. */
static void
check_relation(const RangeTblEntry *rte, Found *found)
{
	Oid owner;

	if (!OidIsValid(rte->relid))
		return;
	/* the rewriter leaves a view beside its query, or, from 16 on, with it */
	if (rte->relkind == RELKIND_VIEW)
		check_view(rte->relid);
	if (rte->rtekind != RTE_RELATION)
		return;
	check_policies(rte->securityQuals, rte->relid);
	owner = relation_owner(rte->relid);
	found->of_others |= owner != GetUserId() && !superuser_arg(owner);
}

/* Look at what a query gives, or sets columns to. */
static void
check_targets(Query *query, Found *found)
{
	(void) check_expression((Node *) query->targetList, found);
	(void) check_expression((Node *) query->returningList, found);
}

/* Look at the rest of it. */
static void
check_query(Query *query, Found *found)
{
	ListCell *lc;

	(void) check_expression((Node *) query->jointree, found);
	(void) check_expression((Node *) query->onConflict, found);
	(void) check_expression((Node *) query->cteList, found);
	(void) check_expression(query->havingQual, found);
	if (query->resultRelation > 0)
		check_policies(query->withCheckOptions,
					   rt_fetch(query->resultRelation, query->rtable)->relid);
	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		check_relation(rte, found);
		(void) check_expression((Node *) rte->subquery, found);
		(void) check_expression((Node *) rte->functions, found);
	}
}

/* Look at all of an expression. */
static bool
check_expression(Node *node, void *context)
{
	Found *found = context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Query:
			check_targets((Query *) node, found);
			check_query((Query *) node, found);
			return false;
		case T_Var:
			found->types = list_append_unique_oid(found->types, ((Var *) node)->vartype);
			break;
		case T_FuncExpr:
			if (((FuncExpr *) node)->funcformat == COERCE_EXPLICIT_CAST)
				cast_code_check(((FuncExpr *) node)->funcid);
			if (((FuncExpr *) node)->funcformat == COERCE_IMPLICIT_CAST)
				found->unwritten = lappend_oid(found->unwritten, ((FuncExpr *) node)->funcid);
			found->makes_json |= ((FuncExpr *) node)->funcid == F_TO_JSONB ||
								 ((FuncExpr *) node)->funcid == F_JSONB_BUILD_OBJECT_ANY;
			break;
		case T_OpExpr:
			check_operator(((OpExpr *) node)->opno);
			break;
		case T_ScalarArrayOpExpr:
			check_operator(((ScalarArrayOpExpr *) node)->opno);
			break;
		default:
			break;
	}
	return expression_tree_walker(node, check_expression, context);
}

/* Is there a value in an expression that was not written in it? */
static bool
takes_values(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return IsA(node, Var) || IsA(node, Param) ||
		   expression_tree_walker(node, takes_values, context);
}

/* Raise for a cast of somebody else that nobody wrote. */
static bool
check_assignment(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcformat == COERCE_IMPLICIT_CAST)
		cast_code_check(((FuncExpr *) node)->funcid);
	return expression_tree_walker(node, check_assignment, context);
}

/*
 * The same of the values that a statement is given, or reads, and assigns to columns. Whoever owns
 * their type chose the cast; what a default casts is its owner's.
 */
static void
check_assignments(Query *query)
{
	ListCell *lc;

	if (query->commandType != CMD_INSERT && query->commandType != CMD_UPDATE)
		return;
	foreach (lc, query->targetList)
		if (takes_values((Node *) lfirst_node(TargetEntry, lc)->expr, NULL))
			(void) check_assignment((Node *) lfirst_node(TargetEntry, lc)->expr, NULL);
}

/* Raise for what was found that depends on the rest. */
static void
check_found(const Found *found)
{
	ListCell *lc;

	if (found->of_others)
		foreach (lc, found->unwritten)
			cast_code_check(lfirst_oid(lc));
	if (found->makes_json)
		foreach (lc, found->types)
			cast_code_check_json(lfirst_oid(lc));
}

/* Look at a statement of ours; see the header. */
void
query_code_check(Query *query, bool judged)
{
	Found found = {0};

	if (!judged)
	{
		check_targets(query, &found);
		check_assignments(query);
	}
	check_query(query, &found);
	check_found(&found);
}

/* Look at what it sets columns to, and evaluate what is constant in it. */
void
query_code_settle(Query *query)
{
	Found found = {0};

	check_targets(query, &found);
	check_assignments(query);
	check_found(&found);
	query->targetList = (List *) eval_const_expressions(NULL, (Node *) query->targetList);
	query->returningList = (List *) eval_const_expressions(NULL, (Node *) query->returningList);
}
