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
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "cast_code.h"

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
static bool
check_owner_of(Oid function, void *context)
{
	Oid owner = distrusted_owner(function);

	if (OidIsValid(owner) && owner != GetUserId())
		ereport(ERROR, (errcode(ERRCODE_CANNOT_COERCE),
						errmsg("function %s of the cast is the code of \"%s\"",
							   format_procedure(function), GetUserNameFromId(owner, false)),
						errdetail("It would run as \"%s\".", GetUserNameFromId(GetUserId(), false)),
						errhint("Cast the value where it is given.")));
	return false;
}

/* The same for all that is in an expression. */
static bool
check_expression(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_expression, context, 0);
	(void) check_functions_in_node(node, check_owner_of, context);
	return expression_tree_walker(node, check_expression, context);
}

/* Whoever's code a query runs; see the header. */
void
cast_code_check(Query *query)
{
	(void) check_expression((Node *) query, NULL);
}
