/*
 * cast_code.c
 *		Whose code a cast is.
 *
 * Whoever owns a type makes casts of it, to types of the server too, and the cast's function runs
 * as whoever casts. So before a statement of ours casts a value of a type that somebody else has
 * chosen, it is asked whose function that is.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "cast_code.h"
#include "identifiers.h"
#include "run_as.h"

/* The owner of a function; InvalidOid: a superuser, whom everybody trusts. */
static Oid
distrusted_owner(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return superuser_arg(owner) ? InvalidOid : owner;
}

/* Whose code it is; see the header. */
Oid
cast_code_owner(Oid from, Oid to, CoercionContext context)
{
	Oid function;

	for (;;)
	{
		from = getBaseType(from);
		to = getBaseType(to);
		if (from == to || IsPolymorphicType(to) || IsBinaryCoercible(from, to))
			return InvalidOid;
		switch (find_coercion_pathway(to, from, context, &function))
		{
			case COERCION_PATH_FUNC:
				return distrusted_owner(function);
			case COERCION_PATH_ARRAYCOERCE:
				from = get_element_type(from);
				to = get_element_type(to);
				break;
			default:
				return InvalidOid;
		}
	}
}

/* Raise for a function of somebody else. */
static void
check_owner_of(Oid function)
{
	Oid owner = distrusted_owner(function);

	if (OidIsValid(owner) && owner != GetUserId())
		ereport(ERROR, (errcode(ERRCODE_CANNOT_COERCE),
						errmsg("function %s of a cast is the code of \"%s\"",
							   format_procedure(function), GetUserNameFromId(owner, false)),
						errdetail("It would run as \"%s\".", GetUserNameFromId(GetUserId(), false)),
						errhint("Let both have one owner, or give the column another type.")));
}

/* A value as text; see the header. */
text *
cast_code_text(Oid relid, Oid type, Oid collation, Datum value)
{
	Oid function;
	bool is_varlena;
	RoleState saved;
	text *result;

	type = getBaseType(type);
	if (type == TEXTOID || type == VARCHAROID)
		return DatumGetTextPP(value);
	if (find_coercion_pathway(TEXTOID, type, COERCION_EXPLICIT, &function) != COERCION_PATH_FUNC)
	{
		getTypeOutputInfo(type, &function, &is_varlena);
		return cstring_to_text(OidOutputFunctionCall(function, value));
	}
	if (!OidIsValid(distrusted_owner(function)))
		return DatumGetTextPP(OidFunctionCall1Coll(function, collation, value));
	saved = run_as(relation_owner(relid));
	check_owner_of(function);
	result = DatumGetTextPP(OidFunctionCall1Coll(function, collation, value));
	run_as_end(saved);
	return result;
}

static bool check_expression(Node *node, void *context);

/* The same for all casts of a query, but for those of policies, which are their table's. */
static void
check_query(Query *query)
{
	ListCell *lc;

	(void) check_expression((Node *) query->targetList, NULL);
	(void) check_expression((Node *) query->jointree, NULL);
	(void) check_expression((Node *) query->onConflict, NULL);
	(void) check_expression((Node *) query->returningList, NULL);
	(void) check_expression((Node *) query->cteList, NULL);
	(void) check_expression(query->havingQual, NULL);
	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		(void) check_expression((Node *) rte->subquery, NULL);
		(void) check_expression((Node *) rte->functions, NULL);
	}
}

/* The same for all of an expression. */
static bool
check_expression(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		check_query((Query *) node);
		return false;
	}
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcformat == COERCE_EXPLICIT_CAST)
		check_owner_of(((FuncExpr *) node)->funcid);
	return expression_tree_walker(node, check_expression, context);
}

/* Whoever's code a query runs; see the header. */
void
cast_code_check(Query *query)
{
	check_query(query);
}
