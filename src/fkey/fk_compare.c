/*
 * fk_compare.c
 *		Keys of rows, compared as the check of a reference would.
 *
 * The columns of a reference need not have the types that its operator takes: they are cast, by a
 * function or by their text. That is somebody's code, and runs as the owner of the referenced
 * table, as in the server's own check.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "base/base.h"
#include "fk_compare.h"

/* How values of a column become those of a type. */
static FkCast
prepare_cast(const FkEdge *edge, Oid relid, AttrNumber attnum, Oid to)
{
	CaseTestExpr *value = makeNode(CaseTestExpr);
	FkCast cast = {.owner = relation_owner(edge->parent)};
	RoleState caller;
	Node *expression;

	get_atttypetypmodcoll(relid, attnum, &value->typeId, &value->typeMod, &value->collation);
	expression = coerce_to_target_type(NULL, (Node *) value, value->typeId, to, -1,
									   COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
	get_typlenbyval(expression == NULL ? value->typeId : exprType(expression), &cast.len,
					&cast.byval);
	if (expression == NULL || expression == (Node *) value)
		return cast;
	cast.econtext = CreateStandaloneExprContext();
	caller = run_as(cast.owner);
	cast.expression = ExecInitExpr(expression_planner((Expr *) expression), NULL);
	run_as_end(caller);
	return cast;
}

/* Cast a value, in memory that the next cast uses again. */
static Datum
cast_value(FkCast *cast, Datum value)
{
	RoleState caller;
	bool isnull;

	if (cast->expression == NULL)
		return value;
	ResetExprContext(cast->econtext);
	cast->econtext->caseValue_datum = value;
	cast->econtext->caseValue_isNull = false;
	caller = run_as(cast->owner);
	value = ExecEvalExprSwitchContext(cast->expression, cast->econtext, &isnull);
	run_as_end(caller);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the cast of a key made it NULL"),
				 errdetail("A referential check could not compare it either."),
				 errhint("Mend the function of the cast.")));
	return value;
}

/* Prepare to compare the keys of an edge. */
FkComparison *
fk_comparison(const FkEdge *edge)
{
	FkComparison *comparison = palloc0(sizeof(FkComparison));

	for (int i = 0; i < edge->nkeys; i++)
	{
		int32 typmod;
		Oid type;
		Oid left;
		Oid right;

		fmgr_info(get_opcode(edge->equality[i]), &comparison->equality[i]);
		get_atttypetypmodcoll(edge->parent, edge->parent_cols[i], &type, &typmod,
							  &comparison->collations[i]);
		op_input_types(edge->equality[i], &left, &right);
		comparison->parent_casts[i] = prepare_cast(edge, edge->parent, edge->parent_cols[i], left);
		comparison->child_casts[i] = prepare_cast(edge, edge->child, edge->child_cols[i], right);
	}
	return comparison;
}

/* A value of the parent's key. */
Datum
fk_parent_value(FkComparison *comparison, int i, Datum value)
{
	FkCast *cast = &comparison->parent_casts[i];

	return datumCopy(cast_value(cast, value), cast->byval, cast->len);
}

/* Is it the child's? */
bool
fk_equal(FkComparison *comparison, int i, Datum parent, Datum child)
{
	return DatumGetBool(FunctionCall2Coll(&comparison->equality[i], comparison->collations[i],
										  parent, cast_value(&comparison->child_casts[i], child)));
}
